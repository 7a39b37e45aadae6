"""The ``Site``: connections, their cap, and the access log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.web.http import datetimeToString
from twisted.web.resource import IResource
from twisted.web.server import Site

from commander.auth.answers import HttpAnswer
from commander.auth.resource import Authenticator, peer_address
from commander.interfaces import Monotonic
from commander.principals import Principal
from commander.reactors import ICommanderReactor
from commander.telemetry.audit import LogAccess
from commander.web.channel import CommanderChannel
from commander.web.cors import Cors
from commander.web.request import BodyBudget, CommanderRequest

__all__ = ["MAX_BODIES_BYTES", "CommanderSite", "Gate"]

MAX_BODIES_BYTES: Final = 64 * 1024 * 1024
"""All bodies together that were received and not yet read: sixteen of the largest."""


@attrs.frozen(kw_only=True)
class Gate:
    """What a request is told before its body; see ``request.HeadGate``."""

    served_paths: frozenset[bytes]
    public_paths: frozenset[bytes]
    authenticator: Authenticator
    hidden_paths: Mapping[bytes, Callable[[Any], bool]] = attrs.field(factory=dict)
    """Paths with locks of their own; who does not open one is told that there is no
    such path."""
    max_body_bytes: int
    cors: Cors = attrs.field(factory=Cors)
    budget: BodyBudget = attrs.field(factory=lambda: BodyBudget(MAX_BODIES_BYTES))

    def serves(self, path: bytes) -> bool:
        """Whether a route exists for this path."""
        return path in self.served_paths

    def is_public(self, path: bytes) -> bool:
        """Whether the path is served without the token of MCP clients."""
        return path in self.public_paths or path in self.hidden_paths

    def hides(self, request: Any) -> bool:
        """Whether this client is not to know of the path that it asks for."""
        opens = self.hidden_paths.get(request.path)
        return opens is not None and not opens(request)

    def authenticate(
        self, request: Any
    ) -> Principal | Deferred[Principal | HttpAnswer]:
        """The principal, or the answer to those without one."""
        return self.authenticator.authenticate(request)


class CommanderSite(Site):
    """Builds a channel per connection, up to a cap.

    Args:
        resource: The routes.
        reactor: Keeps the timers of connections.
        monotonic: Measures their time.
        gate: What a request is told before its body.
        access: Where requests and refused connections are written down.
        answered: Called with the status of each answer.
        keeps_connections: Whether a connection may have another request.
        max_connections: The cap.
        idle_timeout_seconds: Between two requests.
    """

    requestFactory = CommanderRequest
    displayTracebacks = False

    def __init__(
        self,
        resource: IResource,
        *,
        reactor: ICommanderReactor,
        monotonic: Monotonic,
        gate: Gate,
        access: LogAccess,
        answered: Callable[[int], None] = lambda status: None,
        keeps_connections: Callable[[], bool] = lambda: True,
        max_connections: int,
        idle_timeout_seconds: float,
    ) -> None:
        super().__init__(resource, reactor=reactor, timeout=idle_timeout_seconds)
        self.gate = gate
        self._clock = reactor
        self._monotonic = monotonic
        self._access = access
        self._answered = answered
        self.keeps_connections = keeps_connections
        self._max_connections = max_connections
        self._channels: set[CommanderChannel] = set()
        self._all_closed: Deferred[None] | None = None
        self._full = False
        self._date: tuple[int | None, bytes] = (None, b"")

    def date(self) -> bytes:
        """The time of day for a ``Date`` header; made once a second."""
        second = int(self._clock.seconds())
        if second != self._date[0]:
            self._date = second, datetimeToString(second)
        return self._date[1]

    @property
    def connections(self) -> int:
        """Connections that are open now."""
        return len(self._channels)

    @property
    def streams(self) -> int:
        """Answers among them that are streams of events; asks each connection."""
        return sum(
            any(request.producer is not None for request in channel.requests)
            for channel in self._channels
        )

    def buildProtocol(  # type: ignore[override]  # Twisted's wraps its channel for HTTP/2
        self, addr: IAddress | None
    ) -> CommanderChannel | None:
        """A channel for a new client; None closes the connection at once."""
        if self.connections >= self._max_connections:
            self._note_refusal(str(getattr(addr, "host", "unknown")))
            return None
        channel = CommanderChannel(self._clock, self._monotonic, self)
        channel.factory = self
        return channel

    def connection_opened(self, channel: CommanderChannel) -> None:
        """A channel got its connection."""
        self._channels.add(channel)

    def connection_closed(self, channel: CommanderChannel) -> None:
        """A channel lost its connection."""
        self._channels.discard(channel)
        self._full = False
        self._tell_if_all_closed()

    def close_connections(self) -> Deferred[None]:
        """End every connection after what is written has been sent.

        Fires when none is left; a client that does not read can delay that.
        """
        closed: Deferred[None] = Deferred()
        self._all_closed = closed
        for channel in tuple(self._channels):
            channel.abort_after_close()
        self._tell_if_all_closed()
        return closed

    def startFactory(self) -> None:
        """Nothing: Twisted's own access log is not used, nor its clock."""

    def stopFactory(self) -> None:
        """Nothing; see ``startFactory``."""

    def log(self, request: Any) -> None:
        """Called once per answered request."""
        self._answered(request.code)
        if not self._access.writes_requests:
            return
        self._access.request(
            method=request.method.decode("ascii", "replace"),
            path=request.path.decode("ascii", "replace"),
            status=request.code,
            sent_bytes=request.sentLength,
            duration_seconds=self._monotonic() - request.received_at,
            peer=peer_address(request),
        )

    def _note_refusal(self, peer: str) -> None:
        """Log the first of a row: a flood of connections is no flood of records."""
        if not self._full:
            self._full = True
            self._access.connection_refused(peer, limit=self._max_connections)

    def _tell_if_all_closed(self) -> None:
        if self._all_closed is not None and not self._channels:
            closed, self._all_closed = self._all_closed, None
            closed.callback(None)
