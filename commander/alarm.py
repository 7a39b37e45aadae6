"""One timer, on a clock that an operator may set while it runs.

Twisted's ``callLater`` follows the wall clock. If that jumps ahead, every timer
fires at once and every running command would be ended. So an ``Alarm`` looks at a
monotonic clock when its timer fires, and goes back to sleep if it is too early.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from commander.interfaces import Monotonic

__all__ = ["Alarm"]

_EARLY_SECONDS: Final = 0.001
"""Timers of the reactor are this exact; a rest below it counts as on time."""


class Alarm:
    """At most one pending call, owned by one object.

    Args:
        clock: Where timers are made.
        monotonic: Decides whether a timer fired in time.
    """

    def __init__(self, clock: IReactorTime, monotonic: Monotonic) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._due = 0.0
        self._wakes = 0.0
        self._callback: Callable[[], None] | None = None
        self._timer: IDelayedCall | None = None

    @property
    def is_set(self) -> bool:
        """Whether a call is pending."""
        return self._callback is not None

    def set(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call back once, ``seconds`` from now; replaces what was set before."""
        now = self._monotonic()
        self._due = now + seconds
        self._callback = callback
        if self._timer is not None:
            if now < self._wakes <= self._due:
                return  # it will find that it is early, and sleep for the rest
            self._timer.cancel()
        self._sleep(now, max(0.0, seconds))

    def disarm(self) -> None:
        """Forget the pending call, and keep the timer for the next one.

        For what is set again and again, as a connection does with every request:
        that costs no new timer. ``cancel`` has to follow in the end.
        """
        self._callback = None

    def cancel(self) -> None:
        """Forget the pending call; does nothing if there is none."""
        timer, self._timer = self._timer, None
        self._callback = None
        if timer is not None:
            timer.cancel()

    def _sleep(self, now: float, seconds: float) -> None:
        self._wakes = now + seconds
        self._timer = self._clock.callLater(seconds, self._fired)

    def _fired(self) -> None:
        self._timer = None
        if self._callback is None:
            return
        now = self._monotonic()
        rest = self._due - now
        if rest > _EARLY_SECONDS:
            self._sleep(now, rest)
            return
        callback, self._callback = self._callback, None
        callback()
