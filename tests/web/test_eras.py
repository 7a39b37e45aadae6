"""Which era a POST belongs to, and what a modern one gets, over HTTP."""

from __future__ import annotations

import signal
from typing import Any

import msgspec
import pytest

from commander.settings import Settings
from commander.testing import HttpResponse, MemoryServer
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

VERSION = "io.modelcontextprotocol/protocolVersion"
OLD = "2025-06-18"
CALL: dict[str, Any] = {
    "name": "execute_command",
    "arguments": {"command": "make"},
}


def post(
    server: MemoryServer, message: object, headers: dict[str, str] | None = None
) -> HTTPConnection:
    return server.http.begin(
        body=msgspec.json.encode(message), headers={"Accept": BOTH, **(headers or {})}
    )


def answer(
    server: MemoryServer, message: object, headers: dict[str, str] | None = None
) -> HttpResponse:
    (response,) = post(server, message, headers).responses()
    return response


def code_of(response: HttpResponse) -> tuple[int, int]:
    """HTTP's and JSON-RPC's."""
    return response.status, response.json()["error"]["code"]


def listed(server: MemoryServer, headers: dict[str, str] | None = None) -> Any:
    """The first tool."""
    reply = answer(server, request(1, "tools/list"), headers).json()
    return reply["result"]["tools"][0]


def of_version(said: str, method: str = "tools/list") -> dict[str, Any]:
    return request(7, method, _meta={VERSION: said})


# --- which era ---------------------------------------------------------------------


@requirement("R1")
@pytest.mark.parametrize("version", [MODERN, "2030-01-01", "nonsense"])
def test_a_header_of_no_handshake_version_is_modern(
    server: MemoryServer, version: str
) -> None:
    headers = {"MCP-Protocol-Version": version}
    assert code_of(answer(server, request(7, "ping"), headers)) == (400, -32602)


@requirement("R2")
def test_a_handshake_version_in_the_header_is_the_older_era(
    server: MemoryServer,
) -> None:
    headers = {"MCP-Protocol-Version": OLD}
    assert answer(server, request(7, "ping"), headers).json()["result"] == {}
    assert "title" not in listed(server, {"MCP-Protocol-Version": "2025-03-26"})
    assert "title" in listed(server, headers)


@requirement("R3", "M4")
@pytest.mark.parametrize(("said", "code"), [(MODERN, -32020), (OLD, -32022)])
def test_a_handshake_version_in_the_header_and_one_in_the_body_do_not_go_together(
    server: MemoryServer, said: str, code: int
) -> None:
    message = modern(7, "tools/list", _meta={VERSION: said})
    headers = {**modern_headers(message), "MCP-Protocol-Version": OLD}
    assert code_of(answer(server, message, headers)) == (400, code)


@requirement("R4", "M4")
@pytest.mark.parametrize("said", [MODERN, OLD, "2030-01-01"])
@pytest.mark.parametrize("method", ["tools/list", "initialize"])
def test_a_version_in_the_body_only_is_told_of_the_header(
    server: MemoryServer, said: str, method: str
) -> None:
    """And not that a session is missing: a client would take us for an older server."""
    message = modern(7, method, _meta={VERSION: said})
    response = answer(server, message)
    assert code_of(response) == (400, -32020)
    assert "mcp-protocol-version" in response.json()["error"]["message"].lower()


@requirement("R5")
@pytest.mark.parametrize("header", [None, "2025-11-25", "2024-11-05"])
def test_a_greeting_may_name_its_version_in_the_header(
    server: MemoryServer, header: str | None
) -> None:
    headers = {} if header is None else {"MCP-Protocol-Version": header}
    response = answer(server, request(7, "initialize", protocolVersion=OLD), headers)
    assert response.json()["result"]["protocolVersion"] == OLD
    assert response.headers["mcp-session-id"]


@requirement("R6")
def test_who_only_names_a_session_speaks_its_version(server: MemoryServer) -> None:
    for version, titled in (("2024-11-05", False), (OLD, True)):
        greeting = request(0, "initialize", protocolVersion=version)
        session = answer(server, greeting).headers["mcp-session-id"]
        assert ("title" in listed(server, {"Mcp-Session-Id": session})) is titled


@requirement("R7", "L3")
def test_who_names_nothing_is_served_alone(server: MemoryServer) -> None:
    connection = server.http.begin(
        path="/", body=msgspec.json.encode(request(7, "tools/call", **CALL))
    )
    server.process.exit(0)
    (response,) = connection.responses()
    assert response.json()["result"]["isError"] is False
    batch = answer(server, [request(7, "ping")])
    assert [one["id"] for one in batch.json()] == [7]


@requirement("R8", "M1")
@pytest.mark.parametrize("version", [MODERN, OLD, "2030-01-01"])
@pytest.mark.parametrize("session", ["", "unknown"])
def test_an_array_is_refused_to_all_other_versions(
    server: MemoryServer, version: str, session: str
) -> None:
    """Whatever session a modern client names: it has none."""
    headers = {"MCP-Protocol-Version": version, "Mcp-Session-Id": session}
    response = answer(server, [modern(7, "tools/list")], headers)
    assert code_of(response) == (400, -32600)
    assert response.json()["id"] is None


@requirement("L17")
def test_a_batch_is_answered_together_and_a_greeting_is_refused_in_it(
    server: MemoryServer,
) -> None:
    connection = post(
        server,
        [
            request(1, "tools/call", **CALL),
            request(2, "initialize", protocolVersion="2025-03-26"),
            note("notifications/initialized"),
            {"jsonrpc": "2.0", "id": "commander-1", "result": {}},
            request(3, "ping"),
        ],
    )
    assert connection.received() == b""
    server.process.exit(0)
    (response,) = connection.responses()
    assert response.status == 200
    assert "mcp-session-id" not in response.headers
    replies = {one["id"]: one for one in response.json()}
    assert {*replies} == {1, 2, 3}
    assert replies[2]["error"]["code"] == -32600
    assert replies[1]["result"]["isError"] is False
    accepted = answer(server, [note("notifications/initialized")])
    assert (accepted.status, accepted.body) == (202, b"")


@requirement("L17")
def test_a_long_batch_is_the_one_event_of_a_stream(server: MemoryServer) -> None:
    calls = [request(n, "tools/call", **CALL) for n in (1, 2)]
    connection = post(server, calls)
    server.http.pump(1)
    for process in server.reactor.processes:
        process.exit(0)
    (replies,) = connection.stream().messages()
    assert [one["id"] for one in replies] == [1, 2]
    assert connection.stream().complete


@requirement("L5")
@pytest.mark.parametrize("version", ["1999-01-01", "2025-11-26", MODERN, "x"])
def test_a_session_may_name_no_version_that_is_not_of_its_era(
    server: MemoryServer, version: str
) -> None:
    greeting = request(0, "initialize", protocolVersion=OLD)
    session = answer(server, greeting).headers["mcp-session-id"]
    headers = {"Mcp-Session-Id": session, "MCP-Protocol-Version": version}
    assert answer(server, request(1, "ping"), headers).status == 400
    assert answer(server, note("x"), headers).status == (
        202 if version == MODERN else 400
    )


@requirement("M1")
def test_a_modern_client_has_nothing_to_answer(server: MemoryServer) -> None:
    headers = {"MCP-Protocol-Version": MODERN}
    response = answer(server, {"jsonrpc": "2.0", "id": 7, "result": {}}, headers)
    assert code_of(response) == (400, -32600)


@requirement("R11")
def test_a_modern_request_is_served_whatever_session_it_names(
    server: MemoryServer,
) -> None:
    message = modern(7, "tools/list")
    named = {"Mcp-Session-Id": "unknown", "Last-Event-ID": "unknown"}
    response = answer(server, message, {**modern_headers(message), **named})
    assert response.json()["result"]["resultType"] == "complete"
    assert "mcp-session-id" not in response.headers


# --- headers of a modern request ---------------------------------------------------


@requirement("C9")
@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("mcp-METHOD", "tools/call", 200),
        ("MCP-NAME", "execute_command", 200),
        ("mCP-pROTOCOL-vERSION", MODERN, 200),
        ("Mcp-Method", "  tools/call\t", 200),
        ("Mcp-Method", "Tools/Call", 400),
        ("Mcp-Name", "Execute_Command", 400),
    ],
)
def test_names_of_headers_have_no_case_and_values_do(
    server: MemoryServer, header: str, value: str, status: int
) -> None:
    message = modern(7, "tools/call", **CALL)
    headers = {
        name: it
        for name, it in modern_headers(message).items()
        if name.lower() != header.lower()
    }
    connection = post(server, message, {**headers, header: value})
    if status == 200:
        server.process.exit(0)
    (response,) = connection.responses()
    assert response.status == status


@requirement("M2", "M5")
@pytest.mark.parametrize("name", ["MCP-Protocol-Version", "Mcp-Method", "Mcp-Name"])
@pytest.mark.parametrize("how", ["missing", "twice", "other"])
def test_each_header_is_there_once_and_repeats_the_body(
    server: MemoryServer, name: str, how: str
) -> None:
    message = modern(7, "tools/call", **CALL)
    headers = {"Accept": BOTH, **modern_headers(message)}
    body = msgspec.json.encode(message)
    sent = server.http.encode(body=body, headers=headers)
    line = f"{name}: {headers[name]}\r\n".encode()
    instead = {"missing": b"", "twice": line + line, "other": f"{name}: x\r\n".encode()}
    connection = server.http.connect()
    connection.send(sent.replace(line, instead[how]))
    (response,) = connection.responses()
    assert code_of(response) == (400, -32020)
    assert response.json()["id"] == 7
    assert server.reactor.processes == []


@requirement("M5")
@pytest.mark.parametrize(
    ("value", "served"),
    [
        ("=?base64?ZXhlY3V0ZV9jb21tYW5k?=", True),
        ("=?base64?ZXhlY3V0ZV9jb21tYW5?=", False),
        ("=?base64?%%?=", False),
        ("=?base64?Z2V0X3NoZWxsX2luZm8=?=", False),
    ],
)
def test_a_name_may_come_in_base64(
    server: MemoryServer, value: str, served: bool
) -> None:
    message = modern(7, "tools/call", **CALL)
    connection = post(server, message, {**modern_headers(message), "Mcp-Name": value})
    assert bool(server.reactor.processes) is served
    if served:
        server.process.exit(0)
    else:
        assert code_of(connection.responses()[0]) == (400, -32020)


# --- one answer --------------------------------------------------------------------


@requirement("M20", "M21", "M22")
def test_a_modern_stream_has_no_ids_and_ends_with_the_reply(
    server: MemoryServer,
) -> None:
    message = modern(7, "tools/call", **CALL, _meta={"progressToken": 1})
    headers = {**modern_headers(message), "Last-Event-ID": "x"}
    connection = post(server, message, headers)
    server.http.pump(0.5)
    assert connection.received() == b""
    server.process.emit(1, b"line\n")
    server.http.pump(2)
    server.process.exit(0)
    stream = connection.stream()
    assert stream.complete
    assert [(one.id, one.retry) for one in stream.events()] == [(None, None)] * 2
    told, reply = stream.messages()
    assert told["method"] == "notifications/progress"
    assert reply["id"] == 7


@requirement("M23", "W6")
@pytest.mark.parametrize("accept", ["", "application/json", BOTH])
@pytest.mark.parametrize("after", [0.0, 5.0])
def test_who_closes_the_connection_cancels_the_call_stream_or_no_stream(
    server: MemoryServer, accept: str, after: float
) -> None:
    message = modern(7, "tools/call", **CALL)
    connection = post(server, message, {**modern_headers(message), "Accept": accept})
    server.process.ignore("SIGTERM")
    server.http.pump(after)
    before = connection.received()
    connection.lose()
    server.http.pump(0.1)
    assert server.process.signals == [signal.SIGTERM]
    server.http.pump(Settings().kill_grace_seconds)
    assert server.process.signals[-1] == signal.SIGKILL
    server.http.pump(1)
    assert connection.received() == before
    (record,) = server.log.named("CMD_EXEC")
    assert record["ended_by"].value == "cancelled"


@requirement("M23")
def test_a_call_that_waits_for_a_slot_goes_with_its_connection() -> None:
    message = modern(7, "tools/call", **CALL)
    with MemoryServer(Settings(max_concurrent=1)) as server:
        post(server, message, modern_headers(message))
        post(server, message, modern_headers(message)).lose()
        server.process.exit(0)
        server.http.pump(1)
        assert len(server.reactor.processes) == 1


@requirement("M24")
@pytest.mark.parametrize("method", ["notifications/cancelled", "nothing/at/all"])
def test_a_notification_is_accepted_and_cancels_nobody(
    server: MemoryServer, method: str
) -> None:
    message = modern(7, "tools/call", **CALL)
    post(server, message, modern_headers(message))
    told = note(method, requestId=7, _meta={VERSION: MODERN})
    response = answer(server, told, modern_headers(told))
    assert (response.status, response.body) == (202, b"")
    server.http.pump(1)
    assert server.process.signals == []
    server.process.exit(0)


@requirement("M24")
def test_a_notification_of_a_version_that_is_not_served_is_refused(
    server: MemoryServer,
) -> None:
    told = note("notifications/cancelled", _meta={VERSION: "2030-01-01"})
    assert code_of(answer(server, told, modern_headers(told))) == (400, -32022)


# --- subscriptions -----------------------------------------------------------------


def listen(server: MemoryServer, number: object, accept: str = BOTH) -> HTTPConnection:
    message = modern(number, "subscriptions/listen", notifications={})
    return post(server, message, {**modern_headers(message), "Accept": accept})


@requirement("M32", "C11")
@pytest.mark.parametrize("number", [7, "7"])
def test_a_subscription_is_acknowledged_at_once_and_kept_alive(
    server: MemoryServer, number: object
) -> None:
    connection = listen(server, number)
    (first,) = connection.stream().messages()
    assert first["method"] == "notifications/subscriptions/acknowledged"
    meta = first["params"]["_meta"]
    assert meta == {"io.modelcontextprotocol/subscriptionId": number}
    for _ in range(2):
        server.http.pump(15)
    assert not now(connection.stream().complete)
    assert connection.stream().body.count(b": keep-alive\n\n") == 2


@requirement("M32", "C8")
def test_a_subscription_is_406_to_who_takes_no_events(server: MemoryServer) -> None:
    (response,) = listen(server, 7, "application/json").responses()
    assert response.status == 406


@requirement("M32")
def test_a_subscription_ends_gracefully_with_its_server() -> None:
    with MemoryServer() as server:
        connection = listen(server, "a")
        other = listen(server, 2)
    for one, number in ((connection, "a"), (other, 2)):
        ended = one.stream().messages()[-1]
        meta = ended["result"]["_meta"]
        assert ended["id"] == number
        assert meta["io.modelcontextprotocol/subscriptionId"] == number
        assert ended["result"]["resultType"] == "complete"
        assert one.stream().complete


# --- statuses ----------------------------------------------------------------------


@requirement("M39", "L7")
@pytest.mark.parametrize(
    ("method", "params", "code", "statuses"),
    [
        ("nothing/at/all", {}, -32601, (200, 404)),
        ("tools/call", {"name": "nothing"}, -32602, (200, 400)),
        ("tools/list", {"cursor": "x"}, -32602, (200, 400)),
    ],
)
def test_an_error_of_a_good_request_has_a_status_of_its_era(
    server: MemoryServer,
    method: str,
    params: dict[str, Any],
    code: int,
    statuses: tuple[int, int],
) -> None:
    old, new = request(7, method, **params), modern(7, method, **params)
    assert code_of(answer(server, old)) == (statuses[0], code)
    assert code_of(answer(server, new, modern_headers(new))) == (statuses[1], code)
