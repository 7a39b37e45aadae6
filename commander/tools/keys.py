"""Keys by name, as a terminal of the xterm kind sends them."""

from __future__ import annotations

import string
from typing import Final

__all__ = ["KEY_NAMES", "key_bytes"]

_NAMED: Final = {
    "enter": b"\r",
    "tab": b"\t",
    "space": b" ",
    "escape": b"\x1b",
    "backspace": b"\x7f",
    "up": b"\x1b[A",
    "down": b"\x1b[B",
    "right": b"\x1b[C",
    "left": b"\x1b[D",
    "home": b"\x1b[H",
    "end": b"\x1b[F",
    "insert": b"\x1b[2~",
    "delete": b"\x1b[3~",
    "page-up": b"\x1b[5~",
    "page-down": b"\x1b[6~",
    "shift-tab": b"\x1b[Z",
    "f1": b"\x1bOP",
    "f2": b"\x1bOQ",
    "f3": b"\x1bOR",
    "f4": b"\x1bOS",
    "f5": b"\x1b[15~",
    "f6": b"\x1b[17~",
    "f7": b"\x1b[18~",
    "f8": b"\x1b[19~",
    "f9": b"\x1b[20~",
    "f10": b"\x1b[21~",
    "f11": b"\x1b[23~",
    "f12": b"\x1b[24~",
    "ctrl-space": b"\x00",
    "ctrl-\\": b"\x1c",
    "ctrl-]": b"\x1d",
}
_SAME: Final = {"return": "enter", "esc": "escape", "del": "delete"}
_CONTROL: Final = "ctrl-"
_ALT: Final = "alt-"
_LONGEST: Final = 32
"""Characters of a name: each ``alt-`` in it is looked behind."""

KEY_NAMES: Final = (*_NAMED, "ctrl-a to ctrl-z", "alt-KEY")
"""What is accepted, for the words of a refusal."""


def key_bytes(name: str) -> bytes | None:
    """What a key sends; None if there is no such key.

    Args:
        name: Such as ``ctrl-c``; capitals do not matter but for a letter after
            ``alt-``, and ``_`` or ``+`` may stand for ``-``. A single character is the
            key that writes it.
    """
    if len(name) == 1:
        return name.encode()
    if len(name) > _LONGEST:
        return None
    plain = name.strip().lower().replace("_", "-").replace("+", "-")
    plain = _SAME.get(plain, plain)
    if plain in _NAMED:
        return _NAMED[plain]
    letter = plain.removeprefix(_CONTROL)
    if (
        plain.startswith(_CONTROL)
        and len(letter) == 1
        and letter in string.ascii_lowercase
    ):
        return bytes([ord(letter) - ord("a") + 1])
    if plain.startswith(_ALT) and len(plain) > len(_ALT):
        rest = key_bytes(name.strip()[len(_ALT) :])
        return None if rest is None else b"\x1b" + rest
    return None
