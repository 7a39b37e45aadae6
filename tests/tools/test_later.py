"""Calls that go on as jobs: how their client is told of the end."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from twisted.internet.defer import Deferred

from commander.tools.registry import CallContext, Later, ToolAnswer
from tests.tools.kit import ANN, Stage

requirement = pytest.mark.requirement

YIELD_SECONDS = 10.0
TOOLS = ["execute_command", "start_command"]
TIMES = {
    "duration",
    "duration_seconds",
    "expires_in_seconds",
    "job_id",
    "started_at",
}
"""Facts that differ from one run of a command to the next."""


def begin(stage: Stage, tool: str, *, tasks: bool, **arguments: Any) -> list[Any]:
    """Begin a call; the list gets its answer."""
    answers: list[Any] = []
    context = CallContext(principal=ANN, tasks=tasks)
    Deferred.fromCoroutine(
        stage.registry.call(tool, {"command": "make", **arguments}, context)
    ).addCallback(answers.append)
    return answers


def late(later: Later) -> ToolAnswer:
    found: list[ToolAnswer] = []
    Deferred.fromCoroutine(_ask(later)).addCallback(found.append)
    (answer,) = found
    return answer


async def _ask(later: Later) -> ToolAnswer:
    return await later.answer()


def gone_on(stage: Stage, tool: str, **arguments: Any) -> ToolAnswer:
    """The answer to a call whose command outlasts it."""
    if tool == "start_command":
        arguments = {"wait_seconds": 2, **arguments}
    answers = begin(stage, tool, tasks=True, **arguments)
    stage.pump(YIELD_SECONDS, step=1.0)
    (answer,) = answers
    assert isinstance(answer, ToolAnswer)
    return answer


@requirement("W9")
@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("status", [0, 1, 2])
@pytest.mark.parametrize("output", [b"", b"text\n", b"line\n" * 50_000])
@pytest.mark.parametrize("timeout", ["60m", "9999h"])
def test_the_end_is_what_a_call_that_waited_would_have_been_answered(
    tool: str, status: int, output: bytes, timeout: str
) -> None:
    stage = Stage(execute_yield_seconds=YIELD_SECONDS)
    waiting = begin(stage, tool, tasks=True, timeout=timeout)
    stage.process.emit(1, output)
    stage.process.exit(status)
    stage.pump(0.1)
    (wanted,) = waiting
    assert wanted.later is None

    answer = gone_on(stage, tool, timeout=timeout)
    assert answer.later is not None
    assert answer.facts["job_id"] == answer.later.job_id
    stage.process.emit(1, output)
    stage.process.exit(status)
    end = late(answer.later)
    assert end.later is None
    assert end.is_error == wanted.is_error
    assert ("job_id" in end.facts) == ("job_id" in wanted.facts)
    assert len(end.links) == len(wanted.links)
    first, second = (_unnamed(one) for one in (end, wanted))
    assert first == second
    assert late(answer.later) == end


def _unnamed(answer: ToolAnswer) -> str:
    """The facts, where a job's handle stands in them too."""
    facts = {name: fact for name, fact in answer.facts.items() if name not in TIMES}
    return str(facts).replace(str(answer.facts.get("job_id")), "job")


@requirement("W9")
@pytest.mark.parametrize("tool", TOOLS)
def test_who_knows_no_tasks_is_told_of_the_job_alone(tool: str) -> None:
    stage = Stage(execute_yield_seconds=YIELD_SECONDS)
    more = {"wait_seconds": 1} if tool == "start_command" else {}
    answers = begin(stage, tool, tasks=False, **more)
    stage.pump(YIELD_SECONDS, step=1.0)
    (answer,) = answers
    assert answer.later is None
    assert answer.facts["status"] == "running"


@pytest.mark.parametrize("tool", TOOLS)
def test_before_its_end_it_is_told_how_it_stands(tool: str) -> None:
    stage = Stage(execute_yield_seconds=YIELD_SECONDS)
    answer = gone_on(stage, tool)
    assert answer.later is not None
    assert late(answer.later).facts["status"] == "running"


@pytest.mark.parametrize("tool", TOOLS)
def test_what_is_refused_in_the_queue_is_told_in_the_end(tool: str) -> None:
    stage = Stage(
        execute_yield_seconds=YIELD_SECONDS,
        max_concurrent=1,
        max_queue_wait_seconds=30.0,
    )
    stage.start()
    answer = gone_on(stage, tool)
    assert answer.later is not None
    assert answer.facts["status"] == "queued"
    stage.pump(30, step=1.0)
    end = late(answer.later)
    assert (end.is_error, end.facts["status"]) == (True, "busy")


def test_what_can_be_written_to_is_answered_with_its_handle() -> None:
    stage = Stage()
    for more in ({"keep_stdin_open": True}, {"tty": True}):
        answer = gone_on(stage, "start_command", **more)
        assert answer.later is None
        assert answer.facts["status"] == "running"
    answer = gone_on(stage, "start_command", stdin="all of it")
    assert answer.later is not None


def test_a_reader_goes_on_where_it_stopped_whoever_looks_at_the_end() -> None:
    stage = Stage()
    answer = gone_on(stage, "start_command")
    assert answer.later is not None
    stage.process.emit(1, b"text")
    stage.process.exit()
    late(answer.later)
    page = stage.call("read_output", job_id=answer.later.job_id)
    assert page.facts["output"] == "text"


@pytest.mark.parametrize("tool", TOOLS)
def test_nothing_is_kept_of_what_was_secret_or_large(tool: str) -> None:
    stage = Stage(execute_yield_seconds=YIELD_SECONDS)
    answer = gone_on(stage, tool, env={"SECRET": "hunter22"})
    assert answer.later is not None
    held = str(attrs.asdict(answer.later, recurse=False))
    assert "hunter22" not in held
