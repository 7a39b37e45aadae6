"""A client of server-sent events that does little: sockets, and lines as they come."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from benchmarks.measure import BenchmarkError
from benchmarks.servers import TOKEN

__all__ = ["Stream", "opened", "post"]

_SECONDS: Final = 30.0
_PIECE: Final = 65536


@attrs.define
class Stream:
    """A connection with an answer that goes on."""

    connection: socket.socket
    _rest: bytes = b""

    def lines(self) -> Iterator[bytes]:
        """Lines of the answer's body and of its framing, until the server ends it."""
        while True:
            *lines, self._rest = self._rest.split(b"\n")
            yield from lines
            piece = self.connection.recv(_PIECE)
            if not piece:
                return
            self._rest += piece

    def messages(self) -> Iterator[Any]:
        """The messages among them."""
        for line in self.lines():
            if line.startswith(b"data: {"):
                yield json.loads(line.removeprefix(b"data: "))

    def close(self) -> None:
        self.connection.close()


def opened(
    port: int,
    method: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> Stream:
    """Send a request and wait for the head of a stream.

    Raises:
        BenchmarkError: The answer is no stream.
    """
    connection = socket.create_connection(("127.0.0.1", port), timeout=_SECONDS)
    sent = {
        "Host": "localhost",
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "Authorization": f"Bearer {TOKEN}",
        **(headers or {}),
    }
    if body:
        sent["Content-Length"] = str(len(body))
    lines = [f"{method} /mcp HTTP/1.1", *(f"{k}: {v}" for k, v in sent.items())]
    connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(_PIECE)
        if not piece:
            break
        received += piece
    head, _, rest = received.partition(b"\r\n\r\n")
    if b"text/event-stream" not in head:
        raise BenchmarkError(f"no stream: {received[:300]!r}")
    return Stream(connection, rest)


def post(port: int, message: Mapping[str, Any]) -> dict[str, str]:
    """Send a message that is answered whole; gives the headers of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
    connection.request(
        "POST",
        "/mcp",
        json.dumps(message),
        {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "Authorization": f"Bearer {TOKEN}",
        },
    )
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status != http.client.OK:
        raise BenchmarkError(f"{message}: {answer.status}")
    return dict(answer.headers)
