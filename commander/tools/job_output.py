"""What a result shows of a job's output, in the form that was asked for."""

from __future__ import annotations

import enum
from typing import Any, Final

import attrs

from commander.jobs.job import Job
from commander.jobs.pages import Page, decoded, last_lines, read_page, window
from commander.output.cleaning import Counts, clean, page_end
from commander.output.command import MergedPiece
from commander.output.decoding import gap_marker
from commander.output.kept import KeptOutput
from commander.output.order import BOTH, STDERR, STDOUT
from commander.tools.hidden import hidden

__all__ = [
    "DEFAULT_OUTPUT_BYTES",
    "MOST_OUTPUT_BYTES",
    "STREAMS",
    "View",
    "clamped_bytes",
    "gap_remedy",
    "nothing_shown",
    "printed_since",
    "shown_lines",
    "shown_page",
    "shown_window",
    "total_of",
]

DEFAULT_OUTPUT_BYTES: Final = 16 * 1024
"""Some 4,000 tokens."""
MOST_OUTPUT_BYTES: Final = 64 * 1024
"""What control characters become as JSON within JSON is thirteen times as long; a
result of more than a megabyte is refused by the official Python client."""
LEAST_OUTPUT_BYTES: Final = 64
"""Less than a line would make no progress worth a call."""


STREAMS: Final = {"both": BOTH, "stdout": STDOUT, "stderr": STDERR}
"""What of the output is read, by its name in arguments."""


class View(enum.Enum):
    """How output is shown."""

    TEXT = "text"
    """As a person would see it: see ``commander.output.cleaning``."""
    RAW = "raw"
    """As it was written."""


def clamped_bytes(wanted: int) -> int:
    """How many bytes of output a result shows."""
    return max(LEAST_OUTPUT_BYTES, min(wanted, MOST_OUTPUT_BYTES))


async def shown_window(
    job: Job, max_bytes: int, stream: str = "both"
) -> dict[str, Any]:
    """The beginning and the end of the output.

    What stands between is told with the call that returns it.

    Args:
        job: Whose.
        max_bytes: Of both together.
        stream: A name of ``STREAMS``.
    """
    kept = job.kept
    if kept is None:
        return nothing_shown(stream)
    head, tail = await window(kept, STREAMS[stream], max_bytes)
    if tail is None:
        return _facts(_shown(head, View.TEXT, job), head, stream)
    return _two_ends(job, kept, stream, (head, tail))


def _two_ends(
    job: Job, kept: KeptOutput, stream: str, ends: tuple[Page, Page]
) -> dict[str, Any]:
    """The first page and the last, with a marker for what stands between them."""
    (head, tail), number = ends, STREAMS[stream]
    first, last = (_shown(page, View.TEXT, job) for page in ends)
    newlines = max(0, kept.newlines(number) - head.newlines - tail.newlines)
    omitted, evicted = tail.start - first.end, kept.evicted_bytes(number)
    named = "" if number == BOTH else f', stream="{stream}"'
    call = (
        f'read_output(job_id="{job.handle}"{named}, cursor={first.end}) or '
        f'read_output(..., match="error|FAILED")'
    )
    between = evicted - head.evicted_bytes - tail.evicted_bytes
    marker = gap_marker(omitted, newlines, gap_remedy(call, omitted, between))
    whole = _Shown(
        text=f"{first.text}\n{marker}\n{last.text}",
        counts=first.counts + last.counts,
        end=last.end,
    )
    facts = _facts(whole, attrs.evolve(tail, start=0), stream)
    facts["truncated"] = between < omitted
    facts["omitted_bytes"] = omitted
    facts["omitted_lines"] = newlines
    if evicted:
        facts["evicted_bytes"] = evicted
    return {**facts, "output": facts.pop("output")}


def gap_remedy(call: str, omitted_bytes: int, evicted_bytes: int) -> str:
    """How to get what is omitted, as far as it is kept somewhere.

    Args:
        call: That reads it.
        omitted_bytes: Not shown.
        evicted_bytes: Not kept, of these.
    """
    if evicted_bytes <= 0:
        return call
    if evicted_bytes >= omitted_bytes:
        return "not kept any more"
    return f"{evicted_bytes:,} of them not kept any more, the rest: {call}"


async def shown_page(
    job: Job, *, stream: str, view: View, cursor: int, max_bytes: int
) -> dict[str, Any]:
    """The output from a cursor on.

    Args:
        job: Whose.
        stream: A name of ``STREAMS``.
        view: How.
        cursor: Not behind the end.
        max_bytes: Of the page.
    """
    if job.kept is None:
        return nothing_shown(stream)
    page = await read_page(job.kept, STREAMS[stream], cursor, max_bytes)
    return _facts(_shown(page, view, job), page, stream)


async def printed_since(job: Job, cursor: int) -> dict[str, Any]:
    """What a job has printed on both streams since a call began.

    Args:
        job: Whose.
        cursor: The ``total_bytes`` of the job then.
    """
    return await shown_page(
        job,
        stream="both",
        view=View.TEXT,
        cursor=cursor,
        max_bytes=DEFAULT_OUTPUT_BYTES,
    )


async def shown_lines(
    job: Job, *, stream: str, view: View, lines: int, max_bytes: int
) -> dict[str, Any]:
    """The last lines of the output."""
    if job.kept is None:
        return nothing_shown(stream)
    page = await last_lines(job.kept, STREAMS[stream], lines, max_bytes)
    return _facts(_shown(page, view, job), page, stream)


def total_of(job: Job, stream: str) -> int:
    """The cursor behind all that a job has printed."""
    return 0 if job.kept is None else job.kept.total(STREAMS[stream])


def nothing_shown(stream: str) -> dict[str, Any]:
    """Of a job that has not been started."""
    nothing = Page(start=0, end=0, latest=0)
    return _facts(_Shown(text="", counts=Counts(), end=0), nothing, stream)


@attrs.frozen(kw_only=True)
class _Shown:
    text: str
    counts: Counts
    end: int
    """Cursor behind what is shown."""


def _shown(page: Page, view: View, job: Job) -> _Shown:
    complete = job.finished and page.end == page.latest
    text, invalid, pending = decoded(page.parts, complete=complete)
    if view is View.TEXT and not complete:
        cut = _cut_sequence(page, text, pending)
        text = text.removesuffix(cut)
        pending += len(cut.encode())
    text = hidden(text, job.secrets)
    counts, end = Counts(invalid_bytes=invalid), page.end - pending
    if view is View.RAW:
        return _Shown(text=text, counts=counts, end=end)
    cleaned = clean(text, invalid_bytes=invalid)
    return _Shown(text=cleaned.text, counts=cleaned.counts, end=end)


def _cut_sequence(page: Page, text: str, pending: int) -> str:
    """What a text ends with of a terminal's sequence that goes on in the next page.

    Empty if the page has nothing else, as it must make progress.
    """
    rest = text[page_end(text) :]
    end = page.end - pending
    last = next((part for part in reversed(page.parts) if part.start < end), None)
    if not rest or not isinstance(last, MergedPiece):
        return ""
    encoded = rest.encode()
    begun = len(encoded) < end - page.start
    return rest if begun and last.data[: end - last.start].endswith(encoded) else ""


def _facts(shown: _Shown, page: Page, stream: str) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "stream": stream,
        "start_cursor": page.start,
        "next_cursor": shown.end,
        "latest_cursor": page.latest,
        "truncated": shown.end < page.latest,
    }
    if page.evicted_bytes:
        facts["evicted_bytes"] = page.evicted_bytes
    counts = {name: n for name, n in attrs.asdict(shown.counts).items() if n}
    if counts:
        facts["cleaned"] = counts
    return {**facts, "output": shown.text}
