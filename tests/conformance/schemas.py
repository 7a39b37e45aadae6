"""The protocol's own JSON Schemas, as the conformance suite brings them along.

It has four of the five revisions, and none of 2024-11-05. In those of 2025-06-18 and
2025-11-25 NumberSchema wants integers, where the specification says numbers; the suite
forgives that.
"""

from __future__ import annotations

import functools
import json
import subprocess
from typing import Any, Final

import pytest

from tests.conformance.packages import HERE, NoSuiteError, installed

__all__ = ["REVISIONS", "schema"]

REVISIONS: Final = ("2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28")
READ_SECONDS: Final = 30.0

Json = dict[str, Any]


def schema(revision: str) -> Json:
    """The schema of a revision, one of ``REVISIONS``; the test is skipped without one.

    Its definitions are in ``$defs`` from 2025-11-25 on, and in ``definitions`` before.
    """
    try:
        return _schemas()[revision]
    except NoSuiteError as reason:
        pytest.skip(str(reason))


@functools.cache
def _schemas() -> dict[str, Json]:
    packages = installed()
    done = subprocess.run(
        [packages.node, HERE / "schemas.mjs", packages.program],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=READ_SECONDS,
        check=True,
    )
    schemas: dict[str, Json] = json.loads(done.stdout)
    return schemas
