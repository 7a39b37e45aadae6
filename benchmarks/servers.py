"""Servers to measure, each a process of its own on loopback, and the load on them.

A server gets a home and working directory of its own and hardly any environment,
and is asked to end when its ``with`` block is left. All run with the Python that
runs the benchmarks.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import attrs

from benchmarks.measure import ROOT, BenchmarkError
from benchmarks.programs import PATIENCE_SECONDS, compiled, inside

__all__ = [
    "LISTING",
    "TOKEN",
    "Load",
    "Server",
    "Traffic",
    "call",
    "commander",
    "serving",
]

TOKEN: Final = "benchmarks-and-nobody-else"
LISTING: Final = b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
_PORTS: Final = range(20_000, 32_000)
"""Below the ports that the kernel gives to clients, so that none is taken away."""
_START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 30.0
_HEADERS: Final = (
    "Content-Type: application/json",
    "Accept: application/json, text/event-stream",
    f"Authorization: Bearer {TOKEN}",
)
_ENVIRONMENT: Final = {
    "MCP_AUTH_TOKEN": TOKEN,
    # Whatever still runs when a benchmark is over is of no interest.
    "MCP_SHUTDOWN_GRACE": "0",
    "MCP_KILL_GRACE": "200ms",
    "MCP_MAX_CONNECTIONS": "2048",
}


@attrs.frozen
class Traffic:
    """One request that is sent over and over, for some time or so many times."""

    body: bytes
    marker: str
    """Stands in the body of every right answer."""
    connections: int = attrs.field(default=1, kw_only=True)
    depth: int = attrs.field(default=1, kw_only=True)
    """Requests that each connection has under way."""
    seconds: float = attrs.field(default=0.0, kw_only=True)
    requests: int = attrs.field(default=0, kw_only=True)
    """In all, where no time is given."""

    @property
    def words(self) -> list[str]:
        """Arguments of the client; see ``load.c``."""
        amount = f"-s{self.seconds}" if self.seconds else f"-n{self.requests}"
        headers = [word for header in _HEADERS for word in ("-H", header)]
        return [
            f"-c{self.connections}",
            f"-d{self.depth}",
            amount,
            *headers,
            "-m",
            self.marker,
        ]


@attrs.frozen(kw_only=True)
class Load:
    """What the client saw."""

    answers: int
    wrong: int
    seconds: float
    """From the first request to the last answer."""
    p50_ms: float
    p99_ms: float
    max_ms: float

    @property
    def per_second(self) -> float:
        return self.answers / self.seconds


@attrs.frozen(kw_only=True)
class Server:
    """A server that listens."""

    process: subprocess.Popen[bytes]
    port: int
    directory: Path
    """Its home, its working directory, and where its log is."""

    def load(self, traffic: Traffic, *, may_fail: bool = False) -> Load:
        """Send requests and wait for all answers.

        Args:
            traffic: What is sent.
            may_fail: Whether wrong answers are counted instead of raised.

        Raises:
            BenchmarkError: An answer was wrong.
        """
        with self.loading(traffic) as client:
            output, errors = client.communicate(timeout=PATIENCE_SECONDS)
        if client.returncode:
            raise BenchmarkError(f"the client failed: {errors}\n{self.log_end()}")
        seen = Load(**json.loads(output))
        if seen.wrong and not may_fail:
            raise BenchmarkError(f"{seen.wrong} of {seen.answers}: {errors}")
        return seen

    @contextlib.contextmanager
    def loading(self, traffic: Traffic) -> Iterator[subprocess.Popen[str]]:
        """The client of ``load`` while it runs; it is ended with the block."""
        client = subprocess.Popen(
            [compiled("load"), *traffic.words, str(self.port), "/mcp"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert client.stdin is not None
        client.stdin.write(traffic.body.decode())
        client.stdin.close()
        client.stdin = None  # or communicate() would flush it
        try:
            yield client
        finally:
            if client.poll() is None:
                client.kill()
            client.communicate()

    def status(self, field: str) -> int:
        """A number from ``/proc/PID/status``, such as ``VmRSS`` in KiB."""
        text = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        for line in text.splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1])
        raise BenchmarkError(f"the server has no {field}")

    @property
    def resident_mib(self) -> float:
        return self.status("VmRSS") / 1024

    @property
    def most_resident_mib(self) -> float:
        """The highest so far."""
        return self.status("VmHWM") / 1024

    @property
    def processor_seconds(self) -> float:
        """What the process itself has used so far, in steps of 10 ms."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_bytes()
        fields = stat[stat.rindex(b")") + 2 :].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def children(self) -> int:
        """Processes that are its own, whichever of its threads started them."""
        tasks = Path(f"/proc/{self.process.pid}/task")
        return sum(
            len((task / "children").read_text(encoding="ascii").split())
            for task in tasks.iterdir()
        )

    def log_end(self) -> str:
        """The last words of its log."""
        return (self.directory / "log").read_text(encoding="utf-8")[-2000:]


def call(command: str, **arguments: object) -> bytes:
    """The body of a call that runs a command."""
    params = {
        "name": "execute_command",
        "arguments": {"command": command, **arguments},
    }
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return json.dumps(message, separators=(",", ":")).encode()


@contextlib.contextmanager
def commander(*words: object, env: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Our server as ``twist commander`` starts it; for words see the script."""
    with serving("commander_server", *words, env=env) as server:
        yield server


@contextlib.contextmanager
def serving(
    script: str, *words: object, env: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """A server that is a script of ``inside``; the port is its last word."""
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        directory = Path(name)
        with open(directory / "log", "wb") as log:
            process = subprocess.Popen(
                inside(script, *words, port),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=directory,
                env=_environment(directory, port, env or {}),
            )
        server = Server(process=process, port=port, directory=directory)
        try:
            _wait_until_it_listens(server)
            yield server
        finally:
            _end(server)


def _environment(directory: Path, port: int, env: Mapping[str, str]) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "HOME": str(directory),
        "MCP_HTTP_PORT": str(port),
        **_ENVIRONMENT,
        **env,
    }


def _free_port() -> int:
    while True:
        port = random.SystemRandom().choice(_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _wait_until_it_listens(server: Server) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and server.process.poll() is None:
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", server.port), timeout=1),
        ):
            return
        time.sleep(0.02)
    raise BenchmarkError(f"the server does not start: {server.log_end()}")


def _end(server: Server) -> None:
    if server.process.poll() is None:
        server.process.send_signal(signal.SIGTERM)
    try:
        server.process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.process.kill()
        server.process.wait()
