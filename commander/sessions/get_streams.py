"""What a GET asks for: a session's own stream, or the rest of one that broke.

S25/basic/transports, Listening for Messages from the Server, and Resumability and
Redelivery. An event's id tells its stream, so a client that comes back gets what came
after that event on that stream and nothing else.
"""

from __future__ import annotations

from collections.abc import Collection

from commander.mcp.events import Reply
from commander.principals import Principal
from commander.sessions.doors import session_refusal
from commander.sessions.listening import ChangeHub, Listener
from commander.sessions.session import STANDALONE, Session
from commander.sessions.wires import StreamWire

__all__ = ["GetStreams"]


class GetStreams:
    """Opens streams for GETs.

    Args:
        hub: Tells the sessions' own streams what changed.
        changing: The lists that may change.
    """

    def __init__(self, hub: ChangeHub, changing: Collection[str]) -> None:
        self._hub = hub
        self._changing = changing
        self._listeners: dict[Session, Listener] = {}

    def open(
        self,
        session: Session,
        wire: StreamWire,
        last_event_id: str | None,
        principal: Principal,
    ) -> Reply | None:
        """Open a stream on a wire; a reply if that is refused.

        A session has one stream of its own: the connection that asks last has it.

        Args:
            session: That is asked for.
            wire: To be the stream's.
            last_event_id: Of the last event that the client has; None for a new stream.
            principal: Whose the session is; what is another's is not told on it.
        """
        if last_event_id is None:
            self._open_own(session, wire, principal)
            return None
        found = session.find_stream(last_event_id)
        if found is not None:
            stream, number = found
            stream.attach(wire, number)
            return None
        if last_event_id.startswith(STANDALONE):
            # Of another replica, or forgotten: what was missed there is lost, and what
            # comes from now on is not.
            self._open_own(session, wire, principal)
            return None
        return session_refusal(
            400, "Last-Event-ID names no event that is kept; send the request anew"
        )

    def forget(self, session: Session) -> None:
        """The session is not remembered any more."""
        listener = self._listeners.pop(session, None)
        if listener is not None:
            self._hub.discard(listener)

    def _open_own(
        self, session: Session, wire: StreamWire, principal: Principal
    ) -> None:
        stream = session.standalone
        if stream is None or stream.ended:
            self.forget(session)
            stream = session.standalone = session.new_stream(standalone=True)
            listener = Listener(
                principal=principal,
                lists=self._changing,
                resources=session.subscriptions,
                send=stream.send,
            )
            stream.follow(listener)
            self._listeners[session] = listener
            self._hub.add(listener)
        stream.attach(wire)
