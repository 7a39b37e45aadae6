"""``/ready``: whether a command can be started now, in a word."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

import msgspec
import pytest

from commander.execution.start_watch import FAILING_SECONDS
from commander.settings import Settings
from commander.testing import HTTPHarness, MemoryLog, MemoryServer
from commander.testing.http import HTTPConnection
from commander.web.drain import Drain, Serving
from commander.web.health import Health

SETTINGS = Settings(max_concurrent=1, max_queued=1)
METHODS = ["POST", "PUT", "DELETE", "OPTIONS", "BREW"]


@pytest.fixture
def server(twisted_log: MemoryLog) -> Iterator[MemoryServer]:
    """One that runs a command and has another wait."""
    with MemoryServer(SETTINGS) as server:
        yield server
    assert server.log.failures() == []


@pytest.fixture
def stranger(server: MemoryServer) -> HTTPHarness:
    return HTTPHarness(server.site, server.reactor, None)


def run(server: MemoryServer) -> HTTPConnection:
    """Ask for a command; it ends when the test says so."""
    params = {"name": "execute_command", "arguments": {"command": "true"}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return server.http.begin(body=msgspec.json.encode(message))


def asked(stranger: HTTPHarness) -> tuple[int, str]:
    """Status and word; there is nothing else."""
    response = stranger.request("GET", "/ready")
    assert list(response.json()) == ["status"]
    assert response.headers["content-type"] == "application/json"
    return response.status, response.json()["status"]


def test_an_idle_server_is_ready(stranger: HTTPHarness) -> None:
    assert asked(stranger) == (200, "ready")


def test_a_server_whose_queue_is_full_is_busy_until_there_is_a_place(
    server: MemoryServer, stranger: HTTPHarness
) -> None:
    run(server)
    assert asked(stranger) == (200, "ready")
    run(server)
    assert asked(stranger) == (503, "busy")
    assert stranger.request("GET", "/health").status == 200
    server.process.exit()
    assert asked(stranger) == (200, "ready")


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EMFILE, errno.ENOMEM])
def test_a_server_that_lacks_what_a_process_takes_is_failing(
    server: MemoryServer, stranger: HTTPHarness, number: int
) -> None:
    server.reactor.spawn_error = OSError(number, os.strerror(number))
    run(server)
    assert asked(stranger) == (503, "failing")
    assert stranger.request("GET", "/health").status == 200
    server.pump(FAILING_SECONDS)
    assert asked(stranger) == (200, "ready")


def test_a_command_that_ran_shows_that_all_is_well(
    server: MemoryServer, stranger: HTTPHarness
) -> None:
    server.reactor.spawn_error = OSError(errno.EAGAIN, "none left")
    run(server)
    server.reactor.spawn_error = None
    run(server)
    assert asked(stranger) == (503, "failing")
    server.process.exit()
    assert asked(stranger) == (200, "ready")


def test_a_command_that_is_wrong_says_nothing_about_the_server(
    server: MemoryServer, stranger: HTTPHarness
) -> None:
    server.reactor.spawn_error = OSError(errno.ENOENT, "no such program")
    run(server)
    assert asked(stranger) == (200, "ready")


@pytest.mark.parametrize("serving", [Serving.LEAVING, Serving.NO])
def test_a_server_that_leaves_is_draining_whatever_else_it_is(serving: Serving) -> None:
    drain = Drain()
    drain.serving = serving
    health = Health(server_name="n", drain=drain, trouble=lambda: "busy")
    answer = health.ready()
    assert (answer.status, answer.body) == (503, b'{"status":"draining"}')


def test_a_word_is_all_that_there_is() -> None:
    health = Health(server_name="n", drain=Drain())
    assert health.ready().body == b'{"status":"ready"}'
    assert health.why_not_ready() is None


@pytest.mark.parametrize("method", METHODS)
def test_it_has_two_methods_and_takes_no_body(
    stranger: HTTPHarness, method: str
) -> None:
    for body in (b"", b"{}"):
        response = stranger.request(method, "/ready", body)
        assert response.status == 405
        assert response.headers["allow"] == "GET, HEAD"
    assert stranger.request("GET", "/ready", b"{}").status == 413
    received = stranger.begin("HEAD", "/ready").received()
    assert received.startswith(b"HTTP/1.1 200 ")
    assert received.endswith(b"\r\n\r\n")
