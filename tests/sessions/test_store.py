"""Sessions that are remembered: found, forgotten, ended, and never too many."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)
from twisted.internet.task import Clock

from commander.alarm import Alarm
from commander.mcp.events import Peer
from commander.principals import Principal
from commander.seals import Seal
from commander.sessions import store as module
from commander.sessions.session import Session
from commander.sessions.session_ids import LIFETIME_SECONDS, SessionIds
from commander.sessions.store import SWEEP_SECONDS, SessionsFull, SessionStore
from tests.memory import TRIES, memory_kept_by
from tests.sessions.kit import ANN, BOB, MemoryWire

requirement = pytest.mark.requirement

PEER = Peer(version="2025-11-25")
IDLE_SECONDS = 600.0


class Cancellable:
    def cancel(self) -> None:
        """Nobody asks for it."""


class Stage:
    def __init__(self, max_sessions: int = 3, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.forgotten: list[Session] = []
        self.store = SessionStore(
            ids=SessionIds(Seal(b"key", "session")),
            alarm=Alarm(self.clock, self.clock.seconds),
            monotonic=self.clock.seconds,
            wall=self.clock.seconds,
            max_sessions=max_sessions,
            idle_seconds=IDLE_SECONDS,
            forgotten=self.forgotten.append,
        )

    def found(self, text: str, principal: Principal = ANN) -> Session:
        session = self.store.find(text, principal)
        assert isinstance(session, Session)
        return session

    def new(self) -> tuple[str, Session]:
        text = self.store.issue(PEER, ANN)
        return text, self.found(text)

    def sweep(self, seconds: float) -> None:
        for _ in range(int(seconds / SWEEP_SECONDS)):
            self.clock.advance(SWEEP_SECONDS)


# --- finding -----------------------------------------------------------------------


def test_nothing_is_remembered_of_a_session_before_its_first_request() -> None:
    stage = Stage()
    for _ in range(10_000):
        stage.store.issue(PEER, ANN)
    assert len(stage.store) == 0
    assert stage.clock.getDelayedCalls() == []


def test_a_flood_of_greetings_costs_no_memory() -> None:
    fresh = [Stage() for _ in range(TRIES)]
    for stage in fresh:
        stage.store.issue(PEER, ANN)

    def flood() -> Stage:
        stage = fresh.pop()
        for _ in range(10_000):
            stage.store.issue(PEER, ANN)
        return stage

    assert memory_kept_by(flood) < 10_000


def test_a_session_is_the_same_at_every_request() -> None:
    stage = Stage()
    text, session = stage.new()
    assert stage.found(text) is session
    assert session.peer == PEER
    assert len(stage.store) == 1


@requirement("L2", "A7")
@pytest.mark.parametrize("remembered", [True, False])
def test_a_session_of_another_principal_is_unknown(remembered: bool) -> None:
    stage = Stage()
    text = stage.store.issue(PEER, ANN)
    if remembered:
        stage.found(text)
    assert stage.store.find(text, BOB) is None
    assert stage.store.end(text, BOB) is False
    stage.found(text)


def test_a_server_that_was_replaced_is_followed_by_one_that_knows_its_sessions() -> (
    None
):
    text, session = Stage().new()
    session.log_level = "debug"
    again = Stage().found(text)
    assert again.peer == session.peer
    assert again.log_level is None


@requirement("L3")
@pytest.mark.parametrize("text", ["", "x", "\ufffd", "A" * 51])
def test_what_is_no_id_finds_nothing(text: str) -> None:
    stage = Stage()
    assert stage.store.find(text, ANN) is None
    assert stage.store.end(text, ANN) is False
    assert stage.clock.getDelayedCalls() == []


def test_an_id_that_ran_out_finds_nothing_once_its_session_is_forgotten() -> None:
    stage = Stage()
    text = stage.store.issue(PEER, ANN)
    stage.clock.advance(LIFETIME_SECONDS + 1)
    assert stage.store.find(text, ANN) is None
    assert stage.store.end(text, ANN) is False


# --- forgetting --------------------------------------------------------------------


@requirement("L23")
def test_an_idle_session_is_forgotten_and_found_again_anew() -> None:
    stage = Stage()
    text, session = stage.new()
    session.log_level = "debug"
    stage.sweep(IDLE_SECONDS)
    assert len(stage.store) == 1
    stage.sweep(SWEEP_SECONDS)
    assert len(stage.store) == 0
    assert stage.forgotten == [session]
    assert stage.clock.getDelayedCalls() == []
    again = stage.found(text)
    assert again is not session
    assert again.log_level is None


def test_a_request_keeps_a_session_for_as_long_again() -> None:
    stage = Stage()
    text, session = stage.new()
    for _ in range(3):
        stage.sweep(IDLE_SECONDS - SWEEP_SECONDS)
        assert stage.found(text) is session


@pytest.mark.parametrize("by", ["call", "stream"])
def test_a_session_in_use_is_never_idle_and_idle_from_then_on(by: str) -> None:
    stage = Stage()
    _, session = stage.new()
    call, wire = Cancellable(), MemoryWire()
    if by == "call":
        session.began(1, call)
    else:
        session.new_stream().attach(wire)
    stage.sweep(3 * IDLE_SECONDS)
    if by == "call":
        session.ended(1, call)
    else:
        wire.lose()
    stage.sweep(IDLE_SECONDS)
    assert len(stage.store) == 1
    stage.sweep(SWEEP_SECONDS)
    assert len(stage.store) == 0


def test_streams_of_a_session_in_use_are_forgotten_in_time() -> None:
    stage = Stage()
    _, session = stage.new()
    session.began(1, Cancellable())
    stream = session.new_stream()
    assert stream.log is not None
    stream.end()
    stage.sweep(SWEEP_SECONDS + 300)
    assert session.find_stream(stream.log.id_of(0)) is not None
    stage.sweep(SWEEP_SECONDS)
    assert session.find_stream(stream.log.id_of(0)) is None


# --- how many ----------------------------------------------------------------------


def test_the_session_that_was_used_longest_ago_makes_room() -> None:
    stage = Stage(max_sessions=2)
    (one, first), (other, second) = stage.new(), stage.new()
    assert stage.found(one) is first
    stage.new()
    assert stage.forgotten == [second]
    assert stage.found(one) is first
    assert stage.found(other) is not second
    assert len(stage.store) == 2


@requirement("L23")
def test_no_session_in_use_makes_room() -> None:
    stage = Stage(max_sessions=2)
    call = Cancellable()
    (one, first), (_, second) = stage.new(), stage.new()
    for session in (first, second):
        session.began(1, call)
    late = stage.store.issue(PEER, ANN)
    assert stage.store.find(late, ANN) == SessionsFull(2)
    assert stage.found(one) is first
    second.ended(1, call)
    stage.found(late)
    assert stage.forgotten == [second]


# --- ending ------------------------------------------------------------------------


@requirement("L3", "L4")
@pytest.mark.parametrize("remembered", [True, False])
def test_what_its_client_ended_stays_ended(remembered: bool) -> None:
    stage = Stage()
    text = stage.store.issue(PEER, ANN)
    wire = MemoryWire()
    if remembered:
        stage.found(text).new_stream().attach(wire)
    assert stage.store.end(text, ANN) is True
    assert wire.finished is remembered
    assert len(stage.store) == 0
    assert stage.store.end(text, ANN) is False
    assert stage.store.find(text, ANN) is None


def test_so_many_ended_ids_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    assert module.MAX_ENDED == 10_000
    monkeypatch.setattr(module, "MAX_ENDED", 3)
    stage = Stage()
    ids = [stage.store.issue(PEER, ANN) for _ in range(4)]
    for text in ids:
        assert stage.store.end(text, ANN)
    assert [stage.store.find(text, ANN) is None for text in ids] == [
        *(False, True, True, True)
    ]


def test_closing_ends_every_stream_and_leaves_no_timer() -> None:
    stage = Stage()
    wires = [MemoryWire(), MemoryWire()]
    sessions = []
    for wire in wires:
        _, session = stage.new()
        sessions.append(session)
        session.new_stream().attach(wire)
    stage.store.close()
    stage.store.close()
    assert all(wire.finished for wire in wires)
    assert stage.forgotten == sessions
    assert stage.clock.getDelayedCalls() == []


# --- any order ---------------------------------------------------------------------


class StoreLife(RuleBasedStateMachine):
    """Any order of greeting, asking, working, ending and waiting."""

    ids: Bundle[str] = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage(max_sessions=3)
        self.ended: set[str] = set()
        self.working: list[tuple[Session, Cancellable]] = []
        self.closed = False

    @precondition(lambda self: not self.closed)
    @rule(target=ids)
    def greet(self) -> str:
        return self.stage.store.issue(PEER, ANN)

    @precondition(lambda self: not self.closed)
    @rule(text=ids, works=st.booleans())
    def ask(self, text: str, works: bool) -> None:
        found: Any = self.stage.store.find(text, ANN)
        if text in self.ended:
            assert found is None
        elif isinstance(found, SessionsFull):
            assert len(self.stage.store) == 3
        else:
            assert isinstance(found, Session)
            if works:
                call = Cancellable()
                found.began(1, call)
                self.working.append((found, call))

    @precondition(lambda self: self.working)
    @rule(number=st.integers(0, 9))
    def finish(self, number: int) -> None:
        session, call = self.working.pop(number % len(self.working))
        session.ended(1, call)

    @precondition(lambda self: not self.closed)
    @rule(text=ids, principal=st.sampled_from([ANN, BOB]))
    def end(self, text: str, principal: Principal) -> None:
        ended = self.stage.store.end(text, principal)
        assert ended is (principal == ANN and text not in self.ended)
        if ended:
            self.ended.add(text)

    @rule(seconds=st.sampled_from([1.0, SWEEP_SECONDS, IDLE_SECONDS / 2]))
    def wait(self, seconds: float) -> None:
        self.stage.clock.advance(seconds)

    @rule()
    def close(self) -> None:
        self.stage.store.close()
        self.closed = True

    @invariant()
    def never_too_many(self) -> None:
        assert len(self.stage.store) <= 3
        assert len(self.stage.store._used) == len(self.stage.store)

    @invariant()
    def a_timer_only_while_something_is_remembered(self) -> None:
        timers = self.stage.clock.getDelayedCalls()
        assert len(timers) <= 1
        if self.closed:
            assert timers == []
        elif len(self.stage.store):
            assert timers

    @invariant()
    def who_works_is_not_forgotten_but_by_its_client(self) -> None:
        if not self.closed and not self.ended:
            forgotten = set(map(id, self.stage.forgotten))
            assert not forgotten & {id(session) for session, _ in self.working}


TestStoreLife = StoreLife.TestCase
TestStoreLife.settings = settings(max_examples=200, stateful_step_count=40)
