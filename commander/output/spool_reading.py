"""Reading spooled output anywhere: what is on disk, and what still waits for it.

A ``Snapshot`` is taken in the reactor and read in a thread, or at once where the kernel
has the file in memory. It stays right whatever happens meanwhile: what was written does
not change, and what waited is a copy.

Finding the first run is a binary search over the log of runs, of which two blocks at
most are in memory; so it costs some twenty small reads in the longest log there can be.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import islice
from typing import Final, Protocol

import attrs

from commander.output.command import MergedPiece
from commander.output.order import BOTH, Run, runs_between, runs_of

__all__ = [
    "AT_ONCE",
    "IN_A_THREAD",
    "READ_BYTES",
    "READ_RUNS",
    "Look",
    "Snapshot",
    "WrittenFile",
]

READ_BYTES: Final = 1024 * 1024
"""Of one look; takes under a millisecond from the page cache."""

READ_RUNS: Final = 8192
"""Of one look. Each takes some microseconds, and a piece takes some 150 bytes."""

_BLOCK_RUNS: Final = 512
"""4 KiB: what the disk reads anyway."""

_BLOCKS: Final = 2
"""A run is told by its own end and those of the two before it."""


class WrittenFile(Protocol):
    """What was written; ``SpoolFile`` has all of it, ``CachedFile`` what is near."""

    def read(self, start: int, end: int) -> bytes:
        """The bytes between two merged offsets."""

    def read_ends(self, first: int, stop: int) -> array[int]:
        """The ends of these runs."""


@attrs.frozen(kw_only=True)
class Look:
    """How much may be read in one go."""

    most_bytes: int
    most_runs: int


IN_A_THREAD: Final = Look(most_bytes=READ_BYTES, most_runs=READ_RUNS)

AT_ONCE: Final = Look(most_bytes=256 * 1024, most_runs=128)
"""In the reactor's thread: takes a millisecond at most."""


@attrs.frozen(kw_only=True)
class Snapshot:
    """The spooled output of one job at one moment."""

    file: WrittenFile
    written_bytes: int
    """Of both streams, to the file."""
    written_runs: int
    data: bytes
    """What follows what was written."""
    ends: array[int]

    def read(
        self, stream: int, start: int, end: int, look: Look = IN_A_THREAD
    ) -> list[MergedPiece]:
        """What lies between two offsets; less of it if it is much.

        Args:
            stream: ``BOTH``, with merged offsets, or one, with its own: then
                ``start`` of a piece is its offset in its stream.
            start: Before the end of what is spooled.
            end: Not beyond that.
            look: What is much.

        Returns:
            At least one piece; they begin at ``start`` and join.

        Raises:
            OSError: The disk does not give it.
        """
        own_end = _Ends(self)
        end = min(end, start + look.most_bytes)
        if stream == BOTH:
            found = runs_between(own_end, 0, own_end.runs, start, end)
        else:
            found = runs_of(own_end, own_end.runs, stream, start, end)
        runs = list(islice(found, look.most_runs))
        data = self._bytes_of(runs)
        if stream != BOTH:
            return [MergedPiece(stream, start, start, b"".join(data))]
        return [
            MergedPiece(run.stream, run.start, run.offset, part)
            for run, part in zip(runs, data, strict=True)
        ]

    def _bytes_of(self, runs: Sequence[Run]) -> list[bytes]:
        """The bytes of each, by one read if they lie close together."""
        start, end = runs[0].start, runs[-1].end
        if end - start > READ_BYTES:
            return [self._bytes(run.start, run.end) for run in runs]
        data = self._bytes(start, end)
        return [data[run.start - start : run.end - start] for run in runs]

    def _bytes(self, start: int, end: int) -> bytes:
        written = self.written_bytes
        data = self.data[max(0, start - written) : max(0, end - written)]
        if start >= written:
            return data
        return self.file.read(start, min(end, written)) + data


class _Ends:
    """The log of runs by their numbers, as ``commander.output.order.OwnEnd``."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._file = snapshot.file
        self._written = snapshot.written_runs
        self._ends = snapshot.ends
        self._total_bytes = snapshot.written_bytes + len(snapshot.data)
        self._blocks: dict[int, array[int]] = {}
        self.runs: Final = self._written + len(self._ends)
        """Those that have ended."""

    def __call__(self, run: int) -> int:
        if run < 0:
            return 0
        if run == self.runs:
            return self._total_bytes - self(run - 1)
        if run >= self._written:
            return self._ends[run - self._written]
        return self._block(run // _BLOCK_RUNS)[run % _BLOCK_RUNS]

    def _block(self, number: int) -> array[int]:
        block = self._blocks.get(number)
        if block is None:
            first = number * _BLOCK_RUNS
            block = self._file.read_ends(first, min(first + _BLOCK_RUNS, self._written))
            if len(self._blocks) == _BLOCKS:
                del self._blocks[next(iter(self._blocks))]
            self._blocks[number] = block
        return block
