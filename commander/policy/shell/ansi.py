"""bash's ``$'...'``: escapes to characters.

An escape may stand for a byte, and several of them for one character in UTF-8; so
they are decoded to bytes first.
"""

from __future__ import annotations

import re
from typing import Final

from commander.policy.shell.cursor import NotModelledError

__all__ = ["decode_ansi"]

_ESCAPE: Final = re.compile(
    rb"\\(?:x([0-9A-Fa-f]{1,2})|([0-7]{1,3})|u([0-9A-Fa-f]{1,4})"
    rb"|U([0-9A-Fa-f]{1,8})|c(.)|(.))",
    re.DOTALL,
)
_LETTERS: Final = {
    b"a": b"\a",
    b"b": b"\b",
    b"e": b"\x1b",
    b"E": b"\x1b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"v": b"\v",
    b"\\": b"\\",
    b"'": b"'",
    b'"': b'"',
    b"?": b"?",
}


def decode_ansi(body: str) -> str:
    """What stands between the quotes, as bash understands it.

    A null character ends the text, as it does in bash.

    Raises:
        NotModelledError: An escape that bash's versions read differently, or bytes
            that are no UTF-8.
    """
    if "\\" not in body:
        return body
    try:
        decoded = _ESCAPE.sub(_bytes, body.encode("utf-8", "surrogatepass"))
        return decoded.partition(b"\0")[0].decode()
    except (UnicodeError, OverflowError):
        raise NotModelledError("an escape in `$'...'` stands for no text") from None


def _bytes(match: re.Match[bytes]) -> bytes:
    byte, octal, short, long, control, letter = match.groups()
    if byte is not None:
        return bytes((int(byte, 16),))
    if octal is not None:
        return bytes((int(octal, 8) & 0xFF,))
    if short is not None or long is not None:
        return _character(int(short or long, 16))
    if control is not None:
        return _control(control)
    if letter not in _LETTERS:
        raise NotModelledError("an escape in `$'...'` is none that bash knows")
    return _LETTERS[letter]


def _character(code: int) -> bytes:
    try:
        return chr(code).encode()
    except ValueError:
        raise NotModelledError("an escape in `$'...'` stands for no text") from None


def _control(letter: bytes) -> bytes:
    # What `\c` does to other characters differs between versions.
    if not (letter.isascii() and letter.isalpha()):
        raise NotModelledError("`\\c` in `$'...'` is followed by no letter")
    return bytes((letter[0] & 0x1F,))
