"""Server-sent events as bytes (HTML, section 9.2)."""

from __future__ import annotations

from typing import Final

__all__ = ["COMMENT", "event", "priming"]

COMMENT: Final = b": keep-alive\n\n"
"""Says nothing, and keeps the connection from being taken for dead."""


def event(message: bytes, event_id: str | None = None) -> bytes:
    """A message as an event.

    Args:
        message: JSON without a newline, which is how we encode all.
        event_id: What a client names to get what came after.
    """
    head = b"event: message\n"
    if event_id is not None:
        head += b"id: %s\n" % event_id.encode()
    return b"%sdata: %s\n\n" % (head, message)


def priming(event_id: str, retry_ms: int) -> bytes:
    """The first event of a stream that can be resumed: an id and no data.

    Only for clients of 2025-11-25, which asked for it (S25/basic/transports, Sending
    Messages, 6): older ones take the empty data for JSON.
    """
    return b"id: %s\nretry: %d\ndata: \n\n" % (event_id.encode(), retry_ms)
