"""One timer that believes the monotonic clock, not the wall."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from commander.alarm import Alarm

STEPS = st.floats(min_value=0.0, max_value=20.0)
DEEDS = st.lists(
    st.tuples(st.sampled_from(["set", "disarm", "cancel", "pass"]), st.integers(0, 9))
)


class Stage:
    """An alarm whose wall clock (timers) and monotonic clock go as a test says."""

    def __init__(self) -> None:
        self.wall = Clock()
        self.now = 0.0
        self.rung: list[str] = []
        self.alarm = Alarm(self.wall, lambda: self.now)

    def set(self, seconds: float, name: str = "rung") -> None:
        self.alarm.set(seconds, lambda: self.rung.append(name))

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.wall.advance(seconds)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_it_rings_at_its_time_and_not_a_moment_before(stage: Stage) -> None:
    stage.set(5)
    stage.pass_time(4.99)
    assert stage.rung == []
    stage.pass_time(0.01)
    assert stage.rung == ["rung"]


def test_it_rings_once(stage: Stage) -> None:
    stage.set(5)
    stage.pass_time(5)
    stage.pass_time(50)
    assert stage.rung == ["rung"]
    assert stage.wall.getDelayedCalls() == []


def test_a_second_set_replaces_the_first(stage: Stage) -> None:
    stage.set(5, "first")
    stage.pass_time(4)
    stage.set(5, "second")
    stage.pass_time(4)
    assert stage.rung == []
    stage.pass_time(1)
    assert stage.rung == ["second"]


def test_a_cancelled_alarm_leaves_no_timer(stage: Stage) -> None:
    stage.set(5)
    stage.alarm.cancel()
    assert stage.wall.getDelayedCalls() == []
    stage.pass_time(10)
    assert stage.rung == []


def test_cancelling_what_is_not_set_does_nothing(stage: Stage) -> None:
    stage.alarm.cancel()
    stage.set(1)
    stage.pass_time(1)
    stage.alarm.cancel()
    assert stage.rung == ["rung"]


def test_it_can_be_set_again_from_its_own_callback(stage: Stage) -> None:
    stage.alarm.set(1, lambda: stage.set(2, "again"))
    stage.pass_time(1)
    stage.pass_time(1)
    assert stage.rung == []
    stage.pass_time(1)
    assert stage.rung == ["again"]


def test_a_time_in_the_past_means_the_next_turn_of_the_reactor(stage: Stage) -> None:
    stage.set(-3)
    assert stage.rung == []
    stage.pass_time(0)
    assert stage.rung == ["rung"]


def test_a_jump_of_the_wall_clock_rings_nothing(stage: Stage) -> None:
    stage.set(30)
    stage.pass_time(10)
    stage.wall.advance(3600)
    assert stage.rung == []
    stage.pass_time(19.9)
    assert stage.rung == []
    stage.pass_time(0.1)
    assert stage.rung == ["rung"]


def test_after_a_jump_it_sleeps_for_the_rest_and_no_longer(stage: Stage) -> None:
    stage.set(30)
    stage.now = 10
    stage.wall.advance(3600)
    (timer,) = stage.wall.getDelayedCalls()
    assert timer.getTime() - stage.wall.seconds() == 20


def test_a_timer_that_is_early_by_less_than_it_can_measure_counts_as_on_time(
    stage: Stage,
) -> None:
    stage.set(5)
    stage.now = 4.9995
    stage.wall.advance(5)
    assert stage.rung == ["rung"]


def test_an_alarm_that_slept_again_can_still_be_cancelled(stage: Stage) -> None:
    stage.set(30)
    stage.wall.advance(3600)
    stage.alarm.cancel()
    assert stage.wall.getDelayedCalls() == []


@given(seconds=STEPS, steps=st.lists(st.tuples(STEPS, STEPS), max_size=20))
def test_however_the_wall_clock_runs_it_never_rings_early_nor_twice(
    seconds: float, steps: list[tuple[float, float]]
) -> None:
    stage = Stage()
    rung_at: list[float] = []
    stage.alarm.set(seconds, lambda: rung_at.append(stage.now))
    for monotonic, jump in steps:
        stage.now += monotonic
        stage.wall.advance(monotonic + jump)
    stage.now += seconds
    stage.wall.advance(seconds)
    assert len(rung_at) == 1
    assert rung_at[0] >= seconds - 0.001


# --- the timer that is kept --------------------------------------------------------


def test_what_is_set_for_later_needs_no_new_timer(stage: Stage) -> None:
    stage.set(5, "first")
    before = stage.wall.getDelayedCalls()
    stage.pass_time(4)
    stage.set(5, "second")
    assert stage.wall.getDelayedCalls() == before
    stage.pass_time(5)
    assert stage.rung == ["second"]


def test_what_is_set_for_sooner_rings_sooner(stage: Stage) -> None:
    stage.set(30, "first")
    stage.set(2, "second")
    assert len(stage.wall.getDelayedCalls()) == 1
    stage.pass_time(2)
    assert stage.rung == ["second"]


def test_a_disarmed_alarm_rings_nothing_and_its_timer_ends_by_itself(
    stage: Stage,
) -> None:
    stage.set(5)
    stage.alarm.disarm()
    assert not stage.alarm.is_set
    stage.pass_time(5)
    assert stage.rung == []
    assert stage.wall.getDelayedCalls() == []


def test_an_alarm_that_is_disarmed_and_set_needs_no_new_timer(stage: Stage) -> None:
    stage.set(5)
    before = stage.wall.getDelayedCalls()
    for _ in range(100):
        stage.alarm.disarm()
        stage.set(5)
    assert stage.wall.getDelayedCalls() == before


def test_a_disarmed_alarm_can_be_cancelled(stage: Stage) -> None:
    stage.set(5)
    stage.alarm.disarm()
    stage.alarm.cancel()
    assert stage.wall.getDelayedCalls() == []


def test_a_timer_that_the_wall_clock_holds_up_is_not_kept(stage: Stage) -> None:
    """The wall clock was set back, so the timer that was made before is late."""
    stage.set(30, "first")
    stage.now = 31
    stage.set(10, "second")
    stage.pass_time(10)
    assert stage.rung == ["second"]


@given(DEEDS)
def test_whatever_is_done_it_rings_when_it_is_due_and_only_then(
    deeds: list[tuple[str, int]],
) -> None:
    stage = Stage()
    due: int | None = None
    now = rung = 0
    for deed, seconds in deeds:
        match deed:
            case "set":
                stage.set(seconds)
                due = now + seconds
            case "disarm":
                stage.alarm.disarm()
                due = None
            case "cancel":
                stage.alarm.cancel()
                due = None
            case _:
                now += seconds
                stage.pass_time(seconds)
                if due is not None and due <= now:
                    due, rung = None, rung + 1
        assert len(stage.rung) == rung
        assert stage.alarm.is_set == (due is not None)
        assert len(stage.wall.getDelayedCalls()) <= 1
