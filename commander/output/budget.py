"""One bound for the memory of all kept output.

Each ring reserves memory here before it takes it. As long as there is room, a ring
gets what it asks for, or all the room. When there is none, the *share* decides: the
budget divided by the number of open rings. A ring may grow to half of its share
whatever the others hold. What it lacks is taken from the largest ring, which loses
half of what it has; as often as needed, but only while the largest is over the share.
So who is taken from keeps at least what it could ask for itself, and rings do not
take from each other in turns. Who gets nothing drops more of its middle.

``FLOOR_BYTES`` are every ring's own, reserved when it opens and never taken. Floors
are granted even over the budget: ``smallest_budget_bytes`` says what it must be for
that not to happen.

Costs: all operations are O(log n) for n rings over their floor, amortised. A ring
that changes copies what it keeps; that is about as much as it has read since it last
did, or as was taken from it. There are no timers.
"""

from __future__ import annotations

import heapq
import itertools
from typing import Final, Protocol

__all__ = ["FLOOR_BYTES", "Holder", "MemoryBudget", "smallest_budget_bytes"]

FLOOR_BYTES: Final = 4 * 1024
"""What every ring may hold at any time: the output of most commands."""

_GUARANTEE: Final = 2
"""One part in this many of its share is what a ring gets at others' cost. It is also
what the largest is divided by, so that nobody is taken below this."""

_STREAMS: Final = 2

_STALE_ENTRIES: Final = 64
"""Besides as many as there are true ones; then the heap is cleaned."""


def smallest_budget_bytes(commands: int) -> int:
    """What so many commands at once have as floors; a budget must not be less."""
    return commands * _STREAMS * FLOOR_BYTES


class Holder(Protocol):
    """Who holds memory of a budget."""

    @property
    def reserved_bytes(self) -> int:
        """What it was granted and has not given back."""

    def shrink(self, reserved_bytes: int) -> None:
        """Do with less from now on; drop what does not fit."""


class MemoryBudget:
    """What all rings together may hold.

    While a ring moves to other memory it has both for a moment, so the bound is the
    limit and the largest ring.

    Args:
        limit_bytes: For all of them; floors are granted even over it.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._reserved_bytes = 0
        self._holders = 0
        self._heap: list[tuple[int, int, Holder]] = []
        """Sizes, negated, serial numbers and those who hold more than their floor."""
        self._serials: dict[Holder, int] = {}
        """The entry of the heap that is true; each change makes a new one."""
        self._serial = itertools.count()

    @property
    def reserved_bytes(self) -> int:
        """Granted now, charges included."""
        return self._reserved_bytes

    @property
    def share_bytes(self) -> int:
        """What each open ring would have if all had the same."""
        return self.limit_bytes // max(1, self._holders)

    def open(self, limit_bytes: int) -> int:
        """Count one more holder; returns its floor, which is reserved for it.

        Args:
            limit_bytes: The most that it will ever hold.
        """
        floor = min(limit_bytes, FLOOR_BYTES)
        self._holders += 1
        self.charge(floor)
        return floor

    def grow(self, holder: Holder, wanted_bytes: int) -> int:
        """Reserve more for a holder, at the cost of larger ones if need be.

        Returns:
            What it has reserved now: ``wanted_bytes``, or less, or what it had.
        """
        held = holder.reserved_bytes
        guaranteed = self.share_bytes // _GUARANTEE
        granted = min(wanted_bytes, max(held + self._room, guaranteed))
        if granted > held:
            self._make_room(granted - held)
            # Charges over the budget may leave less than is guaranteed.
            granted = min(granted, held + self._room)
        if granted <= held:
            return held
        self._changed(holder, held, granted)
        return granted

    def seal(self, holder: Holder, size_bytes: int) -> None:
        """Have a holder keep exactly so much, at most what it has reserved.

        It must not ask again. What is over its floor may still be taken from it, so
        it counts for the share as before. A holder of nothing is closed by this.
        """
        if not size_bytes:
            self.close(holder)
            return
        self._changed(holder, holder.reserved_bytes, size_bytes)

    def close(self, holder: Holder) -> None:
        """Take everything back; the holder must not ask again."""
        self._holders -= 1
        self._changed(holder, holder.reserved_bytes, 0)

    def charge(self, size_bytes: int) -> None:
        """Count small memory that cannot be done without, even over the budget.

        Args:
            size_bytes: Negative to give it back.
        """
        self._reserved_bytes += size_bytes
        self._make_room(0)

    @property
    def _room(self) -> int:
        return self.limit_bytes - self._reserved_bytes

    def _make_room(self, wanted_bytes: int) -> None:
        """Halve the largest until there is room, or none is over its share."""
        while self._room < wanted_bytes:
            largest = self._largest()
            if largest is None or largest.reserved_bytes <= self.share_bytes:
                return
            held = largest.reserved_bytes
            left = max(held // _GUARANTEE, FLOOR_BYTES)
            self._changed(largest, held, left)
            largest.shrink(left)

    def _changed(self, holder: Holder, before_bytes: int, after_bytes: int) -> None:
        self._reserved_bytes += after_bytes - before_bytes
        self._serials.pop(holder, None)
        if after_bytes > FLOOR_BYTES:
            serial = next(self._serial)
            self._serials[holder] = serial
            heapq.heappush(self._heap, (-after_bytes, serial, holder))
        if len(self._heap) > 2 * len(self._serials) + _STALE_ENTRIES:
            self._heap = [entry for entry in self._heap if self._is_true(entry)]
            heapq.heapify(self._heap)

    def _largest(self) -> Holder | None:
        while self._heap and not self._is_true(self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][2] if self._heap else None

    def _is_true(self, entry: tuple[int, int, Holder]) -> bool:
        return self._serials.get(entry[2]) == entry[1]
