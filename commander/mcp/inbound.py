"""Which era a message belongs to, and what a modern one says about itself.

The version in the ``MCP-Protocol-Version`` header or in the message's ``_meta``
decides, never who the client says it is (S26/basic/versioning, Compatibility
Matrix), and each message for itself: both eras may come on one wire, in any order.

| header       | ``_meta`` version | era                                              |
|--------------|-------------------|--------------------------------------------------|
| of no handshake version | any    | modern: served, or told which versions are       |
| of a handshake version  | there  | modern: refused, the two do not agree            |
| none         | there             | modern: over HTTP refused, the header is missing |
| of a handshake version  | none   | handshake                                        |
| none         | none              | handshake; but ``server/discover`` is modern     |

A modern request then passes a ladder of checks, each with an error of its own; the
first that fails answers. On standard input and output there are no headers, and the
rungs about them are left out (S26/basic/transports/stdio, Request Metadata).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from commander.mcp.headers import (
    VERSION_HEADER,
    Headers,
    mismatch,
    name_problem,
    repeated_problem,
)
from commander.mcp.jsonrpc import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    UNSUPPORTED_PROTOCOL_VERSION,
    ClientResponse,
    Message,
    Notification,
    ProtocolError,
    Request,
    RequestId,
    shown,
)
from commander.mcp.versions import HANDSHAKE_VERSIONS, MODERN_VERSIONS, Era

__all__ = [
    "CAPABILITIES_KEY",
    "LOG_LEVELS",
    "LOG_LEVEL_KEY",
    "VERSION_KEY",
    "Envelope",
    "climb",
    "era_of",
    "handshake_version",
    "level_problem",
    "notification_problem",
    "progress_token",
]

VERSION_KEY: Final = "io.modelcontextprotocol/protocolVersion"
"""Where a modern request carries its version, in ``params._meta``."""
CAPABILITIES_KEY: Final = "io.modelcontextprotocol/clientCapabilities"
LOG_LEVEL_KEY: Final = "io.modelcontextprotocol/logLevel"

LOG_LEVELS: Final = (
    "debug",
    "info",
    "notice",
    "warning",
    "error",
    "critical",
    "alert",
    "emergency",
)
"""Of RFC 5424, least important first."""


@attrs.frozen(kw_only=True)
class Envelope:
    """What a modern request says about itself."""

    version: str
    capabilities: Mapping[str, Any]
    log_level: Any = None
    """As it came; see ``level_problem``."""


def era_of(message: Message | ProtocolError, headers: Headers | None) -> Era:
    """The era of a message, by the table above.

    Args:
        message: As it came, or why it is none.
        headers: Of the request that brought it; None where there are none.
    """
    versions = () if headers is None else headers.values(VERSION_HEADER)
    if any(version not in HANDSHAKE_VERSIONS for version in versions):
        return Era.MODERN
    if isinstance(message, ClientResponse | ProtocolError):
        return Era.HANDSHAKE
    if VERSION_KEY in _meta_of(message) or (
        not versions
        and isinstance(message, Request)
        and message.method == "server/discover"
    ):
        return Era.MODERN
    return Era.HANDSHAKE


def handshake_version(headers: Headers | None) -> str | None:
    """The version that the header names, if there is one.

    Of a message of the handshake era it is one that is served.
    """
    if headers is None:
        return None
    return next(iter(headers.values(VERSION_HEADER)), None)


def notification_problem(
    message: Notification | ClientResponse, headers: Headers | None
) -> ProtocolError | None:
    """Why a modern message that is owed no answer cannot be accepted, or None.

    Which headers a notification must have is not defined (Sending Messages, Note);
    one that is there has to agree.
    """
    if isinstance(message, ClientResponse):
        return ProtocolError(
            code=INVALID_REQUEST,
            message="Invalid request: this version has no responses of clients",
        )
    named = handshake_version(headers)
    said = _meta_of(message).get(VERSION_KEY, named)
    if named is not None and said != named:
        return _version_mismatch(None)
    return None if said in MODERN_VERSIONS else _unsupported(None, said)


def climb(request: Request, headers: Headers | None) -> Envelope | ProtocolError:
    """Check the envelope of a modern request; what it is about is not looked at."""
    if headers is not None:
        problem = repeated_problem(request, headers)
        if problem is not None:
            return problem
    envelope = _envelope(request)
    if isinstance(envelope, ProtocolError):
        return envelope
    if headers is not None:
        problem = _header_problem(request, headers, envelope.version)
        if problem is not None:
            return problem
    if envelope.version not in MODERN_VERSIONS:
        return _unsupported(request.id, envelope.version)
    return envelope


def progress_token(request: Request) -> RequestId | None:
    """The token for progress notifications, if there is a usable one."""
    token = _meta_of(request).get("progressToken")
    if isinstance(token, bool) or not isinstance(token, str | int):
        return None
    return token


def _envelope(request: Request) -> Envelope | ProtocolError:
    meta = _meta_of(request)
    version, capabilities = meta.get(VERSION_KEY), meta.get(CAPABILITIES_KEY)
    if not isinstance(version, str):
        return _invalid(request, f'_meta["{VERSION_KEY}"] must be a string')
    if not isinstance(capabilities, dict):
        return _invalid(request, f'_meta["{CAPABILITIES_KEY}"] must be an object')
    return Envelope(
        version=version, capabilities=capabilities, log_level=meta.get(LOG_LEVEL_KEY)
    )


def level_problem(request: Request, level: object) -> ProtocolError | None:
    """A log level that there is not (S26/server/utilities/logging, Error Handling)."""
    if level is None or level in LOG_LEVELS:
        return None
    return _invalid(request, f"the log level must be one of {', '.join(LOG_LEVELS)}")


def _header_problem(
    request: Request, headers: Headers, version: str
) -> ProtocolError | None:
    if handshake_version(headers) != version:
        return _version_mismatch(request.id)
    return name_problem(request, headers)


def _version_mismatch(request_id: RequestId | None) -> ProtocolError:
    return mismatch(request_id, f"{VERSION_HEADER} must repeat the version in _meta")


def _meta_of(message: Request | Notification) -> Mapping[str, Any]:
    meta = message.params.get("_meta")
    return meta if isinstance(meta, dict) else {}


def _invalid(request: Request, message: str) -> ProtocolError:
    return ProtocolError(
        code=INVALID_PARAMS, message=f"Invalid params: {message}", id=request.id
    )


def _unsupported(request_id: RequestId | None, version: object) -> ProtocolError:
    named = shown(str(version))
    return ProtocolError(
        code=UNSUPPORTED_PROTOCOL_VERSION,
        message=f"Unsupported protocol version: {named}",
        id=request_id,
        data={"supported": MODERN_VERSIONS, "requested": named},
    )
