"""The sessions that this server remembers something about.

An id alone tells who a session is of (``commander.sessions.session_ids``), so a
session is remembered from its first request on and forgotten when it has been idle for
``MCP_SESSION_IDLE``; its next request finds it again, without the streams and the log
level that it had. Clients do not have to start anew, and a flood of ``initialize``
costs no memory. Only what a client ended itself stays ended.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import attrs

from commander.alarm import Alarm
from commander.interfaces import Monotonic
from commander.mcp.events import Peer
from commander.principals import Principal
from commander.sessions.event_stream import ReplayBudget
from commander.sessions.session import Session
from commander.sessions.session_ids import SessionIds

__all__ = ["MAX_ENDED", "SWEEP_SECONDS", "SessionStore", "SessionsFull"]

SWEEP_SECONDS: Final = 30.0
"""How often it is looked for what is idle."""
MAX_ENDED: Final = 10_000
"""Ids that are known to be ended. More, and the oldest would be taken for idle."""


@attrs.frozen
class SessionsFull:
    """Every session that is remembered is in use, and there is no room for more."""

    max_sessions: int


class SessionStore:
    """Finds sessions by their ids.

    Args:
        ids: Reads and makes ids.
        alarm: The one timer; owned by this object from now on.
        monotonic: Measures idle time.
        wall: Seconds since 1970, for the age of ids.
        max_sessions: Remembered at once.
        idle_seconds: From its last request until a session is forgotten.
        forgotten: Called with each session that is not remembered any more.
    """

    def __init__(
        self,
        *,
        ids: SessionIds,
        alarm: Alarm,
        monotonic: Monotonic,
        wall: Callable[[], float],
        max_sessions: int,
        idle_seconds: float,
        forgotten: Callable[[Session], None],
    ) -> None:
        self._ids = ids
        self._alarm = alarm
        self._monotonic = monotonic
        self._wall = wall
        self._max_sessions = max_sessions
        self._idle_seconds = idle_seconds
        self._forgotten = forgotten
        self._budget = ReplayBudget()
        # Used longest ago first; an id is bound to its principal by its seal, but the
        # text alone is not.
        self._sessions: OrderedDict[tuple[str, Principal], Session] = OrderedDict()
        self._used: dict[tuple[str, Principal], float] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        """Sessions that are remembered."""
        return len(self._sessions)

    def issue(self, peer: Peer, principal: Principal) -> str:
        """The id of a new session; nothing is remembered yet."""
        return self._ids.issue(peer, principal, self._wall())

    def find(self, text: str, principal: Principal) -> Session | SessionsFull | None:
        """The session of an id; None if there is none, or not one of this principal."""
        key = (text, principal)
        session = self._sessions.get(key) or self._recall(key)
        if isinstance(session, Session):
            self._sessions.move_to_end(key)
            self._used[key] = self._monotonic()
        return session

    def end(self, text: str, principal: Principal) -> bool:
        """The client ends its session; False if there is none of this id."""
        key = (text, principal)
        if key not in self._sessions and not self._is_known(key):
            return False
        self._ended[text] = None
        if len(self._ended) > MAX_ENDED:
            self._ended.popitem(last=False)
        self._forget(key)
        return True

    def close(self) -> None:
        """End what the sessions have open; they can go on at another server."""
        self._alarm.cancel()
        for key in tuple(self._sessions):
            self._forget(key)

    def _is_known(self, key: tuple[str, Principal]) -> bool:
        text, principal = key
        return (
            text not in self._ended
            and self._ids.read(text, principal, self._wall()) is not None
        )

    def _recall(self, key: tuple[str, Principal]) -> Session | SessionsFull | None:
        text, principal = key
        peer = self._ids.read(text, principal, self._wall())
        if peer is None or text in self._ended:
            return None
        if len(self._sessions) >= self._max_sessions and not self._make_room():
            return SessionsFull(self._max_sessions)
        session = self._sessions[key] = Session(peer, self._budget)
        if not self._alarm.is_set:
            self._alarm.set(SWEEP_SECONDS, self._sweep)
        return session

    def _make_room(self) -> bool:
        for key, session in self._sessions.items():
            if not session.in_use:
                self._forget(key)
                return True
        return False

    def _sweep(self) -> None:
        now = self._monotonic()
        for key, session in tuple(self._sessions.items()):
            session.prune(now)
            if session.in_use:
                self._used[key] = now
            elif now > self._used[key] + self._idle_seconds:
                self._forget(key)
        if self._sessions:
            self._alarm.set(SWEEP_SECONDS, self._sweep)

    def _forget(self, key: tuple[str, Principal]) -> None:
        session = self._sessions.pop(key, None)
        self._used.pop(key, None)
        if session is not None:
            session.close()
            self._forgotten(session)
