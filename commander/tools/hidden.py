"""Hiding what a client typed in secret, whoever prints it.

A program that echoes a password prints it whole, as a rule. But output is shown in
pieces, and a piece can begin or end within it. So what stands at the border of a piece
is hidden as well, if it is the end or the beginning of a secret; ``LEAST_CHARACTERS``
of it have to be there, as shorter ones would hide half of any output.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

__all__ = ["LEAST_CHARACTERS", "MOST_CHARACTERS", "hidden", "parts_of"]

LEAST_CHARACTERS: Final = 4
"""Of a secret, and of the part of one, that is hidden."""
MOST_CHARACTERS: Final = 1024
"""Of a secret: an access token is shorter, and each is looked for in each result."""
_SHOWN: Final = "[secret]"


def parts_of(text: str) -> list[str]:
    """The secrets in a text that is typed: its lines, as each is read on its own."""
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if len(line) >= LEAST_CHARACTERS]


def hidden(text: str, secrets: Sequence[str]) -> str:
    """A piece of output without these secrets.

    Args:
        text: The piece.
        secrets: Of ``parts_of``, none over ``MOST_CHARACTERS``.
    """
    for secret in sorted(secrets, key=len, reverse=True):
        if len(text) >= LEAST_CHARACTERS and text in secret:
            return _SHOWN
        text = _at_end(_at_start(text.replace(secret, _SHOWN), secret), secret)
    return text


def _at_start(text: str, secret: str) -> str:
    """Without the end of a secret whose beginning was in the piece before."""
    for length in range(min(len(secret) - 1, len(text)), LEAST_CHARACTERS - 1, -1):
        if text.startswith(secret[-length:]):
            return _SHOWN + text[length:]
    return text


def _at_end(text: str, secret: str) -> str:
    for length in range(min(len(secret) - 1, len(text)), LEAST_CHARACTERS - 1, -1):
        if text.endswith(secret[:length]):
            return text[:-length] + _SHOWN
    return text
