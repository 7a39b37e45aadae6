"""Results that every client can read.

A result carries its facts twice, as text and as structure, because many clients hand
on only one of the two. As text they are JSON within JSON, so that each quote and each
newline of the output is escaped twice. Together they must stay below what clients
take: the official Python client refuses a server-sent event above 1 MiB, and a result
is one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

__all__ = ["MAX_RESULT_BYTES", "fitted", "result_bytes"]

MAX_RESULT_BYTES: Final = 1_000_000
"""Of both together; what is around them has the rest of the mebibyte."""
_NEXT_TRY: Final = 0.95
"""What is left out is counted in words that take room as well."""


def result_bytes(facts: dict[str, Any]) -> int:
    """What facts take in a result, as text and as structure."""
    structured = msgspec.json.encode(facts)
    return len(structured) + len(msgspec.json.encode(structured.decode()))


def fitted(
    make: Callable[[int], dict[str, Any]],
    most_encoded_bytes: int,
    limit_bytes: int = MAX_RESULT_BYTES,
) -> dict[str, Any]:
    """Facts that fit into a result.

    Args:
        make: Makes them, with at most so many bytes of JSON for one stream of output.
        most_encoded_bytes: To begin with.
        limit_bytes: What ``result_bytes`` may be; the rest of the facts must fit.
    """
    facts = make(most_encoded_bytes)
    size = result_bytes(facts)
    streams = [len(msgspec.json.encode(facts[name])) for name in ("stdout", "stderr")]
    most = min(most_encoded_bytes, max(streams))
    while most and size > limit_bytes:
        most = int(most * _NEXT_TRY * limit_bytes / size)
        facts = make(most)
        size = result_bytes(facts)
    return facts
