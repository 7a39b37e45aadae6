"""The seams between sessions and what carries their bytes.

A *wire* is one HTTP answer: it is either answered whole, or opened as a stream of
server-sent events and written to. An *outlet* is where everything goes that belongs to
one request, over whichever transport it came.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from commander.mcp.events import Reply
from commander.sessions.conversation import Conversation
from commander.tools.caller import Flow

__all__ = ["Outlet", "StreamWire", "Wire", "WireListener"]


class WireListener(Protocol):
    """Who is told what becomes of a wire that was opened, or is waited on."""

    def wire_lost(self) -> None:
        """The client is gone; nothing is sent any more. Called once at most."""

    def wire_paused(self) -> None:
        """The client does not keep up."""

    def wire_resumed(self) -> None:
        """It does again."""


class StreamWire(Protocol):
    """An HTTP answer that can be a stream."""

    @property
    def paused(self) -> bool:
        """Whether the client does not keep up."""

    def watch(self, listener: WireListener | None) -> None:
        """Tell this one, and no other; None to tell nobody.

        A client that is gone already is told of at once.
        """

    def open_stream(self) -> None:
        """Send the head of a stream: from here on ``write`` and ``finish``."""

    def write(self, data: bytes) -> None:
        """Send events; does nothing once the client is gone."""

    def finish(self) -> None:
        """End the answer; does nothing once the client is gone."""


class Wire(StreamWire, Protocol):
    """The answer to one POST."""

    @property
    def accepts_stream(self) -> bool:
        """Whether the client takes events."""

    def answer(self, reply: Reply) -> None:
        """Answer whole, and end; once, and not after ``open_stream``."""


class Outlet(Protocol):
    """Where all that belongs to one request goes; ``reply`` or ``abandon`` ends it."""

    @property
    def streams(self) -> bool:
        """Whether something can be sent before the reply."""

    def begin(
        self, conversation: Conversation | None, lost: Callable[[], None] | None
    ) -> None:
        """The reply takes time from here on.

        Args:
            conversation: That the request belongs to, if it belongs to one.
            lost: Called once if the client goes before the reply; None if that is
                no matter.
        """

    def notify(self, message: bytes) -> None:
        """Send a notification, or a request, before the reply; after ``begin``."""

    def follow(self, flow: Flow | None) -> None:
        """Hold a flow back while the client does not keep up; None to stop."""

    def close_connection(self) -> None:
        """End the connection before the reply; after ``begin``.

        Does nothing unless the client knows that it has to come back for the rest.
        """

    def reply(self, reply: Reply) -> None:
        """Send the reply."""

    def abandon(self) -> None:
        """There will be no reply: the client said that it wants none."""
