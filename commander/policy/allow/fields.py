"""What a word becomes, as far as a promise can be built on it.

The blocklists guess what a word may become (``expansion``). An allow-list must not
guess: what is not certain here is unknown. A variable has a certain value only if the
text gives it one, once, where nothing can come between.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import attrs

from commander.policy.shell.syntax import (
    Glob,
    Literal,
    Parameter,
    Part,
    Tilde,
    Word,
)
from commander.policy.wordset import wordset

__all__ = ["UNKNOWN", "Field", "certain", "field_of"]

UNKNOWN: Final = "\ufdd0"
"""Stands for text that is not known: a code point that is no character."""

_ABSOLUTE: Final = wordset("HOME PWD OLDPWD")
"""Variables of the shell itself that hold an absolute path."""
_NUMBERS: Final = frozenset("#?$")
"""Parameters that are digits, and never nothing."""
_PATTERN: Final = re.compile(r"[*?\[]")
_UNSPLIT: Final = re.compile(r"[A-Za-z0-9_./:=@%+,-]+")
"""A value that is one word, and no pattern, without quotes around it too."""


@attrs.frozen
class Field:
    """One word of a command, expanded as far as it is certain."""

    text: str
    """With ``UNKNOWN`` for each piece that is not."""
    pattern: bool = False
    """It holds a pattern, which becomes the names of files."""
    loose: bool = False
    """It may become several words, or none."""

    @property
    def static(self) -> bool:
        """Whether it is one word, and all of it is known."""
        return self.known and not self.pattern

    @property
    def known(self) -> bool:
        """Whether nothing of it is missing, but for names that a pattern becomes."""
        return not (self.loose or UNKNOWN in self.text)

    @property
    def may_be_option(self) -> bool:
        """Whether it can begin with a dash that does not stand in the text."""
        first = self.text[:1]
        return self.loose or first == UNKNOWN or (self.pattern and first in "*?[")

    def shown(self) -> str:
        """The text for a person."""
        return self.text.replace(UNKNOWN, "...")


def certain(text: str) -> Field:
    """A field of known text."""
    return Field(text)


def field_of(word: Word, constants: Mapping[str, str]) -> Field:
    """Expand one word.

    Args:
        word: Of a tree.
        constants: Variables whose value is certain where the word stands.
    """
    static = word.static
    if static is not None:
        return Field(static)
    pieces: list[str] = []
    pattern = loose = False
    for part in word.parts:
        text, is_pattern, is_loose = _piece(part, constants)
        pieces.append(text)
        pattern |= is_pattern
        loose |= is_loose
    return Field("".join(pieces), pattern, loose)


def _piece(part: Part, constants: Mapping[str, str]) -> tuple[str, bool, bool]:
    """The text of one part, whether it is a pattern, and whether it may split."""
    match part:
        case Literal(text):
            return text, False, False
        case Glob(text):
            return text, _PATTERN.search(text) is not None, False
        case Tilde():
            return f"/{UNKNOWN}", False, False
        case Parameter(operator=""):
            return _value(part, constants)
        case Parameter(operator="length", subscript=None):
            return f"0{UNKNOWN}", False, False
    quoted = getattr(part, "quoted", True)
    return UNKNOWN, False, not quoted


def _value(part: Parameter, constants: Mapping[str, str]) -> tuple[str, bool, bool]:
    name = part.name
    if name in _NUMBERS:
        return f"0{UNKNOWN}", False, False
    if name == "@" or part.subscript is not None:
        return UNKNOWN, False, True
    value = constants.get(name)
    if value is not None and (part.quoted or _UNSPLIT.fullmatch(value)):
        return value, False, False
    if name in _ABSOLUTE:
        return f"/{UNKNOWN}", False, not part.quoted
    return UNKNOWN, False, not part.quoted
