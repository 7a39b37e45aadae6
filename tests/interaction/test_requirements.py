"""Every requirement has tests, every mark a requirement, and the score is true."""

from __future__ import annotations

import pytest

from tests.interaction.requirement_score import (
    PLACES,
    TESTS,
    RequirementScore,
    place_of,
    transports_of,
)
from tests.interaction.requirements import (
    GROUPS,
    HS,
    TRANSPORTS,
    H,
    L,
    M,
    R,
    Requirement,
)

ROWS = [row for rows in GROUPS.values() for row in rows]
SMALL = {
    "small": (
        R("X1", "ours", "something", M, HS),
        R("X2", "ours", "another", L, H, "nobody can look"),
    )
}


@pytest.fixture
def small() -> RequirementScore:
    return RequirementScore(SMALL)


def run(score: RequirementScore, *nodeids: str) -> None:
    for nodeid in nodeids:
        for when in ("setup", "call", "teardown"):
            score.pytest_runtest_logreport(
                pytest.TestReport(nodeid, ("", 0, ""), {}, "passed", None, when)
            )


# --- this manifest -----------------------------------------------------------------


def test_every_row_has_a_name_of_its_own() -> None:
    assert len({row.id for row in ROWS}) == len(ROWS)
    assert len({row.says for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_every_row_says_whence_for_whom_and_over_what(row: Requirement) -> None:
    assert row.source
    assert row.eras
    assert row.transports
    assert {*row.transports} <= {*TRANSPORTS}


def test_every_row_has_tests_over_all_its_transports_or_else_a_reason(
    requirements: RequirementScore,
) -> None:
    if not requirements.complete:
        pytest.skip("needs all of tests")
    without = {
        row.id: requirements.missing(row)
        for row in ROWS
        if not (row.untested or requirements.is_tied(row))
    }
    both = [row.id for row in ROWS if row.untested and requirements.ties[row.id]]
    assert (without, both) == ({}, [])


def test_every_row_that_a_test_names_exists(requirements: RequirementScore) -> None:
    assert requirements.unknown == set()


def test_every_transport_that_a_mark_names_exists(
    requirements: RequirementScore,
) -> None:
    named = {name for over in requirements.over.values() for name in over}
    assert named <= {*TRANSPORTS}


# --- what a test goes over ---------------------------------------------------------


def test_every_place_is_there() -> None:
    assert [name for name in PLACES if not (TESTS / name).exists()] == []


@pytest.mark.parametrize(
    ("file", "parameters", "over"),
    [
        ("web/test_site.py", "", ("http",)),
        ("web/test_site.py", "stdio", ("http",)),
        ("stdio/test_desk.py", "", ("stdio",)),
        ("mcp/test_modern.py", "http", ()),
        ("sessions/test_post.py", "", ()),
        ("sessions/behaviour/test_behaviour.py", "http, a session", ("http",)),
        ("sessions/behaviour/test_behaviour.py", "0.0-stdio, 2026-07-28", ("stdio",)),
        ("sessions/behaviour/test_behaviour.py", "", ()),
        ("interaction/test_http.py", "", ("http",)),
        ("interaction/test_stdio.py", "", ("stdio",)),
        ("interaction/test_clients.py", "py-mcp1-legacy-stdio", ("stdio",)),
        ("policy/test_corpus.py", "http", ()),
    ],
)
def test_where_a_test_stands_tells_what_it_goes_over(
    file: str, parameters: str, over: tuple[str, ...]
) -> None:
    assert transports_of(TESTS / file, parameters) == over


def test_a_file_goes_over_what_the_longest_place_says() -> None:
    assert place_of(TESTS / "sessions/behaviour/test_behaviour.py") is None
    assert place_of(TESTS / "sessions/test_post.py") == ()


# --- the score ---------------------------------------------------------------------


def score_line(proven: int, left: int) -> str:
    return (
        f"small: {proven} of 2 rows proven by tests that ran, "
        f"1 with a reason why none can, {left} open"
    )


def test_a_row_is_proven_once_it_is_so_over_each_transport(
    small: RequirementScore,
) -> None:
    small.prove("test_one", ["X1"], "http")
    run(small, "test_one")
    assert small.lines() == [score_line(0, 1), "X1"]
    assert small.silent() == ["X1"]
    small.prove("test_two", ["X1"], ["stdio"])
    assert small.lines() == [score_line(0, 1), "X1"]
    run(small, "test_two")
    assert small.lines() == [score_line(1, 0)]
    assert small.silent() == []


def test_a_test_of_what_both_share_is_not_enough(small: RequirementScore) -> None:
    small.prove("test_one", ["X1"], ())
    run(small, "test_one")
    assert small.missing(SMALL["small"][0]) == [*TRANSPORTS]
    assert small.silent() == ["X1"]


def test_a_row_that_there_is_not_is_remembered(small: RequirementScore) -> None:
    small.prove("test_one", ["X1", "X9"], "http")
    assert small.unknown == {"X9"}


@pytest.fixture(params=["http", ("http", "stdio"), None])
def over(request: pytest.FixtureRequest) -> object:
    return request.param


def test_a_mark_may_say_what_its_test_goes_over(
    over: object, small: RequirementScore, request: pytest.FixtureRequest
) -> None:
    said = {} if over is None else {"over": over}
    request.node.add_marker(pytest.mark.requirement("X1", **said))
    small.tie_item(request.node)
    wanted = {"http"} if over is None or isinstance(over, str) else {*TRANSPORTS}
    assert small.over["X1"] == wanted
    assert small.ties["X1"] == {request.node.nodeid}
