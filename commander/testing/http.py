"""HTTP through the real site, without sockets."""

from __future__ import annotations

from typing import Any

import attrs
import msgspec
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from commander.web.site import CommanderSite

__all__ = ["HTTPConnection", "HTTPHarness", "HttpResponse"]


@attrs.frozen(kw_only=True)
class HttpResponse:
    """One answer, parsed."""

    status: int
    headers: dict[str, str]
    """Names in lower case; of repeated ones the last."""
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return msgspec.json.decode(self.body)


class _Transport(StringTransport):
    """As forgiving as a real one about calls that come after the end."""

    def unregisterProducer(self) -> None:
        """Forget the producer, if there is one."""
        self.producer = None

    def resumeProducing(self) -> None:
        """Read on, unless the connection is closing."""
        if not self.disconnecting:
            super().resumeProducing()

    def pauseProducing(self) -> None:
        """Stop reading; a closing connection does not read anyway."""
        if not self.disconnecting:
            super().pauseProducing()


class HTTPConnection:
    """One client's connection to the site."""

    def __init__(self, site: CommanderSite, peer: str) -> None:
        address = IPv4Address("TCP", peer, 40000)
        self.transport = _Transport(peerAddress=address)
        self.channel = site.buildProtocol(address)
        if self.channel is not None:
            self.channel.makeConnection(self.transport)

    def send(self, data: bytes) -> None:
        """Bytes from the client; a connection that is closing reads none."""
        if self.channel is not None and not self.closing:
            self.channel.dataReceived(data)

    def received(self) -> bytes:
        """All bytes that the server has written."""
        return bytes(self.transport.value())

    def responses(self) -> list[HttpResponse]:
        """The complete answers among them."""
        found: list[HttpResponse] = []
        rest = self.received()
        while True:
            head, separator, rest = rest.partition(b"\r\n\r\n")
            if not separator:
                return found
            response = _parse_head(head)
            length = int(response.headers.get("content-length", "0"))
            found.append(attrs.evolve(response, body=rest[:length]))
            rest = rest[length:]

    @property
    def closing(self) -> bool:
        """Whether the server closes the connection once all is sent."""
        return bool(self.transport.disconnecting)

    @property
    def aborted(self) -> bool:
        """Whether the server dropped the connection, sent or not."""
        return bool(self.transport.disconnected)

    @property
    def reading(self) -> bool:
        """Whether the server takes more bytes now."""
        return not self.closing and self.transport.producerState == "producing"

    def lose(self) -> None:
        """The client leaves."""
        if self.channel is not None:
            self.channel.connectionLost(Failure(ConnectionDone()))


class HTTPHarness:
    """A client of a site in memory.

    Args:
        site: The real one.
        clock: The fake clock that it runs on.
        token: Sent as a bearer token with every request unless it is None.
    """

    def __init__(
        self, site: CommanderSite, clock: MemoryReactorClock, token: str | None
    ) -> None:
        self._site = site
        self._clock = clock
        self._token = token

    def connect(self, peer: str = "192.0.2.7") -> HTTPConnection:
        """Open a connection."""
        return HTTPConnection(self._site, peer)

    def begin(
        self,
        method: str = "POST",
        path: str = "/mcp",
        body: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> HTTPConnection:
        """Send a whole request on a new connection."""
        connection = self.connect()
        connection.send(self.encode(method, path, body, headers))
        return connection

    def encode(
        self,
        method: str = "POST",
        path: str = "/mcp",
        body: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> bytes:
        """A whole request as bytes.

        Args:
            method: A POST states the length of its body, others only if they have one.
            path: With a query, if there is one.
            body: Sent as it is.
            headers: Over the usual ones; an empty value leaves a header out.
        """
        sent = {"Host": "localhost:3000", "Content-Type": "application/json"}
        if self._token is not None:
            sent["Authorization"] = f"Bearer {self._token}"
        if body or method == "POST":
            sent["Content-Length"] = str(len(body))
        sent.update(headers or {})
        lines = [f"{method} {path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in sent.items() if value]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def request(
        self,
        method: str = "POST",
        path: str = "/mcp",
        body: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> HttpResponse:
        """Send a request that is answered at once.

        Raises:
            AssertionError: There is no answer, or more than one.
        """
        (response,) = self.begin(method, path, body, headers).responses()
        return response

    def post(self, message: object, path: str = "/mcp") -> HttpResponse:
        """Send one JSON-RPC message that is answered at once."""
        return self.request(path=path, body=msgspec.json.encode(message))

    def pump(self, seconds: float = 0.0) -> None:
        """Let the clock go on; timers that are due fire."""
        self._clock.advance(seconds)


def _parse_head(head: bytes) -> HttpResponse:
    status_line, *lines = head.decode().split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return HttpResponse(
        status=int(status_line.split(" ", 2)[1]), headers=headers, body=b""
    )
