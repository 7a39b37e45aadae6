"""``/metrics`` over HTTP: for scrapers, and not there for anybody else."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from commander.settings import Settings
from commander.testing import HTTPHarness, MemoryLog, MemoryServer

METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "BREW"]
PREFLIGHT = {
    "Origin": "https://app.example",
    "Access-Control-Request-Method": "POST",
}
SCRAPE = {"Authorization": "Bearer scrape-and-nothing-else"}
SETTINGS = Settings(
    metrics_token="scrape-and-nothing-else",
    allowed_origins=("https://app.example",),
    max_concurrent=1,
    max_queued=1,
)


@pytest.fixture
def server(twisted_log: MemoryLog) -> Iterator[MemoryServer]:
    """One whose scraper has a token."""
    with MemoryServer(SETTINGS) as server:
        yield server
    assert server.log.failures() == []


@pytest.fixture
def stranger(server: MemoryServer) -> HTTPHarness:
    """A client without the token of MCP clients."""
    return HTTPHarness(server.site, server.reactor, None)


def page_of(stranger: HTTPHarness) -> dict[str, float]:
    """The samples, by name and labels as they are written."""
    connection = stranger.begin("GET", "/metrics", headers=SCRAPE)
    (response,) = connection.responses()
    connection.lose()
    assert response.status == 200
    assert response.headers["content-type"] == (
        "text/plain; version=0.0.4; charset=utf-8"
    )
    lines = response.body.decode().splitlines()
    samples = [line.rpartition(" ") for line in lines if not line.startswith("#")]
    return {name: float(value) for name, _, value in samples}


def run(server: MemoryServer, command: str = "true") -> None:
    """Ask for a command; it ends when the test says so."""
    arguments = {"command": command, "timeout": "1h"}
    params = {"name": "execute_command", "arguments": arguments}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    server.http.begin(body=msgspec.json.encode(message))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer memory-token"},
        {"X-MCP-Auth-Token": "memory-token"},
        PREFLIGHT,
    ],
)
def test_to_others_it_is_a_path_that_is_not_there(
    server: MemoryServer, stranger: HTTPHarness, method: str, headers: dict[str, str]
) -> None:
    for body in (b"", b"{}"):
        hidden, missing = (
            stranger.begin(method, path, body, headers).received()
            for path in ("/metrics", "/nothing")
        )
        assert hidden.startswith(b"HTTP/1.1 404 ")
        assert hidden == missing
    assert server.log.named("auth_failed") == []


def test_a_scraper_runs_nothing(server: MemoryServer, stranger: HTTPHarness) -> None:
    for path in ("/mcp", "/"):
        assert stranger.request("POST", path, b"{}", SCRAPE).status == 401


@pytest.mark.parametrize("method", [m for m in METHODS if m not in {"GET", "HEAD"}])
def test_it_has_two_methods(stranger: HTTPHarness, method: str) -> None:
    for body in (b"", b"{}"):
        response = stranger.request(method, "/metrics", body, SCRAPE)
        assert response.status == 405
        assert response.headers["allow"] == "GET, HEAD"


def test_it_takes_no_body(stranger: HTTPHarness) -> None:
    assert stranger.request("GET", "/metrics", b"{}", SCRAPE).status == 413


def test_head_has_no_body(stranger: HTTPHarness) -> None:
    received = stranger.begin("HEAD", "/metrics", headers=SCRAPE).received()
    assert received.startswith(b"HTTP/1.1 200 ")
    assert received.endswith(b"\r\n\r\n")


def test_without_a_token_it_is_for_this_machine() -> None:
    with MemoryServer() as server:
        asked = HTTPHarness(server.site, server.reactor, None).encode("GET", "/metrics")
        statuses = []
        for peer in ("127.0.0.1", "::1", "192.0.2.7"):
            connection = server.http.connect(peer)
            connection.send(asked)
            statuses += [response.status for response in connection.responses()]
    assert statuses == [200, 200, 404]


def test_what_happens_is_on_the_page(
    server: MemoryServer, stranger: HTTPHarness
) -> None:
    before = page_of(stranger)
    run(server)
    run(server)
    run(server)
    run(server, "mkfs /dev/sda")
    stranger.request("POST", "/mcp", b"{}")
    page = page_of(stranger)
    assert page["commander_commands_running"] == 1
    assert page["commander_commands_queued"] == 1
    assert page["commander_command_slots"] == 1
    assert page["commander_queue_places"] == 1
    assert page["commander_ready"] == 0
    assert page["commander_commands_busy_total"] == 1
    assert page['commander_commands_refused_total{rule="default-blocklist"}'] == 1
    assert page['commander_auth_failures_total{reason="missing"}'] == 1
    server.process.emit(1, b"four")
    server.reactor.advance(2.0)
    server.process.exit()
    server.reactor.advance(0)
    server.process.exit(1)
    page = page_of(stranger)
    assert page["commander_ready"] == 1
    assert page["commander_commands_running"] == page["commander_commands_queued"] == 0
    ended = 'commander_commands_total{ended_by="exit",failed="%s"}'
    assert (page[ended % "false"], page[ended % "true"]) == (1, 1)
    assert page["commander_command_duration_seconds_count"] == 2
    assert page['commander_command_wait_seconds_bucket{le="0.0"}'] == 1
    assert page["commander_command_wait_seconds_sum"] == 2.0
    assert page['commander_command_output_bytes_total{stream="stdout"}'] == 4
    unavailable = 'commander_http_requests_total{status="4xx"}'
    assert page[unavailable] - before[unavailable] == 1


def test_streams_sessions_and_connections_are_on_the_page(
    server: MemoryServer, stranger: HTTPHarness
) -> None:
    params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    session = server.http.post(message).headers["mcp-session-id"]
    assert page_of(stranger)["commander_sessions"] == 0  # its id says all there is
    headers = {"Accept": "text/event-stream", "Mcp-Session-Id": session}
    stream = server.http.begin("GET", "/mcp", headers=headers)
    page = page_of(stranger)
    assert page["commander_event_streams"] == page["commander_sessions"] == 1
    assert page["commander_subscriptions"] == 0
    assert page["commander_http_connections"] == server.site.connections + 1
    stream.lose()
    assert page_of(stranger)["commander_event_streams"] == 0


def test_lateness_is_measured_once_somebody_asked(
    server: MemoryServer, stranger: HTTPHarness
) -> None:
    server.pump(10)
    assert page_of(stranger)["commander_reactor_lateness_seconds_count"] == 0
    for _ in range(8):
        server.pump(0.25)
    assert page_of(stranger)["commander_reactor_lateness_seconds_count"] == 8
    server.stop()
    assert server.reactor.getDelayedCalls() == []


def test_it_is_served_while_the_server_drains(twisted_log: MemoryLog) -> None:
    settings = Settings(metrics_token=SETTINGS.metrics_token)
    with MemoryServer(settings) as server:
        stranger = HTTPHarness(server.site, server.reactor, None)
        run(server)
        server.service.stopService()
        assert page_of(stranger)["commander_ready"] == 0
