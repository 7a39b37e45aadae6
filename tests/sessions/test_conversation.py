"""What is known of one client: its calls, and what it was asked."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
)
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from commander.mcp.events import Peer
from commander.mcp.jsonrpc import ClientResponse
from commander.sessions.conversation import MAX_QUESTIONS, AskError, Conversation
from tests.sessions.kit import now


class Cancellable:
    def __init__(self) -> None:
        self.cancelled = 0

    def cancel(self) -> None:
        self.cancelled += 1


def conversation() -> Conversation:
    return Conversation(Peer())


def asked(talk: Conversation) -> tuple[str, list[Any]]:
    """The id of a question, and what becomes of it."""
    body, answer = talk.ask("elicitation/create", {"message": "?"})
    results: list[Any] = []
    answer.addBoth(results.append)
    question = msgspec.json.decode(body)
    assert question["method"] == "elicitation/create"
    assert question["params"] == {"message": "?"}
    return question["id"], results


# --- calls -------------------------------------------------------------------------


def test_a_call_is_cancelled_by_its_id_while_it_is_under_way() -> None:
    talk, call = conversation(), Cancellable()
    assert not now(talk.busy)
    talk.began(1, call)
    assert now(talk.busy)
    talk.cancel(1)
    talk.ended(1, call)
    assert not now(talk.busy)
    talk.cancel(1)
    assert call.cancelled == 1


@pytest.mark.parametrize("other", ["1", 1.0, True, None, [1], {"id": 1}, 2])
def test_an_id_is_cancelled_by_its_own_value_and_type(other: object) -> None:
    talk, call = conversation(), Cancellable()
    talk.began(1, call)
    talk.cancel(other)
    assert call.cancelled == 0


def test_calls_of_one_id_are_cancelled_together_and_end_apart() -> None:
    talk, one, other = conversation(), Cancellable(), Cancellable()
    talk.began("a", one)
    talk.began("a", other)
    talk.ended("a", one)
    talk.cancel("a")
    assert (one.cancelled, other.cancelled) == (0, 1)
    assert talk.busy


def test_a_call_that_ends_when_it_is_cancelled_disturbs_no_other() -> None:
    talk = conversation()

    class Ending(Cancellable):
        def cancel(self) -> None:
            super().cancel()
            talk.ended(1, self)

    calls = [Ending(), Ending()]
    for call in calls:
        talk.began(1, call)
    talk.cancel(1)
    assert [call.cancelled for call in calls] == [1, 1]
    assert not talk.busy


# --- questions ---------------------------------------------------------------------


def test_an_answer_goes_to_its_question_once() -> None:
    talk = conversation()
    (one, first), (two, second) = asked(talk), asked(talk)
    assert one != two
    talk.answered(ClientResponse(id=two, result={"action": "accept"}))
    talk.answered(ClientResponse(id=two, result={"action": "decline"}))
    assert (first, second) == ([], [{"action": "accept"}])


@pytest.mark.parametrize(
    ("response", "said"),
    [
        ({"error": {"code": -1, "message": "never"}}, "never"),
        ({"error": {"code": -1}}, "no result"),
        ({}, "no result"),
    ],
)
def test_an_error_and_no_result_are_a_failure(
    response: dict[str, Any], said: str
) -> None:
    talk = conversation()
    number, results = asked(talk)
    talk.answered(ClientResponse(id=number, **response))
    (failure,) = results
    assert isinstance(failure, Failure)
    assert failure.check(AskError)
    assert said in str(failure.value)


@pytest.mark.parametrize("number", [None, 1, "", "commander-2", "x"])
def test_an_answer_to_no_question_is_ignored(number: str | int | None) -> None:
    talk = conversation()
    _, results = asked(talk)
    talk.answered(ClientResponse(id=number, result={}))
    assert results == []


def test_a_question_that_is_given_up_is_forgotten() -> None:
    talk = conversation()
    body, answer = talk.ask("roots/list", {})
    answer.addErrback(lambda _: None)
    answer.cancel()
    talk.answered(ClientResponse(id=msgspec.json.decode(body)["id"], result={}))


def test_only_so_many_questions_are_open() -> None:
    talk = conversation()
    questions = [asked(talk) for _ in range(MAX_QUESTIONS)]
    with pytest.raises(AskError, match="100 questions"):
        asked(talk)
    talk.answered(ClientResponse(id=questions[0][0], result={}))
    asked(talk)


def test_a_client_that_is_gone_answers_nothing_and_is_asked_nothing() -> None:
    talk = conversation()
    _, results = asked(talk)
    talk.close()
    talk.close()
    (failure,) = results
    assert failure.check(AskError)
    with pytest.raises(AskError, match="session ended"):
        asked(talk)


class Questions(RuleBasedStateMachine):
    """Any order of asking, answering, giving up and leaving: each ends once."""

    questions: Bundle[Any] = Bundle("questions")

    def __init__(self) -> None:
        super().__init__()
        self.talk = conversation()
        self.gone = False
        self.results: dict[str, list[Any]] = {}
        self.expected: dict[str, int] = {}

    @rule(target=questions)
    def ask(self) -> Any:
        if self.gone or sum(not n for n in self.expected.values()) >= MAX_QUESTIONS:
            with pytest.raises(AskError):
                self.talk.ask("x", {})
            return multiple()
        body, answer = self.talk.ask("x", {})
        number = msgspec.json.decode(body)["id"]
        assert number not in self.results
        self.results[number], self.expected[number] = [], 0
        answer.addBoth(self.results[number].append)
        return number, answer

    @rule(question=questions, good=st.booleans())
    def answer(self, question: tuple[str, Deferred[Any]], good: bool) -> None:
        number, _ = question
        self.talk.answered(
            ClientResponse(id=number, result={} if good else None, error={})
        )
        self.expected[number] = 1

    @rule(question=questions)
    def give_up(self, question: tuple[str, Deferred[Any]]) -> None:
        question[1].cancel()
        self.expected[question[0]] = 1

    @rule()
    def leave(self) -> None:
        self.talk.close()
        self.gone = True
        self.expected = dict.fromkeys(self.expected, 1)

    @invariant()
    def each_ends_once_and_none_by_itself(self) -> None:
        for number, results in self.results.items():
            assert len(results) == self.expected[number]


TestQuestions = Questions.TestCase


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=40))
def test_it_is_busy_while_anything_is(steps: list[tuple[int, bool]]) -> None:
    talk, running = conversation(), list[tuple[int, Cancellable]]()
    for number, begins in steps:
        if begins:
            running.append((number, Cancellable()))
            talk.began(*running[-1])
        elif running:
            talk.ended(*running.pop(number % len(running)))
        assert talk.busy == bool(running)
