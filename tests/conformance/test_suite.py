"""What the suite wrote is counted as the suite counts it."""

from __future__ import annotations

import json
from collections.abc import Sequence
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


def score(
    *scored: Scenario, exit_status: int = 0, tasks: Sequence[Scenario] = ()
) -> Score:
    return Score(
        revision="2025-11-25",
        scored=Tally(scored),
        tasks=Tally(tasks),
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


def test_a_score_counts_tasks_where_there_are_some() -> None:
    line = str(score(scenario("SUCCESS"), tasks=[scenario("SUCCESS", "FAILURE")]))
    assert line == (
        "2025-11-25: 1/1 scenarios, 1/1 checks; tasks: 0/1 scenarios, 1/2 checks; "
        "not scored: 0/0 scenarios, 0/0 checks"
    )


@pytest.mark.parametrize(
    ("scored", "tasks", "exit_status", "works"),
    [
        ("SUCCESS", "SUCCESS", 0, True),
        ("SUCCESS", "FAILURE", 0, False),
        ("FAILURE", "SUCCESS", 0, False),
        ("SUCCESS", "SUCCESS", 1, False),
    ],
)
def test_a_run_fails_for_what_is_scored_and_for_tasks(
    scored: str, tasks: str, exit_status: int, *, works: bool
) -> None:
    run = score(scenario(scored), tasks=[scenario(tasks)], exit_status=exit_status)
    assert run.works is works


def test_a_run_knows_the_scenarios_of_tasks_and_misses_those_without_a_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = Packages(tmp_path)
    (packages.suite / "requirements").mkdir(parents=True)
    file = packages.suite / "requirements/2026-07-28.yaml"
    more = "".join(
        f"  - scenario: {name}\n    leg: server\n"
        for name in ("tasks-lifecycle", suite.NEVER_RUN, "other")
    )
    file.write_text(REQUIREMENTS + more, encoding="utf-8")
    monkeypatch.setattr(suite, "_run", lambda *_: (0, ""))
    run = suite.run_set(packages, "http://x", "2026-07-28", tmp_path / "out")
    assert [one.name for one in run.tasks.scenarios] == ["tasks-lifecycle"]
    assert [one.name for one in run.unscored.scenarios] == ["tasks", "other"]
    assert not run.works


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
