"""The guide's page, its commands, and the server as its task definition starts it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Protocol

import attrs
import pytest

from commander.settings import Settings
from commander.sources import load
from commander.telemetry.logging import observer_factory
from commander.testing import HTTPHarness, MemoryServer
from commander.testing.http import HTTPConnection
from tests.guide.aws_cli import Call, parse, shell_commands
from tests.guide.document import ROOT, Page
from tests.guide.rows import ROWS, rows_of
from tests.guide.score import Score

IMAGE: Final = {"MCP_HTTP_HOST": "0.0.0.0", "MCP_HTTP_PORT": "3000"}
"""What the image sets."""
TOKEN: Final = "a-random-token-of-the-secret"
SCORE: Final = pytest.StashKey[Score]()


def pytest_configure(config: pytest.Config) -> None:
    groups = {"the guide": ROWS, "tables of ECS.md": rows_of(Page.read("ECS.md"))}
    config.stash[SCORE] = Score(Path(__file__).parent, groups)
    # As a plugin of its own it sees the tests of all directories.
    config.pluginmanager.register(config.stash[SCORE])


@pytest.fixture
def score(pytestconfig: pytest.Config) -> Score:
    """What is tied to what in this run."""
    return pytestconfig.stash[SCORE]


@pytest.fixture(scope="session")
def page() -> Page:
    """ECS.md."""
    return Page.read("ECS.md")


@pytest.fixture(scope="session")
def task() -> dict[str, Any]:
    """The task definition, its placeholders as they are."""
    text = (ROOT / "ecs" / "ecs-task-definition.json").read_text(encoding="utf-8")
    definition: dict[str, Any] = json.loads(text)
    return definition


@pytest.fixture(scope="session")
def container(task: dict[str, Any]) -> dict[str, Any]:
    """Its one container."""
    (definition,) = task["containerDefinitions"]
    found: dict[str, Any] = definition
    return found


@attrs.frozen
class Calls:
    """Every ``aws`` command of the page, in order."""

    all: tuple[Call, ...]

    def one(self, service: str, operation: str) -> Call:
        """The first of this name."""
        found = [
            call
            for call in self.all
            if (call.service, call.operation) == (service, operation)
        ]
        assert found, f"the page has no aws {service} {operation}"
        return found[0]


@pytest.fixture(scope="session")
def calls(page: Page) -> Calls:
    """The page's ``aws`` commands."""
    words = [words for block in page.blocks("bash") for words in shell_commands(block)]
    return Calls(tuple(parse(line) for line in words if line[0] == "aws"))


@attrs.frozen
class Deployed:
    """A server in memory, with the environment that a container gets."""

    settings: Settings
    memory: MemoryServer

    def begin(self, command: str, **arguments: object) -> HTTPConnection:
        """Call ``execute_command``."""
        return self.memory.http.begin(body=call_body(command, **arguments))

    def run(self, command: str, **arguments: object) -> dict[str, Any]:
        """Call it to its end; a process that starts exits at once."""
        connection = self.begin(command, **arguments)
        if not connection.responses():
            self.memory.process.exit(0)
            self.memory.http.pump()
        return facts_of(connection)

    def log(self) -> list[str]:
        """The lines on standard output, at the level that is set."""
        stream = io.StringIO()
        observer = observer_factory(self.settings)(stream)
        for event in self.memory.log.events:
            observer(event)
        return stream.getvalue().splitlines()


def abandoned_body(command: str) -> tuple[bytes, dict[str, str]]:
    """The same as a request of 2026-07-28, which ends with its connection."""
    message = json.loads(call_body(command))
    message["params"]["_meta"] = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    headers = {
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": message["method"],
        "Mcp-Name": message["params"]["name"],
    }
    return json.dumps(message).encode(), headers


def status_of(deployed: Deployed, **headers: str) -> int:
    """The status of a call with these headers, ``_`` for ``-``, and no token else."""
    stranger = HTTPHarness(deployed.memory.site, deployed.memory.reactor, None)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
    return stranger.request(body=body, headers=named).status


def facts_of(connection: HTTPConnection) -> dict[str, Any]:
    """The structured result of the one answer."""
    (response,) = connection.responses()
    facts: dict[str, Any] = response.json()["result"]["structuredContent"]
    return facts


def call_body(command: str, **arguments: object) -> bytes:
    """The request that runs a command."""
    params = {"name": "execute_command", "arguments": {"command": command, **arguments}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return json.dumps(message).encode()


class Deploy(Protocol):
    """Starts the server of the task definition, with other variables over its own."""

    def __call__(self, **environ: str) -> Deployed: ...


@pytest.fixture
def deploy(container: dict[str, Any]) -> Iterator[Deploy]:
    """Starts servers; an empty variable counts as unset."""
    (secret,) = container["secrets"]
    given = {item["name"]: item["value"] for item in container["environment"]}
    with ExitStack() as servers:

        def start(**environ: str) -> Deployed:
            merged = {**IMAGE, **given, secret["name"]: TOKEN, **environ}
            settings = load({}, merged, None).settings
            memory = servers.enter_context(
                MemoryServer(settings, token=settings.auth_token)
            )
            return Deployed(settings, memory)

        yield start


@pytest.fixture
def deployed(deploy: Deploy) -> Deployed:
    """The server of the task definition as it is."""
    return deploy()
