"""The manifest is whole, and the score tells the truth about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import pytest

from tests.guide.rows import ROWS, Row
from tests.guide.score import Score

SMALL = (Row("G-001", "a promise"), Row("G-002", "another", "nobody can look"))


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


def test_every_row_has_a_test_or_else_a_reason(score: Score) -> None:
    if not score.complete:
        pytest.skip("needs all of tests/guide")
    neither = [row for row in ROWS if not row.untested and not score.ties[row.id]]
    both = [row for row in ROWS if row.untested and score.ties[row.id]]
    assert (neither, both) == ([], [])


def test_every_row_that_a_test_names_exists(score: Score) -> None:
    assert score.unknown == set()


# --- the score ---------------------------------------------------------------------


def test_a_row_is_proven_once_its_test_has_passed() -> None:
    score = Score(SMALL)
    score.tie("test_one", ["G-001"])
    assert score.lines() == [
        "0 of 2 rows proven by tests that ran, 1 with a reason why none can, 1 open",
        "G-001",
    ]
    run(score, "test_one")
    assert score.lines() == [
        "1 of 2 rows proven by tests that ran, 1 with a reason why none can, 0 open"
    ]


@pytest.mark.parametrize(
    "outcomes", [{"call": "failed"}, {"call": "skipped"}, {"teardown": "failed"}]
)
def test_one_test_that_did_not_pass_leaves_the_row_open(
    outcomes: Mapping[Phase, Outcome],
) -> None:
    score = Score(SMALL)
    for nodeid in ("test_one", "test_two"):
        score.tie(nodeid, ["G-001"])
    run(score, "test_one")
    run(score, "test_two", outcomes)
    assert score.lines()[1:] == ["G-001"]


def test_an_id_that_no_row_has_is_remembered() -> None:
    score = Score(SMALL)
    score.tie("test_one", ["G-001", "G-999"])
    assert score.unknown == {"G-999"}
