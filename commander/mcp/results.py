"""Answers as bytes.

Here is the one table from JSON-RPC codes to HTTP statuses, and the one place that
gives a tool's result its form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Raw

from commander.mcp.events import Reply, ToolReturned
from commander.mcp.jsonrpc import (
    INVALID_REQUEST,
    PARSE_ERROR,
    UNSUPPORTED_PROTOCOL_VERSION,
    ProtocolError,
    RequestId,
    error_body,
    result_body,
)

__all__ = ["ACCEPTED", "refusal", "result", "tool_result"]

_OK: Final = 200
_STATUS_OF_CODE: Final = {
    PARSE_ERROR: 400,
    INVALID_REQUEST: 400,
    UNSUPPORTED_PROTOCOL_VERSION: 400,
}
"""Codes that are not here answer a well-formed request and go with 200
(S25/basic/transports, Sending Messages to the Server, 5)."""

ACCEPTED: Final = Reply(status=202, body=b"")
"""For notifications and responses (S25/basic/transports, Sending Messages, 4)."""


def refusal(error: ProtocolError) -> Reply:
    """Answer with an error."""
    return Reply(status=_STATUS_OF_CODE.get(error.code, _OK), body=error_body(error))


def result(request_id: RequestId, value: Mapping[str, Any] | Raw) -> Reply:
    """Answer with a result."""
    return Reply(status=_OK, body=result_body(request_id, value))


def tool_result(request_id: RequestId, returned: ToolReturned) -> Reply:
    """Answer ``tools/call`` (S25/server/tools, Tool Result)."""
    return result(
        request_id,
        {
            "content": [{"type": "text", "text": returned.text}],
            "structuredContent": returned.structured,
            "isError": returned.is_error,
        },
    )
