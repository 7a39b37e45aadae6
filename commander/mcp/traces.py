"""Trace context: which trace of somebody else's a request belongs to.

W3C Trace Context (https://www.w3.org/TR/trace-context/), carried by HTTP headers or by
members of ``params._meta`` with the same names. What is malformed is ignored, as the
recommendation has it: a trace that is lost must not cost a command.

``_meta`` wins over the headers. It is the client's own span that made this very call,
where headers are of the hop: a gateway may have put its own there, and a batch has one
set for all. A request takes both members from one place; they belong together.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from commander.commands import Trace
from commander.mcp.headers import Headers
from commander.mcp.jsonrpc import Request

__all__ = ["MOST_STATE_CHARACTERS", "header_trace", "meta_trace"]

PARENT: Final = "traceparent"
STATE: Final = "tracestate"

MOST_STATE_CHARACTERS: Final = 512
"""Of a ``tracestate``: what everybody should pass on at least (section 3.3.1.5). A
longer one is left out."""
_MOST_MEMBERS: Final = 32
_MOST_PARENT_CHARACTERS: Final = 256
"""Of a ``traceparent`` of a later version, which may be longer than the 55 of ours."""
_PARENT: Final = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace_id>[0-9a-f]{32})-(?P<parent_id>[0-9a-f]{16})"
    r"-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)
_KEY: Final = r"[a-z0-9][a-z0-9_*/-]{0,255}(?:@[a-z][a-z0-9_*/-]{0,13})?"
_MEMBER: Final = re.compile(
    rf"(?P<key>{_KEY})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{{0,255}}"
    r"[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
)
_SAMPLED: Final = 1


def meta_trace(request: Request) -> Trace | None:
    """The trace that a request's ``_meta`` names, if it names one."""
    meta = request.params.get("_meta")
    if not isinstance(meta, dict):
        return None
    parent, state = meta.get(PARENT), meta.get(STATE)
    if not isinstance(parent, str):
        return None
    return _trace(parent, [state] if isinstance(state, str) else [])


def header_trace(headers: Headers | None) -> Trace | None:
    """The trace that the headers name, if they name one."""
    if headers is None:
        return None
    parents = headers.values(PARENT)
    if len(parents) != 1:
        return None
    return _trace(parents[0], headers.values(STATE))


def _trace(parent: str, states: Sequence[str]) -> Trace | None:
    found = _PARENT.fullmatch(parent[: _MOST_PARENT_CHARACTERS + 1])
    if found is None or len(parent) > _MOST_PARENT_CHARACTERS:
        return None
    version, trace_id, parent_id, flags = found.group(
        "version", "trace_id", "parent_id", "flags"
    )
    if version == "ff" or not trace_id.strip("0") or not parent_id.strip("0"):
        return None
    if version == "00":
        if found["more"] is not None:
            return None
    else:
        # Passed on as the version that we know, with what is known of it (section 4.3).
        flags = f"{int(flags, 16) & _SAMPLED:02x}"
    return Trace(
        trace_id=trace_id,
        parent=f"00-{trace_id}-{parent_id}-{flags}",
        state=_state(",".join(states)),
    )


def _state(text: str) -> str:
    """A ``tracestate`` without its blanks; empty if it is malformed or too long."""
    if len(text) > 2 * MOST_STATE_CHARACTERS:
        return ""
    members = [member for part in text.split(",") if (member := part.strip(" \t"))]
    matches = [_MEMBER.fullmatch(member) for member in members]
    keys = {found["key"] for found in matches if found is not None}
    joined = ",".join(members)
    if len(keys) < len(members) or len(members) > _MOST_MEMBERS:
        return ""
    return joined if len(joined) <= MOST_STATE_CHARACTERS else ""
