"""The manifest is whole, and the score tells the truth about it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

import pytest

from tests.guide.document import Page
from tests.guide.rows import ROWS, Row, rows_of
from tests.guide.score import Score

SMALL = {
    "small": (
        Row("G-001", "a promise"),
        Row("G-002", "another", "nobody can look"),
        Row("G-003", "a third", live=True),
    )
}
HERE = Path(__file__).parent


Phase = Literal["setup", "call", "teardown"]
Outcome = Literal["passed", "failed", "skipped"]


def run(
    score: Score, nodeid: str, outcomes: Mapping[Phase, Outcome] | None = None
) -> None:
    """Report a test that ran; phases pass unless it is said otherwise."""
    passed: dict[Phase, Outcome] = dict.fromkeys(get_args(Phase), "passed")
    for when, outcome in {**passed, **(outcomes or {})}.items():
        score.pytest_runtest_logreport(
            pytest.TestReport(nodeid, ("", 0, ""), {}, outcome, None, when)
        )


# --- this manifest -----------------------------------------------------------------


def test_ids_are_counted_up() -> None:
    ids = [row.id for row in ROWS]
    assert ids == [f"G-{number:03}" for number in range(1, len(ROWS) + 1)]


def test_every_row_has_a_test_or_else_a_reason(page: Page, score: Score) -> None:
    if not score.complete:
        pytest.skip("needs all of tests/guide")
    rows = (*ROWS, *rows_of(page))
    neither = [row for row in rows if score.is_owed(row) and not score.ties[row.id]]
    both = [row for row in rows if not score.is_owed(row) and score.ties[row.id]]
    assert (neither, both) == ([], [])


def test_no_row_of_the_tables_is_overlooked(page: Page) -> None:
    lines = [line for line in page.prose.splitlines() if line.startswith("|")]
    heads = sum(1 for line in lines if set(line) <= set("|- "))
    ids = [row.id for row in rows_of(page)]
    assert len(ids) == len(lines) - 2 * heads
    assert len(set(ids)) == len(ids)
    assert "Health Check: Interval" in ids


def test_every_row_that_a_test_names_exists(score: Score) -> None:
    assert score.unknown == set()


# --- the score ---------------------------------------------------------------------


def test_a_row_is_proven_once_its_test_has_passed() -> None:
    score = Score(HERE, SMALL)
    score.tie("test_one", ["G-001"])
    rest = "1 left to `make ecs-test`, 1 with a reason why none can"
    assert score.lines() == [
        f"small: 0 of 3 rows proven by tests that ran, {rest}, 1 open",
        "G-001",
    ]
    run(score, "test_one")
    assert score.lines() == [
        f"small: 1 of 3 rows proven by tests that ran, {rest}, 0 open"
    ]


def test_a_local_aws_owes_the_rows_that_nothing_else_proves() -> None:
    score = Score(HERE, SMALL, live=True)
    score.tie("test_one", ["G-001"])
    assert score.silent() == ["G-003"]
    score.tie("test_three", ["G-003"])
    run(score, "test_three")
    assert score.silent() == []
    assert score.lines() == ["small: 1 of 3 rows proven by tests that ran"]


@pytest.mark.parametrize(
    ("outcome", "silent"), [("passed", []), ("skipped", []), (None, ["G-001"])]
)
def test_a_test_that_did_not_run_is_noticed_unless_it_was_skipped(
    outcome: Outcome | None, silent: list[str]
) -> None:
    score = Score(HERE, SMALL)
    score.tie("test_one", ["G-001"])
    if outcome is not None:
        run(score, "test_one", {"call": outcome})
    assert score.silent() == silent


@pytest.mark.parametrize(
    "outcomes", [{"call": "failed"}, {"call": "skipped"}, {"teardown": "failed"}]
)
def test_one_test_that_did_not_pass_leaves_the_row_open(
    outcomes: Mapping[Phase, Outcome],
) -> None:
    score = Score(HERE, SMALL)
    for nodeid in ("test_one", "test_two"):
        score.tie(nodeid, ["G-001"])
    run(score, "test_one")
    run(score, "test_two", outcomes)
    assert score.lines()[1:] == ["G-001"]


def test_an_id_that_no_row_has_is_remembered() -> None:
    score = Score(HERE, SMALL)
    score.tie("test_one", ["G-001", "G-999"])
    assert score.unknown == {"G-999"}
