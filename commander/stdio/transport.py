"""One JSON-RPC message a line, in both directions (S25/basic/transports, stdio).

Requests are answered as they finish, not in the order in which they came: a ping
behind a long command does not wait for it. A client that does not read its answers
is not read from either, so what it is owed stays bounded.
"""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from commander.mcp.events import Reply
from commander.mcp.inbound import InboundHeaders
from commander.mcp.jsonrpc import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    ProtocolError,
    error_body,
)
from commander.principals import Principal
from commander.sessions.dispatcher import Dispatcher
from commander.sessions.in_flight import InFlight
from commander.telemetry.logging import StructuredLog
from commander.tools.registry import CallContext

__all__ = ["MAX_LINE_BYTES", "STDIO_PRINCIPAL", "LineProtocol"]

MAX_LINE_BYTES: Final = 10 * 1024 * 1024
"""Longest message that is taken, as in the Go server."""

STDIO_PRINCIPAL: Final = Principal("stdio")
"""Whoever started the server; there is nobody else on this wire."""

_TOO_LONG: Final = error_body(
    ProtocolError(
        code=INVALID_REQUEST,
        message=f"Invalid request: a line over {MAX_LINE_BYTES} bytes",
    )
)

_FAULT: Final = error_body(
    ProtocolError(code=INTERNAL_ERROR, message="Internal error: see the server's log")
)


@implementer(IPushProducer, IHalfCloseableProtocol)
class LineProtocol(Protocol):
    """The server's end of the wire.

    Args:
        dispatcher: Answers messages.
        log: For faults of our own.
    """

    def __init__(self, *, dispatcher: Dispatcher, log: StructuredLog) -> None:
        self._dispatcher = dispatcher
        self._log = log
        self._context = CallContext(principal=STDIO_PRINCIPAL)
        self._line = bytearray()
        self._skipping = False
        self._in_flight = InFlight()
        self._writable = False
        self.ended: Deferred[None] = Deferred()
        """Fires when the client has closed its end, or can no longer be reached."""
        self.closed: Deferred[None] = Deferred()
        """Fires when both directions are closed."""

    transport: Any  # StandardIO, which is consumer and producer at once

    def connectionMade(self) -> None:
        """The wire is ours."""
        self._writable = True
        self.transport.registerProducer(self, True)

    def dataReceived(self, data: bytes) -> None:
        """Bytes of the client: any number of lines, whole or not."""
        first, *rest = data.split(b"\n")
        self._extend(first)
        for piece in rest:
            self._end_of_line()
            self._extend(piece)

    def readConnectionLost(self) -> None:
        """The client closed its end: the last line needs no newline."""
        self._end_of_line()
        self._tell_ended()

    def writeConnectionLost(self) -> None:
        """The client no longer reads."""
        self._writable = False
        self._tell_ended()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Both ends are gone."""
        self._writable = False
        self._tell_ended()
        self.closed.callback(None)

    def when_idle(self) -> Deferred[None]:
        """Fires when no request is being answered, at once if that is so now."""
        return self._in_flight.when_idle()

    # --- IPushProducer: the client's reading decides about ours ------------------

    def pauseProducing(self) -> None:
        """Our answers pile up: take no more requests."""
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """The client reads again."""
        self.transport.resumeProducing()

    def stopProducing(self) -> None:
        """The client is gone; ``connectionLost`` follows."""

    # --- lines -------------------------------------------------------------------

    def _extend(self, piece: bytes) -> None:
        if self._skipping:
            return
        if len(self._line) + len(piece) > MAX_LINE_BYTES:
            self._skipping = True
            self._line.clear()
            self._send(_TOO_LONG)
        else:
            self._line += piece

    def _end_of_line(self) -> None:
        line, self._line = bytes(self._line).strip(), bytearray()
        self._skipping = False
        if line:
            self._in_flight.began()
            answer = Deferred.fromCoroutine(
                self._dispatcher.answer(line, InboundHeaders(), self._context)
            )
            answer.addCallbacks(self._answered, self._failed)
            answer.addBoth(self._in_flight.ended)

    def _answered(self, reply: Reply) -> None:
        if reply.body:
            self._send(reply.body)

    def _failed(self, failure: Failure) -> None:
        """A fault of ours outside of any tool, which knows no id to answer."""
        self._log.failure("request_failed", failure)
        self._send(_FAULT)

    def _send(self, message: bytes) -> None:
        if self._writable:
            self.transport.write(message + b"\n")

    def _tell_ended(self) -> None:
        if not self.ended.called:
            self.ended.callback(None)
