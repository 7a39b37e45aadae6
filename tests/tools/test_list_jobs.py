"""``list_jobs``: one's own jobs, at once or when one of them changes."""

from __future__ import annotations

from typing import Any

import pytest

from commander.testing import MemoryCaller
from tests.tools.kit import BOB, Stage


def test_jobs_are_listed_with_how_they_stand_the_newest_first() -> None:
    stage = Stage()
    built = stage.start("make\nall", label="build")
    stage.process.emit(1, b"x" * 7)
    stage.process.exit(2)
    served = stage.start("serve " + "x" * 200)
    stage.pump(2)
    answer = stage.call("list_jobs")
    assert not answer.is_error
    first, second = answer.facts["jobs"]
    assert (first["job_id"], second["job_id"]) == (served, built)
    assert (first["status"], second["status"]) == ("running", "exited")
    assert len(first["command"]) == 100
    assert second["label"] == "build"
    assert second["exit_code"] == 2
    assert (first["unread_bytes"], second["unread_bytes"]) == (0, 7)
    assert (first["idle_seconds"], first["age_seconds"]) == (2.0, 2.0)
    assert answer.facts["total"] == 2
    lines = answer.text.split("\n")
    assert lines[0] == f"2 of 2 jobs; since={answer.facts['since']}"
    assert lines[1].startswith(f"{served} running, started 2s ago, silent 2.0s, 0 unr")
    assert lines[2] == (
        f"{built} [build] exited 2, started 2s ago, 7 unread bytes: make\u23ceall"
    )


def test_a_job_that_was_ended_says_by_what() -> None:
    stage = Stage()
    stage.start(timeout="1s")
    stage.pump(1.1)
    assert " killed by timeout, " in stage.call("list_jobs").text


def test_shells_are_listed_with_what_runs_in_them() -> None:
    stage = Stage()
    idle = stage.call("open_shell", working_directory="/usr").facts["shell_id"]
    busy = stage.call("open_shell").facts["shell_id"]
    job_id = stage.start(shell_id=busy)
    answer = stage.call("list_jobs")
    assert answer.facts["shells"] == [
        {"shell_id": busy, "cwd": "/", "running": job_id},
        {"shell_id": idle, "cwd": "/usr"},
    ]
    assert answer.text.split("\n")[-2:] == [
        f"{busy} in /, running {job_id}",
        f"{idle} in /usr",
    ]
    assert "shells" not in stage.call("list_jobs", principal=BOB).facts


def test_without_jobs_it_is_one_line() -> None:
    answer = Stage().call("list_jobs")
    assert answer.text == "0 of 0 jobs; since=0"
    assert answer.facts == {"jobs": [], "total": 0, "since": 0}


def test_nobody_sees_the_jobs_of_somebody_else() -> None:
    stage = Stage()
    stage.start()
    assert stage.call("list_jobs", principal=BOB).facts["jobs"] == []


@pytest.mark.parametrize(
    ("given", "shown", "total"),
    [
        ({}, [3, 2, 1, 0], 4),
        ({"state": "running"}, [3, 2], 2),
        ({"state": "finished"}, [1, 0], 2),
        ({"limit": 1}, [3], 4),
        ({"limit": 1000}, [3, 2, 1, 0], 4),
    ],
)
def test_some_of_them(given: dict[str, Any], shown: list[int], total: int) -> None:
    stage = Stage()
    started = [stage.start() for _ in range(4)]
    for process in stage.reactor.processes[:2]:
        process.exit(0)
    answer = stage.call("list_jobs", **given)
    assert [row["job_id"] for row in answer.facts["jobs"]] == [
        started[number] for number in shown
    ]
    assert answer.facts["total"] == total
    effective = {"limit": 100} if given.get("limit") == 1000 else None
    assert answer.facts.get("effective") == effective


def test_a_wait_ends_with_the_first_change() -> None:
    stage = Stage()
    stage.start()
    stage.start()
    answers = stage.begin("list_jobs", wait_seconds=50)
    stage.process.emit(1, b"output is no change")
    stage.pump(10)
    assert answers == []
    stage.process.exit(0)
    assert answers[0].facts["jobs"][0]["status"] == "exited"


def test_a_change_since_the_last_answer_is_not_missed() -> None:
    stage = Stage()
    stage.start()
    since = stage.call("list_jobs").facts["since"]
    stage.process.exit(0)
    answer = stage.call("list_jobs", since=since, wait_seconds=50)
    assert answer.facts["since"] > since
    waits = stage.begin("list_jobs", since=answer.facts["since"], wait_seconds=50)
    stage.pump(1)
    assert waits == []


def test_changes_of_somebody_else_do_not_end_the_wait() -> None:
    stage = Stage()
    answers = stage.begin("list_jobs", principal=BOB, wait_seconds=10)
    stage.start()
    stage.process.exit(0)
    stage.pump(9)
    assert answers == []
    stage.pump(1.1)
    assert len(answers) == 1


def test_a_wait_is_clamped_told_and_given_up_with_its_caller() -> None:
    stage, caller = Stage(), MemoryCaller()
    clamped = stage.begin("list_jobs", wait_seconds=51)
    given_up = stage.begin("list_jobs", wait_seconds=50, caller=caller)
    stage.pump(1)
    caller.cancellation.cancel()
    assert len(given_up) == 1
    assert clamped == []
    stage.pump(49.1, step=0.1)
    assert clamped[0].facts["effective"] == {"wait_seconds": 50}


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (
            {"state": "dead"},
            '"state" must be one of all, finished, running, got "dead"',
        ),
        ({"limit": 0}, '"limit" must be an integer of at least 1, got 0'),
        ({"since": -1}, '"since" must be an integer of at least 0, got -1'),
    ],
)
def test_arguments_that_do_not_fit_list_nothing(
    given: dict[str, Any], error: str
) -> None:
    answer = Stage().call("list_jobs", **given)
    assert answer.is_error
    assert answer.facts["jobs"] == []
    assert answer.facts["error"] == error
