"""Ring and spool together, against a model that keeps everything."""

from __future__ import annotations

import errno
import os
import random
import shutil
from pathlib import Path
from tempfile import mkdtemp
from unittest import mock

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from commander.output import spool_file
from commander.output.budget import MemoryBudget
from commander.output.command import CommandOutput, MergedPiece
from commander.output.kept import KeptOutput
from commander.output.order import BOTH, STDERR, STDOUT
from commander.output.ring import Gap
from commander.output.spool import Spool
from commander.output.spooled import Part, SpooledOutput
from tests.memory import memory_kept_by
from tests.output.disks import SlowDisk, at_once, result_of

LETTERS = bytes(random.Random(11).choices(b"abcdefghijklmnopqrstuvwxyz\n", k=300_000))

STREAMS = (BOTH, STDOUT, STDERR)

jobs = st.integers(0, 1)
streams = st.sampled_from([STDOUT, STDERR])


def spool_in(
    directory: Path, disk: SlowDisk | None = None, *, budget: MemoryBudget | None = None
) -> Spool:
    clock = Clock()
    return Spool(
        directory,
        job_bytes=1_000_000,
        total_bytes=2_000_000,
        aside=disk or at_once,
        clock=clock,
        monotonic=clock.seconds,
        charge=MemoryBudget(1_000_000).charge if budget is None else budget.charge,
    )


@attrs.define
class Everything:
    """All that a job printed."""

    both: bytearray = attrs.field(factory=bytearray)
    streams: bytearray = attrs.field(factory=bytearray)
    stdout: bytearray = attrs.field(factory=bytearray)
    stderr: bytearray = attrs.field(factory=bytearray)

    def add(self, stream: int, data: bytes) -> None:
        self.both += data
        self.streams += bytes([stream]) * len(data)
        self.of(stream).extend(data)

    def of(self, stream: int) -> bytearray:
        return (self.both, self.stdout, self.stderr)[stream]


@attrs.define(eq=False)
class Job:
    kept: KeptOutput
    spooled: SpooledOutput
    told: Everything = attrs.field(factory=Everything)
    paused: list[bool] = attrs.field(factory=list)
    ended: bool = False
    closed: bool = False
    """The spool is, by ``close`` or because memory has all of it for good."""
    faulty: bool = False
    """The disk has failed it, so what was on it may not be readable now."""

    def check(self, stream: int, parts: list[Part], start: int, end: int) -> int:
        """Parts join and cover all, and pieces are right; bytes in gaps."""
        everything = self.told.of(stream)
        gaps = 0
        for part in parts:
            assert part.start == start < part.end
            start = part.end
            if isinstance(part, Gap):
                gaps += part.end - part.start
                continue
            assert part.data == everything[part.start : part.end]
            if stream == BOTH:
                assert {part.stream} == set(self.told.streams[part.start : part.end])
                before = self.told.streams.count(part.stream, 0, part.start)
                assert part.offset == before
            else:
                assert (part.stream, part.offset) == (stream, part.start)
        assert start == end
        return gaps


@attrs.define
class Reading:
    job: Job
    stream: int
    start: int
    end: int
    spooled: int
    """Of the stream, when it began."""
    answer: Deferred[list[Part]]
    from_spool: bool
    parts: list[Part] | None = None

    def look(self) -> bool:
        """Check what it found, if it has ended."""
        if self.parts is None:
            return False
        end = min(self.end, max(self.start, len(self.job.told.of(self.stream))))
        if self.parts:
            end = self.parts[-1].end
        gaps = self.job.check(self.stream, self.parts, self.start, end)
        spooled = min(self.spooled, self.job.spooled.spooled(self.stream))
        if self.job.faulty or self.job.closed:
            return True
        if self.from_spool:
            # Fewer if a write failed that was under way when this was read.
            assert gaps <= max(0, end - max(self.start, spooled))
        else:
            for part in self.parts:
                assert not isinstance(part, Gap) or part.start >= spooled
        return True


class Jobs(RuleBasedStateMachine):
    """Two jobs on one disk, which is slow, full or broken at any moment."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(mkdtemp())
        self.disk = SlowDisk()
        self.clock = Clock()
        self.budget = MemoryBudget(60_000)
        self.charged = 0
        self.spool = Spool(
            self.directory,
            job_bytes=200_000,
            total_bytes=300_000,
            aside=self.disk,
            clock=self.clock,
            monotonic=self.clock.seconds,
            charge=self.charge,
        )
        self.jobs = [self.job(), self.job()]
        self.readings: list[Reading] = []
        self.forgetful_kernel = mock.patch.object(spool_file, "_NOWAIT", 0)
        self.forgetful = False

    def charge(self, size_bytes: int) -> None:
        self.charged += size_bytes
        self.budget.charge(size_bytes)

    def job(self) -> Job:
        paused: list[bool] = []
        spooled = self.spool.open(paused.append)
        output = CommandOutput(20_000, self.budget)
        return Job(KeptOutput(output, spooled), spooled, paused=paused)

    def add(self, job: Job, stream: int, size: int) -> None:
        start = len(job.told.both) % 200_000
        data = LETTERS[start : start + size]
        if size % 2:
            job.kept.output.append(stream, data)
        else:
            views = job.kept.output.buffers(stream, size)
            data = data[: sum(map(len, views))]
            rest = data
            for view in views:
                view[:], rest = rest[: len(view)], rest[len(view) :]
            job.kept.output.filled(stream, len(data))
        job.told.add(stream, data)

    @rule(
        number=jobs,
        stream=streams,
        size=st.integers(1, 300) | st.integers(10_000, 90_000),
    )
    def read_a_pipe(self, number: int, stream: int, size: int) -> None:
        if not self.jobs[number].ended:
            self.add(self.jobs[number], stream, size)

    @rule(number=jobs, runs=st.integers(1, 3_000), size=st.integers(1, 2))
    def alternate(self, number: int, runs: int, size: int) -> None:
        if not self.jobs[number].ended:
            for run in range(runs):
                self.add(self.jobs[number], STDOUT + run % 2, size)

    @rule(
        number=jobs,
        stream=st.sampled_from(STREAMS),
        start=st.integers(0, 300_000),
        size=st.integers(1, 100_000),
        share=st.sampled_from([1, 7, 1_000]),
        from_spool=st.booleans(),
    )
    def begin_to_read(
        self,
        number: int,
        stream: int,
        start: int,
        size: int,
        share: int,
        from_spool: bool,
    ) -> None:
        job = self.jobs[number]
        start = min(start // share, len(job.told.of(stream)))
        if from_spool:
            answer = Deferred.fromCoroutine(
                job.spooled.read(stream, start, start + size)
            )
        else:
            answer = job.kept.read(stream, start, start + size)
        spooled = job.spooled.spooled(stream)
        reading = Reading(job, stream, start, start + size, spooled, answer, from_spool)

        def found(parts: list[Part]) -> None:
            reading.parts = parts

        answer.addCallback(found)
        self.readings.append(reading)

    @rule()
    def memory_is_short_or_not_any_more(self) -> None:
        """What is on disk can be read without a thread, or it cannot."""
        self.forgetful = not self.forgetful
        if self.forgetful:
            self.forgetful_kernel.start()
        else:
            self.forgetful_kernel.stop()

    @precondition(lambda self: self.disk.waiting)
    @rule(data=st.data())
    def the_disk_works(self, data: st.DataObject) -> None:
        self.disk.work(data.draw(st.integers(0, len(self.disk.waiting) - 1)))

    @rule()
    def the_disk_catches_up(self) -> None:
        self.disk.work_all()

    @precondition(lambda self: self.disk.waiting)
    @rule(
        data=st.data(),
        number=st.sampled_from([errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EXDEV]),
    )
    def the_disk_fails(self, data: st.DataObject, number: int) -> None:
        for job in self.jobs:
            job.faulty = True
        place = data.draw(st.integers(0, len(self.disk.waiting) - 1))
        self.disk.fail(OSError(number, os.strerror(number)), place)

    @precondition(lambda self: self.disk.waiting)
    @rule(room=st.integers(0, 50_000))
    def the_disk_is_full(self, room: int) -> None:
        """What was written before can still be read."""
        self.disk.fill_up(room)

    @precondition(lambda self: self.disk.waiting)
    @rule()
    def the_disk_hangs(self) -> None:
        for job in self.jobs:
            job.faulty = True
        self.clock.advance(31)

    @rule(number=jobs)
    def end(self, number: int) -> None:
        job = self.jobs[number]
        job.ended = True
        job.kept.seal()
        if job.kept.output.is_safe:
            job.closed = True

    @rule(number=jobs)
    def forget(self, number: int) -> None:
        job = self.jobs[number]
        job.kept.close()
        job.closed = job.ended = True
        for reading in self.readings:
            if reading.job is job and reading.parts is None:
                job.faulty = True
        self.readings = [each for each in self.readings if each.job is not job]
        self.disk.work_all()
        self.jobs[number] = self.job()

    @invariant()
    def readers_get_what_there_was(self) -> None:
        self.readings = [each for each in self.readings if not each.look()]

    @invariant()
    def the_counts_are_true(self) -> None:
        assert 0 <= self.spool.used_bytes <= 300_000
        assert self.charged >= 0
        for job in self.jobs:
            kept, told = job.kept, job.told
            for stream in STREAMS:
                assert kept.total(stream) == len(told.of(stream))
                assert kept.newlines(stream) == told.of(stream).count(b"\n")
                assert job.spooled.spooled(stream) <= len(told.of(stream))
            assert job.spooled.spooled_bytes <= 200_000
            if kept.problem is None and not job.ended:
                assert job.spooled.complete
            if kept.problem is not None:
                assert kept.problem.endswith(
                    f"after byte {job.spooled.spooled_bytes} is kept in memory only"
                )

    @invariant()
    def pauses_and_resumptions_alternate(self) -> None:
        for job in self.jobs:
            assert job.paused == [True, False] * (len(job.paused) // 2) + [True] * (
                len(job.paused) % 2
            )
            if job.ended or job.kept.problem:
                assert len(job.paused) % 2 == 0

    def teardown(self) -> None:
        try:
            self.leave_nothing()
        finally:
            if self.forgetful:
                self.forgetful_kernel.stop()
            shutil.rmtree(self.directory)

    def leave_nothing(self) -> None:
        self.disk.work_all()
        self.readers_get_what_there_was()
        assert self.readings == []
        for job in self.jobs:
            if not job.faulty:
                self.check_all(job)
            job.kept.close()
        self.disk.work_all()
        assert self.spool.used_bytes == self.spool.files == self.charged == 0
        assert self.budget.reserved_bytes == 0
        closing = self.spool.close()
        self.disk.work_all()
        result_of(closing)
        assert self.clock.getDelayedCalls() == []
        assert os.listdir(self.directory) == []

    def check_all(self, job: Job) -> None:
        """Everything that is kept comes back, and nothing else is told to be."""
        for stream in STREAMS:
            total = len(job.told.of(stream))
            reading = job.kept.read(stream, 0, total)
            self.disk.work_all()
            parts = result_of(reading)
            gaps = job.check(stream, parts, 0, total)
            if stream != BOTH:
                assert gaps == job.kept.evicted_bytes(stream)
            for part in parts:
                where = job.kept.kept_from(stream, part.start)
                assert where == (part.end if isinstance(part, Gap) else part.start)


TestJobs = Jobs.TestCase
TestJobs.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_what_the_ring_lost_comes_from_the_disk(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    output = CommandOutput(1_000, MemoryBudget(10_000))
    kept = KeptOutput(output, spool.open())
    output.append(STDOUT, LETTERS[:50_000])
    output.append(STDERR, b"error")
    assert output.stdout.omitted_bytes == 49_000
    assert kept.evicted_bytes(BOTH) == 0
    assert kept.kept_from(STDOUT, 30_000) == kept.kept_from(BOTH, 30_000) == 30_000
    parts = result_of(kept.read(BOTH, 0, 99_999))
    assert b"".join(p.data for p in parts if isinstance(p, MergedPiece)) == (
        LETTERS[:50_000] + b"error"
    )
    kept.seal()
    assert kept.problem is None
    assert result_of(kept.read(STDOUT, 20_000, 20_010)) == [
        MergedPiece(STDOUT, 20_000, 20_000, LETTERS[20_000:20_010])
    ]
    kept.close()
    kept.close()
    assert result_of(kept.read(STDOUT, 10, 20)) == [Gap(10, 20)]


def test_without_a_spool_there_are_gaps() -> None:
    output = CommandOutput(1_000, MemoryBudget(10_000))
    kept = KeptOutput(output)
    output.append(STDOUT, LETTERS[:2_000])
    assert Gap(250, 1_250) in result_of(kept.read(STDOUT, 0, 2_000))
    assert Gap(250, 1_250) in result_of(kept.read(BOTH, 0, 2_000))
    assert kept.evicted_bytes(BOTH) == kept.evicted_bytes(STDOUT) == 1_000
    assert kept.kept_from(STDOUT, 300) == kept.kept_from(BOTH, 300) == 1_250
    assert kept.problem is None
    kept.seal()
    assert kept.kept_bytes == 1_000
    kept.close()


def test_a_job_that_prints_little_never_has_a_file(tmp_path: Path) -> None:
    disk = SlowDisk()
    spool = spool_in(tmp_path, disk)
    output = CommandOutput(100_000, MemoryBudget(100_000))
    kept = KeptOutput(output, spool.open())
    output.append(STDOUT, LETTERS[:4_000])
    output.append(STDERR, LETTERS[:4_000])
    kept.seal()
    kept.seal()
    assert (disk.waiting, spool.used_bytes, spool.files) == ([], 0, 0)
    parts = result_of(kept.read(STDERR, 0, 5_000))
    assert parts == [MergedPiece(STDERR, 0, 0, LETTERS[:4_000])]


def test_what_memory_could_lose_goes_to_the_disk_at_the_end(tmp_path: Path) -> None:
    budget = MemoryBudget(20_000)
    spool = spool_in(tmp_path)
    output = CommandOutput(10_000, budget)
    kept = KeptOutput(output, spool.open())
    output.append(STDOUT, LETTERS[:9_000])
    assert spool.files == 0
    kept.seal()
    assert (spool.files, spool.used_bytes) == (1, 9_000)
    CommandOutput(20_000, budget).append(STDERR, LETTERS)
    assert output.stdout.omitted_bytes
    assert result_of(kept.read(STDOUT, 0, 9_000))[-1].end == 9_000
    assert kept.evicted_bytes(BOTH) == 0


def test_a_spool_that_comes_late_is_a_mistake(tmp_path: Path) -> None:
    output = CommandOutput(1_000, MemoryBudget(10_000))
    output.append(STDOUT, b"early")
    with pytest.raises(ValueError, match="from its start"):
        KeptOutput(output, spool_in(tmp_path).open())


@pytest.mark.parametrize(("size", "most_bytes"), [(0, 1_000), (20_000, 2_048)])
def test_a_finished_job_costs_its_bytes_and_not_much_else(
    tmp_path: Path, size: int, most_bytes: int
) -> None:
    budget = MemoryBudget(100_000_000)
    spool = spool_in(tmp_path, budget=budget)

    def finished() -> KeptOutput:
        output = CommandOutput(1_000_000, budget)
        kept = KeptOutput(output, spool.open())
        output.buffers(STDOUT, 1)
        output.append(STDOUT, LETTERS[:size])
        kept.seal()
        return kept

    finished()
    kept = memory_kept_by(lambda: [finished() for _ in range(80)])
    assert kept / 80 < size + most_bytes
    result_of(spool.close())
