"""The schemas in the suite's program are found, each of its own revision."""

from __future__ import annotations

import pytest
from jsonschema.validators import validator_for

from tests.conformance.schemas import REVISIONS, Json, schema

pytestmark = pytest.mark.conformance


def definitions(revision: str) -> Json:
    found = schema(revision)
    named: Json = found["$defs" if "$defs" in found else "definitions"]
    return named


@pytest.mark.parametrize("revision", REVISIONS)
def test_each_is_a_schema(revision: str) -> None:
    found = schema(revision)
    validator_for(found).check_schema(found)
    assert "CallToolResult" in definitions(revision)


def test_each_is_of_its_own_revision() -> None:
    """What tells each from the one before it: a definition that is new."""
    news = ("AudioContent", "ElicitRequest", "Icon", "DiscoverResult")
    known = [[name in definitions(one) for name in news] for one in REVISIONS]
    assert known == [[place <= row for place in range(4)] for row in range(4)]
