"""One call while it runs: what a tool says, and what its client does."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from commander.mcp.events import Call, Peer, Reply
from commander.mcp.inbound import LOG_LEVELS
from commander.mcp.jsonrpc import ClientResponse
from commander.mcp.versions import Era
from commander.sessions.active_call import ActiveCall
from commander.sessions.conversation import MAX_QUESTIONS, AskError, Conversation
from tests.sessions.kit import MODERN, MemoryFlow, MemoryOutlet, call_of, now

requirement = pytest.mark.requirement

REPLY = Reply(status=200, body=b"{}")


class Made:
    """A call, its outlet and its conversation."""

    def __init__(
        self, call: Call, *, streams: bool = True, conversation: bool = True
    ) -> None:
        self.outlet = MemoryOutlet(streams=streams)
        self.talk = Conversation(Peer(version="2025-11-25")) if conversation else None
        self.active = ActiveCall(call, self.outlet, self.talk, "warning")


def modern_call(**fields: Any) -> Call:
    return call_of(era=Era.MODERN, version=MODERN, **fields)


def outcome(answer: Deferred[Any]) -> list[Any]:
    found: list[Any] = []
    answer.addBoth(found.append)
    return found


# --- progress ----------------------------------------------------------------------


@requirement("M31")
@pytest.mark.parametrize(
    ("token", "streams", "wanted"),
    [
        *[("t", True, True), (0, True, True), ("", True, True)],
        *[(None, True, False), ("t", False, False)],
    ],
)
def test_progress_is_for_clients_that_sent_a_token_and_take_events(
    token: str | int | None, streams: bool, wanted: bool
) -> None:
    """M31."""
    made = Made(call_of(token=token), streams=streams)
    assert made.active.wants_progress is wanted
    made.active.progress(1)
    assert bool(made.outlet.notified) is wanted


def test_progress_carries_the_token_and_what_the_tool_says() -> None:
    made = Made(call_of(token=7))
    made.active.progress(1)
    made.active.progress(2.5, "half", 5)
    assert made.outlet.messages == [
        {
            "jsonrpc": "2.0",
            "method": "notifications/progress",
            "params": {"progressToken": 7, "progress": 1},
        },
        {
            "jsonrpc": "2.0",
            "method": "notifications/progress",
            "params": {
                "progressToken": 7,
                "progress": 2.5,
                "total": 5,
                "message": "half",
            },
        },
    ]


@requirement("M31")
@given(st.lists(st.integers(-5, 20) | st.floats(-5, 20)))
def test_the_value_of_progress_only_grows(values: list[float]) -> None:
    made = Made(call_of(token=1))
    for value in values:
        made.active.progress(value)
    told = [message["params"]["progress"] for message in made.outlet.messages]
    assert told == sorted(set(told))
    assert set(told) == {v for n, v in enumerate(values) if v not in values[:n]} & {
        max(values[: n + 1]) for n in range(len(values))
    }


# --- logging -----------------------------------------------------------------------


@requirement("M30", "L20")
@pytest.mark.parametrize("floor", LOG_LEVELS)
@pytest.mark.parametrize("era", list(Era))
def test_log_messages_are_those_of_the_level_that_was_asked_for(
    era: Era, floor: str
) -> None:
    """M30; 4.2, 5."""
    if era is Era.MODERN:
        made = Made(modern_call(log_level=floor))
    else:
        made = Made(call_of())
        assert made.talk is not None
        made.talk.log_level = floor
    for level in LOG_LEVELS:
        made.active.log(level, "here", {"a": 1})
    told = [message["params"] for message in made.outlet.messages]
    assert [one["level"] for one in told] == list(LOG_LEVELS[LOG_LEVELS.index(floor) :])
    assert all(one["logger"] == "here" and one["data"] == {"a": 1} for one in told)
    assert made.active.wants_output is (floor in {"debug", "info"})


@requirement("M30")
def test_nothing_is_logged_to_a_modern_client_that_did_not_ask() -> None:
    made = Made(modern_call())
    assert made.talk is not None
    made.talk.log_level = "debug"  # of a greeting on the same wire
    for level in LOG_LEVELS:
        made.active.log(level, "here", "x")
    assert made.outlet.notified == []
    assert not made.active.wants_output


@requirement("L20")
@pytest.mark.parametrize("conversation", [True, False])
def test_an_older_client_that_did_not_ask_gets_warnings(conversation: bool) -> None:
    made = Made(call_of(), conversation=conversation)
    for level in LOG_LEVELS:
        made.active.log(level, "here", "x")
    told = [message["params"]["level"] for message in made.outlet.messages]
    assert told == list(LOG_LEVELS[LOG_LEVELS.index("warning") :])
    assert not made.active.wants_output


def test_output_is_not_for_clients_that_take_no_events() -> None:
    made = Made(modern_call(log_level="info"), streams=False)
    assert not made.active.wants_output


# --- the client's side -------------------------------------------------------------


def test_it_is_under_way_from_its_making_to_its_reply() -> None:
    made = Made(call_of(request_id="a"))
    assert made.talk is not None
    assert now(made.talk.busy)
    assert made.outlet.begun == [made.talk]
    made.active.reply(REPLY)
    assert not now(made.talk.busy)
    assert made.outlet.replies == [REPLY]


def test_a_flow_is_followed_until_the_reply() -> None:
    made, flow = Made(call_of()), MemoryFlow()
    made.active.follow(flow)
    assert now(made.outlet.flow is flow)
    made.active.reply(REPLY)
    assert not now(made.outlet.flow)
    made.active.follow(flow)
    assert not now(made.outlet.flow)


@requirement("T8", "L15")
def test_a_cancelled_call_is_told_and_says_nothing_more() -> None:
    """T8: stop work, send nothing more for it."""
    made = Made(call_of(token=1, request_id=3))
    told: list[str] = []
    made.active.cancellation.on_cancel(lambda: told.append("cancelled"))
    assert made.talk is not None
    made.talk.cancel(3)
    made.talk.cancel(3)
    assert told == ["cancelled"]
    assert made.outlet.abandoned == 1
    made.active.progress(1)
    made.active.log("emergency", "here", "x")
    made.active.follow(MemoryFlow())
    made.active.reply(REPLY)
    assert made.outlet.notified == []
    assert made.outlet.replies == []
    assert made.outlet.flow is None
    assert not made.talk.busy


@requirement("M31")
def test_nothing_is_said_behind_the_reply() -> None:
    made = Made(call_of(token=1))
    made.active.reply(REPLY)
    made.active.progress(1)
    made.active.log("emergency", "here", "x")
    made.active.cancel()
    assert made.outlet.notified == []
    assert made.outlet.abandoned == 0
    assert not made.active.cancellation.cancelled


@requirement("M23")
def test_a_modern_client_that_leaves_cancels_its_call() -> None:
    """M23."""
    made = Made(modern_call(token=1), conversation=False)
    assert made.outlet.on_lost is not None
    made.outlet.on_lost()
    assert made.active.cancellation.cancelled
    made.active.progress(1)
    made.active.reply(REPLY)
    assert made.outlet.notified == []
    assert made.outlet.abandoned == 0


@requirement("L15")
def test_an_older_client_may_come_back() -> None:
    """4.2, 8."""
    assert Made(call_of()).outlet.on_lost is None


@requirement("M23")
def test_leaving_behind_the_reply_cancels_nothing() -> None:
    made = Made(modern_call(), conversation=False)
    made.active.reply(REPLY)
    assert made.outlet.on_lost is not None
    made.outlet.on_lost()
    assert not made.active.cancellation.cancelled


# --- questions ---------------------------------------------------------------------


@requirement("L8", "L9")
def test_a_question_goes_on_the_calls_own_stream_and_the_answer_comes_back() -> None:
    """L8, L9."""
    made = Made(call_of())
    found = outcome(made.active.ask("elicitation/create", {"message": "Run it?"}))
    (question,) = made.outlet.messages
    assert question["method"] == "elicitation/create"
    assert question["params"] == {"message": "Run it?"}
    assert made.talk is not None
    made.talk.answered(ClientResponse(id=question["id"], result={"action": "accept"}))
    assert found == [{"action": "accept"}]


@requirement("M20", "T9")
@pytest.mark.parametrize(
    "made",
    [
        lambda: Made(call_of(), conversation=False),
        lambda: Made(call_of(), streams=False),
        lambda: Made(modern_call()),
        lambda: Made(call_of(capabilities={"roots": {}, "sampling": {}})),
    ],
)
def test_who_cannot_be_asked_is_not(made: Any) -> None:
    """T9: to a modern client no request is ever written, on whatever wire.

    S25/basic/lifecycle, Operation: to others none that they did not declare.
    """
    one = made()
    (failure,) = outcome(one.active.ask("elicitation/create", {}))
    assert isinstance(failure, Failure)
    assert failure.check(AskError)
    assert one.outlet.notified == []


def test_what_needs_no_capability_anybody_can_be_asked() -> None:
    made = Made(call_of(capabilities={}))
    assert outcome(made.active.ask("ping", {})) == []
    assert [one["method"] for one in made.outlet.messages] == ["ping"]


def test_too_many_questions_are_a_failure_of_the_answer() -> None:
    made = Made(call_of())
    for _ in range(MAX_QUESTIONS):
        outcome(made.active.ask("roots/list", {}))
    (failure,) = outcome(made.active.ask("roots/list", {}))
    assert failure.check(AskError)
    assert len(made.outlet.notified) == MAX_QUESTIONS


def test_a_cancelled_call_waits_for_no_answer_and_asks_nothing_more() -> None:
    made = Made(call_of())
    found = outcome(made.active.ask("elicitation/create", {}))
    made.active.cancel()
    assert found[0].check(CancelledError)
    (failure,) = outcome(made.active.ask("elicitation/create", {}))
    assert failure.check(CancelledError)
    assert len(made.outlet.notified) == 1
    assert made.talk is not None
    number = msgspec.json.decode(made.outlet.notified[0])["id"]
    made.talk.answered(ClientResponse(id=number, result={}))
    assert len(found) == 1


# --- sent away ---------------------------------------------------------------------


@requirement("L14")
def test_a_client_is_sent_away_to_come_back_while_it_waits() -> None:
    made = Made(call_of())
    made.active.close_connection()
    assert made.outlet.closed == 1
    made.active.reply(REPLY)
    made.active.close_connection()
    assert made.outlet.closed == 1
