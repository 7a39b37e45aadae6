"""Who may read the metrics.

They tell how busy a server is and what it refuses, so they are not for everybody; and a
scraper must not need the token that runs commands. Without a token of their own they
are for this machine. Whoever may not read them is not told that they are there.
"""

from __future__ import annotations

from typing import Final

from twisted.web.iweb import IRequest

from commander.auth.resource import peer_address
from commander.auth.tokens import Token, TokenDigest, TokenList, presented_tokens
from commander.settings import is_loopback

__all__ = ["ScrapeAccess"]

_BY_A_PROXY: Final = (b"forwarded", b"x-forwarded-for", b"via")
"""A proxy on this machine asks for clients that may be anywhere."""
_SCRAPER: Final = "scraper"
_BY_A_PAGE: Final = b"origin"


class ScrapeAccess:
    """Knows scrapers.

    Args:
        token: Theirs; None if there is none.
    """

    def __init__(self, token: TokenDigest | None) -> None:
        self._tokens: TokenList | None = None
        if token is not None:
            self._tokens = TokenList((Token(principal=_SCRAPER, digest=token),))

    def admits(self, request: IRequest) -> bool:
        """Whether a request may see the metrics; needs its headers only."""
        if self._tokens is not None:
            presented = presented_tokens(request.requestHeaders)
            # The token does not expire, so the time does not matter.
            return self._tokens.owner_of(presented, 0.0) == _SCRAPER
        return is_loopback(peer_address(request)) and _is_direct(request)


def _is_direct(request: IRequest) -> bool:
    """Whether a program of this machine asks for itself, by a name of this machine.

    A page in a browser here can have its own name point to this address; the name then
    stands in Host.
    """
    headers = request.requestHeaders
    if any(map(headers.hasHeader, (*_BY_A_PROXY, _BY_A_PAGE))):
        return False
    hosts = headers.getRawHeaders(b"host", [])
    names = [_name(host.decode("ascii", "replace")) for host in hosts]
    return len(names) == 1 and is_loopback(names[0])


def _name(host: str) -> str:
    """A Host header without its port."""
    name, bracket, _ = host.rpartition("]")
    return name + bracket if bracket else host.partition(":")[0]
