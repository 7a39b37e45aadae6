"""Spooled output that the kernel has in memory is read without waiting for a thread."""

from __future__ import annotations

import errno
import os
import random
from array import array
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import attrs
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from commander.output import spool_file, spooled
from commander.output.command import MergedPiece
from commander.output.order import BOTH, RUN_BYTES, STDERR, STDOUT
from commander.output.ring import Gap
from commander.output.spool import Spool
from commander.output.spool_file import CachedFile, SpoolFile
from commander.output.spool_reading import AT_ONCE, Snapshot
from commander.output.spooled import Part, SpooledOutput
from tests.output.disks import SlowDisk, result_of

LETTERS = random.Random(5).randbytes(2_000_000)
UNSUPPORTED = OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))


class KernelMemory:
    """Has all of every file in memory, or forgets, or cannot tell."""

    def __init__(self) -> None:
        self.has_bytes = 10**9
        """Of each read, the first so many."""
        self.refuses: Exception | None = None
        self.read_bytes = 0
        self.meanwhile: Callable[[], None] = lambda: None

    def preadv(
        self, descriptor: int, buffers: list[bytearray], offset: int, flags: int
    ) -> int:
        assert flags == 8
        self.meanwhile()
        if self.refuses is not None:
            raise self.refuses
        (buffer,) = buffers
        data = os.pread(descriptor, min(len(buffer), self.has_bytes), offset)
        buffer[: len(data)] = data
        self.read_bytes += len(data)
        return len(data)


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> KernelMemory:
    memory = KernelMemory()
    monkeypatch.setattr(spool_file, "_NOWAIT", 8)
    monkeypatch.setattr(os, "preadv", memory.preadv)
    return memory


@attrs.define
class Rig:
    """A job whose output is on disk; its threads do nothing unless they are told to."""

    spool: Spool
    disk: SlowDisk
    job: SpooledOutput

    def begin(self, stream: int, start: int, end: int) -> Deferred[list[Part]]:
        return Deferred.fromCoroutine(self.job.read(stream, start, end))

    def append(self, stream: int, data: bytes) -> None:
        self.job.append(stream, [memoryview(data)])


@pytest.fixture
def rig(memory: KernelMemory, tmp_path: Path) -> Rig:
    disk, clock = SlowDisk(), Clock()
    spool = Spool(
        tmp_path,
        job_bytes=8_000_000,
        total_bytes=8_000_000,
        aside=disk,
        clock=clock,
        monotonic=clock.seconds,
    )
    rig = Rig(spool, disk, spool.open())
    for place in range(0, 1_000_000, 100_000):
        rig.append(STDOUT, LETTERS[place : place + 100_000])
    disk.work_all()
    return rig


def test_what_is_in_memory_needs_no_thread(rig: Rig, memory: KernelMemory) -> None:
    reading = rig.begin(STDOUT, 300_000, 365_536)
    assert rig.disk.waiting == []
    assert result_of(reading) == [
        MergedPiece(STDOUT, 300_000, 300_000, LETTERS[300_000:365_536])
    ]
    assert memory.read_bytes == 65_536


def test_what_waits_for_the_disk_is_added(rig: Rig) -> None:
    rig.append(STDOUT, b"on its way")
    rig.append(STDERR, b"error")
    near = LETTERS[999_998:1_000_000] + b"on its way"
    assert result_of(rig.begin(BOTH, 999_998, 10**9)) == [
        MergedPiece(STDOUT, 999_998, 999_998, near),
        MergedPiece(STDERR, 1_000_010, 0, b"error"),
    ]


def test_what_waits_is_not_copied_for_what_was_written(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = []

    def noting(**parts: Any) -> Snapshot:
        copied.append(len(parts["data"]))
        return Snapshot(**parts)

    monkeypatch.setattr(spooled, "Snapshot", noting)
    rig.append(STDERR, b"error")
    result_of(rig.begin(BOTH, 900_000, 1_000_000))
    result_of(rig.begin(STDOUT, 900_000, 10**9))
    result_of(rig.begin(BOTH, 900_000, 10**9))
    assert copied == [0, 0, 5]


def test_no_more_is_read_at_once_than_takes_a_moment(
    rig: Rig, memory: KernelMemory
) -> None:
    reading = rig.begin(STDOUT, 0, 1_000_000)
    assert memory.read_bytes == AT_ONCE.most_bytes
    assert len(rig.disk.waiting) == 1
    rig.disk.work_all()
    parts = result_of(reading)
    assert (
        b"".join(part.data for part in parts if isinstance(part, MergedPiece))
        == (LETTERS[:1_000_000])
    )


def test_no_more_runs_are_read_at_once_than_take_a_moment(rig: Rig) -> None:
    for number in range(10_000):
        rig.append(STDERR - number % 2, bytes([number % 251]))
    rig.disk.work_all()
    start, end = 1_000_500, 1_002_000
    reading = rig.begin(BOTH, start, end)
    assert len(rig.disk.waiting) == 1
    rig.disk.work_all()
    parts = result_of(reading)
    assert [part.start for part in parts] == list(range(start, end))
    assert {part.data for part in parts if isinstance(part, MergedPiece)} == {
        bytes([n]) for n in range(251)
    }


@pytest.mark.parametrize("has_bytes", [0, 1, 65_535])
def test_what_is_not_all_there_is_a_threads_to_read(
    rig: Rig, memory: KernelMemory, has_bytes: int
) -> None:
    memory.has_bytes = has_bytes
    reading = rig.begin(STDOUT, 300_000, 365_536)
    assert len(rig.disk.waiting) == 1
    rig.disk.work_all()
    assert result_of(reading) == [
        MergedPiece(STDOUT, 300_000, 300_000, LETTERS[300_000:365_536])
    ]


@pytest.mark.parametrize(
    "error",
    [UNSUPPORTED, OSError(errno.EIO, "bad sector"), NotImplementedError("no preadv2")],
)
def test_what_cannot_be_told_or_read_is_a_threads_to_say(
    rig: Rig, memory: KernelMemory, error: Exception
) -> None:
    memory.refuses = error
    reading = rig.begin(STDOUT, 0, 10)
    rig.disk.work_all()
    assert result_of(reading) == [MergedPiece(STDOUT, 0, 0, LETTERS[:10])]
    reading = rig.begin(STDOUT, 0, 10)
    rig.disk.fail(OSError(errno.EIO, "bad sector"))
    assert result_of(reading) == [Gap(0, 10)]


def test_a_job_that_is_closed_has_nothing_near(rig: Rig) -> None:
    rig.job.close()
    assert result_of(rig.begin(STDOUT, 0, 10)) == [Gap(0, 10)]


def test_a_file_is_not_closed_under_a_read(memory: KernelMemory) -> None:
    with TemporaryFile() as place:
        file = SpoolFile(lambda: os.dup(place.fileno()), 100)
        file.write(0, b"0123456789", 0, array("Q", [4, 5]))
    locked = []
    memory.meanwhile = lambda: locked.append(file._lock.locked())
    near = CachedFile(file)
    assert near.read(2, 5) == b"234"
    assert near.read_ends(0, 2) == array("Q", [4, 5])
    assert locked == [True, True]
    file.close()
    with pytest.raises(OSError, match="closed"):
        near.read(2, 5)
    assert memory.read_bytes == 3 + 2 * RUN_BYTES


def test_where_the_system_has_no_such_call_a_thread_reads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spool_file, "_NOWAIT", 0)
    with TemporaryFile() as place:
        file = SpoolFile(lambda: os.dup(place.fileno()), 100)
        file.write(0, b"0123456789", 0, array("Q"))
    with pytest.raises(OSError, match="cannot tell"):
        CachedFile(file).read(0, 1)
    file.close()


def test_this_systems_kernel_gives_the_bytes_or_says_why_not(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    file = SpoolFile(lambda: descriptor, 100_000)
    file.write(0, LETTERS[:100_000], 0, array("Q"))
    found: bytes | int | None
    try:
        found = CachedFile(file).read(10, 99_999)
    except OSError as error:
        found = error.errno
    assert found in (LETTERS[10:99_999], errno.EOPNOTSUPP, errno.EAGAIN)
    file.close()
