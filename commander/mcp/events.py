"""What the engine hands out, and what it takes back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from commander.mcp.jsonrpc import RequestId

__all__ = ["Reply", "ServerInfo", "ToolCalled", "ToolReturned"]


@attrs.frozen(kw_only=True)
class ServerInfo:
    """Who we say we are."""

    name: str
    title: str
    version: str
    instructions: str


@attrs.frozen(kw_only=True)
class Reply:
    """The whole answer to one POST."""

    status: int
    """HTTP status."""
    body: bytes
    """JSON, or empty where nothing is owed."""


@attrs.frozen(kw_only=True)
class ToolCalled:
    """A tool has to run; give the engine a ``ToolReturned`` for it, once."""

    id: RequestId
    name: str
    arguments: Mapping[str, Any]
    progress_token: RequestId | None = None


@attrs.frozen(kw_only=True)
class ToolReturned:
    """What a tool answered."""

    text: str
    structured: Mapping[str, Any]
    """The same facts as ``text``: many clients pass on only one of the two."""
    is_error: bool
