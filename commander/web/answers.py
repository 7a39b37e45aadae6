"""The answers that HTTP itself gives, in JSON.

On the MCP paths a refusal is a JSON-RPC error without an id, so that an MCP client
can show its words; elsewhere it is a small object. None names a version.
"""

from __future__ import annotations

from typing import Final

import msgspec

from commander.auth.answers import HttpAnswer
from commander.mcp.jsonrpc import INVALID_REQUEST, ProtocolError, error_body

__all__ = [
    "body_not_taken",
    "internal_error",
    "method_not_allowed",
    "not_found",
    "refused",
    "unavailable",
]

_REASONS: Final = {
    404: "not found",
    405: "method not allowed",
    413: "no request body is taken here",
    500: "internal error",
}


def _plain(status: int, headers: tuple[tuple[str, str], ...] = ()) -> HttpAnswer:
    body = msgspec.json.encode({"error": _REASONS[status]})
    return HttpAnswer(status=status, body=body, headers=headers)


def not_found() -> HttpAnswer:
    """A path that is not served; OAuth's well-known paths among them."""
    return _plain(404)


def body_not_taken() -> HttpAnswer:
    """A body on a public path, where nothing reads one."""
    return _plain(413)


def internal_error() -> HttpAnswer:
    """A fault of ours; the log knows more."""
    return _plain(500)


def method_not_allowed(allowed: str) -> HttpAnswer:
    """A served path and a method that it does not have."""
    return _plain(405, (("Allow", allowed),))


def refused(
    status: int, message: str, headers: tuple[tuple[str, str], ...] = ()
) -> HttpAnswer:
    """A refusal on an MCP path, in words."""
    error = ProtocolError(code=INVALID_REQUEST, message=message)
    return HttpAnswer(status=status, body=error_body(error), headers=headers)


def unavailable(message: str, retry_after_seconds: int) -> HttpAnswer:
    """Not now: come back in so many seconds."""
    return refused(503, message, (("Retry-After", str(retry_after_seconds)),))
