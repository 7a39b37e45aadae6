"""How many of something are under way, and when none is."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed

__all__ = ["InFlight"]


class InFlight:
    """Counts what is under way, from ``began`` to ``ended``."""

    def __init__(self) -> None:
        self._count = 0
        self._waiting: list[Deferred[None]] = []

    def began(self) -> None:
        """One more; each is followed by one ``ended``."""
        self._count += 1

    def ended(self, _: object = None) -> None:
        """One less; takes and ignores a result, to stand in a callback chain."""
        self._count -= 1
        if not self._count:
            waiting, self._waiting = self._waiting, []
            for deferred in waiting:
                deferred.callback(None)

    def when_idle(self) -> Deferred[None]:
        """Fires when none is left, at once if that is so now."""
        if not self._count:
            return succeed(None)
        deferred: Deferred[None] = Deferred()
        self._waiting.append(deferred)
        return deferred
