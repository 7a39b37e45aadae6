"""The spooled output of one job: from the reads of its pipes to the disk and back.

What arrives is copied and waits until there is enough for a write, or the job has
ended. One write is under way at a time, so the file grows in order; what arrives
meanwhile is the next one. A job that prints little has no file before its end.

======== ============================================== ========================
state    what happens                                   ends with
======== ============================================== ========================
TAKING   what arrives is taken and written              a full quota, the job
STOPPED  what was taken is written                      ``close``
LOST     a write failed: what was written before stays  ``close``
CLOSED   nothing is left
======== ============================================== ========================

So what is spooled is always the first so many bytes of the output, without a hole.
A write that failed counts for nothing, though a part of it may be on the disk: then
the bytes and the order of the runs end at the same place.
"""

from __future__ import annotations

import enum
from array import array
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from commander.output.command import MergedPiece
from commander.output.order import BOTH, RUN_BYTES, STDOUT
from commander.output.ring import Gap
from commander.output.spool_block import NOTHING, Block
from commander.output.spool_file import CachedFile, SpoolFile
from commander.output.spool_reading import AT_ONCE, Snapshot, WrittenFile
from commander.output.spool_store import SpoolStore, in_words

__all__ = [
    "CONGESTED_BYTES",
    "DRAINED_BYTES",
    "MOST_WAITING_BYTES",
    "WRITE_BYTES",
    "Part",
    "SpooledOutput",
]

WRITE_BYTES: Final = 16 * 1024
"""So much is worth a thread's while. Most commands print less than this in all."""

CONGESTED_BYTES: Final = 512 * 1024
"""So much may wait for the disk before the job is told to print more slowly."""

DRAINED_BYTES: Final = CONGESTED_BYTES // 2
"""It may print on when no more than this waits: the disk is not to run dry."""

MOST_WAITING_BYTES: Final = 4 * 1024 * 1024
"""Whoever does not listen loses the spool: memory is bounded. A turn brings 256 KiB of
a pipe at most."""

Part = MergedPiece | Gap

_log: Final = Logger()


class _State(enum.Enum):
    TAKING = enum.auto()
    STOPPED = enum.auto()
    LOST = enum.auto()
    CLOSED = enum.auto()


class SpooledOutput:
    """The first bytes that a job printed, as many as the quotas allow.

    Made by ``Spool.open``. Nothing here raises: a disk that fails ends the spool of
    the job, says so in ``problem``, and the job goes on.

    Args:
        store: Where it is kept.
        congested: Told True when too much waits for the disk: bring less, by pausing
            the pipes; and False when it may come again, at the latest when the
            spool takes no more. It is called from ``append`` and later, never twice
            with the same. It must not raise.
        closed: Called once.
    """

    __slots__ = (
        "_arrived",
        "_closed",
        "_congested",
        "_file",
        "_flying",
        "_has_file",
        "_is_congested",
        "_reason",
        "_state",
        "_store",
        "_stream",
        "_taken",
        "_used_bytes",
        "_waiting",
        "_writing",
        "_written",
        "_written_runs",
    )

    def __init__(
        self,
        store: SpoolStore,
        congested: Callable[[bool], None],
        closed: Callable[[SpooledOutput], None],
    ) -> None:
        self._store = store
        self._congested = congested
        self._closed = closed
        self._state = _State.TAKING
        self._reason: str | None = None
        self._stream = STDOUT
        """Which one the run that goes on is of."""
        # Bytes, of both streams, of stdout and of stderr: BOTH, STDOUT, STDERR.
        self._arrived = [0, 0, 0]
        self._taken = (0, 0, 0)
        self._written = (0, 0, 0)
        self._written_runs = 0
        self._used_bytes = 0
        """Of the quota."""
        self._flying = NOTHING
        """Being written; stands before what waits."""
        self._waiting = NOTHING
        self._writing = False
        self._is_congested = False
        self._file = SpoolFile(store.create, store.job_bytes)
        self._has_file = False

    # --- what it knows -----------------------------------------------------------

    @property
    def spooled_bytes(self) -> int:
        """So many bytes of the output, from its start on, can be read here."""
        return self._taken[BOTH]

    def spooled(self, stream: int) -> int:
        """So many bytes of a stream, from its start on, can be read here.

        Args:
            stream: ``BOTH``, ``STDOUT`` or ``STDERR``.
        """
        return self._taken[stream]

    @property
    def complete(self) -> bool:
        """Whether that is all that has arrived so far."""
        return self._taken[BOTH] == self._arrived[BOTH]

    @property
    def problem(self) -> str | None:
        """Why it is not complete, in words for the result; None if it is."""
        if self._reason is None:
            return None
        return (
            f"{self._reason}: output after byte {self.spooled_bytes} is kept in "
            "memory only"
        )

    # --- what is done with it ----------------------------------------------------

    def append(self, stream: int, views: Sequence[memoryview]) -> None:
        """Take the next bytes of a stream; as ``commander.output.command.Tee``.

        Args:
            stream: ``STDOUT`` or ``STDERR``.
            views: Copied before this returns.
        """
        count = sum(map(len, views))
        self._arrived[stream] += count
        self._arrived[BOTH] += count
        if self._state is not _State.TAKING or not count:
            return
        order_bytes = RUN_BYTES if stream != self._stream else 0
        rooms = self._rooms()
        taken = max(0, min(count, min(rooms) - order_bytes))
        if taken:
            self._take(stream, views, taken, order_bytes)
        if taken < count:
            self._reason = self._limits()[rooms.index(min(rooms))]
            self._state = _State.STOPPED
        self._go_on()

    def finish(self) -> None:
        """Nothing arrives any more: write what waits; a second call does nothing."""
        if self._state is _State.TAKING:
            self._state = _State.STOPPED
            self._go_on()

    async def read(self, stream: int, start: int, end: int) -> list[Part]:
        """What is spooled of these offsets, in order and without a hole.

        Offsets that have not arrived are left out; what is not spooled is a gap at
        the end. It takes memory for all of it, and for each run some 150 bytes more:
        ask for so much as is shown.

        Args:
            stream: ``BOTH``, with merged offsets, or one, with its own: then
                ``start`` of a piece is its offset in its stream.
            start: The first offset.
            end: The one after the last.
        """
        end = min(end, self._arrived[stream])
        parts: list[Part] = [*self._near(stream, start, end)]
        while (position := parts[-1].end if parts else start) < end:
            parts += await self._look(stream, position, end)
        return parts

    def close(self) -> None:
        """Give its room back; all of it is a gap from then on.

        A second call does nothing.
        """
        if self._state is _State.CLOSED:
            return
        self._state = _State.CLOSED
        self._reason = None
        self._drop_what_waits()
        self._give_back(self._used_bytes)
        self._taken = (0, 0, 0)
        if self._has_file:
            self._store.drop_file(self._file)
        self._go_on()
        self._closed(self)

    # --- taking ------------------------------------------------------------------

    def _rooms(self) -> tuple[int, int, int]:
        """How many bytes each limit lets come."""
        store = self._store
        return (
            store.job_bytes - self._used_bytes,
            store.total_bytes - store.used_bytes,
            MOST_WAITING_BYTES - self._unwritten_bytes,
        )

    def _limits(self) -> tuple[str, str, str]:
        """The same limits in words."""
        return (
            f"one command may keep {self._store.job_bytes} bytes on disk",
            f"all commands may keep {self._store.total_bytes} bytes on disk",
            "the disk is too slow",
        )

    def _take(
        self, stream: int, views: Sequence[memoryview], count: int, order_bytes: int
    ) -> None:
        """Copy the first so many bytes of a read."""
        if self._waiting is NOTHING:
            self._waiting = Block()
        if order_bytes:
            self._waiting.ends.append(self._taken[self._stream])
            self._stream = stream
        left = count
        for view in views:
            self._waiting.data += view[:left]
            left -= min(left, len(view))
        both, stdout, stderr = self._taken
        if stream == STDOUT:
            stdout += count
        else:
            stderr += count
        self._taken = (both + count, stdout, stderr)
        self._give_back(-count - order_bytes)
        self._store.charge(count + order_bytes)

    def _give_back(self, size_bytes: int) -> None:
        self._used_bytes -= size_bytes
        self._store.used_bytes -= size_bytes

    @property
    def _unwritten_bytes(self) -> int:
        return self._flying.size_bytes + self._waiting.size_bytes

    # --- writing -----------------------------------------------------------------

    def _go_on(self) -> None:
        """Write if it is time, and say whether too much waits."""
        if not self._writing and self._is_due:
            self._writing = True
            Deferred.fromCoroutine(self._write())
        unwritten_bytes = self._unwritten_bytes
        taking = self._state is _State.TAKING
        if not self._is_congested:
            if taking and unwritten_bytes > CONGESTED_BYTES:
                self._is_congested = True
                self._congested(True)
        elif not taking or unwritten_bytes <= DRAINED_BYTES:
            self._is_congested = False
            self._congested(False)

    @property
    def _is_due(self) -> bool:
        if self._state is _State.TAKING:
            return self._waiting.size_bytes >= WRITE_BYTES
        return self._waiting is not NOTHING

    async def _write(self) -> None:
        try:
            while self._is_due:
                await self._write_block()
        except Exception as error:
            self._lose(error)
        finally:
            self._writing = False
        self._go_on()

    async def _write_block(self) -> None:
        if not self._has_file:
            self._store.add_file()
            self._has_file = True
        block, taken = self._waiting, self._taken
        self._flying, self._waiting = block, NOTHING
        await self._store.disk.ask(
            partial(
                self._file.write,
                self._written[BOTH],
                block.data,
                self._written_runs,
                block.ends,
            )
        )
        if self._flying is block:
            self._written = taken
            self._written_runs += len(block.ends)
            self._flying = NOTHING
            self._store.charge(-block.size_bytes)
            self._go_on()

    def _lose(self, error: Exception) -> None:
        """A write failed: only what was written before is spooled."""
        if self._state is _State.CLOSED:
            return
        if not isinstance(error, OSError):
            _log.failure("spool_failed", Failure(error))
        self._reason = in_words(error)
        self._state = _State.LOST
        # What was tried may be on the disk in part, so it stays counted.
        self._give_back(self._waiting.size_bytes)
        self._drop_what_waits()
        self._taken = self._written

    def _drop_what_waits(self) -> None:
        self._store.charge(-self._unwritten_bytes)
        self._flying = self._waiting = NOTHING

    # --- reading -----------------------------------------------------------------

    async def _look(self, stream: int, start: int, end: int) -> Sequence[Part]:
        """Some of it: at least one part, from ``start`` on."""
        spooled_end = min(end, self._taken[stream])
        if start >= spooled_end:
            return (Gap(start, end),)
        snapshot = self._snapshot(self._file, stream, spooled_end)
        look = partial(snapshot.read, stream, start, spooled_end)
        if not self._has_file:
            return look()
        try:
            return await self._store.disk.ask(look)
        except OSError:
            return (Gap(start, end),)
        except Exception:
            _log.failure("spool_not_read", Failure())
            return (Gap(start, end),)

    def _near(self, stream: int, start: int, end: int) -> Sequence[Part]:
        """What comes first of it, if it is there without waiting for a thread."""
        end = min(end, self._taken[stream])
        if start >= end or not self._has_file:
            return ()
        snapshot = self._snapshot(CachedFile(self._file), stream, end)
        try:
            return snapshot.read(stream, start, end, AT_ONCE)
        except Exception:  # a thread reads it again, and tells what is wrong
            return ()

    def _snapshot(self, file: WrittenFile, stream: int, end: int) -> Snapshot:
        """Of all that is spooled, or of what was written if that is enough."""
        if end <= self._written[stream]:
            data, ends = b"", array("Q")
        else:
            data = bytes(self._flying.data + self._waiting.data)
            ends = self._flying.ends + self._waiting.ends
        return Snapshot(
            file=file,
            written_bytes=self._written[BOTH],
            written_runs=self._written_runs,
            data=data,
            ends=ends,
        )
