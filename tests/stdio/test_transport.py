"""Lines in, lines out: the wire of a client that started the server."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from commander.mcp.handshake import HandshakeEngine
from commander.principals import STDIO_PRINCIPAL
from commander.stdio import transport as module
from commander.stdio.transport import LineProtocol
from commander.telemetry.logging import StructuredLog
from tests.sessions.kit import (
    MemoryFlow,
    Stage,
    Work,
    modern,
    note,
    now,
    request,
    tool_call,
)

requirement = pytest.mark.requirement


class Wire:
    """A line protocol with a transport in memory."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.log = self.stage.log
        self.protocol = LineProtocol(
            service=self.stage.service, log=StructuredLog("test", observer=self.log)
        )
        self.transport = StringTransport()
        self.protocol.makeConnection(self.transport)
        self.ended: list[None] = []
        self.protocol.ended.addCallback(self.ended.append)

    def send(self, *messages: object) -> None:
        for message in messages:
            self.protocol.dataReceived(msgspec.json.encode(message) + b"\n")

    @property
    def work(self) -> list[Work]:
        return self.stage.work

    @property
    def answers(self) -> list[Any]:
        return [
            msgspec.json.decode(line) for line in self.transport.value().splitlines()
        ]

    @property
    def ids(self) -> list[Any]:
        return [answer["id"] for answer in self.answers if "method" not in answer]


def ping(request_id: object) -> dict[str, object]:
    return request(request_id, "ping")


@pytest.fixture
def wire() -> Wire:
    return Wire()


def test_it_is_what_twisted_takes_it_for(wire: Wire) -> None:
    for interface in (IPushProducer, IHalfCloseableProtocol):
        assert verifyObject(interface, wire.protocol)


@requirement("T1")
def test_each_line_is_a_message_and_each_answer_a_line(wire: Wire) -> None:
    wire.send(ping(1), ping("two"))
    assert wire.ids == [1, "two"]
    assert wire.transport.value().endswith(b"\n")


def test_a_ping_behind_a_long_call_is_answered_first(wire: Wire) -> None:
    wire.send(tool_call(1), ping(2))
    assert wire.ids == [2]
    wire.work[0].say()
    assert wire.ids == [2, 1]


@requirement("T13")
def test_the_caller_is_the_principal_of_the_wire(wire: Wire) -> None:
    wire.send(tool_call(1))
    assert wire.work[0].context.principal == STDIO_PRINCIPAL
    assert wire.work[0].context.plain_rpc is False


@requirement("T12")
def test_a_line_that_is_no_json_is_answered_and_the_next_is_served(wire: Wire) -> None:
    """T12."""
    wire.protocol.dataReceived(b"what?\n")
    wire.send(ping(1))
    assert wire.answers[0]["error"]["code"] == -32700
    assert wire.ids == [None, 1]


@requirement("T12")
def test_blank_lines_and_notifications_are_not_answered(wire: Wire) -> None:
    wire.protocol.dataReceived(b"\n  \r\n")
    wire.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
    wire.send([note("notifications/initialized")])
    assert wire.transport.value() == b""


@requirement("T1", "T4")
def test_a_notification_of_a_version_that_is_not_served_is_not_answered(
    wire: Wire,
) -> None:
    meta = {"io.modelcontextprotocol/protocolVersion": "2030-01-01"}
    wire.send(tool_call(1), note("notifications/cancelled", requestId=1, _meta=meta))
    assert wire.transport.value() == b""
    assert not wire.work[0].caller.cancellation.cancelled


@requirement("T5", "T6")
def test_a_greeting_behind_a_discovery_is_served_and_the_other_way_round(
    wire: Wire,
) -> None:
    """Clients were seen that ask what we speak, and then choose the older era."""
    wire.send(
        modern(1, "server/discover"),
        request(2, "initialize", protocolVersion="2025-11-25"),
        note("notifications/initialized"),
        ping(3),
        modern(4, "tools/list"),
        request(5, "tools/list"),
    )
    discovered, greeted, pinged, new, old = (one["result"] for one in wire.answers)
    assert "2025-11-25" in discovered["supportedVersions"]
    assert greeted["protocolVersion"] == "2025-11-25"
    assert pinged == {}
    assert ("resultType" in new, "resultType" in old) == (True, False)


@requirement("C10", "T12")
@pytest.mark.parametrize("line", [b"{", b'"\xff"', b"[" * 1000, b'{"id":1e999}'])
def test_what_is_no_json_in_utf_8_has_no_id(wire: Wire, line: bytes) -> None:
    wire.protocol.dataReceived(line + b"\n")
    assert wire.ids == [None]
    assert wire.answers[0]["error"]["code"] == -32700


@requirement("T4")
def test_a_discovery_that_says_nothing_of_itself_is_told_what_is_missing(
    wire: Wire,
) -> None:
    """Not that there is no such method, as an older server would say."""
    wire.send(request(1, "server/discover"))
    assert wire.answers[0]["error"]["code"] == -32602


def test_a_carriage_return_before_the_newline_is_no_part_of_the_message(
    wire: Wire,
) -> None:
    wire.protocol.dataReceived(msgspec.json.encode(ping(1)) + b"\r\n")
    assert wire.ids == [1]


@requirement("T1", "T5")
@given(st.lists(st.integers(min_value=1, max_value=40), max_size=30))
def test_it_does_not_matter_how_the_bytes_are_cut(sizes: list[int]) -> None:
    wire = Wire()
    data = b"".join(
        msgspec.json.encode(m) + b"\n"
        for m in (ping(1), "garbage", ping(2), modern(3, "server/discover"))
    )
    for size in sizes:
        wire.protocol.dataReceived(data[:size])
        data = data[size:]
    wire.protocol.dataReceived(data)
    assert wire.ids == [1, None, 2, 3]


@requirement("T11")
def test_a_batch_is_one_line_and_is_answered_with_one(wire: Wire) -> None:
    wire.send([ping(1), tool_call(2)])
    wire.work[0].say()
    ((first, second),) = wire.answers
    assert (first["id"], second["id"]) == (1, 2)


@requirement("T12")
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
    wire.send(tool_call(1))
    wire.protocol.readConnectionLost()
    idle: list[None] = []
    wire.protocol.when_idle().addCallback(idle.append)
    assert idle == []
    wire.work[0].say()
    assert wire.ids == [1]
    assert idle == [None]


def test_a_client_that_no_longer_reads_is_not_written_to(wire: Wire) -> None:
    wire.send(tool_call(1))
    wire.protocol.writeConnectionLost()
    wire.work[0].say()
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

    monkeypatch.setattr(HandshakeEngine, "open", broken)
    wire.send(ping(1))
    monkeypatch.undo()
    wire.send(ping(2))
    assert wire.ids == [None, 2]
    assert wire.answers[0]["error"]["code"] == -32603
    assert len(wire.log.failures()) == 1


# --- what comes before a reply -----------------------------------------------------


@requirement("M31")
def test_progress_comes_before_the_reply_and_none_behind_it(wire: Wire) -> None:
    wire.send(tool_call(1, progressToken="t"))
    caller = wire.work[0].caller
    caller.progress(1)
    wire.work[0].say()
    caller.progress(2)
    told = [one.get("method", "reply") for one in wire.answers]
    assert told == ["notifications/progress", "reply"]


@requirement("T8", "L16")
def test_a_cancelled_call_is_answered_nothing(wire: Wire) -> None:
    """T8."""
    wire.send(tool_call(1, progressToken="t"), note("notifications/cancelled"))
    wire.send(note("notifications/cancelled", requestId=1))
    assert wire.work[0].caller.cancellation.cancelled
    wire.work[0].caller.progress(1)
    wire.work[0].say()
    assert wire.transport.value() == b""


def test_all_that_can_be_held_back_is_while_the_client_does_not_read(
    wire: Wire,
) -> None:
    wire.send(tool_call(1), tool_call(2))
    flows = [MemoryFlow(), MemoryFlow(), MemoryFlow()]
    wire.work[0].caller.follow(flows[0])
    for _ in range(3):  # as Twisted does, with every write
        wire.protocol.pauseProducing()
    wire.work[1].caller.follow(flows[1])
    assert [flow.paused for flow in flows] == [True, True, False]
    wire.work[1].caller.follow(flows[2])
    wire.work[0].say()
    wire.protocol.resumeProducing()
    # Nobody minds any more what an answered call, or one that is not followed, holds.
    assert [flow.paused for flow in flows] == [True, True, False]
    assert wire.ids == [1]


def test_a_client_can_fall_behind_again_and_again(wire: Wire) -> None:
    wire.send(tool_call(1), tool_call(2))
    first, late = MemoryFlow(), MemoryFlow()
    wire.work[0].caller.follow(first)
    for _ in range(2):
        wire.protocol.pauseProducing()
        assert now(first.paused)
        wire.protocol.resumeProducing()
        assert not now(first.paused)
    wire.work[1].caller.follow(late)
    assert not late.paused


def test_nothing_is_followed_that_was_answered(wire: Wire) -> None:
    wire.send(modern(5, "subscriptions/listen", notifications={}))
    wire.send(modern(6, "subscriptions/listen", notifications={}))
    wire.send(note("notifications/cancelled", requestId=5))
    wire.protocol.close()
    assert not wire.protocol._flows


def test_what_changed_while_the_client_did_not_read_is_told_once(wire: Wire) -> None:
    wanted = {"toolsListChanged": True}
    wire.send(modern(5, "subscriptions/listen", notifications=wanted))
    wire.protocol.pauseProducing()
    for _ in range(100):
        wire.stage.service.hub.list_changed("tools")
    assert len(wire.answers) == 1
    wire.protocol.resumeProducing()
    assert len(wire.answers) == 2


# --- the end -----------------------------------------------------------------------


@requirement("T10")
def test_closing_ends_subscriptions_and_questions_and_leaves_the_wire_open(
    wire: Wire,
) -> None:
    """T10: the notice, then the result, which ends the request."""
    params = {"protocolVersion": "2025-11-25", "capabilities": {"roots": {}}}
    wire.send(request(4, "initialize", **params))
    wire.send(modern(5, "subscriptions/listen", notifications={}), tool_call(6))
    answers: list[Any] = []
    wire.work[0].caller.ask("roots/list", {}).addBoth(answers.append)
    wire.protocol.close()
    told = [one.get("method", one.get("id")) for one in wire.answers]
    assert told == [
        4,
        "notifications/subscriptions/acknowledged",
        "roots/list",
        "notifications/cancelled",
        5,
    ]
    assert answers[0].getErrorMessage() == "the session ended"
    wire.work[0].say()
    assert wire.ids[-1] == 6


def test_a_closing_wire_does_not_wait_for_its_producer(wire: Wire) -> None:
    """Twisted closes no transport whose producer is paused."""
    wire.protocol.pauseProducing()
    wire.protocol.close()
    assert not now(wire.transport.producer)
