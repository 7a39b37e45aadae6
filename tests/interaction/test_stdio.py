"""The server as a desktop client starts it: rough ends, and the guide's words."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pytest

from commander.execution.groups import PosixGroups

if TYPE_CHECKING:
    from tests.interaction.conftest import Server

pytestmark = pytest.mark.interaction
requirement = pytest.mark.requirement

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "INTEGRATION.md").read_text()
TWIST = [sys.executable, "-m", "commander", "--transport", "stdio"]


def blocks(language: str) -> list[str]:
    """The fenced blocks of one language in the guide."""
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


class Desk:
    """A server on pipes."""

    def __init__(self, home: Path, *words: str) -> None:
        self.process = subprocess.Popen(
            [*TWIST, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=home,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(home),
                "PYTHONPATH": str(ROOT),
            },
        )

    def send(self, *messages: object) -> None:
        for message in messages:
            text = (
                message if isinstance(message, bytes) else json.dumps(message).encode()
            )
            self.stdin.write(text + b"\n")
        self.stdin.flush()

    def answer(self) -> Any:
        return json.loads(self.stdout.readline())

    @property
    def stdin(self) -> IO[bytes]:
        assert self.process.stdin is not None
        return self.process.stdin

    @property
    def stdout(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout

    def end(self) -> tuple[bytes, list[dict[str, Any]]]:
        """Close the wire; what was still said, and the log."""
        rest, log = self.process.communicate(timeout=20)
        return rest, [json.loads(line) for line in log.splitlines()]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.process.kill()
    made.process.communicate()


def call(request_id: int, command: str, **arguments: str) -> dict[str, Any]:
    return {
        "jsonrpc": "2.0",
        "id": request_id,
        "method": "tools/call",
        "params": {
            "name": "execute_command",
            "arguments": {"command": command, **arguments},
        },
    }


def ping(request_id: int) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request_id, "method": "ping"}


@requirement("T7", "T12")
def test_a_ping_overtakes_a_command_and_garbage_is_answered(
    desk: Desk, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    desk.send(call(1, f"cat {gate}"), b"garbage", ping(2))
    assert desk.answer()["error"]["code"] == -32700
    assert desk.answer()["id"] == 2
    gate.write_text("opened\n")
    answer = desk.answer()
    assert answer["id"] == 1
    assert answer["result"]["structuredContent"]["stdout"] == "opened\n"


@requirement("T3")
def test_the_end_of_input_ends_the_command_and_the_server(desk: Desk) -> None:
    desk.send(call(1, "trap '' TERM; echo $$; sleep 60; sleep 60"), ping(2))
    assert desk.answer()["id"] == 2
    rest, log = desk.end()
    assert desk.process.returncode == 0
    result = json.loads(rest)["result"]["structuredContent"]
    assert result["ended_by"] == "server_shutdown"
    assert not PosixGroups().alive(int(result["stdout"]))
    assert log[-1]["event"] == "server_stopped"
    assert log[-1]["reason"] == "the client closed its end"


def test_a_request_that_is_piped_in_is_answered(desk: Desk) -> None:
    desk.send(call(1, "echo hello"))
    rest, _ = desk.end()
    assert json.loads(rest)["result"]["structuredContent"]["stdout"] == "hello\n"


@requirement("T3")
def test_a_signal_ends_the_command_and_the_server(desk: Desk) -> None:
    desk.send(call(1, "sleep 60"), ping(2))
    assert desk.answer()["id"] == 2
    desk.process.send_signal(signal.SIGTERM)
    assert desk.answer()["result"]["structuredContent"]["ended_by"] == "server_shutdown"
    desk.end()
    assert desk.process.returncode == -signal.SIGTERM


def test_a_hang_up_ends_nothing(desk: Desk) -> None:
    """Not even with a list of tokens, of which there is no use here."""
    desk.send(ping(1))
    desk.answer()
    desk.process.send_signal(signal.SIGHUP)
    desk.process.send_signal(signal.SIGHUP)
    desk.send(call(2, "echo here"))
    assert desk.answer()["result"]["structuredContent"]["stdout"] == "here\n"
    _, log = desk.end()
    assert desk.process.returncode == 0
    assert "hang_up_ignored" in {record["event"] for record in log}
    assert log[-1]["reason"] == "the client closed its end"


@requirement("T1", "T2")
def test_the_wire_carries_messages_only_and_commands_cannot_reach_it(
    desk: Desk,
) -> None:
    desk.send(call(1, "cat; ls -l /proc/self/fd; echo to stderr >&2"))
    result = desk.answer()["result"]["structuredContent"]
    assert result["stderr"] == "to stderr\n"
    rest, log = desk.end()
    assert rest == b""
    assert [r["principal"] for r in log if r["event"] == "CMD_EXEC"] == ["stdio"]


@requirement("T3")
def test_a_client_that_dies_takes_the_server_along_though_its_pipe_is_held(
    tmp_path: Path,
) -> None:
    """The pretend client starts the server, leaves the pipe to another, and dies."""
    reading, writing = os.pipe()
    holder = subprocess.Popen(["sleep", "60"], pass_fds=[writing])
    client = subprocess.Popen(
        ["/bin/sh", "-c", 'echo "$$"; "$@" & echo $!; read gone', "client", *TWIST],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PYTHONPATH": str(ROOT),
        },
    )
    try:
        assert client.stdout is not None
        client.stdout.readline()
        server = os.pidfd_open(int(client.stdout.readline()))
        client.kill()
        client.wait()
        ended, _, _ = select.select([server], [], [], 20)
        os.close(server)
        assert ended
    finally:
        holder.kill()
        holder.wait()
        client.communicate()
        os.close(reading)
        os.close(writing)


def stdio_forms() -> list[tuple[str, list[str]]]:
    """Every command line of the guide that starts our server, by its client."""
    found = [
        ("json", entry)
        for block in map(json.loads, blocks("json"))
        for entry in (block.get("mcpServers") or block["servers"]).values()
    ]
    found += [
        ("toml", entry)
        for block in map(tomllib.loads, blocks("toml"))
        for entry in block["mcp_servers"].values()
    ]
    forms = [
        (kind, entry["args"])
        for kind, entry in found
        if entry.get("command") == "/path/to/commander-mcp"
    ]
    for block in blocks("yaml"):
        if "command: /path/to/commander-mcp" in block:
            forms.append(("yaml", json.loads(block.split("args:")[1])))
    return forms


def test_the_guide_has_a_stdio_form_for_each_file_that_takes_one() -> None:
    assert [kind for kind, _ in stdio_forms()] == ["json"] * 3 + ["toml", "yaml"]


@requirement("A6")
@pytest.mark.parametrize(("kind", "words"), stdio_forms())
def test_the_guides_command_lines_serve_a_client(
    kind: str, words: list[str], tmp_path: Path
) -> None:
    desk = Desk(tmp_path, *words)
    desk.send({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    assert len(desk.answer()["result"]["tools"]) == 11
    desk.end()


def http_forms() -> list[tuple[str, str]]:
    """Every address of the guide with the header that goes with it."""
    return [
        (entry["url"], entry["headers"]["Authorization"])
        for block in map(json.loads, blocks("json"))
        for entry in (block.get("mcpServers") or block["servers"]).values()
        if "url" in entry
    ]


@requirement("A6", over="http")
def test_the_guides_addresses_and_headers_serve_a_client(server: Server) -> None:
    forms = http_forms()
    assert len(forms) == 3
    for url, said in forms:
        assert server.token is not None
        header = re.sub(r"\$\{[^}]*\}|TOKEN", server.token, said)
        path = url.removeprefix("http://127.0.0.1:3000")
        answer = server.post(json.dumps(ping(1)).encode(), path, Authorization=header)
        assert answer.json["result"] == {}
