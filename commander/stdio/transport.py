"""One JSON-RPC message a line, in both directions (S25/basic/transports, stdio).

Requests are answered as they finish, not in the order in which they came: a ping
behind a long command does not wait for it. A client that does not read its answers
is not read from either, so what it is owed stays bounded; what can be held back,
progress and output, is held back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from commander.mcp.events import Peer, Reply
from commander.mcp.jsonrpc import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    ProtocolError,
    error_body,
)
from commander.principals import STDIO_PRINCIPAL
from commander.sessions.conversation import Conversation
from commander.sessions.doors import StdioDoor
from commander.sessions.listening import Listener
from commander.sessions.service import McpService
from commander.telemetry.logging import StructuredLog
from commander.tools.caller import Flow

__all__ = ["MAX_LINE_BYTES", "LineProtocol"]

MAX_LINE_BYTES: Final = 10 * 1024 * 1024
"""Longest message that is taken, as in the Go server."""

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
        service: Answers messages.
        log: For faults of our own.
    """

    def __init__(self, *, service: McpService, log: StructuredLog) -> None:
        self._service = service
        self._log = log
        self._conversation = Conversation(Peer())
        self._door = StdioDoor(
            principal=STDIO_PRINCIPAL, conversation=self._conversation
        )
        self._listener = Listener(
            principal=STDIO_PRINCIPAL,
            # Nobody knows whether the client wants them: it may never have greeted us.
            lists=(),
            resources=self._conversation.subscriptions,
            send=self.send,
        )
        self._line = bytearray()
        self._skipping = False
        self._writable = False
        self._paused = False
        self._flows: dict[Flow, None] = {}
        self.ended: Deferred[None] = Deferred()
        """Fires when the client has closed its end, or can no longer be reached."""
        self.closed: Deferred[None] = Deferred()
        """Fires when both directions are closed."""

    transport: Any  # StandardIO, which is consumer and producer at once

    def connectionMade(self) -> None:
        """The wire is ours."""
        self._writable = True
        self.transport.registerProducer(self, True)
        self._service.hub.add(self._listener)
        self.follow(self._listener)

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
        self._listen_no_more()
        self._tell_ended()
        self.closed.callback(None)

    def when_idle(self) -> Deferred[None]:
        """Fires when no request is being answered, at once if that is so now."""
        return self._service.dispatcher.when_idle()

    def close(self) -> None:
        """End what waits for something to happen; the wire stays open."""
        self._service.close()
        self._listen_no_more()
        self._conversation.close()
        # A wire that has a producer waits for it before it closes.
        self.transport.unregisterProducer()

    # --- IPushProducer: the client's reading decides about ours ------------------

    def pauseProducing(self) -> None:
        """Our answers pile up: take no more requests, and send only what must be."""
        if self._paused:
            return  # Twisted says so with every write
        self._paused = True
        self.transport.pauseProducing()
        for flow in tuple(self._flows):
            flow.pause()

    def resumeProducing(self) -> None:
        """The client reads again."""
        self._paused = False
        self.transport.resumeProducing()
        for flow in tuple(self._flows):
            flow.resume()

    def stopProducing(self) -> None:
        """The client is gone; ``connectionLost`` follows."""

    # --- lines -------------------------------------------------------------------

    def _extend(self, piece: bytes) -> None:
        if self._skipping:
            return
        if len(self._line) + len(piece) > MAX_LINE_BYTES:
            self._skipping = True
            self._line.clear()
            self.send(_TOO_LONG)
        else:
            self._line += piece

    def _end_of_line(self) -> None:
        line, self._line = bytes(self._line).strip(), bytearray()
        self._skipping = False
        if not line:
            return
        try:
            self._service.dispatcher.receive(line, self._door, _LineOutlet(self))
        except Exception:
            # The boundary for faults of ours, which knows no id to answer.
            self._log.failure("request_failed", Failure())
            self.send(_FAULT)

    def follow(self, flow: Flow) -> None:
        """Hold a flow back while the client does not read."""
        self._flows[flow] = None
        if self._paused:
            flow.pause()

    def unfollow(self, flow: Flow) -> None:
        """Hold it back no more."""
        self._flows.pop(flow, None)

    def send(self, message: bytes) -> None:
        """Send a message of ours; nobody hears of it once the client is gone."""
        if self._writable:
            self.transport.write(message + b"\n")

    def _listen_no_more(self) -> None:
        self._service.hub.discard(self._listener)
        self.unfollow(self._listener)

    def _tell_ended(self) -> None:
        if not self.ended.called:
            self.ended.callback(None)


class _LineOutlet:
    """Where what belongs to one request goes: all requests share the wire."""

    streams = True

    def __init__(self, wire: LineProtocol) -> None:
        self._wire = wire
        self._flow: Flow | None = None

    def begin(
        self, conversation: Conversation | None, lost: Callable[[], None] | None
    ) -> None:
        """Nothing: when the client goes, the process ends."""

    def notify(self, message: bytes) -> None:
        self._wire.send(message)

    def follow(self, flow: Flow | None) -> None:
        if self._flow is not None:
            self._wire.unfollow(self._flow)
        self._flow = flow
        if flow is not None:
            self._wire.follow(flow)

    def close_connection(self) -> None:
        """Nothing: the wire is all that there is."""

    def reply(self, reply: Reply) -> None:
        self.follow(None)
        if reply.body:
            self._wire.send(reply.body)

    def abandon(self) -> None:
        self.follow(None)
