"""Stands before a server on loopback and adds a token, for clients that have none.

``python -m tests.conformance.proxy PORT`` reads the token from MCP_AUTH_TOKEN, prints
its own URL as its first line, and passes on all that comes to it. It puts one line
into each head of a request and leaves every other byte as it is, both ways and as it
comes: the server sees the Host and the Origin that the client sent, and the client the
events of a stream one by one. When one side closes its connection, so does the other.
"""

from __future__ import annotations

import os
import re
import sys
from typing import Final

from twisted.internet.address import IPv4Address
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    TCP4ServerEndpoint,
    connectProtocol,
)
from twisted.internet.interfaces import IAddress, IListeningPort, IReactorTCP
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.tcp import Connection
from twisted.python.failure import Failure

__all__ = ["Heads", "TokenProxy"]

LOOPBACK: Final = "127.0.0.1"
HEAD_BYTES: Final = 64 * 1024
"""Longest head; a longer one is passed on as it is."""
LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
CHUNKED: Final = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)


class Heads:
    """Puts a line into each head of the requests of one connection.

    A chunked body has no end that is seen here: the requests that follow one on the
    same connection stay as they are.

    Args:
        line: A header, without its line break.
    """

    def __init__(self, line: bytes) -> None:
        self._line = line
        self._head = b""
        self._body_left = 0
        self._passing = False

    def feed(self, data: bytes) -> bytes:
        """Take what the client sent; gives what the server is to get by now."""
        out = b""
        while data and not self._passing:
            if self._body_left:
                body, data = data[: self._body_left], data[self._body_left :]
                self._body_left -= len(body)
                out += body
            else:
                head, data = self._take_head(data)
                out += head
        return out + data

    def _take_head(self, data: bytes) -> tuple[bytes, bytes]:
        """The head if it is complete, and what follows it."""
        self._head += data
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if not end and len(head) < HEAD_BYTES:
            return b"", b""
        self._head = b""
        if not end:
            self._passing = True
            return head, b""
        length = LENGTH.search(head)
        self._body_left = int(length[1]) if length else 0
        self._passing = CHUNKED.search(head) is not None
        request, _, headers = head.partition(b"\r\n")
        lines = [request, self._line, *([headers] if headers else [])]
        return b"\r\n".join(lines) + end, rest


class Side(Protocol):
    """One of the two connections; each holds the other back."""

    transport: Connection
    other: Side | None = None

    def join(self, other: Side) -> None:
        """Pass on to ``other`` what comes, no faster than it takes it."""
        self.other = other
        other.transport.registerProducer(self.transport, True)

    def dataReceived(self, data: bytes) -> None:
        if self.other is not None:
            self.other.transport.write(data)

    def connectionLost(self, reason: Failure | None = None) -> None:
        other, self.other = self.other, None
        if other is not None:
            # A producer that is gone and was held back would keep it open.
            other.transport.unregisterProducer()
            other.transport.loseConnection()


class ClientSide(Side):
    """What a client has connected to."""

    def __init__(self, reactor: IReactorTCP, port: int, heads: Heads) -> None:
        self._endpoint = TCP4ClientEndpoint(reactor, LOOPBACK, port)
        self._heads = heads

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        self.transport.pauseProducing()
        connecting = connectProtocol(self._endpoint, Side())
        connecting.addCallbacks(self._connected, self._refused)

    def _connected(self, server: Side) -> None:
        server.transport.setTcpNoDelay(True)
        server.join(self)
        self.join(server)
        self.transport.resumeProducing()

    def _refused(self, reason: Failure) -> None:
        self.transport.loseConnection()

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(self._heads.feed(data))


class TokenProxy(Factory[ClientSide]):
    """Passes connections on to a port of this machine.

    Args:
        reactor: Connects.
        port: Where the server listens.
        token: What it wants to see.
    """

    noisy = False

    def __init__(self, reactor: IReactorTCP, port: int, token: str) -> None:
        self._reactor = reactor
        self._port = port
        self._line = f"Authorization: Bearer {token}".encode("ascii")

    def buildProtocol(self, addr: IAddress | None) -> ClientSide:
        return ClientSide(self._reactor, self._port, Heads(self._line))


def main(port: int, token: str) -> None:
    from twisted.internet import reactor

    endpoint = TCP4ServerEndpoint(reactor, 0, interface=LOOPBACK)
    listening = endpoint.listen(TokenProxy(reactor, port, token))
    listening.addCallback(_tell)
    reactor.run()


def _tell(listening: IListeningPort) -> None:
    address = listening.getHost()
    assert isinstance(address, IPv4Address)
    sys.stdout.write(f"http://{LOOPBACK}:{address.port}/mcp\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), os.environ["MCP_AUTH_TOKEN"])
