"""Tokens: what a request presents, and how it is compared.

Only digests of valid tokens are kept. A digest has the same length whatever was
presented, so the comparison takes the same time whatever is wrong with it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Final

import attrs
from twisted.web.http_headers import Headers

__all__ = ["PresentedTokens", "TokenDigest", "digest_of", "presented_tokens"]

_TOKEN_HEADER: Final = b"X-MCP-Auth-Token"
_BEARER: Final = re.compile(rb"bearer +(\S.*)", re.IGNORECASE | re.DOTALL)


@attrs.frozen
class TokenDigest:
    """The SHA-256 of a valid token."""

    value: bytes = attrs.field(repr=False)

    def matches(self, token: bytes) -> bool:
        """Whether this is the token; takes the same time for every token."""
        return hmac.compare_digest(self.value, hashlib.sha256(token).digest())


def digest_of(token: str) -> TokenDigest:
    """The digest of a token that an operator set or that we made."""
    return TokenDigest(hashlib.sha256(token.encode()).digest())


@attrs.frozen
class PresentedTokens:
    """Every token that a request carries; all of them must be valid."""

    values: tuple[bytes, ...] = attrs.field(repr=False)

    def all_match(self, digest: TokenDigest) -> bool:
        """Whether at least one token came, and no other than the valid one.

        Every value is compared, so that the time does not tell which was wrong.
        """
        matches = [digest.matches(value) for value in self.values]
        return bool(matches) and all(matches)


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
