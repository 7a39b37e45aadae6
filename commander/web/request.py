"""A slim ``Request`` that refuses early.

Twisted takes a whole body in before any resource, and so before any auth, runs; it
knows no limit and spools large bodies to disk. Here the head decides, as soon as it
is complete: a path that is not served, a caller without a token and a body that is
too long are answered before the body is read. What is read is counted, kept in
memory, and counted against one budget for all requests.

After an early answer the body may still be coming. Closing at once would reset the
connection and could take the answer with it, so for a short while the rest is read
and thrown away (the "lingering close" of web servers).
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.server import Request

from commander.auth.answers import HttpAnswer, write_answer
from commander.principals import Principal
from commander.web.answers import (
    body_not_taken,
    internal_error,
    method_not_allowed,
    not_found,
    refused,
    unavailable,
)
from commander.web.cors import Cors

if TYPE_CHECKING:
    from commander.web.channel import CommanderChannel

__all__ = ["BodyBudget", "CommanderRequest", "HeadGate"]

_RETRY_SECONDS: Final = 5


class BodyBudget:
    """Bytes of bodies that were received and not yet taken by a handler."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self.used_bytes = 0

    def reserve(self, count: int) -> bool:
        """Count bytes in; False, and nothing is counted, if they do not fit."""
        if self.used_bytes + count > self._limit_bytes:
            return False
        self.used_bytes += count
        return True

    def release(self, count: int) -> None:
        """Count bytes out that were reserved."""
        self.used_bytes -= count


class HeadGate(Protocol):
    """What a request asks of its site once its headers are in."""

    max_body_bytes: int
    budget: BodyBudget
    cors: Cors

    def serves(self, path: bytes) -> bool:
        """Whether a route exists for this path."""

    def hides(self, request: Any) -> bool:
        """Whether this client is not to know of the path that it asks for."""

    def is_public(self, path: bytes) -> bool:
        """Whether the path is served without the token of MCP clients."""

    def authenticate(
        self, request: Any
    ) -> Principal | Deferred[Principal | HttpAnswer]:
        """The principal, or the answer to those without one."""


class CommanderRequest(Request):
    """One request; ``take_body`` hands its body out, once."""

    channel: CommanderChannel
    content: BytesIO

    received_at = 0.0
    """When the headers were complete, by the site's monotonic clock."""
    client_left = False
    """The connection was lost before the answer was complete."""
    on_left: Callable[[], None] | None = None
    """Called once when that happens."""
    _refused = False
    _reserved_bytes = 0

    def head_received(self, method: bytes, uri: bytes, version: bytes) -> None:
        """The request line, before the body: Twisted sets these only after it."""
        self.method, self.uri, self.clientproto = method, uri, version
        self.path, _, _ = uri.partition(b"?")
        gate = self._gate = self.channel.site.gate
        self._is_public = gate.is_public(self.path)
        # Nothing reads a body on a public path.
        self._body_limit = 0 if self._is_public else gate.max_body_bytes

    def gotLength(self, length: int | None) -> None:
        """All headers are in; ``length`` is None for a chunked body."""
        self.content = BytesIO()
        self._gate.cors.decorate(self.requestHeaders, self.responseHeaders)
        if length != 0:
            refusal = self._head_refusal(length)
            if refusal is not None:
                self._refuse(refusal)

    def handleContentChunk(self, data: bytes) -> None:
        """A piece of the body, of either kind of framing."""
        if self._refused:
            return
        if self._reserved_bytes + len(data) > self._body_limit:
            self._refuse(_too_long(self._body_limit))
        elif not self._gate.budget.reserve(len(data)):
            self._refuse(unavailable("too many request bodies", _RETRY_SECONDS))
        else:
            self._reserved_bytes += len(data)
            self.content.write(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """The request is complete; without Twisted's parsing of forms."""
        if self._refused:
            self.channel.abort_after_close()
            return
        self.args = {}
        self.process()

    def process(self) -> None:
        """Find the resource and render it; sends no ``Server`` header."""
        self.site = self.channel.site
        self.setHeader(b"Date", self.channel.site.date())
        if not self._is_served():
            self._answer(not_found())
            return
        preflight = self._gate.cors.preflight(self.method, self.requestHeaders)
        if preflight is not None:
            self._answer(preflight)
            return
        # The router would take other spellings of a path as well, such as ``//mcp``.
        self.prepath: list[bytes] = []
        self.postpath = self.path[1:].split(b"/")
        try:
            self.render(self.site.resource)
        except Exception:
            # The boundary for faults of ours in rendering: logged, answered 500.
            self.processingFailed(Failure())

    def processingFailed(self, reason: Failure) -> None:
        """A fault of ours that no route answered for."""
        self._log.failure("", failure=reason)
        self._answer(internal_error())

    def _answer(self, answer: HttpAnswer) -> None:
        write_answer(self, answer)
        self.finish()

    def take_body(self) -> bytes:
        """The whole body; the request keeps nothing of it."""
        body = self.content.getvalue()
        self.content = BytesIO()
        self._release()
        return bytes(body)

    def getRequestHostname(self) -> bytes:
        """A constant, since routes do not depend on the host.

        A client's host name can be something that the router cannot take.
        """
        return b"localhost"

    def finish(self) -> None:
        """The answer is complete."""
        self._release()
        super().finish()

    def connectionLost(self, reason: Failure) -> None:
        """The client left; whoever waits is told by ``on_left``."""
        self.client_left = True
        self._release()
        super().connectionLost(reason)
        on_left, self.on_left = self.on_left, None
        if on_left is not None:
            on_left()

    def _head_refusal(self, length: int | None) -> HttpAnswer | None:
        gate = self._gate
        if not self._is_served():
            return not_found()
        if not self._is_public:
            refusal = _refusal_of(gate.authenticate(self))
            if refusal is not None:
                return refusal
        elif self.method not in (b"GET", b"HEAD"):
            return method_not_allowed("GET, HEAD")
        if length is not None and length > self._body_limit:
            return _too_long(self._body_limit)
        return None

    def _is_served(self) -> bool:
        return self._gate.serves(self.path) and not self._gate.hides(self)

    def _refuse(self, answer: HttpAnswer) -> None:
        """Answer now; the request is never processed."""
        self._refused = True
        self._release()
        self.content = BytesIO()
        # Or the channel would invite the client to send the body after all.
        self.requestHeaders.removeHeader(b"Expect")
        self.setHeader(b"Date", self.channel.site.date())
        self.setHeader(b"Connection", b"close")
        write_answer(self, answer)
        self.channel.linger(self)

    def _release(self) -> None:
        if self._reserved_bytes:
            self._gate.budget.release(self._reserved_bytes)
            self._reserved_bytes = 0


def _refusal_of(
    who: Principal | Deferred[Principal | HttpAnswer],
) -> HttpAnswer | None:
    if isinstance(who, Principal):
        return None
    found: list[Principal | HttpAnswer] = []
    # A checker that answers later, or fails, is asked again at the resource.
    who.addCallbacks(found.append, lambda failure: None)
    return found[0] if found and isinstance(found[0], HttpAnswer) else None


def _too_long(limit: int) -> HttpAnswer:
    if not limit:
        return body_not_taken()
    return refused(413, f"request body over {limit} bytes (MCP_MAX_BODY_BYTES)")
