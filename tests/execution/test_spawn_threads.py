"""One thread does all starts while it keeps up; others help when it does not."""

from __future__ import annotations

import threading
import time
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

    def idle(self) -> None:
        """Until the first thread knows that it has nothing to do."""
        end = time.monotonic() + WAIT_SECONDS
        while self.threads._first_began is not None:
            assert time.monotonic() < end
            time.sleep(0.001)

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
        for gated in crew.put(5 * ENOUGH):
            if gated is crew.made[-ENOUGH]:
                crew.look()
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
    for _ in range(COUNT):
        crew.look()
    assert crew.taken.empty()
    assert crew.threads._calls.qsize() == 1
    crew.finish(starts[0])
    assert crew.takes() == (FIRST, starts[COUNT])


def test_one_that_kept_up_until_now_is_helped_too(crew: Crew) -> None:
    starts = crew.put(5 * ENOUGH)
    for gated in starts[:-2]:
        crew.takes()
        crew.finish(gated)
    assert crew.takes() == (FIRST, starts[-2])
    crew.look()
    assert crew.taken.empty()
    crew.look()
    assert crew.takes()[1] is starts[-1]


def test_a_look_that_comes_late_expects_more(crew: Crew) -> None:
    starts = crew.put(2 * ENOUGH + 2)
    for gated in starts[:-2]:
        crew.takes()
        crew.finish(gated)
    assert crew.takes() == (FIRST, starts[-2])
    crew.clock.advance(5 * LOOK_SECONDS)
    assert crew.takes()[1] is starts[-1]


def test_what_comes_while_the_first_is_stuck_does_not_wait_for_a_look(
    crew: Crew,
) -> None:
    crew.put()
    crew.takes()
    crew.look()
    crew.clock.advance(LOOK_SECONDS)
    for _ in range(COUNT):
        (gated,) = crew.put()
        name, taken = crew.takes()
        assert (name != FIRST, taken) == (True, gated)
        crew.finish(gated)


def test_one_that_has_done_its_work_is_not_stuck(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew.threads, "_call_helper", lambda: pytest.fail("called"))
    for _ in range(3):
        (gated,) = crew.put()
        assert crew.takes() == (FIRST, gated)
        crew.finish(gated)
        crew.idle()
        crew.clock.advance(5 * LOOK_SECONDS)


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
    # A helper may have been called at the end, so the order of the last is open.
    assert {crew.done.get_nowait() for _ in starts} == set(starts)


def test_who_helps_does_not_take_the_end_of_the_first() -> None:
    crew = Crew()
    before = set(threading.enumerate())
    crew.threads.start()
    threads = {each.name: each for each in set(threading.enumerate()) - before}
    stuck, helped = crew.put(2)
    crew.takes()
    crew.look()
    helper, _ = crew.takes()
    crew.threads.stop(0.0)
    crew.finish(helped)
    threads[helper].join(WAIT_SECONDS)
    crew.finish(stuck)
    for thread in threads.values():
        thread.join(WAIT_SECONDS)
        assert not thread.is_alive()


def test_where_the_first_is_stuck_others_do_what_waits_before_they_end(
    crew: Crew,
) -> None:
    stuck, *waiting = crew.put(4)
    crew.takes()
    for gated in waiting:
        gated.open()
    crew.threads.stop(0.01)
    assert [crew.done.get(timeout=WAIT_SECONDS) for _ in waiting] == waiting
    crew.finish(stuck)


def test_a_stop_does_not_wait_longer_than_it_is_told(crew: Crew) -> None:
    (stuck,) = crew.put()
    crew.takes()
    crew.threads.stop(0.01)
    assert crew.done.empty()
    crew.finish(stuck)
