"""What the suite wrote is counted as the suite counts it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conformance import suite
from tests.conformance.packages import Packages
from tests.conformance.suite import Check, Scenario, Score, Tally

pytestmark = pytest.mark.conformance

REQUIREMENTS = """\
# What a server needs:
server:
  - ping
  - tools-list

client:
  - initialize

not_scored:
  - scenario: auth/dpop
    leg: client
    reason: extension
  - scenario: tasks
    leg: server
    reason: extension
    note: >-
      tried
"""


def check(status: str) -> Check:
    return Check(name="it", status=status, message="because", details={"code": 7})


def scenario(*statuses: str) -> Scenario:
    return Scenario(name="ping", checks=[check(status) for status in statuses])


def score(*scored: Scenario, exit_status: int = 0) -> Score:
    return Score(
        revision="2025-11-25",
        scored=Tally(scored),
        unscored=Tally([]),
        exit_status=exit_status,
        log="it broke",
    )


def test_only_what_passed_or_failed_counts() -> None:
    one = scenario("SUCCESS", "FAILURE", "WARNING", "INFO", "SKIPPED", "SUCCESS")
    assert (one.passed, one.total, one.works) == (2, 3, False)


def test_a_warning_is_no_failure_but_is_told() -> None:
    one = scenario("SUCCESS", "WARNING", "INFO")
    assert one.works
    assert one.complaints == ['ping: WARNING it: because {"code": 7}']


def test_failures_are_told_first() -> None:
    first, second = scenario("SKIPPED", "FAILURE").complaints
    assert first.startswith("ping: FAILURE")
    assert second.startswith("ping: SKIPPED")


def test_a_scenario_without_a_result_does_not_work() -> None:
    tally = Tally([scenario("SUCCESS"), scenario()])
    assert tally.working == (1, 2)
    assert not tally.all_work
    assert tally.scenarios[1].complaints == ["ping: no result"]


def test_a_bad_exit_status_without_a_failure_shows_the_log() -> None:
    bad = score(scenario("SUCCESS"), exit_status=1)
    assert "it broke" in bad.complaints(bad.scored)


def test_a_score_is_one_line() -> None:
    line = str(score(scenario("SUCCESS", "SUCCESS")))
    assert line == (
        "2025-11-25: 1/1 scenarios, 2/2 checks; not scored: 0/0 scenarios, 0/0 checks"
    )


def test_results_and_requirements_are_read_as_the_suite_writes_them(
    tmp_path: Path,
) -> None:
    packages = Packages(tmp_path)
    (packages.suite / "requirements").mkdir(parents=True)
    file = packages.suite / "requirements/2025-11-25.yaml"
    file.write_text(REQUIREMENTS, encoding="utf-8")
    folder = tmp_path / "out/server-tools-list-2026-11-28T06-17-05-867Z"
    folder.mkdir(parents=True)
    said = {"id": "tools", "name": "Tools", "status": "SUCCESS", "description": "lists"}
    (folder / "checks.json").write_text(json.dumps([said]), encoding="utf-8")

    scored, unscored = suite.requirements(packages, "2025-11-25")
    assert (scored, unscored) == (["ping", "tools-list"], ["tasks"])
    (found,) = suite.results(tmp_path / "out")
    assert found.name == "tools-list"
    assert found.works
