"""What a subscription can be told of tasks, and that no fault of ours breaks it."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any

import msgspec
import pytest
from twisted.internet.defer import Deferred

from commander.mcp.events import (
    Asked,
    Done,
    InputRequired,
    Returned,
    Task,
    TaskAsked,
    TasksFound,
    TasksSought,
    TaskState,
    UnknownTask,
    Working,
)
from commander.mcp.versions import Era
from commander.sessions.task_views import TaskView
from commander.telemetry.logging import StructuredLog
from commander.testing import MemoryLog
from commander.tools.registry import CallContext
from tests.sessions.kit import ANN, CAPABILITIES, MODERN, call_of

QUESTION = {"method": "elicitation/create", "params": {"message": "?"}}


def task(task_id: str, state: TaskState, *, at: float = 0.0) -> Task:
    return Task(id=task_id, state=state, created_at=at, updated_at=at, ttl_ms=None)


class Tasks:
    """An ``Application`` that has these tasks, and breaks over "broken"."""

    def __init__(self) -> None:
        self.contexts: list[CallContext] = []
        self.found: Returned = TasksFound(frozenset({"here", "asks", "not asked for"}))
        self.has: dict[str, Returned] = {
            "here": task("here", Working()),
            "asks": task("asks", InputRequired(requests={"a": QUESTION})),
            "asks nothing": task("asks nothing", InputRequired()),
            "out of time": task("out of time", Working(), at=1e300),
            "no task": Done(),
        }

    async def serve(self, asked: Asked, context: CallContext) -> Returned:
        self.contexts.append(context)
        if isinstance(asked, TasksSought):
            return self.found
        assert isinstance(asked, TaskAsked)
        if asked.id == "broken":
            raise RuntimeError("ouch")
        return self.has.get(asked.id, UnknownTask(asked.id))


class Stage:
    def __init__(self, capabilities: Mapping[str, Any] = CAPABILITIES) -> None:
        self.log = MemoryLog()
        self.tasks = Tasks()
        call = call_of(
            era=Era.MODERN, version=MODERN, request_id="s", capabilities=capabilities
        )
        log = StructuredLog("test", observer=self.log)
        self.view = TaskView(self.tasks, call, ANN, log)

    def shown(self, task_id: str) -> Any:
        body = now(self.view.notification(task_id))
        return None if body is None else msgspec.json.decode(body)


def now(work: Coroutine[Any, Any, Any]) -> Any:
    """What comes of work that is done at once."""
    found: list[Any] = []
    Deferred.fromCoroutine(work).addCallback(found.append)
    (value,) = found
    return value


def test_what_is_there_is_known_in_the_order_in_which_it_was_asked_for() -> None:
    stage = Stage()
    assert now(stage.view.known(("nothing", "asks", "here"))) == ["asks", "here"]
    assert [one.principal for one in stage.tasks.contexts] == [ANN]


def test_who_asks_for_no_task_costs_the_application_nothing() -> None:
    stage = Stage()
    assert now(stage.view.known(())) == []
    assert stage.tasks.contexts == []


def test_nothing_is_known_to_an_application_that_says_something_else() -> None:
    stage = Stage()
    stage.tasks.found = Done()
    assert now(stage.view.known(("here",))) == []


def test_a_task_is_shown_to_the_subscription() -> None:
    message = Stage().shown("here")
    assert message["method"] == "notifications/tasks"
    params = message["params"]
    assert (params["taskId"], params["status"]) == ("here", "working")
    assert params["_meta"] == {"io.modelcontextprotocol/subscriptionId": "s"}


@pytest.mark.parametrize(("capabilities", "shown"), [(CAPABILITIES, True), ({}, False)])
def test_questions_are_shown_to_who_can_be_asked_them(
    capabilities: Mapping[str, Any], *, shown: bool
) -> None:
    stage = Stage(capabilities)
    assert (stage.shown("asks") is not None) is shown
    assert stage.log.failures() == []


@pytest.mark.parametrize("task_id", ["broken", "asks nothing", "out of time"])
def test_a_fault_of_ours_is_told_to_the_log_alone(task_id: str) -> None:
    stage = Stage()
    assert stage.shown(task_id) is None
    assert len(stage.log.failures()) == 1


@pytest.mark.parametrize("task_id", ["nothing", "no task"])
def test_what_is_not_there_is_not_shown(task_id: str) -> None:
    stage = Stage()
    assert stage.shown(task_id) is None
    assert stage.log.failures() == []
