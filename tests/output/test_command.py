"""Both streams of a command together, against a model that keeps everything."""

from __future__ import annotations

import random

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock

from commander.output.batching import OutputSpan
from commander.output.budget import FLOOR_BYTES, MemoryBudget
from commander.output.command import SPAN_RUNS, CommandOutput, MergedPiece
from commander.output.order import BLOCK_BYTES, STDERR, STDOUT
from commander.output.ring import Gap
from tests.memory import memory_kept_by

LETTERS = bytes(random.Random(5).choices(b"abcdefghijklmnopqrstuvwxyz\n", k=100_000))

reads = st.lists(
    st.tuples(
        st.sampled_from([STDOUT, STDERR]), st.integers(min_value=1, max_value=300)
    ),
    max_size=40,
)


@attrs.define
class Everything:
    """All bytes of both streams, in their order and for themselves."""

    merged: bytearray = attrs.field(factory=bytearray)
    streams: bytearray = attrs.field(factory=bytearray)
    """Which stream each merged byte is of."""
    stdout: bytearray = attrs.field(factory=bytearray)
    stderr: bytearray = attrs.field(factory=bytearray)

    def add(self, stream: int, data: bytes) -> None:
        self.merged += data
        self.streams += bytes([stream]) * len(data)
        self.of(stream).extend(data)

    def of(self, stream: int) -> bytearray:
        return self.stdout if stream == STDOUT else self.stderr

    def offset(self, merged: int) -> int:
        """A merged offset within its own stream."""
        return self.streams.count(self.streams[merged], 0, merged)


def output_of(
    pieces: list[tuple[int, int]], limit_bytes: int
) -> tuple[CommandOutput, Everything]:
    """Output of pieces of these sizes, half of them read straight into it."""
    output = CommandOutput(limit_bytes, MemoryBudget(1_000_000))
    everything = Everything()
    for stream, size in pieces:
        start = output.total_bytes % 50_000
        data = LETTERS[start : start + size]
        if size % 2:
            output.append(stream, data)
        else:
            view = output.buffers(stream, size)[0]
            data = data[: len(view)]
            view[: len(data)] = data
            output.filled(stream, len(data))
        everything.add(stream, data)
    return output, everything


def check_merged(
    output: CommandOutput, everything: Everything, start: int, end: int
) -> int:
    """Pieces and gaps join, pieces are right; returns how many bytes they hold."""
    place = start
    kept_bytes = 0
    was_gap = False
    for part in output.merged(start, end):
        assert part.start == place
        if isinstance(part, MergedPiece):
            place += len(part.data)
            kept_bytes += len(part.data)
            assert part.data == everything.merged[part.start : place]
            assert {part.stream} == set(everything.streams[part.start : place])
            assert part.offset == everything.offset(part.start)
            was_gap = False
        else:
            assert not was_gap
            assert part.end > part.start
            place = part.end
            was_gap = True
    assert place == max(start, min(end, output.total_bytes))
    return kept_bytes


@given(reads, st.integers(1, 2_000), st.integers(0, 9_000), st.integers(0, 9_000))
def test_the_merged_view_has_each_kept_byte_at_its_place(
    pieces: list[tuple[int, int]], limit_bytes: int, start: int, end: int
) -> None:
    output, everything = output_of(pieces, limit_bytes)
    assert output.total_bytes == len(everything.merged)
    check_merged(output, everything, start, end)
    total = output.stdout.omitted_bytes + output.stderr.omitted_bytes
    kept_bytes = check_merged(output, everything, 0, output.total_bytes)
    assert kept_bytes + total == output.total_bytes


@given(reads, st.integers(1, 2_000), st.integers(0, 9_000), st.integers(1, 2_000))
def test_a_span_reaches_over_so_many_kept_bytes(
    pieces: list[tuple[int, int]], limit_bytes: int, start: int, most_bytes: int
) -> None:
    output, everything = output_of(pieces, limit_bytes)
    start = min(start, output.total_bytes)
    end = output.reach(start, most_bytes)
    kept_bytes = check_merged(output, everything, start, end)
    assert start <= end <= output.total_bytes
    assert kept_bytes <= most_bytes
    assert kept_bytes == most_bytes or end == output.total_bytes


@given(reads)
def test_a_byte_of_a_stream_has_its_place_among_both(
    pieces: list[tuple[int, int]],
) -> None:
    output, everything = output_of(pieces, 100)
    for merged in range(0, output.total_bytes, 97):
        stream = everything.streams[merged]
        assert output.merged_offset(stream, everything.offset(merged)) == merged
    assert output.merged_offset(STDERR, len(everything.stderr)) is None


def test_the_streams_are_kept_apart() -> None:
    output, _ = output_of([], 1_000)
    output.append(STDOUT, b"out")
    output.append(STDERR, b"error")
    assert output.stdout.window().head + output.stdout.window().tail == b"out"
    assert output.stderr.window().head + output.stderr.window().tail == b"error"
    assert output.merged(0, 100) == [
        MergedPiece(STDOUT, 0, 0, b"out"),
        MergedPiece(STDERR, 3, 0, b"error"),
    ]


def test_nothing_appended_is_no_read() -> None:
    output, _ = output_of([(STDOUT, 1), (STDERR, 1)], 1_000)
    output.append(STDOUT, b"")
    output.append(STDERR, b"!")
    assert [part.start for part in output.merged(0, 9)] == [0, 1]


def test_where_the_order_is_forgotten_the_merged_view_has_a_gap() -> None:
    output, everything = output_of([(STDOUT, 1), (STDERR, 1)] * 20_000, 100_000)
    assert output.stdout.omitted_bytes == output.stderr.omitted_bytes == 0
    gaps = [part for part in output.merged(0, 40_000) if isinstance(part, Gap)]
    assert len(gaps) == 1
    kept_bytes = check_merged(output, everything, 0, 40_000)
    assert kept_bytes == 40_000 - (gaps[0].end - gaps[0].start)
    assert output.reach(gaps[0].start, 10) == gaps[0].end + 10


def test_a_span_over_many_small_runs_ends_early() -> None:
    output, _ = output_of([(STDOUT, 1), (STDERR, 1)] * 2_000, 100_000)
    assert output.reach(0, 100_000) == SPAN_RUNS


def test_a_closed_output_has_gaps_only_and_its_memory_is_free() -> None:
    budget = MemoryBudget(1_000_000)
    output = CommandOutput(50_000, budget)
    output.append(STDOUT, LETTERS)
    output.append(STDERR, b"!")
    assert budget.reserved_bytes == 50_000 + FLOOR_BYTES + BLOCK_BYTES
    output.close()
    output.close()
    assert budget.reserved_bytes == 0
    assert output.total_bytes == 100_001
    assert output.stdout.window().omitted_bytes == 100_000
    assert output.merged(10, 200_000) == [Gap(10, 100_001)]


def test_a_command_without_output_costs_less_than_a_kibibyte() -> None:
    budget = MemoryBudget(100_000_000)
    kept = memory_kept_by(
        lambda: [CommandOutput(1_000_000, budget) for _ in range(500)]
    )
    assert kept / 500 < 1_024


def test_subscribers_are_told_of_both_streams() -> None:
    clock = Clock()
    output, _ = output_of([(STDOUT, 3)], 1_000)
    told: list[OutputSpan] = []
    output.subscribe(told.append, clock=clock, monotonic=clock.seconds, start=1)
    clock.advance(0)
    output.append(STDERR, b"error")
    clock.advance(1)
    view = output.buffers(STDOUT, 2)[0]
    output.filled(STDOUT, len(view))
    clock.advance(1)
    assert told == [OutputSpan(1, 3), OutputSpan(3, 8), OutputSpan(8, 10)]
    output.close()
    assert clock.getDelayedCalls() == []


def test_one_subscriber_may_leave_while_another_stays() -> None:
    clock = Clock()
    output, _ = output_of([], 1_000)
    told: list[OutputSpan] = []
    leaves = output.subscribe(told.append, clock=clock, monotonic=clock.seconds)
    output.subscribe(told.append, clock=clock, monotonic=clock.seconds)
    leaves.close()
    output.append(STDOUT, b"out")
    output.finish()
    assert told == [OutputSpan(0, 3)]
    assert clock.getDelayedCalls() == []


@given(reads, st.integers(1, 2_000), st.integers(0, 9_000))
def test_the_next_kept_byte_is_the_first_that_is_read(
    pieces: list[tuple[int, int]], limit_bytes: int, start: int
) -> None:
    output, _ = output_of(pieces, limit_bytes)
    total = output.total_bytes
    kept = [p for p in output.merged(start, total) if isinstance(p, MergedPiece)]
    assert output.kept_from(start) == (kept[0].start if kept else total)
    assert all(piece.end == piece.start + len(piece.data) for piece in kept)


@given(reads, st.integers(1, 2_000))
def test_a_tee_gets_every_byte_in_its_order(
    pieces: list[tuple[int, int]], limit_bytes: int
) -> None:
    told = Everything()
    output = CommandOutput(
        limit_bytes,
        MemoryBudget(10_000),
        lambda stream, views: told.add(stream, b"".join(views)),
    )
    for number, (stream, size) in enumerate(pieces):
        data = LETTERS[number : number + size]
        if size % 2:
            output.append(stream, data)
            continue
        views = output.buffers(stream, size)
        count = sum(map(len, views))
        for view in views:
            view[:], data = data[: len(view)], data[len(view) :]
        output.filled(stream, count)
    assert len(told.merged) == output.total_bytes
    check_merged(output, told, 0, output.total_bytes)


@given(reads, st.integers(1, 2_000))
def test_a_sealed_output_reads_as_before(
    pieces: list[tuple[int, int]], limit_bytes: int
) -> None:
    output, everything = output_of(pieces, limit_bytes)
    before = output.merged(0, output.total_bytes)
    output.seal()
    output.seal()
    assert output.merged(0, output.total_bytes) == before
    check_merged(output, everything, 0, output.total_bytes)
    kept_bytes = sum(len(p.data) for p in before if isinstance(p, MergedPiece))
    assert kept_bytes <= output.kept_bytes <= kept_bytes + 8 * len(pieces)
    omitted_bytes = output.stdout.omitted_bytes + output.stderr.omitted_bytes
    assert output.is_safe is not bool(omitted_bytes)


def test_what_a_sealed_output_keeps_is_charged_until_it_is_closed() -> None:
    budget = MemoryBudget(1_000_000)
    output = CommandOutput(50_000, budget)
    output.append(STDOUT, LETTERS[:6_000])
    output.append(STDERR, b"!")
    output.seal()
    assert budget.reserved_bytes == output.kept_bytes == 6_001 + 8
    assert not output.is_safe
    output.close()
    assert budget.reserved_bytes == 0


@pytest.mark.parametrize("size", [0, 1_000])
def test_a_sealed_output_costs_its_bytes_and_not_much_else(size: int) -> None:
    budget = MemoryBudget(100_000_000)

    def sealed() -> CommandOutput:
        output = CommandOutput(1_000_000, budget)
        output.buffers(STDOUT, 1_000)
        if size:
            output.filled(STDOUT, size)
        output.seal()
        return output

    assert memory_kept_by(lambda: [sealed() for _ in range(400)]) / 400 < size + 900


@given(st.integers(min_value=1, max_value=5_000), st.integers(1, 3))
@settings(max_examples=20)
def test_outputs_short_of_memory_still_tell_the_truth(size: int, count: int) -> None:
    budget = MemoryBudget(20_000)
    outputs = [CommandOutput(50_000, budget) for _ in range(count)]
    told = [Everything() for _ in outputs]
    for start in range(0, 40_000, size):
        for output, everything in zip(outputs, told, strict=True):
            stream = STDOUT if start % 3 else STDERR
            output.append(stream, LETTERS[start : start + size])
            everything.add(stream, LETTERS[start : start + size])
    for output, everything in zip(outputs, told, strict=True):
        check_merged(output, everything, 0, output.total_bytes)
