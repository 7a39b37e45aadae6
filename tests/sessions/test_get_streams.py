"""What a GET gets: a session's own stream, or the rest of one that broke."""

from __future__ import annotations

import msgspec
import pytest

from commander.mcp.events import Peer
from commander.sessions.event_stream import ReplayBudget
from commander.sessions.get_streams import GetStreams
from commander.sessions.listening import ChangeHub
from commander.sessions.session import STANDALONE, Session
from tests.sessions.kit import ANN, BOB, MemoryWire

requirement = pytest.mark.requirement


class Stage:
    def __init__(self) -> None:
        self.hub = ChangeHub()
        self.streams = GetStreams(self.hub, frozenset({"tools"}))
        self.session = self.new_session()

    def new_session(self) -> Session:
        return Session(Peer(version="2025-11-25"), ReplayBudget())

    def get(
        self, last: str | None = None, session: Session | None = None
    ) -> MemoryWire:
        wire = MemoryWire()
        refusal = self.streams.open(session or self.session, wire, last, ANN)
        assert refusal is None
        return wire

    def refused(self, last: str) -> int:
        wire = MemoryWire()
        refusal = self.streams.open(self.session, wire, last, ANN)
        assert refusal is not None
        assert not wire.opened
        assert msgspec.json.decode(refusal.body)["error"]["code"] == -32600
        return refusal.status


def last_id(wire: MemoryWire) -> str:
    lines = [line for line in wire.data.split(b"\n") if line.startswith(b"id: ")]
    return lines[-1].removeprefix(b"id: ").decode()


def test_a_session_hears_nothing_of_another_principals() -> None:
    stage = Stage()
    wire = stage.get()
    stage.session.subscriptions.add("x://a")
    stage.hub.resource_updated("x://a", BOB)
    assert wire.messages == []
    stage.hub.resource_updated("x://a", ANN)
    assert [one["params"] for one in wire.messages] == [{"uri": "x://a"}]


@requirement("L10")
def test_a_session_hears_on_its_own_stream_what_changed() -> None:
    stage = Stage()
    wire = stage.get()
    stage.session.subscriptions.add("x://a")
    stage.hub.list_changed("tools")
    stage.hub.list_changed("prompts")
    stage.hub.resource_updated("x://a")
    stage.hub.resource_updated("x://b")
    assert [one["method"] for one in wire.messages] == [
        "notifications/tools/list_changed",
        "notifications/resources/updated",
    ]
    assert last_id(wire).startswith(STANDALONE)


@requirement("L10")
def test_a_session_has_one_stream_of_its_own_the_newest() -> None:
    stage = Stage()
    first = stage.get()
    second = stage.get()
    stage.hub.list_changed("tools")
    assert first.finished
    assert first.messages == []
    assert len(second.messages) == 1
    assert len(stage.hub) == 1


def test_whoever_comes_back_gets_what_changed_meanwhile() -> None:
    stage = Stage()
    first = stage.get()
    stage.hub.list_changed("tools")
    first.lose()
    stage.hub.list_changed("tools")
    second = stage.get(last_id(first))
    assert len(second.messages) == 1
    assert last_id(second) == last_id(first)[:-1] + "2"


@requirement("L9", "L12")
def test_the_rest_of_a_reply_comes_from_its_own_stream_and_no_other() -> None:
    """S25/basic/transports, Resumability and Redelivery: never of another stream."""
    stage = Stage()
    own = stage.get()
    post, wire = stage.session.new_stream(), MemoryWire()
    post.attach(wire)
    post.send(b'{"n":1}')
    wire.lose()
    post.send(b'{"n":2}')
    stage.hub.list_changed("tools")
    again = stage.get(last_id(wire))
    post.send(b'{"n":3}')
    assert again.messages == [{"n": 2}, {"n": 3}]
    assert len(own.messages) == 1
    assert not own.finished


@requirement("L12")
@pytest.mark.parametrize("last", ["", "x", "nothing-1", "0a1b2c3d4e5f-7", "\ufffd"])
def test_an_event_that_is_not_kept_is_refused(last: str) -> None:
    assert Stage().refused(last) == 400


@requirement("L12")
def test_an_event_of_another_session_is_refused() -> None:
    stage = Stage()
    other, wire = stage.new_session(), MemoryWire()
    stream = other.new_stream()
    stream.attach(wire)
    stream.send(b"{}")
    assert stage.refused(last_id(wire)) == 400
    assert not wire.finished


def test_a_stream_of_its_own_that_is_forgotten_goes_on_from_now() -> None:
    stage = Stage()
    elsewhere = stage.get(session=stage.new_session())
    wire = stage.get(last_id(elsewhere))
    stage.hub.list_changed("tools")
    assert len(wire.messages) == 1
    assert not elsewhere.finished


def test_a_slow_reader_hears_once_of_what_changed() -> None:
    stage = Stage()
    wire = stage.get()
    wire.pause()
    for _ in range(1000):
        stage.hub.list_changed("tools")
    assert wire.messages == []
    wire.resume()
    assert len(wire.messages) == 1


def test_a_session_that_is_forgotten_hears_nothing_more() -> None:
    stage = Stage()
    wire = stage.get()
    stage.session.close()
    stage.streams.forget(stage.session)
    stage.streams.forget(stage.session)
    stage.hub.list_changed("tools")
    assert wire.messages == []
    assert wire.finished
    assert len(stage.hub) == 0


def test_an_ended_stream_of_its_own_is_followed_by_a_new_one() -> None:
    stage = Stage()
    stage.get()
    assert stage.session.standalone is not None
    stage.session.standalone.end()
    wire = stage.get()
    stage.hub.list_changed("tools")
    assert len(wire.messages) == 1
    assert len(stage.hub) == 1
