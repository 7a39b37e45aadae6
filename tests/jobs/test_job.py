"""The life of a job: one way, one ending, and nothing left behind."""

from __future__ import annotations

import signal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from commander.commands import (
    Busy,
    Cancelled,
    EndedBy,
    Outcome,
    OutputWindow,
    StartFailed,
    Stdin,
)
from commander.jobs.job import Job, JobPhase
from commander.policy.checker import Denied
from tests.jobs.kit import Stage, Told

SECRET = "hunter2"


def outcome_of(job: Job) -> Outcome:
    assert isinstance(job.ended, Outcome)
    return job.ended


# --- its phases ----------------------------------------------------------------------


def test_a_job_passes_through_its_phases_and_tells_of_each() -> None:
    stage = Stage(slots=1)
    first, job = stage.started(), stage.job(label="build")
    told = Told()
    job.on_change(told)
    job.start()
    assert (job.phase, told.times) == (JobPhase.QUEUED, 0)
    assert job.kept is None
    assert job.running is None
    assert job.total_bytes == 0
    assert job.windows() == (OutputWindow(), OutputWindow())
    assert job.run_seconds == job.idle_seconds == 0.0
    stage.reactor.advance(2.0)
    stage.process.exit()
    assert first.finished
    assert (job.phase, told.times) == (JobPhase.RUNNING, 1)
    stage.process.emit(1, b"out")
    stage.process.emit(2, b"err")
    stage.reactor.advance(3.0)
    assert job.total_bytes == 6
    assert job.run_seconds == job.idle_seconds == pytest.approx(3.0)
    stage.process.exit(7)
    assert (job.phase, told.times) == (JobPhase.FINISHED, 2)
    assert job.finished
    assert outcome_of(job).exit_code == 7
    assert job.run_seconds == pytest.approx(3.0)
    assert job.idle_seconds == 0.0
    assert job.kind.label == "build"
    stdout, stderr = job.windows()
    assert (stdout.head + stdout.tail, stderr.head + stderr.tail) == (b"out", b"err")


def test_who_does_not_listen_any_more_is_told_nothing() -> None:
    stage = Stage()
    job, told = stage.started(), Told()
    job.on_change(told)
    job.forget(told)
    job.forget(told)
    stage.process.exit()
    assert told.times == 0


def test_what_is_over_does_not_change_and_has_no_listeners() -> None:
    stage = Stage()
    job, told = stage.finished(), Told()
    job.on_change(told)
    job.forget(told)
    assert told.times == 0


def test_an_outcome_carries_counts_and_no_output() -> None:
    stage = Stage(output_bytes=100)
    job = stage.started()
    stage.process.emit(1, b"line\n" * 100)
    stage.process.exit()
    stdout = outcome_of(job).stdout
    assert (stdout.head, stdout.tail) == (b"", b"")
    assert (stdout.total_bytes, stdout.omitted_bytes) == (500, 400)
    assert stdout.omitted_lines == 80


def test_its_real_directory_is_known_from_the_start_on() -> None:
    stage = Stage()
    assert stage.job().request.working_directory == "/usr"


def test_seconds_since_1970_are_those_of_the_wall() -> None:
    stage = Stage()
    stage.reactor.advance(5.0)
    assert stage.job().created_at == 1_000_000_005.0


# --- what it can come to -------------------------------------------------------------


def test_a_command_that_may_not_run_is_over_at_once() -> None:
    job = Stage().started("reboot")
    assert job.finished
    assert isinstance(job.ended, Denied)
    assert job.kept is None


def test_without_a_place_to_wait_it_is_busy() -> None:
    stage = Stage(slots=1, queued=0)
    stage.started()
    assert isinstance(stage.started().ended, Busy)


def test_a_place_in_the_queue_can_be_given_up() -> None:
    stage = Stage(slots=1)
    first, second = stage.started(), stage.started()
    second.cancel()
    second.cancel()
    assert isinstance(second.ended, Cancelled)
    assert first.phase is JobPhase.RUNNING
    assert len(stage.reactor.processes) == 1


def test_a_job_that_was_cancelled_before_its_start_does_not_start() -> None:
    stage = Stage()
    job = stage.job()
    job.cancel()
    job.start()
    assert isinstance(job.ended, Cancelled)
    assert stage.reactor.processes == []


def test_a_process_that_cannot_be_started_is_told() -> None:
    stage = Stage()
    stage.reactor.spawn_error = OSError(11, "no more processes")
    job = stage.started()
    assert isinstance(job.ended, StartFailed)
    assert job.total_bytes == 0
    assert job.run_seconds == 0.0


def test_a_start_may_fail_late() -> None:
    stage = Stage()
    stage.reactor.starts_late = True
    job = stage.started(idle_timeout_seconds=60.0)
    assert job.phase is JobPhase.RUNNING
    stage.reactor.start_late(OSError(11, "no more processes"))
    assert isinstance(job.ended, StartFailed)
    assert job.kept_bytes == 0


def test_a_fault_of_ours_ends_the_job_and_is_logged_and_not_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage()
    failures: list[str] = []

    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(stage.host.runner, "run", broken)
    monkeypatch.setattr(
        "commander.jobs.job._log.failure", lambda name, _: failures.append(name)
    )
    job = stage.started()
    assert isinstance(job.ended, StartFailed)
    assert SECRET not in job.ended.reason
    assert failures == ["job_failed"]


def test_a_command_is_cancelled_with_all_that_it_started() -> None:
    stage = Stage()
    job = stage.started()
    stage.process.leave_behind()
    job.cancel()
    stage.pump(0.1)
    assert outcome_of(job).ended_by is EndedBy.CANCELLED
    assert stage.process.live == 0


# --- input ---------------------------------------------------------------------------


def test_the_first_input_is_written_and_ends_if_that_is_all() -> None:
    stage = Stage()
    stage.started(stdin=Stdin.PIPE, first_input=b"data", ends_input=True)
    assert stage.process.input == b"data"
    assert stage.process.input_ended


def test_more_can_be_written_as_long_as_it_runs() -> None:
    stage = Stage()
    job = stage.started(stdin=Stdin.PIPE, first_input=b"a")
    assert not stage.process.input_ended
    stage.reactor.advance(1.0)
    job.write(b"b")
    assert job.input_at == 1.0
    job.write(b"", ends=True)
    assert (stage.process.input, stage.process.input_ended) == (b"ab", True)
    stage.process.exit()
    stage.reactor.advance(1.0)
    job.write(b"c")
    assert stage.process.input == b"ab"
    assert job.input_at == 1.0


@pytest.mark.parametrize("slots", [1, 2])
def test_neither_variables_nor_first_input_are_held_longer_than_needed(
    slots: int,
) -> None:
    stage = Stage(slots=slots)
    stage.started()
    job = stage.started(
        env={"PASSWORD": SECRET}, stdin=Stdin.PIPE, first_input=SECRET.encode()
    )
    if job.phase is JobPhase.QUEUED:
        assert job.request.env == {"PASSWORD": SECRET}
        job.cancel()
        assert job.finished
    else:
        assert stage.process.env["PASSWORD"] == SECRET
        assert stage.process.input == SECRET.encode()
    assert job.request.env == {}
    assert job.kind.first_input == b""


# --- silence -------------------------------------------------------------------------


def test_who_prints_nothing_for_too_long_is_ended_with_a_grace() -> None:
    stage = Stage()
    job = stage.started(idle_timeout_seconds=2.0)
    stage.process.ignore("SIGTERM")
    stage.pump(1.5)
    stage.process.emit(1, b".")
    stage.pump(1.9)
    assert stage.process.signals == []
    stage.pump(0.2)
    assert stage.process.signals == [signal.SIGTERM]
    stage.pump(5.1)
    outcome = outcome_of(job)
    assert (outcome.ended_by, outcome.signal) == (EndedBy.IDLE_TIMEOUT, "SIGKILL")
    assert outcome.duration_seconds == pytest.approx(8.5, abs=0.1)


def test_without_an_idle_timeout_silence_is_fine() -> None:
    stage = Stage()
    job = stage.started()
    stage.pump(599.0, 1.0)
    assert job.phase is JobPhase.RUNNING
    assert job.idle_seconds == pytest.approx(599.0)


def test_a_job_that_ended_has_no_timer() -> None:
    stage = Stage()
    job = stage.job(idle_timeout_seconds=2.0)
    job.start()
    stage.process.exit()
    assert stage.timers == []


# --- its output afterwards -----------------------------------------------------------


def test_sealed_output_takes_what_it_needs_and_closed_output_nothing() -> None:
    stage = Stage(output_bytes=100_000)
    job = stage.job()
    job.start()
    stage.process.emit(1, b"x" * 20_000)
    stage.process.exit()
    job.seal()
    assert job.kept_bytes == stage.budget.reserved_bytes
    assert 20_000 <= job.kept_bytes < 20_100
    job.seal()
    job.close()
    job.close()
    assert stage.budget.reserved_bytes == 0
    assert job.total_bytes == 20_000


@pytest.mark.parametrize("is_sealed", [False, True])
def test_the_windows_are_the_same_sealed_or_not(is_sealed: bool) -> None:
    stage = Stage(output_bytes=40)
    job = stage.job()
    job.start()
    stage.process.emit(1, b"a" * 10 + b"\n" * 50 + b"z" * 30)
    running = job.windows()
    stage.process.exit()
    if is_sealed:
        job.seal()
    assert job.windows() == running
    assert (running[0].head, running[0].tail) == (b"a" * 10, b"z" * 30)
    assert running[0].omitted_lines == 50


def test_a_job_without_output_can_be_sealed_and_closed_too() -> None:
    job = Stage(slots=1, queued=0).job("reboot")
    job.start()
    job.seal()
    job.close()
    assert job.kept_bytes == 0


# --- any order -----------------------------------------------------------------------


class Life(RuleBasedStateMachine):
    """One job, and whatever can happen to it, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage(slots=1)
        self.phases = [JobPhase.QUEUED]
        self.endings = 0
        self.written = b""
        self.printed = 0

    @initialize(
        idle=st.none() | st.floats(0.1, 5.0),
        queued=st.booleans(),
        late=st.booleans(),
        stdin=st.sampled_from(Stdin),
        ignores=st.booleans(),
    )
    def start(
        self,
        idle: float | None,
        queued: bool,
        late: bool,
        stdin: Stdin,
        ignores: bool,
    ) -> None:
        self.before = self.stage.job() if queued else None
        if self.before is not None:
            self.before.start()
        self.stage.reactor.starts_late = late
        self.ignores = ignores
        self.job = self.stage.job(
            env={"PASSWORD": SECRET},
            stdin=stdin,
            first_input=b"first",
            idle_timeout_seconds=idle,
            timeout_seconds=20.0,
        )
        self.job.on_change(self.changed)
        self.job.start()

    def changed(self) -> None:
        self.phases.append(self.job.phase)
        self.endings += self.job.finished
        if self.job.phase is JobPhase.RUNNING:
            if self.job.request.stdin is not Stdin.EMPTY:
                self.written += b"first"
            if self.ignores:
                self.stage.process.ignore("SIGTERM")

    @property
    def process_runs(self) -> bool:
        return self.job.running is not None and self.stage.process.pid is not None

    @rule(seconds=st.sampled_from([0.0, 0.05, 1.0, 6.0]))
    def time_passes(self, seconds: float) -> None:
        self.stage.pump(seconds, max(0.01, seconds / 20))

    @rule()
    def the_slot_comes_free(self) -> None:
        if self.before is not None:
            self.stage.reactor.processes[0].exit()

    @precondition(lambda self: self.stage.reactor._late)
    @rule(fails=st.booleans())
    def the_process_starts(self, fails: bool) -> None:
        self.stage.reactor.start_late(OSError(11, "no") if fails else None)

    @precondition(lambda self: self.process_runs)
    @rule(stream=st.sampled_from([1, 2]), data=st.binary(max_size=20))
    def it_prints(self, stream: int, data: bytes) -> None:
        before = self.job.total_bytes
        self.stage.process.emit(stream, data)
        self.printed += self.job.total_bytes - before

    @precondition(lambda self: self.process_runs)
    @rule(code=st.integers(0, 2), leaves=st.booleans())
    def it_exits(self, code: int, leaves: bool) -> None:
        if leaves:
            self.stage.process.leave_behind()
        self.stage.process.exit(code)

    @rule(data=st.binary(max_size=5), ends=st.booleans())
    def it_is_written_to(self, data: bytes, ends: bool) -> None:
        running = self.job.running
        if running is not None and running.input_open:
            self.written += data
        self.job.write(data, ends=ends)

    @rule()
    def it_is_cancelled(self) -> None:
        self.job.cancel()

    @precondition(lambda self: self.job.running is not None)
    @rule()
    def its_client_ends_it(self) -> None:
        assert self.job.running is not None
        self.job.running.end(EndedBy.CLIENT_SIGNAL, 0.5)

    @invariant()
    def phases_go_one_way_and_end_once(self) -> None:
        order = list(JobPhase)
        places = list(map(order.index, self.phases))
        assert places == sorted(set(places))
        assert self.endings == self.job.finished
        assert (self.job.ended is None) == (not self.job.finished)
        assert (self.job.ended_at is None) == (not self.job.finished)
        assert (self.job.running is None) == (self.job.phase is not JobPhase.RUNNING)

    @invariant()
    def secrets_are_dropped_when_it_starts(self) -> None:
        waits = self.job.phase is JobPhase.QUEUED
        assert self.job.request.env == ({"PASSWORD": SECRET} if waits else {})
        assert self.job.kind.first_input == (b"first" if waits else b"")

    @invariant()
    def what_was_printed_can_be_read(self) -> None:
        assert self.job.total_bytes == self.printed

    def teardown(self) -> None:
        if self.before is not None:
            self.stage.reactor.processes[0].exit()
        self.stage.pump(60.0, 0.5)
        assert self.job.finished
        assert self.endings == 1
        assert self.stage.timers == []
        if isinstance(self.job.ended, Outcome):
            number = 0 if self.before is None else 1
            process = self.stage.reactor.processes[number]
            assert process.live == 0
            assert process.input.startswith(b"first"[: len(self.written)])
        self.job.seal()
        self.job.close()
        if self.before is not None:
            self.before.close()
        assert self.stage.budget.reserved_bytes == 0
        assert self.stage.executor.running == 0


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=25)
