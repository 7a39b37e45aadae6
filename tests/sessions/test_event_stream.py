"""Events in order, what is kept of them, and who gets it again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.mcp import sse
from commander.sessions import event_stream as module
from commander.sessions.event_stream import (
    MAX_BYTES,
    MAX_EVENTS,
    EventStream,
    ReplayBudget,
    ReplayLog,
)
from tests.sessions.kit import MemoryFlow, MemoryWire

requirement = pytest.mark.requirement


def kept(limit_bytes: int = 10_000, *, primed: bool = False) -> EventStream:
    """A stream that can be asked for again."""
    return EventStream(ReplayLog(ReplayBudget(limit_bytes)), primed=primed)


def log_of(stream: EventStream) -> ReplayLog:
    assert stream.log is not None
    return stream.log


def attached(stream: EventStream, after: int | None = None) -> MemoryWire:
    wire = MemoryWire()
    stream.attach(wire, after)
    return wire


# --- what is kept ------------------------------------------------------------------


@requirement("L11")
def test_events_are_numbered_from_one_and_named_by_their_stream() -> None:
    log, other = ReplayLog(ReplayBudget()), ReplayLog(ReplayBudget(), "all-")
    assert log.last == 0
    assert [log.keep(b"a"), log.keep(b"b")] == [1, 2]
    assert log.id_of(2) == f"{log.name}-2"
    assert log.name != other.name
    assert other.name.startswith("all-")
    assert log.after(0) == [(1, b"a"), (2, b"b")]
    assert log.after(1) == [(2, b"b")]
    assert log.after(2) == log.after(9) == []


def test_the_oldest_events_go_when_there_are_too_many() -> None:
    budget = ReplayBudget()
    log = ReplayLog(budget)
    for _ in range(MAX_EVENTS + 5):
        log.keep(b"xx")
    numbers = [number for number, _ in log.after(0)]
    assert numbers == list(range(6, MAX_EVENTS + 6))
    assert budget.used_bytes == 2 * MAX_EVENTS


def test_the_oldest_events_go_when_they_are_too_long_but_never_the_last() -> None:
    budget = ReplayBudget()
    log = ReplayLog(budget)
    log.keep(b"a" * (MAX_BYTES // 2))
    log.keep(b"b" * (MAX_BYTES // 2))
    assert len(log.after(0)) == 2
    log.keep(b"c")
    assert [message[:1] for _, message in log.after(0)] == [b"b", b"c"]
    log.keep(b"d" * (2 * MAX_BYTES))
    assert [message[:1] for _, message in log.after(0)] == [b"d"]
    assert budget.used_bytes == 2 * MAX_BYTES


def test_streams_that_ended_make_room_oldest_end_first() -> None:
    budget = ReplayBudget(30)
    first, second, third = (ReplayLog(budget) for _ in range(3))
    for log in (first, second, third):
        log.keep(b"x" * 10)
    second.end()
    first.end()
    third.keep(b"y")
    assert (first.lost(0), second.lost(0), third.lost(0)) == (False, True, False)
    third.keep(b"y" * 10)
    assert first.lost(0)
    assert third.after(0)[0] == (1, b"x" * 10)
    assert budget.used_bytes == 21


def test_streams_that_go_on_keep_no_more_among_themselves_than_all_may() -> None:
    budget = ReplayBudget(100)
    logs = [ReplayLog(budget) for _ in range(5)]
    for _ in range(20):
        for log in logs:
            log.keep(b"x" * 10)
    assert budget.used_bytes <= 100 + 5 * 10
    assert all(log.after(19) == [(20, b"x" * 10)] for log in logs)


def test_what_is_cleared_is_given_back_and_known_to_be_lost() -> None:
    budget = ReplayBudget()
    log = ReplayLog(budget)
    log.keep(b"abc")
    log.end()
    log.clear()
    log.clear()
    assert budget.used_bytes == 0
    assert (log.lost(0), log.lost(1)) == (True, False)


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(["keep", "end", "clear"])),
        max_size=60,
    ),
    st.lists(st.integers(0, 40), min_size=60, max_size=60),
)
def test_the_budget_counts_what_is_kept(
    steps: list[tuple[int, str]], sizes: list[int]
) -> None:
    budget = ReplayBudget(100)
    logs = [ReplayLog(budget) for _ in range(4)]
    ended: set[int] = set()
    for (number, step), size in zip(steps, sizes, strict=False):
        log = logs[number]
        if step == "keep" and number not in ended:
            log.keep(b"x" * size)
        elif step == "end":
            ended.add(number)
            log.end()
        elif step == "clear":
            log.clear()
        held = [sum(len(message) for _, message in one.after(0)) for one in logs]
        assert budget.used_bytes == sum(held)
        live = [one for number, one in enumerate(logs) if number not in ended]
        # One message of each that goes on is kept in any case.
        assert budget.used_bytes <= 100 + 40 * max(1, len(live))
    for log in logs:
        log.clear()
    assert budget.used_bytes == 0


# --- to the connection that is there -----------------------------------------------


@requirement("M22")
def test_a_stream_that_nobody_can_ask_for_again_has_no_ids() -> None:
    stream = EventStream(primed=True)
    wire = attached(stream)
    stream.send(b"{}")
    stream.end()
    assert wire.data == sse.event(b"{}")
    assert wire.finished


@requirement("L13")
def test_the_first_event_of_a_primed_stream_tells_where_it_begins() -> None:
    """S25/basic/transports, Sending Messages, 6."""
    stream = kept(primed=True)
    name = log_of(stream).name
    wire = attached(stream)
    assert wire.data == b"id: %s-0\nretry: 1000\ndata: \n\n" % name.encode()
    stream.send(b"{}")
    assert wire.data.endswith(b"event: message\nid: %s-1\ndata: {}\n\n" % name.encode())


@requirement("L12")
def test_whoever_comes_back_gets_what_came_behind_the_event_it_names() -> None:
    stream = kept(primed=True)
    first = attached(stream)
    for message in (b"1", b"2"):
        stream.send(message)
    first.lose()
    stream.send(b"3")
    second = attached(stream, 1)
    stream.send(b"4")
    assert second.messages == [2, 3, 4]
    assert b"retry" not in second.data
    assert not first.finished


def test_whoever_comes_anew_gets_what_is_new() -> None:
    stream = kept(primed=True)
    stream.send(b"1")
    wire = attached(stream)
    stream.send(b"2")
    assert wire.messages == [2]
    assert f"id: {log_of(stream).id_of(1)}\n".encode() in wire.data


@requirement("L10")
def test_a_stream_has_one_connection_the_newest() -> None:
    """S25/basic/transports, Multiple Connections, 2."""
    stream = kept()
    first = attached(stream)
    second = attached(stream)
    stream.send(b"1")
    assert first.finished
    assert first.messages == []
    assert second.messages == [1]
    assert first.listener is None


def test_what_is_left_of_an_ended_stream_can_still_be_asked_for() -> None:
    stream = kept()
    stream.send(b"1")
    stream.end()
    for after, messages in ((0, [1]), (1, [])):
        wire = attached(stream, after)
        assert wire.messages == messages
        assert wire.finished
        assert not stream.attached


def test_the_end_is_told_once_and_nothing_after_it() -> None:
    stream = kept()
    wire = attached(stream)
    stream.end()
    stream.end()
    stream.send(b"1")
    assert (wire.messages, wire.finished) == ([], True)
    assert log_of(stream).last == 0
    assert stream.ended


@requirement("L14")
def test_a_connection_can_end_and_the_stream_go_on() -> None:
    stream = kept()
    first = attached(stream)
    stream.close_connection()
    stream.close_connection()
    assert first.finished
    assert not stream.attached
    stream.send(b"1")
    assert attached(stream, 0).messages == [1]


def test_a_client_that_is_gone_is_told_of_once() -> None:
    lost: list[int] = []
    stream = EventStream()
    stream.on_lost = lambda: lost.append(1)
    wire = attached(stream)
    wire.lose()
    assert lost == [1]
    assert not stream.attached
    stream.send(b"1")
    stream.end()
    assert wire.data == b""


def test_a_client_that_was_gone_before_is_told_of_too() -> None:
    lost: list[int] = []
    flow = MemoryFlow()
    stream = EventStream()
    stream.follow(flow)
    stream.on_lost = lambda: lost.append(1)
    wire = MemoryWire()
    wire.lose()
    stream.attach(wire)
    assert lost == [1]
    assert not stream.attached
    assert flow.paused


# --- holding back ------------------------------------------------------------------


def test_a_flow_is_held_back_while_the_client_does_not_keep_up() -> None:
    stream, flow = kept(), MemoryFlow()
    wire = attached(stream)
    stream.follow(flow)
    wire.pause()
    wire.pause()
    assert flow.paused
    wire.resume()
    assert not flow.paused


def test_a_flow_that_comes_late_is_held_back_at_once() -> None:
    stream, flow, next_flow = kept(), MemoryFlow(), MemoryFlow()
    wire = attached(stream)
    wire.pause()
    stream.follow(flow)
    assert flow.paused
    stream.follow(None)
    wire.resume()
    assert flow.paused
    stream.follow(next_flow)
    assert not next_flow.paused


def test_a_connection_that_is_slow_from_the_start_holds_back_too() -> None:
    stream, flow = kept(), MemoryFlow()
    stream.follow(flow)
    wire = MemoryWire()
    wire.paused = True
    stream.attach(wire)
    assert flow.paused


@pytest.mark.parametrize("keeps", [True, False])
def test_nobody_holds_back_what_is_kept_for_later_and_the_rest_has_no_reader(
    keeps: bool,
) -> None:
    stream, flow = kept() if keeps else EventStream(), MemoryFlow()
    wire = attached(stream)
    stream.follow(flow)
    wire.pause()
    wire.lose()
    assert flow.paused is not keeps


def test_what_was_held_back_goes_to_the_new_connection_behind_what_was_missed() -> None:
    stream = kept()

    class Due(MemoryFlow):
        def resume(self) -> None:
            super().resume()
            stream.send(b"2")

    first = attached(stream)
    stream.send(b"1")
    stream.follow(Due())
    first.pause()
    second = attached(stream)
    assert second.messages == [2]
    assert first.messages == [1]


def test_an_ended_stream_holds_nothing() -> None:
    stream, flow = kept(), MemoryFlow()
    wire = attached(stream)
    stream.follow(flow)
    wire.pause()
    stream.end()
    assert flow.paused
    assert wire.finished


def test_a_slow_reader_costs_its_place_only() -> None:
    """What is written while it does not read is what its flow lets through."""
    stream, flow = EventStream(), MemoryFlow()
    wire = attached(stream)
    stream.follow(flow)
    wire.pause()
    assert flow.paused
    assert stream.log is None


# --- any order ---------------------------------------------------------------------

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.binary(min_size=1, max_size=8).map(bytes.hex)),
        st.tuples(st.sampled_from(["lose", "attach", "resume", "pause", "close"])),
    ),
    max_size=40,
)


@requirement("L12")
@given(STEPS, st.booleans())
def test_a_client_that_comes_back_has_byte_for_byte_what_an_undisturbed_one_got(
    steps: list[tuple[str, ...]], primed: bool
) -> None:
    stream, flow = kept(1_000_000, primed=primed), MemoryFlow()
    stream.follow(flow)
    name = log_of(stream).name
    whole = sse.priming(f"{name}-0", module.RETRY_MS) if primed else b""
    wire = attached(stream)
    got = b""
    for step, *words in steps:
        if step == "send":
            message = b'"%s"' % words[0].encode()
            whole += sse.event(message, log_of(stream).id_of(log_of(stream).last + 1))
            stream.send(message)
        elif step == "lose" and stream.attached:
            wire.lose()
        elif step == "close":
            stream.close_connection()
        elif step == "pause" and stream.attached:
            wire.pause()
        elif step == "resume" and stream.attached:
            wire.resume()
        elif step == "attach":
            got += wire.data
            wire = attached(stream, got.count(b'data: "'))
    got += wire.data
    last = attached(stream, got.count(b'data: "'))
    assert got + last.data == whole
    stream.end()
    assert last.finished


def test_bounds_are_those_that_are_promised() -> None:
    assert (MAX_EVENTS, MAX_BYTES) == (1000, 1024 * 1024)
    assert module.MAX_TOTAL_BYTES == 16 * MAX_BYTES
    assert module.KEEP_SECONDS == 300.0
