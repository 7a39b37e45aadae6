"""One HTTP answer, whole or as a stream of server-sent events.

The stream is a push producer: while the client does not read, nobody is asked for more.
Its bytes leave at once, through proxies too (S26/basic/transports/streamable-http,
Receiving Messages), and a comment goes out when there was nothing to say for a while.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from commander.alarm import Alarm
from commander.auth.answers import HttpAnswer, write_answer
from commander.mcp import sse
from commander.mcp.events import Reply
from commander.sessions.doors import SESSION_HEADER
from commander.sessions.wires import WireListener
from commander.web.answers import internal_error
from commander.web.guards import accepts_stream, prefers_stream
from commander.web.request import CommanderRequest

__all__ = ["KEEP_ALIVE_SECONDS", "RequestWire"]

KEEP_ALIVE_SECONDS: Final = 15.0
"""Well below the minute after which load balancers give a connection up."""

_OK: Final = 200
_EVENTS: Final = "text/event-stream"
_STREAM_HEADERS: Final = (
    (b"Content-Type", _EVENTS.encode()),
    (b"Cache-Control", b"no-cache, no-transform"),
    (b"X-Accel-Buffering", b"no"),
)


@implementer(IPushProducer)
class RequestWire:
    """The answer to one request; it may be dropped unanswered once its client is gone.

    Args:
        request: Owned by this object until it is finished.
        new_alarm: Makes the one timer of a stream. Most answers are none.
    """

    def __init__(
        self, request: CommanderRequest, new_alarm: Callable[[], Alarm]
    ) -> None:
        self._request = request
        self._new_alarm = new_alarm
        self._alarm: Alarm | None = None
        self._listener: WireListener | None = None
        self.paused = False
        """Whether the client does not keep up."""
        self._open = False

    @property
    def accepts_stream(self) -> bool:
        """Whether the client takes events."""
        return accepts_stream(self._request.requestHeaders)

    @property
    def _prefers_stream(self) -> bool:
        headers = self._request.requestHeaders
        return headers.hasHeader(SESSION_HEADER) and prefers_stream(headers)

    def watch(self, listener: WireListener | None) -> None:
        """Tell this one what happens, and no other; None to tell nobody.

        A client that is gone already is told of at once.
        """
        self._listener = listener
        self._request.on_left = self._left
        if self._request.client_left:
            self._left()

    def answer(self, reply: Reply) -> None:
        """Answer whole, and end; does nothing if the client is gone.

        In a session a client that prefers events gets a result as the one event of a
        stream: such clients take all that they asked for from one reader.
        """
        headers: tuple[tuple[str, str], ...] = ()
        if reply.session_id is not None:
            headers = (("Mcp-Session-Id", reply.session_id),)
        if reply.retry_after_seconds is not None:
            headers = (*headers, ("Retry-After", str(reply.retry_after_seconds)))
        answer = HttpAnswer(status=reply.status, body=reply.body, headers=headers)
        if reply.status == _OK and self._prefers_stream:
            answer = attrs.evolve(
                answer, body=sse.event(reply.body), content_type=_EVENTS
            )
        self.answer_http(answer)

    def answer_http(self, answer: HttpAnswer) -> None:
        """The same with an answer of HTTP's own."""
        if not self._request.client_left:
            write_answer(self._request, answer)
            self._request.finish()

    def fail(self) -> None:
        """After a fault of ours: 500, or the connection's end if something was sent."""
        request = self._request
        if not request.startedWriting:
            self.answer_http(internal_error())
        elif not (request.finished or request.client_left):
            request.channel.forceAbortClient()

    def open_stream(self) -> None:
        """Send the head of a stream of events."""
        request = self._request
        if request.client_left:
            return
        request.setResponseCode(200)
        for name, value in _STREAM_HEADERS:
            request.responseHeaders.setRawHeaders(name, [value])
        self._open = True
        request.on_left = self._left
        request.registerProducer(self, True)
        request.write(b"")
        self._alarm = self._new_alarm()
        self._keep_alive_later()

    def write(self, data: bytes) -> None:
        """Send events; does nothing once the stream is over."""
        if self._open:
            self._keep_alive_later()
            self._request.write(data)

    def finish(self) -> None:
        """End the stream; does nothing once it is over."""
        if self._open:
            self._close()
            self._request.unregisterProducer()
            self._request.finish()

    # --- IPushProducer -----------------------------------------------------------

    def pauseProducing(self) -> None:
        """What was written piles up."""
        self.paused = True
        if self._listener is not None:
            self._listener.wire_paused()

    def resumeProducing(self) -> None:
        """It is on its way."""
        self.paused = False
        if self._listener is not None:
            self._listener.wire_resumed()

    def stopProducing(self) -> None:
        """The client is gone; ``on_left`` tells."""

    # --- own ---------------------------------------------------------------------

    def _keep_alive(self) -> None:
        if not self.paused:
            self._request.write(sse.COMMENT)
        self._keep_alive_later()

    def _keep_alive_later(self) -> None:
        if self._alarm is not None:
            self._alarm.set(KEEP_ALIVE_SECONDS, self._keep_alive)

    def _left(self) -> None:
        self._close()
        if self._listener is not None:
            self._listener.wire_lost()

    def _close(self) -> None:
        self._open = False
        if self._alarm is not None:
            self._alarm.cancel()
        self._request.on_left = None
