"""One POST from its body to its answer.

A client that leaves does not end its command: in the handshake era a dropped
connection is no cancellation (S25/basic/transports, Sending Messages, 6). The
command runs to its end and is recorded; only the answer has nobody to go to.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest

from commander.auth.answers import HttpAnswer, write_answer
from commander.mcp.events import Reply, ToolCalled
from commander.mcp.inbound import InboundHeaders
from commander.principals import ANONYMOUS, Principal
from commander.sessions.dispatcher import Dispatcher
from commander.sessions.in_flight import InFlight
from commander.telemetry.logging import StructuredLog
from commander.tools.registry import CallContext
from commander.web.answers import (
    internal_error,
    method_not_allowed,
    unavailable,
)
from commander.web.drain import Drain
from commander.web.guards import Guards, header_texts, media_type_problem
from commander.web.request import CommanderRequest

__all__ = ["Exchange"]

_DRAIN_RETRY_SECONDS = 5


class Exchange:
    """Serves authenticated requests on the MCP paths.

    Args:
        dispatcher: Answers messages.
        guards: Check Host and Origin.
        drain: Whether calls are served.
        log: For faults of our own.
    """

    def __init__(
        self,
        *,
        dispatcher: Dispatcher,
        guards: Guards,
        drain: Drain,
        log: StructuredLog,
    ) -> None:
        self._dispatcher = dispatcher
        self._guards = guards
        self._drain = drain
        self._log = log
        self._in_flight = InFlight()

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
        try:
            refusal = self._refusal(request, principal, plain_rpc=plain_rpc)
            event = self._receive(request) if refusal is None else refusal
        except Exception:
            event = self._failed(Failure())
        if isinstance(event, ToolCalled):
            context = CallContext(principal=principal, plain_rpc=plain_rpc)
            Deferred.fromCoroutine(self._call(event, context, request))
        else:
            self._write(event, request)  # at once: most requests need no Deferred

    def when_idle(self) -> Deferred[None]:
        """Fires when no request is being answered, at once if that is so now."""
        return self._in_flight.when_idle()

    def _receive(self, request: CommanderRequest) -> HttpAnswer | ToolCalled:
        """The answer to the message in the body, or the tool that it calls."""
        versions = header_texts(request.requestHeaders, b"mcp-protocol-version")
        event = self._dispatcher.receive(
            request.take_body(),
            InboundHeaders(protocol_version=versions[0] if versions else None),
        )
        return event if isinstance(event, ToolCalled) else _http_answer(event)

    async def _call(
        self, called: ToolCalled, context: CallContext, request: CommanderRequest
    ) -> None:
        self._in_flight.began()
        try:
            answer = _http_answer(await self._dispatcher.call(called, context))
        except Exception:
            answer = self._failed(Failure())
        try:
            self._write(answer, request)
        finally:
            self._in_flight.ended()

    def _refusal(
        self, request: CommanderRequest, principal: Principal, *, plain_rpc: bool
    ) -> HttpAnswer | None:
        """Why HTTP alone already says no; the order is part of the interface."""
        problem = self._guards.problem(request.requestHeaders)
        if problem is not None:
            return problem
        if request.method != b"POST":
            return method_not_allowed("POST")
        problem = media_type_problem(
            request.requestHeaders, lenient=plain_rpc and principal != ANONYMOUS
        )
        if problem is not None:
            return problem
        if not self._drain.accepting:
            return unavailable("the server is shutting down", _DRAIN_RETRY_SECONDS)
        return None

    def _write(self, answer: HttpAnswer, request: CommanderRequest) -> None:
        if request.client_left:
            self._log.debug("answer_dropped", reason="the client left")
            return
        try:
            write_answer(request, answer)
            request.finish()
        except Exception:
            self._failed(Failure())

    def _failed(self, failure: Failure) -> HttpAnswer:
        """The boundary for faults of ours: logged here, answered 500."""
        self._log.failure("request_failed", failure)
        return internal_error()


def _http_answer(reply: Reply) -> HttpAnswer:
    return HttpAnswer(status=reply.status, body=reply.body)
