"""By which door a message came, and what is known of its client there.

| door                   | who is known                                              |
|------------------------|-----------------------------------------------------------|
| HTTP with a session id | the session                                               |
| HTTP without one       | nobody: each request stands alone                         |
| standard input         | the one client, over the life of the process              |
"""

from __future__ import annotations

from typing import Final, Protocol

import attrs

from commander.mcp.events import Peer, Reply
from commander.mcp.headers import Headers
from commander.mcp.inbound import handshake_version
from commander.mcp.jsonrpc import INVALID_REQUEST, ProtocolError, error_body
from commander.principals import Principal
from commander.sessions.conversation import Conversation
from commander.sessions.session import Session
from commander.sessions.store import SessionsFull, SessionStore

__all__ = [
    "SESSION_HEADER",
    "Door",
    "HttpDoor",
    "StdioDoor",
    "session_refusal",
    "unknown_session",
]

SESSION_HEADER: Final = "mcp-session-id"
_NOBODY: Final = Peer()
_RETRY_SECONDS: Final = 30


class Door(Protocol):
    """Where one message came from."""

    @property
    def principal(self) -> Principal:
        """Who sent it."""

    @property
    def plain_rpc(self) -> bool:
        """It came as callers of the Go server send."""

    @property
    def headers(self) -> Headers | None:
        """Of the HTTP request; None where there are none."""

    @property
    def conversation(self) -> Conversation | None:
        """What a message of the modern era belongs to."""

    def find_conversation(self) -> Conversation | Reply | None:
        """What one of the handshake era belongs to; a reply if that is refused."""

    def peer_of(self, conversation: Conversation | None) -> Peer:
        """What is known of the client that sent it."""

    def opened(self, reply: Reply, peer: Peer) -> Reply:
        """A client greeted us: the reply to it, and remember who it is."""


@attrs.frozen(kw_only=True)
class HttpDoor:
    """A POST."""

    principal: Principal
    plain_rpc: bool
    headers: Headers
    sessions: SessionStore

    conversation = None

    def find_conversation(self) -> Session | Reply | None:
        """The session, if the request names one."""
        named = self.named_session()
        if named is None or isinstance(named, Reply):
            return named
        session = self.sessions.find(named, self.principal)
        if isinstance(session, SessionsFull):
            return session_refusal(
                503,
                f"MCP_MAX_SESSIONS={session.max_sessions} sessions are in use",
                _RETRY_SECONDS,
            )
        return session or unknown_session()

    def named_session(self) -> str | Reply | None:
        """The id that the request names; a refusal if it names several."""
        named = self.headers.values(SESSION_HEADER)
        if len(set(named)) > 1:
            return session_refusal(400, "more than one Mcp-Session-Id")
        return named[0] if named else None

    def peer_of(self, conversation: Conversation | None) -> Peer:
        """The session's client; its header may name any version that is served.

        Clients were seen that negotiate one version and name another.
        """
        version = handshake_version(self.headers)
        if conversation is None:
            return _NOBODY if version is None else Peer(version=version)
        if version is None or version == conversation.peer.version:
            return conversation.peer
        return attrs.evolve(conversation.peer, version=version)

    def opened(self, reply: Reply, peer: Peer) -> Reply:
        """Give the session an id."""
        return attrs.evolve(reply, session_id=self.sessions.issue(peer, self.principal))


@attrs.frozen(kw_only=True)
class StdioDoor:
    """A line."""

    principal: Principal
    conversation: Conversation

    plain_rpc = False
    headers = None

    def find_conversation(self) -> Conversation:
        """There is one client."""
        return self.conversation

    def peer_of(self, conversation: Conversation | None) -> Peer:
        """Whoever greeted us last."""
        return self.conversation.peer

    def opened(self, reply: Reply, peer: Peer) -> Reply:
        """From here on this is the client."""
        self.conversation.peer = peer
        return reply


def unknown_session() -> Reply:
    """The answer that makes a client greet us anew (Session Management, 3)."""
    return session_refusal(404, "there is no such session: initialize anew")


def session_refusal(
    status: int, message: str, retry_after_seconds: int | None = None
) -> Reply:
    """Why a session is not served; in JSON-RPC's form, without an id."""
    error = ProtocolError(code=INVALID_REQUEST, message=f"Invalid request: {message}")
    return Reply(
        status=status,
        body=error_body(error),
        retry_after_seconds=retry_after_seconds,
    )
