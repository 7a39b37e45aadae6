"""Lines in, lines out: the wire of a client that started the server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from commander.mcp.events import ServerInfo
from commander.mcp.handshake import HandshakeEngine
from commander.sessions.dispatcher import Dispatcher
from commander.stdio import transport as module
from commander.stdio.transport import STDIO_PRINCIPAL, LineProtocol
from commander.telemetry.logging import StructuredLog
from commander.testing.server import MemoryLog
from commander.tools.registry import CallContext, ToolAnswer, ToolRegistry


@attrs.frozen(kw_only=True)
class NoArguments:
    """The tool takes none."""


@attrs.frozen(kw_only=True)
class Waited:
    """What the tool answers."""

    principal: str


class SlowTool:
    """Answers when the test says so."""

    name: ClassVar[str] = "slow"
    title: ClassVar[str] = "Slow"
    description: ClassVar[str] = "Waits."
    arguments: ClassVar[type] = NoArguments
    result: ClassVar[type] = Waited
    annotations: ClassVar[Mapping[str, bool]] = {}

    def __init__(self) -> None:
        self.waiting: list[Deferred[None]] = []

    async def call(self, arguments: NoArguments, context: CallContext) -> ToolAnswer:
        waiting: Deferred[None] = Deferred()
        self.waiting.append(waiting)
        await waiting
        return ToolAnswer(facts={"principal": context.principal.name})

    def refuse(self, problem: Any) -> ToolAnswer:
        return ToolAnswer(facts={"error": problem.text}, is_error=True)


class Wire:
    """A line protocol with a transport in memory."""

    def __init__(self) -> None:
        self.tool = SlowTool()
        self.log = MemoryLog()
        log = StructuredLog("test", observer=self.log)
        registry = ToolRegistry([self.tool], with_output_schema=True)
        self.protocol = LineProtocol(
            dispatcher=Dispatcher(
                engine=HandshakeEngine(
                    server=ServerInfo(
                        name="n", title="t", version="1", instructions="i"
                    ),
                    tools=registry.described(),
                ),
                registry=registry,
                log=log,
            ),
            log=log,
        )
        self.transport = StringTransport()
        self.protocol.makeConnection(self.transport)
        self.ended: list[None] = []
        self.protocol.ended.addCallback(self.ended.append)

    def send(self, *messages: object) -> None:
        for message in messages:
            self.protocol.dataReceived(msgspec.json.encode(message) + b"\n")

    @property
    def answers(self) -> list[Any]:
        return [
            msgspec.json.decode(line) for line in self.transport.value().splitlines()
        ]

    @property
    def ids(self) -> list[Any]:
        return [answer["id"] for answer in self.answers]


def ping(request_id: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": request_id, "method": "ping"}


def call(request_id: object) -> dict[str, object]:
    return {
        "jsonrpc": "2.0",
        "id": request_id,
        "method": "tools/call",
        "params": {"name": "slow"},
    }


@pytest.fixture
def wire() -> Wire:
    return Wire()


def test_each_line_is_a_message_and_each_answer_a_line(wire: Wire) -> None:
    wire.send(ping(1), ping("two"))
    assert wire.ids == [1, "two"]
    assert wire.transport.value().endswith(b"\n")


def test_a_ping_behind_a_long_call_is_answered_first(wire: Wire) -> None:
    wire.send(call(1), ping(2))
    assert wire.ids == [2]
    wire.tool.waiting[0].callback(None)
    assert wire.ids == [2, 1]


def test_the_caller_is_the_principal_of_the_wire(wire: Wire) -> None:
    wire.send(call(1))
    wire.tool.waiting[0].callback(None)
    (answer,) = wire.answers
    assert answer["result"]["structuredContent"]["principal"] == STDIO_PRINCIPAL.name


def test_a_line_that_is_no_json_is_answered_and_the_next_is_served(wire: Wire) -> None:
    wire.protocol.dataReceived(b"what?\n")
    wire.send(ping(1))
    assert wire.answers[0]["error"]["code"] == -32700
    assert wire.ids == [None, 1]


def test_blank_lines_and_notifications_are_not_answered(wire: Wire) -> None:
    wire.protocol.dataReceived(b"\n  \r\n")
    wire.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
    assert wire.transport.value() == b""


def test_a_carriage_return_before_the_newline_is_no_part_of_the_message(
    wire: Wire,
) -> None:
    wire.protocol.dataReceived(msgspec.json.encode(ping(1)) + b"\r\n")
    assert wire.ids == [1]


@given(st.lists(st.integers(min_value=1, max_value=40), max_size=30))
def test_it_does_not_matter_how_the_bytes_are_cut(sizes: list[int]) -> None:
    wire = Wire()
    data = b"".join(
        msgspec.json.encode(m) + b"\n" for m in (ping(1), "garbage", ping(2), [ping(3)])
    )
    for size in sizes:
        wire.protocol.dataReceived(data[:size])
        data = data[size:]
    wire.protocol.dataReceived(data)
    assert wire.ids == [1, None, 2, None]


def test_a_line_of_the_longest_size_is_taken_and_one_byte_more_is_not(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = msgspec.json.encode(ping(1))
    monkeypatch.setattr(module, "MAX_LINE_BYTES", len(line))
    wire.protocol.dataReceived(line + b"\n")
    wire.protocol.dataReceived(b" " + line + b"\n")
    assert wire.ids == [1, None]
    assert wire.answers[1]["error"]["code"] == -32600


def test_after_a_line_that_is_too_long_the_next_is_served(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_LINE_BYTES", 100)
    for _ in range(50):
        wire.protocol.dataReceived(b"x" * 90)
    wire.protocol.dataReceived(b"\n")
    wire.send(ping(1))
    assert wire.ids == [None, 1]


def test_the_last_line_needs_no_newline(wire: Wire) -> None:
    wire.protocol.dataReceived(msgspec.json.encode(ping(1)))
    assert wire.ids == []
    wire.protocol.readConnectionLost()
    assert wire.ids == [1]
    assert wire.ended == [None]


def test_what_runs_when_the_client_closed_its_end_is_still_answered(
    wire: Wire,
) -> None:
    wire.send(call(1))
    wire.protocol.readConnectionLost()
    idle: list[None] = []
    wire.protocol.when_idle().addCallback(idle.append)
    assert idle == []
    wire.tool.waiting[0].callback(None)
    assert wire.ids == [1]
    assert idle == [None]


def test_a_client_that_no_longer_reads_is_not_written_to(wire: Wire) -> None:
    wire.send(call(1))
    wire.protocol.writeConnectionLost()
    wire.tool.waiting[0].callback(None)
    assert wire.transport.value() == b""
    assert wire.ended == [None]


def test_a_client_that_does_not_read_its_answers_is_not_read_from(wire: Wire) -> None:
    assert wire.transport.producer is wire.protocol
    wire.protocol.pauseProducing()
    assert wire.transport.producerState == "paused"
    wire.protocol.resumeProducing()
    assert wire.transport.producerState == "producing"
    wire.protocol.stopProducing()


def test_the_end_is_told_once(wire: Wire) -> None:
    wire.protocol.readConnectionLost()
    wire.protocol.writeConnectionLost()
    wire.protocol.connectionLost(Failure(ConnectionError()))
    assert wire.ended == [None]
    assert wire.protocol.closed.called


def test_a_fault_of_ours_is_logged_and_the_wire_goes_on(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("our own fault")

    monkeypatch.setattr(HandshakeEngine, "receive", broken)
    wire.send(ping(1))
    monkeypatch.undo()
    wire.send(ping(2))
    assert wire.ids == [None, 2]
    assert wire.answers[0]["error"]["code"] == -32603
    assert len(wire.log.failures()) == 1
