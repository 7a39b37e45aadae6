"""Telling somebody what arrives, while it arrives, at a bounded rate.

A subscriber is told *where* new output lies, as two merged offsets, never the bytes
themselves; it reads those when it wants them. So it costs two integers, its place and
the time of its next turn, however much is written meanwhile and however slow it is.

The first span comes in the next turn of the reactor. After each one the next is due
``INTERVAL_SECONDS`` later; if nothing has arrived by then, the next arrival is told
at once again. Spans follow each other in order. A span ends where it would show more
than ``SPAN_BYTES`` of what is kept; bytes that are not kept any more count for
nothing in it, so a subscriber that falls behind gets over a gap in one span.

When the command ends, one last span shows its end, and no more than ``SPAN_BYTES``
of it: the whole is in the command's result. What it leaves out is visible as a start
beyond the end of the span before.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Final, Protocol

import attrs
from twisted.internet.interfaces import IReactorTime

from commander.alarm import Alarm
from commander.interfaces import Monotonic

__all__ = ["INTERVAL_SECONDS", "SPAN_BYTES", "OutputSpan", "Source", "Subscription"]

INTERVAL_SECONDS: Final = 0.051
"""Twenty a second at most: an alarm may be a millisecond early."""

SPAN_BYTES: Final = 64 * 1024
"""Decoding so much takes under a millisecond, even where it is no UTF-8."""


@attrs.frozen
class OutputSpan:
    """A stretch of output, by merged offsets; gaps show when it is read."""

    start: int
    end: int


class Source(Protocol):
    """What a subscription tells about."""

    @property
    def total_bytes(self) -> int:
        """The merged offset of the next byte to arrive."""

    def reach(self, start: int, most_bytes: int) -> int:
        """Where a span from ``start`` ends that shows at most so many kept bytes.

        It is beyond ``start`` if anything has arrived there.
        """


class _State(enum.Enum):
    WAITING = enum.auto()
    """All that arrived has been told; no timer is set."""
    DUE = enum.auto()
    """A timer is set."""
    PAUSED = enum.auto()
    CLOSED = enum.auto()


class Subscription:
    """One subscriber's place in the output.

    Args:
        source: Where the output is.
        receive: Called with each span: from a timer, the last one from ``finish``.
            It may call any method here, and must not raise.
        closed: Called once, when nothing more will be received.
        clock: Keeps the timer; there is at most one.
        monotonic: Measures the time between two spans.
        start: The merged offset to begin at.
    """

    def __init__(
        self,
        source: Source,
        receive: Callable[[OutputSpan], None],
        closed: Callable[[Subscription], None],
        *,
        clock: IReactorTime,
        monotonic: Monotonic,
        start: int,
    ) -> None:
        self._source = source
        self._receive = receive
        self._closed = closed
        self._monotonic = monotonic
        self._alarm = Alarm(clock, monotonic)
        self._next = start
        self._due = monotonic()
        self._finished = False
        self._state: _State
        self._wait()

    def arrived(self) -> None:
        """More than before is there to tell; called after every read."""
        if self._state is _State.WAITING:
            self._state = _State.DUE
            self._alarm.set(self._due - self._monotonic(), self._tell)

    def pause(self) -> None:
        """Receive nothing until ``resume``."""
        if self._state is not _State.CLOSED:
            self._alarm.cancel()
            self._state = _State.PAUSED

    def resume(self) -> None:
        """Go on after ``pause``, with what is left of the output since then.

        If the command has ended meanwhile, that is its last span.
        """
        if self._state is _State.PAUSED:
            self._wait()

    def finish(self) -> None:
        """The output is complete: tell its end, now or on ``resume``."""
        self._finished = True
        if self._state not in (_State.PAUSED, _State.CLOSED):
            self._tell()

    def close(self) -> None:
        """Receive nothing any more; a second call does nothing."""
        if self._state is not _State.CLOSED:
            self._alarm.cancel()
            self._state = _State.CLOSED
            self._closed(self)

    def _wait(self) -> None:
        self._state = _State.WAITING
        if self._finished or self._next < self._source.total_bytes:
            self.arrived()

    def _tell(self) -> None:
        start = self._next
        if self._finished:
            end = self._source.total_bytes
            start = max(start, end - SPAN_BYTES)
            self.close()
        else:
            end = self._source.reach(start, SPAN_BYTES)
            self._due = self._monotonic() + INTERVAL_SECONDS
            self._next = end
            self._wait()
        if start < end:
            self._receive(OutputSpan(start, end))
