"""The count ends what grows too large, at the next look and not before."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from commander.commands import Survivor
from commander.execution.process_count import COUNT_SECONDS, ProcessCount


class Tree:
    """As many processes as a test says."""

    def __init__(self) -> None:
        self.processes = 1
        self.looks = 0

    def signal(self, number: int) -> int:
        raise AssertionError("the count does not signal")

    def left(self) -> int:
        self.looks += 1
        return self.processes

    def process_ids(self) -> tuple[int, ...]:
        raise AssertionError("the count does not ask who they are")

    def survivors(self) -> tuple[Survivor, ...]:
        raise AssertionError("the count does not ask for names")

    def release(self) -> None:
        raise AssertionError("the count does not own the tree")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tree() -> Tree:
    return Tree()


@pytest.fixture
def ended() -> list[float]:
    """When the count said that there are too many."""
    return []


@pytest.fixture
def count(clock: Clock, tree: Tree, ended: list[float]) -> ProcessCount:
    return ProcessCount(
        clock=clock,
        monotonic=clock.seconds,
        tree=tree,
        most=3,
        exceeded=lambda: ended.append(clock.seconds()),
    )


def test_as_many_as_allowed_may_run_for_ever(
    clock: Clock, tree: Tree, count: ProcessCount, ended: list[float]
) -> None:
    tree.processes = 3
    for _ in range(20):
        clock.advance(COUNT_SECONDS)
    assert ended == []
    assert tree.looks == 20


def test_one_more_is_told_once_at_the_next_look(
    clock: Clock, tree: Tree, count: ProcessCount, ended: list[float]
) -> None:
    clock.advance(COUNT_SECONDS)
    tree.processes = 4
    clock.advance(COUNT_SECONDS - 0.01)
    assert ended == []
    clock.advance(0.01)
    assert ended == [2 * COUNT_SECONDS]
    clock.advance(10 * COUNT_SECONDS)
    assert len(ended) == 1
    assert clock.getDelayedCalls() == []


def test_nothing_is_looked_at_any_more_once_it_was_stopped(
    clock: Clock, tree: Tree, count: ProcessCount, ended: list[float]
) -> None:
    tree.processes = 4
    count.stop()
    count.stop()
    clock.advance(10 * COUNT_SECONDS)
    assert (tree.looks, ended) == (0, [])
    assert clock.getDelayedCalls() == []


def test_who_is_told_may_stop_it_in_turn(clock: Clock, tree: Tree) -> None:
    tree.processes = 4
    counts: list[ProcessCount] = []
    counts.append(
        ProcessCount(
            clock=clock,
            monotonic=clock.seconds,
            tree=tree,
            most=3,
            exceeded=lambda: counts[0].stop(),
        )
    )
    clock.advance(COUNT_SECONDS)
    assert clock.getDelayedCalls() == []
