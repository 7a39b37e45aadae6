"""Connections: how many there may be, how they end, and the access log."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from commander.settings import Settings
from commander.testing import HTTPHarness, MemoryLog, MemoryServer
from commander.web.site import MAX_BODIES_BYTES

PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'


@pytest.fixture
def narrow(twisted_log: MemoryLog) -> Iterator[MemoryServer]:
    """A server that takes two connections."""
    with MemoryServer(Settings(max_connections=2)) as server:
        yield server
    assert server.log.failures() == []


def test_one_connection_too_many_is_closed_at_once(narrow: MemoryServer) -> None:
    first, second = narrow.http.connect(), narrow.http.connect()
    assert narrow.http.connect().channel is None
    assert narrow.site.connections == 2
    for connection in (first, second):
        connection.send(narrow.http.encode("GET", "/health"))
        assert len(connection.responses()) == 1


def test_a_connection_that_ends_makes_room(narrow: MemoryServer) -> None:
    first, _ = narrow.http.connect(), narrow.http.connect()
    first.lose()
    assert narrow.http.connect().channel is not None
    assert narrow.http.connect().channel is None


def test_a_flood_of_connections_is_one_record_until_there_is_room(
    narrow: MemoryServer,
) -> None:
    first, _ = narrow.http.connect(), narrow.http.connect()
    for _ in range(100):
        narrow.http.connect(peer="192.0.2.99")
    record = {"peer": "192.0.2.99", "MCP_MAX_CONNECTIONS": 2}
    assert narrow.log.named("connection_refused") == [record]
    first.lose()
    narrow.http.connect()
    narrow.http.connect(peer="192.0.2.99")
    assert narrow.log.named("connection_refused") == [record, record]


def test_closing_waits_for_the_last_connection(server: MemoryServer) -> None:
    idle, asked = server.http.connect(), server.http.begin("GET", "/health")
    closed: list[None] = []
    server.site.close_connections().addCallback(closed.append)
    assert idle.closing
    assert asked.closing
    idle.lose()
    assert closed == []
    asked.lose()
    assert closed == [None]


def test_closing_nothing_is_done_at_once(server: MemoryServer) -> None:
    closed: list[None] = []
    server.site.close_connections().addCallback(closed.append)
    assert closed == [None]


def test_a_client_that_reads_nothing_is_dropped_while_closing(
    server: MemoryServer,
) -> None:
    connection = server.http.connect()
    server.site.close_connections()
    server.http.pump(15)
    assert connection.aborted


def test_each_answer_is_one_record(server: MemoryServer) -> None:
    """A 401 is the record of its failed login."""
    stranger = HTTPHarness(server.site, server.reactor, None)
    answered = [
        ("POST", "/mcp", server.http.request(body=PING)),
        ("GET", "/health", server.http.request("GET", "/health?verbose=1")),
        ("GET", "/no/such/path", server.http.request("GET", "/no/such/path")),
        ("HEAD", "/health", server.http.request("HEAD", "/health")),
        ("POST", "/mcp", stranger.request(body=PING)),
        ("GET", "/mcp", stranger.request("GET", "/mcp")),
    ]
    assert server.log.named("http_request") == [
        {
            "method": method,
            "path": path,
            "status": response.status,
            "bytes": len(response.body),
            "duration": 0.0,
            "peer": "192.0.2.7",
        }
        for method, path, response in answered
        if response.status != 401
    ]
    assert len(server.log.named("auth_failed")) == 2
    assert [response.status for *_, response in answered] == [
        *(200, 200, 404, 200, 401, 401)
    ]


def test_an_access_record_tells_how_long_the_request_took(
    server: MemoryServer,
) -> None:
    connection = server.http.connect()
    sent = server.http.encode(body=PING)
    connection.send(sent[:10])
    server.http.pump(3)
    connection.send(sent[10:-1])
    server.http.pump(4.5)
    connection.send(sent[-1:])
    (record,) = server.log.named("http_request")
    assert record["duration"] == 4.5


def test_the_date_is_that_of_the_second(server: MemoryServer) -> None:
    dates = []
    for seconds in (0.0, 0.4, 0.7, 3600.0):
        server.http.pump(seconds)
        dates.append(server.http.request("GET", "/health").headers["date"])
    assert dates == [
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Thu, 01 Jan 1970 00:00:01 GMT",
        "Thu, 01 Jan 1970 01:00:01 GMT",
    ]


def test_the_budget_of_all_bodies_is_64_mib(server: MemoryServer) -> None:
    assert MAX_BODIES_BYTES == 64 * 1024 * 1024
    budget = server.site.gate.budget
    assert budget.reserve(MAX_BODIES_BYTES)
    assert not budget.reserve(1)
    budget.release(MAX_BODIES_BYTES)


def test_starting_and_stopping_the_factory_starts_no_timer(
    server: MemoryServer,
) -> None:
    server.site.doStart()
    assert server.reactor.getDelayedCalls() == []
    server.site.doStop()
