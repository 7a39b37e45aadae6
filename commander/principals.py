"""Who is calling.

A ``Principal`` is made by the auth layer and travels with every request down to
the audit record. Its id is made of letters only, so that no digit of it can
match the operator's log query for ``401``.
"""

from __future__ import annotations

import hashlib
from typing import Final

import attrs

__all__ = ["ANONYMOUS", "Principal", "principal_for_token"]


@attrs.frozen
class Principal:
    """One caller, as far as limits and logs can tell callers apart."""

    name: str
    """Stable over restarts; safe to log."""


ANONYMOUS: Final = Principal("anonymous")
"""The one caller of a server that runs without authentication."""

_NAME_LETTERS: Final = 16


def principal_for_token(token_digest: bytes) -> Principal:
    """Name the owner of a token by the token's SHA-256 digest.

    The name shows half of a second hash, in letters: enough to tell owners
    apart, and no help in finding the token.
    """
    again = hashlib.sha256(b"commander principal" + token_digest).hexdigest()
    letters = again.translate(str.maketrans("0123456789", "ghijklmnop"))
    return Principal(f"token-{letters[:_NAME_LETTERS]}")
