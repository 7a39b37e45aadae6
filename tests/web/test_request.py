"""What is refused before the body, how much of a body is taken, and what is kept."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from commander.settings import Settings
from commander.testing import HTTPHarness, MemoryLog, MemoryServer
from commander.testing.http import HTTPConnection
from commander.web.request import BodyBudget

requirement = pytest.mark.requirement

MIB = 1024 * 1024
LIMIT = 4 * MIB
PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
LINGER_SECONDS = 2.0


@pytest.fixture
def stranger(server: MemoryServer) -> HTTPHarness:
    """A client without a token."""
    return HTTPHarness(server.site, server.reactor, None)


@pytest.fixture
def small(twisted_log: MemoryLog) -> Iterator[MemoryServer]:
    """A server that takes bodies of 1000 bytes."""
    with MemoryServer(Settings(max_body_bytes=1000)) as server:
        yield server
    assert server.log.failures() == []


def announced(client: HTTPHarness, length: int, **headers: str) -> HTTPConnection:
    """A connection on which a POST with a body of this length was announced."""
    connection = client.connect()
    connection.send(client.encode(headers={"Content-Length": str(length), **headers}))
    return connection


def chunked(client: HTTPHarness, **headers: str) -> HTTPConnection:
    """A connection on which a POST with a chunked body was announced."""
    connection = client.connect()
    connection.send(
        client.encode(
            headers={"Content-Length": "", "Transfer-Encoding": "chunked", **headers}
        )
    )
    return connection


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def statuses(connection: HTTPConnection) -> list[int]:
    return [response.status for response in connection.responses()]


def used_bytes(server: MemoryServer) -> int:
    return server.site.gate.budget.used_bytes


def message_of(length: int) -> bytes:
    """A ping of exactly so many bytes."""
    empty = msgspec.json.encode(
        {"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"_": ""}}
    )
    return empty.replace(b'""', b'"' + b"x" * (length - len(empty)) + b'"')


# As functions, or mypy would take what was found once for a fact.


def is_closing(connection: HTTPConnection) -> bool:
    return connection.closing


def is_aborted(connection: HTTPConnection) -> bool:
    return connection.aborted


# --- before the body ---------------------------------------------------------------


@requirement("C5")
def test_no_token_is_answered_before_one_byte_of_a_large_body(
    server: MemoryServer, stranger: HTTPHarness
) -> None:
    connection = announced(stranger, LIMIT)
    assert statuses(connection) == [401]
    connection.send(b"{")
    assert statuses(connection) == [401]
    assert used_bytes(server) == 0


def test_no_token_is_answered_before_the_length_and_the_type_matter(
    stranger: HTTPHarness,
) -> None:
    connection = announced(stranger, LIMIT + 1, **{"Content-Type": "text/plain"})
    assert statuses(connection) == [401]
    assert statuses(chunked(stranger)) == [401]


def test_a_path_that_is_not_served_is_answered_before_the_body(
    stranger: HTTPHarness,
) -> None:
    connection = stranger.connect()
    head = stranger.encode(path="/token", headers={"Content-Length": str(LIMIT)})
    connection.send(head)
    assert statuses(connection) == [404]


@requirement("C7")
def test_a_body_that_is_announced_too_long_is_answered_before_it_comes(
    server: MemoryServer,
) -> None:
    (response,) = announced(server.http, LIMIT + 1).responses()
    assert response.status == 413
    assert response.headers["connection"] == "close"
    assert response.headers["content-type"] == "application/json"
    error = response.json()["error"]
    assert error["message"] == "request body over 4194304 bytes (MCP_MAX_BODY_BYTES)"


@pytest.mark.parametrize("length", ["9" * 20, "9" * 4300, "9" * 10_000])
def test_a_length_beyond_all_measure_is_refused_too(
    server: MemoryServer, length: str
) -> None:
    connection = server.http.connect()
    connection.send(server.http.encode(headers={"Content-Length": length}))
    assert statuses(connection) in ([413], [400])


def test_a_body_of_exactly_the_limit_is_served(small: MemoryServer) -> None:
    assert small.http.request(body=message_of(1000)).status == 200
    assert small.http.request(body=message_of(1001)).status == 413


@pytest.mark.parametrize("size", [1, 7, 400, 1000])
def test_a_chunked_body_of_exactly_the_limit_is_served(
    small: MemoryServer, size: int
) -> None:
    connection = chunked(small.http)
    body = message_of(1000)
    for start in range(0, len(body), size):
        connection.send(chunk(body[start : start + size]))
    assert statuses(connection) == []
    connection.send(b"0\r\n\r\n")
    assert statuses(connection) == [200]


@requirement("C7")
def test_a_chunked_body_is_refused_at_the_byte_that_is_too_much(
    small: MemoryServer,
) -> None:
    connection = chunked(small.http)
    connection.send(chunk(b"x" * 1000))
    assert statuses(connection) == []
    assert used_bytes(small) == 1000
    connection.send(b"5\r\nx")
    assert statuses(connection) == [413]
    assert used_bytes(small) == 0
    connection.send(b"xxxx\r\n0\r\n\r\n")
    assert statuses(connection) == [413]
    assert is_closing(connection)


# --- Expect: 100-continue ----------------------------------------------------------


def test_a_body_that_will_be_taken_is_invited(server: MemoryServer) -> None:
    connection = announced(server.http, len(PING), Expect="100-continue")
    assert connection.received() == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.send(PING)
    assert statuses(connection) == [100, 200]


def test_a_refused_body_is_never_invited(
    server: MemoryServer, stranger: HTTPHarness
) -> None:
    for connection, status in (
        (announced(stranger, 10, Expect="100-continue"), 401),
        (chunked(stranger, Expect="100-Continue"), 401),
        (announced(server.http, LIMIT + 1, Expect="100-continue"), 413),
    ):
        assert statuses(connection) == [status]
        connection.send(b"x" * 10)
        server.http.pump(60)
        assert b"100 Continue" not in connection.received()


# --- lingering ---------------------------------------------------------------------


def test_the_rest_of_a_refused_body_is_read_and_thrown_away(
    server: MemoryServer, stranger: HTTPHarness
) -> None:
    connection = announced(stranger, LIMIT)
    for _ in range(16):
        connection.send(b"x" * (LIMIT // 16 - 1))
        assert connection.reading
        assert used_bytes(server) == 0
    assert statuses(connection) == [401]


def test_the_connection_closes_when_the_refused_body_is_over(
    stranger: HTTPHarness,
) -> None:
    connection = announced(stranger, 100)
    connection.send(b"x" * 99)
    assert not is_closing(connection)
    connection.send(b"x")
    assert is_closing(connection)
    assert statuses(connection) == [401]


def test_the_connection_closes_two_seconds_after_a_refusal_whatever_comes(
    server: MemoryServer, stranger: HTTPHarness
) -> None:
    connection = announced(stranger, LIMIT)
    for _ in range(19):
        server.http.pump(LINGER_SECONDS / 20)
        connection.send(b"x")
    assert not is_closing(connection)
    server.http.pump(LINGER_SECONDS / 20)
    assert is_closing(connection)
    assert not is_aborted(connection)
    # No second answer after the first.
    assert statuses(connection) == [401]


def test_a_client_that_reads_nothing_is_dropped_in_the_end(
    server: MemoryServer, stranger: HTTPHarness
) -> None:
    connection = announced(stranger, LIMIT)
    server.http.pump(LINGER_SECONDS)
    server.http.pump(14.9)
    assert not is_aborted(connection)
    server.http.pump(0.1)
    assert is_aborted(connection)


def test_nothing_that_follows_a_refused_request_is_served(
    server: MemoryServer, stranger: HTTPHarness
) -> None:
    connection = announced(stranger, 5)
    connection.send(b"xxxxx" + server.http.encode(body=PING))
    assert statuses(connection) == [401]
    assert is_closing(connection)


def test_a_refused_client_that_leaves_needs_no_timer(
    server: MemoryServer, stranger: HTTPHarness
) -> None:
    connection = announced(stranger, LIMIT)
    connection.lose()
    assert server.reactor.getDelayedCalls() == []


# --- what bodies cost --------------------------------------------------------------


@requirement("C7")
def test_all_bodies_together_have_a_budget(server: MemoryServer) -> None:
    part = b"x" * (LIMIT - 1)
    connections = [announced(server.http, LIMIT) for _ in range(16)]
    for connection in connections:
        connection.send(part)
    assert used_bytes(server) == 16 * (LIMIT - 1)
    late = announced(server.http, 1000)
    late.send(b"x" * 16)
    assert statuses(late) == []
    late.send(b"x")
    (response,) = late.responses()
    assert response.status == 503
    assert response.headers["retry-after"] == "5"
    assert response.headers["connection"] == "close"
    assert used_bytes(server) == 16 * (LIMIT - 1)
    # Who is within the budget is served all the same, and makes room.
    connections[0].send(b"x")
    assert statuses(connections[0]) == [400]
    assert used_bytes(server) == 15 * (LIMIT - 1)
    for connection in connections:
        connection.lose()
    assert used_bytes(server) == 0


def test_a_body_costs_nothing_once_the_handler_has_taken_it(
    server: MemoryServer,
) -> None:
    connection = server.http.begin(
        body=msgspec.json.encode(
            {
                "jsonrpc": "2.0",
                "id": 1,
                "method": "tools/call",
                "params": {
                    "name": "execute_command",
                    "arguments": {"command": f"echo {'x' * 10_000}"},
                },
            }
        )
    )
    assert statuses(connection) == []
    assert used_bytes(server) == 0
    server.reactor.advance(0)  # a long command is judged beside the reactor
    server.process.exit()
    assert statuses(connection) == [200]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Content-Type": "text/plain"}, 415),
        ({"Host": "evil.example.com"}, 421),
    ],
)
def test_a_body_costs_nothing_once_it_is_answered(
    server: MemoryServer, headers: dict[str, str], status: int
) -> None:
    assert server.http.request(body=PING, headers=headers).status == status
    assert used_bytes(server) == 0


def test_a_client_that_leaves_in_its_body_gives_back_what_it_used(
    server: MemoryServer,
) -> None:
    connection = announced(server.http, 1000)
    connection.send(b"x" * 999)
    assert used_bytes(server) == 999
    connection.lose()
    assert used_bytes(server) == 0


def test_a_budget_takes_what_fits_and_nothing_of_what_does_not() -> None:
    budget = BodyBudget(10)
    assert budget.reserve(10)
    assert not budget.reserve(1)
    assert budget.used_bytes == 10
    budget.release(4)
    assert not budget.reserve(5)
    assert budget.reserve(4)
    assert budget.used_bytes == 10


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_touches_no_file(
    server: MemoryServer, framing: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a temporary file")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    body = message_of(300_000)
    before = os.listdir("/proc/self/fd")
    if framing == "length":
        connection = announced(server.http, len(body))
        connection.send(body[:-1])
        assert os.listdir("/proc/self/fd") == before
        connection.send(body[-1:])
    else:
        connection = chunked(server.http)
        connection.send(chunk(body))
        assert os.listdir("/proc/self/fd") == before
        connection.send(b"0\r\n\r\n")
    assert statuses(connection) == [200]


# --- framing that could be read in two ways ----------------------------------------


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: 2\r\nContent-Length: 2\r\n",
        b"Content-Length: 2\r\nContent-Length: 3\r\n",
        b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
        b"Transfer-Encoding: gzip\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: +1\r\n",
        b"Content-Length: 1, 1\r\n",
        b"Content-Length: 0x2\r\n",
        b"Content-Length:\r\n",
        b"no colon\r\n",
        b": no name\r\n",
        b"Name : space\r\n",
        b"Name: nul\0\r\n",
    ],
)
def test_a_head_that_could_be_read_in_two_ways_is_refused(
    server: MemoryServer, lines: bytes
) -> None:
    connection = server.http.connect()
    connection.send(
        b"POST /mcp HTTP/1.1\r\nHost: localhost\r\n"
        b"Authorization: Bearer memory-token\r\n" + lines + b"\r\n{}"
    )
    assert statuses(connection) == [400]
    assert is_closing(connection)
    server.http.pump(60)
    assert statuses(connection) == [400]


@pytest.mark.parametrize(
    "line",
    [
        *(b"", b"\0", b"GET", b"GET /", b"GET / HTTP/2.0", b"GET / HTTP/0.9"),
        *(b"GET  / HTTP/1.1", b"GET / HTTP/1.1 x", b"G\xc3T / HTTP/1.1"),
        *(b"GET /\xc3\xa9 HTTP/1.1", b"GET /\x7f\t HTTP/1.1", b" GET / HTTP/1.1"),
        *(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"PRI * HTTP/2.0"),
    ],
)
def test_a_line_that_is_no_request_is_refused(
    server: MemoryServer, line: bytes
) -> None:
    connection = server.http.connect()
    connection.send(b"\r\n" + line + b"\r\nHost: localhost\r\n\r\n")
    assert statuses(connection) == [400]
    assert is_closing(connection)


def test_a_broken_chunk_is_refused(server: MemoryServer) -> None:
    connection = chunked(server.http)
    connection.send(b"zz\r\n")
    assert statuses(connection) == [400]
    assert is_closing(connection)


def test_more_headers_than_anybody_needs_are_refused(server: MemoryServer) -> None:
    connection = server.http.connect()
    connection.send(b"GET /health HTTP/1.1\r\n" + b"a: b\r\n" * 600)
    assert statuses(connection) == [400]
    assert is_closing(connection)


def test_a_head_of_more_than_16_kib_is_refused(server: MemoryServer) -> None:
    connection = server.http.connect()
    lines = b"".join(b"a%d: %s\r\n" % (i, b"x" * 1000) for i in range(17))
    connection.send(b"GET /health HTTP/1.1\r\n" + lines)
    assert statuses(connection) == [400]
    assert is_closing(connection)
