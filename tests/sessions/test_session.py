"""A session's streams: found by the ids of their events, kept, and forgotten."""

from __future__ import annotations

import pytest

from commander.mcp.events import Peer
from commander.sessions.event_stream import KEEP_SECONDS, EventStream, ReplayBudget
from commander.sessions.session import MAX_STREAMS, STANDALONE, Session
from tests.sessions.kit import MemoryWire, now

requirement = pytest.mark.requirement


class Cancellable:
    def cancel(self) -> None:
        """Nobody asks for it."""


def session(version: str = "2025-11-25", budget: ReplayBudget | None = None) -> Session:
    return Session(Peer(version=version), budget or ReplayBudget())


def id_of(stream: EventStream, number: int) -> str:
    assert stream.log is not None
    return stream.log.id_of(number)


@requirement("L11")
def test_a_stream_is_found_by_the_id_of_each_of_its_events() -> None:
    mine = session()
    one, other = mine.new_stream(), mine.new_stream(standalone=True)
    for stream in (one, other):
        stream.send(b"{}")
        for number in (0, 1):
            assert mine.find_stream(id_of(stream, number)) == (stream, number)
    assert id_of(other, 1).startswith(STANDALONE)


@pytest.mark.parametrize(
    "event_id",
    [
        *("", "-", "-1", "x", "x-1", "all-x-1", "1", "\u00e9-1", "{}-", "{}-x"),
        *("{}--1", "{}-\u0661", "{}-1.0", "{}- 1", "{}-+1", "{}"),
    ],
)
def test_what_is_no_id_of_an_event_finds_nothing(event_id: str) -> None:
    mine = session()
    stream = mine.new_stream()
    assert stream.log is not None
    assert mine.find_stream(event_id.replace("{}", stream.log.name)) is None


def test_a_number_of_any_length_is_only_a_number() -> None:
    mine = session()
    stream = mine.new_stream()
    assert stream.log is not None
    found = mine.find_stream(f"{stream.log.name}-{'9' * 5000}")
    assert found is not None
    assert found[0] is stream


@requirement("L11")
def test_an_event_of_another_session_is_nobodys() -> None:
    budget = ReplayBudget()
    mine, other = session(budget=budget), session(budget=budget)
    assert other.find_stream(id_of(mine.new_stream(), 0)) is None


@requirement("L13")
@pytest.mark.parametrize(
    ("version", "primed"),
    [
        ("2024-11-05", False),
        ("2025-03-26", False),
        ("2025-06-18", False),
        ("2025-11-25", True),
    ],
)
def test_only_clients_that_asked_for_it_get_an_event_without_data(
    version: str, primed: bool
) -> None:
    wire = MemoryWire()
    session(version).new_stream().attach(wire)
    assert bool(wire.data) is primed


def test_it_is_in_use_while_a_call_runs_or_a_client_listens() -> None:
    mine, call = session(), Cancellable()
    assert not now(mine.in_use)
    mine.began(1, call)
    assert now(mine.in_use)
    mine.ended(1, call)
    stream, wire = mine.new_stream(), MemoryWire()
    assert not now(mine.in_use)
    stream.attach(wire)
    assert now(mine.in_use)
    wire.lose()
    assert not now(mine.in_use)


# --- how many ----------------------------------------------------------------------


def test_the_oldest_stream_that_ended_makes_room_and_none_that_goes_on() -> None:
    mine = session()
    going_on = mine.new_stream()
    wire = MemoryWire()
    going_on.attach(wire)
    ended = [mine.new_stream() for _ in range(MAX_STREAMS - 1)]
    for stream in ended:
        stream.send(b"{}")
        stream.end()
    for _ in range(5):
        mine.new_stream()
    assert not wire.finished
    found = [mine.find_stream(id_of(stream, 0)) is not None for stream in ended]
    assert found == [False] * 5 + [True] * (MAX_STREAMS - 6)


def test_a_stream_beyond_those_that_go_on_cannot_be_asked_for_again() -> None:
    mine = session()
    streams = [mine.new_stream() for _ in range(MAX_STREAMS)]
    one_more, wire = mine.new_stream(), MemoryWire()
    assert not now(one_more.log)
    one_more.attach(wire)
    one_more.send(b"1")
    one_more.end()
    assert wire.messages == [1]
    streams[50].end()
    assert mine.new_stream().log is not None


# --- how long ----------------------------------------------------------------------


def test_an_ended_stream_is_forgotten_a_while_after_its_end_was_seen() -> None:
    budget = ReplayBudget()
    mine = session(budget=budget)
    going_on, ended = mine.new_stream(), mine.new_stream()
    for stream in (going_on, ended):
        stream.send(b"{}")
    ended.end()
    mine.prune(1000.0)
    mine.prune(1000.0 + KEEP_SECONDS)
    assert mine.find_stream(id_of(ended, 0)) is not None
    mine.prune(1000.0 + KEEP_SECONDS + 1)
    assert mine.find_stream(id_of(ended, 0)) is None
    assert mine.find_stream(id_of(going_on, 0)) is not None
    assert budget.used_bytes == 2


def test_a_stream_that_had_to_make_room_is_not_there_any_more() -> None:
    """Better told so than given an end without a reply."""
    budget = ReplayBudget(10)
    mine = session(budget=budget)
    stream, another = mine.new_stream(), mine.new_stream()
    stream.send(b"x" * 8)
    stream.end()
    another.send(b"x" * 8)
    assert mine.find_stream(id_of(stream, 0)) is None
    assert mine.find_stream(id_of(stream, 1)) == (stream, 1)


def test_a_dropped_stream_ends_and_gives_back_what_it_kept() -> None:
    budget = ReplayBudget()
    mine = session(budget=budget)
    stream, wire = mine.new_stream(), MemoryWire()
    stream.attach(wire)
    stream.send(b"{}")
    mine.drop_stream(stream)
    mine.drop_stream(stream)
    mine.drop_stream(EventStream())
    assert wire.finished
    assert budget.used_bytes == 0


def test_nothing_is_kept_of_a_session_that_was_closed_whatever_goes_on() -> None:
    budget = ReplayBudget()
    mine = session(budget=budget)
    wires = [MemoryWire(), MemoryWire()]
    mine.standalone = mine.new_stream(standalone=True)
    stream = mine.new_stream()
    for each, wire in zip((mine.standalone, stream), wires, strict=True):
        each.attach(wire)
        each.send(b"{}")
    mine.close()
    assert all(wire.finished for wire in wires)
    assert not now(mine.standalone)
    stream.send(b"late")
    later = mine.new_stream()
    assert later.log is None
    assert budget.used_bytes == 0


@requirement("L4")
def test_a_question_of_a_session_that_was_closed_has_failed() -> None:
    mine = session()
    _, answer = mine.ask("roots/list", {})
    failed: list[str] = []
    answer.addErrback(lambda failure: failed.append(failure.getErrorMessage()))
    mine.close()
    assert failed == ["the session ended"]
