"""The bound of a command's processes where the kernel does not keep one.

Somebody has to count, and to count is to look into ``/proc`` at each process of the
tree: 0.2 ms of the reactor's thread for ten of them. So it is done four times a
second. What a fork bomb can make in between is bound only by the server's own limits;
then the command is ended, not just stopped from growing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IReactorTime

from commander.alarm import Alarm
from commander.execution.seams import ProcessTree
from commander.interfaces import Monotonic

__all__ = ["COUNT_SECONDS", "ProcessCount"]

COUNT_SECONDS: Final = 0.25


class ProcessCount:
    """Counts one command's processes until told to stop, or until there are too many.

    Args:
        clock: Where the one timer is made.
        monotonic: Seconds.
        tree: The command's processes.
        most: Processes that it may have.
        exceeded: Called once, if it has more; the count has stopped then.
    """

    def __init__(
        self,
        *,
        clock: IReactorTime,
        monotonic: Monotonic,
        tree: ProcessTree,
        most: int,
        exceeded: Callable[[], None],
    ) -> None:
        self._alarm = Alarm(clock, monotonic)
        self._tree = tree
        self._most = most
        self._exceeded = exceeded
        self._alarm.set(COUNT_SECONDS, self._count)

    def stop(self) -> None:
        """Count no more; a second call does nothing."""
        self._alarm.cancel()

    def _count(self) -> None:
        if self._tree.left() > self._most:
            self._exceeded()
        else:
            self._alarm.set(COUNT_SECONDS, self._count)
