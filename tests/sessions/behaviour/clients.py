"""One client, five wires: how each says the same things to a server in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import attrs
import msgspec

from commander.testing import (
    HTTPHarness,
    MemoryDesk,
    MemoryLog,
    MemoryProcess,
    MemoryServer,
    ProcessReactor,
)
from commander.testing.http import HTTPConnection
from commander.testing.stdio import StdioClient
from tests.sessions.kit import BOTH, modern, modern_headers, note, request


class Pending(Protocol):
    """A request that was sent."""

    @property
    def messages(self) -> list[Any]:
        """All that came for it so far, in order; its reply is the last."""


class _Running(Protocol):
    """A server that was started."""

    reactor: ProcessReactor
    log: MemoryLog

    def pump(self, seconds: float = 0.0) -> None:
        """Let its clock go on."""

    def stop(self) -> None:
        """End it."""


class HttpServer(_Running, Protocol):
    """One on HTTP."""

    http: HTTPHarness


class StdioServer(_Running, Protocol):
    """One on lines."""

    client: StdioClient


@attrs.frozen
class Servers:
    """Starts them: the product, unless said otherwise."""

    http: Callable[[], HttpServer] = MemoryServer
    stdio: Callable[[], StdioServer] = MemoryDesk


PRODUCT = Servers()


class Client:
    """What all of them have.

    Args:
        cuts: As below.
        servers: What it is a client of.

    Attributes:
        cuts: Lengths of the pieces in which bytes are sent, over and over.
    """

    era = "handshake"
    reactor: ProcessReactor

    def __init__(self, cuts: Sequence[int] = (), servers: Servers = PRODUCT) -> None:
        self.cuts = cuts
        self.level: str | None = None
        self._next = 0

    def request(self, method: str, **params: Any) -> Pending:
        """Send a request."""
        self._next += 1
        return self.send(self._next, self.made(self._next, method, params))

    def call(self, command: str = "make", *, token: object = None) -> Pending:
        """Call the tool that runs commands."""
        meta = {} if token is None else {"_meta": {"progressToken": token}}
        return self.request(
            "tools/call",
            name="execute_command",
            arguments={"command": command},
            **meta,
        )

    def made(self, number: int, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The message of a request."""
        return request(number, method, **params)

    def send(self, number: int | None, message: Any) -> Pending:
        """Send a message."""
        raise NotImplementedError

    def garbage(self) -> Pending:
        """Send what is no message."""
        raise NotImplementedError

    def greet(self, version: str = "2025-11-25", **capabilities: Any) -> None:
        """Greet, or greet anew, where a greeting means something."""
        raise NotImplementedError

    def ask_for_logs(self, level: str) -> None:
        """From now on, messages of this level and above."""
        reply_of(self.request("logging/setLevel", level=level))

    def cancel(self, pending: Pending) -> None:
        """Want no reply any more."""
        raise NotImplementedError

    def leave(self) -> None:
        """Go, without a word."""
        raise NotImplementedError

    def pump(self, seconds: float = 0.0) -> None:
        """Let the server's clock go on."""
        raise NotImplementedError

    def stop(self) -> None:
        """End the server."""
        raise NotImplementedError

    @property
    def process(self) -> MemoryProcess:
        """What was started last."""
        return self.reactor.processes[-1]

    @property
    def processes(self) -> list[MemoryProcess]:
        """All that were started."""
        return self.reactor.processes

    def pieces(self, data: bytes) -> Iterable[bytes]:
        """Bytes, cut."""
        place = 0
        while self.cuts and place < len(data):
            for length in self.cuts:
                yield data[place : place + length]
                place += length
        yield data[place:]


def reply_of(pending: Pending) -> Any:
    """The reply, which is there."""
    return pending.messages[-1]


def is_answered(pending: Pending) -> bool:
    """Whether the reply is there."""
    return bool(pending.messages) and "method" not in pending.messages[-1]


# --- HTTP --------------------------------------------------------------------------


class _Post:
    """One POST."""

    def __init__(self, connection: HTTPConnection, number: int | None) -> None:
        self.connection = connection
        self.number = number

    @property
    def messages(self) -> list[Any]:
        if not self.connection.received():
            return []
        stream = self.connection.stream()
        return stream.messages() if stream.body else []


class BareHttp(Client):
    """The handshake era without a handshake."""

    def __init__(self, cuts: Sequence[int] = (), servers: Servers = PRODUCT) -> None:
        super().__init__(cuts)
        self.server = servers.http()
        self.reactor = self.server.reactor

    def headers(self, message: Any) -> dict[str, str]:
        return {}

    def send(self, number: int | None, message: Any) -> _Post:
        return self._post(number, msgspec.json.encode(message), self.headers(message))

    def garbage(self) -> _Post:
        return self._post(None, b"what?", self.headers(None))

    def _post(self, number: int | None, body: bytes, headers: dict[str, str]) -> _Post:
        connection = self.server.http.connect()
        headers = {"Accept": BOTH, **headers}
        for piece in self.pieces(self.server.http.encode(body=body, headers=headers)):
            connection.send(piece)
        return _Post(connection, number)

    def cancel(self, pending: Pending) -> None:
        assert isinstance(pending, _Post)
        self.send(None, note("notifications/cancelled", requestId=pending.number))

    def leave(self) -> None:
        self.server.http.lose_all()

    def pump(self, seconds: float = 0.0) -> None:
        self.server.pump(seconds)

    def stop(self) -> None:
        self.server.stop()
        assert self.server.log.failures() == []


class SessionHttp(BareHttp):
    """The handshake era with a session."""

    def __init__(self, cuts: Sequence[int] = (), servers: Servers = PRODUCT) -> None:
        super().__init__(cuts, servers)
        self.session = ""
        self.greet()

    def greet(self, version: str = "2025-11-25", **capabilities: Any) -> None:
        greeting = self.request(
            "initialize", protocolVersion=version, capabilities=capabilities
        )
        assert isinstance(greeting, _Post)
        self.session = greeting.connection.stream().headers["mcp-session-id"]

    def headers(self, message: Any) -> dict[str, str]:
        return {"Mcp-Session-Id": self.session}


class ModernHttp(BareHttp):
    """Each request says all about itself; who leaves cancels."""

    era = "modern"

    def made(self, number: int, method: str, params: dict[str, Any]) -> dict[str, Any]:
        return _modern(number, method, params, self.level)

    def headers(self, message: Any) -> dict[str, str]:
        return {} if message is None else modern_headers(message)

    def ask_for_logs(self, level: str) -> None:
        self.level = level

    def cancel(self, pending: Pending) -> None:
        assert isinstance(pending, _Post)
        pending.connection.lose()


def _modern(
    number: int, method: str, params: dict[str, Any], level: str | None
) -> dict[str, Any]:
    meta = dict(params.pop("_meta", {}))
    if level is not None:
        meta["io.modelcontextprotocol/logLevel"] = level
    return modern(number, method, **params, _meta=meta)


# --- standard input and output -----------------------------------------------------


class _Line:
    """One request among all that share the wire."""

    def __init__(self, desk: StdioServer, number: int | None) -> None:
        self.desk = desk
        self.number = number

    @property
    def messages(self) -> list[Any]:
        return [
            one for one in self.desk.client.messages() if self.number == _owner_of(one)
        ]


def _owner_of(message: Any) -> Any:
    """Whose a message is: tokens and commands are named like their requests here."""
    if "method" not in message:
        return message.get("id")
    params = message.get("params", {})
    return params.get("progressToken", -1)


class Stdio(Client):
    """Lines, in the handshake era."""

    def __init__(self, cuts: Sequence[int] = (), servers: Servers = PRODUCT) -> None:
        super().__init__(cuts)
        self.server = servers.stdio()
        self.reactor = self.server.reactor
        self.greet()

    def greet(self, version: str = "2025-11-25", **capabilities: Any) -> None:
        self.request("initialize", protocolVersion=version, capabilities=capabilities)

    def send(self, number: int | None, message: Any) -> _Line:
        for piece in self.pieces(msgspec.json.encode(message) + b"\n"):
            self.server.client.send(piece)
        return _Line(self.server, number)

    def garbage(self) -> _Line:
        self.server.client.send(b"what?\n")
        return _Line(self.server, None)

    def cancel(self, pending: Pending) -> None:
        assert isinstance(pending, _Line)
        self.send(None, note("notifications/cancelled", requestId=pending.number))

    def leave(self) -> None:
        self.server.client.close_input()
        self.server.client.close_output()

    def pump(self, seconds: float = 0.0) -> None:
        self.server.pump(seconds)

    def stop(self) -> None:
        self.server.stop()
        assert self.server.log.failures() == []


class ModernStdio(Stdio):
    """Lines that say all about themselves."""

    era = "modern"

    def greet(self, version: str = "2025-11-25", **capabilities: Any) -> None:
        """Nothing is needed."""

    def made(self, number: int, method: str, params: dict[str, Any]) -> dict[str, Any]:
        return _modern(number, method, params, self.level)

    def ask_for_logs(self, level: str) -> None:
        self.level = level


WIRES: dict[str, type[Client]] = {
    "http, 2026-07-28": ModernHttp,
    "http, a session": SessionHttp,
    "http, no session": BareHttp,
    "stdio": Stdio,
    "stdio, 2026-07-28": ModernStdio,
}
