"""Containers of the images that ``run.sh`` built, hardened as operators run them.

podman does it, without a daemon, in a storage of its own; ``run.sh`` sets the
variables that say where.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final, Protocol

import pytest

from tests.image.engine import ENGINE, HARDENED, PATIENCE_SECONDS, Container, podman

POLL_SECONDS: Final = 0.1
FIGURES: list[str] = []


class Launch(Protocol):
    """Starts a container for the time of a ``with`` block."""

    def __call__(
        self,
        *,
        token: str | None,
        options: Sequence[str] = HARDENED,
        variables: Mapping[str, str] | None = None,
        image: str = "",
    ) -> AbstractContextManager[Container]:
        """Start it with this MCP_AUTH_TOKEN, or without one; do not wait for it."""


class Eventually(Protocol):
    """Waits for something that has to become true."""

    def __call__(self, true: Callable[[], object], what: str) -> None:
        """Ask again and again; fails the test, naming ``what``, if it stays false."""


class Figure(Protocol):
    """Takes note of what was measured, for the end of the run."""

    def __call__(self, text: str, /) -> None:
        """One line."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(true: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {PATIENCE_SECONDS:.0f} s in vain: {what}")
        time.sleep(POLL_SECONDS)


@pytest.fixture(scope="session")
def eventually() -> Eventually:
    return wait_until


@pytest.fixture(scope="session")
def image() -> str:
    """The image's name."""
    name = os.environ.get("COMMANDER_IMAGE")
    if name is None:
        pytest.fail("these tests need an image: run `make image-test`")
    return name


@pytest.fixture(scope="session")
def tools_image() -> str:
    """The name of the one with tools."""
    return os.environ["COMMANDER_TOOLS_IMAGE"]


@pytest.fixture(scope="session")
def figure() -> Figure:
    return FIGURES.append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what was measured, after the tests."""
    terminalreporter.section("figures")
    for text in FIGURES:
        terminalreporter.line(text)


@pytest.fixture(scope="session")
def launch(image: str) -> Launch:
    built = image

    @contextlib.contextmanager
    def launch(
        *,
        token: str | None,
        options: Sequence[str] = HARDENED,
        variables: Mapping[str, str] | None = None,
        image: str = "",
    ) -> Iterator[Container]:
        name = f"commander-test-{secrets.token_hex(4)}"
        port = free_port()
        environment = {"MCP_HTTP_PORT": str(port), **(variables or {})}
        if token is not None:
            environment["MCP_AUTH_TOKEN"] = token
        given = [f"--env={name}={value}" for name, value in environment.items()]
        words = ("run", "--detach", "--name", name, *ENGINE, *options, *given)
        try:
            podman(*words, image or built)
            yield Container(name=name, port=port, token=token)
        finally:
            podman("rm", "--force", "--time=0", "--volumes", name)

    return launch


@pytest.fixture(scope="session")
def container(launch: Launch) -> Iterator[Container]:
    """One container that serves, for all tests that leave it so."""
    with launch(token=secrets.token_urlsafe()) as running:
        wait_until(running.is_healthy, f"/health answers: {running.logs()}")
        yield running
