"""The server that has everything: how it starts and stops, and what it remembers."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from commander.mcp.events import (
    Cancelled,
    Done,
    Refused,
    Task,
    TaskAsked,
    TaskCancelled,
    ToolCalled,
    ToolReturned,
    UnknownTask,
    Working,
)
from commander.principals import Principal
from commander.sessions.listening import ChangeHub
from tests.conformance.fixture import tasks as tasks_module
from tests.conformance.fixture.content import said
from tests.conformance.fixture.states import LIFETIME_SECONDS, States
from tests.conformance.fixture.tasks import TTL_SECONDS, Job, TaskStore
from tests.conformance.packages import ROOT
from tests.conformance.servers import EVERYTHING, PATIENCE_SECONDS

requirement = pytest.mark.requirement

ANN, BOB = Principal("ann"), Principal("bob")
ASKED = ToolCalled(name="ask", arguments={"b": 1, "a": 2})


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-m", EVERYTHING, "--port", "0"]
    with subprocess.Popen(
        words,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        yield process
        process.kill()


@pytest.mark.process
def test_it_says_where_it_is_and_ends_when_it_is_told_to(
    process: subprocess.Popen[str],
) -> None:
    assert process.stdout is not None
    assert process.stdout.readline().startswith("http://127.0.0.1:")
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_SECONDS) == 0
    assert process.stdout.read() == ""


# --- states -------------------------------------------------------------------------


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def states(clock: Clock) -> States:
    return States(b"key", clock.seconds)


def again(states: States, **changed: Any) -> ToolCalled:
    """The call with the state that it got."""
    state = states.write({"n": 1}, ASKED, ANN)
    return attrs.evolve(ASKED, request_state=state, **changed)


def test_a_state_comes_back_with_the_call_that_it_was_made_for(states: States) -> None:
    assert states.read(again(states), ANN) == {"n": 1}
    assert states.read(again(states, arguments={"a": 2, "b": 1}), ANN) == {"n": 1}
    assert states.read(ASKED, ANN) == {}


@requirement("M36")
def test_a_state_of_others_is_refused(states: States, clock: Clock) -> None:
    """S26/basic/patterns/mrtr, Server Requirements: principal, request, integrity."""
    mine = again(states)
    changed = attrs.evolve(mine, request_state=f"{mine.request_state}x")
    foreign = again(States(b"another key", clock.seconds))
    for asked, who in (
        (mine, BOB),
        (again(states, name="other"), ANN),
        (again(states, arguments={}), ANN),
        (changed, ANN),
        (foreign, ANN),
    ):
        assert isinstance(states.read(asked, who), Refused)


@requirement("M36")
def test_a_state_that_is_too_old_is_refused(states: States, clock: Clock) -> None:
    asked = again(states)
    clock.advance(LIFETIME_SECONDS)
    assert states.read(asked, ANN) == {"n": 1}
    clock.advance(1)
    assert isinstance(states.read(asked, ANN), Refused)


# --- tasks --------------------------------------------------------------------------


@pytest.fixture
def store(clock: Clock) -> TaskStore:
    store = TaskStore(clock.seconds)
    store.begin(ChangeHub())
    return store


def begun(store: TaskStore, work: Deferred[ToolReturned]) -> Task:
    async def wait(job: Job) -> ToolReturned:
        return await work

    task = store.create(ANN, wait)
    assert task is not None
    return task


def test_a_task_is_kept_for_its_time_and_no_longer(
    store: TaskStore, clock: Clock
) -> None:
    work: Deferred[ToolReturned] = Deferred()
    task = begun(store, work)
    clock.advance(TTL_SECONDS)
    assert store.serve(TaskAsked(task.id), ANN) == task
    clock.advance(1)
    assert isinstance(store.serve(TaskAsked(task.id), ANN), UnknownTask)
    assert len(store) == 0
    assert work.called, "what nobody can ask about is given up"


def test_a_cancelled_task_ends_its_work_whatever_that_says(store: TaskStore) -> None:
    work: Deferred[ToolReturned] = Deferred(lambda d: d.callback(said("too late")))
    task = begun(store, work)
    assert task.state == Working()
    assert store.serve(TaskCancelled(task.id), ANN) == Done()
    found = store.serve(TaskAsked(task.id), ANN)
    assert isinstance(found, Task)
    assert found.state == Cancelled()


def test_work_that_breaks_is_a_failure(store: TaskStore) -> None:
    task = begun(store, Deferred())
    broken: Deferred[ToolReturned] = Deferred()
    other = begun(store, broken)
    broken.errback(RuntimeError("ouch"))
    found = store.serve(TaskAsked(other.id), ANN)
    assert isinstance(found, Task)
    assert isinstance(found.state, Refused)
    assert store.serve(TaskAsked(task.id), ANN) == task


def test_there_are_only_so_many_tasks(
    store: TaskStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks_module, "MAX_TASKS", 2)
    for _ in range(2):
        begun(store, Deferred())
    assert store.create(ANN, lambda job: Deferred()) is None
    clock.advance(TTL_SECONDS + 1)
    begun(store, Deferred())
    assert len(store) == 1
