"""What is shown of output: following pages, with sequences for a terminal."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from commander.jobs.job import Job
from commander.output.cleaning import clean
from commander.output.order import BOTH
from commander.tools.job_output import View, shown_page
from tests.jobs.kit import Stage
from tests.output.disks import result_of

SEQUENCES = [
    "\x1b[31m",
    "\x1b[0m",
    "\x1b[38;5;200m",
    "\x1b]0;titlé\a",
    "\x1b(B",
    "\x9b1m",
]
sizes = st.integers(16, 60)


def now(work: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any]:
    return result_of(Deferred.fromCoroutine(work))


def page_of(job: Job, cursor: int, size: int, view: View) -> dict[str, Any]:
    page = now(shown_page(job, stream="both", view=view, cursor=cursor, max_bytes=size))
    assert page["start_cursor"] == cursor
    assert cursor <= page["next_cursor"] <= page["latest_cursor"]
    assert page["truncated"] == (page["next_cursor"] < page["latest_cursor"])
    return page


def cuts_a_sequence_alone(job: Job, cursor: int) -> bool:
    """Whether all is the beginning of one, which would be taken."""
    assert job.kept is not None
    unread = b"".join(
        getattr(part, "data", b"")
        for part in result_of(job.kept.read(BOTH, cursor, job.total_bytes))
    )
    return any(each.encode().startswith(unread) for each in SEQUENCES)


texts = st.lists(st.sampled_from([*"aé€😀\n", *SEQUENCES]), max_size=60).map("".join)


@given(
    texts,
    st.lists(st.tuples(st.integers(1, 12), st.booleans(), sizes), max_size=10),
    sizes,
    st.sampled_from(View),
)
def test_pages_that_follow_each_other_show_all_and_cut_no_sequence(
    text: str, reads: list[tuple[int, bool, int]], size: int, view: View
) -> None:
    """While it is printed in pieces that are cut anywhere, and at the end."""
    stage = Stage()
    job = stage.started()
    rest, shown, cursor = text.encode(), "", 0
    for count, looks, page_size in reads:
        stage.process.emit(1, rest[:count])
        rest = rest[count:]
        if looks and not cuts_a_sequence_alone(job, cursor):
            page = page_of(job, cursor, page_size, view)
            shown, cursor = shown + page["output"], page["next_cursor"]
    stage.process.emit(1, rest)
    stage.process.exit()
    while cursor < job.total_bytes:
        page = page_of(job, cursor, size, view)
        assert page["next_cursor"] > cursor
        shown, cursor = shown + page["output"], page["next_cursor"]
    assert shown == (clean(text).text if view is View.TEXT else text)


def test_a_sequence_before_a_character_that_was_cut_is_left_for_the_next_page() -> None:
    stage = Stage()
    job = stage.started()
    euro = "€".encode()
    for stream, data in ((1, b"a\x1b[3"), (2, euro[:2]), (1, b"1m"), (2, euro[2:])):
        stage.process.emit(stream, data)
    page = page_of(job, 0, 7, View.TEXT)
    assert (page["output"], page["next_cursor"]) == ("a", 1)


def test_a_page_of_nothing_but_the_beginning_of_a_sequence_goes_on() -> None:
    stage = Stage()
    job = stage.started()
    stage.process.emit(1, b"\x1b]0;" + b"t" * 100)
    assert page_of(job, 0, 16, View.TEXT)["next_cursor"] == 16
