"""``read_output``: by cursor, by lines, by pattern; now, or when there is news."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.testing import MemoryCaller
from tests.tools.kit import BOB, Answer, Stage

LINES = b"".join(b"line %d\n" % number for number in range(100))


def finished(stage: Stage, stdout: bytes = b"", stderr: bytes = b"") -> str:
    """A job that printed this and ended."""
    job_id = stage.start()
    stage.process.emit(1, stdout)
    stage.process.emit(2, stderr)
    stage.process.exit(0)
    return job_id


def read(stage: Stage, job_id: str, **arguments: Any) -> Answer:
    return stage.call("read_output", job_id=job_id, **arguments)


# --- by cursor ---------------------------------------------------------------------


def test_each_read_goes_on_where_the_last_one_ended() -> None:
    stage = Stage()
    job_id = finished(stage, LINES)
    first = read(stage, job_id, max_bytes=100)
    assert first.facts["output"] == LINES[:100].decode()
    assert (first.facts["next_cursor"], first.facts["latest_cursor"]) == (100, 790)
    assert first.facts["truncated"]
    assert "next cursor=100" in first.text
    assert first.links[0]["uri"] == f"job://{job_id}/output"
    second = read(stage, job_id, max_bytes=1000)
    assert second.facts["output"] == LINES[100:].decode()
    assert not second.facts["truncated"]
    assert second.links == ()
    again = read(stage, job_id, cursor=50, max_bytes=64)
    assert again.facts["output"] == LINES[50:114].decode()


def test_each_stream_has_a_cursor_of_its_own() -> None:
    stage = Stage()
    job_id = finished(stage, b"out\n", b"err\n")
    assert read(stage, job_id, stream="stderr").facts["output"] == "err\n"
    assert read(stage, job_id, stream="stdout").facts["output"] == "out\n"
    assert read(stage, job_id, stream="stdout").facts["output"] == ""
    assert read(stage, job_id).facts["output"] == "out\nerr\n"
    assert (
        "stderr, bytes 0 to 4 of 4"
        in read(stage, job_id, stream="stderr", cursor=0).text
    )


def test_a_read_at_the_end_is_one_line() -> None:
    stage = Stage()
    job_id = stage.start()
    stage.process.emit(1, b"x")
    read(stage, job_id)
    answer = read(stage, job_id)
    assert "\n" not in answer.text
    assert "no new output, cursor=1," in answer.text


def test_a_cursor_behind_the_end_is_refused_with_the_end() -> None:
    stage = Stage()
    job_id = finished(stage, b"abc")
    answer = read(stage, job_id, cursor=4)
    assert answer.is_error
    assert answer.facts["latest_cursor"] == 3
    assert answer.facts["error"] == (
        '"cursor" is 4, behind the end of the output: latest_cursor is 3'
    )
    assert read(stage, job_id, cursor=3).facts["output"] == ""
    assert read(stage, job_id, stream="stderr", cursor=1).is_error


@given(
    st.lists(st.tuples(st.sampled_from([1, 2]), st.text(max_size=20)), max_size=12),
    st.integers(64, 100),
)
def test_pages_that_follow_each_other_show_each_character_once(
    pieces: list[tuple[int, str]], max_bytes: int
) -> None:
    stage = Stage()
    job_id = stage.start()
    for stream, text in pieces:
        stage.process.emit(stream, text.encode())
    stage.process.exit(0)
    shown, facts = "", {"truncated": True}
    while facts["truncated"]:
        facts = read(stage, job_id, view="raw", max_bytes=max_bytes).facts
        shown += str(facts["output"])
    assert shown == "".join(text for _, text in pieces)


def test_raw_is_as_it_was_written_and_text_as_it_was_seen() -> None:
    stage = Stage()
    job_id = finished(stage, b"\x1b[1m10%\r99%\n")
    assert read(stage, job_id, view="raw").facts["output"] == "\x1b[1m10%\r99%\n"
    answer = read(stage, job_id, cursor=0)
    assert answer.facts["output"] == "99%\n"
    assert "1 ansi sequences, 1 cr rewrites:" in answer.text


@pytest.mark.parametrize(("wanted", "got"), [(1, 64), (-5, 64), (10**12, 65536)])
def test_the_size_of_a_page_is_clamped_and_told(wanted: int, got: int) -> None:
    stage = Stage()
    job_id = finished(stage, b"x" * 100_000)
    facts = read(stage, job_id, max_bytes=wanted, view="raw").facts
    assert len(facts["output"]) == got
    assert facts["effective"] == {"max_bytes": got}


def test_a_gap_is_told_and_stepped_over() -> None:
    stage = Stage(max_output_bytes=100)
    job_id = finished(stage, LINES)
    facts = read(stage, job_id).facts
    assert facts["evicted_bytes"] == 690
    assert "[... 690 bytes are not kept any more ...]" in facts["output"]
    assert facts["next_cursor"] == 790


def test_a_page_of_what_a_terminal_does_not_show_is_one_line() -> None:
    stage = Stage()
    job_id = finished(stage, b"\x1b[0m" * 100)
    answer = read(stage, job_id, max_bytes=100)
    assert answer.facts["output"] == ""
    assert "nothing to show in stdout+stderr, bytes 0 to 100 of 400" in answer.text
    assert "\n" not in answer.text


def test_a_sequence_that_two_pages_share_is_cleaned_as_one() -> None:
    stage = Stage()
    job_id = finished(stage, b"x" * 62 + b"\x1b[31mred")
    first = read(stage, job_id, max_bytes=64)
    assert (first.facts["output"], first.facts["next_cursor"]) == ("x" * 62, 62)
    assert read(stage, job_id).facts["output"] == "red"


def test_what_the_spool_could_not_take_is_told(tmp_path: Path) -> None:
    stage = Stage(
        spool_dir=str(tmp_path / "spool"), spool_job_bytes=1000, max_output_bytes=100
    )
    job_id = stage.start()
    stage.process.emit(1, LINES * 4)
    answer = read(stage, job_id, max_bytes=65536)
    assert "is kept in memory only" in answer.facts["spool_problem"]
    assert answer.facts["evicted_bytes"] > 0
    assert answer.facts["output"].startswith("line 0\nline 1\n")


# --- by lines and by pattern -------------------------------------------------------


def test_the_last_lines() -> None:
    stage = Stage()
    job_id = finished(stage, LINES)
    facts = read(stage, job_id, tail_lines=2).facts
    assert facts["output"] == "line 98\nline 99\n"
    assert (facts["start_cursor"], facts["next_cursor"]) == (774, 790)


def test_lines_that_match_have_their_numbers() -> None:
    stage = Stage()
    job_id = finished(stage, LINES)
    answer = read(stage, job_id, match="line 9[89]$")
    assert answer.facts["output"] == "99: line 98\n100: line 99"
    assert answer.facts["matches"] == 2
    assert answer.facts["note"] == "2 lines match"


def test_no_match_is_one_line() -> None:
    stage = Stage()
    job_id = finished(stage, LINES)
    answer = read(stage, job_id, match="nothing")
    assert "0 lines match in stdout+stderr, bytes 0 to 790 of 790" in answer.text
    assert "\n" not in answer.text


def test_a_search_tells_what_it_could_not_look_at() -> None:
    stage = Stage(max_output_bytes=100)
    job_id = finished(stage, LINES)
    answer = read(stage, job_id, match="line (0|99)$")
    assert answer.facts["output"] == "1: line 0\n100: line 99"
    assert answer.facts["evicted_bytes"] == 690


def test_a_search_that_fills_its_page_goes_on_at_its_cursor() -> None:
    stage = Stage()
    job_id = finished(stage, LINES)
    facts = read(stage, job_id, match="line", max_bytes=64).facts
    found = facts["output"].splitlines()
    assert facts["note"].endswith("; more may follow")
    assert facts["truncated"]
    while facts["truncated"]:
        facts = read(stage, job_id, match="line", max_bytes=64).facts
        found += facts["output"].splitlines()
    assert found == [f"{number + 1}: line {number}" for number in range(100)]


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"match": "("}, '"match": '),
        (
            {"match": "x", "tail_lines": 1},
            '"tail_lines" and "match" exclude each other',
        ),
        (
            {"cursor": 0, "tail_lines": 1},
            '"tail_lines" and "cursor" exclude each other',
        ),
        ({"tail_lines": 0}, '"tail_lines" must be an integer of at least 1, got 0'),
        ({"cursor": -1}, '"cursor" must be an integer of at least 0, got -1'),
        ({"stream": "out"}, '"stream" must be one of both, stderr, stdout, got "out"'),
        ({"until": "end"}, '"until" must be one of exit, output, got "end"'),
        ({"wait_seconds": -0.1}, '"wait_seconds" must be a number of at least 0'),
    ],
)
def test_what_cannot_be_read_says_why(given: dict[str, Any], error: str) -> None:
    stage = Stage()
    answer = read(stage, finished(stage, LINES), **given)
    assert answer.is_error
    assert error in answer.facts["error"]


@pytest.mark.parametrize("given", [{}, {"match": "x"}, {"tail_lines": 3}])
def test_a_job_that_has_not_started_has_no_output(given: dict[str, Any]) -> None:
    stage = Stage(max_concurrent=1)
    stage.start()
    job_id = stage.start("second")
    facts = read(stage, job_id, **given).facts
    assert (facts["status"], facts["output"], facts["latest_cursor"]) == (
        "queued",
        "",
        0,
    )


# --- waiting -----------------------------------------------------------------------


def test_a_wait_for_output_ends_a_moment_after_it_has_come() -> None:
    stage = Stage()
    job_id = stage.start()
    answers = stage.begin("read_output", job_id=job_id, wait_seconds=50)
    stage.pump(20)
    assert answers == []
    stage.process.emit(1, b"one ")
    stage.pump(0.04)
    stage.process.emit(1, b"two\n")
    stage.pump(0.2)
    assert answers[0].facts["output"] == "one two\n"


def test_what_is_there_already_is_not_waited_for() -> None:
    stage = Stage()
    job_id = stage.start()
    stage.process.emit(1, b"x")
    assert read(stage, job_id, wait_seconds=50).facts["output"] == "x"


def test_output_of_the_other_stream_does_not_end_the_wait() -> None:
    stage = Stage()
    job_id = stage.start()
    answers = stage.begin(
        "read_output", job_id=job_id, stream="stderr", wait_seconds=10
    )
    stage.process.emit(1, b"x")
    stage.pump(1)
    assert answers == []
    stage.process.emit(2, b"y")
    stage.pump(0.3)
    assert answers[0].facts["output"] == "y"


def test_a_wait_for_the_end_does_not_end_with_output() -> None:
    stage = Stage()
    job_id = stage.start()
    answers = stage.begin("read_output", job_id=job_id, until="exit", wait_seconds=50)
    stage.process.emit(1, b"x")
    stage.pump(2)
    assert answers == []
    stage.process.exit(4)
    assert answers[0].facts["exit_code"] == 4


def test_a_wait_ends_with_its_time_and_with_nothing_but_a_line() -> None:
    stage = Stage()
    job_id = stage.start()
    answers = stage.begin("read_output", job_id=job_id, wait_seconds=99)
    stage.pump(49.9, step=0.1)
    assert answers == []
    stage.pump(0.2)
    assert answers[0].facts["effective"] == {"wait_seconds": 50}
    assert answers[0].text.count("\n") == 0
    assert stage.process.signals == []


def test_who_gives_up_waiting_does_not_touch_the_job() -> None:
    stage, caller = Stage(), MemoryCaller()
    job_id = stage.start()
    answers = stage.begin("read_output", job_id=job_id, wait_seconds=50, caller=caller)
    caller.cancellation.cancel()
    stage.pump(0.1)
    assert len(answers) == 1
    assert stage.process.signals == []


def test_who_follows_a_job_hears_what_is_new_and_not_what_was() -> None:
    stage, caller = Stage(), MemoryCaller(wants_output=True)
    job_id = stage.start()
    stage.process.emit(1, b"before\n")
    read(stage, job_id)
    stage.begin(
        "read_output", job_id=job_id, wait_seconds=50, until="exit", caller=caller
    )
    stage.process.emit(1, b"after\n")
    stage.pump(0.1)
    assert caller.logged == [("info", "stdout", "after\n")]
    stage.process.exit(0)


# --- jobs that are not there -------------------------------------------------------


def test_unknown_expired_lost_and_foreign_handles_are_told_apart() -> None:
    stage = Stage(finished_ttl_seconds=60.0)
    job_id = finished(stage, b"x")
    unknown = "unknown: there is no such job of yours; list_jobs shows what there is"
    for principal, handle in [("ann", "job_x"), ("ann", ""), ("bob", job_id)]:
        answer = stage.call(
            "read_output",
            job_id=handle,
            **({"principal": BOB} if principal == "bob" else {}),
        )
        assert answer.is_error
        assert answer.facts["status"] == "unknown"
        assert answer.text == f'"{handle}" is {unknown}'
    stage.pump(61, step=1)
    assert read(stage, job_id).facts["status"] == "expired"
    restarted = Stage()
    lost = read(restarted, job_id)
    assert lost.facts["status"] == "lost"
    assert "a server that has ended since" in lost.text
    assert len(read(stage, "job_" + "x" * 10_000).text) < 250
