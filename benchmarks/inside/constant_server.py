"""A bare Twisted protocol that answers every request with the same bytes.

usage: constant_server FILE PORT

FILE is the body of the answer. Of a request only its end is looked for: no server
on Twisted can do less.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol

reactor: Any = the_reactor


class Constant(Protocol):
    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._received = b""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.setTcpNoDelay(True)  # type: ignore[attr-defined]  # it is TCP

    def dataReceived(self, data: bytes) -> None:
        received, answers = self._received + data, 0
        while (head_end := received.find(b"\r\n\r\n")) >= 0:
            at = received.index(b"Content-Length:", 0, head_end) + 15
            length = int(received[at : received.index(b"\r\n", at)])
            if len(received) < head_end + 4 + length:
                break
            received = received[head_end + 4 + length :]
            answers += 1
        self._received = received
        if answers and self.transport is not None:
            self.transport.write(self._answer * answers)


class ConstantFactory(Factory):
    noisy = False

    def __init__(self, body: bytes) -> None:
        self._answer = (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        )

    def buildProtocol(self, addr: IAddress | None) -> Constant:
        return Constant(self._answer)


def main() -> None:
    body = Path(sys.argv[1]).read_bytes()
    endpoint = TCP4ServerEndpoint(reactor, int(sys.argv[2]), interface="127.0.0.1")
    endpoint.listen(ConstantFactory(body))
    reactor.run()


main()
