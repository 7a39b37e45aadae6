"""What goes wrong in other command servers, and must not go wrong here."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.interaction.conftest import Eventually, Launch, Server

pytestmark = pytest.mark.interaction
requirement = pytest.mark.requirement

SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "aws-secret-value",
    "MCP_HARMLESS_LOOKING": "mcp-secret-value",
    "DATABASE_PASSWORD": "other-secret-value",
}
GRACE_SECONDS = 1.0
TIMEOUT_SECONDS = 1.0
PROMISE_SECONDS = TIMEOUT_SECONDS + GRACE_SECONDS + 1.0
BUSY_MACHINE_SECONDS = 10.0
SLOTS, PLACES, CALLS = 4, 12, 200
KEPT_BYTES = 64 * 1024
SHOWN_BYTES = 30_000
"""Of both streams, in a result to a model."""


@pytest.fixture(scope="module")
def small(launch: Launch) -> Iterator[Server]:
    """A server with tight limits, and secrets in its environment."""
    env = {
        **SECRETS,
        "MCP_KILL_GRACE": f"{GRACE_SECONDS}s",
        "MCP_MAX_CONCURRENT": str(SLOTS),
        "MCP_MAX_QUEUED": str(PLACES),
        "MCP_MAX_OUTPUT_BYTES": str(KEPT_BYTES),
        "MCP_OUTPUT_LIMIT_BYTES": "32MiB",
        "MCP_PASS_ENV": "MCP_*,AWS_*,DATABASE_HOST",
    }
    with launch(env=env) as server:
        yield server


# --- endings -----------------------------------------------------------------------


def test_a_command_that_leaves_a_process_behind_is_answered_at_its_own_end(
    small: Server,
) -> None:
    """The process holds the output open for longer than the timeout."""
    facts = small.run("sleep 600 & echo started", timeout="25s")
    assert (facts["stdout"], facts["exit_code"]) == ("started\n", 0)
    assert facts["ended_by"] == "exit"
    assert "background" in facts["hint"]
    assert small.descendants() == []


@pytest.mark.parametrize(
    "command",
    [
        "sleep 600",
        "sleep 600; echo never",
        "sh -c 'sleep 600 & wait' | cat",
        "trap '' TERM; sleep 600; sleep 600",
        "trap '' TERM HUP INT; sh -c 'while :; do sleep 600; done' & wait; wait",
    ],
)
def test_a_tree_is_gone_within_timeout_grace_and_a_second(
    small: Server, command: str
) -> None:
    began = time.monotonic()
    facts = small.run(command, timeout=f"{TIMEOUT_SECONDS}s")
    took = time.monotonic() - began
    assert small.descendants() == []
    assert took < PROMISE_SECONDS + BUSY_MACHINE_SECONDS
    assert facts["error"] == "command timed out after 1s"
    assert (facts["ended_by"], facts["timed_out"]) == ("timeout", True)
    assert facts["exit_code"] == -1


def test_what_was_printed_before_a_timeout_is_kept(small: Server) -> None:
    facts = small.run("echo begun; sleep 600", timeout="500ms")
    assert (facts["stdout"], facts["ended_by"]) == ("begun\n", "timeout")


def test_a_signal_from_elsewhere_is_told_by_name(small: Server) -> None:
    facts = small.run("kill -KILL $$")
    assert (facts["signal"], facts["ended_by"]) == ("SIGKILL", "exit")
    assert facts["exit_code"] == -1


def test_a_timeout_above_the_maximum_is_clamped_and_told(small: Server) -> None:
    assert small.run("true", timeout="2h")["effective"] == {"timeout": "1h0m0s"}


def test_a_directory_that_is_missing_is_named(small: Server) -> None:
    facts = small.run("true", working_directory="/no/such")
    assert facts["error"] == "working directory does not exist: /no/such"
    assert facts["status"] == "failed_to_start"


@requirement("L15")
def test_a_client_that_leaves_does_not_end_its_command(
    small: Server, tmp_path: Path, eventually: Eventually
) -> None:
    command = "echo >begun; until [ -e end ]; do sleep 0.05; done; exit 7"
    call = {"command": command, "working_directory": str(tmp_path)}
    params = {"name": "execute_command", "arguments": call}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    body = json.dumps(message)
    with socket.create_connection(("127.0.0.1", small.port)) as client:
        client.sendall(
            "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"X-MCP-Auth-Token: {small.token}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        eventually((tmp_path / "begun").exists, "the command runs")
    assert small.rpc("ping")["result"] == {}
    (tmp_path / "end").touch()

    def ending() -> list[object]:
        return [
            record["exit_code"]
            for record in small.records("CMD_EXEC")
            if record["directory"] == str(tmp_path)
        ]

    eventually(ending, "the command's end is logged")
    assert ending() == [7]


# --- output and input --------------------------------------------------------------


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_lot_of_output_is_cut_and_counted(small: Server, stream: str) -> None:
    to = {"stdout": "", "stderr": " >&2"}[stream]
    facts = small.run(f"yes | head -c 20000000{to}")
    omitted = 20_000_000 - SHOWN_BYTES
    marker = f"[... {omitted:,} bytes, {omitted // 2:,} lines omitted - "
    head, _, rest = facts[stream].partition(f"\n{marker}")
    remedy, _, tail = rest.partition(" ...]\n")
    assert f'read_output(job_id="{facts["job_id"]}", stream="{stream}"' in remedy
    assert len(head) + len(tail) == SHOWN_BYTES
    assert facts[f"{stream}_omitted_bytes"] == omitted


def test_output_without_end_ends_the_command(small: Server) -> None:
    facts = small.run("yes")
    assert facts["ended_by"] == "output_limit"
    assert "MCP_OUTPUT_LIMIT_BYTES" in facts["error"]
    assert small.descendants() == []


def test_output_just_before_the_end_is_not_lost(server: Server) -> None:
    facts = server.run("head -c 400000 /dev/zero | tr '\\0' x")
    assert facts["stdout_omitted_bytes"] == 400_000 - SHOWN_BYTES
    assert facts["stdout"].endswith("x" * (SHOWN_BYTES // 2))


def test_bytes_that_are_no_text_are_replaced(small: Server) -> None:
    assert small.run("printf 'a\\377b'")["stdout"] == "a\ufffdb"


def test_a_broken_pipe_makes_no_noise(small: Server) -> None:
    facts = small.run("yes | head -n 1")
    assert (facts["stdout"], facts["stderr"]) == ("y\n", "")


@pytest.mark.parametrize("command", ["cat", "read line || echo at end", "wc -c"])
def test_standard_input_is_at_its_end(small: Server, command: str) -> None:
    facts = small.run(command, timeout="20s")
    assert (facts["exit_code"], facts["ended_by"]) == (0, "exit")


@requirement("A10")
def test_a_command_sees_no_secret_of_the_server(small: Server) -> None:
    """Not even one that the operator named in MCP_PASS_ENV by mistake."""
    shown = small.run("env", env={"ASKED_FOR": "yes"})["stdout"]
    names = {line.partition("=")[0] for line in shown.splitlines()}
    assert {"HOME", "PATH", "PAGER", "NO_COLOR", "TERM", "ASKED_FOR"} <= names
    assert not [name for name in names if re.match("MCP_|AWS_|DATABASE_|PYTHON", name)]
    assert not [it for it in (small.token, *SECRETS.values()) if it and it in shown]


# --- many at once, and large -------------------------------------------------------


def test_more_calls_than_slots_wait_or_are_told_to_come_back(
    small: Server, tmp_path: Path
) -> None:
    """Others are answered all the while, and whoever waited runs in the end."""
    command = "until [ -e end ]; do sleep 0.1; done; echo done"

    def run(_: int) -> dict[str, object]:
        return small.run(command, working_directory=str(tmp_path), timeout="25s")

    with ThreadPoolExecutor(CALLS) as pool:
        calls = [pool.submit(run, number) for number in range(CALLS)]
        answers = as_completed(calls)
        busy = [next(answers).result() for _ in range(CALLS - SLOTS - PLACES)]
        ping = small.rpc("ping")
        running = small.records("CMD_START")
        (tmp_path / "end").touch()
        done = [answer.result() for answer in answers]
    assert ping["result"] == {}
    assert {facts["status"] for facts in busy} == {"busy"}
    assert all(facts["retry_after_seconds"] for facts in busy)
    assert all("MCP_MAX_CONCURRENT=4" in str(facts["error"]) for facts in busy)
    here = [one for one in running if one["directory"] == str(tmp_path)]
    assert len(here) == SLOTS
    assert [facts["stdout"] for facts in done] == ["done\n"] * (SLOTS + PLACES)


@pytest.mark.parametrize(
    "word",
    ["x" * 200_000, "'" * 200_001, "$(" * 100_000, "a=b " * 50_000, "\\\n" * 100_000],
    ids=["plain", "quotes", "nested", "assignments", "continued"],
)
def test_a_huge_word_is_refused_before_long(small: Server, word: str) -> None:
    began = time.monotonic()
    facts = small.run(word)
    assert time.monotonic() - began < BUSY_MACHINE_SECONDS
    assert facts["status"] in ("denied", "failed_to_start")
    assert facts["exit_code"] == -1
