"""One thread does all starts while it keeps up; others help when it does not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import SimpleQueue
from typing import cast

import pytest
from twisted.internet.task import Clock

from commander.execution.spawn_threads import ENOUGH, LOOK_SECONDS, SpawnThreads
from commander.execution.starts import Start

WAIT_SECONDS = 5.0
COUNT = 3
FIRST, SECOND, THIRD = "spawner-1", "spawner-2", "spawner-3"


class Gated:
    """A start that takes until its gate is opened."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self.gate = threading.Event()

    def open(self) -> None:
        self.gate.set()

    def do(self) -> None:
        self._crew.taken.put((threading.current_thread().name, self))
        assert self.gate.wait(WAIT_SECONDS)
        self._crew.done.put(self)


class Crew:
    """Threads whose starts are gates, on a clock of the test's."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.taken: SimpleQueue[tuple[str, Gated]] = SimpleQueue()
        self.done: SimpleQueue[Gated] = SimpleQueue()
        self.threads = SpawnThreads(
            self.clock, count=COUNT, do=lambda start: cast("Gated", start).do()
        )
        self.made: list[Gated] = []

    def put(self, count: int = 1) -> list[Gated]:
        new = [Gated(self) for _ in range(count)]
        for gated in new:
            self.threads.put(cast("Start", gated))
        self.made += new
        return new

    def takes(self) -> tuple[str, Gated]:
        """Which thread takes what next."""
        return self.taken.get(timeout=WAIT_SECONDS)

    def finish(self, gated: Gated) -> None:
        gated.open()
        assert self.done.get(timeout=WAIT_SECONDS) is gated

    def look(self) -> None:
        self.clock.advance(LOOK_SECONDS)


@pytest.fixture
def crew() -> Iterator[Crew]:
    before = threading.active_count()
    crew = Crew()
    crew.threads.start()
    assert threading.active_count() == before + COUNT
    yield crew
    for gated in crew.made:
        gated.open()
    crew.threads.stop(WAIT_SECONDS)
    assert threading.active_count() == before
    assert crew.clock.getDelayedCalls() == []


def test_one_thread_does_all_in_their_order_while_it_keeps_up(crew: Crew) -> None:
    for _ in range(3):
        starts = crew.put(2 * ENOUGH)
        for gated in starts[:ENOUGH]:
            assert crew.takes() == (FIRST, gated)
            crew.finish(gated)
        crew.look()
        for gated in starts[ENOUGH:]:
            assert crew.takes() == (FIRST, gated)
            crew.finish(gated)
    crew.look()
    assert crew.taken.empty()


def test_where_one_is_held_up_another_takes_what_waits(crew: Crew) -> None:
    stuck, next_, last = crew.put(3)
    assert crew.takes() == (FIRST, stuck)
    assert crew.taken.empty()
    crew.look()
    name, gated = crew.takes()
    assert (name != FIRST, gated) == (True, next_)
    crew.finish(next_)
    assert crew.takes() == (name, last)
    crew.finish(last)
    crew.finish(stuck)


def test_each_look_calls_one_more_until_all_work(crew: Crew) -> None:
    starts = crew.put(COUNT + 2)
    names = {crew.takes()[0]}
    for _ in range(COUNT - 1):
        crew.look()
        names.add(crew.takes()[0])
    assert names == {FIRST, SECOND, THIRD}
    crew.look()
    crew.look()
    assert crew.taken.empty()
    crew.finish(starts[0])
    assert crew.takes() == (FIRST, starts[COUNT])


def test_helpers_sleep_again_when_nothing_waits(crew: Crew) -> None:
    stuck, other = crew.put(2)
    crew.takes()
    crew.look()
    crew.takes()
    crew.finish(other)
    crew.finish(stuck)
    crew.look()
    assert crew.clock.getDelayedCalls() == []
    for _ in range(2 * COUNT):
        (gated,) = crew.put()
        assert crew.takes() == (FIRST, gated)
        crew.finish(gated)


def test_looks_are_made_only_while_something_waits(crew: Crew) -> None:
    (gated,) = crew.put()
    crew.takes()
    assert len(crew.clock.getDelayedCalls()) == 1
    crew.look()
    assert crew.clock.getDelayedCalls() == []
    crew.finish(gated)


def test_what_waits_is_done_before_they_end(crew: Crew) -> None:
    starts = crew.put(5)
    for gated in starts:
        gated.open()
    crew.threads.stop(WAIT_SECONDS)
    assert [crew.done.get_nowait() for _ in starts] == starts


def test_who_helps_does_not_take_the_end_of_the_first(crew: Crew) -> None:
    stuck, helped = crew.put(2)
    crew.takes()
    crew.look()
    crew.takes()
    crew.threads.stop(0.0)
    helped.open()
    stuck.open()
    crew.threads.stop(WAIT_SECONDS)
    assert {crew.done.get_nowait(), crew.done.get_nowait()} == {stuck, helped}


def test_a_stop_does_not_wait_longer_than_it_is_told() -> None:
    crew = Crew()
    crew.threads.start()
    (stuck,) = crew.put()
    crew.takes()
    crew.threads.stop(0.01)
    assert crew.done.empty()
    stuck.open()
    assert crew.done.get(timeout=WAIT_SECONDS) is stuck
