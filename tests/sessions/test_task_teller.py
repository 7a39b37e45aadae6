"""Telling of tasks: each as it is when its turn comes, and nothing kept till then."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from commander.sessions.task_teller import TaskTeller

requirement = pytest.mark.requirement

A, B, C = "a", "b", "c"


class Ear:
    """A teller, what it asked for and what was heard."""

    def __init__(self, *, at_once: bool = True) -> None:
        self.versions = {A: 0, B: 0, C: 0}
        self.heard: list[bytes] = []
        self.asked: list[tuple[str, Deferred[bytes | None]]] = []
        self.at_once = at_once
        self.teller = TaskTeller(self._show, self.heard.append)

    async def _show(self, task_id: str) -> bytes | None:
        if self.at_once:
            return self.shown(task_id)
        asked: Deferred[bytes | None] = Deferred()
        self.asked.append((task_id, asked))
        return await asked

    def shown(self, task_id: str) -> bytes:
        return f"{task_id}{self.versions[task_id]}".encode()

    def answer(self) -> None:
        """Answer the one question that is open, with what is so now."""
        ((task_id, asked),) = self.asked
        self.asked.clear()
        asked.callback(self.shown(task_id))

    def change(self, task_id: str) -> None:
        self.versions[task_id] += 1
        self.teller.changed(task_id)


@requirement("E10")
def test_it_tells_how_each_stands_and_then_what_changes() -> None:
    ear = Ear()
    ear.change(A)
    assert ear.heard == []
    ear.teller.begin(frozenset({A, B}))
    assert {*ear.heard} == {b"a1", b"b0"}
    ear.change(B)
    ear.change(C)
    assert ear.heard[2:] == [b"b1"]


def test_a_slow_client_hears_once_how_it_is_then() -> None:
    ear = Ear()
    ear.teller.begin(frozenset({A, B}))
    ear.teller.pause()
    for _ in range(1000):
        ear.change(A)
    assert len(ear.heard) == 2
    ear.teller.resume()
    assert ear.heard[2:] == [b"a1000"]


def test_one_is_asked_for_at_a_time_and_a_change_meanwhile_is_told_after_it() -> None:
    ear = Ear(at_once=False)
    ear.teller.begin(frozenset({A}))
    for _ in range(3):
        ear.change(A)
    assert len(ear.asked) == 1
    ear.answer()
    assert ear.heard == [b"a3"]
    ear.answer()
    assert ear.heard == [b"a3", b"a3"]
    assert ear.asked == []


def test_a_pause_lets_pass_only_what_was_asked_for() -> None:
    ear = Ear(at_once=False)
    ear.teller.begin(frozenset({A, B, C}))
    ear.teller.pause()
    ear.answer()
    assert len(ear.heard) == 1
    assert ear.asked == []
    ear.teller.resume()
    for _ in range(2):
        ear.answer()
    assert {*ear.heard} == {b"a0", b"b0", b"c0"}


def test_what_is_gone_is_not_told_of() -> None:
    ear = Ear(at_once=False)
    ear.teller.begin(frozenset({A, B}))
    ((_, asked),) = ear.asked
    ear.asked.clear()
    asked.callback(None)
    ear.answer()
    assert len(ear.heard) == 1


@pytest.mark.parametrize("at_once", [True, False])
def test_nothing_is_told_after_the_end(*, at_once: bool) -> None:
    ear = Ear(at_once=at_once)
    ear.teller.begin(frozenset({A, B}))
    before = len(ear.heard)
    ear.teller.end()
    ear.teller.end()
    ear.change(A)
    while ear.asked:
        ear.answer()
    ear.teller.resume()
    assert len(ear.heard) == before


steps = st.lists(st.sampled_from(["pause", "resume", "answer", A, B]), max_size=40)


@given(steps, st.booleans())
def test_the_last_that_is_heard_of_a_task_is_how_it_is(
    steps: list[str], at_once: bool
) -> None:
    ear = Ear(at_once=at_once)
    ear.teller.begin(frozenset({A, B}))
    for step in steps:
        if step in {"pause", "resume"}:
            getattr(ear.teller, step)()
        elif step != "answer":
            ear.change(step)
        elif ear.asked:
            ear.answer()
        assert len(ear.asked) <= 1
    ear.teller.resume()
    while ear.asked:
        ear.answer()
    for task_id in (A, B):
        told = [one for one in ear.heard if one.startswith(task_id.encode())]
        assert told[-1] == ear.shown(task_id)
        numbers = [int(one[1:]) for one in told]
        assert numbers == sorted(numbers)
