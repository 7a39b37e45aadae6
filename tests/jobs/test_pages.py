"""Pages: following ones show every byte once, and every character whole."""

from __future__ import annotations

import codecs
from collections.abc import Coroutine, Iterable, Sequence
from itertools import pairwise
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from commander.jobs.pages import Page, decoded, last_lines, read_page, window
from commander.output.budget import MemoryBudget
from commander.output.command import CommandOutput, MergedPiece
from commander.output.kept import KeptOutput
from commander.output.order import BOTH, STDERR, STDOUT
from commander.output.ring import Gap
from commander.output.spooled import Part
from tests.output.disks import result_of

T = TypeVar("T")
Chunk = tuple[int, bytes]

streams = st.sampled_from([STDOUT, STDERR])
chunks = st.lists(st.tuples(streams, st.binary(min_size=1, max_size=30)), max_size=20)
sizes = st.integers(4, 50)


def now(work: Coroutine[Any, Any, T]) -> T:
    """What it comes to; nothing here has to be waited for."""
    return result_of(Deferred.fromCoroutine(work))


def kept_of(*printed: Chunk, limit: int = 100_000) -> KeptOutput:
    kept = KeptOutput(CommandOutput(limit, MemoryBudget(10_000_000)))
    arrive(kept, printed)
    return kept


def arrive(kept: KeptOutput, printed: Iterable[Chunk]) -> None:
    for stream, data in printed:
        kept.output.append(stream, data)


def page_of(kept: KeptOutput, start: int, size: int, stream: int = BOTH) -> Page:
    """A page whose parts join."""
    page = now(read_page(kept, stream, start, size))
    assert page.start == start
    assert page.end <= page.latest
    check_joined(page)
    return page


def check_joined(page: Page) -> None:
    position = page.start
    for part in page.parts:
        assert part.start == position < part.end
        position = part.end
    assert position == page.end
    for one, other in pairwise(page.parts):
        assert not (isinstance(one, Gap) and isinstance(other, Gap))


def data_of(parts: Iterable[Part]) -> bytes:
    return b"".join(part.data for part in parts if isinstance(part, MergedPiece))


def text_of(*pages: Page) -> str:
    return "".join(decoded(page.parts, complete=True)[0] for page in pages)


# --- bytes ---------------------------------------------------------------------------


@given(chunks, sizes, st.sampled_from([BOTH, STDOUT, STDERR]), st.integers(8, 400))
def test_pages_that_follow_each_other_show_every_byte_that_is_kept_once(
    printed: list[Chunk], size: int, stream: int, limit: int
) -> None:
    kept = kept_of(*printed, limit=limit)
    printed_bytes = b"".join(d for s, d in printed if stream in (BOTH, s))
    total = kept.total(stream)
    shown: list[Part] = []
    position = 0
    while position < total:
        page = page_of(kept, position, size, stream)
        in_page = len(data_of(page.parts))
        assert in_page == size or (in_page < size and page.end == total)
        assert page.evicted_bytes == page.end - position - in_page
        assert page.newlines == data_of(page.parts).count(b"\n")
        shown += page.parts
        position = page.end
    for part in shown:
        if isinstance(part, MergedPiece):
            assert part.data == printed_bytes[part.start : part.end]
    whole = result_of(kept.read(stream, 0, total))
    assert data_of(shown) == data_of(whole)


def test_a_page_behind_the_end_is_empty() -> None:
    page = page_of(kept_of((1, b"abc")), 3, 10)
    assert page == Page(start=3, end=3, latest=3)
    assert (page.evicted_bytes, page.newlines) == (0, 0)
    assert decoded(page.parts, complete=False) == ("", 0, 0)


def test_a_gap_takes_no_room_in_a_page() -> None:
    kept = kept_of((1, bytes(range(65, 90)) * 10), limit=40)
    page = page_of(kept, 5, 20)
    assert [type(part) for part in page.parts] == [MergedPiece, Gap, MergedPiece]
    assert len(data_of(page.parts)) == 20
    assert page.evicted_bytes == 210
    text, invalid, pending = decoded(page.parts, complete=False)
    assert "\n[... 210 bytes are not kept any more ...]\n" in text
    assert (invalid, pending) == (0, 0)


def test_output_that_is_closed_is_one_gap() -> None:
    kept = kept_of((1, b"abc"), (2, b"def"))
    kept.close()
    assert page_of(kept, 1, 10).parts == (Gap(1, 6),)


class Flooded(KeptOutput):
    """More arrives with each read, so that what was to be read next is gone."""

    __slots__ = ()

    def read(self, stream: int, start: int, end: int) -> Deferred[list[Part]]:
        found = super().read(stream, start, end)
        self.output.append(STDOUT, b"x" * 1000)
        return found


def test_what_arrives_while_a_page_is_read_is_of_the_next() -> None:
    output = CommandOutput(40, MemoryBudget(1_000_000))
    output.append(STDOUT, b"a" * 100)
    page = page_of(Flooded(output), 0, 60)
    assert (page.end, page.latest) == (100, 100)


# --- characters ----------------------------------------------------------------------


@st.composite
def split_texts(draw: st.DrawFn) -> list[Chunk]:
    """Two texts in UTF-8, cut anywhere and mixed in any way."""
    rest = {
        stream: draw(st.text(st.sampled_from("aé€😀\n"), max_size=40)).encode()
        for stream in (STDOUT, STDERR)
    }
    printed: list[Chunk] = []
    while any(rest.values()):
        stream = draw(st.sampled_from([each for each in rest if rest[each]]))
        cut = draw(st.integers(1, 9))
        printed.append((stream, rest[stream][:cut]))
        rest[stream] = rest[stream][cut:]
    return printed


def whole_places(printed: Sequence[Chunk]) -> list[bool]:
    """For each cursor, whether no character of either stream is cut there."""
    decoders = [codecs.getincrementaldecoder("utf-8")() for _ in range(3)]
    places = [True]
    for stream, data in printed:
        for byte in data:
            decoders[stream].decode(bytes([byte]))
            places.append(not any(each.getstate()[0] for each in decoders))
    return places


def text_in_order(printed: Sequence[Chunk]) -> str:
    """Each character where its last byte was read."""
    decoders = [codecs.getincrementaldecoder("utf-8")() for _ in range(3)]
    return "".join(decoders[stream].decode(data) for stream, data in printed)


@given(split_texts(), st.lists(st.tuples(st.integers(0, 5), sizes), max_size=8), sizes)
def test_pages_that_follow_each_other_show_every_character_whole(
    printed: list[Chunk], reads: list[tuple[int, int]], last_size: int
) -> None:
    """While output arrives, and at the end; wherever there is a place to cut."""
    kept = kept_of()
    is_whole = whole_places(printed)
    left = list(printed)
    texts: list[str] = []
    position, exact = 0, True

    def read(size: int, *, ended: bool) -> None:
        nonlocal position, exact
        page = page_of(kept, position, size)
        complete = ended and page.end == page.latest
        text, invalid, pending = decoded(page.parts, complete=complete)
        end = page.end - pending
        best = [at for at in range(position + 1, page.end + 1) if is_whole[at]]
        if complete:
            assert end == page.end
        elif best and exact:
            assert end == best[-1]
        exact = exact and (end == position or is_whole[end])
        assert not exact or invalid == text.count("\ufffd") == 0
        texts.append(text)
        position = end

    for count, size in reads:
        arrive(kept, left[:count])
        del left[:count]
        read(size, ended=False)
    arrive(kept, left)
    while position < kept.total(BOTH):
        before = position
        read(last_size, ended=True)
        assert position > before
    if exact:
        assert "".join(texts) == text_in_order(printed)


def test_a_page_ends_before_a_character_that_either_stream_has_cut() -> None:
    euro = "€".encode()
    kept = kept_of((1, b"ab" + euro[:1]), (2, b"cd"), (1, euro[1:] + b"e"))
    page = page_of(kept, 0, 6)
    assert decoded(page.parts, complete=False) == ("ab", 0, 4)
    page = page_of(kept, 2, 6)
    assert decoded(page.parts, complete=False) == ("cd€e", 0, 0)


def test_a_character_that_has_not_ended_is_waited_for_if_nothing_follows_it() -> None:
    page = page_of(kept_of((1, "€".encode()[:2])), 0, 10)
    assert decoded(page.parts, complete=False) == ("", 0, 2)
    assert decoded(page.parts, complete=True) == ("\ufffd", 1, 0)


def test_a_character_that_has_not_ended_does_not_hold_the_other_stream_up() -> None:
    euro = "€".encode()
    page = page_of(kept_of((1, euro[:2]), (2, b"Name? ")), 0, 10)
    assert decoded(page.parts, complete=False) == ("Name? \ufffd", 1, 0)
    page = page_of(kept_of((1, euro[:2]), (2, b"x" + euro[:1])), 0, 10)
    assert decoded(page.parts, complete=False) == ("x\ufffd", 1, 1)


def test_a_character_that_a_gap_went_through_holds_nothing_up() -> None:
    parts: list[Part] = [MergedPiece(1, 0, 0, b"\xe2"), Gap(1, 9)]
    assert decoded(parts, complete=False)[2] == 0
    text, invalid, pending = decoded(
        [MergedPiece(1, 0, 0, b"ab\xe2"), Gap(3, 9), MergedPiece(1, 9, 9, b"\x82c")],
        complete=False,
    )
    assert text == "ab\n[... 6 bytes are not kept any more ...]\nc"
    assert (invalid, pending) == (0, 0)


def test_a_page_that_begins_within_a_character_leaves_the_rest_of_it_out() -> None:
    page = page_of(kept_of((1, "€uro".encode())), 1, 10)
    assert decoded(page.parts, complete=True) == ("uro", 0, 0)


@given(chunks, st.integers(1, 400), sizes, st.booleans())
def test_whatever_is_printed_pages_come_to_its_end(
    printed: list[Chunk], limit: int, size: int, is_complete: bool
) -> None:
    kept = kept_of(*printed, limit=limit)
    position, total = 0, kept.total(BOTH)
    while position < total:
        page = page_of(kept, position, size)
        complete = is_complete and page.end == total
        text, invalid, pending = decoded(page.parts, complete=complete)
        assert 0 <= invalid <= text.count("\ufffd")
        assert 0 <= pending <= page.end - position
        if page.end == total and pending:
            assert not complete
            break
        position, before = page.end - pending, position
        assert position > before


# --- the beginning and the end -------------------------------------------------------


@given(chunks, st.integers(16, 400), st.integers(16, 300))
def test_a_window_is_the_beginning_and_the_end(
    printed: list[Chunk], limit: int, size: int
) -> None:
    kept = kept_of(*printed, limit=limit)
    total = kept.total(BOTH)
    head, tail = now(window(kept, BOTH, size))
    check_joined(head)
    assert (head.start, head.latest) == (0, total)
    assert len(data_of(head.parts)) <= size
    if tail is None:
        assert head.end == total
        return
    check_joined(tail)
    assert head.end < tail.start
    assert tail.end == total > size
    assert len(data_of((*head.parts, *tail.parts))) <= size


def test_what_fits_is_one_page() -> None:
    head, tail = now(window(kept_of((1, b"a" * 40)), BOTH, 40))
    assert (data_of(head.parts), tail) == (b"a" * 40, None)


def test_a_quarter_is_for_the_beginning() -> None:
    head, tail = now(window(kept_of((1, b"a" * 40 + b"z" * 60)), STDOUT, 40))
    assert tail is not None
    assert (data_of(head.parts), data_of(tail.parts)) == (b"a" * 10, b"z" * 30)
    assert tail.start == 70


def test_where_a_gap_leaves_so_little_that_it_fits_it_is_one_page() -> None:
    kept = kept_of((1, b"a" * 10 + b"-" * 80 + b"z" * 30), limit=40)
    head, tail = now(window(kept, BOTH, 60))
    check_joined(head)
    assert (head.start, head.end, tail) == (0, 120, None)
    assert data_of(head.parts) == b"a" * 10 + b"z" * 30
    assert head.evicted_bytes == 80


# --- the last lines ------------------------------------------------------------------


@given(
    st.binary(max_size=60).map(lambda data: data.replace(b"\x00", b"\n")),
    st.lists(st.integers(1, 60), max_size=4),
    st.integers(1, 6),
    st.integers(4, 70),
)
def test_the_last_lines_are_those_that_an_editor_shows(
    data: bytes, cuts: list[int], lines: int, size: int
) -> None:
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    printed = [
        (STDOUT + number % 2, data[start:end])
        for number, (start, end) in enumerate(pairwise(places))
    ]
    page = now(last_lines(kept_of(*printed), BOTH, lines, size))
    check_joined(page)
    ends = data.endswith(b"\n")
    *before, last = data[:-1].split(b"\n") if ends else data.split(b"\n")
    wanted = b"\n".join((*before, last)[-lines:]) + (b"\n" if ends else b"")
    assert data_of(page.parts) == wanted[-size:]
    assert (page.end, page.latest) == (len(data), len(data))


@pytest.mark.parametrize(
    ("lines", "parts"),
    [
        (2, (MergedPiece(1, 14, 14, b"8\n9\n"),)),
        (3, (Gap(2, 12), MergedPiece(1, 12, 12, b"7\n8\n9\n"))),
        (
            4,
            (
                MergedPiece(1, 0, 0, b"1\n"),
                Gap(2, 12),
                MergedPiece(1, 12, 12, b"7\n8\n9\n"),
            ),
        ),
    ],
)
def test_a_line_that_a_gap_cuts_is_shown_with_the_gap(
    lines: int, parts: tuple[Part, ...]
) -> None:
    kept = kept_of((1, b"1\n2\n3\n4\n5\n6\n7\n8\n9\n"), limit=8)
    page = now(last_lines(kept, BOTH, lines, 100))
    check_joined(page)
    assert page.parts == parts
