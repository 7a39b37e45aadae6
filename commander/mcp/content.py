"""What a tool answered, in blocks that a client's version can read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from commander.mcp.events import ToolReturned
from commander.mcp.versions import ASSUMED_VERSION, knows

__all__ = ["CONTENT_SINCE", "readable", "tool_result"]

CONTENT_SINCE: Final = {"audio": "2025-03-26", "resource_link": "2025-06-18"}
"""Content types that an older client would fail to read."""


def tool_result(version: str | None, returned: ToolReturned) -> dict[str, Any]:
    """S25/server/tools, Tool Result."""
    members: dict[str, Any] = {
        "content": [readable(block, version) for block in returned.content]
    }
    if returned.structured is not None and knows(version, "2025-06-18"):
        members["structuredContent"] = returned.structured
    members["isError"] = returned.is_error
    return members


def readable(block: Mapping[str, Any], version: str | None) -> Mapping[str, Any]:
    """A block of content that a client of this version can read.

    One that did not say its version is taken for the oldest that need not: fields that
    it does not know do no harm, types do.
    """
    since = CONTENT_SINCE.get(block["type"])
    if since is None or knows(version or ASSUMED_VERSION, since):
        return block
    # The version has no type for it; links become their address.
    said = block.get("uri", f"[{block['type']}]")
    name = block.get("name")
    return {"type": "text", "text": said if name is None else f"{name}: {said}"}
