"""The least that Twisted can do: a child's output, piece by piece, into a socket.

usage: relay_server PROGRAM PORT

Each connection gets a child of its own, ``/bin/sh -c PROGRAM``.
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.protocol import Factory, ProcessProtocol, Protocol

reactor: Any = the_reactor


class Relay(ProcessProtocol):
    def __init__(self, client: Any) -> None:
        self._client = client

    def outReceived(self, data: bytes) -> None:
        self._client.write(data)

    def processEnded(self, reason: object) -> None:
        self._client.loseConnection()


class Door(Protocol):
    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.setTcpNoDelay(True)
        words = ["/bin/sh", "-c", sys.argv[1]]
        reactor.spawnProcess(Relay(transport), words[0], words, env=None)


def main() -> None:
    endpoint = TCP4ServerEndpoint(reactor, int(sys.argv[2]), interface="127.0.0.1")
    endpoint.listen(Factory.forProtocol(Door))
    reactor.run()


main()
