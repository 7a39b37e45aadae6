"""Tokens: what a request presents, what is valid, and how the two are compared.

Only digests of valid tokens are kept. A digest has the same length whatever was
presented, so the comparison takes the same time whatever is wrong with it.

Timing. A presented token is hashed first; what is compared are digests, of which a
caller cannot choose a single byte at will. One that is not valid is compared with
every valid one, each in constant time, so the answer takes equally long whichever it
was nearest to. One that was found valid is remembered under its digest, so that a long
list costs its callers nothing. What that look-up could tell by its time is no help:
Python finds an entry by a hash of the digest under a key of this process and reads
bytes of it only if all of that hash agreed, so it is quicker or slower for those who
have a valid token, and for nobody else.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from typing import Final, Literal

import attrs
from twisted.web.http_headers import Headers

__all__ = [
    "PresentedTokens",
    "Refused",
    "Token",
    "TokenDigest",
    "TokenList",
    "digest_of",
    "presented_tokens",
]

_TOKEN_HEADER: Final = b"X-MCP-Auth-Token"
_BEARER: Final = re.compile(rb"bearer +(\S.*)", re.IGNORECASE | re.DOTALL)


@attrs.frozen
class TokenDigest:
    """The SHA-256 of a valid token."""

    value: bytes = attrs.field(repr=False)


def digest_of(token: str) -> TokenDigest:
    """The digest of a token that an operator set or that we made."""
    return TokenDigest(hashlib.sha256(token.encode()).digest())


@attrs.frozen(kw_only=True)
class Token:
    """One valid token and whose it is."""

    principal: str
    """The name; several tokens may have the same."""
    digest: TokenDigest
    expires_at: float | None = None
    """Seconds since 1970 from which on it is not valid any more."""

    def has_expired(self, now: float) -> bool:
        """Whether it is not valid any more."""
        return self.expires_at is not None and now >= self.expires_at


@attrs.frozen
class PresentedTokens:
    """Every token that a request carries; all of them must be valid."""

    values: tuple[bytes, ...] = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Refused:
    """Why nobody is known by what was presented; callers are not told which."""

    reason: Literal["missing", "invalid", "expired"]
    principal: str | None = None
    """Whose token has expired."""


class TokenList:
    """The tokens that are valid; never changed, but replaced as a whole.

    Args:
        tokens: No two with the same digest.
    """

    def __init__(self, tokens: Iterable[Token]) -> None:
        self._tokens = tuple(tokens)
        self._digests = tuple(token.digest.value for token in self._tokens)
        self._found: dict[bytes, Token] = {}

    @property
    def tokens(self) -> tuple[Token, ...]:
        """All of them, those that have expired too."""
        return self._tokens

    def owner_of(self, presented: PresentedTokens, now: float) -> str | Refused:
        """The principal whose tokens these are, or why there is none.

        At least one token must have come, and no other than valid ones of one
        principal. Every value is looked at, so that the time does not tell which was
        wrong.

        Args:
            presented: What a request carries.
            now: Seconds since 1970.
        """
        if not presented.values:
            return Refused(reason="missing")
        owner, *others = [self._find(value) for value in presented.values]
        if owner is None:
            return Refused(reason="invalid")
        for token in others:
            if token is None or token.principal != owner.principal:
                return Refused(reason="invalid")
            if token.has_expired(now):
                owner = token  # one that has expired is enough
        if owner.has_expired(now):
            return Refused(reason="expired", principal=owner.principal)
        return owner.principal

    def _find(self, value: bytes) -> Token | None:
        """The valid token that was presented; see above for how long it takes."""
        digest = hashlib.sha256(value).digest()
        known = self._found.get(digest)
        if known is not None:
            return known
        equal = [hmac.compare_digest(valid, digest) for valid in self._digests]
        if not any(equal):
            return None
        # Only valid tokens are remembered: never more than there are.
        found = self._found[digest] = self._tokens[equal.index(True)]
        return found


def presented_tokens(headers: Headers) -> PresentedTokens:
    """The tokens in ``X-MCP-Auth-Token`` and ``Authorization: Bearer``.

    Another authorization scheme is no token, and is left to whatever stands in
    front of the server.
    """
    values: list[bytes] = list(_raw(headers, _TOKEN_HEADER))
    for line in _raw(headers, b"Authorization"):
        bearer = _BEARER.fullmatch(line)
        if bearer is not None:
            values.append(bearer[1])
    return PresentedTokens(tuple(values))


def _raw(headers: Headers, name: bytes) -> Sequence[bytes]:
    return headers.getRawHeaders(name) or ()
