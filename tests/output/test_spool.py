"""The server's one spool, on real disks and with real threads."""

from __future__ import annotations

import ctypes
import os
import random
import resource
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread

from commander.output.budget import MemoryBudget
from commander.output.command import CommandOutput, MergedPiece
from commander.output.kept import KeptOutput
from commander.output.order import BOTH, STDERR, STDOUT
from commander.output.ring import Gap
from commander.output.spool import FILES_SHARE, LEAVE_SECONDS, MOST_FILES, Spool
from commander.output.spool_store import Aside
from commander.output.spooled import SpooledOutput
from tests.output.disks import SlowDisk, at_once, result_of

LETTERS = random.Random(17).randbytes(4_000_000)

MEBIBYTE = 1024 * 1024

AsyncTest = Callable[[Path], Coroutine[Deferred[Any], Any, None]]
in_reactor: Callable[[AsyncTest], Callable[[Path], object]] = (
    pytest_twisted.ensureDeferred
)
"""With its type, which it lacks."""


def spool_in(directory: Path, aside: Aside = at_once) -> Spool:
    clock = Clock()
    return Spool(
        directory,
        job_bytes=64 * MEBIBYTE,
        total_bytes=256 * MEBIBYTE,
        aside=aside,
        clock=clock,
        monotonic=clock.seconds,
    )


def append(spooled: SpooledOutput, data: bytes) -> None:
    spooled.append(STDOUT, [memoryview(data)])


def read(spooled: SpooledOutput, start: int, end: int) -> list[MergedPiece | Gap]:
    return result_of(Deferred.fromCoroutine(spooled.read(STDOUT, start, end)))


def open_below(path: Path) -> int:
    numbers = os.listdir("/proc/self/fd")
    links = [f"/proc/self/fd/{number}" for number in numbers]
    return sum(
        os.readlink(link).startswith(str(path))
        for link in links
        if os.path.lexists(link)
    )


def test_closing_it_closes_all_jobs_and_leaves_nothing(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    for _ in range(3):
        append(spool.open(), LETTERS[:20_000])
    spool.open().close()
    assert spool.files == 3
    assert open_below(tmp_path) == 3 + 2
    result_of(spool.close())
    result_of(spool.close())
    assert (spool.files, spool.used_bytes, open_below(tmp_path)) == (0, 0, 0)
    assert os.listdir(tmp_path) == []


def test_a_job_of_a_closed_spool_says_what_is_wrong(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    result_of(spool.close())
    late = spool.open()
    append(late, LETTERS[:20_000])
    assert late.problem == (
        "the spool's directory is gone: output after byte 0 is kept in memory only"
    )


def test_a_directory_that_a_command_removed_is_no_more_than_a_problem(
    tmp_path: Path,
) -> None:
    spool = spool_in(tmp_path)
    before = spool.open()
    append(before, LETTERS[:20_000])
    (own,) = tmp_path.iterdir()
    own.rmdir()
    after = spool.open()
    append(after, LETTERS[:20_000])
    assert str(after.problem).startswith("the spool's directory is gone")
    append(before, LETTERS[20_000:40_000])
    assert read(before, 0, 40_000) == [MergedPiece(STDOUT, 0, 0, LETTERS[:40_000])]
    result_of(spool.close())


def test_a_disk_that_hangs_does_not_keep_the_server_from_leaving(
    tmp_path: Path,
) -> None:
    clock = Clock()
    disk = SlowDisk()
    spool = Spool(
        tmp_path,
        job_bytes=100_000,
        total_bytes=100_000,
        aside=disk,
        clock=clock,
        monotonic=clock.seconds,
    )
    append(spool.open(), LETTERS[:20_000])
    closing = spool.close()
    clock.advance(LEAVE_SECONDS + 1)
    result_of(closing)
    disk.work_all()
    assert clock.getDelayedCalls() == []
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("limit", "most"),
    [(4 * FILES_SHARE, 4), (resource.RLIM_INFINITY, MOST_FILES), (10**9, MOST_FILES)],
)
def test_most_descriptors_are_left_for_others(
    tmp_path: Path, limit: int, most: int
) -> None:
    with mock.patch("resource.getrlimit", return_value=(limit, limit)):
        spool = spool_in(tmp_path)
    jobs = [spool.open() for _ in range(8)]
    for job in jobs:
        append(job, LETTERS[:20_000])
    assert spool.files == min(most, 8)
    for job in jobs[most:]:
        assert str(job.problem).startswith("too many files are open: output after")
    jobs[0].close()
    late = spool.open()
    append(late, LETTERS[:20_000])
    assert late.problem is None
    result_of(spool.close())


@in_reactor
async def test_threads_write_while_others_read(tmp_path: Path) -> None:
    spool = spool_in(tmp_path, deferToThread)
    output = CommandOutput(100_000, MemoryBudget(1_000_000))
    kept = KeptOutput(output, spool.open())
    sizes = random.Random(19)
    streams = bytearray()
    place = 0
    while place < len(LETTERS):
        stream = sizes.choice((STDOUT, STDERR))
        data = LETTERS[place : place + sizes.randrange(1, 60_000)]
        output.append(stream, data)
        streams += bytes([stream]) * len(data)
        place += len(data)
        start = sizes.randrange(place)
        offset = start
        for part in await kept.read(BOTH, start, start + 20_000):
            assert isinstance(part, MergedPiece)
            assert part.data == LETTERS[offset : offset + len(part.data)]
            assert {part.stream} == set(streams[offset : part.end])
            offset = part.end
        assert offset == min(place, start + 20_000)
    kept.seal()
    assert kept.problem is None
    assert kept.evicted_bytes(BOTH) == 0
    await spool.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a mebibyte."""
    place = tmp_path / "small"
    place.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    target = os.fsencode(place)
    if libc.mount(b"tmpfs", target, b"tmpfs", 0, b"size=1m,mode=0700"):
        pytest.skip(f"cannot mount a tmpfs: {os.strerror(ctypes.get_errno())}")
    yield place
    assert libc.umount2(target, 0) == 0, "something on it is still open"


def test_a_full_disk_ends_the_spool_and_nothing_else(small_disk: Path) -> None:
    spool = spool_in(small_disk)
    spooled = spool.open()
    for start in range(0, 3_000_000, 100_000):
        append(spooled, LETTERS[start : start + 100_000])
    kept_bytes = spooled.spooled_bytes
    assert 900_000 <= kept_bytes <= MEBIBYTE
    assert spooled.problem == (
        f"the disk is full: output after byte {kept_bytes} is kept in memory only"
    )
    assert read(spooled, 0, 3_000_000) == [
        MergedPiece(STDOUT, 0, 0, LETTERS[:kept_bytes]),
        Gap(kept_bytes, 3_000_000),
    ]
    left = os.statvfs(small_disk)
    # What was written of the last, in vain, is given back.
    assert left.f_bfree * left.f_bsize >= MEBIBYTE - kept_bytes - 20_000
    spooled.close()
    again = spool.open()
    append(again, LETTERS[:500_000])
    assert again.problem is None
    result_of(spool.close())


def test_a_disk_without_room_for_another_file_is_a_problem_of_one_job(
    small_disk: Path,
) -> None:
    spool = spool_in(small_disk)
    (small_disk / "other").write_bytes(bytes(MEBIBYTE - 8_192))
    first = spool.open()
    append(first, LETTERS[:20_000])
    assert str(first.problem).startswith("the disk is full: output after byte 0 is")
    assert read(first, 0, 20_000) == [Gap(0, 20_000)]
    result_of(spool.close())
