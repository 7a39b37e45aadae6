"""One request on an MCP path, from its head to its answer.

POST carries a message; GET opens a session's stream and DELETE ends a session, both of
the handshake era only. What the answer is, and whether it is a stream, is not decided
here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest

from commander.alarm import Alarm
from commander.auth.answers import HttpAnswer
from commander.mcp.events import Reply
from commander.mcp.inbound import handshake_version
from commander.mcp.versions import HANDSHAKE_VERSIONS
from commander.principals import ANONYMOUS, Principal
from commander.sessions.doors import (
    SESSION_HEADER,
    HttpDoor,
    session_refusal,
    unknown_session,
)
from commander.sessions.post import PostOutlet
from commander.sessions.service import McpService
from commander.telemetry.logging import StructuredLog
from commander.web.answers import method_not_allowed, refused, unavailable
from commander.web.drain import Drain
from commander.web.guards import (
    Guards,
    RequestHeaders,
    media_type_problem,
)
from commander.web.request import CommanderRequest
from commander.web.wire import RequestWire

__all__ = ["Exchange"]

_DRAIN_RETRY_SECONDS: Final = 5
_ENDED: Final = Reply(status=204, body=b"")


class Exchange:
    """Serves authenticated requests on the MCP paths.

    Args:
        service: Answers messages and holds sessions.
        guards: Check Host and Origin.
        drain: Whether calls are served.
        new_alarm: Makes a timer that nobody owns yet.
        log: For faults of our own.
    """

    def __init__(
        self,
        *,
        service: McpService,
        guards: Guards,
        drain: Drain,
        new_alarm: Callable[[], Alarm],
        log: StructuredLog,
    ) -> None:
        self._service = service
        self._guards = guards
        self._drain = drain
        self._new_alarm = new_alarm
        self._log = log

    def serve(
        self, request: IRequest, principal: Principal, *, plain_rpc: bool
    ) -> None:
        """Answer a request and finish it, now or later.

        Args:
            request: A ``CommanderRequest``, its body received.
            principal: Who sent it.
            plain_rpc: It came to ``/``, where callers of the Go server send
                JSON-RPC without the manners of MCP.
        """
        assert isinstance(request, CommanderRequest)  # noqa: S101 - for the type
        wire = RequestWire(request, self._new_alarm)
        door = HttpDoor(
            principal=principal,
            plain_rpc=plain_rpc,
            headers=RequestHeaders(request.requestHeaders),
            sessions=self._service.sessions,
        )
        try:
            self._serve(request, door, wire)
        except Exception:
            # The boundary for faults of ours: logged here, answered 500.
            self._log.failure("request_failed", Failure())
            wire.fail()

    def when_idle(self) -> Deferred[None]:
        """Fires when no call is being answered, at once if that is so now."""
        return self._service.dispatcher.when_idle()

    def close(self) -> None:
        """End the streams that wait for something to happen."""
        self._service.close()

    def _serve(
        self, request: CommanderRequest, door: HttpDoor, wire: RequestWire
    ) -> None:
        body = request.take_body()  # of whatever method: a stream must not keep it
        refusal = self._refusal(request, door)
        if refusal is not None:
            wire.answer_http(refusal)
        elif request.method == b"POST":
            outlet = PostOutlet(wire, self._new_alarm, self._dropped)
            self._service.dispatcher.receive(body, door, outlet)
        elif request.method == b"GET":
            refused = self._open_stream(door, wire)
            if refused is not None:
                wire.answer(refused)
        else:
            wire.answer(self._end_session(door))

    def _refusal(self, request: CommanderRequest, door: HttpDoor) -> HttpAnswer | None:
        """Why HTTP alone already says no; the order is part of the interface."""
        problem = self._guards.problem(request.requestHeaders)
        if problem is not None:
            return problem
        problem = (
            media_type_problem(
                request.requestHeaders,
                lenient=door.plain_rpc and door.principal != ANONYMOUS,
            )
            if request.method == b"POST"
            else _method_problem(request.method, door)
        )
        if problem is not None:
            return problem
        if not self._drain.accepting:
            return unavailable("the server is shutting down", _DRAIN_RETRY_SECONDS)
        return None

    def _open_stream(self, door: HttpDoor, wire: RequestWire) -> Reply | None:
        if not wire.accepts_stream:
            return session_refusal(406, "a stream needs Accept: text/event-stream")
        session = door.find_conversation()
        if session is None or isinstance(session, Reply):
            return session
        last = door.headers.values("last-event-id")
        return self._service.get_streams.open(
            session, wire, last[0] if last else None, door.principal
        )

    def _end_session(self, door: HttpDoor) -> Reply:
        """S25/basic/transports, Session Management, 5."""
        named = door.named_session()
        if not isinstance(named, str):
            return named or unknown_session()
        ended = self._service.sessions.end(named, door.principal)
        return _ENDED if ended else unknown_session()

    def _dropped(self) -> None:
        self._log.debug("answer_dropped", reason="the client left")


def _method_problem(method: bytes, door: HttpDoor) -> HttpAnswer | None:
    """Why a request that is no POST is refused, or None.

    Without a session there is nothing to GET: that is for the server to say with 405
    (S25/basic/transports, Listening for Messages from the Server, 2), and so does
    S26/basic/transports/streamable-http, Earlier Streamable HTTP Revisions.
    """
    version = handshake_version(door.headers)
    modern = version is not None and version not in HANDSHAKE_VERSIONS
    if method not in (b"GET", b"DELETE") or modern:
        return method_not_allowed("POST" if modern else "DELETE, GET, POST")
    if door.headers.values(SESSION_HEADER):
        return None
    if method == b"GET":
        return method_not_allowed("POST")
    return refused(400, "DELETE needs Mcp-Session-Id")
