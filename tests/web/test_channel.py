"""One connection: its requests in order, and deadlines that nothing extends."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from commander.settings import Settings
from commander.testing import MemoryServer
from commander.testing.http import HTTPConnection

PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
HEAD_SECONDS = 10.0
BODY_SECONDS = 30.0
IDLE_SECONDS = 120.0
ABORT_SECONDS = 15.0
REQUEST_TIMEOUT = (
    b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
)


def ping(number: int) -> bytes:
    return msgspec.json.encode({"jsonrpc": "2.0", "id": number, "method": "ping"})


def call(command: str, number: int = 1) -> bytes:
    return msgspec.json.encode(
        {
            "jsonrpc": "2.0",
            "id": number,
            "method": "tools/call",
            "params": {
                "name": "execute_command",
                "arguments": {"command": command, "timeout": "1h"},
            },
        }
    )


def statuses(connection: HTTPConnection) -> list[int]:
    return [response.status for response in connection.responses()]


def answered_ids(connection: HTTPConnection) -> list[int]:
    return [response.json()["id"] for response in connection.responses()]


# As functions, or mypy would take what was found once for a fact.


def is_closing(connection: HTTPConnection) -> bool:
    return connection.closing


def is_aborted(connection: HTTPConnection) -> bool:
    return connection.aborted


# --- keep-alive --------------------------------------------------------------------


def test_a_connection_serves_many_requests(server: MemoryServer) -> None:
    connection = server.http.connect()
    for number in range(50):
        connection.send(server.http.encode(body=ping(number)))
        server.http.pump(100)
    assert answered_ids(connection) == list(range(50))
    assert not is_closing(connection)


def test_requests_sent_ahead_are_answered_in_order(server: MemoryServer) -> None:
    connection = server.http.connect()
    connection.send(
        b"".join(server.http.encode(body=ping(number)) for number in range(20))
    )
    assert answered_ids(connection) == list(range(20))


def test_a_request_sent_ahead_waits_for_the_one_before_it(
    server: MemoryServer,
) -> None:
    connection = server.http.begin(body=call("sleep 1", 1))
    connection.send(server.http.encode(body=ping(2)))
    connection.send(server.http.encode("GET", "/health"))
    assert statuses(connection) == []
    server.process.exit()
    assert statuses(connection) == [200, 200, 200]
    first, second, third = connection.responses()
    assert [first.json()["id"], second.json()["id"]] == [1, 2]
    assert third.json()["status"] == "healthy"


def test_a_long_command_delays_nobody_on_another_connection(
    server: MemoryServer,
) -> None:
    server.http.begin(body=call("sleep 1"))
    assert server.http.request(body=PING).status == 200
    server.process.exit()


@pytest.mark.parametrize(
    "version_and_headers",
    [
        b"HTTP/1.1\r\nConnection: close\r\n",
        b"HTTP/1.1\r\nConnection: Close\r\n",
        b"HTTP/1.0\r\n",
        b"HTTP/1.0\r\nConnection: keep-alive\r\n",
    ],
)
def test_a_client_that_wants_it_has_its_connection_closed(
    server: MemoryServer, version_and_headers: bytes
) -> None:
    connection = server.http.connect()
    connection.send(b"GET /health " + version_and_headers + b"\r\n")
    assert statuses(connection) == [200]
    assert is_closing(connection)


def test_a_flood_sent_ahead_of_an_answer_is_not_read(server: MemoryServer) -> None:
    connection = server.http.begin(body=call("sleep 1"))
    for _ in range(20):
        connection.send(b"x" * 1000)
    assert not connection.reading
    server.process.exit()
    assert statuses(connection) == [200]


def test_requests_that_follow_each_other_share_their_timers(
    server: MemoryServer,
) -> None:
    connection = server.http.connect()
    connection.send(server.http.encode(body=PING))
    before = server.reactor.getDelayedCalls()
    assert len(before) == 2
    for _ in range(10):
        connection.send(server.http.encode(body=PING))
    assert server.reactor.getDelayedCalls() == before


@pytest.fixture
def patient() -> Iterator[MemoryServer]:
    """A server that answers when a command has ended, and not before."""
    with MemoryServer(Settings(execute_yield_seconds=0.0)) as server:
        yield server
    assert server.log.failures() == []


def test_a_request_that_is_answered_has_no_idle_time(patient: MemoryServer) -> None:
    server = patient
    connection = server.http.begin(body=call("sleep 1"))
    server.http.pump(10 * IDLE_SECONDS)
    connection.send(b"G")  # of the next one
    server.http.pump(10 * IDLE_SECONDS)
    assert not is_closing(connection)
    server.process.exit()
    assert statuses(connection) == [200]


# --- deadlines ---------------------------------------------------------------------


def test_a_head_that_trickles_in_is_given_up_after_ten_seconds(
    server: MemoryServer,
) -> None:
    connection = server.http.connect()
    for byte in server.http.encode(body=PING)[:10]:
        connection.send(bytes([byte]))
        assert connection.received() == b""
        server.http.pump(1)
    assert connection.received() == REQUEST_TIMEOUT
    assert is_closing(connection)


def test_a_head_is_given_its_ten_seconds(server: MemoryServer) -> None:
    connection = server.http.connect()
    head = server.http.encode("GET", "/health")
    connection.send(head[:-1])
    server.http.pump(HEAD_SECONDS - 0.01)
    connection.send(head[-1:])
    assert statuses(connection) == [200]
    server.http.pump(HEAD_SECONDS)
    assert not is_closing(connection)


def test_a_body_that_trickles_in_is_given_up_after_thirty_seconds(
    server: MemoryServer,
) -> None:
    connection = server.http.connect()
    connection.send(server.http.encode(headers={"Content-Length": "1000"}))
    for _ in range(30):
        assert connection.received() == b""
        server.http.pump(1)
        connection.send(b"x")
    assert connection.received() == REQUEST_TIMEOUT
    assert is_closing(connection)
    connection.lose()
    assert server.site.gate.budget.used_bytes == 0


def test_a_body_is_given_its_thirty_seconds(server: MemoryServer) -> None:
    connection = server.http.connect()
    request = server.http.encode(body=PING)
    connection.send(request[:-1])
    server.http.pump(BODY_SECONDS - 0.01)
    connection.send(request[-1:])
    assert statuses(connection) == [200]


def test_the_time_for_the_body_starts_with_the_body(server: MemoryServer) -> None:
    connection = server.http.connect()
    request = server.http.encode(body=PING)
    connection.send(request[:5])
    server.http.pump(HEAD_SECONDS - 1)
    connection.send(request[5:-1])
    server.http.pump(BODY_SECONDS - 1)
    connection.send(request[-1:])
    assert statuses(connection) == [200]


def test_the_second_request_of_a_connection_has_its_own_time(
    server: MemoryServer,
) -> None:
    connection = server.http.begin("GET", "/health")
    server.http.pump(60)
    connection.send(b"GET /he")
    server.http.pump(HEAD_SECONDS - 0.01)
    assert statuses(connection) == [200]
    server.http.pump(0.01)
    assert statuses(connection) == [200, 408]


def test_the_time_of_a_request_sent_ahead_starts_when_it_is_its_turn(
    server: MemoryServer,
) -> None:
    connection = server.http.begin(body=call("sleep 1"))
    connection.send(b"GET /he")
    server.http.pump(600)
    server.process.exit()
    server.http.pump(HEAD_SECONDS - 0.01)
    assert statuses(connection) == [200]
    connection.send(b"alth HTTP/1.1\r\n\r\n")
    assert statuses(connection) == [200, 200]


def test_a_connection_without_requests_is_closed_after_two_minutes(
    server: MemoryServer,
) -> None:
    connection = server.http.begin("GET", "/health")
    server.http.pump(IDLE_SECONDS - 0.01)
    assert not is_closing(connection)
    server.http.pump(0.01)
    assert is_closing(connection)
    assert len(connection.responses()) == 1


def test_a_connection_that_never_sends_anything_is_closed_soon(
    server: MemoryServer,
) -> None:
    connection = server.http.connect()
    server.http.pump(HEAD_SECONDS - 0.01)
    assert not is_closing(connection)
    server.http.pump(0.01)
    assert is_closing(connection)
    assert connection.received() == b""


def test_who_sends_requests_and_reads_no_answers_gets_one_and_no_more(
    server: MemoryServer,
) -> None:
    request = server.http.encode("GET", "/health")
    connection = server.http.connect()
    assert connection.channel is not None
    connection.channel.pauseProducing()  # as a full send buffer has it
    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":'
    body += b'{"name":"execute_command","arguments":{"command":"true"}}}'
    connection.send(server.http.encode(body=body) + request * 3)
    server.process.exit()
    assert len(connection.responses()) == 1
    assert is_closing(connection)


def test_the_idle_time_starts_again_with_each_request(server: MemoryServer) -> None:
    connection = server.http.begin("GET", "/health")
    server.http.pump(IDLE_SECONDS - 1)
    connection.send(server.http.encode("GET", "/health"))
    server.http.pump(IDLE_SECONDS - 1)
    assert not is_closing(connection)
    server.http.pump(1)
    assert is_closing(connection)
    assert statuses(connection) == [200, 200]


def test_the_idle_time_can_be_set() -> None:
    with MemoryServer(Settings(http_idle_timeout_seconds=7.0)) as server:
        connection = server.http.connect()
        server.http.pump(6.99)
        assert not is_closing(connection)
        server.http.pump(0.01)
        assert is_closing(connection)


def test_a_request_that_is_being_answered_has_all_the_time_it_needs(
    patient: MemoryServer,
) -> None:
    server = patient
    connection = server.http.begin(body=call("sleep 600"))
    for _ in range(600):
        server.http.pump(1)
        connection.send(b"x")
    assert not is_closing(connection)
    assert connection.received() == b""
    server.process.exit()
    assert statuses(connection)[0] == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /health HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET /health HTTP/1.0\r\n\r\n",
        b"no request\r\n",
    ],
)
def test_a_client_that_does_not_let_go_is_dropped(
    server: MemoryServer, sent: bytes
) -> None:
    connection = server.http.connect()
    connection.send(sent)
    server.http.pump(IDLE_SECONDS)
    assert is_closing(connection)
    assert not is_aborted(connection)
    server.http.pump(ABORT_SECONDS)
    assert is_aborted(connection)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"G",
        b"GET /health HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"no request\r\n",
        b"POST /mcp HTTP/1.1\r\nContent-Length: 9\r\n\r\n",
    ],
)
def test_a_connection_that_is_gone_leaves_no_timer(
    server: MemoryServer, sent: bytes
) -> None:
    connection = server.http.connect()
    connection.send(sent)
    connection.lose()
    assert server.reactor.getDelayedCalls() == []
    assert server.site.connections == 0


def test_a_connection_that_was_timed_out_and_is_gone_leaves_no_timer(
    server: MemoryServer,
) -> None:
    connection = server.http.connect()
    connection.send(b"G")
    server.http.pump(HEAD_SECONDS)
    connection.lose()
    assert server.reactor.getDelayedCalls() == []


def test_nothing_about_a_slow_client_is_an_error(server: MemoryServer) -> None:
    for sent in (b"", b"G", b"POST /mcp HTTP/1.1\r\nContent-Length: 9\r\n\r\n"):
        connection = server.http.connect()
        connection.send(sent)
        server.http.pump(IDLE_SECONDS + ABORT_SECONDS)
        connection.lose()
    assert all('"level":"error"' not in line for line in server.log.lines())
