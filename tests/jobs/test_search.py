"""Search: lines by their number, in pieces, against a model that has all of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import cast

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from commander.jobs import search as searching
from commander.jobs.search import LINE_BYTES, PIECE_BYTES, Found, search
from commander.output.budget import MemoryBudget
from commander.output.command import CommandOutput
from commander.output.kept import KeptOutput
from commander.output.order import (
    BLOCK_RUNS,
    BOTH,
    FIRST_BLOCKS,
    LAST_BLOCKS,
    STDERR,
    STDOUT,
)
from commander.turns import Turns

Chunk = tuple[int, bytes]


@attrs.frozen
class Matching:
    """Lines in which a regular expression is found."""

    text: str

    def matches(self, line: str) -> bool:
        return re.search(self.text, line) is not None


@attrs.define
class Searcher:
    """Output, and searches in it."""

    kept: KeptOutput
    turns: int = 0
    calls: list[Callable[[], object]] = attrs.field(factory=list)

    def callLater(self, delay: float, call: Callable[[], object]) -> None:
        """A reactor that runs one call a turn."""
        assert delay == 0
        self.calls.append(call)

    def find(
        self,
        text: str,
        *,
        start: int = 0,
        stream: int = BOTH,
        max_bytes: int = 1_000_000,
        between: Callable[[], object] = lambda: None,
    ) -> Found:
        """Search, and do something between all turns."""
        found: list[Found] = []
        Deferred.fromCoroutine(
            search(
                self.kept,
                stream,
                Matching(text),
                start=start,
                max_bytes=max_bytes,
                turns=Turns(cast("IReactorTime", self)),
            )
        ).addCallback(found.append)
        while not found:
            self.turns += 1
            assert self.turns < 100_000
            between()
            self.calls.pop(0)()
        assert self.calls == []
        return found[0]


def kept_of(*printed: Chunk, limit: int = 1_000_000) -> KeptOutput:
    kept = KeptOutput(CommandOutput(limit, MemoryBudget(100_000_000)))
    for stream, data in printed:
        kept.output.append(stream, data)
    return kept


def searcher(*printed: Chunk, limit: int = 1_000_000) -> Searcher:
    return Searcher(kept_of(*printed, limit=limit))


# --- against a model -----------------------------------------------------------------


def lines_of(data: bytes) -> list[bytes]:
    """With their newlines."""
    return re.findall(rb"[^\n]*\n|[^\n]+\Z", data)


def expected(data: bytes, gap: range, start: int, text: str) -> list[tuple[int, str]]:
    """What all of the output would show, if bytes of it were not there.

    A line that the gap or the start cuts is looked at in what is left of it.
    """
    found: list[tuple[int, str]] = []
    position = 0
    for number, line in enumerate(lines_of(data), start=1):
        end = position + len(line)
        before = data[max(position, start) : max(start, min(end, gap.start))]
        after = data[max(position, gap.stop, start) : end]
        if not gap:
            before, after = data[max(position, start) : end], b""
        for rest in (before, after):
            shown = rest.removesuffix(b"\n").decode()
            if rest and re.search(text, shown):
                found.append((number, shown))
        position = end
    return found


lines = st.lists(st.sampled_from(["", "a", "ab", "b", "aaaa", "xyz"]), max_size=40)


@st.composite
def outputs(draw: st.DrawFn) -> list[bytes]:
    data = "\n".join(draw(lines)).encode()
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=4)))
    return [data[s:e] for s, e in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@given(
    outputs(),
    st.sampled_from(["a", "^$", "b$", "^x", "q", "a|y"]),
    st.integers(4, 120),
    st.integers(0, 60),
    st.integers(2, 16),
)
def test_lines_and_numbers_are_those_of_all_the_output(
    parts: list[bytes], text: str, limit: int, start: int, piece: int
) -> None:
    """In pieces of any size, of a stream with and without a gap."""
    data = b"".join(parts)
    kept = kept_of(*((STDOUT, part) for part in parts), limit=limit)
    gap = kept.output.stdout.gap
    start = min(start, len(data))
    lost = range(gap.start, gap.end)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(searching, "PIECE_BYTES", piece)
        patch.setattr(searching, "_COUNT_BYTES", piece)
        for stream in (STDOUT, BOTH):
            found = Searcher(kept).find(text, start=start, stream=stream)
            assert found.lines == tuple(expected(data, lost, start, text))
            assert (found.start, found.end, found.latest) == (
                start,
                len(data),
                len(data),
            )
            cut = range(max(start, gap.start), gap.end)
            assert found.evicted_bytes == len(cut)


@given(
    outputs(),
    st.sampled_from(["a", "^$", "b$"]),
    st.integers(4, 120),
    st.integers(1, 8),
    st.integers(2, 16),
)
def test_searches_that_follow_each_other_find_each_line_once(
    parts: list[bytes], text: str, limit: int, max_bytes: int, piece: int
) -> None:
    data = b"".join(parts)
    kept = kept_of(*((STDOUT, part) for part in parts), limit=limit)
    gap = kept.output.stdout.gap
    shown: list[tuple[int, str]] = []
    position = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(searching, "PIECE_BYTES", piece)
        while position < len(data):
            found = Searcher(kept).find(text, start=position, max_bytes=max_bytes)
            size = sum(len(line) for _, line in found.lines[:-1])
            assert size < max_bytes
            assert found.end > position
            shown += found.lines
            position = found.end
    assert shown == expected(data, range(gap.start, gap.end), 0, text)


@given(outputs(), outputs(), st.data(), st.integers(2, 16))
def test_both_streams_are_searched_as_they_were_read(
    out: list[bytes], err: list[bytes], data: st.DataObject, piece: int
) -> None:
    printed: list[Chunk] = []
    rest = {STDOUT: list(out), STDERR: list(err)}
    while any(rest.values()):
        stream = data.draw(st.sampled_from([each for each in rest if rest[each]]))
        printed.append((stream, rest[stream].pop(0)))
    merged = b"".join(part for _, part in printed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(searching, "PIECE_BYTES", piece)
        found = searcher(*printed).find("a")
    assert found.lines == tuple(expected(merged, range(0), 0, "a"))


# --- where it stops ------------------------------------------------------------------


def numbered(count: int) -> bytes:
    return b"".join(b"line %d\n" % number for number in range(1, count + 1))


def test_it_stops_when_enough_was_found_and_goes_on_from_there() -> None:
    kit = searcher((STDOUT, numbered(1000)))
    found = kit.find("7$", max_bytes=20)
    assert found.lines == ((7, "line 7"), (17, "line 17"), (27, "line 27"))
    assert (found.start, found.latest) == (0, len(numbered(1000)))
    more = kit.find("7$", start=found.end, max_bytes=1)
    assert more.lines == ((37, "line 37"),)


def test_one_line_is_found_however_long() -> None:
    found = searcher((STDOUT, b"x" * 1500)).find("x", max_bytes=10)
    assert found.lines == ((1, "x" * 1500),)


def test_it_looks_no_further_than_so_much_in_one_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(searching, "MOST_BYTES", 3 * PIECE_BYTES)
    data = numbered(20_000)
    kit = searcher((STDOUT, data))
    found = kit.find("no such line")
    assert found.lines == ()
    assert 3 * PIECE_BYTES <= found.end < 4 * PIECE_BYTES
    assert data[: found.end].endswith(b"\n")
    found = kit.find("line 20000$", start=len(data) - 12)
    assert found.lines == ((20_000, "line 20000"),)


def test_what_is_not_kept_is_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "MOST_BYTES", 100_000)
    kit = searcher((STDOUT, numbered(200_000)), limit=10_000)
    found = kit.find("line 200000$")
    assert found.lines == ((200_000, "line 200000"),)
    assert kit.turns < 20


def test_streams_that_alternate_are_not_gone_through_gap_by_gap() -> None:
    """One is kept, of the other the middle is not: there are thousands of gaps."""
    kit = searcher(*[(1, b"err\n"), (2, b"x")] * 4000, limit=8000)
    found = kit.find("err", max_bytes=10**6)
    assert found.end == found.latest == 20_000
    assert found.evicted_bytes == 8000
    assert len(found.lines) == 2000
    assert found.lines[-1][0] == 4000
    assert kit.turns < 10


def test_each_piece_has_its_turn() -> None:
    kit = searcher((STDOUT, numbered(10_000)))
    kit.find("no such line")
    assert kit.turns == pytest.approx(len(numbered(10_000)) / PIECE_BYTES, abs=2)


def test_behind_the_end_there_is_nothing_to_do() -> None:
    kit = searcher((STDOUT, numbered(10)))
    end = len(numbered(10))
    assert kit.find("line", start=end) == Found(
        lines=(), start=end, end=end, latest=end, evicted_bytes=0
    )
    assert kit.turns == 0
    assert searcher().find("x").end == 0


# --- lines ---------------------------------------------------------------------------


def test_lines_are_as_a_person_sees_them() -> None:
    kit = searcher((STDOUT, b"10%\r50%\rdone\n\x1b[31mred\x1b[0m\n\xff\n"))
    assert kit.find(".").lines == ((1, "done"), (2, "red"), (3, "\ufffd"))
    assert kit.find("50|31m").lines == ()


def test_the_middle_of_a_long_line_is_looked_at_though_not_shown() -> None:
    found = searcher((STDOUT, b"a" * 5000 + b"ERROR" + b"b" * 5000)).find("ERROR")
    ((number, shown),) = found.lines
    assert number == 1
    assert len(shown) <= 2000
    assert "ERROR" not in shown


def test_a_very_long_line_is_looked_at_in_parts_with_one_number() -> None:
    data = b"1\n" + b"x" * (LINE_BYTES + 10) + b"y\n3\n"
    found = searcher((STDOUT, data)).find("x|y|3")
    assert [number for number, _ in found.lines] == [2, 2, 3]
    assert found.end == len(data)


def test_a_line_longer_than_a_piece_is_one_line() -> None:
    data = b"a\n" + b"x" * (PIECE_BYTES * 2) + b"y\nb\n"
    found = searcher((STDOUT, data)).find("xy$|b")
    assert [number for number, _ in found.lines] == [2, 3]


# --- while things happen -------------------------------------------------------------


def test_what_arrives_meanwhile_is_not_looked_at_and_changes_no_number() -> None:
    data = numbered(10_000)
    kit = searcher((STDOUT, data))
    found = kit.find(
        "0000$|new", between=lambda: kit.kept.output.append(STDOUT, b"new\n")
    )
    assert found.lines == ((10_000, "line 10000"),)
    assert found.end == found.latest == len(data)


@pytest.mark.parametrize("arrives", [500, 5_000, 50_000])
def test_numbers_are_right_though_what_was_passed_has_gone_since(arrives: int) -> None:
    """What is written faster than it is searched leaves nothing to find."""
    data = numbered(10_000)
    kit = searcher((STDOUT, data), limit=len(data))
    found = kit.find(
        "line (9000|1000)$",
        between=lambda: kit.kept.output.append(STDOUT, b"x" * arrives),
    )
    assert found.end == found.latest == len(data)
    assert found.lines[0] == (1000, "line 1000")
    assert found.lines[1:] == (((9000, "line 9000"),) if arrives < 50_000 else ())
    assert found.evicted_bytes > 0


def test_output_that_is_closed_meanwhile_is_a_gap() -> None:
    kit = searcher((STDOUT, numbered(10_000)))
    found = kit.find("line", max_bytes=10**9, between=kit.kept.close)
    assert found.end == found.latest
    assert found.evicted_bytes > 0
    assert found.lines[0] == (1, "line 1")


def test_where_only_the_order_is_forgotten_the_numbers_go_on() -> None:
    """More changes between the streams than are remembered; every byte is kept."""
    runs = (FIRST_BLOCKS + LAST_BLOCKS + 2) * BLOCK_RUNS
    printed = [(STDOUT + number % 2, b"%d\n" % number) for number in range(runs)]
    kit = searcher(*printed)
    assert kit.kept.evicted_bytes(BOTH) == 0
    found = kit.find(f"^({runs - 1}|5)$")
    assert found.lines == ((6, "5"), (runs, str(runs - 1)))
    assert found.evicted_bytes > 0
    late = kit.find(f"^{runs - 1}$", start=found.latest - 20)
    assert late.lines == ((runs, str(runs - 1)),)
