"""The log of reads, against a plain list of all runs."""

from __future__ import annotations

import itertools
from bisect import bisect_right

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from commander.output.order import (
    BLOCK_BYTES,
    BLOCK_RUNS,
    FIRST_BLOCKS,
    LAST_BLOCKS,
    RUN_BYTES,
    STDERR,
    STDOUT,
    Forgotten,
    ReadOrder,
    Run,
    runs_of,
)

FIRST_RUNS = FIRST_BLOCKS * BLOCK_RUNS
LAST_RUNS = LAST_BLOCKS * BLOCK_RUNS

streams = st.sampled_from([STDOUT, STDERR])


@attrs.define
class Model:
    """All runs, the first of them of stdout, and all offsets at their ends."""

    lengths: list[int] = attrs.field(factory=lambda: [0])

    def add(self, stream: int, count: int) -> None:
        if STDOUT + (len(self.lengths) - 1) % 2 == stream:
            self.lengths[-1] += count
        else:
            self.lengths.append(count)

    def runs(self) -> list[Run]:
        own = {STDOUT: 0, STDERR: 0}
        merged = 0
        found = []
        for number, length in enumerate(self.lengths):
            stream = STDOUT + number % 2
            found.append(Run(stream, merged, merged + length, own[stream]))
            own[stream] += length
            merged += length
        return found

    def forgotten(self) -> Forgotten | None:
        ended = len(self.lengths) - 1
        blocks = -(-ended // BLOCK_RUNS)
        if blocks <= FIRST_BLOCKS + LAST_BLOCKS:
            return None
        runs = self.runs()
        # The first two of a block tell where the third begins.
        tail = runs[(blocks - LAST_BLOCKS) * BLOCK_RUNS + 2]
        return Forgotten(runs[FIRST_RUNS - 1].end, tail.start)


def cut(run: Run, start: int, end: int) -> Run:
    first = max(run.start, start)
    return Run(
        run.stream, first, min(run.end, end), run.offset + max(0, start - run.start)
    )


def expected(
    runs: list[Run], forgotten: Forgotten | None, start: int, end: int
) -> list[Run | Forgotten]:
    """What ``between`` must give, by looking at every run."""
    if forgotten is None:
        forgotten = Forgotten(0, 0)
    if forgotten.start <= start < forgotten.end:
        start, before = forgotten.end, [Forgotten(start, min(end, forgotten.end))]
    else:
        before = []
    found: list[Run | Forgotten] = list(before)
    for run in runs:
        if max(run.start, start) >= min(run.end, end):
            continue
        if run.start >= forgotten.start and run.end <= forgotten.end:
            if not isinstance(found[-1], Forgotten):
                found.append(Forgotten(forgotten.start, min(end, forgotten.end)))
        else:
            found.append(cut(run, start, end))
    return found


def order_of(reads: list[tuple[int, int]]) -> tuple[ReadOrder, Model]:
    order, model = ReadOrder(lambda size: None), Model()
    for stream, count in reads:
        order.add(stream, count)
        model.add(stream, count)
    return order, model


@given(
    st.lists(st.tuples(streams, st.integers(min_value=1, max_value=5)), max_size=60),
    st.integers(min_value=0, max_value=200),
    st.integers(min_value=0, max_value=200),
)
def test_runs_come_back_in_the_order_of_the_reads(
    reads: list[tuple[int, int]], start: int, end: int
) -> None:
    order, model = order_of(reads)
    assert order.total_bytes == sum(count for _, count in reads)
    end = min(end, order.total_bytes)
    assert list(order.between(start, end)) == expected(model.runs(), None, start, end)


@given(st.lists(st.tuples(streams, st.integers(min_value=1, max_value=5)), max_size=60))
def test_merged_offsets_and_stream_offsets_are_two_names_of_a_byte(
    reads: list[tuple[int, int]],
) -> None:
    order, model = order_of(reads)
    for run in model.runs():
        for step in range(run.end - run.start):
            found = order.merged_offset(run.stream, run.offset + step)
            assert found == run.start + step
    for stream in (STDOUT, STDERR):
        size = sum(count for name, count in reads if name == stream)
        assert order.merged_offset(stream, size) is None


def test_reads_of_one_stream_are_one_run() -> None:
    order, _ = order_of([(STDOUT, 3), (STDOUT, 4), (STDERR, 2), (STDERR, 1)])
    assert list(order.between(0, 100)) == [Run(STDOUT, 0, 7, 0), Run(STDERR, 7, 10, 0)]
    assert order.runs == 1


def test_a_log_without_reads_is_empty() -> None:
    order = ReadOrder(lambda size: None)
    assert list(order.between(0, 100)) == []
    assert order.forgotten is None
    order.close()
    assert list(order.between(0, 100)) == []


def alternating(order: ReadOrder, runs: int, count: int = 1) -> None:
    for _ in range(runs):
        order.add(STDOUT + STDERR - order.stream, count)


def test_the_first_and_the_last_runs_stay_and_the_middle_is_forgotten() -> None:
    order = ReadOrder(lambda size: None)
    order.add(STDOUT, 1)
    alternating(order, 100_000)
    forgotten = order.forgotten
    assert forgotten is not None
    assert forgotten.start == FIRST_RUNS
    assert LAST_RUNS - BLOCK_RUNS - 2 < 100_000 - forgotten.end <= LAST_RUNS
    parts = list(order.between(0, order.total_bytes))
    assert parts[FIRST_RUNS] == forgotten
    assert len(parts) == FIRST_RUNS + 1 + order.total_bytes - forgotten.end


def test_a_byte_whose_place_is_forgotten_has_no_merged_offset() -> None:
    order = ReadOrder(lambda size: None)
    order.add(STDOUT, 1)
    alternating(order, 100_000)
    assert order.merged_offset(STDERR, FIRST_RUNS // 2 - 1) == FIRST_RUNS - 1
    assert order.merged_offset(STDOUT, FIRST_RUNS // 2) is None
    assert order.merged_offset(STDOUT, 50_000) == 100_000


def test_its_memory_is_charged_in_blocks_and_given_back() -> None:
    charged: list[int] = []
    order = ReadOrder(charged.append)
    order.add(STDOUT, 1_000_000)
    assert charged == []
    order.add(STDERR, 1)
    assert charged == [BLOCK_BYTES]
    alternating(order, 100_000)
    assert sum(charged) == (FIRST_BLOCKS + LAST_BLOCKS) * BLOCK_BYTES == 73_728
    order.close()
    assert sum(charged) == 0


def test_a_closed_log_has_forgotten_all_but_the_total() -> None:
    order, _ = order_of([(STDOUT, 3), (STDERR, 4)])
    order.close()
    assert order.total_bytes == 7
    assert list(order.between(2, 100)) == [Forgotten(2, 7)]
    assert order.merged_offset(STDOUT, 0) is None
    order.add(STDOUT, 5)
    assert order.forgotten == Forgotten(0, 12)


@pytest.mark.parametrize("runs", [0, 1, 300, 100_000])
def test_a_sealed_log_reads_as_before_and_has_no_byte_to_spare(runs: int) -> None:
    charged: list[int] = []
    order = ReadOrder(charged.append)
    alternating(order, runs)
    before = list(order.between(0, order.total_bytes))
    known = len(before) - 1 - (order.forgotten is not None)
    order.seal()
    order.seal()
    assert list(order.between(0, order.total_bytes)) == before
    assert RUN_BYTES * known <= order.charged_bytes <= RUN_BYTES * (known + 3)
    assert sum(charged) == order.charged_bytes
    order.close()
    assert sum(charged) == order.charged_bytes == 0


@given(
    st.lists(st.tuples(streams, st.integers(1, 9)), max_size=30),
    streams,
    st.integers(0, 100),
    st.integers(0, 100),
)
def test_the_runs_of_one_stream_hold_its_offsets_and_their_places(
    reads: list[tuple[int, int]], stream: int, start: int, end: int
) -> None:
    ends: list[int] = []
    own = {STDOUT: 0, STDERR: 0}
    current = STDOUT
    places: dict[int, list[int]] = {STDOUT: [], STDERR: []}
    for which, count in reads:
        if which != current:
            ends.append(own[current])
            current = which
        total = sum(own.values())
        places[which] += range(total, total + count)
        own[which] += count
    numbers = [*ends, own[current]]

    def own_end(run: int) -> int:
        return numbers[run] if run >= 0 else 0

    found: list[int] = []
    for run in runs_of(own_end, len(ends), stream, start, end):
        assert run.stream == stream
        assert run.offset == start + len(found)
        found += range(run.start, run.end)
    assert found == places[stream][start:end]


class LongLog(RuleBasedStateMachine):
    """So many runs, of such lengths, that every bound is passed."""

    def __init__(self) -> None:
        super().__init__()
        self.order = ReadOrder(lambda size: None)
        self.model = Model()

    @rule(stream=streams, count=st.integers(min_value=1, max_value=1 << 40))
    def read(self, stream: int, count: int) -> None:
        self.order.add(stream, count)
        self.model.add(stream, count)

    @rule(
        runs=st.sampled_from([BLOCK_RUNS - 1, BLOCK_RUNS, FIRST_RUNS, LAST_RUNS]),
        lengths=st.lists(st.integers(min_value=1, max_value=9), min_size=1, max_size=3),
    )
    def alternate(self, runs: int, lengths: list[int]) -> None:
        for count in itertools.islice(itertools.cycle(lengths), runs):
            self.read(STDOUT + STDERR - self.order.stream, count)

    @rule(
        data=st.data(),
        before=st.integers(min_value=0, max_value=20),
        size=st.integers(min_value=0, max_value=100),
    )
    def look(self, data: st.DataObject, before: int, size: int) -> None:
        start = max(0, self.somewhere(data) - before)
        end = min(start + size, self.order.total_bytes)
        wanted = expected(self.model.runs(), self.model.forgotten(), start, end)
        assert list(self.order.between(start, end)) == wanted

    @rule(data=st.data())
    def name_a_byte_twice(self, data: st.DataObject) -> None:
        merged = self.somewhere(data)
        if merged >= self.order.total_bytes:
            return
        runs = self.model.runs()
        run = runs[bisect_right(runs, merged, key=lambda run: run.end)]
        found = self.order.merged_offset(run.stream, run.offset + merged - run.start)
        forgotten = self.model.forgotten()
        if forgotten is not None and forgotten.start <= merged < forgotten.end:
            assert found is None
        else:
            assert found == merged

    def somewhere(self, data: st.DataObject) -> int:
        """A merged offset: any start of a run, or a border of what is forgotten."""
        runs = self.model.runs()
        places = st.sampled_from(runs).map(lambda run: run.start)
        forgotten = self.model.forgotten()
        if forgotten is not None:
            places |= st.sampled_from([forgotten.start, forgotten.end])
        return data.draw(places)

    @invariant()
    def the_same_is_forgotten(self) -> None:
        assert self.order.total_bytes == sum(self.model.lengths)
        assert self.order.forgotten == self.model.forgotten()


TestLongLog = LongLog.TestCase
TestLongLog.settings = settings(max_examples=20, stateful_step_count=12, deadline=None)


@pytest.mark.parametrize("runs", [FIRST_RUNS, FIRST_RUNS + LAST_RUNS])
def test_all_is_known_up_to_the_bound(runs: int) -> None:
    order = ReadOrder(lambda size: None)
    order.add(STDOUT, 1)
    alternating(order, runs)
    assert order.forgotten is None
    assert len(list(order.between(0, runs + 1))) == runs + 1
