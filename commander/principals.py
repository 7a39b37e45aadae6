"""Who is calling.

A ``Principal`` is made by the auth layer and travels with every request down to
the audit record. Its name stands there as it is, so none may match one of the
operator's log queries, such as ``401``: the names that are made here consist of
letters, and those of a tokens file are refused if they hold one.
"""

from __future__ import annotations

import hashlib
from typing import Final

import attrs

__all__ = [
    "ANONYMOUS",
    "STDIO_PRINCIPAL",
    "TOKEN_PREFIX",
    "Principal",
    "principal_for_token",
]


@attrs.frozen
class Principal:
    """One caller, as far as limits and logs can tell callers apart."""

    name: str
    """Stable over restarts; safe to log."""


ANONYMOUS: Final = Principal("anonymous")
"""The one caller of a server that runs without authentication."""

STDIO_PRINCIPAL: Final = Principal("stdio")
"""The one client on standard input; who started the server decided that it may call."""

TOKEN_PREFIX: Final = "token-"  # noqa: S105 - no secret
"""Of the names below; nobody else is given one that begins so."""

_NAME_LETTERS: Final = 16


def principal_for_token(token_digest: bytes) -> Principal:
    """Name the owner of a token by the token's SHA-256 digest.

    The name shows half of a second hash, in letters: enough to tell owners
    apart, and no help in finding the token.
    """
    again = hashlib.sha256(b"commander principal" + token_digest).hexdigest()
    letters = again.translate(str.maketrans("0123456789", "ghijklmnop"))
    return Principal(f"{TOKEN_PREFIX}{letters[:_NAME_LETTERS]}")
