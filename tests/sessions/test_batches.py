"""Several messages in one body: one array of replies, in whatever order they end."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.mcp.events import Peer, Reply
from commander.sessions.batches import BatchOutlet
from commander.sessions.conversation import Conversation
from tests.sessions.kit import MemoryFlow, MemoryOutlet

requirement = pytest.mark.requirement


def reply(number: int) -> Reply:
    return Reply(status=400 if number % 2 else 200, body=b'{"id":%d}' % number)


def bodies(outlet: MemoryOutlet) -> list[int]:
    return [one["id"] for one in outlet.reply_json]


@requirement("L17")
def test_replies_come_together_in_the_order_in_which_they_were_made() -> None:
    whole = MemoryOutlet()
    batch = BatchOutlet(whole)
    parts = [batch.part() for _ in range(3)]
    batch.close()
    for number in (2, 0):
        parts[number].reply(reply(number))
    assert whole.replies == []
    parts[1].reply(reply(1))
    assert bodies(whole) == [2, 0, 1]
    assert whole.replies[0].status == 200


def test_what_is_answered_at_once_waits_for_the_last_message() -> None:
    whole = MemoryOutlet()
    batch = BatchOutlet(whole)
    batch.part().reply(reply(0))
    assert whole.replies == []
    batch.close()
    assert bodies(whole) == [0]
    assert whole.begun == []


@requirement("L17")
def test_notifications_alone_are_accepted() -> None:
    """S0326/basic/transports, Sending Messages, 3."""
    whole = MemoryOutlet()
    batch = BatchOutlet(whole)
    for _ in range(3):
        batch.part().reply(Reply(status=202, body=b""))
    batch.close()
    assert [(one.status, one.body) for one in whole.replies] == [(202, b"")]


def test_the_whole_takes_time_as_soon_as_a_part_does_and_once() -> None:
    whole, talk = MemoryOutlet(), Conversation(Peer())
    batch = BatchOutlet(whole)
    for _ in range(3):
        batch.part().begin(talk, lambda: None)
    assert whole.begun == [talk]
    assert whole.on_lost is None


@pytest.mark.parametrize("streams", [True, False])
def test_a_part_speaks_on_the_wire_of_the_whole(streams: bool) -> None:
    whole = MemoryOutlet(streams=streams)
    part = BatchOutlet(whole).part()
    assert part.streams is streams
    part.notify(b"{}")
    assert whole.notified == [b"{}"]


def test_a_call_that_was_cancelled_has_no_reply_among_the_others() -> None:
    whole = MemoryOutlet()
    batch = BatchOutlet(whole)
    first, second = batch.part(), batch.part()
    batch.close()
    for part in (first, second):
        part.begin(None, None)
    first.abandon()
    second.reply(reply(1))
    assert bodies(whole) == [1]


def test_a_batch_whose_calls_were_all_cancelled_ends_without_a_reply() -> None:
    whole = MemoryOutlet()
    batch = BatchOutlet(whole)
    parts = [batch.part(), batch.part()]
    batch.part().reply(Reply(status=202, body=b""))
    batch.close()
    for part in parts:
        part.begin(None, None)
        part.abandon()
    assert whole.abandoned == 1


def test_all_flows_are_held_back_together() -> None:
    whole = MemoryOutlet()
    batch = BatchOutlet(whole)
    one, other = batch.part(), batch.part()
    flows = [MemoryFlow() for _ in range(3)]
    for part in (one, other):
        part.begin(None, None)
    one.follow(flows[0])
    assert whole.flow is not None
    whole.flow.pause()
    other.follow(flows[1])
    assert [flow.paused for flow in flows] == [True, True, False]
    one.follow(None)
    one.follow(None)
    whole.flow.resume()
    assert [flow.paused for flow in flows] == [True, False, False]
    other.follow(flows[2])
    whole.flow.pause()
    assert [flow.paused for flow in flows] == [True, False, True]


@given(st.lists(st.sampled_from(["note", "reply", "later", "cancelled"]), max_size=20))
def test_there_is_one_end_with_every_reply_in_it(kinds: list[str]) -> None:
    whole = MemoryOutlet()
    batch = BatchOutlet(whole)
    waiting = []
    for number, kind in enumerate(kinds):
        part = batch.part()
        if kind in {"later", "cancelled"}:
            part.begin(None, None)
            waiting.append((number, kind, part))
        else:
            part.reply(
                reply(number) if kind == "reply" else Reply(status=202, body=b"")
            )
    batch.close()
    for number, kind, part in reversed(waiting):
        assert not whole.over
        if kind == "later":
            part.reply(reply(number))
        else:
            part.abandon()
    assert whole.over
    expected = {n for n, kind in enumerate(kinds) if kind in {"later", "reply"}}
    if expected:
        decoded = msgspec.json.decode(whole.replies[0].body)
        assert len(decoded) == len(expected)
        assert {one["id"] for one in decoded} == expected
    elif waiting:
        assert whole.abandoned
    else:
        assert whole.replies[0].status == 202
