"""The life of a command: the kill ladder step by step, and any order of events."""

from __future__ import annotations

import signal
from typing import Any

import attrs
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
from twisted.internet.task import Clock

from commander.commands import EndedBy
from commander.execution.lifecycle import (
    LEFTOVER_GRACE_SECONDS,
    POLL_SECONDS,
    REAP_POLLS,
    SETTLE_POLLS,
    Ending,
    Lifecycle,
    Phase,
)

TIMEOUT = 30.0
GRACE = 5.0
STEP = POLL_SECONDS * 1.001
"""A little more than a poll, so that each step runs one whatever the rounding."""


@attrs.define
class FakeProcess:
    """A process that does nothing by itself."""

    signals: list[int] = attrs.field(factory=list)
    alive: bool = True
    closed: int = 0

    def signal_group(self, number: int) -> None:
        self.signals.append(number)

    def group_alive(self) -> bool:
        return self.alive

    def close_pipes(self) -> None:
        self.closed += 1


class Life:
    """A lifecycle on a fake clock, with what came of it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.process = FakeProcess()
        self.endings: list[Ending] = []
        self.machine = Lifecycle(
            clock=self.clock,
            monotonic=self.clock.seconds,
            process=self.process,
            timeout_seconds=TIMEOUT,
            grace_seconds=GRACE,
            finished=self.endings.append,
        )

    def run_until_gone(self, at_most: float) -> float:
        """Let time pass in small steps; answers how much it took."""
        passed = 0.0
        while not self.endings and passed < at_most:
            self.clock.advance(STEP)
            passed += STEP
        return passed

    def exit(self, code: int = 0, *, all_gone: bool = True) -> None:
        """The shell exits, with its group and its pipes if ``all_gone``."""
        self.process.alive = not all_gone
        self.machine.process_exited(code, None)
        if all_gone:
            self.machine.pipes_closed()

    @property
    def ending(self) -> Ending:
        (ending,) = self.endings
        return ending


def assert_nothing_left(life: Life) -> None:
    assert life.clock.getDelayedCalls() == []
    assert life.process.closed == 1
    assert life.machine.phase is Phase.GONE


def test_a_command_that_ends_by_itself_is_gone_at_once() -> None:
    life = Life()
    life.exit(3)
    assert life.ending == Ending(
        ended_by=EndedBy.EXIT,
        exit_code=3,
        signal_number=None,
        background_ended=False,
        reaped=True,
    )
    assert life.process.signals == []
    assert_nothing_left(life)


def test_one_moment_before_the_deadline_nothing_happens() -> None:
    life = Life()
    life.clock.advance(TIMEOUT - 0.001)
    assert life.process.signals == []


def test_at_the_deadline_the_group_gets_term_and_one_grace_later_kill() -> None:
    life = Life()
    life.clock.advance(TIMEOUT)
    assert life.process.signals == [signal.SIGTERM]
    life.clock.advance(GRACE - 0.001)
    assert life.process.signals == [signal.SIGTERM]
    life.clock.advance(0.001)
    assert life.process.signals == [signal.SIGTERM, signal.SIGKILL]


def test_a_command_that_obeys_term_ends_without_kill() -> None:
    life = Life()
    life.clock.advance(TIMEOUT)
    life.process.alive = False
    life.machine.process_exited(None, signal.SIGTERM)
    life.machine.pipes_closed()
    assert life.ending.ended_by is EndedBy.TIMEOUT
    assert life.ending.signal_number == signal.SIGTERM
    assert signal.SIGKILL not in life.process.signals
    assert_nothing_left(life)


def test_children_that_outlive_the_shell_get_the_whole_grace() -> None:
    life = Life()
    life.clock.advance(TIMEOUT)
    life.exit(all_gone=False)
    life.run_until_gone(GRACE - 0.1)
    assert life.process.signals == [signal.SIGTERM]
    life.run_until_gone(0.2)
    assert life.process.signals == [signal.SIGTERM, signal.SIGKILL]


def test_an_unkillable_process_is_given_up_within_a_second() -> None:
    life = Life()
    life.clock.advance(TIMEOUT)
    life.clock.advance(GRACE)
    took = life.run_until_gone(2.0)
    assert took <= REAP_POLLS * POLL_SECONDS + 0.05
    assert life.ending.reaped is False
    assert life.ending.exit_code is None
    assert_nothing_left(life)


def test_a_pipe_held_outside_the_group_does_not_hold_the_answer() -> None:
    life = Life()
    life.process.alive = False
    life.machine.process_exited(0, None)
    took = life.run_until_gone(2.0)
    assert took < 0.2
    assert_nothing_left(life)


def test_output_that_still_flows_after_the_exit_is_waited_for_but_not_for_ever() -> (
    None
):
    life = Life()
    life.process.alive = False
    life.machine.process_exited(0, None)
    passed = 0.0
    while not life.endings:
        life.machine.output_received()
        life.clock.advance(0.01)
        passed += 0.01
        assert passed < 2
    assert passed == pytest.approx(SETTLE_POLLS * POLL_SECONDS, abs=0.05)


def test_a_full_pipe_is_read_to_its_end_on_a_reactor_however_slow() -> None:
    """Each turn takes 200 ms and reads 8 KiB of the 64 KiB that a pipe can hold."""
    life = Life()
    life.process.alive = False
    life.machine.process_exited(0, None)
    for _ in range(8):
        assert life.endings == []
        life.machine.output_received()
        life.clock.advance(0.2)
    life.machine.pipes_closed()
    assert life.ending.exit_code == 0


def test_an_exit_that_is_known_in_the_turn_of_the_deadline_comes_first() -> None:
    """As after the server itself was stopped for a while."""
    life = Life()
    life.clock.rightNow += TIMEOUT + 5
    deadline: Any = life.clock.getDelayedCalls()[0]
    deadline.func()
    deadline.cancel()
    life.exit(0)
    assert life.ending.ended_by is EndedBy.EXIT
    assert life.process.signals == []


def test_background_processes_are_asked_then_killed_then_reported() -> None:
    life = Life()
    life.exit(all_gone=False)
    life.run_until_gone(0.05)
    assert life.process.signals == [signal.SIGTERM]
    life.run_until_gone(LEFTOVER_GRACE_SECONDS)
    assert life.process.signals == [signal.SIGTERM, signal.SIGKILL]
    life.process.alive = False
    life.run_until_gone(1.0)
    assert life.ending.background_ended
    assert life.ending.ended_by is EndedBy.EXIT
    assert life.ending.exit_code == 0


def test_only_the_first_reason_to_end_counts() -> None:
    life = Life()
    life.machine.end(EndedBy.OUTPUT_LIMIT, GRACE)
    life.machine.end(EndedBy.SERVER_SHUTDOWN, GRACE)
    life.process.alive = False
    life.machine.process_exited(None, signal.SIGTERM)
    life.machine.pipes_closed()
    assert life.ending.ended_by is EndedBy.OUTPUT_LIMIT
    assert life.process.signals == [signal.SIGTERM]


def test_a_command_that_just_ended_by_itself_is_not_called_timed_out() -> None:
    life = Life()
    life.clock.advance(TIMEOUT - 0.01)
    life.exit(all_gone=False)
    life.clock.advance(0.05)
    life.process.alive = False
    life.machine.pipes_closed()
    assert life.ending.ended_by is EndedBy.EXIT


def test_a_wall_clock_that_jumps_ahead_ends_nothing() -> None:
    clock, process = Clock(), FakeProcess()
    endings: list[Ending] = []
    steady = [0.0]
    Lifecycle(
        clock=clock,
        monotonic=lambda: steady[0],
        process=process,
        timeout_seconds=TIMEOUT,
        grace_seconds=GRACE,
        finished=endings.append,
    )
    clock.advance(3600)
    assert process.signals == []
    steady[0] = TIMEOUT
    clock.advance(TIMEOUT)
    assert process.signals == [signal.SIGTERM]


def test_what_happens_after_the_end_is_ignored() -> None:
    life = Life()
    life.exit()
    life.machine.process_exited(1, None)
    life.machine.pipes_closed()
    life.machine.end(EndedBy.TIMEOUT, GRACE)
    life.machine.output_received()
    life.machine._poll()
    assert_nothing_left(life)
    assert life.ending.exit_code == 0


class AnyOrder(RuleBasedStateMachine):
    """Start, output, exit, kill, deadline and time in any order."""

    @initialize()
    def begin(self) -> None:
        self.life = Life()
        self.exited = False

    @rule(seconds=st.sampled_from([0.001, 0.02, 0.1, 1.0, 5.0, 31.0]))
    def time_passes(self, seconds: float) -> None:
        self.life.clock.advance(seconds)

    @rule()
    def output(self) -> None:
        self.life.machine.output_received()

    @rule(code=st.sampled_from([0, 1]), leaves_group=st.booleans())
    @precondition(lambda self: not self.exited)
    def exits(self, code: int, leaves_group: bool) -> None:
        self.exited = True
        if not leaves_group:
            self.life.process.alive = False
        self.life.machine.process_exited(code, None)

    @rule()
    @precondition(lambda self: self.exited)
    def group_ends(self) -> None:
        self.life.process.alive = False

    @rule()
    @precondition(lambda self: self.exited)
    def pipes_close(self) -> None:
        self.life.machine.pipes_closed()

    @rule(by=st.sampled_from([EndedBy.OUTPUT_LIMIT, EndedBy.SERVER_SHUTDOWN]))
    def is_ended(self, by: EndedBy) -> None:
        self.life.machine.end(by, GRACE)

    @invariant()
    def at_most_one_ending_and_one_timer(self) -> None:
        if not hasattr(self, "life"):
            return
        assert len(self.life.endings) <= 1
        gone = self.life.machine.phase is Phase.GONE
        assert gone == bool(self.life.endings)
        assert len(self.life.clock.getDelayedCalls()) == (0 if gone else 1)

    def teardown(self) -> None:
        if not hasattr(self, "life"):
            return
        bound = TIMEOUT + GRACE + 1.0
        passed = 0.0
        while not self.life.endings:
            self.life.clock.advance(STEP)
            passed += STEP
            assert passed <= bound, "still not gone"
        assert_nothing_left(self.life)


AnyOrder.TestCase.settings = settings(max_examples=60, stateful_step_count=12)
TestAnyOrder: Any = AnyOrder.TestCase
