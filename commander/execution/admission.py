"""Slots for running commands, and a bounded queue before them.

First come, first served, with one exception: a principal that already has all the
slots it may have does not hold up the others behind it. A place in the queue ends
in exactly one way: with a slot, with ``Busy``, or with ``Cancelled``.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from typing import Final

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

from commander.alarm import Alarm
from commander.cancellation import Cancellation
from commander.commands import Busy, Cancelled
from commander.durations import format_duration
from commander.interfaces import Monotonic
from commander.principals import Principal

__all__ = ["Admission", "Slot"]

_SHUTDOWN: Final = "the server is shutting down"
_SHUTDOWN_RETRY_SECONDS: Final = 5


class Slot:
    """The right to run one command; given back with ``release``."""

    def __init__(
        self, admission: Admission, principal: Principal, queued_seconds: float
    ) -> None:
        self._admission: Admission | None = admission
        self.principal = principal
        self.queued_seconds = queued_seconds
        """How long its command waited for it."""

    def release(self) -> None:
        """Give the slot back; a second call does nothing."""
        admission, self._admission = self._admission, None
        if admission is not None:
            admission.released(self.principal)


class _Place:
    """A place in the queue, with what else ends the wait than a slot.

    Args:
        admission: Whose queue it is.
        principal: Who waits.
        since: Since when.
        alarm: Is set to the end of the longest wait.
        cancellation: Ends it at once; None if it cannot be cancelled.
    """

    def __init__(
        self,
        admission: Admission,
        principal: Principal,
        since: float,
        alarm: Alarm,
        cancellation: Cancellation | None,
    ) -> None:
        self.principal = principal
        self.since = since
        self.ended: Deferred[Slot | Busy | Cancelled] = Deferred()
        self._admission = admission
        self._alarm = alarm
        self._cancellation = cancellation

    def wait(self, seconds: float) -> None:
        """Begin to wait, so long at most."""
        self._alarm.set(seconds, self._waited_too_long)
        if self._cancellation is not None:
            self._cancellation.on_cancel(self._cancelled)

    def end(self, ending: Slot | Busy | Cancelled) -> None:
        """Say how it ended; nothing else can end it any more."""
        self._alarm.cancel()
        if self._cancellation is not None:
            self._cancellation.forget(self._cancelled)
        self.ended.callback(ending)

    def _waited_too_long(self) -> None:
        self._admission.waited_too_long(self)

    def _cancelled(self) -> None:
        self._admission.given_up(self)


class Admission:
    """Decides when a command may start.

    Args:
        clock: Where the timers of waiting commands are made.
        monotonic: Measures their wait.
        max_concurrent: Slots in all.
        max_per_principal: Slots that one principal may hold.
        max_queued: Places in the queue.
        max_wait_seconds: Longest wait in it.
    """

    def __init__(
        self,
        *,
        clock: IReactorTime,
        monotonic: Monotonic,
        max_concurrent: int,
        max_per_principal: int,
        max_queued: int,
        max_wait_seconds: float,
    ) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._max_concurrent = max_concurrent
        self._max_per_principal = max_per_principal
        self._max_queued = max_queued
        self._max_wait_seconds = max_wait_seconds
        self._running: Counter[Principal] = Counter()
        self._queue: deque[_Place] = deque()
        self._open = True
        self._serving = False

    @property
    def running(self) -> int:
        """Slots that are taken."""
        return self._running.total()

    @property
    def queued(self) -> int:
        """Commands that wait."""
        return len(self._queue)

    @property
    def is_full(self) -> bool:
        """Whether whoever cannot run at once is answered ``Busy``."""
        return len(self._queue) >= self._max_queued

    def acquire(
        self, principal: Principal, cancellation: Cancellation | None = None
    ) -> Deferred[Slot | Busy | Cancelled]:
        """Fires with a slot, at once if one is free, or with ``Busy``.

        Fires always, and in at most ``max_wait_seconds``.

        Args:
            principal: Who asks.
            cancellation: Fires with ``Cancelled``, at once, if it is cancelled before
                there is a slot.
        """
        if cancellation is not None and cancellation.cancelled:
            return succeed(Cancelled())
        if not self._open:
            return succeed(self._shutting_down())
        if self._may_run(principal):
            return succeed(self._grant(principal, 0.0))
        if len(self._queue) >= self._max_queued:
            return succeed(self._busy(f"{self._max_queued} commands wait already"))
        return self._enqueue(principal, cancellation)

    def close(self) -> None:
        """Refuse whoever waits and whoever comes; running commands keep theirs."""
        self._open = False
        while self._queue:
            self._queue.popleft().end(self._shutting_down())

    def released(self, principal: Principal) -> None:
        """A slot came back: called by the slot itself."""
        self._running[principal] -= 1
        if not self._running[principal]:
            del self._running[principal]
        self._serve_queue()

    def waited_too_long(self, place: _Place) -> None:
        """The longest wait is over: called by the place itself."""
        self._queue.remove(place)
        waited = format_duration(self._max_wait_seconds)
        place.end(self._busy(f"no slot came free within {waited}"))

    def given_up(self, place: _Place) -> None:
        """Nobody waits any more: called by the place itself."""
        self._queue.remove(place)
        place.end(Cancelled(queued_seconds=self._monotonic() - place.since))

    def _may_run(self, principal: Principal) -> bool:
        return (
            self.running < self._max_concurrent
            and self._running[principal] < self._max_per_principal
        )

    def _grant(self, principal: Principal, queued_seconds: float) -> Slot:
        self._running[principal] += 1
        return Slot(self, principal, queued_seconds)

    def _enqueue(
        self, principal: Principal, cancellation: Cancellation | None
    ) -> Deferred[Slot | Busy | Cancelled]:
        alarm = Alarm(self._clock, self._monotonic)
        place = _Place(self, principal, self._monotonic(), alarm, cancellation)
        self._queue.append(place)
        place.wait(self._max_wait_seconds)
        return place.ended

    def _serve_queue(self) -> None:
        """Grant what can be granted.

        A command that cannot start gives its slot back within the callback that
        grants it. So the queue is looked at anew after each grant, and the call from
        within leaves that to the one that is under way.
        """
        if self._serving:
            return
        self._serving = True
        while (place := self._next_place()) is not None:
            self._queue.remove(place)
            waited = self._monotonic() - place.since
            place.end(self._grant(place.principal, waited))
        self._serving = False

    def _next_place(self) -> _Place | None:
        """The first in the queue that may run now."""
        return next((p for p in self._queue if self._may_run(p.principal)), None)

    def _busy(self, what: str) -> Busy:
        return Busy(
            reason=(
                f"the server is busy: {self.running} commands run "
                f"(MCP_MAX_CONCURRENT={self._max_concurrent}, "
                f"MCP_MAX_PER_PRINCIPAL={self._max_per_principal}) and {what}"
            ),
            # A guess: some command will end before another full wait is over.
            retry_after_seconds=max(1, math.ceil(self._max_wait_seconds / 2)),
        )

    @staticmethod
    def _shutting_down() -> Busy:
        return Busy(reason=_SHUTDOWN, retry_after_seconds=_SHUTDOWN_RETRY_SECONDS)
