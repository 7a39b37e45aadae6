"""The life of a command: the table row by row, and any order of events."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)
from twisted.internet.task import Clock

from commander.commands import EndedBy, StartFailed, Survivor
from commander.execution.lifecycle import (
    DRAIN_LOOKS,
    KILLED_LOOKS,
    KILLED_SECONDS,
    LEFTOVER_GRACE_SECONDS,
    LINGER_SECONDS,
    LOOK_SECONDS,
    QUIET_LOOKS,
    Ending,
    Lifecycle,
    Phase,
)

TIMEOUT = 30.0
GRACE = 5.0
STEP = 0.001
TERM, KILL = signal.SIGTERM, signal.SIGKILL


@attrs.define
class FakeCommand:
    """Processes that do nothing by themselves."""

    processes: int = 1
    """Beside the shell, which counts as long as it has not exited."""
    signals: list[int] = attrs.field(factory=list)
    asked: list[int] = attrs.field(factory=list)
    """Those of the signals that begin to end it."""
    looks: int = 0
    closed: int = 0
    abandoned: int = 0
    answer: Callable[[], None] = lambda: None
    """What comes at once of closing the pipes, or of giving up the start."""

    def signal_tree(self, number: int) -> int:
        self.signals.append(number)
        return self.processes

    def ask_to_end(self, number: int) -> None:
        self.asked.append(number)
        self.signals.append(number)

    def left(self) -> int:
        self.looks += 1
        return self.processes

    def survivors(self) -> tuple[Survivor, ...]:
        return tuple(Survivor(pid=n, name="dd") for n in range(self.processes))

    def close_pipes(self) -> None:
        self.closed += 1
        self.answer()

    def abandon(self) -> None:
        self.abandoned += 1
        self.answer()


class Life:
    """A life cycle on a fake clock, with what came of it."""

    def __init__(self, *, started: bool = True) -> None:
        self.clock = Clock()
        self.command = FakeCommand()
        self.results: list[Ending | StartFailed] = []
        self.machine = Lifecycle(
            clock=self.clock,
            monotonic=self.clock.seconds,
            process=self.command,
            timeout_seconds=TIMEOUT,
            grace_seconds=GRACE,
            finished=self.results.append,
        )
        if started:
            self.machine.started()

    def pass_time(self, seconds: float) -> float:
        """Let time pass in small steps until the life is over; how much did."""
        passed = 0.0
        while not self.results and passed < seconds:
            self.clock.advance(STEP)
            passed += STEP
        return passed

    def exit(self, code: int = 0, *, left: int = 0, pipes: bool = False) -> None:
        """The shell exits; so many processes are left, and maybe its pipes."""
        self.command.processes = left
        self.machine.process_exited(code, None)
        if not pipes:
            self.machine.pipes_closed()

    @property
    def ending(self) -> Ending:
        (ending,) = self.results
        assert isinstance(ending, Ending)
        return ending

    @property
    def timers(self) -> int:
        return len(self.clock.getDelayedCalls())


@pytest.fixture
def life() -> Life:
    return Life()


def assert_over(life: Life) -> None:
    assert life.timers == 0
    assert life.machine.phase is Phase.GONE
    (result,) = life.results
    assert life.command.closed == int(isinstance(result, Ending))


# --- a natural end -----------------------------------------------------------------


def test_a_command_that_leaves_nothing_behind_is_gone_in_the_turn_of_its_exit(
    life: Life,
) -> None:
    life.exit(3)
    assert life.ending == Ending(
        ended_by=EndedBy.EXIT,
        exit_code=3,
        signal_number=None,
        background_processes=0,
        reaped=True,
    )
    assert life.command.signals == []
    assert life.command.looks == 1
    assert_over(life)


def test_pipes_may_close_before_the_exit_is_known(life: Life) -> None:
    life.machine.pipes_closed()
    assert life.results == []
    life.command.processes = 0
    life.machine.process_exited(None, signal.SIGSEGV)
    assert life.ending.signal_number == signal.SIGSEGV
    assert_over(life)


def test_what_ends_by_itself_soon_after_the_shell_is_no_background_process(
    life: Life,
) -> None:
    life.exit(left=1)
    life.pass_time(LINGER_SECONDS - 0.01)
    life.command.processes = 0
    life.pass_time(LOOK_SECONDS)
    assert life.command.signals == []
    assert life.ending.background_processes == 0
    assert_over(life)


def test_what_a_shell_leaves_behind_is_asked_then_killed_and_counted(
    life: Life,
) -> None:
    life.exit(left=3)
    life.pass_time(LINGER_SECONDS - 2 * STEP)
    assert life.command.signals == []
    life.pass_time(4 * STEP)
    assert life.command.signals == [TERM]
    life.command.processes = 1
    life.pass_time(LEFTOVER_GRACE_SECONDS)
    assert life.command.signals[:2] == [TERM, KILL]
    life.command.processes = 0
    life.pass_time(LOOK_SECONDS)
    assert life.ending.background_processes == 3
    assert life.ending.ended_by is EndedBy.EXIT
    assert life.ending.exit_code == 0
    assert life.ending.survivors == ()
    assert_over(life)


def test_what_obeys_term_is_noticed_within_milliseconds(life: Life) -> None:
    life.exit(left=1)
    life.pass_time(LINGER_SECONDS + STEP)
    assert life.command.signals == [TERM]
    life.command.processes = 0
    assert life.pass_time(1.0) < 0.005


# --- the pipes ---------------------------------------------------------------------


def test_a_pipe_that_somebody_out_of_reach_holds_is_closed_soon(life: Life) -> None:
    life.exit(pipes=True)
    took = life.pass_time(2.0)
    assert took == pytest.approx((QUIET_LOOKS + 1) * LOOK_SECONDS, abs=0.01)
    assert life.command.looks == 1
    assert_over(life)


def test_output_that_still_flows_is_waited_for_but_not_for_ever(life: Life) -> None:
    life.exit(pipes=True)
    passed = 0.0
    while not life.results:
        life.machine.output_received()
        life.clock.advance(STEP)
        passed += STEP
    assert passed == pytest.approx(DRAIN_LOOKS * LOOK_SECONDS, abs=0.1)
    assert_over(life)


def test_a_full_pipe_is_read_to_its_end_on_a_reactor_however_slow(life: Life) -> None:
    """Each turn takes 200 ms and reads 8 KiB of the 64 KiB that a pipe can hold."""
    life.exit(pipes=True)
    for _ in range(8):
        assert life.results == []
        life.machine.output_received()
        life.clock.advance(0.2)
    life.machine.pipes_closed()
    assert life.ending.exit_code == 0


# --- the kill ladder ---------------------------------------------------------------


def test_one_moment_before_the_deadline_nothing_happens(life: Life) -> None:
    life.clock.advance(TIMEOUT - 0.001)
    assert life.command.signals == []


def test_at_the_deadline_everything_gets_term_and_one_grace_later_kill(
    life: Life,
) -> None:
    life.clock.advance(TIMEOUT)
    life.clock.advance(0)
    assert life.command.signals == [TERM]
    life.clock.advance(GRACE - 0.002)
    assert life.command.signals == [TERM]
    life.clock.advance(0.002)
    assert life.command.signals == [TERM, KILL]


def test_between_term_and_kill_no_timer_fires_while_the_shell_lives(
    life: Life,
) -> None:
    life.machine.end(EndedBy.SERVER_SHUTDOWN, GRACE)
    assert life.timers == 1
    (timer,) = life.clock.getDelayedCalls()
    assert timer.getTime() == GRACE


def test_a_command_that_obeys_term_ends_without_kill(life: Life) -> None:
    life.clock.advance(TIMEOUT)
    life.clock.advance(0)
    life.command.processes = 0
    life.machine.process_exited(None, TERM)
    life.machine.pipes_closed()
    assert life.ending.ended_by is EndedBy.TIMEOUT
    assert life.ending.signal_number == TERM
    assert life.ending.background_processes == 0
    assert life.command.signals == [TERM]
    assert_over(life)


def test_what_outlives_the_shell_gets_the_rest_of_the_grace(life: Life) -> None:
    life.machine.end(EndedBy.TIMEOUT, GRACE)
    life.exit(left=1)
    life.pass_time(GRACE - 0.01)
    assert life.command.signals == [TERM]
    life.pass_time(0.02)
    assert life.command.signals[:2] == [TERM, KILL]


def test_kill_is_repeated_until_nothing_is_left(life: Life) -> None:
    life.machine.end(EndedBy.TIMEOUT, 0.0)
    life.pass_time(0.002)
    life.exit(left=2)
    life.pass_time(0.1)
    assert life.command.signals[0] == TERM
    assert set(life.command.signals[1:]) == {KILL}
    assert len(life.command.signals) > 5
    life.command.processes = 0
    life.pass_time(LOOK_SECONDS + STEP)
    assert life.ending.ended_by is EndedBy.TIMEOUT
    assert_over(life)


def test_a_shell_that_is_stuck_in_the_kernel_is_given_up_within_a_second(
    life: Life,
) -> None:
    life.machine.end(EndedBy.TIMEOUT, GRACE)
    took = life.pass_time(GRACE + 2.0)
    assert took == pytest.approx(GRACE + KILLED_SECONDS, abs=2 * LOOK_SECONDS)
    assert life.ending.reaped is False
    assert life.ending.exit_code is None
    assert life.ending.survivors == (Survivor(pid=0, name="dd"),)
    assert_over(life)


def test_who_is_stuck_in_the_kernel_is_told(life: Life) -> None:
    life.exit(left=2)
    life.pass_time(2.0)
    assert [each.name for each in life.ending.survivors] == ["dd", "dd"]
    assert life.ending.reaped is True
    assert_over(life)


def test_killing_goes_on_as_long_as_there_are_fewer(life: Life) -> None:
    life.machine.end(EndedBy.TIMEOUT, 0.0)
    life.pass_time(0.002)
    life.exit(left=5)
    for left in (4, 3, 2, 1, 0):
        life.pass_time(KILLED_SECONDS - 0.1)
        assert life.results == []
        life.command.processes = left
    life.pass_time(LOOK_SECONDS + STEP)
    assert life.ending.survivors == ()


def test_a_reactor_that_is_late_looks_often_enough_all_the_same(life: Life) -> None:
    life.machine.end(EndedBy.TIMEOUT, 0.0)
    for _ in range(KILLED_LOOKS):
        life.clock.advance(1.0)
        assert life.results == []
    life.clock.advance(1.0)
    assert_over(life)


def test_only_the_first_reason_to_end_counts(life: Life) -> None:
    life.machine.end(EndedBy.OUTPUT_LIMIT, GRACE)
    life.machine.end(EndedBy.SERVER_SHUTDOWN, GRACE)
    life.exit()
    assert life.ending.ended_by is EndedBy.OUTPUT_LIMIT
    assert life.command.signals == [TERM]


def test_a_command_that_just_ended_by_itself_is_not_called_timed_out(
    life: Life,
) -> None:
    life.clock.advance(TIMEOUT - 0.01)
    life.exit(left=1)
    life.clock.advance(0.02)
    life.machine.end(EndedBy.SERVER_SHUTDOWN, GRACE)
    life.command.processes = 0
    life.pass_time(1.0)
    assert life.ending.ended_by is EndedBy.EXIT


def test_an_exit_that_is_known_in_the_turn_of_the_deadline_comes_first(
    life: Life,
) -> None:
    """As after the server itself was stopped for a while."""
    life.clock.rightNow += TIMEOUT + 5
    deadline: Any = life.clock.getDelayedCalls()[0]
    deadline.func()
    deadline.cancel()
    life.exit(0)
    assert life.ending.ended_by is EndedBy.EXIT
    assert life.command.signals == []


def test_a_wall_clock_that_jumps_ahead_ends_nothing() -> None:
    clock, command, steady = Clock(), FakeCommand(), [0.0]
    machine = Lifecycle(
        clock=clock,
        monotonic=lambda: steady[0],
        process=command,
        timeout_seconds=TIMEOUT,
        grace_seconds=GRACE,
        finished=lambda result: None,
    )
    machine.started()
    clock.advance(3600)
    assert command.signals == []
    steady[0] = TIMEOUT
    clock.advance(TIMEOUT)
    clock.advance(0)
    assert command.signals == [TERM]


# --- a client's signals ------------------------------------------------------------


def test_a_client_signals_the_tree_and_nothing_follows(life: Life) -> None:
    life.command.processes = 3
    assert life.machine.signal(signal.SIGUSR1) == 3
    life.clock.advance(TIMEOUT - 1)
    assert life.command.signals == [signal.SIGUSR1]
    assert life.machine.phase is Phase.RUNNING


def test_a_shell_that_dies_by_a_clients_signal_says_so(life: Life) -> None:
    life.machine.signal(signal.SIGUSR1)
    life.machine.signal(signal.SIGINT)
    life.command.processes = 0
    life.machine.process_exited(None, signal.SIGUSR1)
    life.machine.pipes_closed()
    assert life.ending.ended_by is EndedBy.CLIENT_SIGNAL
    assert life.ending.signal_number == signal.SIGUSR1
    assert_over(life)


@pytest.mark.parametrize("ending", [(0, None), (130, None), (None, signal.SIGSEGV)])
def test_a_shell_that_lives_on_after_a_clients_signal_ends_by_itself(
    life: Life, ending: tuple[int | None, int | None]
) -> None:
    life.machine.signal(signal.SIGINT)
    life.command.processes = 0
    life.machine.process_exited(*ending)
    life.machine.pipes_closed()
    assert life.ending.ended_by is EndedBy.EXIT


def test_who_began_to_end_it_first_is_told_though_a_clients_signal_did(
    life: Life,
) -> None:
    life.machine.signal(TERM)
    life.machine.end(EndedBy.SERVER_SHUTDOWN, GRACE)
    assert life.machine.signal(signal.SIGINT) == 1
    life.command.processes = 0
    life.machine.process_exited(None, signal.SIGINT)
    life.machine.pipes_closed()
    assert life.ending.ended_by is EndedBy.SERVER_SHUTDOWN


def test_what_is_left_behind_can_be_signalled(life: Life) -> None:
    life.exit(left=2)
    assert life.machine.signal(signal.SIGINT) == 2
    life.command.processes = 0
    life.pass_time(1.0)
    assert life.ending.ended_by is EndedBy.EXIT


def test_after_kill_no_signal_of_a_client_is_of_use(life: Life) -> None:
    life.machine.end(EndedBy.TIMEOUT, 0.0)
    life.pass_time(0.005)
    assert life.machine.phase is Phase.KILLING
    assert life.machine.signal(signal.SIGUSR1) == 0
    life.exit()
    life.pass_time(1.0)
    assert life.machine.signal(signal.SIGUSR1) == 0
    assert signal.SIGUSR1 not in life.command.signals


def test_signals_before_the_start_are_sent_then_and_once() -> None:
    life = Life(started=False)
    assert [life.machine.signal(signal.SIGUSR1) for _ in range(2)] == [0, 0]
    assert life.machine.signal(signal.SIGUSR2) == 0
    assert life.command.signals == []
    life.machine.started()
    assert life.command.signals == [signal.SIGUSR1, signal.SIGUSR2]
    life.command.processes = 0
    life.machine.process_exited(None, signal.SIGUSR2)
    life.machine.pipes_closed()
    assert life.ending.ended_by is EndedBy.CLIENT_SIGNAL


@pytest.mark.parametrize("started", [True, False])
def test_the_ladder_may_begin_with_another_signal(started: bool) -> None:
    life = Life(started=started)
    life.machine.end(EndedBy.CLIENT_SIGNAL, GRACE, signal.SIGINT)
    life.machine.end(EndedBy.TIMEOUT, GRACE, signal.SIGHUP)
    life.machine.started()
    assert life.command.asked == life.command.signals == [signal.SIGINT]
    life.pass_time(GRACE + STEP)
    assert life.command.signals[:2] == [signal.SIGINT, KILL]
    life.exit()
    assert life.ending.ended_by is EndedBy.CLIENT_SIGNAL


@pytest.mark.parametrize("number", [-1, 0, 65, 1000])
@pytest.mark.parametrize("started", [True, False])
def test_what_is_no_signal_is_refused_at_once(number: int, started: bool) -> None:
    life = Life(started=started)
    with pytest.raises(ValueError, match=str(number)):
        life.machine.signal(number)
    with pytest.raises(ValueError, match=str(number)):
        life.machine.end(EndedBy.CLIENT_SIGNAL, GRACE, number)
    life.machine.started()
    assert life.command.signals == []
    assert life.machine.phase is Phase.RUNNING


def test_only_the_first_step_of_the_ladder_asks(life: Life) -> None:
    life.exit(left=1)
    life.pass_time(LINGER_SECONDS + LEFTOVER_GRACE_SECONDS + 0.05)
    assert life.command.asked == [TERM]
    assert KILL in life.command.signals


# --- the start ---------------------------------------------------------------------


def test_the_deadline_counts_from_the_start() -> None:
    life = Life(started=False)
    life.clock.advance(TIMEOUT - 1)
    life.machine.started()
    life.clock.advance(TIMEOUT - 1)
    assert life.command.signals == []
    life.clock.advance(1)
    life.clock.advance(0)
    assert life.command.signals == [TERM]


def test_a_start_that_failed_is_the_result() -> None:
    life = Life(started=False)
    failure = StartFailed(reason="no such shell")
    life.machine.start_failed(failure)
    assert life.results == [failure]
    assert life.command.abandoned == 0
    assert_over(life)


def test_a_start_that_does_not_come_is_given_up_at_the_timeout() -> None:
    life = Life(started=False)
    life.clock.advance(TIMEOUT - 0.01)
    assert life.results == []
    life.clock.advance(0.01)
    (failure,) = life.results
    assert isinstance(failure, StartFailed)
    assert "30s" in failure.reason
    assert life.command.abandoned == 1
    assert_over(life)


def test_a_start_that_comes_after_it_was_given_up_changes_nothing() -> None:
    life = Life(started=False)
    life.clock.advance(TIMEOUT)
    life.machine.started()
    life.machine.process_exited(None, KILL)
    life.machine.pipes_closed()
    assert_over(life)


def test_a_command_that_is_ended_before_its_start_is_asked_at_its_start() -> None:
    life = Life(started=False)
    life.machine.end(EndedBy.SERVER_SHUTDOWN, GRACE)
    life.clock.advance(GRACE - 1)
    assert life.command.signals == []
    life.machine.started()
    assert life.command.signals == [TERM]
    life.pass_time(GRACE + STEP)
    assert life.command.signals[:2] == [TERM, KILL]
    life.exit(left=0)
    assert life.ending.ended_by is EndedBy.SERVER_SHUTDOWN


def test_an_end_bounds_a_start_that_does_not_come_by_its_grace() -> None:
    life = Life(started=False)
    life.machine.end(EndedBy.SERVER_SHUTDOWN, GRACE)
    life.clock.advance(GRACE)
    (failure,) = life.results
    assert isinstance(failure, StartFailed)
    assert "server_shutdown" in failure.reason
    assert life.command.abandoned == 1
    assert_over(life)


def test_an_end_with_a_long_grace_does_not_prolong_the_wait_for_a_start() -> None:
    life = Life(started=False)
    life.clock.advance(1)
    life.machine.end(EndedBy.SERVER_SHUTDOWN, 10 * TIMEOUT)
    life.clock.advance(TIMEOUT - 1)
    assert_over(life)


def test_a_failure_that_answers_the_giving_up_is_not_a_second_result() -> None:
    life = Life(started=False)
    late = StartFailed(reason="killed before it began")
    life.command.answer = lambda: life.machine.start_failed(late)
    life.clock.advance(TIMEOUT)
    assert late not in life.results
    assert_over(life)


def test_closing_the_pipes_may_be_answered_at_once(life: Life) -> None:
    life.command.answer = life.machine.pipes_closed
    life.exit(pipes=True)
    life.pass_time(2.0)
    assert_over(life)


def test_what_happens_after_the_end_is_ignored(life: Life) -> None:
    life.exit()
    life.machine.process_exited(1, None)
    life.machine.pipes_closed()
    life.machine.started()
    life.machine.start_failed(StartFailed(reason="late"))
    life.machine.end(EndedBy.TIMEOUT, GRACE)
    life.machine.output_received()
    assert_over(life)
    assert life.ending.exit_code == 0


# --- any order ---------------------------------------------------------------------

NEXT = {
    Phase.STARTING: {Phase.RUNNING, Phase.TERMINATING, Phase.GONE},
    Phase.RUNNING: {Phase.SETTLING, Phase.TERMINATING, Phase.GONE},
    Phase.SETTLING: {Phase.TERMINATING, Phase.GONE},
    Phase.TERMINATING: {Phase.KILLING, Phase.GONE},
    Phase.KILLING: {Phase.GONE},
    Phase.GONE: set(),
}


class AnyOrder(RuleBasedStateMachine):
    """Start, failure, output, exit, pipes, signals, end and time in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.life = Life(started=False)
        self.started = self.exited = False
        self.by_client: set[int] = set()
        self.killer: int | None = None
        self.was_ended = False
        self.seen = [Phase.STARTING]

    @rule(seconds=st.sampled_from([0.001, 0.02, 0.1, 0.9, 5.0, 31.0]))
    def time_passes(self, seconds: float) -> None:
        steps = min(1000, round(seconds / STEP))
        for _ in range(steps):
            self.life.clock.advance(seconds / steps)
            self.note()

    @rule()
    @precondition(lambda self: not self.started)
    def starts(self) -> None:
        self.started = True
        self.life.machine.started()

    @rule()
    @precondition(lambda self: not self.started)
    def fails_to_start(self) -> None:
        self.started = self.exited = True
        self.life.machine.start_failed(StartFailed(reason="no"))

    @rule()
    def output(self) -> None:
        self.life.machine.output_received()

    @rule(code=st.sampled_from([0, 1]), left=st.integers(0, 2))
    @precondition(lambda self: self.started and not self.exited)
    def exits(self, code: int, left: int) -> None:
        self.exited = True
        self.life.command.processes = left
        self.life.machine.process_exited(code, None)

    @rule(number=st.sampled_from([signal.SIGINT, TERM, KILL]))
    @precondition(lambda self: self.started and not self.exited)
    def dies_by(self, number: int) -> None:
        self.exited = True
        self.was_ended = self.was_ended or self.life.machine.phase is not Phase.RUNNING
        self.killer = number
        self.life.command.processes = 0
        self.life.machine.process_exited(None, number)

    @rule(number=st.sampled_from([signal.SIGINT, signal.SIGUSR1]))
    def is_signalled(self, number: int) -> None:
        life = self.life
        reaches = life.machine.phase in (
            Phase.RUNNING,
            Phase.SETTLING,
            Phase.TERMINATING,
        )
        before = len(life.command.signals)
        count = life.machine.signal(number)
        assert count == (life.command.processes if reaches else 0)
        assert life.command.signals[before:] == [number] * reaches
        if not self.exited:
            self.by_client.add(number)

    @rule(left=st.integers(0, 1))
    @precondition(lambda self: self.exited and self.life.command.processes)
    def some_of_it_end(self, left: int) -> None:
        self.life.command.processes = left

    @rule()
    @precondition(lambda self: self.started)
    def pipes_close(self) -> None:
        self.life.machine.pipes_closed()

    @rule(
        by=st.sampled_from([EndedBy.OUTPUT_LIMIT, EndedBy.SERVER_SHUTDOWN]),
        grace=st.sampled_from([0.0, 1.0, GRACE, 100.0]),
        number=st.sampled_from([TERM, signal.SIGHUP]),
    )
    def is_ended(self, by: EndedBy, grace: float, number: int) -> None:
        self.was_ended = self.was_ended or not self.exited
        self.life.machine.end(by, grace, number)

    @invariant()
    def the_table_is_followed(self) -> None:
        self.note()
        gone = self.life.machine.phase is Phase.GONE
        assert len(self.life.results) == int(gone)
        assert self.life.timers == int(not gone)
        command = self.life.command
        assert len(command.asked) <= 1
        if command.asked and KILL in command.signals:
            first = command.signals.index(KILL)
            assert command.signals.index(command.asked[0]) < first
            assert set(command.signals[first:]) == {KILL}, "nothing but KILL after KILL"

    def note(self) -> None:
        phase = self.life.machine.phase
        if phase is not self.seen[-1]:
            assert phase in NEXT[self.seen[-1]]
            self.seen.append(phase)

    def teardown(self) -> None:
        took = 0.0
        while not self.life.results:
            self.life.clock.advance(0.01)
            took += 0.01
            # The longest grace that was asked for, and a second for each of the rest.
            assert took <= TIMEOUT + 100.0 + 3.0, "still not gone"
        assert_over(self.life)
        (result,) = self.life.results
        if isinstance(result, Ending):
            by_client = result.ended_by is EndedBy.CLIENT_SIGNAL
            assert by_client <= (self.killer in self.by_client and not self.was_ended)
        assert Phase.KILLING not in self.seen or KILL in self.life.command.signals


AnyOrder.TestCase.settings = settings(max_examples=60, stateful_step_count=15)
TestAnyOrder: Any = AnyOrder.TestCase
