"""The table: who finds a job, how long it is kept, and who hears of it."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from commander.jobs import table
from commander.jobs.handles import JOB_PREFIX, SHELL_PREFIX
from commander.jobs.job import Job, JobPhase
from commander.jobs.table import Missing
from commander.principals import Principal
from tests.jobs.kit import ANN, BOB, Stage, Told

CY = Principal("cy")


def why(stage: Stage, job: Job, principal: Principal | None = None) -> str:
    """Why a job is not found; empty if it is."""
    found = stage.table.find(job.handle, principal or job.principal)
    if isinstance(found, Missing):
        return found.why
    assert found is job
    return ""


# --- finding -------------------------------------------------------------------------


def test_a_job_is_found_by_its_handle_and_its_principal_together() -> None:
    stage = Stage()
    job = stage.started()
    assert job.handle.startswith(JOB_PREFIX)
    assert why(stage, job) == ""
    assert why(stage, job, BOB) == "unknown"


def test_an_invention_is_unknown_and_what_has_our_seal_is_lost() -> None:
    stage = Stage()
    assert stage.table.find("job_invented", ANN) == Missing("unknown")
    issued = stage.handles.issue(JOB_PREFIX, ANN)
    assert stage.table.find(issued, ANN) == Missing("lost")
    assert stage.table.find(issued, BOB) == Missing("unknown")
    shell = stage.handles.issue(SHELL_PREFIX, ANN)
    assert stage.table.find(shell, ANN) == Missing("unknown")


def test_jobs_are_listed_by_principal_the_newest_first() -> None:
    stage = Stage()
    first, other, last = stage.started(), stage.started(principal=BOB), stage.started()
    assert stage.table.of(ANN) == [last, first]
    assert stage.table.of(BOB) == [other]
    assert stage.table.of(CY) == []


# --- changes -------------------------------------------------------------------------


def test_each_change_counts_for_its_principal() -> None:
    stage = Stage(slots=1)
    stage.started()
    assert stage.table.changes_of(ANN) == 1
    stage.started(principal=BOB)
    assert stage.table.changes_of(BOB) == 1
    stage.process.exit()
    assert (stage.table.changes_of(ANN), stage.table.changes_of(BOB)) == (2, 2)
    stage.process.exit()
    assert (stage.table.changes_of(ANN), stage.table.changes_of(BOB)) == (2, 3)


def test_listeners_hear_of_each_until_they_are_forgotten() -> None:
    stage = Stage()
    heard: list[tuple[Job, JobPhase]] = []

    def listener(job: Job) -> None:
        heard.append((job, job.phase))

    stage.table.on_change(listener)
    job = stage.started()
    stage.process.exit()
    assert heard == [(job, JobPhase.RUNNING), (job, JobPhase.FINISHED)]
    stage.table.forget(listener)
    stage.table.forget(listener)
    stage.started()
    assert len(heard) == 2


# --- retention -----------------------------------------------------------------------


def test_a_finished_job_expires_by_its_age_and_a_running_one_never() -> None:
    stage = Stage(ttl_seconds=10.0)
    runs = stage.started()
    first = stage.finished()
    assert stage.table.expires_in(runs) is None
    stage.reactor.advance(4.0)
    second = stage.finished()
    assert stage.table.expires_in(first) == pytest.approx(6.0)
    assert stage.table.expires_in(second) == pytest.approx(10.0)
    stage.pump(5.9)
    assert (why(stage, first), why(stage, second)) == ("", "")
    stage.pump(0.2)
    assert (why(stage, first), why(stage, second)) == ("expired", "")
    assert why(stage, first, BOB) == "unknown"
    stage.pump(4.0)
    assert why(stage, second) == "expired"
    assert why(stage, runs) == ""
    assert not [timer for timer in stage.timers if timer.getTime() < 600.0]


def test_a_forgotten_job_gives_its_memory_back_and_is_told() -> None:
    stage = Stage(ttl_seconds=1.0, output_bytes=50_000)
    forgotten: list[Job] = []
    stage.table.on_forget(forgotten.append)
    job = stage.finished(b"x" * 40_000)
    assert 40_000 <= stage.budget.reserved_bytes < 40_100
    stage.pump(1.1)
    assert forgotten == [job]
    assert stage.budget.reserved_bytes == 0
    assert stage.timers == []


def test_the_oldest_goes_when_there_are_too_many() -> None:
    stage = Stage(max_finished=2)
    jobs = [stage.finished() for _ in range(3)]
    assert [why(stage, job) for job in jobs] == ["expired", "", ""]


def test_the_oldest_goes_of_whoever_has_the_most() -> None:
    stage = Stage(max_finished=4)
    bobs = stage.finished(principal=BOB)
    anns = [stage.finished() for _ in range(5)]
    assert why(stage, bobs) == ""
    assert [why(stage, job) for job in anns] == ["expired", "expired", "", "", ""]


def test_the_order_is_that_of_the_ends() -> None:
    stage = Stage(max_finished=1)
    first, second = stage.started(), stage.started()
    stage.reactor.processes[1].exit()
    stage.reactor.processes[0].exit()
    assert (why(stage, first), why(stage, second)) == ("", "expired")


def test_too_many_bytes_cost_the_oldest_of_whoever_has_the_most() -> None:
    stage = Stage(max_bytes=100_000, output_bytes=100_000)
    bobs = stage.finished(b"b" * 20_000, principal=BOB)
    anns = [stage.finished(b"a" * 30_000) for _ in range(3)]
    assert why(stage, bobs) == ""
    assert [why(stage, job) for job in anns] == ["expired", "", ""]


def test_what_takes_no_memory_is_not_given_up_for_memory() -> None:
    stage = Stage(max_bytes=50_000, output_bytes=100_000)
    silent = [stage.finished() for _ in range(3)]
    large = stage.finished(b"x" * 40_000, principal=BOB)
    newest = stage.finished(b"x" * 60_000)
    assert [why(stage, job) for job in silent] == ["", "", ""]
    assert why(stage, large) == "expired"
    assert why(stage, newest) == ""


def test_the_newest_is_kept_even_where_there_is_room_for_none() -> None:
    stage = Stage(max_finished=0, max_bytes=0)
    first = stage.finished(b"x" * 100)
    assert why(stage, first) == ""
    second = stage.finished(b"x" * 100)
    assert (why(stage, first), why(stage, second)) == ("expired", "")


def test_a_job_that_was_over_before_it_was_added_is_kept_too() -> None:
    stage = Stage(ttl_seconds=1.0)
    job = stage.started("reboot")
    assert why(stage, job) == ""
    stage.pump(1.1)
    assert why(stage, job) == "expired"


def test_of_the_forgotten_only_so_many_are_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(table, "MAX_FORGOTTEN", 2)
    stage = Stage(max_finished=1)
    jobs = [stage.finished() for _ in range(5)]
    assert [why(stage, job) for job in jobs] == [
        "lost",
        "lost",
        "expired",
        "expired",
        "",
    ]


# --- its end -------------------------------------------------------------------------


def test_a_closed_table_keeps_nothing_and_has_no_timer() -> None:
    stage = Stage(slots=2)
    finished, runs, waits = stage.finished(), stage.started(), stage.started()
    queued = stage.started()
    assert queued.phase is JobPhase.QUEUED
    told = Told()
    stage.table.on_change(told)
    stage.table.close()
    stage.table.close()
    for job in (finished, runs, waits, queued):
        assert why(stage, job) == "expired"
    assert stage.table.of(ANN) == []
    stage.reactor.processes[1].emit(1, b"goes on")
    assert runs.total_bytes == 7
    for number in (1, 2, 3):
        stage.reactor.processes[number].exit()
    assert all(job.finished for job in (runs, waits, queued))
    assert stage.budget.reserved_bytes == 0
    assert told.times == 0
    assert stage.timers == []


# --- any order -----------------------------------------------------------------------


class Retained(RuleBasedStateMachine):
    """Jobs of several principals that start, print and end, and time that passes."""

    MOST, BYTES, TTL = 5, 40_000, 30.0

    def __init__(self) -> None:
        super().__init__()
        self.closed = False
        self.stage = Stage(
            max_finished=self.MOST,
            max_bytes=self.BYTES,
            ttl_seconds=self.TTL,
            output_bytes=30_000,
        )
        self.running: list[tuple[Job, int]] = []
        self.ended: list[Job] = []
        self.forgotten: list[Job] = []
        self.stage.table.on_forget(self.forget)

    @property
    def kept(self) -> list[Job]:
        return [job for job in self.ended if job not in self.forgotten]

    @rule(principal=st.sampled_from([ANN, BOB, CY]))
    def begin(self, principal: Principal) -> None:
        job = self.stage.started(principal=principal, timeout_seconds=10_000.0)
        self.running.append((job, len(self.stage.reactor.processes) - 1))

    @precondition(lambda self: self.running)
    @rule(data=st.data(), size=st.sampled_from([0, 10, 5_000, 20_000, 50_000]))
    def end(self, data: st.DataObject, size: int) -> None:
        place = data.draw(st.integers(0, len(self.running) - 1))
        job, number = self.running.pop(place)
        self.ended.append(job)
        self.stage.reactor.processes[number].emit(1, b"x" * size)
        self.stage.reactor.processes[number].exit()

    def forget(self, job: Job) -> None:
        """It has come to its age, or is the one to go."""
        kept = self.kept
        self.forgotten.append(job)
        now = self.stage.reactor.seconds()
        if self.closed or now - (job.ended_at or 0) > self.TTL - 0.01:
            return
        many = len(kept) > self.MOST
        sizes = {each: 1 if many else each.kept_bytes for each in kept}
        assert sum(sizes.values()) > (self.MOST if many else self.BYTES)
        shares: Counter[Principal] = Counter()
        for each, size in sizes.items():
            shares[each.principal] += size
        # Who could go, the oldest first; never the newest.
        could = [each for each in kept[:-1] if sizes[each]]
        assert shares[job.principal] == max(shares[each.principal] for each in could)
        assert job == next(e for e in could if e.principal == job.principal)

    @rule(seconds=st.sampled_from([0.1, 7.3, 31.0]))
    def time_passes(self, seconds: float) -> None:
        self.stage.reactor.advance(seconds)

    @invariant()
    def limits_hold_and_the_newest_stays(self) -> None:
        kept = self.kept
        assert len(kept) <= self.MOST
        assert len(kept) <= 1 or sum(j.kept_bytes for j in kept) <= self.BYTES
        now = self.stage.reactor.seconds()
        assert all(now - (job.ended_at or 0) < self.TTL + 0.01 for job in kept)
        if self.ended and now - (self.ended[-1].ended_at or 0) < self.TTL:
            assert self.ended[-1] in kept
        for job in (*kept, *(job for job, _ in self.running)):
            assert why(self.stage, job) == ""
            assert job in self.stage.table.of(job.principal)
        held = sum(job.kept_bytes for job in kept)
        floors = len(self.running) * 8192
        assert self.stage.budget.reserved_bytes == held + floors

    @invariant()
    def the_forgotten_are_told_as_expired_once(self) -> None:
        assert len(self.forgotten) == len(set(self.forgotten))
        for job in self.forgotten:
            assert why(self.stage, job) == "expired"

    def teardown(self) -> None:
        self.closed = True
        self.stage.table.close()
        for _, number in self.running:
            self.stage.reactor.processes[number].exit()
        assert self.stage.budget.reserved_bytes == 0
        assert self.stage.timers == []


TestRetained = Retained.TestCase
TestRetained.settings = settings(max_examples=100, stateful_step_count=30)
