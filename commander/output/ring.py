"""Keeping the beginning and the end of a stream in bounded memory.

Operations: ``buffers`` lends memory to read into and ``filled`` says how much was
read; ``append`` copies bytes in; ``window`` and ``read`` copy out what is kept.
Offsets are absolute: the first byte of the stream is 0 for ever.

The memory is one block. As long as all of the stream fits, offset n stands at place
n. When it is full, a larger block is asked of the budget, up to the limit. After
that the first quarter is the head, which stays, and the rest is a ring, in which the
newest bytes replace the oldest. So what is kept is ``[0, head)`` and ``[start,
total)``, and one gap lies between the two::

    memory   | head      | ring: newest bytes  ^  oldest bytes   |
             0          head                position          capacity

If the budget takes memory back, the ring gives first. The head cannot come back,
while the ring fills again; so the head stays whole until it is half of what is left.

Newlines are counted when bytes arrive. Those of the gap are all but those kept, so
they need no count of their own when they go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from commander.commands import OutputWindow
from commander.output.budget import FLOOR_BYTES, MemoryBudget

__all__ = ["GROWTH", "HEAD_SHARE", "Gap", "HeadTailRing", "Piece"]

HEAD_SHARE: Final = 4
"""One part in this many is for the head: errors stand at the end of output,
versions and the command's own echo at its start."""

GROWTH: Final = 4
"""A full block is replaced by one that is this many times as large."""

_LEAST_HEAD_SHARE: Final = 2
"""What was kept as head may take one part in this many of a block that shrank."""

_NOTHING: Final = bytearray()
"""The memory of all rings that have none; never written to."""


@attrs.frozen
class Piece:
    """Kept bytes of a stream."""

    start: int
    """Offset of the first."""
    data: bytes

    @property
    def end(self) -> int:
        """Offset after the last."""
        return self.start + len(self.data)


@attrs.frozen
class Gap:
    """Bytes that are not there any more, from ``start`` up to ``end``."""

    start: int
    end: int


class HeadTailRing:
    """The first and the last bytes of one output stream.

    Args:
        limit_bytes: Head and tail together; at least 1. A stream that ends within
            it is kept whole, as long as the budget has room.
        budget: Who grants the memory. A floor is reserved at once.
    """

    __slots__ = (
        "_budget",
        "_ended",
        "_head",
        "_memory",
        "_newlines",
        "_position",
        "_start",
        "limit_bytes",
        "reserved_bytes",
        "total_bytes",
    )

    def __init__(self, limit_bytes: int, budget: MemoryBudget) -> None:
        self.limit_bytes: Final = limit_bytes
        self.reserved_bytes = budget.open(limit_bytes)
        """Granted by the budget; the block is taken when the first byte is read."""
        self.total_bytes = 0
        """Bytes that arrived so far, kept or not."""
        self._budget = budget
        self._ended = False
        self._newlines = 0
        self._memory = _NOTHING
        self._head = 0
        """Bytes of the head; its room, as long as nothing is dropped."""
        self._start = 0
        """Offset of the first kept byte after the head."""
        self._position = 0
        """Where in the block the next byte goes."""

    def buffers(self, hint: int) -> Sequence[memoryview]:
        """Memory for the next read, one view or two, to be filled in this order.

        At least one byte, at most ``hint``. What is read replaces the oldest bytes
        after the head. The views hold until the next call to this ring or to
        another of the same budget: read at once, and do not keep them.

        Raises:
            ValueError: The ring is sealed or closed.
        """
        if self._ended:
            raise ValueError("the ring is sealed or closed")
        if self._position == len(self._memory):
            self._turn()
        position = self._position
        end = position + hint
        surplus = end - len(self._memory)
        if surplus <= 0:
            return (memoryview(self._memory)[position:end],)
        if position <= self._head or len(self._memory) < self.limit_bytes:
            # Not beyond the end yet: the block may grow there.
            return (memoryview(self._memory)[position:],)
        again = min(self._head + surplus, position)
        view = memoryview(self._memory)
        return (view[position:], view[self._head : again])

    def filled(self, count: int) -> None:
        """The first ``count`` bytes of what ``buffers`` lent hold output now."""
        memory = self._memory
        position = self._position
        end = position + count
        if end <= len(memory):
            self._newlines += _newlines(memory, position, end)
        else:
            end -= len(memory) - self._head
            self._newlines += _newlines(memory, position, len(memory))
            self._newlines += _newlines(memory, self._head, end)
        self._position = end
        self.total_bytes += count
        start = self.total_bytes - len(memory) + self._head
        if start > self._start:
            self._start = start

    def newest(self, count: int) -> Sequence[memoryview]:
        """Where the last ``count`` bytes stand, right after ``filled(count)``.

        The views hold as long as those of ``buffers`` do.
        """
        return self._tail_views(self.total_bytes - count, self.total_bytes)

    def append(self, data: bytes) -> None:
        """Copy the next bytes of the stream in; for readers that bring their own."""
        rest = memoryview(data)
        while rest:
            taken = 0
            for view in self.buffers(len(rest)):
                view[:] = rest[taken : taken + len(view)]
                taken += len(view)
            self.filled(taken)
            rest = rest[taken:]

    @property
    def omitted_bytes(self) -> int:
        """Bytes that arrived and are not kept."""
        return self._start - self._head

    @property
    def newlines(self) -> int:
        """Newlines that arrived, kept or not."""
        return self._newlines

    @property
    def is_safe(self) -> bool:
        """Whether it is sealed, keeps all that arrived, and nobody can take any."""
        return (
            self._ended
            and not self.omitted_bytes
            and self.reserved_bytes <= FLOOR_BYTES
        )

    @property
    def gap(self) -> Gap:
        """The one stretch that is not kept; empty if all is."""
        return Gap(self._head, self._start)

    def window(self) -> OutputWindow:
        """What is kept now; may be asked at any time, and costs a copy of it."""
        head = self._copy(0, min(self._head, self.total_bytes))
        tail = self._tail(self._start, self.total_bytes)
        omitted_lines = 0
        if self.omitted_bytes:
            omitted_lines = self._newlines - head.count(b"\n") - tail.count(b"\n")
        return OutputWindow(
            head=head,
            tail=tail,
            total_bytes=self.total_bytes,
            omitted_bytes=self.omitted_bytes,
            omitted_lines=omitted_lines,
        )

    def read(self, start: int, end: int) -> list[Piece | Gap]:
        """What is left of these offsets, in order and without a hole.

        Offsets that have not arrived are left out.
        """
        end = min(end, self.total_bytes)
        if not self.omitted_bytes:
            return [Piece(start, self._copy(start, end))] if start < end else []
        found: list[Piece | Gap] = []
        head_end = min(end, self._head)
        if start < head_end:
            found.append(Piece(start, self._copy(start, head_end)))
        start = max(start, self._head)
        gap_end = min(end, self._start)
        if start < gap_end:
            found.append(Gap(start, gap_end))
        start = max(start, self._start)
        if start < end:
            found.append(Piece(start, self._tail(start, end)))
        return found

    def reach(self, start: int, most_bytes: int) -> int:
        """Up to which offset there are so many kept bytes from ``start`` on.

        The offset is ``total_bytes`` if there are fewer.
        """
        if start < self._head:
            in_head = min(self._head - start, most_bytes)
            start += in_head
            most_bytes -= in_head
            if not most_bytes:
                return min(start, self.total_bytes)
        return min(max(start, self._start) + most_bytes, self.total_bytes)

    def kept_from(self, offset: int) -> int:
        """The first offset from this one on that is kept; else ``total_bytes``."""
        if self._head <= offset < self._start:
            return self._start
        return min(offset, self.total_bytes)

    def kept_bytes(self, start: int, end: int) -> int:
        """How many bytes of these offsets are kept; they must have arrived."""
        gap = min(end, self._start) - max(start, self._head)
        return end - start - max(0, gap)

    def newlines_before(self, offset: int) -> int:
        """How many newlines stand before a byte that is kept, or before the end.

        Costs a look at what is kept on one side of it.
        """
        if offset <= self._head or not self.omitted_bytes:
            return _newlines(self._memory, 0, offset)
        return self._newlines - self._tail(offset, self.total_bytes).count(b"\n")

    def shrink(self, reserved_bytes: int) -> None:
        """Do with less memory; called by the budget, which has counted it."""
        self.reserved_bytes = reserved_bytes
        if len(self._memory) > reserved_bytes:
            self._move(reserved_bytes)

    def seal(self) -> None:
        """Take no more bytes, and move what is kept into memory of exactly its size.

        The budget may still take from it. A second call does nothing.
        """
        if self._ended:
            return
        self._ended = True
        kept_bytes = self.total_bytes - self.omitted_bytes
        head = min(self._head, self.total_bytes)
        if len(self._memory) > kept_bytes:
            self._move(kept_bytes)
        if not self.omitted_bytes:
            # Cut where it was, so that the window stays the same.
            self._head = self._start = head
        self._budget.seal(self, kept_bytes)
        self.reserved_bytes = kept_bytes

    def close(self) -> None:
        """Give all memory back. What was kept counts as omitted from then on.

        A second call does nothing.
        """
        self._ended = True
        if self.reserved_bytes:
            self._budget.close(self)
        self.reserved_bytes = 0
        self._memory = _NOTHING
        self._head = self._position = 0
        self._start = self.total_bytes

    def _turn(self) -> None:
        """At the end of the block: get a larger one, or begin again after the head."""
        held = len(self._memory)
        if held == self.limit_bytes:
            self._position = self._head
            return
        if held == self.reserved_bytes:
            wanted = min(self.limit_bytes, held * GROWTH)
            self.reserved_bytes = self._budget.grow(self, wanted)
        if self.reserved_bytes > held:
            self._move(self.reserved_bytes)
        else:
            self._position = self._head

    def _move(self, capacity: int) -> None:
        """Take what is kept to a block of another size; drop what does not fit."""
        head = capacity // HEAD_SHARE
        start = head
        if self.omitted_bytes:
            head = min(self._head, capacity // _LEAST_HEAD_SHARE)
            start = self._start
        start = max(start, self.total_bytes - capacity + head)
        memory = bytearray(capacity) if capacity else _NOTHING
        view = memoryview(memory)
        in_head = min(head, self.total_bytes)
        view[:in_head] = memoryview(self._memory)[:in_head]
        position = in_head
        for part in self._tail_views(start, self.total_bytes):
            view[position : position + len(part)] = part
            position += len(part)
        self._memory = memory
        self._head, self._start, self._position = head, start, position

    def _copy(self, start: int, end: int) -> bytes:
        """Bytes whose place is their offset."""
        return bytes(memoryview(self._memory)[start:end])

    def _tail(self, start: int, end: int) -> bytes:
        return b"".join(self._tail_views(start, end))

    def _tail_views(self, start: int, end: int) -> Sequence[memoryview]:
        """Kept bytes, all of them after the head or nothing dropped so far."""
        if start >= end:
            return ()
        first = self._position - (self.total_bytes - start)
        if not self.omitted_bytes:
            first = start
        elif first < self._head:
            first += len(self._memory) - self._head
        last = first + end - start
        surplus = last - len(self._memory)
        view = memoryview(self._memory)
        if surplus <= 0:
            return (view[first:last],)
        return (view[first:], view[self._head : self._head + surplus])


def _newlines(memory: bytearray, start: int, end: int) -> int:
    """Count newlines; stretches without any cost next to nothing."""
    first = memory.find(b"\n", start, end)
    return 0 if first < 0 else memory.count(b"\n", first, end)
