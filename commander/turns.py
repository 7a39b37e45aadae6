"""Large pieces of work, one a turn of the reactor.

Encoding a full answer takes some ten milliseconds. When many commands end together,
all of that at once would keep every other client waiting; in turns, each of them
waits for one piece at most.
"""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

__all__ = ["Turns"]


class Turns:
    """Hands out turns in the order in which they are asked for.

    Args:
        clock: Calls back in its next turn.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._waiting: deque[Deferred[None]] = deque()

    def next(self) -> Deferred[None]:
        """Fires in a later turn, in which no other that was asked for here does."""
        mine: Deferred[None] = Deferred()
        self._waiting.append(mine)
        if len(self._waiting) == 1:
            self._clock.callLater(0, self._give)
        return mine

    def _give(self) -> None:
        # It stays first while it works: who asks meanwhile queues behind it.
        self._waiting[0].callback(None)
        self._waiting.popleft()
        if self._waiting:
            self._clock.callLater(0, self._give)
