"""Checks of an authenticated request's head: pure, each an answer or None.

Origin and Host are checked against web pages: a page that a user of this machine
visits must not be able to run commands here, neither from its own origin nor by
pointing its own name at this address (S25/basic/transports, Security Warning).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

import attrs
from twisted.web.http_headers import Headers

from commander.auth.answers import HttpAnswer
from commander.settings import is_loopback
from commander.web.answers import refused

__all__ = [
    "Guards",
    "RequestHeaders",
    "accepts_stream",
    "header_texts",
    "media_type_problem",
    "prefers_stream",
]

_LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
"""Names that mean one and the same server to a browser on this machine."""
_JSON: Final = "application/json"
_EVENTS: Final = "text/event-stream"
_WEIGHT: Final = re.compile(r"q=([01](?:\.[0-9]{0,3})?)")
_FORM: Final = "application/x-www-form-urlencoded"
_LONGEST_ECHO: Final = 100
_REMEMBERED: Final = 64
"""Hosts and origins that were read already. Clients send few different ones, and
reading one costs as much as all other checks together."""


@attrs.frozen(kw_only=True)
class _Site:
    """What a Host or Origin header names."""

    scheme: str
    """Empty for a Host."""
    name: str
    port: int | None
    """None where it is left out, or is a default."""
    is_loopback: bool


@attrs.frozen(kw_only=True)
class Guards:
    """Which hosts and origins may be named in a request."""

    loopback: bool
    """The server listens on loopback only."""
    allowed_hosts: frozenset[str] = frozenset()
    """Lower case, without ports. Empty: any off loopback; on loopback ``localhost``
    and loopback addresses, which no web page can point at something else."""
    allowed_origins: frozenset[str] = frozenset()
    """Lower case, as browsers send them."""

    def problem(self, headers: Headers) -> HttpAnswer | None:
        """The refusal that Host or Origin deserve, or None."""
        hosts = header_texts(headers, b"host")
        if len(hosts) > 1:
            return refused(400, "more than one Host header")
        host = _site(f"//{hosts[0]}") if hosts else None
        return self._host_problem(host) or self._origin_problem(headers, host)

    def _host_problem(self, host: _Site | None) -> HttpAnswer | None:
        if not self.allowed_hosts and not self.loopback:
            return None
        if host is not None and (
            host.name in self.allowed_hosts
            or (not self.allowed_hosts and host.is_loopback)
        ):
            return None
        return refused(
            421, "this Host is not served here; MCP_ALLOWED_HOSTS names those that are"
        )

    def _origin_problem(
        self, headers: Headers, host: _Site | None
    ) -> HttpAnswer | None:
        for origin in header_texts(headers, b"origin"):
            if origin.lower() in self.allowed_origins or self._is_own(origin, host):
                continue
            return refused(
                403,
                f"Origin {origin[:_LONGEST_ECHO]} may not call this server; "
                "MCP_ALLOWED_ORIGINS names those that may",
            )
        return None

    def _is_own(self, origin: str, host: _Site | None) -> bool:
        """Whether an origin is the server's own address, by any loopback name."""
        own = _site(origin)
        if own is None or host is None or own.scheme not in {"http", "https"}:
            return False
        names = {own.name, host.name}
        return own.port == host.port and (
            len(names) == 1 or (self.loopback and names <= _LOOPBACK_NAMES)
        )


def media_type_problem(headers: Headers, *, lenient: bool) -> HttpAnswer | None:
    """The refusal of a body that does not say it is JSON, or None.

    Args:
        headers: The request's.
        lenient: Also take a missing type and the form type that ``curl -d`` sends.
            Never for anonymous callers: a web page can send exactly these without
            asking.
    """
    values = header_texts(headers, b"content-type")
    types = {value.partition(";")[0].strip().lower() for value in values}
    if types == {_JSON} or (lenient and types <= {_FORM, _JSON}):
        return None
    return refused(415, f"Content-Type must be {_JSON}")


@functools.lru_cache(_REMEMBERED)
def _accepted(accept: str) -> tuple[str, ...]:
    """The media types of an Accept header that are not refused, the best first.

    Among those of one weight that is the one named first.
    """
    weighted = []
    for part in accept.lower().split(","):
        media_type, *parameters = (piece.strip() for piece in part.split(";"))
        weighted.append((_weight(parameters), media_type))
    weighted.sort(key=lambda one: -one[0])
    return tuple(media_type for weight, media_type in weighted if weight)


def _weight(parameters: Sequence[str]) -> float:
    """RFC 9110, section 12.4.2; what is no weight counts as none."""
    for parameter in parameters:
        found = _WEIGHT.fullmatch(parameter.replace(" ", ""))
        if found is not None:
            return float(found[1])
    return 1.0


def accepts_stream(headers: Headers) -> bool:
    """Whether the client takes server-sent events.

    It has to say so: who accepts anything, or says nothing, gets JSON.
    """
    return _EVENTS in _accepted(",".join(header_texts(headers, b"accept")))


def prefers_stream(headers: Headers) -> bool:
    """Whether the client would rather have server-sent events than JSON."""
    accepted = _accepted(",".join(header_texts(headers, b"accept")))
    return next((one for one in accepted if one in (_EVENTS, _JSON)), "") == _EVENTS


class RequestHeaders:
    """The headers of one request, as the protocol reads them.

    Args:
        headers: The request's.
    """

    __slots__ = ("_headers",)

    def __init__(self, headers: Headers) -> None:
        self._headers = headers

    def values(self, name: str) -> list[str]:
        """All values of a header, by its name."""
        return header_texts(self._headers, name.encode("utf-8", "replace"))


def header_texts(headers: Headers, name: bytes) -> list[str]:
    """All values of a header as text; bytes that are no UTF-8 become U+FFFD.

    Twisted would raise on those if it were asked for text.
    """
    values = headers.getRawHeaders(name)
    if not values:
        return []
    return [value.decode("utf-8", "replace") for value in values]


@functools.lru_cache(_REMEMBERED)
def _site(url: str) -> _Site | None:
    """Read an origin, or a Host behind ``//``; None for what is none."""
    try:
        split = urlsplit(url)
        port = split.port  # raises if it is no number
    except ValueError:
        return None
    if split.path or split.query or split.fragment or split.username is not None:
        return None
    if not split.hostname:
        return None
    # The scheme's default counts as left out.
    defaults = {80, {"http": 80, "https": 443}.get(split.scheme)}
    name = split.hostname.rstrip(".")
    return _Site(
        scheme=split.scheme,
        name=name,
        port=None if port in defaults else port,
        is_loopback=is_loopback(name),
    )
