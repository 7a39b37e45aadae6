"""How late timers are."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from commander.alarm import Alarm
from commander.telemetry.lateness import INTERVAL_SECONDS, Lateness
from commander.telemetry.meters import Family, Spread


class Stage:
    """A clock whose timers can be held up."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.spread = Spread(Family("late_seconds", "histogram", "Late."), (0.01, 1.0))
        self.lateness = Lateness(
            Alarm(self.clock, self.clock.seconds), self.clock.seconds, self.spread
        )

    @property
    def counts(self) -> list[int]:
        return [count for _, count in self.spread.cumulative()]


def test_a_reactor_that_is_on_time_is_in_the_first_bucket() -> None:
    stage = Stage()
    stage.lateness.start()
    stage.clock.pump([INTERVAL_SECONDS] * 8)
    assert stage.counts == [8, 8, 8]


def test_what_held_it_up_is_measured() -> None:
    stage = Stage()
    stage.lateness.start()
    stage.clock.advance(INTERVAL_SECONDS + 0.5)
    assert stage.counts == [0, 1, 1]
    assert stage.spread.total == pytest.approx(0.5)


def test_it_leaves_no_timer() -> None:
    stage = Stage()
    stage.lateness.stop()
    stage.lateness.start()
    assert len(stage.clock.getDelayedCalls()) == 1
    stage.lateness.stop()
    assert stage.clock.getDelayedCalls() == []
