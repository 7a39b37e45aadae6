"""What is known of a message's client, by the door that it came through."""

from __future__ import annotations

import msgspec
import pytest

from commander.mcp.events import Peer, Reply
from commander.sessions.conversation import Conversation
from commander.sessions.doors import (
    SESSION_HEADER,
    StdioDoor,
    session_refusal,
    unknown_session,
)
from commander.sessions.session import Session
from tests.sessions.kit import ANN, BOB, Stage

requirement = pytest.mark.requirement

PEER = Peer(version="2025-06-18", capabilities={"elicitation": {}})


def test_a_request_without_a_session_stands_alone() -> None:
    door = Stage().door()
    assert door.find_conversation() is None
    assert door.conversation is None
    assert door.peer_of(None) == Peer()


def test_a_request_without_a_session_may_name_its_version() -> None:
    door = Stage().door({"MCP-Protocol-Version": "2025-06-18"})
    assert door.peer_of(None) == Peer(version="2025-06-18")


def test_a_session_is_found_by_its_id() -> None:
    stage = Stage()
    door = stage.door({SESSION_HEADER: stage.initialize("2025-06-18", roots={})})
    session = door.find_conversation()
    assert isinstance(session, Session)
    assert door.peer_of(session) == Peer(
        version="2025-06-18", capabilities={"roots": {}}
    )


@requirement("L5")
def test_a_session_may_speak_another_version_than_it_agreed_on() -> None:
    """L5: clients were seen that do."""
    stage = Stage()
    door = stage.door({"MCP-Protocol-Version": "2025-11-25"})
    session = Conversation(PEER)
    assert door.peer_of(session) == Peer(
        version="2025-11-25", capabilities={"elicitation": {}}
    )
    assert session.peer is PEER
    assert stage.door({"MCP-Protocol-Version": "2025-06-18"}).peer_of(session) is PEER
    assert stage.door().peer_of(session) is PEER


@requirement("L3")
@pytest.mark.parametrize("text", ["", "unknown", "\ufffd", "x" * 10_000])
def test_an_unknown_session_is_404(text: str) -> None:
    """L3."""
    refused = Stage().door({SESSION_HEADER: text}).find_conversation()
    assert isinstance(refused, Reply)
    assert refused.status == 404
    assert msgspec.json.decode(refused.body)["id"] is None


@requirement("L2")
def test_a_session_of_another_principal_is_404_as_if_unknown() -> None:
    """L2."""
    stage = Stage()
    text = stage.initialize()
    assert stage.door({SESSION_HEADER: text}, BOB).find_conversation() == (
        unknown_session()
    )
    assert isinstance(stage.door({SESSION_HEADER: text}).find_conversation(), Session)


def test_a_request_names_one_session() -> None:
    stage = Stage()
    one, other = stage.initialize(), stage.initialize()
    refused = stage.door({SESSION_HEADER: [one, other]}).find_conversation()
    assert isinstance(refused, Reply)
    assert refused.status == 400
    same = stage.door({SESSION_HEADER: [one, one]}).find_conversation()
    assert isinstance(same, Session)


@requirement("L23")
def test_too_many_sessions_are_503_and_may_come_again() -> None:
    stage = Stage(max_sessions=1)
    first = stage.door({SESSION_HEADER: stage.initialize()}).find_conversation()
    assert isinstance(first, Session)

    class Call:
        def cancel(self) -> None:
            """Nobody asks for it."""

    first.began(1, Call())
    refused = stage.door({SESSION_HEADER: stage.initialize()}).find_conversation()
    assert isinstance(refused, Reply)
    assert (refused.status, refused.retry_after_seconds) == (503, 30)
    assert b"MCP_MAX_SESSIONS=1" in refused.body


@requirement("T5")
def test_on_standard_input_there_is_one_client_who_may_greet_again() -> None:
    talk = Conversation(Peer())
    door = StdioDoor(principal=ANN, conversation=talk)
    assert door.find_conversation() is talk
    assert door.peer_of(None) == Peer()
    reply = Reply(status=200, body=b"{}")
    assert door.opened(reply, PEER) is reply
    assert door.peer_of(talk) == PEER
    assert (door.headers, door.plain_rpc) == (None, False)


def test_a_refusal_of_a_session_is_a_json_rpc_error_without_an_id() -> None:
    refused = session_refusal(406, "why", 3)
    assert msgspec.json.decode(refused.body) == {
        "jsonrpc": "2.0",
        "id": None,
        "error": {"code": -32600, "message": "Invalid request: why"},
    }
    assert (refused.status, refused.retry_after_seconds) == (406, 3)
