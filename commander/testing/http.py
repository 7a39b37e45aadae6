"""HTTP through the real site, without sockets."""

from __future__ import annotations

from typing import Any, Final

import attrs
import msgspec
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from commander.web.site import CommanderSite

__all__ = ["HTTPConnection", "HTTPHarness", "HttpResponse", "ServerSentEvent"]

_FULL_BYTES: Final = 64 * 1024
"""Unsent bytes from which on a transport asks for no more, as Twisted's do."""
_NO_BODY: Final = frozenset({204, 304})


@attrs.frozen(kw_only=True)
class ServerSentEvent:
    """One event of a stream, as its client reads it."""

    raw: bytes
    """As it came, without the blank line behind it."""
    kind: str = "message"
    id: str | None = None
    retry: str | None = None
    data: str | None = None
    """None for a comment."""

    def json(self) -> Any:
        """The data as JSON."""
        return msgspec.json.decode(self.data or "")


@attrs.frozen(kw_only=True)
class HttpResponse:
    """One answer, parsed."""

    status: int
    headers: dict[str, str]
    """Names in lower case; of repeated ones the last."""
    body: bytes
    """Out of its chunks, if it came in such."""
    complete: bool = True
    """False for a stream that goes on."""

    def json(self) -> Any:
        """The body as JSON."""
        return msgspec.json.decode(self.body)

    def events(self) -> list[ServerSentEvent]:
        """The body as events: those that are complete."""
        return [_event(raw) for raw in self.body.split(b"\n\n")[:-1]]

    def messages(self) -> list[Any]:
        """The messages of a stream, or the one of another body."""
        if self.headers.get("content-type") != "text/event-stream":
            return [self.json()]
        return [event.json() for event in self.events() if event.data]


class _Transport(StringTransport):
    """As forgiving as a real one about calls that come after the end.

    Attributes:
        reading: Whether the client takes what is written.
        unsent: Bytes that it has not taken.
    """

    def __init__(self, peer: IPv4Address) -> None:
        super().__init__(peerAddress=peer)
        self.reading = True
        self.unsent = 0

    def write(self, data: bytes) -> None:
        """Send; while the client does not read, as a full socket does."""
        super().write(data)
        if self.reading or not data:
            return
        self.unsent += len(data)
        if self.unsent > _FULL_BYTES and self.producer is not None:
            self.producer.pauseProducing()

    def writeSequence(self, data: list[bytes]) -> None:
        """The same with pieces."""
        self.write(b"".join(data))

    def read_on(self) -> None:
        """The client takes all that there is."""
        full, self.unsent, self.reading = self.unsent > _FULL_BYTES, 0, True
        if full and self.producer is not None:
            self.producer.resumeProducing()

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
        self.transport = _Transport(address)
        self.left = False
        """Whether the client has left."""
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
        return [one for one in self._answers() if one.complete]

    def stream(self) -> HttpResponse:
        """The last answer, which may go on.

        Raises:
            IndexError: There is none yet.
        """
        return self._answers()[-1]

    def _answers(self) -> list[HttpResponse]:
        found: list[HttpResponse] = []
        rest = self.received()
        while True:
            head, separator, rest = rest.partition(b"\r\n\r\n")
            if not separator:
                return found
            response, rest = _with_body(_parse_head(head), rest, self.closing)
            found.append(response)

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

    @property
    def unsent(self) -> int:
        """Bytes that wait for a client that does not read."""
        return self.transport.unsent

    def stop_reading(self, unsent: int = 0) -> None:
        """From now on the client takes nothing.

        Args:
            unsent: So many bytes wait already, as if they had been written before.
        """
        self.transport.reading = False
        self.transport.unsent = unsent
        if unsent > _FULL_BYTES and self.transport.producer is not None:
            self.transport.producer.pauseProducing()

    def read_on(self) -> None:
        """The client reads again, all that is there."""
        self.transport.read_on()

    def lose(self) -> None:
        """The client leaves; a second time changes nothing."""
        if self.channel is not None and not self.left:
            self.left = True
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
        self.connections: list[HTTPConnection] = []
        """All that were opened."""

    def connect(self, peer: str = "192.0.2.7") -> HTTPConnection:
        """Open a connection."""
        self.connections.append(HTTPConnection(self._site, peer))
        return self.connections[-1]

    def lose_all(self) -> None:
        """The client leaves all its connections."""
        for connection in self.connections:
            connection.lose()

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


def _with_body(
    response: HttpResponse, rest: bytes, closed: bool
) -> tuple[HttpResponse, bytes]:
    """An answer with its body, or the part of it that is there; and what follows."""
    status, headers = response.status, response.headers
    if status < 200 or status in _NO_BODY:
        return response, rest
    if headers.get("transfer-encoding") == "chunked":
        body, complete, rest = _unchunked(rest)
        return attrs.evolve(response, body=body, complete=complete), rest
    if "content-length" not in headers:
        return attrs.evolve(response, body=rest, complete=closed), b""
    length = int(headers["content-length"])
    return attrs.evolve(response, body=rest[:length]), rest[length:]


def _unchunked(rest: bytes) -> tuple[bytes, bool, bytes]:
    """What chunks hold, whether the last was there, and what follows them."""
    body = b""
    while True:
        size, line_end, behind = rest.partition(b"\r\n")
        length = int(size, 16) if line_end else -1
        if length < 0 or len(behind) < length + 2:
            return body, False, b""
        body, rest = body + behind[:length], behind[length + 2 :]
        if length == 0:
            return body, True, rest


def _event(raw: bytes) -> ServerSentEvent:
    """Read one event (HTML, section 9.2.6)."""
    fields: dict[str, str] = {}
    for line in raw.decode().split("\n"):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name in fields and name == "data":
            value = f"{fields[name]}\n{value}"
        fields[name] = value
    return ServerSentEvent(
        raw=raw,
        kind=fields.get("event", "message"),
        id=fields.get("id"),
        retry=fields.get("retry"),
        data=fields.get("data"),
    )
