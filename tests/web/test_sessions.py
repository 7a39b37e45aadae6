"""Sessions over HTTP: from the greeting to the end, over connections that break."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commander.sessions.store import SWEEP_SECONDS
from commander.settings import Settings
from commander.testing import HTTPHarness, HttpResponse, MemoryServer
from commander.testing.http import HTTPConnection
from tests.sessions.kit import (
    BOTH,
    MODERN,
    modern,
    modern_headers,
    note,
    now,
    request,
)

requirement = pytest.mark.requirement

PING = request(1, "ping")
EVENTS = "text/event-stream"


def post(
    server: MemoryServer, message: object, path: str = "/mcp", **headers: str
) -> HTTPConnection:
    """A POST as a well-behaved client sends it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return server.http.begin(
        "POST", path, msgspec.json.encode(message), {"Accept": BOTH, **named}
    )


def answer(connection: HTTPConnection) -> HttpResponse:
    (response,) = connection.responses()
    return response


def status(connection: HTTPConnection) -> int:
    return answer(connection).status


def initialize(server: MemoryServer, version: str = "2025-11-25") -> str:
    """The id of a new session."""
    response = answer(post(server, request(0, "initialize", protocolVersion=version)))
    assert response.status == 200
    return response.headers["mcp-session-id"]


def call(request_id: object = 1, command: str = "make", **meta: Any) -> dict[str, Any]:
    params: dict[str, Any] = {
        "name": "execute_command",
        "arguments": {"command": command},
    }
    if meta:
        params["_meta"] = meta
    return request(request_id, "tools/call", **params)


def get(server: MemoryServer, session: str, last: str = "") -> HTTPConnection:
    headers = {"Accept": EVENTS, "Mcp-Session-Id": session, "Last-Event-ID": last}
    return server.http.begin("GET", "/mcp", b"", headers)


def delete(server: MemoryServer, session: str) -> int:
    headers = {"Mcp-Session-Id": session}
    return server.http.request("DELETE", "/mcp", b"", headers).status


def last_id(*connections: HTTPConnection) -> str:
    ids = [
        event.id
        for connection in connections
        for event in connection.stream().events()
        if event.id is not None
    ]
    return ids[-1]


def result(message: Any) -> Any:
    return message["result"]["structuredContent"]


# --- the greeting ------------------------------------------------------------------


@requirement("C1", "L2")
@pytest.mark.parametrize("path", ["/mcp", "/"])
def test_a_greeting_hands_out_an_id_that_later_requests_name(
    server: MemoryServer, path: str
) -> None:
    """L2."""
    message = request(0, "initialize", protocolVersion="2025-06-18")
    response = answer(post(server, message, path))
    session = response.headers["mcp-session-id"]
    assert response.json()["result"]["protocolVersion"] == "2025-06-18"
    assert status(post(server, PING, path, Mcp_Session_Id=session)) == 200
    assert status(post(server, PING, path)) == 200


@requirement("L2")
def test_no_other_answer_hands_out_an_id(server: MemoryServer) -> None:
    listed = modern(1, "tools/list")
    for connection in (
        post(server, PING),
        post(server, note("notifications/initialized")),
        post(server, [request(0, "initialize")]),
        post(server, request(0, "nothing")),
        post(server, listed, **_named(modern_headers(listed))),
    ):
        assert "mcp-session-id" not in answer(connection).headers


@requirement("L3")
@pytest.mark.parametrize("session", ["unknown", "\u00e9", "x" * 5000, ""])
def test_a_session_that_is_none_is_404(server: MemoryServer, session: str) -> None:
    """L3; an id is read, never looked up, so anything may stand there."""
    connection = server.http.connect()
    sent = server.http.encode(
        body=msgspec.json.encode(PING), headers={"Mcp-Session-Id": "%"}
    )
    connection.send(sent.replace(b": %\r\n", b": " + session.encode() + b"\r\n"))
    response = answer(connection)
    assert response.status == 404
    assert response.json()["id"] is None


def test_a_session_id_that_is_no_utf_8_is_unknown_too(server: MemoryServer) -> None:
    connection = server.http.connect()
    sent = server.http.encode(
        body=msgspec.json.encode(PING), headers={"Mcp-Session-Id": "%"}
    )
    connection.send(sent.replace(b": %\r\n", b": \xff\r\n"))
    assert status(connection) == 404


def test_two_different_sessions_in_one_request_are_400(server: MemoryServer) -> None:
    one, other = initialize(server), initialize(server)
    for method, body in (("POST", msgspec.json.encode(PING)), ("DELETE", b"")):
        connection = server.http.connect()
        sent = server.http.encode(method, "/mcp", body, {"Mcp-Session-Id": one})
        twice = f"Mcp-Session-Id: {other}\r\nMcp-Session-Id".encode()
        connection.send(sent.replace(b"Mcp-Session-Id", twice))
        assert status(connection) == 400
    assert delete(server, one) == delete(server, other) == 204


@requirement("L2")
def test_a_session_of_another_token_is_unknown(server: MemoryServer) -> None:
    """L2; a key that replicas share makes ids of all their tokens readable."""
    key = Settings(session_key="shared by the replicas, and long enough")
    with MemoryServer(key, token="ann") as mine, MemoryServer(key, token="bob") as hers:
        session = initialize(mine)
        assert status(post(mine, PING, Mcp_Session_Id=session)) == 200
        assert status(post(hers, PING, Mcp_Session_Id=session)) == 404
        assert get(hers, session).stream().status == 404
        assert delete(hers, session) == 404
        assert delete(mine, session) == 204


def test_a_session_goes_on_at_a_server_that_takes_the_place_of_another() -> None:
    with MemoryServer() as first:
        session = initialize(first)
    with MemoryServer() as second:
        assert status(post(second, PING, Mcp_Session_Id=session)) == 200
        assert delete(second, session) == 204


@requirement("L5")
@pytest.mark.parametrize("version", ["2024-11-05", "2025-06-18", "2025-11-25"])
def test_a_session_may_name_any_version_of_its_era(
    server: MemoryServer, version: str
) -> None:
    """L5."""
    session = initialize(server, "2024-11-05")
    connection = post(
        server, PING, Mcp_Session_Id=session, MCP_Protocol_Version=version
    )
    assert status(connection) == 200


def test_ten_thousand_greetings_are_not_remembered(server: MemoryServer) -> None:
    connection = server.http.connect()
    message = server.http.encode(
        body=msgspec.json.encode(request(0, "initialize")), headers={"Accept": BOTH}
    )
    ids = set()
    for _ in range(10_000):
        connection.transport.clear()
        connection.send(message)
        ids.add(answer(connection).headers["mcp-session-id"])
    assert len(ids) == 10_000
    server.http.lose_all()
    assert server.reactor.getDelayedCalls() == []


@requirement("L23")
def test_no_more_sessions_are_served_than_may_be_in_use() -> None:
    with MemoryServer(Settings(max_sessions=1)) as server:
        first, second = initialize(server), initialize(server)
        listening = get(server, first)
        response = answer(post(server, PING, Mcp_Session_Id=second))
        assert response.status == 503
        assert response.headers["retry-after"] == "30"
        assert status(post(server, PING)) == 200
        listening.lose()
        assert status(post(server, PING, Mcp_Session_Id=second)) == 200


# --- DELETE ------------------------------------------------------------------------


@requirement("C1", "L3", "L4")
def test_a_client_ends_its_session_once(server: MemoryServer) -> None:
    """L4."""
    session = initialize(server)
    listening = get(server, session)
    assert delete(server, session) == 204
    assert now(listening.stream().complete)
    assert delete(server, session) == 404
    assert status(post(server, PING, Mcp_Session_Id=session)) == 404
    assert get(server, session).stream().status == 404


@requirement("L4")
def test_delete_needs_a_session(server: MemoryServer) -> None:
    response = server.http.request("DELETE", "/mcp")
    assert response.status == 400
    assert response.json()["error"]["code"] == -32600


def test_an_ended_session_stays_ended_however_its_id_is_written(
    server: MemoryServer,
) -> None:
    session = initialize(server)
    assert delete(server, session) == 204
    for other in (session, f" {session} ", f"{session}=", f"{session}=="):
        assert status(post(server, PING, Mcp_Session_Id=other)) == 404


@requirement("L4")
def test_a_command_outlives_its_session_and_keeps_nothing(server: MemoryServer) -> None:
    """L4: commands keep running until their own timeout."""
    session = initialize(server)
    connection = post(server, call(progressToken=1), Mcp_Session_Id=session)
    server.http.pump(1)
    server.process.emit(1, b"half\n")
    server.http.pump(1)
    assert not now(connection.stream().complete)
    assert delete(server, session) == 204
    assert now(connection.stream().complete)
    server.process.exit(0)
    server.http.pump(1)
    assert len(server.log.named("CMD_EXEC")) == 1
    assert server.log.named("answer_dropped") == [{"reason": "the client left"}]


# --- GET ---------------------------------------------------------------------------


@requirement("L10")
def test_without_a_session_there_is_nothing_to_get(server: MemoryServer) -> None:
    response = server.http.request("GET", "/mcp", headers={"Accept": EVENTS})
    assert (response.status, response.headers["allow"]) == (405, "POST")


@requirement("R10")
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_modern_client_has_only_post(server: MemoryServer, method: str) -> None:
    session = initialize(server)
    for version in (MODERN, "2030-01-01"):
        headers = {
            "Accept": EVENTS,
            "Mcp-Session-Id": session,
            "MCP-Protocol-Version": version,
        }
        response = server.http.request(method, "/mcp", headers=headers)
        assert (response.status, response.headers["allow"]) == (405, "POST")
    assert delete(server, session) == 204


@pytest.mark.parametrize("version", ["2025-03-26", "2025-06-18", "2025-11-25"])
def test_get_and_delete_may_name_a_version_of_their_era(
    server: MemoryServer, version: str
) -> None:
    """S25/basic/transports, Protocol Version Header: clients send it with all."""
    headers = {
        "Accept": EVENTS,
        "Mcp-Session-Id": initialize(server, version),
        "MCP-Protocol-Version": version,
    }
    assert server.http.begin("GET", "/mcp", b"", headers).stream().status == 200
    assert server.http.request("DELETE", "/mcp", b"", headers).status == 204


@requirement("C8")
def test_get_needs_a_client_that_takes_events(server: MemoryServer) -> None:
    session = initialize(server)
    for accept in ("", "*/*", "application/json"):
        headers = {"Accept": accept, "Mcp-Session-Id": session}
        assert server.http.request("GET", "/mcp", headers=headers).status == 406


@requirement("C1", "C11", "L10", "L13")
def test_get_opens_a_stream_that_stays(server: MemoryServer) -> None:
    connection = get(server, initialize(server))
    server.http.pump(15)
    server.http.pump(15)
    stream = connection.stream()
    assert not stream.complete
    assert [event.data for event in stream.events()] == ["", None, None]
    assert stream.events()[0].retry == "1000"


@requirement("L12")
@pytest.mark.parametrize("last", ["nonsense", "0a1b2c3d4e5f-1", "-", "x" * 5000])
def test_an_event_that_is_not_kept_is_400(server: MemoryServer, last: str) -> None:
    assert status(get(server, initialize(server), last)) == 400


def test_a_body_of_a_get_is_not_kept_while_its_stream_lasts(
    server: MemoryServer,
) -> None:
    headers = {"Accept": EVENTS, "Mcp-Session-Id": initialize(server)}
    connection = server.http.begin("GET", "/mcp", b"x" * 100_000, headers)
    assert connection.stream().status == 200
    assert server.site.gate.budget.used_bytes == 0


# --- replay ------------------------------------------------------------------------


@requirement("L12", "L15")
def test_a_reply_reaches_a_client_that_came_back_for_it(server: MemoryServer) -> None:
    session = initialize(server)
    first = post(server, call(7), Mcp_Session_Id=session)
    server.http.pump(1)
    first.lose()
    server.process.emit(1, b"out\n")
    server.process.exit(0)
    second = get(server, session, last_id(first))
    stream = second.stream()
    assert stream.complete
    (message,) = stream.messages()
    assert (message["id"], result(message)["stdout"]) == (7, "out\n")


def test_a_reply_is_there_once_more_for_five_minutes(server: MemoryServer) -> None:
    session = initialize(server)
    first = post(server, call(7), Mcp_Session_Id=session)
    server.http.pump(1)
    server.process.exit(0)
    begin = first.stream().events()[0].id
    assert begin is not None
    for _ in range(10):
        server.http.pump(30)
        assert len(get(server, session, begin).stream().messages()) == 1
    for _ in range(2):
        server.http.pump(30)
    assert status(get(server, session, begin)) == 400


@requirement("L11", "L12")
def test_an_event_of_another_session_is_nobodys(server: MemoryServer) -> None:
    mine, other = initialize(server), initialize(server)
    connection = post(server, call(7), Mcp_Session_Id=mine)
    server.http.pump(1)
    event = last_id(connection)
    assert status(get(server, other, event)) == 400
    assert not connection.stream().complete
    server.process.exit(0)
    assert len(connection.stream().messages()) == 1


@requirement("L12")
def test_two_calls_are_replayed_apart(server: MemoryServer) -> None:
    session = initialize(server)
    connections = [
        post(server, call(number, f"make {number}"), Mcp_Session_Id=session)
        for number in range(3)
    ]
    server.http.pump(1)
    for connection, process in zip(connections, server.reactor.processes, strict=True):
        connection.lose()
        process.exit(0)
    for number in (2, 0, 1):
        again = get(server, session, last_id(connections[number]))
        assert [one["id"] for one in again.stream().messages()] == [number]


def test_an_old_connection_ends_when_its_client_came_back_on_another(
    server: MemoryServer,
) -> None:
    """Half-open: the server does not know yet that the first is gone."""
    session = initialize(server)
    first = post(server, call(7), Mcp_Session_Id=session)
    server.http.pump(1)
    second = get(server, session, last_id(first))
    assert first.stream().complete
    server.process.exit(0)
    assert first.stream().messages() == []
    assert [one["id"] for one in second.stream().messages()] == [7]


LINES = st.lists(
    st.sampled_from(["emit", "lose", "back", "slow", "read"]), min_size=1, max_size=12
)


@requirement("L12")
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LINES)
def test_what_reaches_a_client_over_breaks_is_byte_for_byte_the_stream(
    server: MemoryServer, steps: list[str]
) -> None:
    session = initialize(server)
    level = request(1, "logging/setLevel", level="info")
    assert status(post(server, level, Mcp_Session_Id=session)) == 200
    begin = post(server, call(7), Mcp_Session_Id=session)
    connections = [begin]
    server.http.pump(1)
    process, told = server.process, 0
    for step in steps:
        here = connections[-1]
        if step == "emit":
            told += 1
            process.emit(1, b"line %d\n" % told)
            server.http.pump(0.1)
        elif step == "lose" and not here.left:
            here.lose()
        elif step == "back" and here.left:
            connections.append(get(server, session, last_id(*connections)))
        elif step == "slow":
            here.stop_reading(70_000)
        elif step == "read":
            here.read_on()
    connections[-1].read_on()
    if connections[-1].left:
        connections.append(get(server, session, last_id(*connections)))
    server.http.pump(0.1)
    process.exit(0)
    server.http.pump(0.1)
    assert connections[-1].stream().complete
    first = begin.stream().events()[0].id
    assert first is not None
    whole = get(server, session, first).stream()
    got = b"".join(one.stream().body for one in connections)
    assert _events_of(got)[1:] == _events_of(whole.body)
    messages = whole.messages()
    texts = [
        one["params"]["data"] for one in messages if one.get("method", "")[-3:] == "age"
    ]
    assert "".join(texts) == "".join(f"line {n}\n" for n in range(1, told + 1))
    assert messages[-1]["id"] == 7
    server.http.lose_all()
    server.http.connections.clear()
    assert delete(server, session) == 204


def _events_of(body: bytes) -> list[bytes]:
    return [event for event in body.split(b"\n\n")[:-1] if not event.startswith(b":")]


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("-", "_"): value for name, value in headers.items()}


# --- a server that leaves ----------------------------------------------------------


@pytest.fixture
def leaving() -> Iterator[MemoryServer]:
    """A server that refuses calls, and waits for one that runs."""
    with MemoryServer(Settings(drain_delay_seconds=0.0)) as server:
        yield server


def stop(server: MemoryServer) -> list[Any]:
    stopped: list[Any] = []
    server.service.stopService().addBoth(stopped.append)
    return stopped


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_a_server_that_leaves_sends_clients_to_another(
    leaving: MemoryServer, method: str
) -> None:
    session = initialize(leaving)
    running = post(leaving, call(7))
    stopped = stop(leaving)
    body = msgspec.json.encode(PING) if method == "POST" else b""
    response = leaving.http.request(
        method, "/mcp", body, {"Accept": EVENTS, "Mcp-Session-Id": session}
    )
    assert response.status == 503
    assert response.headers["retry-after"] == "5"
    leaving.process.exit(0)
    assert answer(running).json()["id"] == 7
    leaving.http.pump(1)  # for connections that do not close
    assert stopped == [None]


@requirement("M32")
def test_streams_that_wait_end_gracefully_with_the_server(
    leaving: MemoryServer,
) -> None:
    """M32; 1.7."""
    session = initialize(leaving)
    own = get(leaving, session)
    message = modern(5, "subscriptions/listen", notifications={})
    listening = post(leaving, message, **_named(modern_headers(message)))
    broken = post(leaving, call(7), Mcp_Session_Id=session)
    leaving.http.pump(1)
    broken.lose()
    stopped = stop(leaving)
    assert not now(own.stream().complete)
    leaving.process.exit(0)
    assert now(own.stream().complete)
    told = listening.stream()
    assert told.complete
    methods = [one.get("method", one.get("id")) for one in told.messages()]
    assert methods == [
        "notifications/subscriptions/acknowledged",
        "notifications/cancelled",
        5,
    ]
    assert own.closing
    assert listening.closing
    assert stopped == []
    leaving.http.lose_all()
    assert stopped == [None]
    assert leaving.reactor.getDelayedCalls() == []


def test_a_call_that_runs_when_the_server_leaves_has_its_stream_to_the_end(
    leaving: MemoryServer,
) -> None:
    running = post(leaving, call(7), Mcp_Session_Id=initialize(leaving))
    leaving.http.pump(1)
    stop(leaving)
    leaving.http.pump(Settings().shutdown_grace_seconds)
    leaving.http.pump(1)
    stream = running.stream()
    assert stream.complete
    (message,) = stream.messages()
    assert result(message)["ended_by"] == "server_shutdown"
    running.lose()


# --- many, and slow ----------------------------------------------------------------


def test_ten_thousand_requests_are_served_on_one_connection(
    server: MemoryServer,
) -> None:
    connection = server.http.connect()
    session = initialize(server)
    stranger = HTTPHarness(server.site, server.reactor, None)
    kinds = [
        server.http.encode(
            body=msgspec.json.encode(PING),
            headers={"Accept": BOTH, "Mcp-Session-Id": session},
        ),
        server.http.encode(body=msgspec.json.encode(PING)),
        server.http.encode(body=b"{"),
        stranger.encode("GET", "/health"),
    ]
    for number in range(10_000):
        connection.transport.clear()
        connection.send(kinds[number % len(kinds)])
        assert status(connection) == (400 if number % 4 == 2 else 200)
    server.http.lose_all()
    (sweep,) = server.reactor.getDelayedCalls()
    assert sweep.getTime() - server.reactor.seconds() <= SWEEP_SECONDS


def test_two_hundred_slow_readers_cost_their_places_only() -> None:
    """Journey 2: a slow client holds two integers, not data."""
    settings = Settings(
        max_concurrent=200, max_per_principal=200, max_queued=200, max_connections=500
    )
    with MemoryServer(settings) as server:
        message = modern(
            1,
            "tools/call",
            name="execute_command",
            arguments={"command": "make"},
            _meta={"io.modelcontextprotocol/logLevel": "info", "progressToken": 1},
        )
        connections = []
        for _ in range(200):
            connection = post(server, message, **_named(modern_headers(message)))
            server.http.pump(0)
            connection.stop_reading()
            connections.append(connection)
        for _ in range(40):
            for process in server.reactor.processes:
                process.emit(1, b"x" * 16_000 + b"\n")
            server.http.pump(0.1)
        # Each was written to until its socket was full, and one piece beyond that.
        assert max(one.unsent for one in connections) < 64 * 1024 + 2 * 64 * 1024
        before = [one.unsent for one in connections]
        for process in server.reactor.processes:
            process.emit(1, b"x" * 64_000)
        for _ in range(10):
            server.http.pump(0.5)
        assert [one.unsent for one in connections] == before
        connections[0].read_on()
        server.http.pump(0.1)
        assert connections[0].stream().messages()[-1]["method"]
        for connection in connections:
            connection.lose()
        server.http.pump(0.1)
        assert all(process.signals for process in server.reactor.processes)


def test_a_client_that_vanishes_in_the_middle_of_its_result_harms_nobody(
    server: MemoryServer,
) -> None:
    connection = post(server, call(7))
    connection.stop_reading()
    process = server.process
    process.emit(1, b"\x01" * 200_000)  # long as JSON
    server.http.pump(0.1)
    process.exit(0)
    server.http.pump(0.1)
    assert connection.unsent > 64 * 1024
    connection.lose()
    assert len(server.log.named("CMD_EXEC")) == 1
    assert status(post(server, PING)) == 200
