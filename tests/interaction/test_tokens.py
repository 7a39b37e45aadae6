"""Tokens of several principals, while the server runs: rotated, expired, guessed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from tests.interaction.conftest import Answer, Eventually, Launch, Server

pytestmark = pytest.mark.interaction
requirement = pytest.mark.requirement

ROOT: Final = Path(__file__).resolve().parents[2]
PING: Final = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
VERSION: Final = "2025-11-25"
ROTATIONS: Final = 10
CLIENTS: Final = 4
SHORT: Final = "2s"


class List:
    """A tokens file, changed as its page tells: a new file takes its place."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "tokens"
        self._lines: dict[str, str] = {}
        self._aside: dict[str, str] = {}

    def add(self, name: str, *options: str) -> str:
        """Make a token for a principal; it counts from the next ``write`` on."""
        done = subprocess.run(
            [sys.executable, "-m", "commander", "token", "new", name, *options],
            capture_output=True,
            text=True,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
            timeout=30,
            check=True,
        )
        token = done.stdout.strip()
        self._lines[token] = done.stderr
        return token

    def put_aside(self, token: str) -> None:
        self._aside[token] = self._lines.pop(token)

    def take_back(self, token: str) -> None:
        self._lines[token] = self._aside.pop(token)

    def write(self) -> None:
        new = self.path.with_suffix(".new")
        new.write_text("".join(self._lines.values()))
        new.chmod(0o600)
        new.replace(self.path)

    def reload(self, server: Server, eventually: Eventually) -> None:
        """Have the server read it, and wait until it has."""
        self.write()
        before = len(server.records("tokens_loaded"))
        server.send_signal(signal.SIGHUP)
        eventually(
            lambda: len(server.records("tokens_loaded")) > before, "the list is read"
        )

    @property
    def env(self) -> dict[str, str]:
        return {"MCP_AUTH_TOKENS_FILE": str(self.path)}


@pytest.fixture
def tokens(tmp_path: Path) -> List:
    return List(tmp_path)


@pytest.fixture
def in_background() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def ask(
    server: Server, token: str | None, body: bytes = PING, **headers: str
) -> Answer:
    bearer = None if token is None else f"Bearer {token}"
    return server.post(body, Authorization=bearer, **headers)


def status(server: Server, token: str | None) -> int:
    return ask(server, token).status


def call_of(command: str) -> bytes:
    params = {"name": "execute_command", "arguments": {"command": command}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return json.dumps(message).encode()


# --- who comes in ------------------------------------------------------------------


@requirement("A7")
def test_each_principal_has_its_token_and_its_name_in_the_log(
    launch: Launch, tokens: List
) -> None:
    ann, bob = tokens.add("ann"), tokens.add("bob-2")
    tokens.write()
    with launch("--host=0.0.0.0", "--port=PORT", env=tokens.env, token=None) as server:
        assert status(server, None) == 401
        assert status(server, "guessed") == 401
        for token in (ann, bob):
            assert ask(server, token, call_of("true")).status == 200
        server.stop()
    names = [record["principal"] for record in server.records("CMD_EXEC")]
    assert names == ["ann", "bob-2"]
    assert not [token for token in (ann, bob) if token in server.stdout + server.stderr]


def test_the_list_counts_beside_the_token_of_the_environment(
    launch: Launch, tokens: List
) -> None:
    ann = tokens.add("ann")
    tokens.write()
    with launch(env=tokens.env) as server:
        assert [status(server, token) for token in (ann, server.token)] == [200, 200]


# --- rotation ----------------------------------------------------------------------


class Client:
    """Pings without a pause, until the test ends, with the token of a principal."""

    def __init__(self, server: Server, token: str) -> None:
        self.token = token
        self.statuses: Counter[int] = Counter()
        self._server = server
        self._under_way = threading.Lock()
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.is_set():
            with self._under_way:
                self.statuses[status(self._server, self.token)] += 1

    def change(self, token: str) -> None:
        """Use another token; returns when no request with the old one is under way."""
        self.token = token
        with self._under_way:
            pass

    def end(self) -> None:
        self._ended.set()


def test_a_token_is_rotated_under_load_without_a_failed_request(
    launch: Launch,
    tokens: List,
    eventually: Eventually,
    in_background: ThreadPoolExecutor,
) -> None:
    made = [tokens.add("ann") for _ in range(ROTATIONS)]
    for later in made[1:]:
        tokens.put_aside(later)
    steady = tokens.add("bob")
    tokens.write()
    with launch(env=tokens.env, token=None) as server:
        clients = [Client(server, made[0]) for _ in range(CLIENTS)]
        clients.append(Client(server, steady))
        running = [in_background.submit(client.run) for client in clients]
        for old, new in pairwise(made):
            tokens.take_back(new)
            tokens.reload(server, eventually)  # both are valid now
            for client in clients[:-1]:
                client.change(new)
            tokens.put_aside(old)
            tokens.reload(server, eventually)
            assert status(server, old) in (401, 429)
        for client in clients:
            client.end()
        for one in running:
            one.result()
        assert {code for client in clients for code in client.statuses} == {200}
        assert min(client.statuses[200] for client in clients) > ROTATIONS
        (loaded, *_) = server.records("tokens_loaded")
        assert (loaded["principals"], loaded["tokens"]) == (2, 2)


def test_a_list_with_a_mistake_changes_nothing_and_is_told(
    launch: Launch, tokens: List, eventually: Eventually
) -> None:
    ann = tokens.add("ann")
    tokens.write()
    with launch(env=tokens.env, token=None) as server:
        tokens.path.write_text("bob my-token-in-clear\n")
        server.send_signal(signal.SIGHUP)
        eventually(lambda: server.records("tokens_not_loaded"), "the mistake is told")
        assert status(server, ann) == 200
        assert status(server, "my-token-in-clear") == 401
        server.stop()
    (record,) = server.records("tokens_not_loaded")
    assert record["level"] == "error"
    assert record["reason"].startswith("line 1: the digest")
    assert "my-token-in-clear" not in server.stdout + server.stderr


def test_who_is_taken_off_the_list_gets_in_no_more_and_what_runs_goes_on(
    launch: Launch,
    tokens: List,
    eventually: Eventually,
    in_background: ThreadPoolExecutor,
    tmp_path: Path,
) -> None:
    ann, bob = tokens.add("ann"), tokens.add("bob")
    tokens.write()
    end = tmp_path / "end"
    body = call_of(f"until [ -e '{end}' ]; do sleep 0.05; done; echo finished")
    with launch(env=tokens.env, token=None) as server:
        answer = in_background.submit(ask, server, bob, body)
        eventually(lambda: server.records("CMD_START"), "the command runs")
        tokens.put_aside(bob)
        tokens.reload(server, eventually)
        assert status(server, bob) == 401
        assert status(server, ann) == 200
        end.touch()
        facts = answer.result().json["result"]["structuredContent"]
        assert facts["stdout"] == "finished\n"
        server.stop()
    (record,) = server.records("CMD_EXEC")
    assert (record["principal"], record["ended_by"]) == ("bob", "exit")


@requirement("A7")
def test_a_session_goes_on_with_the_next_token_of_its_principal(
    launch: Launch, tokens: List, eventually: Eventually
) -> None:
    first, other = tokens.add("ann"), tokens.add("bob")
    tokens.write()
    params = {"protocolVersion": VERSION, "capabilities": {}, "clientInfo": {}}
    body = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
    with launch(env=tokens.env, token=None) as server:
        begun = ask(server, first, json.dumps(body).encode())
        session = begun.headers["Mcp-Session-Id"]
        second = tokens.add("ann")
        tokens.put_aside(first)
        tokens.reload(server, eventually)

        def in_session(token: str) -> int:
            return ask(
                server, token, Mcp_Session_Id=session, MCP_Protocol_Version=VERSION
            ).status

        assert in_session(second) == 200
        assert in_session(first) == 401
        assert in_session(other) == 404


# --- expiry ------------------------------------------------------------------------


@requirement("A2")
def test_a_token_expires_while_the_server_runs(
    launch: Launch, tokens: List, eventually: Eventually
) -> None:
    steady = tokens.add("bob")
    tokens.write()
    with launch(env=tokens.env, token=None) as server:
        short = tokens.add("ann", "--expires", SHORT)
        tokens.reload(server, eventually)
        assert status(server, short) == 200
        eventually(lambda: status(server, short) == 401, "it expires")
        assert status(server, steady) == 200
        tokens.reload(server, eventually)
        server.stop()
    (record,) = server.records("auth_failed")
    assert (record["status"], record["reason"]) == (401, "expired")
    assert record["principal"] == "ann"
    assert server.records("tokens_loaded")[-1]["expired"] == 1


# --- guessing ----------------------------------------------------------------------


def test_guesses_do_not_flood_the_log_nor_lock_a_valid_token_out(
    launch: Launch, tokens: List, in_background: ThreadPoolExecutor
) -> None:
    """All come from one address, as behind a load balancer."""
    ann = tokens.add("ann")
    tokens.write()
    with launch("--log-level=access", env=tokens.env, token=None) as server:
        guesses = [
            in_background.submit(status, server, f"guess-{number}")
            for number in range(300)
        ]
        valid = [status(server, ann) for _ in range(50)]
        statuses = Counter(guess.result() for guess in guesses)
        refused = ask(server, "guess")
        server.stop()
    assert set(valid) == {200}
    assert statuses.keys() == {401, 429}
    assert statuses[401] < 60
    assert refused.status == 429
    assert refused.headers["Retry-After"] == "1"
    assert refused.json["error"]["code"] == -32001
    *single, number = server.records("auth_failed")
    assert len(single) == statuses[401]
    assert (number["status"], number["count"]) == (401, 301 - len(single))
    assert {one["status"] for one in server.records("http_request")} == {200}


# --- the signal where there is no list ---------------------------------------------


def test_a_hang_up_without_a_list_is_told_and_ends_nothing(
    launch: Launch, eventually: Eventually
) -> None:
    with launch() as server:
        for _ in range(3):
            server.send_signal(signal.SIGHUP)
        eventually(lambda: server.records("hang_up_ignored"), "it is told")
        assert server.run("echo here")["stdout"] == "here\n"
