"""Between calls and tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs
import msgspec
import pytest
from twisted.internet.defer import Deferred

from commander.mcp.events import ResourceAsked, ToolCalled, ToolReturned
from commander.principals import Principal
from commander.sessions.application import ToolApplication
from commander.tools.registry import CallContext, ToolAnswer, ToolRegistry
from commander.tools.schemas import ArgumentProblem

requirement = pytest.mark.requirement

CONTEXT = CallContext(principal=Principal("ann"), plain_rpc=True)


@attrs.frozen(kw_only=True)
class Arguments:
    """What the tool takes."""

    word: str = ""


@attrs.frozen(kw_only=True)
class Result:
    """What the tool answers."""


class Told:
    """A tool that answers what it was told to."""

    name: ClassVar[str] = "told"
    title: ClassVar[str] = "Told"
    description: ClassVar[str] = "Answer."
    arguments: ClassVar[type] = Arguments
    result: ClassVar[type] = Result
    annotations: ClassVar[Mapping[str, bool]] = {}

    def __init__(self, answer: ToolAnswer) -> None:
        self.answer = answer
        self.calls: list[tuple[Arguments, CallContext]] = []

    async def call(self, arguments: Arguments, context: CallContext) -> ToolAnswer:
        self.calls.append((arguments, context))
        return self.answer

    def refuse(self, problem: ArgumentProblem) -> ToolAnswer:
        return ToolAnswer(facts={"error": problem.text}, is_error=True)


def served(tool: Told, asked: Any) -> Any:
    registry = ToolRegistry([tool], with_output_schema=True)
    found: list[Any] = []
    Deferred.fromCoroutine(ToolApplication(registry).serve(asked, CONTEXT)).addCallback(
        found.append
    )
    (returned,) = found
    return returned


@requirement("W2")
@pytest.mark.parametrize("is_error", [True, False])
def test_text_and_structure_are_made_of_the_same_facts(is_error: bool) -> None:
    facts = {"stdout": "\u00e9\n", "duration": "1s", "effective": {"b": "1", "a": "2"}}
    tool = Told(ToolAnswer(facts=facts, is_error=is_error))
    returned = served(tool, ToolCalled(name="told", arguments={"word": "a"}))
    assert tool.calls == [(Arguments(word="a"), CONTEXT)]
    assert isinstance(returned, ToolReturned)
    assert returned.structured is facts
    assert returned.is_error is is_error
    assert returned.content == (
        {
            "type": "text",
            "text": (
                "{\n"
                '  "duration": "1s",\n'
                '  "effective": {\n'
                '    "a": "2",\n'
                '    "b": "1"\n'
                "  },\n"
                '  "stdout": "\u00e9\\n"\n'
                "}"
            ),
        },
    )
    assert msgspec.json.decode(returned.content[0]["text"]) == facts


def test_arguments_that_do_not_fit_are_refused_by_the_tool() -> None:
    tool = Told(ToolAnswer(facts={}))
    returned = served(tool, ToolCalled(name="told", arguments={"word": 1}))
    assert returned.is_error
    assert tool.calls == []


def test_there_is_nothing_but_tools() -> None:
    tool = Told(ToolAnswer(facts={}))
    asked: Any = ResourceAsked(uri="x://y")
    application = ToolApplication(ToolRegistry([tool], with_output_schema=True))
    failed: list[Any] = []
    Deferred.fromCoroutine(application.serve(asked, CONTEXT)).addErrback(failed.append)
    assert failed[0].check(TypeError)
