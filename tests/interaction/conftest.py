"""The real server, started as its users start it, and how tests talk to it.

A server gets a home directory of its own and an environment of little more than
PATH. Its commands inherit that home, which is how the tests find every process
that it started, in whatever session or group. Nothing here waits without a bound.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any, Final, Protocol

import attrs
import psutil
import pytest

from tests.interaction.processes import living_in
from tests.interaction.requirement_score import RequirementScore
from tests.interaction.requirements import GROUPS

ROOT: Final = Path(__file__).resolve().parents[2]
TWIST: Final = Path(sysconfig.get_path("scripts"), "twist")
PATIENCE_SECONDS: Final = 30.0
"""Longest wait for anything; nothing that works takes a tenth of it."""
POLL_SECONDS: Final = 0.02
TOKEN: Final = "correct-horse-battery-staple"
PORTS: Final = range(20_000, 32_000)
"""Below the ports that the kernel gives to clients, so that none is taken away."""
REQUIREMENTS: Final = pytest.StashKey[RequirementScore]()

Json = dict[str, Any]


def pytest_configure(config: pytest.Config) -> None:
    # As a plugin of its own it sees the tests of all directories.
    score = config.stash[REQUIREMENTS] = RequirementScore(GROUPS)
    config.pluginmanager.register(score)


@pytest.fixture
def requirements(pytestconfig: pytest.Config) -> RequirementScore:
    """What is tied to what in this run."""
    return pytestconfig.stash[REQUIREMENTS]


@attrs.frozen
class Answer:
    """One HTTP answer, read to its end."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON; of a stream, the reply that ends it."""
        return self.messages[-1]

    @property
    def messages(self) -> list[Any]:
        """All that a stream brought, or the one body."""
        if self.headers.get_content_type() != "text/event-stream":
            return [json.loads(self.body)]
        lines = self.body.decode().split("\n")
        datas = [line.removeprefix("data: ") for line in lines if line[:6] == "data: "]
        return [json.loads(data) for data in datas if data]


@attrs.frozen(kw_only=True)
class Server:
    """A server that runs, or has run."""

    process: subprocess.Popen[bytes]
    port: int
    home: Path
    logs: Path
    """Where its standard streams are written."""
    token: str | None
    """What requests carry unless they say otherwise."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        source: str = "127.0.0.1",
    ) -> Answer:
        """One request on a connection of its own, with the headers as given.

        Args:
            method: Any.
            path: With a query, if there is one.
            body: Sent as it is.
            headers: All but Host and the length.
            source: The client's address, one of this machine's loopback net.
        """
        connection = http.client.HTTPConnection(
            "127.0.0.1",
            self.port,
            timeout=PATIENCE_SECONDS,
            source_address=(source, 0),
        )
        with contextlib.closing(connection):
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())

    def post(self, body: bytes, path: str = "/mcp", **headers: str | None) -> Answer:
        """Send a body as a well-behaved client does; a header of None is left out."""
        said = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "Authorization": None if self.token is None else f"Bearer {self.token}",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        kept = {name: value for name, value in said.items() if value is not None}
        return self.request("POST", path, body, kept)

    def rpc(self, method: str, params: Json | None = None, path: str = "/mcp") -> Json:
        """Call a method; gives the whole message that came back."""
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}
        answer: Json = self.post(json.dumps(message).encode(), path).json
        return answer

    def call(self, tool: str, arguments: Json | None = None, path: str = "/mcp") -> Any:
        """Call a tool; gives its result, or the test fails on a JSON-RPC error."""
        params = {"name": tool, "arguments": arguments or {}}
        answer = self.rpc("tools/call", params, path)
        assert "result" in answer, answer
        return answer["result"]

    def run(self, command: str, **arguments: object) -> Json:
        """Run a command; gives the structured result."""
        result = self.call("execute_command", {"command": command, **arguments})
        facts: Json = result["structuredContent"]
        return facts

    @property
    def stdout(self) -> str:
        return (self.logs / "stdout").read_text(encoding="utf-8")

    @property
    def stderr(self) -> str:
        return (self.logs / "stderr").read_text(encoding="utf-8")

    def records(self, *events: str) -> list[Json]:
        """The log records so far, or those of some events."""
        # A line that is being written has no newline yet.
        complete = self.stdout.rpartition("\n")[0].splitlines()
        records: list[Json] = [json.loads(line) for line in complete]
        return [one for one in records if not events or one["event"] in events]

    def send_signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        """The exit status once the server has ended; negative if a signal did it."""
        return self.process.wait(PATIENCE_SECONDS)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.send_signal(number)
        return self.wait()

    def descendants(self) -> list[psutil.Process]:
        """Every process that lives in this server's home, but for the server."""
        return [one for one in living_in(self.home) if one.pid != self.process.pid]


class Launch(Protocol):
    """Starts a server for the time of a ``with`` block."""

    def __call__(
        self,
        *flags: str,
        env: Mapping[str, str] | None = None,
        home: Path | None = None,
        token: str | None = TOKEN,
        cwd: Path | None = None,
        stdout: int | IO[bytes] | None = None,
    ) -> AbstractContextManager[Server]:
        """Start ``twist commander FLAGS`` and wait until it answers.

        Args:
            flags: The command line; the word PORT becomes a free port. Without it
                the port is set by MCP_HTTP_PORT.
            env: Variables over those of an almost empty environment.
            home: The server's home directory, of no other server that runs; a new
                one if None.
            token: MCP_AUTH_TOKEN, and what requests carry; None sets none.
            cwd: The server's working directory; the home if None.
            stdout: In place of a file.
        """


class RunTwist(Protocol):
    """Runs a command line that ends by itself."""

    def __call__(
        self, *flags: str, env: Mapping[str, str] | None = None, home: Path
    ) -> subprocess.CompletedProcess[str]:
        """Run ``twist commander FLAGS`` to its end, which has to come soon."""


class Eventually(Protocol):
    """Waits for something that has to become true."""

    def __call__(self, true: Callable[[], object], what: str) -> None:
        """Ask again and again; fails the test, naming ``what``, if it stays false."""


def free_port() -> int:
    while True:
        # Not the seeded generator: two runs side by side would share its numbers.
        port = random.SystemRandom().choice(PORTS)
        if "401" in str(port):  # a test counts the log lines with these digits
            continue
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def clean_environment(home: Path, env: Mapping[str, str] | None) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "HOME": str(home),
        **(env or {}),
    }


def wait_until(true: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {PATIENCE_SECONDS:.0f} s in vain: {what}")
        time.sleep(POLL_SECONDS)


def is_up(server: Server) -> bool:
    if server.process.poll() is not None:
        pytest.fail(f"the server ended: {server.process.returncode} {server.stderr}")
    with contextlib.suppress(OSError, http.client.HTTPException):
        return server.request("GET", "/health").status == http.client.OK
    return False


def end(server: Server) -> list[str]:
    """End the server and all it left; tells what was wrong with its end."""
    problems = []
    if server.process.poll() is None:
        server.send_signal(signal.SIGTERM)
    try:
        server.wait()
    except subprocess.TimeoutExpired:
        problems.append("it did not end after SIGTERM")
        server.process.kill()
        server.wait()
    for process in server.descendants():
        problems.append(f"it left {process} behind")
        process.kill()
    if "Traceback" in server.stdout + server.stderr:
        problems.append(server.stdout + server.stderr)
    return problems


@pytest.fixture(scope="session")
def launch(tmp_path_factory: pytest.TempPathFactory) -> Launch:
    @contextlib.contextmanager
    def launch(
        *flags: str,
        env: Mapping[str, str] | None = None,
        home: Path | None = None,
        token: str | None = TOKEN,
        cwd: Path | None = None,
        stdout: int | IO[bytes] | None = None,
    ) -> Iterator[Server]:
        home = home or tmp_path_factory.mktemp("home")
        logs = tmp_path_factory.mktemp("logs")
        port = free_port()
        words = [flag.replace("PORT", str(port)) for flag in flags]
        variables = {} if words != list(flags) else {"MCP_HTTP_PORT": str(port)}
        if token is not None:
            variables["MCP_AUTH_TOKEN"] = token
        with open(logs / "stdout", "wb") as out, open(logs / "stderr", "wb") as err:
            process = subprocess.Popen(
                [TWIST, "commander", *words],
                stdin=subprocess.DEVNULL,
                stdout=stdout or out,
                stderr=err,
                cwd=cwd or home,
                env=clean_environment(home, {**variables, **(env or {})}),
            )
        server = Server(process=process, port=port, home=home, logs=logs, token=token)
        try:
            wait_until(lambda: is_up(server), "/health answers")
            yield server
        finally:
            problems = end(server)
        assert not problems

    return launch


@pytest.fixture(scope="session")
def run_twist() -> RunTwist:
    def run_twist(
        *flags: str, env: Mapping[str, str] | None = None, home: Path
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [TWIST, "commander", *flags],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=home,
            env=clean_environment(home, env),
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    return run_twist


@pytest.fixture(scope="session")
def measured() -> Mapping[str, str]:
    """Variables with which coverage measures a process that ends by itself.

    It writes at exit, so one that a signal ends would be slowed down for nothing.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith("COVERAGE_")
    }


@pytest.fixture(scope="session")
def eventually() -> Eventually:
    return wait_until


@pytest.fixture(scope="session")
def server(launch: Launch) -> Iterator[Server]:
    """One server with the default settings, for all tests that leave it as it is."""
    with launch() as running:
        yield running
