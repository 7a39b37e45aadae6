"""Which era a POST belongs to, and whether it is a message at all.

The version in the ``MCP-Protocol-Version`` header or in the message's ``_meta``
decides, never who the client says it is (S26/basic/versioning, Compatibility
Matrix). This version serves the handshake era only; a modern request gets
-32022 with the versions that are served, which is how a client that speaks both
learns to fall back (S26/basic/versioning, Protocol Version Negotiation).
"""

from __future__ import annotations

from typing import Any, Final

import attrs

from commander.mcp.jsonrpc import (
    UNSUPPORTED_PROTOCOL_VERSION,
    ClientResponse,
    Notification,
    ProtocolError,
    Request,
    parse,
)
from commander.mcp.versions import HANDSHAKE_VERSIONS

__all__ = ["VERSION_KEY", "InboundHeaders", "classify"]

VERSION_KEY: Final = "io.modelcontextprotocol/protocolVersion"
"""Where a modern request carries its version, in ``params._meta``."""

_LONGEST_ECHO: Final = 64
"""Characters of a client's version that an error repeats."""


@attrs.frozen(kw_only=True)
class InboundHeaders:
    """The request headers that MCP gives a meaning to."""

    protocol_version: str | None = None


def classify(
    body: bytes, headers: InboundHeaders
) -> Request | Notification | ClientResponse | ProtocolError:
    """Read a POST of the handshake era, or say why it is none; total."""
    message = parse(body)
    if isinstance(message, ProtocolError):
        return message
    version = _foreign_version(message, headers)
    if version is None:
        return message
    return ProtocolError(
        code=UNSUPPORTED_PROTOCOL_VERSION,
        message=f"Unsupported protocol version: {version[:_LONGEST_ECHO]}",
        id=message.id if isinstance(message, Request) else None,
        data={"supported": HANDSHAKE_VERSIONS, "requested": version[:_LONGEST_ECHO]},
    )


def _foreign_version(
    message: Request | Notification | ClientResponse, headers: InboundHeaders
) -> str | None:
    """The version that makes this message one of another era, or None."""
    named = headers.protocol_version
    if named is not None and named not in HANDSHAKE_VERSIONS:
        return named
    if isinstance(message, ClientResponse):
        return None
    meta: Any = message.params.get("_meta")
    inner = meta.get(VERSION_KEY) if isinstance(meta, dict) else None
    return str(inner) if inner is not None else None
