"""One session of the handshake era, as far as this server remembers it.

Nothing in it is needed to serve the next request: who the client is stands in the id.
What is remembered is what makes the session more than single requests: its calls, its
streams, its log level and its subscriptions, all local to this replica.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from commander.mcp.events import Peer
from commander.mcp.versions import knows
from commander.sessions.conversation import Conversation
from commander.sessions.event_stream import (
    KEEP_SECONDS,
    EventStream,
    ReplayBudget,
    ReplayLog,
)

__all__ = ["MAX_STREAMS", "PRIMED_SINCE", "STANDALONE", "Session"]

MAX_STREAMS: Final = 100
"""Streams of one session that can be asked for again."""
STANDALONE: Final = "all-"
"""How the ids of events begin that belong to no request."""
PRIMED_SINCE: Final = "2025-11-25"
"""From here on a stream begins with an event that only has an id, and a server may
close the connection then (S25/basic/transports, Sending Messages, 6)."""


class Session(Conversation):
    """A conversation over many connections.

    Args:
        peer: As the id tells.
        budget: Counts what its streams keep.
    """

    def __init__(self, peer: Peer, budget: ReplayBudget) -> None:
        super().__init__(peer)
        self._budget = budget
        self._streams: OrderedDict[str, EventStream] = OrderedDict()
        self._closed = False
        self.standalone: EventStream | None = None
        """What belongs to no request is sent on this, once it was asked for
        (S25/basic/transports, Listening for Messages from the Server)."""

    @property
    def in_use(self) -> bool:
        """Whether something would be lost with it."""
        return self.busy or any(stream.attached for stream in self._streams.values())

    def new_stream(self, *, standalone: bool = False) -> EventStream:
        """A stream that can be asked for again.

        It cannot if the session is closed, or has ``MAX_STREAMS`` that go on. Of those
        that have ended the oldest makes room.

        Args:
            standalone: Its events tell by their ids that they belong to no request.
        """
        if self._closed or not self._make_room():
            return EventStream()
        log = ReplayLog(self._budget, STANDALONE if standalone else "")
        primed = knows(self.peer.version, PRIMED_SINCE)
        stream = self._streams[log.name] = EventStream(log, primed=primed)
        return stream

    def find_stream(self, event_id: str) -> tuple[EventStream, int] | None:
        """The stream of an event, and the event's number; None if it is not there.

        Nor is it if all that came behind it had to make room.
        """
        name, _, number = event_id.rpartition("-")
        stream = self._streams.get(name)
        if stream is None or not (number.isascii() and number.isdigit()):
            return None
        after = int(number[:20])
        if stream.log is not None and stream.log.lost(after):
            return None
        return stream, after

    def drop_stream(self, stream: EventStream) -> None:
        """Nobody may ask for this stream again."""
        if stream.log is not None:
            self._forget_stream(stream.log.name)

    def prune(self, now: float) -> None:
        """Forget the streams that ended long ago.

        Args:
            now: Of the monotonic clock; the first call after a stream's end notes it.
        """
        for name, stream in tuple(self._streams.items()):
            if stream.ended and stream.ended_at is None:
                stream.ended_at = now
            elif stream.ended_at is not None and now > stream.ended_at + KEEP_SECONDS:
                self._forget_stream(name)

    def close(self) -> None:
        """End all streams; questions fail."""
        super().close()
        self._closed = True
        for name in tuple(self._streams):
            self._forget_stream(name)
        self.standalone = None

    def _make_room(self) -> bool:
        if len(self._streams) < MAX_STREAMS:
            return True
        ended = next((name for name, one in self._streams.items() if one.ended), None)
        if ended is None:
            return False
        self._forget_stream(ended)
        return True

    def _forget_stream(self, name: str) -> None:
        stream = self._streams.pop(name, None)
        if stream is not None:
            stream.end()
            if stream.log is not None:
                stream.log.clear()
