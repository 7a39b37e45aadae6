"""Cross-origin requests of web pages that the operator named.

Only origins in ``MCP_ALLOWED_ORIGINS`` get these headers, and nobody else is told that
they exist. A browser asks first, without a token, whether it may send a request at all
(the Fetch standard, CORS protocol): that preflight is answered here, before auth, and
says nothing about the server but which headers a client of MCP needs.
"""

from __future__ import annotations

from typing import Final

import attrs
from twisted.web.http_headers import Headers

from commander.auth.answers import HttpAnswer

__all__ = ["Cors"]

_EXPOSED: Final = b"Mcp-Session-Id, WWW-Authenticate, Retry-After"
_PREFLIGHT: Final = (
    ("Access-Control-Allow-Methods", "GET, POST, DELETE"),
    ("Access-Control-Max-Age", "600"),
)
_ALLOWED: Final = (
    "accept, authorization, content-type, last-event-id, mcp-method, mcp-name, "
    "mcp-protocol-version, mcp-session-id, x-mcp-auth-token"
)
_PARAM_PREFIX: Final = "mcp-param-"


@attrs.frozen
class Cors:
    """Which origins may call from a page."""

    allowed_origins: frozenset[str] = frozenset()
    """Lower case, as browsers send them."""

    def decorate(self, asked: Headers, answer: Headers) -> None:
        """Let the page read an answer, whatever it will be."""
        if not self.allowed_origins:
            return
        # What one page may read must not be served to another out of a cache.
        answer.addRawHeader(b"Vary", b"Origin")
        origin = self._origin(asked)
        if origin is not None:
            answer.setRawHeaders(b"Access-Control-Allow-Origin", [origin])
            answer.setRawHeaders(b"Access-Control-Expose-Headers", [_EXPOSED])

    def preflight(self, method: bytes, asked: Headers) -> HttpAnswer | None:
        """The answer to a preflight of an origin that may call; else None."""
        if method != b"OPTIONS" or self._origin(asked) is None:
            return None
        if not asked.hasHeader(b"access-control-request-method"):
            return None
        wanted = _words(asked, b"access-control-request-headers")
        params = sorted(word for word in wanted if word.startswith(_PARAM_PREFIX))
        allowed = ", ".join([_ALLOWED, *params])
        return HttpAnswer(
            status=204,
            headers=(*_PREFLIGHT, ("Access-Control-Allow-Headers", allowed)),
        )

    def _origin(self, asked: Headers) -> bytes | None:
        origins = asked.getRawHeaders(b"origin") or ()
        if len(origins) != 1:
            return None
        known = origins[0].decode("utf-8", "replace").lower() in self.allowed_origins
        return origins[0] if known else None


def _words(headers: Headers, name: bytes) -> set[str]:
    """The members of a list of header names; what is no name is left out."""
    lines = headers.getRawHeaders(name) or ()
    words = {
        word.strip().lower()
        for line in lines
        for word in line.decode("ascii", "replace").split(",")
    }
    return {word for word in words if word.replace("-", "").isalnum()}
