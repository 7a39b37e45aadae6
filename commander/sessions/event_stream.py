"""A stream of messages to one client, which may outlive its connection.

A client of the handshake era can come back for a stream that broke, and names the last
event that it got (S25/basic/transports, Resumability and Redelivery). So events are
numbered and the last of them are kept, within bounds: a stream keeps
``MAX_EVENTS`` and ``MAX_BYTES``, all of them together ``MAX_TOTAL_BYTES``. What must go
is the oldest: of streams that have ended all, of one that goes on all but its last
message.

Clients without a session, and those of the modern era, cannot come back: their events
have no number and nothing is kept.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable
from typing import Final

from commander.mcp import sse
from commander.sessions.wires import StreamWire
from commander.tools.caller import Flow

__all__ = [
    "KEEP_SECONDS",
    "MAX_BYTES",
    "MAX_EVENTS",
    "MAX_TOTAL_BYTES",
    "RETRY_MS",
    "EventStream",
    "ReplayBudget",
    "ReplayLog",
]

MAX_EVENTS: Final = 1000
MAX_BYTES: Final = 1024 * 1024
MAX_TOTAL_BYTES: Final = 16 * 1024 * 1024
KEEP_SECONDS: Final = 300.0
"""How long a stream that has ended can still be asked for."""
RETRY_MS: Final = 1000
"""When a client whose connection was closed should come back."""
_NAME_BYTES: Final = 6


class ReplayBudget:
    """Counts what all streams keep."""

    def __init__(self, limit_bytes: int = MAX_TOTAL_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._logs: dict[ReplayLog, None] = {}  # in the order in which they ended
        self.used_bytes = 0

    @property
    def exceeded(self) -> bool:
        """Whether streams that go on keep too much among themselves."""
        return self.used_bytes > self._limit_bytes

    def charge(self, count: int) -> None:
        """Count bytes in; streams that have ended make room, oldest first."""
        self.used_bytes += count
        while self.exceeded and self._logs:
            next(iter(self._logs)).clear()

    def release(self, count: int) -> None:
        """Count bytes out."""
        self.used_bytes -= count

    def ended(self, log: ReplayLog) -> None:
        """A stream has ended: it may be asked to make room."""
        self._logs[log] = None

    def gone(self, log: ReplayLog) -> None:
        """A stream keeps nothing any more."""
        self._logs.pop(log, None)


class ReplayLog:
    """The last events of one stream, by their numbers.

    Args:
        budget: Counts them.
        prefix: Of its name.
    """

    def __init__(self, budget: ReplayBudget, prefix: str = "") -> None:
        self.name: Final = prefix + secrets.token_hex(_NAME_BYTES)
        """Stands in the ids of its events; no other stream has it."""
        self._budget = budget
        self._events: deque[tuple[int, bytes]] = deque()
        self._bytes = 0
        self._last = 0

    @property
    def last(self) -> int:
        """The number of the last event; events count from 1."""
        return self._last

    def id_of(self, number: int) -> str:
        """The id by which a client names an event."""
        return f"{self.name}-{number}"

    def keep(self, message: bytes) -> int:
        """Keep a message; returns its number."""
        self._last += 1
        self._events.append((self._last, message))
        self._bytes += len(message)
        self._budget.charge(len(message))
        while len(self._events) > 1 and (
            len(self._events) > MAX_EVENTS
            or self._bytes > MAX_BYTES
            or self._budget.exceeded
        ):
            self._drop(self._events.popleft()[1])
        return self._last

    def lost(self, number: int) -> bool:
        """Whether nothing is left of what there was behind a number."""
        return number < self._last and not self._events

    def after(self, number: int) -> list[tuple[int, bytes]]:
        """What is left of the events behind a number."""
        return [event for event in self._events if event[0] > number]

    def end(self) -> None:
        """No event comes any more."""
        self._budget.ended(self)

    def clear(self) -> None:
        """Keep nothing any more."""
        self._budget.gone(self)
        while self._events:
            self._drop(self._events.popleft()[1])

    def _drop(self, message: bytes) -> None:
        self._bytes -= len(message)
        self._budget.release(len(message))


class EventStream:
    """Messages in order, to the connection that is there now.

    Args:
        log: Numbers and keeps them; None if nobody can come back for them.
        primed: Begin with an event that only tells where the stream begins.
    """

    def __init__(self, log: ReplayLog | None = None, *, primed: bool = False) -> None:
        self.log = log
        self._primed = primed
        self._wire: StreamWire | None = None
        self._flow: Flow | None = None
        self._held = False
        self.on_lost: Callable[[], None] | None = None
        """Called when the client is gone."""
        self.ended_at: float | None = None
        """When it ended, as its owner notes it."""
        self._ended = False

    @property
    def attached(self) -> bool:
        """Whether there is a connection."""
        return self._wire is not None

    @property
    def ended(self) -> bool:
        """Whether the last message was sent."""
        return self._ended

    def attach(self, wire: StreamWire, after: int | None = None) -> None:
        """Go on over this connection; an earlier one is ended.

        Args:
            wire: Takes a stream; it is opened here.
            after: The number behind which to begin; None for what is new.
        """
        earlier, self._wire = self._wire, wire
        if earlier is not None:
            _end_of(earlier)
        wire.open_stream()
        wire.watch(self)
        if self.log is not None:
            self._catch_up(wire, self.log, after)
        if self._ended:
            self._drop_wire()
        elif self._wire is not None:
            # Only now, so that what was held back follows what was missed.
            self._hold(wire.paused)

    def send(self, message: bytes) -> None:
        """Send a message, and keep it if the stream is one that keeps.

        Does nothing once the stream has ended: its session may have, before its call.
        """
        if self._ended:
            return
        event_id = None
        if self.log is not None:
            event_id = self.log.id_of(self.log.keep(message))
        if self._wire is not None:
            self._wire.write(sse.event(message, event_id))

    def end(self) -> None:
        """Nothing comes any more; the connection ends once all is sent."""
        self._ended = True
        self._flow = None
        if self.log is not None:
            self.log.end()
        self._drop_wire()

    def close_connection(self) -> None:
        """End the connection and not the stream: the client comes back for the rest."""
        self._drop_wire()

    def follow(self, flow: Flow | None) -> None:
        """Hold a flow back while the client does not keep up."""
        self._flow = flow
        if flow is not None and self._held:
            flow.pause()

    # --- WireListener ------------------------------------------------------------

    def wire_lost(self) -> None:
        """The client is gone. If it may come back, the stream goes on without it."""
        self._wire = None
        self._hold(self.log is None)
        if self.on_lost is not None:
            self.on_lost()

    def wire_paused(self) -> None:
        """The client does not keep up."""
        self._hold(True)

    def wire_resumed(self) -> None:
        """It does again."""
        self._hold(False)

    # --- own ---------------------------------------------------------------------

    def _catch_up(self, wire: StreamWire, log: ReplayLog, after: int | None) -> None:
        if after is None:
            if self._primed:
                wire.write(sse.priming(log.id_of(log.last), RETRY_MS))
            return
        for number, message in log.after(after):
            wire.write(sse.event(message, log.id_of(number)))

    def _drop_wire(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            _end_of(wire)
            self._hold(False)

    def _hold(self, held: bool) -> None:
        if held == self._held:
            return
        self._held = held
        if self._flow is not None:
            (self._flow.pause if held else self._flow.resume)()


def _end_of(wire: StreamWire) -> None:
    wire.watch(None)
    wire.finish()
