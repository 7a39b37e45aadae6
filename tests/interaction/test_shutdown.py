"""The way down: drained, answered, recorded, and nothing left.

That no process is left and no traceback was written is looked at after every test
of this directory, where the server ends.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import pty
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.interaction.conftest import (
    PATIENCE_SECONDS,
    TWIST,
    clean_environment,
    free_port,
    wait_until,
)

if TYPE_CHECKING:
    from tests.interaction.conftest import Eventually, Launch, Server

pytestmark = pytest.mark.interaction

PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
LONG = "10m"
"""Longer than any test waits: what it would hold up must not be waited for."""


@pytest.fixture
def in_background() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def started(
    pool: ThreadPoolExecutor, server: Server, eventually: Eventually, command: str
) -> Future[dict[str, Any]]:
    """A command that runs by now, and its answer to come."""
    answer = pool.submit(server.run, command, timeout=LONG)
    eventually(lambda: command in server.stdout, f"{command} runs")
    return answer


def status_of_call(server: Server) -> int | None:
    """The status that a call is answered with, None if nobody listens."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        return server.post(PING).status
    return None


@contextlib.contextmanager
def meaning(number: signal.Signals, disposition: signal.Handlers) -> Iterator[None]:
    """What a signal means to servers that are started meanwhile."""
    previous = signal.signal(number, disposition)
    try:
        yield
    finally:
        signal.signal(number, previous)


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (signal.SIGTERM, -signal.SIGTERM),  # 143 to a shell
        (signal.SIGINT, -signal.SIGINT),
    ],
)
def test_a_signal_ends_an_idle_server_in_order(
    launch: Launch,
    measured: Mapping[str, str],
    number: signal.Signals,
    status: int,
) -> None:
    # Whoever runs the tests in the background has SIGINT ignored.
    with (
        meaning(number, signal.SIG_DFL),
        launch(env=measured, token=None) as server,
    ):
        assert server.stop(number) == status
    (record,) = server.records("server_stopped")
    assert record["reason"] == number.name


def test_a_hang_up_that_is_ignored_ends_nothing(launch: Launch) -> None:
    """As under nohup."""
    with meaning(signal.SIGHUP, signal.SIG_IGN), launch() as server:
        server.send_signal(signal.SIGHUP)
        assert server.run("echo here")["stdout"] == "here\n"
        server.stop()
    (record,) = server.records("server_stopped")
    assert record["reason"] == "SIGTERM"


def test_a_terminal_that_is_closed_ends_the_server_in_order(tmp_path: Path) -> None:
    """A person who closes the window; any other hang-up ends nothing."""
    setsid = shutil.which("setsid")
    if setsid is None:
        pytest.skip("setsid is not on this machine")
    controller, terminal = pty.openpty()
    # Whoever runs the tests with nohup has SIGHUP ignored.
    with (
        meaning(signal.SIGHUP, signal.SIG_DFL),
        open(tmp_path / "log", "wb") as log,
    ):
        process = subprocess.Popen(
            [setsid, "--ctty", TWIST, "commander", f"--port={free_port()}"],
            stdin=terminal,
            stdout=log,
            stderr=log,
            cwd=tmp_path,
            env=clean_environment(tmp_path, None),
        )
    try:
        os.close(terminal)
        wait_until(lambda: "server_started" in log_of(tmp_path), "it is up")
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: "hang_up_ignored" in log_of(tmp_path), "it goes on")
        os.close(controller)
        assert process.wait(PATIENCE_SECONDS) == 0
    finally:
        process.kill()
        process.wait()
    assert '"event":"server_stopped","reason":"SIGHUP"' in log_of(tmp_path)


def log_of(directory: Path) -> str:
    return (directory / "log").read_text()


def test_a_connection_that_is_open_does_not_hold_up_the_end(launch: Launch) -> None:
    request = b"POST /mcp HTTP/1.1\r\nContent-Length: 9\r\n"
    with launch() as server, contextlib.ExitStack() as clients:
        for sent in (b"", b"POST", request, b"GET /health HTTP/1.1\r\n\r\n"):
            client = socket.create_connection(("127.0.0.1", server.port))
            clients.enter_context(client).sendall(sent)
        assert server.rpc("ping")["result"] == {}
        assert server.stop() == -signal.SIGTERM


def test_a_command_may_finish_within_the_grace_while_new_calls_are_refused(
    launch: Launch,
    eventually: Eventually,
    in_background: ThreadPoolExecutor,
    tmp_path: Path,
) -> None:
    end = tmp_path / "end"
    command = f"until [ -e '{end}' ]; do sleep 0.05; done; echo finished"
    with launch(env={"MCP_SHUTDOWN_GRACE": LONG}) as server:
        answer = started(in_background, server, eventually, command)
        server.send_signal(signal.SIGTERM)
        eventually(lambda: status_of_call(server) == 503, "calls are refused")
        refusal = server.post(PING)
        health = server.request("GET", "/health")
        end.touch()
        assert answer.result()["stdout"] == "finished\n"
        assert server.wait() == -signal.SIGTERM
    assert int(refusal.headers["Retry-After"]) > 0
    assert "shutting down" in refusal.json["error"]["message"]
    assert (health.status, health.json["status"]) == (503, "draining")
    (record,) = server.records("CMD_EXEC")
    assert record["ended_by"] == "exit"


def test_during_the_delay_health_is_503_and_calls_are_served(
    launch: Launch, eventually: Eventually, in_background: ThreadPoolExecutor
) -> None:
    env = {"MCP_DRAIN_DELAY": "3s", "MCP_SHUTDOWN_GRACE": "0s"}
    with launch(env=env) as server:
        answer = started(in_background, server, eventually, "sleep 600")
        server.send_signal(signal.SIGTERM)
        eventually(
            lambda: server.request("GET", "/health").status == 503, "health is 503"
        )
        assert server.run("echo served")["stdout"] == "served\n"
        assert answer.result()["ended_by"] == "server_shutdown"
        server.wait()


def test_commands_that_outlast_the_grace_are_ended_answered_and_recorded(
    launch: Launch, eventually: Eventually, in_background: ThreadPoolExecutor
) -> None:
    env = {"MCP_SHUTDOWN_GRACE": "200ms", "MCP_KILL_GRACE": "200ms"}
    commands = ["sleep 600", "trap '' TERM; sleep 601; sleep 602", "sleep 603 | cat"]
    with launch(env=env) as server:
        answers = [
            started(in_background, server, eventually, command) for command in commands
        ]
        assert server.stop() == -signal.SIGTERM
        endings = {answer.result()["ended_by"] for answer in answers}
    assert endings == {"server_shutdown"}
    records = server.records("CMD_EXEC")
    assert {one["command"] for one in records} == set(commands)
    assert {one["ended_by"] for one in records} == {"server_shutdown"}


def test_who_waits_for_a_slot_is_told_to_come_back(
    launch: Launch, eventually: Eventually, in_background: ThreadPoolExecutor
) -> None:
    env = {"MCP_MAX_CONCURRENT": "1", "MCP_SHUTDOWN_GRACE": "0s"}
    with launch("--log-level=debug", env=env) as server:
        running = started(in_background, server, eventually, "sleep 600")
        waiting = in_background.submit(server.run, "echo never")
        eventually(lambda: len(server.records("tool_call")) == 2, "the second waits")
        server.stop()
        assert waiting.result()["status"] == "busy"
        assert running.result()["ended_by"] == "server_shutdown"


@pytest.mark.parametrize("variable", ["MCP_DRAIN_DELAY", "MCP_SHUTDOWN_GRACE"])
def test_a_second_signal_ends_the_waiting(
    launch: Launch,
    eventually: Eventually,
    in_background: ThreadPoolExecutor,
    variable: str,
) -> None:
    with launch(env={variable: LONG}) as server:
        answer = started(in_background, server, eventually, "sleep 600")
        server.send_signal(signal.SIGTERM)
        eventually(lambda: server.records("server_stopping"), "it is stopping")
        assert server.stop() == -signal.SIGTERM
        assert answer.result()["ended_by"] == "server_shutdown"
    assert server.records("shutdown_hurried")
