"""Servers are replaced one by one behind a load balancer, under load.

Two orders are to be expected. A load balancer that finds out by its health checks goes
on sending requests after the signal: the server has to serve them, for longer than it
takes to be found out. One that is told first, as ECS does it, sends none any more.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import shutil
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest

if TYPE_CHECKING:
    from tests.interaction.conftest import Eventually, Launch, Server

from tests.interaction.conftest import TOKEN, free_port

pytestmark = pytest.mark.interaction

CLIENTS: Final = 4
CONFIGURATION: Final = """
global
    maxconn 200
    stats socket {socket} mode 600 level admin
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    timeout check 5s
    # What goes wrong once is not to be hidden by a second try.
    retries 0
frontend all
    bind 127.0.0.1:{port}
    default_backend replicas
backend replicas
    balance roundrobin
    option httpchk GET /health
    default-server check inter 500ms fall 1 rise 1
    server a 127.0.0.1:{a}
    server b 127.0.0.1:{b}
    server c 127.0.0.1:{b} disabled
"""


@attrs.frozen(kw_only=True)
class Balancer:
    """A haproxy with three places for servers."""

    port: int
    control: Path

    def tell(self, command: str) -> str:
        """Give it a command; gives what it says to that."""
        with socket.socket(socket.AF_UNIX) as wire:
            wire.connect(str(self.control))
            wire.sendall(command.encode() + b"\n")
            return b"".join(iter(lambda: wire.recv(4096), b"")).decode()

    def is_up(self, place: str) -> bool:
        """Whether requests are sent to the server in this place."""
        rows = [line.split(",") for line in self.tell("show stat").splitlines()]
        (status,) = [row[17] for row in rows if row[:2] == ["replicas", place]]
        return status == "UP"

    def fill(self, place: str, server: Server) -> None:
        """Put a server there."""
        name = f"replicas/{place}"
        self.tell(f"set server {name} addr 127.0.0.1 port {server.port}")
        self.tell(f"set server {name} state ready")

    def deregister(self, place: str) -> None:
        """Send the server there nothing new."""
        self.tell(f"set server replicas/{place} state maint")


Balanced = Callable[["Server", "Server"], contextlib.AbstractContextManager[Balancer]]


@pytest.fixture
def balanced(tmp_path: Path, eventually: Eventually) -> Balanced:
    """Puts two servers behind a haproxy."""
    haproxy = shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if haproxy is None:
        pytest.skip("haproxy is not on this machine")

    @contextlib.contextmanager
    def balanced(a: Server, b: Server) -> Iterator[Balancer]:
        balancer = Balancer(port=free_port(), control=tmp_path / "control")
        file = tmp_path / "haproxy.cfg"
        file.write_text(
            CONFIGURATION.format(
                socket=balancer.control, port=balancer.port, a=a.port, b=b.port
            )
        )
        with subprocess.Popen([haproxy, "-f", file], stdin=subprocess.DEVNULL) as ours:
            try:
                eventually(balancer.control.exists, "haproxy runs")
                for place in "ab":
                    eventually(partial(balancer.is_up, place), f"{place} is up")
                yield balancer
            finally:
                ours.terminate()

    return balanced


class Traffic:
    """Clients that send one short command after the other, each another one."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._numbers = itertools.count(1)
        self._over = threading.Event()
        self.statuses: Counter[int | str] = Counter()
        self.answers: dict[str, str] = {}
        """What came back, by the command."""

    def has_more_than(self, count: int) -> bool:
        """Whether so many commands were answered and one more."""
        return len(self.answers) > count

    def over(self) -> None:
        """Send no more."""
        self._over.set()

    def send(self) -> None:
        """Be one client, on a connection that is kept, until it is over."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        with contextlib.closing(connection):
            while not self._over.is_set():
                number = next(self._numbers)
                # Now and then one that takes longer than a health check.
                command = f"echo {number}" if number % 50 else f"sleep 1; echo {number}"
                try:
                    self._ask(connection, command)
                except (OSError, http.client.HTTPException) as error:
                    self.statuses[repr(error)] += 1
                    connection.close()

    def _ask(self, connection: http.client.HTTPConnection, command: str) -> None:
        params = {"name": "execute_command", "arguments": {"command": command}}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Authorization": f"Bearer {TOKEN}",
        }
        connection.request("POST", "/mcp", json.dumps(message), headers)
        answer = connection.getresponse()
        body = answer.read()
        self.statuses[answer.status] += 1
        if answer.status == http.client.OK:
            facts: dict[str, Any] = json.loads(body)["result"]["structuredContent"]
            self.answers[command] = facts["stdout"]


@contextlib.contextmanager
def traffic_to(balancer: Balancer) -> Iterator[Traffic]:
    traffic = Traffic(balancer.port)
    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(traffic.send) for _ in range(CLIENTS)]
        try:
            yield traffic
        finally:
            traffic.over()
    for client in clients:
        client.result()


def served_after_the_signal(server: Server) -> int:
    """Commands that were started then."""
    events = [record["event"] for record in server.records()]
    return events[events.index("server_stopping") :].count("CMD_START")


@pytest.mark.parametrize(
    ("told_first", "delay"), [(False, "2s"), (True, "0s")], ids=["signal", "told"]
)
def test_servers_are_replaced_one_by_one_and_no_client_notices(
    launch: Launch,
    balanced: Balanced,
    eventually: Eventually,
    told_first: bool,
    delay: str,
) -> None:
    env = {"MCP_DRAIN_DELAY": delay}
    with contextlib.ExitStack() as running:
        old = [running.enter_context(launch(env=env)) for _ in range(2)]
        new: list[Server] = []
        with balanced(*old) as balancer, traffic_to(balancer) as traffic:
            for leaving, place, free in zip(old, "ab", "ca", strict=True):
                new.append(running.enter_context(launch(env=env)))
                balancer.fill(free, new[-1])
                eventually(partial(balancer.is_up, free), f"{free} is up")
                if told_first:
                    balancer.deregister(place)
                leaving.stop()
                assert not balancer.is_up(place)
                goes_on = partial(traffic.has_more_than, len(traffic.answers) + 50)
                eventually(goes_on, "the load goes on")
        assert traffic.statuses == Counter({200: len(traffic.answers)})
        for command, stdout in traffic.answers.items():
            assert stdout == f"{command.split()[-1]}\n"
        ran = [one.records("CMD_EXEC") for one in (*old, *new)]
        commands = Counter(one["command"] for records in ran for one in records)
        assert commands == Counter(dict.fromkeys(traffic.answers, 1))
        assert min(map(len, ran)) > 0
        if told_first:
            # Else a call may still come, or none: the next health check decides.
            assert sum(map(served_after_the_signal, old)) == 0
