"""The outlet of one POST: a whole answer, or a stream of events that ends with it.

======== ============================ ===============================================
state    what it means                what leads on
======== ============================ ===============================================
WAITING  nothing was sent             a reply: it is the whole answer;
                                      a notification, or ``COMMIT_SECONDS``: STREAMING
STREAM   events are sent              the reply is the last event
DONE     answered, given up, or lost  -
======== ============================ ===============================================

The choice is made late, so that a refusal still has its own HTTP status; and it is made
in time, so that a client of a long call has a stream that it can resume, and that
proxies do not take for dead.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Final

from commander.alarm import Alarm
from commander.mcp.events import Reply
from commander.mcp.results import ACCEPTED
from commander.mcp.versions import knows
from commander.sessions.conversation import Conversation
from commander.sessions.event_stream import EventStream
from commander.sessions.session import PRIMED_SINCE, Session
from commander.sessions.wires import Wire
from commander.tools.caller import Flow

__all__ = ["COMMIT_SECONDS", "PostOutlet"]

COMMIT_SECONDS: Final = 1.0


class _State(enum.Enum):
    WAITING = enum.auto()
    STREAM = enum.auto()
    DONE = enum.auto()


class PostOutlet:
    """Where what belongs to one POST goes.

    Args:
        wire: Its HTTP answer.
        new_alarm: Makes the one timer, of a reply that takes time.
        dropped: Called when a reply has nobody to go to.
    """

    def __init__(
        self, wire: Wire, new_alarm: Callable[[], Alarm], dropped: Callable[[], None]
    ) -> None:
        self._wire = wire
        self._new_alarm = new_alarm
        self._alarm: Alarm | None = None
        self._dropped = dropped
        self._state = _State.WAITING
        self._session: Session | None = None
        self._stream: EventStream | None = None
        self._flow: Flow | None = None
        self._lost: Callable[[], None] | None = None

    @property
    def state(self) -> str:
        """The name of its state."""
        return self._state.name

    @property
    def stream(self) -> EventStream | None:
        """Its stream, once it has one."""
        return self._stream

    @property
    def streams(self) -> bool:
        """Whether the client takes events."""
        return self._wire.accepts_stream

    def begin(
        self, conversation: Conversation | None, lost: Callable[[], None] | None
    ) -> None:
        """The reply takes time from here on."""
        self._lost = lost
        if isinstance(conversation, Session):
            self._session = conversation
        if self._wire.accepts_stream:
            self._alarm = self._new_alarm()
            self._alarm.set(COMMIT_SECONDS, self._commit)
        self._wire.watch(self)

    def notify(self, message: bytes) -> None:
        """Send something before the reply."""
        if self._state is _State.WAITING and self._wire.accepts_stream:
            self._commit()
        if self._stream is not None and self._state is _State.STREAM:
            self._stream.send(message)

    def follow(self, flow: Flow | None) -> None:
        """Hold a flow back while the client does not keep up."""
        self._flow = flow
        if self._stream is not None:
            self._stream.follow(flow)

    def reply(self, reply: Reply) -> None:
        """Send the reply."""
        if self._state is _State.WAITING:
            self._end()
            self._wire.answer(reply)
        elif self._stream is not None and self._state is _State.STREAM:
            self._end()
            gone = not self._stream.attached and self._stream.log is None
            if gone or self._stream.ended:
                self._dropped()
            self._stream.send(reply.body)
            self._stream.end()
        else:
            self._dropped()

    def abandon(self) -> None:
        """End the answer without a reply."""
        if self._state is _State.WAITING and not self._wire.accepts_stream:
            self._end()
            self._wire.answer(ACCEPTED)
            return
        if self._state is _State.WAITING:
            self._session = None  # nothing to come back for
            self._commit()
        if self._stream is not None and self._state is _State.STREAM:
            self._end()
            self._stream.end()
            if self._session is not None:
                self._session.drop_stream(self._stream)

    def close_connection(self) -> None:
        """Let the client come back for the rest, if it can.

        Clients of versions without priming would have to have got an event before,
        and are told that the server does not do this.
        """
        if self._session is None or not knows(self._session.peer.version, PRIMED_SINCE):
            return
        if self._state is _State.WAITING and self._wire.accepts_stream:
            self._commit()
        if self._stream is not None and self._stream.log is not None:
            self._stream.close_connection()

    # --- WireListener, while nothing was sent ------------------------------------

    def wire_lost(self) -> None:
        """The client left, and has nothing to come back for."""
        self._end()
        self._tell_lost()

    def wire_paused(self) -> None:
        """Nothing was sent that could pile up."""

    def wire_resumed(self) -> None:
        """Nothing was sent that could pile up."""

    # --- own ---------------------------------------------------------------------

    def _commit(self) -> None:
        self._cancel_alarm()
        self._state = _State.STREAM
        stream = EventStream() if self._session is None else self._session.new_stream()
        self._stream = stream
        if self._lost is not None:
            stream.on_lost = self._stream_lost
        stream.follow(self._flow)
        stream.attach(self._wire)

    def _stream_lost(self) -> None:
        if self._state is _State.STREAM:
            self._end()
            self._tell_lost()

    def _tell_lost(self) -> None:
        lost, self._lost = self._lost, None
        if lost is not None:
            lost()

    def _end(self) -> None:
        self._cancel_alarm()
        self._state = _State.DONE
        if self._stream is None:
            self._wire.watch(None)

    def _cancel_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
