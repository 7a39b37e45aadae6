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
        self._callback: Callable[[], None] | None = None
        self._timer: IDelayedCall | None = None

    def set(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call back once, ``seconds`` from now; replaces what was set before."""
        self.cancel()
        self._due = self._monotonic() + seconds
        self._callback = callback
        self._timer = self._clock.callLater(max(0.0, seconds), self._fired)

    def cancel(self) -> None:
        """Forget the pending call; does nothing if there is none."""
        timer, self._timer = self._timer, None
        self._callback = None
        if timer is not None:
            timer.cancel()

    def _fired(self) -> None:
        self._timer = None
        rest = self._due - self._monotonic()
        if rest > _EARLY_SECONDS:
            self._timer = self._clock.callLater(rest, self._fired)
            return
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()
