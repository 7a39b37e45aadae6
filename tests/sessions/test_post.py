"""The answer to one POST: whole or a stream, decided late, ended once."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from twisted.internet.task import Clock

from commander.alarm import Alarm
from commander.mcp import sse
from commander.mcp.events import Peer, Reply
from commander.sessions.event_stream import RETRY_MS, ReplayBudget
from commander.sessions.post import COMMIT_SECONDS, PostOutlet
from commander.sessions.session import Session
from tests.sessions.kit import MemoryFlow, MemoryWire, now

requirement = pytest.mark.requirement

REPLY = Reply(status=200, body=b'{"reply":1}')
REFUSAL = Reply(status=404, body=b'{"error":1}')


class Post:
    """One POST on a clock."""

    def __init__(
        self, *, accepts_stream: bool = True, session: Session | None = None
    ) -> None:
        self.clock = Clock()
        self.wire = MemoryWire(accepts_stream=accepts_stream)
        self.session = session
        self.dropped = 0
        self.lost = 0
        self.outlet = PostOutlet(self.wire, self.new_alarm, self._drop)

    def new_alarm(self) -> Alarm:
        return Alarm(self.clock, self.clock.seconds)

    def _drop(self) -> None:
        self.dropped += 1

    def _lose(self) -> None:
        self.lost += 1

    def begin(self) -> Post:
        # Only a call without a session minds that its client leaves.
        self.outlet.begin(self.session, None if self.session else self._lose)
        return self

    @property
    def timers(self) -> list[Any]:
        return list(self.clock.getDelayedCalls())


def session(version: str = "2025-11-25") -> Session:
    return Session(Peer(version=version), ReplayBudget())


# --- whole -------------------------------------------------------------------------


@pytest.mark.parametrize("accepts_stream", [True, False])
def test_an_answer_at_once_is_whole_and_needs_no_timer(accepts_stream: bool) -> None:
    post = Post(accepts_stream=accepts_stream)
    post.outlet.reply(REFUSAL)
    assert post.wire.answers == [REFUSAL]
    assert not post.wire.opened
    assert post.timers == []


@requirement("M21")
def test_an_answer_within_the_second_is_whole_and_keeps_its_status() -> None:
    post = Post().begin()
    post.clock.advance(COMMIT_SECONDS - 0.01)
    post.outlet.reply(REFUSAL)
    assert post.wire.answers == [REFUSAL]
    assert post.timers == []
    assert post.wire.listener is None


@requirement("C8")
def test_a_client_that_takes_no_events_gets_an_answer_however_late() -> None:
    post = Post(accepts_stream=False).begin()
    assert not post.outlet.streams
    assert post.timers == []
    post.outlet.notify(b"{}")
    post.clock.advance(3600)
    post.outlet.reply(REPLY)
    assert post.wire.answers == [REPLY]


# --- a stream ----------------------------------------------------------------------


@requirement("M21")
def test_it_becomes_a_stream_after_a_second() -> None:
    post = Post().begin()
    assert post.outlet.streams
    post.clock.advance(COMMIT_SECONDS)
    assert post.wire.opened
    assert post.wire.data == b""
    assert post.timers == []
    post.outlet.reply(REFUSAL)
    assert post.wire.data == sse.event(REFUSAL.body)
    assert post.wire.finished


@requirement("M21")
def test_it_becomes_a_stream_with_the_first_notification() -> None:
    post = Post().begin()
    post.outlet.notify(b'{"n":1}')
    assert post.timers == []
    post.outlet.notify(b'{"n":2}')
    post.outlet.reply(REPLY)
    assert post.wire.messages == [{"n": 1}, {"n": 2}, {"reply": 1}]
    assert post.wire.finished
    assert (post.dropped, post.lost) == (0, 0)


@requirement("M20")
def test_nothing_follows_the_reply() -> None:
    post = Post().begin()
    post.outlet.notify(b'{"n":1}')
    post.outlet.reply(REPLY)
    post.outlet.notify(b'{"n":2}')
    post.clock.advance(10)
    assert post.wire.messages == [{"n": 1}, {"reply": 1}]


def test_a_flow_is_held_back_from_the_stream_on() -> None:
    post, flow = Post().begin(), MemoryFlow()
    post.outlet.follow(flow)
    post.wire.pause()
    assert not now(flow.paused)
    post.clock.advance(COMMIT_SECONDS)
    assert now(flow.paused)
    post.wire.resume()
    assert not now(flow.paused)
    post.outlet.follow(None)
    post.wire.pause()
    post.wire.resume()
    assert flow.calls == 2


# --- a client that leaves ----------------------------------------------------------


@requirement("M23")
@pytest.mark.parametrize("accepts_stream", [True, False])
def test_a_client_that_leaves_before_anything_was_sent_is_told_of_once(
    accepts_stream: bool,
) -> None:
    post = Post(accepts_stream=accepts_stream).begin()
    post.wire.lose()
    assert post.lost == 1
    assert post.timers == []
    post.outlet.notify(b"{}")
    post.outlet.follow(MemoryFlow())
    post.outlet.reply(REPLY)
    assert (post.lost, post.dropped) == (1, 1)
    assert post.wire.data == b""


@requirement("M23")
def test_a_client_that_was_gone_before_the_reply_began_to_take_time_is_too() -> None:
    post = Post()
    post.wire.lose()
    post.begin()
    assert post.lost == 1
    post.clock.advance(COMMIT_SECONDS)
    assert not post.wire.opened


@requirement("M23")
def test_a_client_without_a_session_that_leaves_its_stream_is_told_of_once() -> None:
    post = Post().begin()
    post.outlet.notify(b"{}")
    post.wire.lose()
    assert post.lost == 1
    post.outlet.notify(b"{}")
    post.outlet.reply(REPLY)
    assert (post.lost, post.dropped) == (1, 1)


@requirement("L15")
def test_a_client_whose_leaving_is_no_matter_only_misses_the_reply() -> None:
    post = Post()
    post.outlet.begin(None, None)
    post.outlet.notify(b"{}")
    post.wire.lose()
    post.outlet.notify(b"{}")
    post.outlet.reply(REPLY)
    assert post.dropped == 1


@requirement("L12")
def test_a_client_with_a_session_can_come_back_for_the_rest() -> None:
    mine = session()
    post = Post(session=mine)
    post.outlet.begin(mine, None)
    post.outlet.notify(b'{"n":1}')
    post.wire.lose()
    post.outlet.notify(b'{"n":2}')
    post.outlet.reply(REPLY)
    assert post.dropped == 0
    found = mine.find_stream(_last_id(post.wire))
    assert found is not None
    stream, number = found
    again = MemoryWire()
    stream.attach(again, number)
    assert again.messages == [{"n": 2}, {"reply": 1}]
    assert again.finished


@requirement("L14")
def test_a_client_can_be_sent_away_to_come_back() -> None:
    """S25/basic/transports, Sending Messages, 6: at will, after an event id."""
    mine = session()
    post = Post(session=mine)
    post.outlet.begin(mine, None)
    post.outlet.close_connection()
    assert post.wire.finished
    assert post.wire.data.startswith(b"id: ")
    assert post.timers == []
    post.outlet.reply(REPLY)
    found = mine.find_stream(_last_id(post.wire))
    assert found is not None
    again = MemoryWire()
    found[0].attach(again, found[1])
    assert again.messages == [{"reply": 1}]


@requirement("L14")
def test_a_client_that_does_not_know_where_to_begin_is_not_sent_away() -> None:
    """Before 2025-11-25 streams have no first event, and servers do not do this."""
    older = session("2025-06-18")
    post = Post(session=older)
    post.outlet.begin(older, None)
    post.outlet.notify(b'{"n":1}')
    post.outlet.close_connection()
    assert not post.wire.finished
    post.outlet.reply(REPLY)
    assert post.wire.messages == [{"n": 1}, {"reply": 1}]


@pytest.mark.parametrize("accepts_stream", [True, False])
def test_a_client_that_cannot_come_back_is_not_sent_away(accepts_stream: bool) -> None:
    without = Post(accepts_stream=accepts_stream).begin()
    without.outlet.close_connection()
    with_session = Post(accepts_stream=False, session=session()).begin()
    with_session.outlet.close_connection()
    for post in (without, with_session):
        assert not post.wire.finished
        post.outlet.reply(REPLY)
        assert post.wire.answers == [REPLY]


# --- no reply ----------------------------------------------------------------------


@requirement("L15")
def test_a_reply_that_nobody_wants_is_an_empty_stream() -> None:
    mine = session()
    post = Post(session=mine).begin()
    post.outlet.abandon()
    assert post.wire.opened
    assert post.wire.finished
    assert post.wire.data == b""
    assert post.timers == []
    assert post.lost == 0


def test_a_reply_that_nobody_wants_ends_a_stream_for_good() -> None:
    mine = session()
    post = Post(session=mine).begin()
    post.outlet.notify(b"{}")
    post.outlet.abandon()
    assert post.wire.finished
    assert mine.find_stream(_last_id(post.wire)) is None
    post.outlet.notify(b"{}")
    post.outlet.abandon()
    assert post.wire.messages == [{}]


def test_who_takes_no_events_gets_an_empty_answer() -> None:
    post = Post(accepts_stream=False).begin()
    post.outlet.abandon()
    assert [reply.status for reply in post.wire.answers] == [202]


def test_a_client_that_left_needs_no_end() -> None:
    post = Post(session=session()).begin()
    post.wire.lose()
    post.outlet.abandon()
    assert not post.wire.opened


# --- a session that ends before its call -------------------------------------------


def test_a_call_that_outlives_its_session_answers_nobody_and_keeps_nothing() -> None:
    budget = ReplayBudget()
    mine = Session(Peer(version="2025-11-25"), budget)
    post = Post(session=mine).begin()
    post.outlet.notify(b"{}")
    mine.close()
    assert post.wire.finished
    post.outlet.notify(b"{}")
    post.outlet.reply(REPLY)
    assert post.dropped == 1
    assert budget.used_bytes == 0


def test_a_call_that_outlives_its_session_can_still_answer_its_own_connection() -> None:
    budget = ReplayBudget()
    mine = Session(Peer(version="2025-11-25"), budget)
    post = Post(session=mine).begin()
    mine.close()
    post.clock.advance(COMMIT_SECONDS)
    post.outlet.reply(REPLY)
    assert post.wire.messages == [{"reply": 1}]
    assert b"id:" not in post.wire.data
    assert budget.used_bytes == 0


def _last_id(wire: MemoryWire) -> str:
    lines = [line for line in wire.data.split(b"\n") if line.startswith(b"id: ")]
    return lines[-1].removeprefix(b"id: ").decode()


# --- any order ---------------------------------------------------------------------


class PostLife(RuleBasedStateMachine):
    """Anything that can happen to a POST, in any order.

    There is one end, no timer is left after it, and who can come back has got, over all
    its connections, byte for byte what one that nothing happened to would have.
    """

    @initialize(
        accepts_stream=st.booleans(),
        version=st.sampled_from([None, "2025-06-18", "2025-11-25"]),
    )
    def arrive(self, accepts_stream: bool, version: str | None) -> None:
        self.budget = ReplayBudget()
        self.session = (
            None if version is None else Session(Peer(version=version), self.budget)
        )
        self.post = Post(accepts_stream=accepts_stream, session=self.session)
        self.flow = MemoryFlow()
        self.wires = [self.post.wire]
        self.begun = self.replied = self.given_up = self.committed = False
        self.away = False
        self.sent: list[bytes] = []
        self.count = 0

    @property
    def wire(self) -> MemoryWire:
        return self.wires[-1]

    @property
    def over(self) -> bool:
        return self.replied or self.given_up

    @property
    def here(self) -> bool:
        """Whether the client has a connection on which it waits."""
        return not self.wire.lost and not self.wire.over

    @precondition(lambda self: not self.begun and not self.over)
    @rule()
    def begin(self) -> None:
        self.begun = True
        self.post.begin()
        self.post.outlet.follow(self.flow)

    @precondition(lambda self: self.begun and not self.over)
    @rule()
    def notify(self) -> None:
        self.count += 1
        message = b'{"n":%d}' % self.count
        self.post.outlet.notify(message)
        if self.post.wire.opened:
            self.committed = True
            self.sent.append(message)

    @precondition(lambda self: not self.over)
    @rule()
    def reply(self) -> None:
        self.replied = True
        self.post.outlet.reply(REPLY)
        if self.post.wire.opened:
            self.sent.append(REPLY.body)

    @precondition(lambda self: self.begun and not self.over)
    @rule()
    def give_up(self) -> None:
        self.given_up = True
        self.post.outlet.abandon()

    @precondition(lambda self: self.here)
    @rule()
    def leave(self) -> None:
        self.wire.lose()

    @precondition(lambda self: self.here and self.wire.opened)
    @rule(pauses=st.booleans())
    def keep_up_or_not(self, pauses: bool) -> None:
        (self.wire.pause if pauses else self.wire.resume)()

    @rule(seconds=st.sampled_from([0.5, 1.0]))
    def wait(self, seconds: float) -> None:
        self.post.clock.advance(seconds)

    @precondition(lambda self: self.session and self.wire.opened)
    @rule()
    def come_back(self) -> None:
        found = self._found()
        if found is None:
            return
        again = MemoryWire()
        found[0].attach(again, found[1])
        self.wires.append(again)
        self.away = False

    @rule()
    def be_sent_away(self) -> None:
        if self.begun and not self.over:
            self.post.outlet.close_connection()
            self.away = self.wire.finished

    def _found(self) -> Any:
        got = b"".join(wire.data for wire in self.wires)
        ids = [line for line in got.split(b"\n") if line.startswith(b"id: ")]
        if not ids or self.session is None:
            return None
        return self.session.find_stream(ids[-1].removeprefix(b"id: ").decode())

    @invariant()
    def one_end_at_most(self) -> None:
        post = self.post
        assert len(post.wire.answers) + post.wire.opened <= 1
        assert post.lost <= 1
        assert post.dropped <= 1
        if self.replied and self.begun and not self.session:
            reached = post.wire.answers or post.wire.messages[-1:] == [{"reply": 1}]
            assert bool(reached) is not bool(post.dropped)

    @invariant()
    def timers_are_those_of_who_waits(self) -> None:
        waits = (
            self.begun
            and not self.over
            and self.post.wire.accepts_stream
            and not self.post.wire.opened
            and not self.post.wire.lost
        )
        assert len(self.post.timers) == int(waits)

    @invariant()
    def nothing_is_left_out_or_sent_twice(self) -> None:
        got = b"".join(wire.data for wire in self.wires)
        if self.session is None:
            assert self.whole("").startswith(got)
            return
        found = self._found()
        if found is not None:
            whole = self.whole(found[0].log.name)
            assert whole.startswith(got)
            ended = self.replied and self.wire.finished and not self.away
            caught_up = found[0].attached or ended
            if self.wire.opened and not self.wire.lost and caught_up:
                assert got == whole

    def whole(self, name: str) -> bytes:
        """What a client got that nothing happened to."""
        events = [
            sse.event(message, f"{name}-{number}" if name else None)
            for number, message in enumerate(self.sent, 1)
        ]
        if self.session and self.session.peer.version == "2025-11-25":
            events.insert(0, sse.priming(f"{name}-0", RETRY_MS))
        return b"".join(events)

    def teardown(self) -> None:
        if not hasattr(self, "post"):
            return
        if not self.over:
            self.post.outlet.reply(REPLY)
        self.post.clock.advance(60)
        assert self.post.timers == []
        if self.session is not None:
            self.session.close()
        assert self.budget.used_bytes == 0
        assert msgspec.json.decode(REPLY.body) == {"reply": 1}


TestPostLife = PostLife.TestCase
TestPostLife.settings = settings(max_examples=300, stateful_step_count=30)
