"""The official conformance suite finds nothing wrong.

With the fixture it asks for all that the protocol has; with the real server for what
any server has to do, through a proxy that adds the token.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from tests.conformance.packages import Packages
from tests.conformance.servers import PATIENCE_SECONDS
from tests.conformance.suite import REVISIONS, Score, run_scenario

pytestmark = pytest.mark.conformance
requirement = pytest.mark.requirement

TOTALS: Final = {"2025-11-25": (30, 70), "2026-07-28": (37, 120)}
"""How many scenarios and checks are scored, which is all that the suite can give."""
TASK_TOTALS: Final = (9, 44)
"""The same of the tasks extension, of 2026-07-28 only."""
UNSCORED_2025: Final = 3
GENERIC: Final = {
    "2025-11-25": (
        "server-initialize",
        "ping",
        "tools-list",
        "resources-list",
        "server-sse-multiple-streams",
        "dns-rebinding-protection",
        "server-session-lifecycle",
    ),
    "2026-07-28": (
        "tools-list",
        "resources-list",
        "server-sse-multiple-streams",
        "dns-rebinding-protection",
        "sep-2164-resource-not-found",
        "http-header-validation",
        "input-required-result-unsupported-methods",
    ),
}
"""What needs no tools, prompts or resources of its own."""
GENERIC_BUT = {"prompts": {"prompts-list", "caching"}}
"""The same, of servers that have such things; ours has none yet, and says so."""

ScoreOf = Callable[[str], Score]


@requirement("M5", "M10", "M28", "M33", "M36", "M37", "L8")
@pytest.mark.parametrize("revision", REVISIONS)
def test_every_scored_scenario_of_the_fixture_works(
    revision: str, score_of: ScoreOf
) -> None:
    score = score_of(revision)
    if score.exit_status or not score.scored.all_work:
        pytest.fail(score.complaints(score.scored), pytrace=False)


@pytest.mark.parametrize("revision", REVISIONS)
def test_no_scored_check_is_passed_over(revision: str, score_of: ScoreOf) -> None:
    score = score_of(revision)
    scenarios, checks = TOTALS[revision]
    wanted = (scenarios, scenarios), (checks, checks)
    if (score.scored.working, score.scored.checks) != wanted:
        pytest.fail(score.complaints(score.scored), pytrace=False)


@requirement("E1", "E2", "E3", "E4", "E5", "E6", "E7", "E8", "E9", "E11")
def test_every_scenario_of_the_tasks_extension_works(score_of: ScoreOf) -> None:
    score = score_of("2026-07-28")
    scenarios, checks = TASK_TOTALS
    wanted = (scenarios, scenarios), (checks, checks)
    if (score.tasks.working, score.tasks.checks) != wanted:
        pytest.fail(score.complaints(score.tasks), pytrace=False)


@requirement("L3", "L13", "L14")
def test_what_2025_11_25_does_not_score_works_too(score_of: ScoreOf) -> None:
    score = score_of("2025-11-25")
    if score.unscored.working != (UNSCORED_2025, UNSCORED_2025):
        pytest.fail(score.complaints(score.unscored), pytrace=False)


@requirement("C3", "C9")
@pytest.mark.parametrize(
    ("revision", "name"),
    [(revision, name) for revision, names in GENERIC.items() for name in names],
)
def test_a_generic_scenario_works_with_the_real_server(
    revision: str, name: str, packages: Packages, commander: str, tmp_path: Path
) -> None:
    scenario = run_scenario(packages, commander, name, revision, tmp_path)
    assert scenario is not None, f"{name} is not in {revision}"
    if not (scenario.works and scenario.passed):
        pytest.fail("\n".join(scenario.complaints), pytrace=False)


def asked(url: str, method: str, params: dict[str, Any]) -> Any:
    """The result of a request of the handshake era."""
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    request = urllib.request.Request(url, json.dumps(message).encode(), headers)
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
        return json.load(answer)["result"]


@requirement("M28")
def test_what_is_asked_of_caching_works_with_the_real_server_but_for_prompts(
    packages: Packages, commander: str, tmp_path: Path
) -> None:
    job = {"name": "start_command", "arguments": {"command": "echo text"}}
    assert asked(commander, "tools/call", job)["isError"] is False
    scenario = run_scenario(packages, commander, "caching", "2026-07-28", tmp_path)
    assert scenario is not None
    wrong = [one for one in scenario.checks if one.status not in ("SUCCESS", "INFO")]
    about = {one.name.partition(" ")[0] for one in wrong}
    if about - {"sep-2549-prompts-list-caching-hints"} or scenario.passed < 5:
        pytest.fail("\n".join(scenario.complaints), pytrace=False)


def test_no_other_generic_scenario_is_about_the_real_server(commander: str) -> None:
    hello = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    }
    capabilities = asked(commander, "initialize", hello)["capabilities"]
    missing = {name: GENERIC_BUT[name] for name in GENERIC_BUT if name in capabilities}
    assert not missing, "these belong to GENERIC now"
