"""A connection with absolute deadlines.

Twisted's idle timeout starts again with every byte, so a client that sends one byte
a second stays for ever. Here the head of a request and its body must each be
complete within a time that nothing extends.
"""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.http_headers import Headers

from commander.alarm import Alarm
from commander.interfaces import Monotonic
from commander.web.heads import read_fields

__all__ = ["BODY_SECONDS", "HEAD_SECONDS", "LINGER_SECONDS", "CommanderChannel"]

HEAD_SECONDS: Final = 10.0
"""From a request's first byte to the end of its headers; and from the connection to
that first byte, so that silent connections do not take all places."""
BODY_SECONDS: Final = 30.0
"""From there to the end of its body; 4 MiB at 140 KiB a second."""
LINGER_SECONDS: Final = 2.0
"""How long the rest of a refused request is read and thrown away."""

_LAST_ANSWER: Final = b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
"""Of a connection on which there is no request to answer."""


class CommanderChannel(HTTPChannel):
    """One connection of one client.

    Args:
        clock: Where its timers are made.
        monotonic: Decides whether a deadline has passed.
        site: The ``CommanderSite`` that the connection came to.
    """

    transport: Any  # more than ITransport: TCP's methods are used

    def __init__(
        self,
        clock: IReactorTime,
        monotonic: Monotonic,
        site: Any,
    ) -> None:
        super().__init__()
        self.site = site
        self.requestFactory = site.requestFactory
        self.timeOut = site.timeOut
        # As HTTPFactory does it: the timer of an abort is to be on the same clock.
        self.callLater = clock.callLater  # type: ignore[method-assign, assignment]
        self._monotonic = monotonic
        self._deadline = Alarm(clock, monotonic)
        self._idle = Alarm(clock, monotonic)
        self._receiving = False

    def connectionMade(self) -> None:
        """A client connected; its first request must come soon."""
        super().connectionMade()
        # Every request asks for these, and a real transport asks the kernel.
        self._host: IAddress = super().getHost()
        self._peer: IAddress = super().getPeer()
        self._is_secure: bool = super().isSecure()
        self._deadline.set(HEAD_SECONDS, self.abort_after_close)
        self.site.connection_opened(self)

    def dataReceived(self, data: bytes) -> None:
        """Bytes of a request; the first of each starts the clock for its head."""
        if not self._receiving:
            self._receiving = True
            self._deadline.set(HEAD_SECONDS, self._too_slow)
            data = self._read_head(data)
        super().dataReceived(data)

    def _read_head(self, data: bytes) -> bytes:
        """Take an ordinary head that came in one piece; returns the rest for Twisted.

        That is everything if Twisted has begun to read a request, or is to refuse one.
        """
        head, end, rest = data.partition(b"\r\n\r\n")
        request_line, _, text = head.partition(b"\r\n")
        if (
            not end
            or not request_line
            or len(head) > self.totalHeadersSize
            or text.count(b"\n") >= self.maxHeaders
            or self.requests
            or self._buffer
            or not self.persistent
        ):
            return data
        fields = read_fields(text)
        if fields is None:
            return data
        # From here on the steps are Twisted's own, each of which may end it.
        self.lineReceived(request_line)
        if self.transport.disconnecting:
            return b""
        self.requests[-1].requestHeaders, framing = fields
        for line in framing:
            if not self.headerReceived(line):
                return b""
        self.lineReceived(b"")
        return rest

    def headerReceived(self, line: bytes) -> bool:
        """One header; False, and the connection ends, if it cannot be read."""
        try:
            return bool(super().headerReceived(line))
        except ValueError:
            # Python reads no number of more than 4300 digits, such as a length.
            self._end_with(b"400 Bad Request")
            return False

    def allHeadersReceived(self) -> None:
        """The head is complete, the body may follow."""
        self._deadline.set(BODY_SECONDS, self._too_slow)
        # Twisted knows the request line by now and tells the request only after
        # the body; ours wants to refuse before it.
        request = self.requests[-1]
        request.received_at = self._monotonic()
        request.head_received(self._command, self._path, self._version)
        super().allHeadersReceived()

    def checkPersistence(self, request: Any, version: bytes) -> bool:
        """Whether more requests may come after this one.

        Not once the server is leaving: a client, or a load balancer, that keeps the
        connection would send one just when it is closed.
        """
        if self.site.keeps_connections():
            return bool(super().checkPersistence(request, version))
        request.responseHeaders.setRawHeaders(b"Connection", [b"close"])
        return False

    def allContentReceived(self) -> None:
        """The request is complete; answering may take any time."""
        self._deadline.disarm()
        # Bytes that come while this request is answered belong to the next one;
        # its clock starts when it is its turn.
        self._receiving = True
        super().allContentReceived()

    def requestDone(self, request: Any) -> None:
        """The answer is written; the next request may come."""
        self._receiving = False
        # Behind a body there is always an empty piece.
        if self._waitingForTransport and any(self._dataBuffer):
            # A client that sends requests and reads no answers would have us keep
            # all answers: it gets this one, and may come again.
            self.persistent = False
        if not self.persistent:
            # Twisted has switched it off. Without, a client that does not read its
            # answer would stay for ever.
            self.setTimeout(self.site.timeOut)
        super().requestDone(request)

    def linger(self, request: Any) -> None:
        """An answer was written before the body came: read on for a short while."""
        self.site.log(request)
        self._deadline.set(LINGER_SECONDS, self.abort_after_close)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        self.site.connection_closed(self)
        super().connectionLost(reason)
        self._deadline.cancel()
        self._idle.cancel()

    def getHost(self) -> IAddress:
        """Our end of the connection."""
        return self._host

    def getPeer(self) -> IAddress:
        """The client's end."""
        return self._peer

    def isSecure(self) -> bool:
        """Whether the transport is TLS."""
        return self._is_secure

    def writeHeaders(
        self, version: bytes, code: bytes, reason: bytes, headers: Headers
    ) -> None:
        """Write the head of an answer, in one piece."""
        lines = [b"%s %s %s" % (version, code, reason)]
        for name, values in headers.getAllRawHeaders():
            lines += [b"%s: %s" % (name, value) for value in values]
        self.transport.write(b"\r\n".join([*lines, b"", b""]))

    def setTimeout(self, period: Any) -> Any:
        """Change the idle time, or switch it off with None; returns the one before.

        Every request does both, so this keeps the timer, which ``TimeoutMixin`` would
        make anew.
        """
        previous, self.timeOut = self.timeOut, period
        if period is None:
            self._idle.disarm()
        else:
            self._idle.set(period, self.timeoutConnection)
        return previous

    def resetTimeout(self) -> None:
        """Bytes came: the idle time starts again, unless it is over or off."""
        if self._idle.is_set and self.timeOut is not None:
            self._idle.set(self.timeOut, self.timeoutConnection)

    def timeoutConnection(self) -> None:
        """No byte came for the idle time."""
        self.abort_after_close()

    def loseConnection(self) -> None:
        """Close once all is sent; nothing more is expected from the client."""
        self._deadline.cancel()
        super().loseConnection()

    def abort_after_close(self) -> None:
        """Close, and do not wait long for a client that does not read."""
        if self._abortingCall is None:
            self._abortingCall = self.callLater(
                self.abortTimeout, self.forceAbortClient
            )
        self.loseConnection()

    def forceAbortClient(self) -> None:
        """The client did not let the connection end: drop it."""
        self._abortingCall = None
        self.transport.abortConnection()

    def _too_slow(self) -> None:
        self._end_with(b"408 Request Timeout")

    def _end_with(self, status: bytes) -> None:
        self.transport.write(_LAST_ANSWER % status)
        self.abort_after_close()
