"""The table of tools: how they are listed, and who is called."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any, ClassVar

import attrs
import pytest
from twisted.internet.defer import Deferred

from commander.principals import Principal
from commander.tools.registry import CallContext, Tool, ToolAnswer, ToolRegistry
from commander.tools.schemas import ArgumentProblem

CONTEXT = CallContext(principal=Principal("ann"))


@attrs.frozen(kw_only=True)
class EchoArguments:
    """What ``Echo`` takes."""

    words: str


@attrs.frozen(kw_only=True)
class EchoResult:
    """What ``Echo`` answers."""

    said: str


class Echo:
    """Says what it was told."""

    name: ClassVar[str] = "echo"
    title: ClassVar[str] = "Echo"
    description: ClassVar[str] = "Say it again."
    arguments: ClassVar[type] = EchoArguments
    result: ClassVar[type] = EchoResult
    annotations: ClassVar[Mapping[str, bool]] = {"readOnlyHint": True}

    def __init__(self) -> None:
        self.contexts: list[CallContext] = []

    async def call(self, arguments: EchoArguments, context: CallContext) -> ToolAnswer:
        self.contexts.append(context)
        return ToolAnswer(facts={"said": arguments.words})

    def refuse(self, problem: ArgumentProblem) -> ToolAnswer:
        return ToolAnswer(facts={"said": problem.text}, is_error=True)


class Shout(Echo):
    """Another tool."""

    name: ClassVar[str] = "shout"


def result_of(answer: Coroutine[Deferred[Any], Any, ToolAnswer]) -> ToolAnswer:
    """What a call that does not wait returned."""
    fired: list[ToolAnswer] = []
    Deferred.fromCoroutine(answer).addCallback(fired.append)
    (told,) = fired
    return told


def registry(*tools: Tool, with_output_schema: bool = True) -> ToolRegistry:
    return ToolRegistry(tools, with_output_schema=with_output_schema)


def test_a_tool_is_described_with_both_schemas_and_its_hints() -> None:
    (described,) = registry(Echo()).described()
    assert described == {
        "name": "echo",
        "title": "Echo",
        "description": "Say it again.",
        "inputSchema": {
            "type": "object",
            "properties": {"words": {"type": "string"}},
            "required": ["words"],
            "additionalProperties": False,
        },
        "outputSchema": {
            "type": "object",
            "properties": {"said": {"type": "string"}},
            "required": ["said"],
        },
        "annotations": {"title": "Echo", "readOnlyHint": True},
    }


def test_output_schemas_can_be_left_out() -> None:
    (whole,) = registry(Echo()).described()
    (described,) = registry(Echo(), with_output_schema=False).described()
    assert described == {k: v for k, v in whole.items() if k != "outputSchema"}


@pytest.mark.parametrize("order", [(Echo, Shout), (Shout, Echo)])
def test_tools_are_listed_in_the_order_in_which_they_were_given(
    order: tuple[type[Echo], ...],
) -> None:
    listed = registry(*(kind() for kind in order)).described()
    assert [tool["name"] for tool in listed] == [kind.name for kind in order]


def test_a_tool_is_called_by_name_with_its_arguments_and_the_caller() -> None:
    echo, shout = Echo(), Shout()
    answer = registry(echo, shout).call("shout", {"words": "a"}, CONTEXT)
    assert result_of(answer) == ToolAnswer(facts={"said": "a"}, is_error=False)
    assert shout.contexts == [CONTEXT]
    assert echo.contexts == []


def test_arguments_that_do_not_fit_are_refused_by_the_tool_and_do_not_reach_it() -> (
    None
):
    echo = Echo()
    answer = registry(echo).call("echo", {"words": 1}, CONTEXT)
    assert result_of(answer) == ToolAnswer(
        facts={"said": '"words" must be a string, got 1'}, is_error=True
    )
    assert echo.contexts == []


def test_an_unknown_name_is_the_callers_mistake() -> None:
    with pytest.raises(KeyError):
        registry(Echo()).call("shout", {}, CONTEXT).send(None)


def test_a_call_comes_by_mcp_unless_told_otherwise() -> None:
    assert not CallContext(principal=Principal("ann")).plain_rpc
