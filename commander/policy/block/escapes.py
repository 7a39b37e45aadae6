"""Backslash escapes, as ``$'...'``, ``echo`` and ``printf`` read them."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["decode_escapes"]

_ESCAPE: Final = re.compile(
    r"\\(?:x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})"
    r"|(0?[0-7]{1,3})|(.))",
    re.DOTALL,
)
_LETTERS: Final = {
    "a": "\a",
    "b": "\b",
    "e": "\x1b",
    "E": "\x1b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
}
_STAND_FOR_THEMSELVES: Final = "\\'\"?"
_LAST_CODE_POINT: Final = 0x10FFFF


def decode_escapes(text: str) -> str:
    """Replace the escapes; what is none stays as it is."""
    return _ESCAPE.sub(_character, text)


def _character(match: re.Match[str]) -> str:
    two, four, eight, octal, letter = match.groups()
    if letter is not None:
        if letter in _STAND_FOR_THEMSELVES:
            return str(letter)
        return _LETTERS.get(letter, match[0])
    code = int(octal, 8) & 0xFF if octal else int(two or four or eight, 16)
    # Shells end a word at a null character; to drop it is near enough.
    return chr(code) if 0 < code <= _LAST_CODE_POINT else ""
