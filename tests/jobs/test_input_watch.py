"""Who waits for input: on evidence that is fresh, and was seen twice."""

from __future__ import annotations

import os
import pty
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from commander.commands import Stdin
from commander.execution.waiting import Inputs, SeenIn, WaitingEvidence, WaitsOn
from commander.jobs.input_watch import (
    FRESH_SECONDS,
    LOOK_SECONDS,
    Evidence,
    InputWatch,
    prompt_of,
)
from commander.output.budget import MemoryBudget
from commander.output.command import CommandOutput
from commander.testing import MemoryProcess
from tests.jobs.kit import Stage

CAT = WaitingEvidence(
    pid=7,
    name="cat",
    blocked_in="read",
    waits_on=WaitsOn.PIPE,
    seen_in=SeenIn.CALL,
)
FACTS = {
    "process": "cat",
    "pid": 7,
    "blocked_in": "read",
    "on": "standard input pipe",
    "seen_in": "system call",
}


class Kit:
    """A watch that looks when the test says so, and a job to watch."""

    def __init__(self, stdin: Stdin = Stdin.PIPE) -> None:
        self.stage = Stage()
        self.looks: list[tuple[Callable[[], Evidence], Deferred[Evidence]]] = []
        self.watch = InputWatch(self.stage.reactor.seconds, self.aside)
        self.job = self.stage.started(stdin=stdin)

    def aside(self, look: Callable[[], Evidence]) -> Deferred[Evidence]:
        self.looks.append((look, Deferred()))
        return self.looks[-1][1]

    def ask(self) -> Mapping[str, Any] | None:
        return self.watch.evidence(self.job)

    def answer(self, evidence: Evidence | Exception) -> None:
        """What the oldest look saw."""
        _, answer = self.looks.pop(0)
        if isinstance(evidence, Exception):
            answer.errback(evidence)
        else:
            answer.callback(evidence)

    def ask_and_see(self, evidence: Evidence) -> None:
        """One look, right away, and its answer."""
        self.ask()
        self.answer(evidence)

    def pass_time(self, seconds: float = LOOK_SECONDS + 0.001) -> None:
        self.stage.reactor.advance(seconds)

    def see_twice(self, evidence: WaitingEvidence = CAT) -> None:
        self.ask_and_see(evidence)
        self.pass_time()
        self.ask_and_see(evidence)


# --- when it is evidence -------------------------------------------------------------


def test_one_picture_is_not_enough_and_two_are() -> None:
    kit = Kit()
    assert kit.ask() is None
    kit.answer(CAT)
    assert kit.ask() is None
    kit.pass_time()
    assert kit.ask() is None
    kit.answer(CAT)
    assert kit.ask() == FACTS


def test_it_is_looked_at_no_more_often_than_need_be() -> None:
    kit = Kit()
    kit.ask()
    kit.ask()
    assert len(kit.looks) == 1
    kit.answer(None)
    kit.pass_time(LOOK_SECONDS - 0.01)
    kit.ask()
    assert kit.looks == []
    kit.pass_time(0.02)
    kit.ask()
    assert len(kit.looks) == 1


def test_a_look_that_is_held_up_holds_up_nobody_and_is_not_repeated() -> None:
    kit = Kit()
    kit.see_twice()
    kit.pass_time()
    assert kit.ask() == FACTS
    kit.pass_time(FRESH_SECONDS)
    assert kit.ask() is None
    assert len(kit.looks) == 1


@pytest.mark.parametrize("between", [None, CAT])
def test_what_was_not_seen_in_a_row_was_not_seen_twice(
    between: WaitingEvidence | None,
) -> None:
    kit = Kit()
    for evidence in (CAT, between, CAT):
        kit.ask_and_see(evidence)
        kit.pass_time()
    assert (kit.ask() is None) == (between is None)


def test_a_picture_that_shows_nothing_ends_it() -> None:
    kit = Kit()
    kit.see_twice()
    kit.pass_time()
    assert kit.ask() == FACTS
    kit.answer(None)
    assert kit.ask() is None


def output(kit: Kit) -> None:
    kit.stage.process.emit(1, b"x")


def written(kit: Kit) -> None:
    kit.job.write(b"x")


@pytest.mark.parametrize("happens", [output, written])
def test_whatever_happens_makes_it_old(happens: Callable[[Kit], None]) -> None:
    kit = Kit()
    kit.see_twice()
    kit.pass_time(0.01)
    happens(kit)
    assert kit.ask() is None
    kit.pass_time()
    kit.ask_and_see(CAT)
    assert kit.ask() is None
    kit.pass_time()
    kit.ask_and_see(CAT)
    assert kit.ask() is not None


def test_what_happens_while_it_is_looked_at_counts_as_later() -> None:
    kit = Kit()
    kit.ask_and_see(CAT)
    kit.pass_time()
    kit.ask()
    kit.pass_time(0.01)
    written(kit)
    kit.answer(CAT)
    assert kit.ask() is None


def test_a_look_that_fails_is_logged_and_shows_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kit = Kit()
    failures: list[str] = []
    monkeypatch.setattr(
        "commander.jobs.input_watch._log.failure", lambda name, _: failures.append(name)
    )
    kit.see_twice()
    kit.pass_time()
    kit.ask()
    kit.answer(RuntimeError("broken"))
    assert failures == ["input_watch_failed"]
    assert kit.ask() is None
    kit.pass_time()
    kit.see_twice()
    assert kit.ask() == FACTS


def test_who_cannot_be_written_to_is_not_looked_at() -> None:
    kit = Kit(Stdin.EMPTY)
    assert kit.ask() is None
    assert kit.looks == []


def test_a_job_that_has_ended_waits_for_nothing() -> None:
    kit = Kit()
    kit.see_twice()
    kit.stage.process.exit()
    assert kit.ask() is None
    assert kit.looks == []


def test_a_job_can_be_forgotten_at_any_time() -> None:
    kit = Kit()
    kit.watch.forget(kit.job)
    kit.see_twice()
    kit.watch.forget(kit.job)
    assert kit.ask() is None
    kit.watch.forget(kit.job)
    kit.answer(CAT)
    assert kit.ask() is None


def test_jobs_have_nothing_to_do_with_each_other() -> None:
    kit = Kit()
    other = kit.stage.started(stdin=Stdin.PIPE)
    kit.see_twice()
    assert kit.watch.evidence(other) is None
    assert kit.ask() == FACTS


# --- what it says --------------------------------------------------------------------


def test_the_modes_of_a_terminal_and_the_prompt_are_told() -> None:
    kit = Kit()
    kit.stage.process.emit(1, b"ready\nPassword: ")
    kit.pass_time()
    kit.see_twice(
        attrs.evolve(
            CAT, waits_on=WaitsOn.TERMINAL, echo=False, canonical=True, others=2
        )
    )
    assert kit.ask() == {
        **FACTS,
        "on": "terminal",
        "echo": False,
        "line_mode": True,
        "others": 2,
        "prompt": "Password:",
    }


@contextmanager
def closing(*descriptors: int) -> Iterator[None]:
    try:
        yield
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def test_our_ends_are_looked_at_in_the_turn_of_the_question(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is behind a descriptor later may be somebody else's."""
    asked: list[tuple[Sequence[int], Inputs]] = []

    def find_waiting(ids: Sequence[int], inputs: Inputs) -> Evidence:
        asked.append((ids, inputs))
        return CAT

    monkeypatch.setattr("commander.execution.waiting.find_waiting", find_waiting)
    ours, theirs = pty.openpty()
    read, write = os.pipe()
    kit = Kit()
    monkeypatch.setattr(MemoryProcess, "terminal_descriptor", lambda _: ours)
    monkeypatch.setattr(MemoryProcess, "stdin_descriptor", lambda _: write)
    with closing(ours, theirs, read, write):
        kit.ask()
    look, _ = kit.looks[0]
    assert look() is CAT
    ((ids, inputs),) = asked
    assert ids == (kit.stage.process.group,)
    assert inputs.pipe is not None
    assert inputs.pipe.startswith("pipe:[")
    assert inputs.terminal is not None
    assert inputs.terminal.link.startswith("/dev/pts/")


def test_processes_that_are_not_there_wait_for_nothing() -> None:
    kit = Kit()
    kit.ask()
    look, _ = kit.looks[0]
    assert look() is None


# --- the prompt ----------------------------------------------------------------------


def printed(*parts: tuple[int, bytes], limit: int = 10_000) -> CommandOutput:
    made = CommandOutput(limit, MemoryBudget(1_000_000))
    for stream, data in parts:
        made.append(stream, data)
    return made


@pytest.mark.parametrize(
    ("parts", "prompt"),
    [
        ((), ""),
        (((1, b"done\n"),), ""),
        (((1, b"a\nb\nName? "),), "Name?"),
        (((1, b"working\rName? "),), "Name?"),
        (((1, b"\x1b[1mName?\x1b[0m "),), "Name?"),
        (((1, b"Na"), (2, b"me"), (1, b"? ")), "Name?"),
        (((1, b"out"), (2, b"err\nName? ")), "Name?"),
        (((1, "é".encode()[:1]), (2, b"x\n"), (1, "é".encode()[1:])), "é"),
        (((1, b"x" * 600 + b"\n" + b"y" * 100),), "y" * 100),
        (((1, b"Name\xff? "),), "Name\ufffd?"),
    ],
)
def test_the_prompt_is_the_line_that_was_not_ended(
    parts: tuple[tuple[int, bytes], ...], prompt: str
) -> None:
    assert prompt_of(printed(*parts)) == prompt


def test_of_what_is_not_kept_nothing_is_made_up() -> None:
    gone = printed((1, b"secret"))
    gone.close()
    assert prompt_of(gone) == ""
    assert prompt_of(printed((1, b"a" * 40), limit=16)) == "a" * 12


@given(
    st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=300)), max_size=8)
)
def test_a_prompt_is_one_short_line(parts: list[tuple[int, bytes]]) -> None:
    prompt = prompt_of(printed(*parts))
    assert len(prompt) <= 200
    assert prompt == " ".join(prompt.split())
    assert not prompt or prompt.isprintable()
