"""The ring, against a model that keeps everything."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
)

from commander.commands import OutputWindow
from commander.output.budget import FLOOR_BYTES, MemoryBudget
from commander.output.ring import GROWTH, Gap, HeadTailRing, Piece
from tests.memory import memory_kept_by

STREAM = bytes(random.Random(7).choices(b"abcdefghijklmnopqrstuvwxyz\n", k=400_000))
"""Without a period, so that no two places of it look alike."""

LIMIT = 200_000

chunks = st.lists(st.binary(max_size=40), max_size=30)


def alone(limit_bytes: int) -> HeadTailRing:
    """A ring that nobody disputes its memory with."""
    return HeadTailRing(limit_bytes, MemoryBudget(limit_bytes))


def filled(limit_bytes: int, pieces: list[bytes]) -> HeadTailRing:
    ring = alone(limit_bytes)
    for piece in pieces:
        ring.append(piece)
    return ring


def read_into(ring: HeadTailRing, data: bytes, hint: int) -> int:
    """Do what a transport does with a pipe in which these bytes stand."""
    views = ring.buffers(hint)
    assert 1 <= sum(map(len, views)) <= hint
    taken = 0
    for view in views:
        part = data[taken : taken + len(view)]
        view[: len(part)] = part
        taken += len(part)
    if taken:
        ring.filled(taken)
    return taken


def read_all(ring: HeadTailRing, data: bytes, hint: int) -> None:
    while data:
        data = data[read_into(ring, data, hint) :]


def model(limit_bytes: int, stream: bytes) -> OutputWindow:
    """What the window of a stream longer than the limit must be."""
    head_bytes = limit_bytes // 4
    tail_bytes = limit_bytes - head_bytes
    omitted = stream[head_bytes:-tail_bytes]
    return OutputWindow(
        head=stream[:head_bytes],
        tail=stream[-tail_bytes:],
        total_bytes=len(stream),
        omitted_bytes=len(omitted),
        omitted_lines=omitted.count(b"\n"),
    )


def check_kept(ring: HeadTailRing, limit_bytes: int, stream: bytes) -> None:
    """It keeps what a ring of this limit must keep, no more and no less."""
    window = ring.window()
    if len(stream) > limit_bytes:
        assert window == model(limit_bytes, stream)
    else:
        assert window.head + window.tail == stream
        assert window.omitted_bytes == window.omitted_lines == 0


def check_against(ring: HeadTailRing, stream: bytes) -> None:
    """Whatever the ring keeps of it is right, and what it lacks is counted."""
    window = ring.window()
    kept_bytes = len(window.head) + len(window.tail)
    gap_end = len(stream) - len(window.tail)
    for offset in {0, len(window.head) // 2, len(window.head), gap_end, len(stream)}:
        assert ring.newlines_before(offset) == stream.count(b"\n", 0, offset)
    assert ring.total_bytes == window.total_bytes == len(stream)
    assert stream.startswith(window.head)
    assert stream.endswith(window.tail)
    assert window.omitted_bytes == ring.omitted_bytes == len(stream) - kept_bytes
    assert window.omitted_lines == stream.count(b"\n", len(window.head), gap_end)


def check_read(ring: HeadTailRing, stream: bytes, start: int, end: int) -> None:
    window = ring.window()
    gap = range(len(window.head), len(stream) - len(window.tail))
    place = start
    for part in ring.read(start, end):
        assert part.start == place < part.end
        place = part.end
        if isinstance(part, Piece):
            assert part.data == stream[part.start : part.end]
        else:
            assert part.start in gap
            assert part.end - 1 in gap
    assert place == max(start, min(end, len(stream)))


@given(st.integers(min_value=1, max_value=64), chunks)
def test_the_window_is_what_a_buffer_without_bound_would_show(
    limit_bytes: int, pieces: list[bytes]
) -> None:
    check_kept(filled(limit_bytes, pieces), limit_bytes, b"".join(pieces))


@given(
    limit_bytes=st.integers(min_value=1, max_value=150_000),
    size=st.integers(min_value=0, max_value=len(STREAM)),
    hint=st.integers(min_value=1_000, max_value=300_000),
)
@settings(max_examples=50)
def test_reading_straight_into_it_keeps_the_same(
    limit_bytes: int, size: int, hint: int
) -> None:
    ring = alone(limit_bytes)
    read_all(ring, STREAM[:size], hint)
    check_kept(ring, limit_bytes, STREAM[:size])


@given(st.integers(min_value=1, max_value=64), chunks, chunks)
def test_asking_for_the_window_changes_nothing(
    limit_bytes: int, before: list[bytes], after: list[bytes]
) -> None:
    asked = filled(limit_bytes, before)
    asked.window()
    for piece in after:
        asked.append(piece)
    assert asked.window() == filled(limit_bytes, before + after).window()


def test_a_stream_of_exactly_the_limit_is_kept_whole() -> None:
    window = filled(LIMIT, [STREAM[:LIMIT]]).window()
    assert window.head + window.tail == STREAM[:LIMIT]
    assert window.omitted_bytes == 0


def test_one_byte_over_the_limit_omits_one_byte() -> None:
    ring = filled(LIMIT, [STREAM[: LIMIT + 1]])
    assert ring.window().omitted_bytes == 1
    assert ring.read(0, LIMIT + 1) == [
        Piece(0, STREAM[: LIMIT // 4]),
        Gap(LIMIT // 4, LIMIT // 4 + 1),
        Piece(LIMIT // 4 + 1, STREAM[LIMIT // 4 + 1 : LIMIT + 1]),
    ]


def test_a_full_ring_lends_its_end_and_its_start_in_two_views() -> None:
    ring = filled(1_000, [STREAM[:1_100]])
    first, second = ring.buffers(700)
    assert (len(first), len(second)) == (650, 50)
    first[:], second[:] = STREAM[1_100:1_750], STREAM[1_750:1_800]
    ring.filled(700)
    assert ring.window() == model(1_000, STREAM[:1_800])


def test_it_never_lends_more_than_it_keeps_as_tail() -> None:
    ring = filled(1_000, [STREAM[:1_100]])
    assert sum(map(len, ring.buffers(5_000))) == 750


def test_a_read_that_brings_nothing_changes_nothing() -> None:
    ring = filled(1_000, [STREAM[:1_100]])
    ring.buffers(700)
    assert ring.window() == model(1_000, STREAM[:1_100])


def test_memory_grows_with_the_output_up_to_the_limit() -> None:
    ring = alone(LIMIT)
    steps = {ring.reserved_bytes}
    for start in range(0, 2 * LIMIT, 100):
        ring.append(STREAM[start : start + 100])
        steps.add(ring.reserved_bytes)
        assert ring.reserved_bytes <= max(FLOOR_BYTES, GROWTH * ring.total_bytes)
    assert sorted(steps) == [4_096, 16_384, 65_536, LIMIT]


def test_a_ring_without_output_has_no_memory_yet() -> None:
    budget = MemoryBudget(100_000_000)
    kept = memory_kept_by(lambda: [HeadTailRing(LIMIT, budget) for _ in range(500)])
    assert kept / 500 < 500


def test_a_refused_ring_wraps_earlier_and_counts_it() -> None:
    ring = HeadTailRing(LIMIT, MemoryBudget(FLOOR_BYTES))
    read_all(ring, STREAM[:50_000], 1_000)
    assert ring.window() == model(FLOOR_BYTES, STREAM[:50_000])


def test_a_ring_that_has_wrapped_grows_when_there_is_room_again() -> None:
    budget = MemoryBudget(LIMIT)
    other = HeadTailRing(LIMIT, budget)
    ring = HeadTailRing(LIMIT, budget)
    other.append(STREAM[:LIMIT])
    ring.append(STREAM[:150_000])
    kept_head = ring.window().head
    assert ring.omitted_bytes
    other.close()
    ring.append(STREAM[150_000:])
    assert ring.reserved_bytes == LIMIT
    assert ring.window().head == kept_head
    assert len(ring.window().tail) == LIMIT - len(kept_head)
    check_against(ring, STREAM)


@pytest.mark.parametrize("size", [0, 3_000, 60_000, LIMIT])
@pytest.mark.parametrize("left", [FLOOR_BYTES, 50_000, 100_000])
def test_a_ring_that_shrinks_before_it_wrapped_keeps_a_head_and_a_tail(
    size: int, left: int
) -> None:
    ring = filled(LIMIT, [STREAM[:size]])
    ring.shrink(left)
    check_kept(ring, left, STREAM[:size])


def test_a_head_is_whole_until_it_is_half_of_what_is_left() -> None:
    ring = filled(LIMIT, [STREAM])
    for left, head in ((120_000, 50_000), (90_000, 45_000), (10_000, 5_000)):
        ring.shrink(left)
        window = ring.window()
        assert (len(window.head), len(window.tail)) == (head, left - head)
        check_against(ring, STREAM)


def test_a_closed_ring_knows_its_counts_and_nothing_else() -> None:
    budget = MemoryBudget(LIMIT)
    ring = HeadTailRing(LIMIT, budget)
    ring.append(STREAM[:10_000])
    ring.close()
    assert budget.reserved_bytes == ring.reserved_bytes == 0
    assert ring.window() == OutputWindow(
        total_bytes=10_000,
        omitted_bytes=10_000,
        omitted_lines=STREAM.count(b"\n", 0, 10_000),
    )
    assert ring.read(0, 20_000) == [Gap(0, 10_000)]
    with pytest.raises(ValueError, match="closed"):
        ring.buffers(1)


def test_a_ring_that_is_closed_twice_counts_once() -> None:
    budget = MemoryBudget(LIMIT)
    ring, _, _ = [HeadTailRing(LIMIT, budget) for _ in range(3)]
    ring.close()
    ring.close()
    assert budget.share_bytes == LIMIT // 2


def test_an_empty_ring_that_is_closed_has_no_gap() -> None:
    ring = alone(LIMIT)
    ring.close()
    assert ring.window() == OutputWindow()
    assert ring.read(0, 1) == []


@given(
    size=st.integers(min_value=1, max_value=3_000),
    start=st.integers(min_value=0, max_value=3_000),
    most_bytes=st.integers(min_value=1, max_value=1_000),
)
def test_reach_ends_where_so_many_kept_bytes_have_passed(
    size: int, start: int, most_bytes: int
) -> None:
    ring = filled(1_000, [STREAM[:size]])
    start = min(start, size)
    end = ring.reach(start, most_bytes)
    kept_bytes = sum(
        len(part.data) for part in ring.read(start, end) if isinstance(part, Piece)
    )
    assert kept_bytes == ring.kept_bytes(start, end) <= most_bytes
    assert start <= end <= size
    assert kept_bytes == most_bytes or end == size


@given(
    size=st.integers(min_value=0, max_value=3 * LIMIT),
    left=st.integers(min_value=FLOOR_BYTES, max_value=LIMIT),
    again=st.integers(min_value=1, max_value=LIMIT),
)
@settings(max_examples=50)
def test_a_sealed_ring_reads_as_before_and_has_no_byte_to_spare(
    size: int, left: int, again: int
) -> None:
    budget = MemoryBudget(LIMIT)
    ring = HeadTailRing(LIMIT, budget)
    data = (STREAM * 2)[:size]
    ring.append(data)
    ring.shrink(left)
    ring.append(STREAM[:again])
    data += STREAM[:again]
    before = ring.window()
    ring.seal()
    ring.seal()
    assert ring.window() == before
    check_against(ring, data)
    assert ring.reserved_bytes == len(data) - ring.omitted_bytes
    with pytest.raises(ValueError, match="sealed"):
        ring.buffers(1)


def test_what_a_sealed_ring_keeps_is_charged_until_it_is_closed() -> None:
    budget = MemoryBudget(LIMIT)
    ring = HeadTailRing(LIMIT, budget)
    ring.append(STREAM[:5_000])
    assert budget.reserved_bytes == 16_384
    ring.seal()
    assert budget.reserved_bytes == 5_000
    ring.close()
    ring.close()
    assert budget.reserved_bytes == 0
    assert budget.share_bytes == LIMIT


@pytest.mark.parametrize("touched", [False, True])
def test_a_sealed_ring_without_output_is_no_holder(touched: bool) -> None:
    budget = MemoryBudget(LIMIT)
    ring, _, _ = [HeadTailRing(LIMIT, budget) for _ in range(3)]
    if touched:
        ring.buffers(100)
    ring.seal()
    assert budget.share_bytes == LIMIT // 2
    assert budget.reserved_bytes == 2 * FLOOR_BYTES
    assert ring.is_safe
    ring.close()
    assert budget.share_bytes == LIMIT // 2


def test_the_budget_may_take_from_a_sealed_ring() -> None:
    budget = MemoryBudget(LIMIT)
    finished = HeadTailRing(LIMIT, budget)
    finished.append(STREAM[:190_000])
    finished.seal()
    running = HeadTailRing(LIMIT, budget)
    running.append(STREAM[:LIMIT])
    assert finished.reserved_bytes < 190_000
    check_against(finished, STREAM[:190_000])
    assert running.reserved_bytes >= budget.share_bytes // 2


def test_only_what_nobody_can_take_is_safe() -> None:
    for size, safe in ((FLOOR_BYTES, True), (FLOOR_BYTES + 1, False)):
        ring = filled(LIMIT, [STREAM[:size]])
        assert not ring.is_safe
        ring.seal()
        assert ring.is_safe is safe


@given(
    size=st.integers(min_value=0, max_value=3_000),
    offset=st.integers(min_value=0, max_value=3_500),
)
def test_the_next_kept_byte_is_the_first_of_the_next_piece(
    size: int, offset: int
) -> None:
    ring = filled(1_000, [STREAM[:size]])
    pieces = [part for part in ring.read(offset, size) if isinstance(part, Piece)]
    assert ring.kept_from(offset) == (pieces[0].start if pieces else size)
    gaps = [part for part in ring.read(0, size) if isinstance(part, Gap)]
    assert gaps == ([ring.gap] if ring.omitted_bytes else [])
    assert ring.newlines == STREAM.count(b"\n", 0, size)


class RingsInABudget(RuleBasedStateMachine):
    """Any number of rings of any limit, in any order of calls, short of memory."""

    rings = Bundle("rings")

    def __init__(self) -> None:
        super().__init__()
        self.budget = MemoryBudget(40_000)
        self.streams: dict[HeadTailRing, bytes] = {}
        self.sealed: dict[HeadTailRing, bytes] = {}
        self.charged = 0

    @rule(
        target=rings,
        limit_bytes=st.one_of(
            st.integers(min_value=1, max_value=10),
            st.integers(min_value=FLOOR_BYTES - 1, max_value=60_000),
        ),
    )
    def open(self, limit_bytes: int) -> HeadTailRing:
        ring = HeadTailRing(limit_bytes, self.budget)
        self.streams[ring] = b""
        return ring

    def next_of(self, ring: HeadTailRing, size: int) -> bytes:
        start = ring.total_bytes % 300_000
        return STREAM[start : start + size]

    @rule(
        ring=rings,
        size=st.integers(min_value=0, max_value=20_000),
        hint=st.integers(min_value=1, max_value=20_000),
    )
    def read(self, ring: HeadTailRing, size: int, hint: int) -> None:
        """One read, which may bring less than there is room for, or nothing."""
        data = self.next_of(ring, size)
        taken = read_into(ring, data, hint)
        self.streams[ring] += data[:taken]

    @rule(ring=rings, size=st.integers(min_value=0, max_value=80_000))
    def append(self, ring: HeadTailRing, size: int) -> None:
        data = self.next_of(ring, size)
        ring.append(data)
        self.streams[ring] += data

    @rule(size=st.integers(min_value=1, max_value=5_000))
    def charge(self, size: int) -> None:
        self.budget.charge(size)
        self.charged += size

    @rule()
    def refund(self) -> None:
        self.budget.charge(-self.charged)
        self.charged = 0

    @rule(
        ring=rings,
        start=st.integers(min_value=0, max_value=100_000),
        size=st.integers(min_value=0, max_value=100_000),
    )
    def read_back(self, ring: HeadTailRing, start: int, size: int) -> None:
        check_read(ring, self.streams[ring], start, start + size)

    @rule(target=rings, ring=consumes(rings))
    def seal(self, ring: HeadTailRing) -> object:
        """It takes part no more, but what it has is charged, and may be taken."""
        before = ring.window()
        ring.seal()
        assert ring.window() == before
        self.sealed[ring] = self.streams.pop(ring)
        return multiple()

    @rule()
    def forget_the_sealed(self) -> None:
        while self.sealed:
            ring, _ = self.sealed.popitem()
            ring.close()
            assert ring.reserved_bytes == 0

    @rule(target=rings, ring=consumes(rings))
    def close(self, ring: HeadTailRing) -> object:
        ring.close()
        assert ring.reserved_bytes == 0
        check_against(ring, self.streams.pop(ring))
        return multiple()

    @invariant()
    def every_ring_tells_the_truth(self) -> None:
        for ring, stream in (*self.streams.items(), *self.sealed.items()):
            check_against(ring, stream)

    @invariant()
    def the_budget_holds(self) -> None:
        rings = (*self.streams, *self.sealed)
        held = sum(ring.reserved_bytes for ring in rings)
        floors = sum(min(ring.limit_bytes, FLOOR_BYTES) for ring in rings)
        assert self.budget.reserved_bytes == held + self.charged
        if not self.charged:
            assert held <= max(self.budget.limit_bytes, floors)

    @invariant()
    def every_ring_has_its_floor_and_uses_it(self) -> None:
        for ring, stream in self.streams.items():
            floor = min(ring.limit_bytes, FLOOR_BYTES)
            assert floor <= ring.reserved_bytes <= ring.limit_bytes
            kept_bytes = len(stream) - ring.omitted_bytes
            assert kept_bytes >= min(len(stream), floor // 2)


TestRingsInABudget = RingsInABudget.TestCase
TestRingsInABudget.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None
)


@pytest.mark.parametrize("limit_bytes", [8, 1000])
def test_a_closed_ring_still_knows_its_newlines(limit_bytes: int) -> None:
    ring = filled(limit_bytes, [b"a\nb\n" * 5])
    ring.close()
    assert ring.newlines_before(ring.total_bytes) == 10
