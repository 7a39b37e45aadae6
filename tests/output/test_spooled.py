"""One job's spool: what it takes, when it writes, and how it ends early."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, capturedLogs

from commander.output import spool_file
from commander.output.command import MergedPiece
from commander.output.order import BOTH, RUN_BYTES, STDERR, STDOUT
from commander.output.ring import Gap
from commander.output.spool import Spool
from commander.output.spool_store import ANSWER_SECONDS
from commander.output.spooled import (
    CONGESTED_BYTES,
    MOST_WAITING_BYTES,
    WRITE_BYTES,
    Part,
    SpooledOutput,
)
from tests.output.disks import SlowDisk, result_of

LETTERS = random.Random(13).randbytes(2_000_000)

KIB = 1024


@attrs.define
class Rig:
    """A spool on a slow disk, and a clock."""

    directory: Path
    job_bytes: int = 8_000_000
    total_bytes: int = 12_000_000
    disk: SlowDisk = attrs.field(factory=SlowDisk)
    clock: Clock = attrs.field(factory=Clock)
    charges: list[int] = attrs.field(factory=list)
    told: list[bool] = attrs.field(factory=list)
    spool: Spool = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.spool = Spool(
            self.directory,
            job_bytes=self.job_bytes,
            total_bytes=self.total_bytes,
            aside=self.disk,
            clock=self.clock,
            monotonic=self.clock.seconds,
            charge=self.charges.append,
        )

    def job(self) -> SpooledOutput:
        return self.spool.open(self.told.append)

    def read(
        self, spooled: SpooledOutput, stream: int, start: int, end: int
    ) -> list[Part]:
        reading = Deferred.fromCoroutine(spooled.read(stream, start, end))
        self.disk.work_all()
        return result_of(reading)


@pytest.fixture(autouse=True)
def forgetful_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on disk is read by threads only; see ``test_spool_near``."""
    monkeypatch.setattr(spool_file, "_NOWAIT", 0)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


@pytest.fixture
def events() -> Iterator[Sequence[LogEvent]]:
    """What is logged."""
    with capturedLogs() as found:
        yield found


def append(spooled: SpooledOutput, stream: int, *parts: bytes) -> None:
    spooled.append(stream, [memoryview(part) for part in parts])


def piece(stream: int, start: int, offset: int, data: bytes) -> MergedPiece:
    return MergedPiece(stream, start, offset, data)


def test_what_waits_is_read_without_the_disk(rig: Rig) -> None:
    spooled = rig.job()
    append(spooled, STDERR, b"err", b"or")
    append(spooled, STDOUT, b"out")
    assert rig.disk.waiting == []
    reading = Deferred.fromCoroutine(spooled.read(BOTH, 2, 99))
    assert rig.disk.waiting == []
    assert result_of(reading) == [
        piece(STDERR, 2, 2, b"ror"),
        piece(STDOUT, 5, 0, b"out"),
    ]
    assert rig.read(spooled, STDOUT, 1, 3) == [piece(STDOUT, 1, 1, b"ut")]
    assert rig.read(spooled, STDOUT, 3, 9) == []
    assert spooled.complete
    assert (spooled.spooled_bytes, spooled.spooled(STDERR)) == (8, 5)


def test_it_copies_at_once(rig: Rig) -> None:
    spooled = rig.job()
    memory = bytearray(b"first")
    spooled.append(STDOUT, [memoryview(memory)])
    memory[:] = b"later"
    append(spooled, STDOUT)
    assert rig.read(spooled, STDOUT, 0, 9) == [piece(STDOUT, 0, 0, b"first")]


def test_one_write_is_under_way_at_a_time_and_takes_all_that_waits(rig: Rig) -> None:
    spooled = rig.job()
    append(spooled, STDOUT, LETTERS[: WRITE_BYTES - 1])
    assert rig.disk.waiting == []
    append(spooled, STDOUT, b"!")
    append(spooled, STDERR, LETTERS[:100_000])
    assert len(rig.disk.waiting) == 1
    rig.disk.work()
    assert len(rig.disk.waiting) == 1
    rig.disk.work()
    assert rig.disk.waiting == []
    parts = rig.read(spooled, BOTH, WRITE_BYTES - 1, 10**9)
    assert parts == [
        piece(STDOUT, WRITE_BYTES - 1, WRITE_BYTES - 1, b"!"),
        piece(STDERR, WRITE_BYTES, 0, LETTERS[:100_000]),
    ]


def test_the_end_of_the_job_writes_what_is_left(rig: Rig) -> None:
    spooled = rig.job()
    append(spooled, STDOUT, b"little")
    spooled.finish()
    spooled.finish()
    assert len(rig.disk.waiting) == 1
    assert rig.read(spooled, STDOUT, 0, 9) == [piece(STDOUT, 0, 0, b"little")]
    assert sum(rig.charges) == 0
    assert (spooled.complete, spooled.problem) == (True, None)


def test_a_job_without_output_needs_no_disk(rig: Rig) -> None:
    spooled = rig.job()
    spooled.finish()
    assert rig.disk.waiting == []
    assert spooled.complete
    spooled.close()
    spooled.close()
    assert rig.disk.waiting == []


def test_too_much_in_memory_is_told_and_the_end_of_it(rig: Rig) -> None:
    spooled = rig.job()
    append(spooled, STDOUT, LETTERS[:CONGESTED_BYTES])
    assert rig.told == []
    append(spooled, STDOUT, b"!")
    append(spooled, STDOUT, b"!")
    assert rig.told == [True]
    assert sum(rig.charges) == CONGESTED_BYTES + 2
    rig.disk.work()
    assert rig.told == [True, False]
    assert sum(rig.charges) == 2


@pytest.mark.parametrize("ending", ["finish", "close", "fail", "hang"])
def test_nobody_stays_paused(rig: Rig, ending: str) -> None:
    spooled = rig.job()
    append(spooled, STDOUT, LETTERS[: CONGESTED_BYTES + 1])
    assert rig.told == [True]
    if ending == "finish":
        spooled.finish()
    elif ending == "close":
        spooled.close()
    elif ending == "fail":
        rig.disk.fail(OSError(errno.EIO, "broken"))
    else:
        rig.clock.advance(ANSWER_SECONDS + 1)
    assert rig.told == [True, False]


def test_memory_is_bounded_even_if_nobody_listens(rig: Rig) -> None:
    spooled = rig.job()
    for _ in range(5):
        append(spooled, STDOUT, LETTERS[:1_000_000])
    assert spooled.problem == (
        f"the disk is too slow: output after byte {MOST_WAITING_BYTES} is kept in "
        "memory only"
    )
    assert sum(rig.charges) == MOST_WAITING_BYTES
    assert rig.told == [True, False]
    rig.disk.work_all()
    assert rig.read(spooled, STDOUT, MOST_WAITING_BYTES - 2, 10**9) == [
        piece(
            STDOUT,
            MOST_WAITING_BYTES - 2,
            MOST_WAITING_BYTES - 2,
            LETTERS[194_302:194_304],
        ),
        Gap(MOST_WAITING_BYTES, 5_000_000),
    ]


def test_a_job_keeps_its_first_bytes_up_to_its_quota(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.pwrite
    written: list[int] = []

    def counted(descriptor: int, data: memoryview, offset: int) -> int:
        written.append(write(descriptor, data, offset))
        return written[-1]

    monkeypatch.setattr("os.pwrite", counted)
    rig = Rig(tmp_path, job_bytes=100_000)
    spooled = rig.job()
    append(spooled, STDOUT, LETTERS[:60_000], LETTERS[60_000:90_000])
    append(spooled, STDOUT, LETTERS[90_000:95_000], LETTERS[95_000:120_000], b"more")
    append(spooled, STDOUT, b"and more")
    assert spooled.spooled_bytes == rig.spool.used_bytes == 100_000
    assert not spooled.complete
    assert spooled.problem == (
        "one command may keep 100000 bytes on disk: output after byte 100000 is kept "
        "in memory only"
    )
    parts = rig.read(spooled, STDOUT, 0, 10**9)
    assert parts == [piece(STDOUT, 0, 0, LETTERS[:100_000]), Gap(100_000, 120_012)]
    assert sum(written) == 100_000


def test_the_order_counts_for_the_quota(tmp_path: Path) -> None:
    """Even a job that changes streams with every byte stays within it."""
    rig = Rig(tmp_path, job_bytes=90_000)
    spooled = rig.job()
    for number in range(20_000):
        append(spooled, STDERR - number % 2, bytes([number % 251]))
    assert spooled.spooled_bytes == 90_000 // (1 + RUN_BYTES)
    parts = rig.read(spooled, BOTH, 9_990, 10_010)
    assert parts[-1] == Gap(10_000, 10_010)
    assert [part.start for part in parts] == list(range(9_990, 10_001))
    own = rig.read(spooled, STDERR, 0, 10**9)
    assert own == [
        piece(STDERR, 0, 0, bytes(n % 251 for n in range(0, 10_000, 2))),
        Gap(5_000, 10_000),
    ]


def test_no_room_for_the_order_is_no_room_for_the_bytes(tmp_path: Path) -> None:
    rig = Rig(tmp_path, job_bytes=100)
    spooled = rig.job()
    append(spooled, STDOUT, LETTERS[:95])
    append(spooled, STDERR, b"error")
    assert spooled.spooled_bytes == 95
    assert rig.read(spooled, BOTH, 94, 99) == [
        piece(STDOUT, 94, 94, LETTERS[94:95]),
        Gap(95, 99),
    ]


def test_all_jobs_share_a_quota_and_a_closed_one_gives_its_part_back(
    tmp_path: Path,
) -> None:
    rig = Rig(tmp_path, job_bytes=80_000, total_bytes=100_000)
    first, second, third = rig.job(), rig.job(), rig.job()
    append(first, STDOUT, LETTERS[:70_000])
    append(second, STDOUT, LETTERS[:70_000])
    assert second.problem == (
        "all commands may keep 100000 bytes on disk: output after byte 30000 is kept "
        "in memory only"
    )
    rig.disk.work_all()
    first.close()
    assert rig.spool.used_bytes == 30_000
    append(third, STDOUT, LETTERS[:70_000])
    append(second, STDOUT, b"not behind a hole")
    assert (third.problem, second.spooled_bytes) == (None, 30_000)
    assert rig.spool.used_bytes == 100_000


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the server's disk quota is used up"),
        (errno.EIO, "the disk failed"),
        (errno.EMFILE, "too many files are open"),
        (errno.EXDEV, "the disk cannot be written (Invalid cross-device link)"),
    ],
)
def test_a_disk_that_fails_ends_the_spool_of_the_job(
    rig: Rig, number: int, words: str
) -> None:
    spooled = rig.job()
    append(spooled, STDOUT, LETTERS[:20_000])
    rig.disk.work()
    append(spooled, STDERR, LETTERS[:20_000])
    append(spooled, STDERR, b"waits")
    rig.disk.fail(OSError(number, os.strerror(number)))
    append(spooled, STDERR, b"comes later")
    assert spooled.problem == (
        f"{words}: output after byte 20000 is kept in memory only"
    )
    assert rig.disk.waiting == []
    assert sum(rig.charges) == 0
    # What was tried may lie on the disk; what waited does not.
    assert rig.spool.used_bytes == 40_000 + RUN_BYTES
    assert rig.read(spooled, BOTH, 19_999, 20_003) == [
        piece(STDOUT, 19_999, 19_999, LETTERS[19_999:20_000]),
        Gap(20_000, 20_003),
    ]
    assert rig.read(spooled, STDERR, 0, 3) == [Gap(0, 3)]
    spooled.close()
    assert rig.spool.used_bytes == 0


def test_a_disk_that_fills_up_within_a_write_tells_the_truth(rig: Rig) -> None:
    spooled = rig.job()
    append(spooled, STDOUT, LETTERS[:20_000])
    rig.disk.work()
    append(spooled, STDOUT, LETTERS[20_000:60_000])
    rig.disk.fill_up(5_000)
    assert spooled.spooled_bytes == 20_000
    assert rig.read(spooled, STDOUT, 0, 10**9) == [
        piece(STDOUT, 0, 0, LETTERS[:20_000]),
        Gap(20_000, 60_000),
    ]


def test_a_disk_that_hangs_holds_nobody_up(rig: Rig) -> None:
    spooled = rig.job()
    append(spooled, STDOUT, LETTERS[:20_000])
    rig.disk.work()
    append(spooled, STDOUT, LETTERS[20_000:50_000])
    reading = Deferred.fromCoroutine(spooled.read(STDOUT, 0, 30_000))
    rig.clock.advance(ANSWER_SECONDS + 1)
    assert spooled.problem == (
        "the disk does not answer: output after byte 20000 is kept in memory only"
    )
    assert result_of(reading) == [Gap(0, 30_000)]
    # It comes back to life.
    rig.disk.work_all()
    assert spooled.spooled_bytes == 20_000
    assert rig.read(spooled, STDOUT, 19_999, 20_001) == [
        piece(STDOUT, 19_999, 19_999, LETTERS[19_999:20_000]),
        Gap(20_000, 20_001),
    ]
    assert rig.clock.getDelayedCalls() == []


def test_a_fault_of_our_own_ends_the_spool_and_is_logged(
    rig: Rig, events: Sequence[LogEvent]
) -> None:
    spooled = rig.job()
    append(spooled, STDOUT, LETTERS[:20_000])
    rig.disk.fail(RuntimeError("can't start new thread"))
    assert spooled.problem == (
        "the disk cannot be written: output after byte 0 is kept in memory only"
    )
    assert [event["log_format"] for event in events] == ["spool_failed"]


@pytest.mark.parametrize("error", [OSError(errno.EIO, "broken"), RuntimeError("bug")])
def test_what_cannot_be_read_is_a_gap(
    rig: Rig, events: Sequence[LogEvent], error: Exception
) -> None:
    spooled = rig.job()
    append(spooled, STDOUT, LETTERS[:20_000])
    rig.disk.work()
    reading = Deferred.fromCoroutine(spooled.read(STDOUT, 5, 25_000))
    rig.disk.fail(error)
    assert result_of(reading) == [Gap(5, 20_000)]
    assert len(events) == isinstance(error, RuntimeError)


def test_a_job_that_is_closed_meanwhile_reads_right_or_as_a_gap(rig: Rig) -> None:
    spooled = rig.job()
    append(spooled, STDOUT, LETTERS[:20_000])
    rig.disk.work()
    before = Deferred.fromCoroutine(spooled.read(STDOUT, 0, 20_000))
    after = Deferred.fromCoroutine(spooled.read(STDOUT, 0, 20_000))
    append(spooled, STDOUT, LETTERS[:20_000])
    spooled.close()
    rig.disk.work()
    assert result_of(before) == [piece(STDOUT, 0, 0, LETTERS[:20_000])]
    # The file is closed before the second reader gets its turn.
    rig.disk.work(2)
    rig.disk.work_all()
    assert result_of(after) == [Gap(0, 20_000)]
    append(spooled, STDOUT, b"late")
    assert rig.read(spooled, STDOUT, 0, 10**9) == [Gap(0, 40_004)]
    assert (rig.spool.used_bytes, rig.spool.files) == (0, 0)
    assert sum(rig.charges) == 0
    assert (spooled.problem, spooled.spooled_bytes) == (None, 0)


def test_a_write_that_fails_after_the_job_was_closed_is_nothing(rig: Rig) -> None:
    spooled = rig.job()
    append(spooled, STDOUT, LETTERS[:20_000])
    spooled.close()
    rig.disk.fail(OSError(errno.EIO, "broken"))
    assert spooled.problem is None
    assert rig.spool.used_bytes == sum(rig.charges) == 0


def test_a_read_of_a_mebibyte_and_more_comes_in_looks_that_join(rig: Rig) -> None:
    spooled = rig.job()
    append(spooled, STDOUT, LETTERS)
    rig.disk.work_all()
    done = rig.disk.done
    parts = rig.read(spooled, STDOUT, 1, 1_999_999)
    assert rig.disk.done - done == 2
    assert (
        b"".join(p.data for p in parts if isinstance(p, MergedPiece))
        == (LETTERS[1:1_999_999])
    )
