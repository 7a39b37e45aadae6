"""Waiting for a job: what ends it, when, and that nothing is left of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from commander.cancellation import Cancellation
from commander.commands import Stdin
from commander.jobs.job import Job, JobPhase
from commander.jobs.waiting import (
    QUIET_SECONDS,
    SETTLE_SECONDS,
    Until,
    Wait,
    WaitLimits,
)
from tests.jobs.kit import Stage, Told, fired

Asks = Callable[[Job], bool]


class Kit:
    """A job, and waits for it."""

    def __init__(self, *, stdin: Stdin = Stdin.EMPTY, slots: int = 100) -> None:
        self.stage = Stage(slots=slots)
        if slots == 1:
            self.stage.job().start()
        self.job = self.stage.job(stdin=stdin)
        self.job.start()
        self.cancellation = Cancellation()

    def wait(
        self,
        until: Until = Until.EXIT,
        *,
        seconds: float | None = 10.0,
        cursor: int = 0,
        awaits_input: Asks | None = None,
    ) -> Told:
        """Begin a wait; how often it has ended."""
        wait = Wait(
            self.job,
            WaitLimits(until=until, seconds=seconds, cursor=cursor),
            self.stage.host,
            awaits_input=awaits_input,
            cancellation=self.cancellation,
        )
        return fired(wait.done)

    @property
    def left(self) -> int:
        """Timers beside one for each command that runs, or waits for its slot."""
        queued = self.job.phase is JobPhase.QUEUED
        return len(self.stage.timers) - self.stage.executor.running - queued


# --- the end of the job --------------------------------------------------------------


@pytest.mark.parametrize("until", Until)
@pytest.mark.parametrize("seconds", [10.0, None])
def test_the_end_of_the_job_ends_it_at_once(
    until: Until, seconds: float | None
) -> None:
    kit = Kit()
    ended = kit.wait(until, seconds=seconds)
    kit.stage.pump(1.0)
    assert ended.times == 0
    kit.stage.process.exit()
    assert (ended.times, kit.left) == (1, 0)


def test_a_job_that_has_ended_is_not_waited_for() -> None:
    kit = Kit()
    kit.stage.process.exit()
    assert (kit.wait().times, kit.left) == (1, 0)


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_no_time_is_no_wait(seconds: float) -> None:
    kit = Kit()
    assert (kit.wait(seconds=seconds).times, kit.left) == (1, 0)


def test_it_ends_in_time() -> None:
    kit = Kit()
    ended = kit.wait(seconds=2.0)
    kit.stage.pump(1.9)
    assert ended.times == 0
    kit.stage.pump(0.2)
    assert (ended.times, kit.left) == (1, 0)
    kit.stage.process.exit()
    assert ended.times == 1


def test_without_a_limit_it_has_no_timer() -> None:
    kit = Kit()
    ended = kit.wait(seconds=None)
    assert (ended.times, kit.left) == (0, 0)
    kit.stage.pump(500.0, 10.0)
    assert ended.times == 0


def test_whoever_leaves_ends_it_and_the_job_goes_on() -> None:
    kit = Kit()
    ended = kit.wait()
    kit.cancellation.cancel()
    assert (ended.times, kit.left) == (1, 0)
    assert not kit.job.finished
    kit.stage.process.exit()
    assert ended.times == 1


def test_one_wait_can_end_another_at_the_same_change() -> None:
    kit = Kit()
    first = Wait(kit.job, WaitLimits(until=Until.EXIT, seconds=1.0), kit.stage.host)
    ended = kit.wait()
    first.done.addCallback(lambda _: kit.cancellation.cancel())
    kit.stage.process.exit()
    assert (ended.times, kit.left) == (1, 0)


def test_whoever_has_left_already_does_not_wait() -> None:
    kit = Kit()
    kit.cancellation.cancel()
    assert (kit.wait().times, kit.left) == (1, 0)


def test_nobody_need_be_able_to_leave() -> None:
    kit = Kit()
    wait = Wait(kit.job, WaitLimits(until=Until.EXIT, seconds=1.0), kit.stage.host)
    kit.stage.pump(1.1)
    assert wait.done.called


def test_a_place_in_the_queue_is_waited_for_as_well() -> None:
    kit = Kit(slots=1)
    ended = kit.wait(Until.OUTPUT)
    kit.stage.pump(1.0)
    kit.stage.process.exit()
    assert (ended.times, kit.job.finished) == (0, False)
    kit.stage.process.emit(1, b"x")
    kit.stage.pump(SETTLE_SECONDS + 0.1)
    assert ended.times == 1


def test_a_job_that_gives_up_its_place_has_ended() -> None:
    kit = Kit(slots=1)
    ended = kit.wait()
    kit.job.cancel()
    assert ended.times == 1


# --- output --------------------------------------------------------------------------


def test_new_output_ends_it_after_a_moment_in_which_more_may_come() -> None:
    kit = Kit()
    ended = kit.wait(Until.OUTPUT)
    kit.stage.pump(1.0)
    kit.stage.process.emit(2, b"x")
    kit.stage.pump(SETTLE_SECONDS - 0.02)
    assert ended.times == 0
    kit.stage.process.emit(1, b"y")
    kit.stage.pump(0.04)
    assert (ended.times, kit.left) == (1, 0)


def test_output_that_was_seen_before_is_none() -> None:
    kit = Kit()
    kit.stage.process.emit(1, b"seen")
    seen = kit.wait(Until.OUTPUT, cursor=4)
    unseen = kit.wait(Until.OUTPUT, cursor=3)
    kit.stage.pump(1.0)
    assert (seen.times, unseen.times) == (0, 1)
    kit.stage.process.emit(1, b"!")
    kit.stage.pump(1.0)
    assert seen.times == 1


def test_output_does_not_make_it_longer() -> None:
    kit = Kit()
    ended = kit.wait(Until.OUTPUT, seconds=1.0)
    kit.stage.pump(0.98)
    kit.stage.process.emit(1, b"x")
    kit.stage.pump(0.04)
    assert (ended.times, kit.left) == (1, 0)


def test_who_waits_for_the_end_is_not_bothered_by_output() -> None:
    kit = Kit()
    ended = kit.wait(Until.EXIT)
    kit.stage.process.emit(1, b"x")
    kit.stage.pump(1.0)
    assert ended.times == 0


# --- input ---------------------------------------------------------------------------


@pytest.mark.parametrize("stdin", [Stdin.PIPE, Stdin.TERMINAL])
@pytest.mark.parametrize("seconds", [10.0, None])
def test_a_command_that_asks_ends_it(stdin: Stdin, seconds: float | None) -> None:
    kit = Kit(stdin=stdin)
    asks = False
    ended = kit.wait(seconds=seconds, awaits_input=lambda job: asks)
    kit.stage.pump(2.0)
    assert ended.times == 0
    asks = True
    kit.stage.pump(QUIET_SECONDS + 0.05)
    assert (ended.times, kit.left) == (1, 0)


def test_it_is_asked_only_while_nothing_is_printed_and_not_at_once() -> None:
    kit = Kit(stdin=Stdin.PIPE)
    told = Told()

    def asked(job: Job) -> bool:
        told(job)
        return False

    kit.stage.pump(1.0)
    kit.wait(awaits_input=asked)
    kit.stage.pump(QUIET_SECONDS - 0.05)
    assert told.times == 0
    for _ in range(20):
        kit.stage.process.emit(1, b"x")
        kit.stage.pump(0.1)
    assert told.times == 0
    kit.stage.pump(1.0)
    assert 2 <= told.times <= 5


def test_who_cannot_be_written_to_is_not_asked() -> None:
    kit = Kit(stdin=Stdin.EMPTY)
    ended = kit.wait(awaits_input=lambda job: True)
    kit.stage.pump(5.0)
    assert ended.times == 0


def test_who_does_not_care_for_input_is_not_told() -> None:
    kit = Kit(stdin=Stdin.PIPE)
    ended = kit.wait()
    kit.stage.pump(5.0)
    assert ended.times == 0


# --- any order -----------------------------------------------------------------------


class Waits(RuleBasedStateMachine):
    """One wait, and what happens meanwhile in any order: it ends once, for a reason."""

    @initialize(
        queued=st.booleans(),
        stdin=st.sampled_from(Stdin),
        until=st.sampled_from(Until),
        seconds=st.none() | st.floats(0.05, 3.0),
        asks=st.booleans(),
    )
    def begin(
        self,
        queued: bool,
        stdin: Stdin,
        until: Until,
        seconds: float | None,
        asks: bool,
    ) -> None:
        self.kit = Kit(stdin=stdin, slots=1 if queued else 2)
        self.until, self.seconds, self.asks = until, seconds, asks
        self.began = self.kit.stage.reactor.seconds()
        self.printed = self.left = False
        self.ended = self.kit.wait(
            until, seconds=seconds, awaits_input=lambda job: self.asks
        )

    @rule(seconds=st.sampled_from([0.0, 0.06, 0.15, 0.5, 2.0]))
    def time_passes(self, seconds: float) -> None:
        self.kit.stage.pump(seconds)

    @rule()
    def the_slot_comes_free(self) -> None:
        self.kit.stage.reactor.processes[0].exit()

    @rule()
    def it_prints(self) -> None:
        if self.kit.job.running is not None and not self.ended.times:
            self.kit.stage.process.emit(1, b"x")
            self.printed = True

    @rule()
    def it_exits(self) -> None:
        self.kit.stage.process.exit()

    @rule(asks=st.booleans())
    def it_asks(self, asks: bool) -> None:
        if not self.ended.times:
            self.asks = asks

    @rule()
    def its_caller_leaves(self) -> None:
        self.kit.cancellation.cancel()
        self.left = True

    @invariant()
    def it_has_ended_once_and_for_a_reason(self) -> None:
        assert self.ended.times <= 1
        passed = self.kit.stage.reactor.seconds() - self.began
        over = self.seconds is not None and passed >= self.seconds - 0.001
        if self.ended.times:
            told = self.until is Until.OUTPUT and self.printed
            asked = self.asks and self.kit.job.request.stdin is not Stdin.EMPTY
            assert self.kit.job.finished or over or told or asked or self.left
            assert self.kit.left == 0
        else:
            assert not self.kit.job.finished
            assert not self.left
            assert self.seconds is None or passed < self.seconds + 0.001

    def teardown(self) -> None:
        for process in self.kit.stage.reactor.processes:  # it grows
            process.exit()
        assert (self.ended.times, self.kit.stage.timers) == (1, [])


TestWaits = Waits.TestCase
TestWaits.settings = settings(max_examples=60, stateful_step_count=20)
