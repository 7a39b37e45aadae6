"""From bytes to bytes, with a tool in between, and no fault of ours told to anybody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs
import msgspec
import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from commander.mcp.events import Reply, ServerInfo, ToolCalled
from commander.mcp.handshake import HandshakeEngine
from commander.mcp.inbound import InboundHeaders
from commander.principals import Principal
from commander.sessions.dispatcher import Dispatcher
from commander.telemetry.logging import Level, StructuredLog
from commander.testing.server import MemoryLog
from commander.tools.registry import CallContext, ToolAnswer, ToolRegistry
from commander.tools.schemas import ArgumentProblem

CONTEXT = CallContext(principal=Principal("ann"), plain_rpc=True)


@attrs.frozen(kw_only=True)
class Arguments:
    """What the tool takes."""

    word: str = ""


@attrs.frozen(kw_only=True)
class Result:
    """What the tool answers."""


class Slow:
    """A tool that answers when the test says so."""

    name: ClassVar[str] = "slow"
    title: ClassVar[str] = "Slow"
    description: ClassVar[str] = "Wait."
    arguments: ClassVar[type] = Arguments
    result: ClassVar[type] = Result
    annotations: ClassVar[Mapping[str, bool]] = {}

    def __init__(self) -> None:
        self.calls: list[tuple[Arguments, CallContext]] = []
        self.answers: list[Deferred[ToolAnswer]] = []

    async def call(self, arguments: Arguments, context: CallContext) -> ToolAnswer:
        self.calls.append((arguments, context))
        answer: Deferred[ToolAnswer] = Deferred()
        self.answers.append(answer)
        return await answer

    def refuse(self, problem: ArgumentProblem) -> ToolAnswer:
        raise RuntimeError(f"the tool is broken: {problem.text}")


class Stage:
    """A dispatcher with one tool and a log that remembers."""

    def __init__(self) -> None:
        self.tool = Slow()
        self.log = MemoryLog()
        registry = ToolRegistry([self.tool], with_output_schema=True)
        self.dispatcher = Dispatcher(
            engine=HandshakeEngine(
                server=ServerInfo(name="", title="", version="", instructions=""),
                tools=registry.described(),
            ),
            registry=registry,
            log=StructuredLog(__name__, self.log),
        )

    def send(self, body: bytes, version: str | None = None) -> list[Reply]:
        """Send a body; the list gets the answer, once it is there."""
        replies: list[Reply] = []
        Deferred.fromCoroutine(
            self.dispatcher.answer(
                body, InboundHeaders(protocol_version=version), CONTEXT
            )
        ).addCallback(replies.append)
        return replies

    def call(self, request_id: int, **arguments: object) -> list[Reply]:
        """Call the tool."""
        params = {"name": "slow", "arguments": arguments}
        return self.send(
            msgspec.json.encode(
                {
                    "jsonrpc": "2.0",
                    "id": request_id,
                    "method": "tools/call",
                    "params": params,
                }
            )
        )


def read(replies: list[Reply]) -> Any:
    """The JSON of the one answer."""
    (reply,) = replies
    return msgspec.json.decode(reply.body)


@pytest.mark.parametrize(
    ("body", "version", "status"),
    [
        (b'{"jsonrpc":"2.0","id":1,"method":"ping"}', None, 200),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping"}', "2026-07-28", 400),
        (b'{"jsonrpc":"2.0","method":"notifications/initialized"}', None, 202),
        (b"{", None, 400),
    ],
)
def test_what_needs_no_tool_is_answered_at_once(
    body: bytes, version: str | None, status: int
) -> None:
    stage = Stage()
    (reply,) = stage.send(body, version)
    assert reply.status == status
    assert stage.log.events == []


def test_a_tool_can_be_called_apart_from_the_message_that_names_it() -> None:
    stage = Stage()
    body = b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"slow"}}'
    called = stage.dispatcher.receive(body, InboundHeaders())
    assert isinstance(called, ToolCalled)
    assert stage.tool.calls == []
    replies: list[Reply] = []
    calling = Deferred.fromCoroutine(stage.dispatcher.call(called, CONTEXT))
    calling.addCallback(replies.append)
    assert stage.tool.calls == [(Arguments(), CONTEXT)]
    stage.tool.answers[0].callback(ToolAnswer(facts={"a": 1}))
    assert read(replies)["id"] == 7
    assert read(replies)["result"]["structuredContent"] == {"a": 1}


def test_a_tool_gets_its_arguments_and_the_caller() -> None:
    stage = Stage()
    stage.call(1, word="a")
    assert stage.tool.calls == [(Arguments(word="a"), CONTEXT)]


def test_a_call_is_logged_with_the_names_of_its_arguments_and_not_their_values() -> (
    None
):
    stage = Stage()
    stage.call(1, word="secret")
    assert stage.log.named("tool_call") == [{"tool": "slow", "arguments": ["word"]}]
    assert [event["commander_level"] for event in stage.log.events] == [Level.DEBUG]


@pytest.mark.parametrize("is_error", [True, False])
def test_text_and_structure_are_made_of_the_same_facts(is_error: bool) -> None:
    stage = Stage()
    replies = stage.call(1)
    facts = {"stdout": "é\n", "duration": "1s", "effective": {"b": "1", "a": "2"}}
    stage.tool.answers[0].callback(ToolAnswer(facts=facts, is_error=is_error))
    assert read(replies)["result"] == {
        "content": [
            {
                "type": "text",
                "text": (
                    "{\n"
                    '  "duration": "1s",\n'
                    '  "effective": {\n'
                    '    "a": "2",\n'
                    '    "b": "1"\n'
                    "  },\n"
                    '  "stdout": "é\\n"\n'
                    "}"
                ),
            }
        ],
        "structuredContent": facts,
        "isError": is_error,
    }


def test_a_call_that_waits_holds_up_no_other_message() -> None:
    stage = Stage()
    first, second = stage.call(1), stage.call(2)
    (ping,) = stage.send(b'{"jsonrpc":"2.0","id":3,"method":"ping"}')
    assert msgspec.json.decode(ping.body)["id"] == 3
    stage.tool.answers[1].callback(ToolAnswer(facts={}))
    assert first == []
    assert read(second)["id"] == 2
    stage.tool.answers[0].callback(ToolAnswer(facts={}))
    assert read(first)["id"] == 1


@pytest.mark.parametrize(
    "error", [RuntimeError("secret path"), KeyError("slow"), CancelledError()]
)
def test_a_tool_that_raises_is_an_internal_error_and_a_record(error: Exception) -> None:
    stage = Stage()
    replies = stage.call(7)
    stage.tool.answers[0].errback(Failure(error))
    assert read(replies) == {
        "jsonrpc": "2.0",
        "id": 7,
        "error": {
            "code": -32603,
            "message": "Internal error: see the server's log",
        },
    }
    assert stage.log.named("tool_failed") == [{"tool": "slow"}]
    (event,) = stage.log.failures()
    assert event["commander_level"] is Level.ERROR
    assert event["log_failure"].value is error
    assert "in call" in event["log_failure"].getTraceback()


def test_a_tool_that_cannot_even_refuse_is_one_too() -> None:
    stage = Stage()
    assert read(stage.call(7, word=1))["error"]["code"] == -32603
    (event,) = stage.log.failures()
    assert "the tool is broken" in event["log_failure"].getTraceback()


def test_the_next_call_is_served_after_a_failure() -> None:
    stage = Stage()
    stage.call(1)
    stage.tool.answers[0].errback(Failure(RuntimeError()))
    replies = stage.call(2)
    stage.tool.answers[1].callback(ToolAnswer(facts={}))
    assert read(replies)["id"] == 2
