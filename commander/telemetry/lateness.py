"""How late the reactor is for its timers: what holds everybody up."""

from __future__ import annotations

from typing import Final

from commander.alarm import Alarm
from commander.interfaces import Monotonic
from commander.telemetry.meters import Spread

__all__ = ["INTERVAL_SECONDS", "Lateness"]

INTERVAL_SECONDS: Final = 0.25
"""Four wake-ups a second cost less than a thousandth of a processor."""


class Lateness:
    """Sets a timer again and again and looks when it fires.

    Args:
        alarm: The one timer; owned by this object from now on.
        monotonic: Tells the time.
        spread: Where each lateness is put.
    """

    def __init__(self, alarm: Alarm, monotonic: Monotonic, spread: Spread) -> None:
        self._alarm = alarm
        self._monotonic = monotonic
        self._spread = spread
        self._due = 0.0

    def start(self) -> None:
        """Measure from now on."""
        self._due = self._monotonic() + INTERVAL_SECONDS
        self._alarm.set(INTERVAL_SECONDS, self._fired)

    def stop(self) -> None:
        """Measure no more; does nothing if it does not."""
        self._alarm.cancel()

    def _fired(self) -> None:
        self._spread.observe(max(0.0, self._monotonic() - self._due))
        self.start()
