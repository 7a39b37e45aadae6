"""One HTTP answer: whole or a stream, kept alive, held back, and lost once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.interfaces import IPushProducer
from twisted.internet.task import Clock
from twisted.web.iweb import IRequest
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface.verify import verifyObject

from commander.alarm import Alarm
from commander.mcp.events import Reply
from commander.testing import HTTPHarness
from commander.testing.http import HTTPConnection
from commander.web.wire import KEEP_ALIVE_SECONDS, RequestWire
from tests.sessions.kit import now

requirement = pytest.mark.requirement

COMMENT = b": keep-alive\n\n"
REPLY = Reply(status=201, body=b"{}")


class Listener:
    """What a wire told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def wire_lost(self) -> None:
        self.told.append("lost")

    def wire_paused(self) -> None:
        self.told.append("paused")

    def wire_resumed(self) -> None:
        self.told.append("resumed")


class Page(Resource):
    """Makes a wire of each request and leaves it alone."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.wires: list[RequestWire] = []
        self.requests: list[Any] = []

    def render(self, request: IRequest) -> int:
        self.requests.append(request)
        self.wires.append(RequestWire(request, self.new_alarm))  # type: ignore[arg-type]
        return NOT_DONE_YET

    def new_alarm(self) -> Alarm:
        return Alarm(self.clock, self.clock.seconds)


class Stage:
    """A site of such pages."""

    def __init__(self, client_of: Callable[[Resource], HTTPHarness]) -> None:
        self.page = Page()
        self.http = client_of(self.page)

    def asked(self, **headers: str) -> tuple[HTTPConnection, RequestWire]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = self.http.begin(body=b"{}", headers=named)
        return connection, self.page.wires[-1]

    def streaming(self) -> tuple[HTTPConnection, RequestWire, Listener]:
        connection, wire = self.asked(Accept="text/event-stream")
        listener = Listener()
        wire.open_stream()
        wire.watch(listener)
        return connection, wire, listener

    @property
    def timers(self) -> list[Any]:
        return list(self.page.clock.getDelayedCalls())


@pytest.fixture
def stage(client_of: Callable[[Resource], HTTPHarness]) -> Stage:
    return Stage(client_of)


# --- whole -------------------------------------------------------------------------


def test_a_whole_answer_has_its_status_and_what_belongs_to_it(stage: Stage) -> None:
    connection, wire = stage.asked()
    wire.answer(Reply(status=503, body=b"{}", session_id="s", retry_after_seconds=30))
    (response,) = connection.responses()
    assert (response.status, response.body) == (503, b"{}")
    assert response.headers["mcp-session-id"] == "s"
    assert response.headers["retry-after"] == "30"
    assert response.headers["content-type"] == "application/json"


def test_an_ordinary_answer_has_none_of_that_and_needs_no_timer(stage: Stage) -> None:
    connection, wire = stage.asked()
    wire.answer(REPLY)
    (response,) = connection.responses()
    assert not {"mcp-session-id", "retry-after"} & set(response.headers)
    assert stage.timers == []


@requirement("C8")
@pytest.mark.parametrize(
    ("accept", "accepted"),
    [
        ("", False),
        ("*/*", False),
        ("text/*", False),
        ("application/json", False),
        ("text/event-stream", True),
        ("application/json, text/event-stream", True),
        ("application/json,TEXT/Event-Stream;q=0.5", True),
        ("text/event-stream;q=0", False),
        ("text/event-stream; q=0.000", False),
        ("text/event-streams", False),
    ],
)
def test_a_client_has_to_say_that_it_takes_events(
    stage: Stage, accept: str, accepted: bool
) -> None:
    """C8: who accepts anything, or says nothing, gets JSON."""
    assert stage.asked(Accept=accept)[1].accepts_stream is accepted


EVENTS_FIRST = "text/event-stream, application/json"


def test_a_client_of_a_session_that_prefers_events_gets_a_result_as_one(
    stage: Stage,
) -> None:
    connection, wire = stage.asked(Accept=EVENTS_FIRST, Mcp_Session_Id="s")
    wire.answer(Reply(status=200, body=b'{"n":1}'))
    (response,) = connection.responses()
    assert response.headers["content-type"] == "text/event-stream"
    assert response.headers["content-length"] == str(len(response.body))
    assert [event.json() for event in response.events()] == [{"n": 1}]
    assert stage.timers == []


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (200, {"Accept": EVENTS_FIRST}),
        (200, {"Accept": "*/*", "Mcp_Session_Id": "s"}),
        (404, {"Accept": EVENTS_FIRST, "Mcp_Session_Id": "s"}),
    ],
)
def test_refusals_and_answers_to_others_stay_json(
    stage: Stage, status: int, headers: dict[str, str]
) -> None:
    connection, wire = stage.asked(**headers)
    wire.answer(Reply(status=status, body=b"{}"))
    (response,) = connection.responses()
    assert response.headers["content-type"] == "application/json"
    assert (response.status, response.body) == (status, b"{}")


def test_an_answer_to_nobody_is_not_written(stage: Stage) -> None:
    connection, wire = stage.asked()
    connection.lose()
    wire.answer(REPLY)
    wire.open_stream()
    wire.write(b"x")
    wire.finish()
    wire.fail()
    assert connection.received() == b""
    assert stage.timers == []


# --- a stream ----------------------------------------------------------------------


@requirement("C11")
def test_the_head_of_a_stream_leaves_at_once(stage: Stage) -> None:
    """C11."""
    connection, _, _ = stage.streaming()
    response = connection.stream()
    assert (response.status, response.body) == (200, b"")
    assert response.headers["content-type"] == "text/event-stream"
    assert response.headers["cache-control"] == "no-cache, no-transform"
    assert response.headers["x-accel-buffering"] == "no"
    assert response.headers["transfer-encoding"] == "chunked"


@requirement("M20")
def test_each_event_leaves_at_once_and_the_end_ends_the_answer(stage: Stage) -> None:
    connection, wire, listener = stage.streaming()
    wire.write(b"data: 1\n\n")
    assert connection.stream().body == b"data: 1\n\n"
    wire.write(b"data: 2\n\n")
    wire.finish()
    wire.finish()
    wire.write(b"data: 3\n\n")
    (response,) = connection.responses()
    assert response.body == b"data: 1\n\ndata: 2\n\n"
    assert stage.timers == []
    assert listener.told == []


def test_the_connection_serves_the_next_request_behind_a_stream(stage: Stage) -> None:
    connection, wire, _ = stage.streaming()
    connection.send(stage.http.encode(body=b"{}"))
    wire.finish()
    stage.page.wires[1].answer(REPLY)
    assert [response.status for response in connection.responses()] == [200, 201]


def test_an_old_client_gets_a_stream_without_chunks(stage: Stage) -> None:
    connection = stage.http.connect()
    sent = stage.http.encode(body=b"{}", headers={"Accept": "text/event-stream"})
    connection.send(sent.replace(b"HTTP/1.1", b"HTTP/1.0"))
    wire = stage.page.wires[0]
    wire.open_stream()
    wire.write(b"data: 1\n\n")
    wire.finish()
    (response,) = connection.responses()
    assert "transfer-encoding" not in response.headers
    assert response.body == b"data: 1\n\n"
    assert connection.closing


@requirement("C11")
def test_silence_is_filled_with_comments(stage: Stage) -> None:
    connection, wire, _ = stage.streaming()
    assert KEEP_ALIVE_SECONDS == 15.0
    stage.page.clock.advance(14.9)
    wire.write(b"data: 1\n\n")
    stage.page.clock.pump([14.9, 0.1, 15.0])
    assert connection.stream().body == b"data: 1\n\n" + 2 * COMMENT
    assert len(stage.timers) == 1
    assert [event.data for event in connection.stream().events()] == ["1", None, None]


# --- a client that does not keep up ------------------------------------------------


def test_a_client_that_does_not_read_is_told_of_and_gets_no_comments(
    stage: Stage,
) -> None:
    connection, wire, listener = stage.streaming()
    connection.stop_reading()
    wire.write(b"x" * 70_000)
    assert now(wire.paused)
    assert listener.told == ["paused"]
    stage.page.clock.pump([15.0] * 40)
    assert len(connection.stream().body) == 70_000
    connection.read_on()
    assert not now(wire.paused)
    assert listener.told == ["paused", "resumed"]
    stage.page.clock.advance(15.0)
    assert connection.stream().body.endswith(COMMENT)


def test_a_producer_is_a_producer(stage: Stage) -> None:
    _, wire, listener = stage.streaming()
    assert verifyObject(IPushProducer, wire)
    wire.watch(None)
    wire.pauseProducing()
    wire.resumeProducing()
    wire.stopProducing()
    assert listener.told == []


# --- a client that leaves ----------------------------------------------------------


def test_a_client_that_leaves_its_stream_is_told_of_once(stage: Stage) -> None:
    connection, wire, listener = stage.streaming()
    wire.write(b"data: 1\n\n")
    connection.lose()
    wire.write(b"data: 2\n\n")
    wire.finish()
    assert listener.told == ["lost"]
    assert stage.timers == []
    assert connection.stream().body == b"data: 1\n\n"


def test_a_client_that_leaves_before_its_answer_is_told_of_once(stage: Stage) -> None:
    connection, wire = stage.asked()
    first, second = Listener(), Listener()
    wire.watch(first)
    wire.watch(second)
    connection.lose()
    assert (first.told, second.told) == ([], ["lost"])


def test_a_client_that_is_gone_already_is_told_of_at_once(stage: Stage) -> None:
    connection, wire = stage.asked()
    connection.lose()
    listener = Listener()
    wire.watch(None)
    wire.watch(listener)
    assert listener.told == ["lost"]


def test_a_client_that_leaves_behind_its_answer_is_not_told_of(stage: Stage) -> None:
    for streams in (True, False):
        connection, wire = stage.asked()
        listener = Listener()
        wire.watch(listener)
        if streams:
            wire.open_stream()
            wire.finish()
        else:
            wire.answer(REPLY)
        connection.lose()
        assert listener.told == []


# --- faults of ours ----------------------------------------------------------------


def test_a_fault_before_anything_was_sent_is_500(stage: Stage) -> None:
    connection, wire = stage.asked()
    wire.fail()
    (response,) = connection.responses()
    assert response.status == 500


def test_a_fault_in_the_middle_drops_the_connection(stage: Stage) -> None:
    connection, wire, _ = stage.streaming()
    wire.fail()
    assert connection.aborted
    assert not connection.stream().complete


def test_a_fault_behind_the_answer_is_nobodys(stage: Stage) -> None:
    connection, wire = stage.asked()
    wire.answer(REPLY)
    wire.fail()
    assert not connection.aborted
    assert [response.status for response in connection.responses()] == [201]
