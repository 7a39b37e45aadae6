"""The suite, the fixture and the real server, and the score in the closing lines."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.conformance.packages import NoSuiteError, Packages, installed
from tests.conformance.servers import EVERYTHING, PROXY, exists, started
from tests.conformance.suite import Score, run_set
from tests.interaction.conftest import TOKEN, Launch, launch

__all__ = ["launch"]

SCORES: Final = pytest.StashKey[list[Score]]()


@pytest.fixture(scope="session")
def packages() -> Packages:
    try:
        return installed()
    except NoSuiteError as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the fixture."""
    if not exists(EVERYTHING):
        pytest.skip(f"there is no {EVERYTHING}")
    logs = tmp_path_factory.mktemp("everything")
    with started(EVERYTHING, "--port", "0", logs=logs) as url:
        yield url


@pytest.fixture(scope="session")
def score_of(
    packages: Packages,
    everything: str,
    tmp_path_factory: pytest.TempPathFactory,
    pytestconfig: pytest.Config,
) -> Callable[[str], Score]:
    """Runs the set of a revision against the fixture, once."""

    @functools.cache
    def score_of(revision: str) -> Score:
        output = tmp_path_factory.mktemp(revision)
        score = run_set(packages, everything, revision, output)
        pytestconfig.stash.setdefault(SCORES, []).append(score)
        return score

    return score_of


@pytest.fixture(scope="session")
def commander(
    launch: Launch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The URL at which the real server answers who has no token."""
    logs: Path = tmp_path_factory.mktemp("proxy")
    token = {"MCP_AUTH_TOKEN": TOKEN}
    with (
        launch() as server,
        started(PROXY, str(server.port), logs=logs, env=token) as url,
    ):
        yield url


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if scores := config.stash.get(SCORES, []):
        terminalreporter.section("MCP conformance")
        for score in sorted(scores, key=lambda score: score.revision):
            terminalreporter.line(str(score))
