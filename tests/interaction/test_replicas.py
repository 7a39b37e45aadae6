"""Several servers behind a load balancer that knows nothing of sessions.

A session id says all that a server must know, so each request may go to another one.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.interaction.conftest import (
    TOKEN,
    Eventually,
    Launch,
    Server,
    free_port,
)

pytestmark = pytest.mark.interaction

CALLS: Final = 200
VERSION: Final = "2025-11-25"
CONFIGURATION: Final = """
global
    maxconn 200
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend all
    bind 127.0.0.1:{port}
    default_backend replicas
backend replicas
    balance roundrobin
    http-reuse never
    option httpchk GET /health
    server one 127.0.0.1:{one} check
    server two 127.0.0.1:{two} check
"""


class Client:
    """A client of the handshake era, with one connection that it keeps."""

    def __init__(self, port: int, token: str = TOKEN) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._token = token
        self.session: str | None = None
        self.statuses: Counter[int] = Counter()

    def send(self, method: str, params: dict[str, Any], number: int | None) -> Any:
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
        message["params"] = params
        if number is not None:
            message["id"] = number
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "Authorization": f"Bearer {self._token}",
        }
        if self.session is not None:
            headers["Mcp-Session-Id"] = self.session
            headers["MCP-Protocol-Version"] = VERSION
        self._connection.request("POST", "/mcp", json.dumps(message), headers)
        answer = self._connection.getresponse()
        self.statuses[answer.status] += 1
        self.session = answer.headers.get("Mcp-Session-Id", self.session)
        body = answer.read()
        return json.loads(body) if body else None

    def end_session(self) -> int:
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Mcp-Session-Id": str(self.session),
        }
        self._connection.request("DELETE", "/mcp", headers=headers)
        answer = self._connection.getresponse()
        answer.read()
        return answer.status

    def close(self) -> None:
        self._connection.close()


@contextlib.contextmanager
def connected(port: int, token: str = TOKEN) -> Iterator[Client]:
    client = Client(port, token)
    with contextlib.closing(client):
        params = {"protocolVersion": VERSION, "capabilities": {}, "clientInfo": {}}
        client.send("initialize", params, 0)
        assert client.session is not None
        yield client


@pytest.fixture(scope="module")
def replicas(launch: Launch) -> Iterator[tuple[Server, Server]]:
    with launch() as one, launch() as two:
        yield one, two


@pytest.fixture(scope="module")
def balancer(
    replicas: tuple[Server, Server],
    tmp_path_factory: pytest.TempPathFactory,
    eventually: Eventually,
) -> Iterator[int]:
    """The port of a haproxy in front of both."""
    haproxy = shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if haproxy is None:
        pytest.skip("haproxy is not on this machine")
    port = free_port()
    one, two = replicas
    file = tmp_path_factory.mktemp("haproxy") / "haproxy.cfg"
    file.write_text(CONFIGURATION.format(port=port, one=one.port, two=two.port))
    process = subprocess.Popen([haproxy, "-f", str(file)], stdin=subprocess.DEVNULL)
    try:
        eventually(lambda: is_up(port), "haproxy answers")
        yield port
    finally:
        process.terminate()
        process.wait(30)


def is_up(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.closing(connection), contextlib.suppress(OSError):
        connection.request("GET", "/health")
        return connection.getresponse().status == http.client.OK
    return False


def commands_of(server: Server) -> int:
    return len(server.records("CMD_EXEC"))


def test_a_session_goes_on_at_whichever_server_a_request_comes_to(
    balancer: int, replicas: tuple[Server, Server]
) -> None:
    before = [commands_of(server) for server in replicas]
    with connected(balancer) as client:
        client.send("notifications/initialized", {}, None)
        for number in range(1, CALLS + 1):
            arguments = {"command": f"echo {number}"}
            params = {"name": "execute_command", "arguments": arguments}
            answer = client.send("tools/call", params, number)
            facts = answer["result"]["structuredContent"]
            assert (answer["id"], facts["stdout"]) == (number, f"{number}\n")
    assert client.statuses == Counter({200: CALLS + 1, 202: 1})
    ran = [
        commands_of(server) - old for server, old in zip(replicas, before, strict=True)
    ]
    assert sum(ran) == CALLS
    assert min(ran) >= CALLS // 4, ran


def test_a_session_outlives_the_server_that_began_it(launch: Launch) -> None:
    with launch() as first, connected(first.port) as client:
        session = client.session
    with launch() as second, connected(second.port) as client:
        client.session = session
        assert client.send("ping", {}, 1)["result"] == {}


def test_another_token_makes_other_sessions(launch: Launch) -> None:
    other = "another-horse-battery-staple"
    with launch() as first, connected(first.port) as client:
        session = client.session
    with launch(token=other) as second, connected(second.port, other) as client:
        client.session = session
        assert (
            "there is no such session" in client.send("ping", {}, 1)["error"]["message"]
        )


def test_a_session_key_makes_them_the_same_over_a_change_of_the_token(
    launch: Launch,
) -> None:
    """But for the principal: a session stays with the token that began it."""
    key = {"MCP_SESSION_KEY": "one-key-for-all-replicas"}
    other = "another-horse-battery-staple"
    with launch(env=key) as first, connected(first.port) as client:
        session = client.session
        with launch(env=key) as second, connected(second.port) as again:
            again.session = session
            assert again.send("ping", {}, 1)["result"] == {}
        with launch(env=key, token=other) as third, connected(third.port, other) as no:
            no.session = session
            assert no.send("ping", {}, 1)["error"]["code"] == -32600


def test_an_ended_session_is_gone(replicas: tuple[Server, Server]) -> None:
    """At the server that was told; the other one learns nothing of it."""
    one, _ = replicas
    with connected(one.port) as client:
        assert client.end_session() == 204
        client.send("ping", {}, 1)
        assert client.statuses[404] == 1
        assert client.end_session() == 404
