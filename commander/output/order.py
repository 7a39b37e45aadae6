"""In which order the pieces of two streams were read.

Two pipes tell no more: what a command wrote to both between two of our reads comes
out as one run of each stream, whichever it wrote first. So the order is that of the
reads; consecutive reads of one stream are one run.

A *merged* offset counts the bytes of both streams in that order. Runs alternate, so
one number a run says all: the stream's own offset at the end of the run. With
``ends[-1]`` and ``ends[-2]`` as 0, and stdout's run first (it may be empty)::

    stream of run i         stdout if i is even, else stderr
    its own offsets         ends[i-2] .. ends[i]
    its merged offsets      ends[i-1] + ends[i-2] .. ends[i] + ends[i-1]

That takes 8 bytes a run, in blocks of ``BLOCK_RUNS``. The first ``FIRST_BLOCKS``
blocks stay; of the later ones the last ``LAST_BLOCKS``. In the stretch between,
the order is forgotten: it is known how many bytes of each stream it holds, and which,
but not how they lay among each other. What was merged there cannot be told any more,
so a reader by merged offsets gets a gap.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import attrs

__all__ = [
    "BLOCK_BYTES",
    "BLOCK_RUNS",
    "BOTH",
    "FIRST_BLOCKS",
    "LAST_BLOCKS",
    "RUN_BYTES",
    "STDERR",
    "STDOUT",
    "Forgotten",
    "OwnEnd",
    "ReadOrder",
    "Run",
    "merged_end",
    "runs_between",
    "runs_of",
]

BOTH: Final = 0
"""Both streams, by merged offsets, where one of them could be named."""

STDOUT: Final = 1
"""Streams are named by the descriptor that the command writes to."""

STDERR: Final = 2

BLOCK_RUNS: Final = 256

RUN_BYTES: Final = 8
"""What the log of one run takes."""

BLOCK_BYTES: Final = BLOCK_RUNS * RUN_BYTES

FIRST_BLOCKS: Final = 4
"""1,024 runs at the start of the output."""

_NO_BLOCKS: Final[list[array[int]]] = []
"""Of all sealed logs that have none; never written to."""

LAST_BLOCKS: Final = 32
"""8,192 runs at its end, and up to 255 less while the newest block fills."""


@attrs.frozen
class Run:
    """Bytes of one stream that were read without any of the other between them."""

    stream: int
    start: int
    """Merged offset of the first byte."""
    end: int
    offset: int
    """The first byte's offset in its own stream."""


@attrs.frozen
class Forgotten:
    """Where the order is not known any more, by merged offsets."""

    start: int
    end: int


OwnEnd = Callable[[int], int]
"""What stands in ``ends`` for a run; 0 before the first."""


def merged_end(own_end: OwnEnd, run: int) -> int:
    """The merged offset at the end of a run."""
    return own_end(run) + own_end(run - 1)


def runs_between(
    own_end: OwnEnd, first: int, stop: int, start: int, end: int
) -> Iterator[Run]:
    """What lies between two merged offsets, both within known runs, cut to them.

    Args:
        own_end: Knows all these runs, and the two before the first.
        first: The first known run.
        stop: The run after the last known one that has ended.
        start: Merged offset.
        end: Merged offset.
    """
    if start >= end:
        return
    merged = partial(merged_end, own_end)
    run = first + bisect_right(range(first, stop), start, key=merged)
    while start < end:
        run_end = min(end, merged(run))
        own = own_end(run - 2) + start - merged(run - 1)
        yield Run(STDOUT + run % 2, start, run_end, own)
        start = run_end
        run += 1


def runs_of(
    own_end: OwnEnd, runs: int, stream: int, start: int, end: int
) -> Iterator[Run]:
    """What lies between two offsets of one stream, cut to them.

    Args:
        own_end: Knows all runs.
        runs: How many have ended; so the number of the last.
        stream: ``STDOUT`` or ``STDERR``.
        start: In the stream itself.
        end: What has not arrived is left out.
    """
    numbers = range(stream - STDOUT, runs + 1, 2)
    for run in numbers[bisect_right(numbers, start, key=own_end) :]:
        if start >= end:
            return
        own_stop = min(end, own_end(run))
        place = merged_end(own_end, run - 1) + start - own_end(run - 2)
        yield Run(stream, place, place + own_stop - start, start)
        start = own_stop


def _nothing(_: int) -> None:
    """Nothing is charged any more."""


class ReadOrder:
    """The log of one command's reads.

    Args:
        charge: Told of the bytes that the log takes, and of them negated when it
            gives them back.
    """

    __slots__ = (
        "_charge",
        "_charged_bytes",
        "_closed",
        "_first",
        "_last",
        "_other",
        "_rotated",
        "runs",
        "stream",
        "total_bytes",
    )

    def __init__(self, charge: Callable[[int], None]) -> None:
        self.total_bytes = 0
        """Of both streams; the merged offset of the next byte."""
        self.runs = 0
        """Runs that have ended; also the number of the one that goes on."""
        self.stream = STDOUT
        """Which stream that one is of."""
        self._other = 0
        """Bytes of the other stream."""
        self._first: list[array[int]] = []
        self._last: list[array[int]] = []
        self._rotated = 0
        """Blocks that were forgotten."""
        self._charge = charge
        self._charged_bytes = 0
        self._closed = False

    def add(self, stream: int, count: int) -> None:
        """So many bytes of a stream were read; at least one."""
        if stream != self.stream:
            self._switch()
        self.total_bytes += count

    @property
    def forgotten(self) -> Forgotten | None:
        """The one stretch in which the order is not known, if there is one."""
        if self._closed and self.total_bytes:
            return Forgotten(0, self.total_bytes)
        if not self._rotated:
            return None
        return Forgotten(
            self._merged_end(self._head_runs - 1), self._merged_end(self._tail_run - 1)
        )

    def between(self, start: int, end: int) -> Iterator[Run | Forgotten]:
        """What lies between two merged offsets, cut to them, in order.

        Finding the first is O(log n); each further one is O(1).
        """
        end = min(end, self.total_bytes)
        forgotten = self.forgotten
        if forgotten is None:
            yield from self._known(0, self.runs, start, end)
            return
        if start < forgotten.start:
            head_end = min(end, forgotten.start)
            yield from self._known(0, self._head_runs, start, head_end)
            start = forgotten.start
        if start < min(end, forgotten.end):
            yield Forgotten(start, min(end, forgotten.end))
            start = forgotten.end
        yield from self._known(self._tail_run, self.runs, start, end)

    def merged_offset(self, stream: int, offset: int) -> int | None:
        """Where a byte of a stream lies among all; None if that is forgotten.

        Args:
            stream: ``STDOUT`` or ``STDERR``.
            offset: In the stream itself; the byte has arrived.
        """
        for first, stop in self._known_ranges():
            runs = range(first + (first + stream + 1) % 2, stop, 2)
            found = bisect_right(runs, offset, key=self._own_end)
            if found < len(runs):
                run = runs[found]
                own_start = self._own_end(run - 2)
                if own_start <= offset:
                    return self._merged_end(run - 1) + offset - own_start
                return None
        return None

    @property
    def charged_bytes(self) -> int:
        """What the log takes now."""
        return self._charged_bytes

    def seal(self) -> None:
        """Move into memory of exactly the log's size; nothing may be added any more."""
        self._first = [array("Q", block) for block in self._first] or _NO_BLOCKS
        self._last = [array("Q", block) for block in self._last] or _NO_BLOCKS
        blocks = (*self._first, *self._last)
        self._take(RUN_BYTES * sum(map(len, blocks)) - self._charged_bytes)
        if not blocks:
            self._charge = _nothing

    def close(self) -> None:
        """Give the memory back; all of the order is forgotten from then on."""
        self._take(-self._charged_bytes)
        self._first = []
        self._last = []
        self._closed = True

    def _switch(self) -> None:
        own = self.total_bytes - self._other
        if not self._closed:
            self._block().append(own)
        self.runs += 1
        self.stream = STDOUT + STDERR - self.stream
        self._other = own

    def _block(self) -> array[int]:
        """Where the next end is written."""
        blocks = self._last or self._first
        if self.runs % BLOCK_RUNS:
            return blocks[-1]
        block = array("Q")
        if len(self._first) < FIRST_BLOCKS:
            self._first.append(block)
        else:
            self._last.append(block)
            if len(self._last) > LAST_BLOCKS:
                del self._last[0]
                self._rotated += 1
                return block
        self._take(BLOCK_BYTES)
        return block

    def _take(self, size_bytes: int) -> None:
        """Have so much more memory, or less."""
        self._charged_bytes += size_bytes
        self._charge(size_bytes)

    @property
    def _head_runs(self) -> int:
        """Runs that are known from the start on."""
        return min(self.runs, FIRST_BLOCKS * BLOCK_RUNS)

    @property
    def _tail_run(self) -> int:
        """The first run that is known after what was forgotten.

        Its start is told by the two runs before it, so it is the third of a block.
        """
        return (FIRST_BLOCKS + self._rotated) * BLOCK_RUNS + 2

    def _known_ranges(self) -> Iterator[tuple[int, int]]:
        if self._closed:
            return
        if self._rotated:
            yield 0, self._head_runs
            yield self._tail_run, self.runs + 1
        else:
            yield 0, self.runs + 1

    def _known(self, first: int, stop: int, start: int, end: int) -> Iterator[Run]:
        return runs_between(self._own_end, first, stop, start, end)

    def _merged_end(self, run: int) -> int:
        return merged_end(self._own_end, run)

    def _own_end(self, run: int) -> int:
        """What stands in ``ends``; for the run that goes on, its end so far."""
        if run < 0:
            return 0
        if run == self.runs:
            return self.total_bytes - self._other
        block = run // BLOCK_RUNS
        if block < FIRST_BLOCKS:
            return self._first[block][run % BLOCK_RUNS]
        return self._last[block - FIRST_BLOCKS - self._rotated][run % BLOCK_RUNS]
