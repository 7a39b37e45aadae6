"""What a pattern is made of, and which characters it means.

Two characters are the same without regard to case if their small letters have the same
capital, as in ``re``. ``str`` knows the way from most letters to all of their kind;
those to which none leads are listed here.
"""

from __future__ import annotations

import enum
from typing import Final, TypeAlias

import attrs

__all__ = [
    "NOTHING",
    "Assertion",
    "Characters",
    "Choice",
    "Node",
    "Repeat",
    "Sequence",
    "in_words",
    "literal",
    "may_be_empty",
    "same_letters",
    "size",
]

_STRAY_LETTERS: Final = (
    "\xb5\u0130\u0131\u017f\u0345\u0390\u03b0\u03c2\u03d0\u03d1\u03d5\u03d6\u03f0\u03f1"
    "\u03f4\u03f5\u1c80\u1c81\u1c82\u1c83\u1c84\u1c85\u1c86\u1c87\u1c88\u1e9b\u1e9e"
    "\u1fbe\u1fd3\u1fe3\u2126\u212a\u212b\ufb05\ufb06"
)


class Assertion(enum.Enum):
    """What may be asked of a place between two characters."""

    LINE_START = enum.auto()
    LINE_END = enum.auto()
    BOUNDARY = enum.auto()
    NO_BOUNDARY = enum.auto()


@attrs.frozen(cache_hash=True)
class Characters:
    """One character out of a set."""

    ranges: tuple[tuple[int, int], ...] = ()
    """Code points, the last ones included."""
    kinds: str = ""
    """Out of ``dDsSwW``, with the meaning that they have after a backslash."""
    negated: bool = False
    """Any other character is meant."""

    def include(self, letters: tuple[str, ...]) -> bool:
        """Whether a character is meant.

        Args:
            letters: All that count as the same.
        """
        return any(map(self._lists, letters)) != self.negated

    def _lists(self, char: str) -> bool:
        code = ord(char)
        for first, last in self.ranges:
            if first <= code <= last:
                return True
        return any(_is_kind(char, kind) for kind in self.kinds)


@attrs.frozen
class Sequence:
    """One after the other; without any, it is found everywhere."""

    items: tuple[Node, ...]


@attrs.frozen
class Choice:
    """One of several."""

    branches: tuple[Node, ...]


@attrs.frozen
class Repeat:
    """Several times the same."""

    item: Node
    least: int
    most: int | None
    """None if there is no bound."""
    may_be_empty: bool = attrs.field(
        init=False,
        default=attrs.Factory(lambda self: may_be_empty(self.item), takes_self=True),
    )
    """Whether the item is found in no characters, whatever stands around it."""

    @property
    def copies(self) -> int:
        """How often the item stands in an automaton."""
        return max(self.least, 1) if self.most is None else self.most


Node: TypeAlias = Characters | Assertion | Sequence | Choice | Repeat

NOTHING: Final = Sequence(())


def size(node: Node) -> int:
    """How many parts a pattern has after its repeats are written out."""
    match node:
        case Sequence(parts) | Choice(parts):
            return 1 + sum(map(size, parts))
        case Repeat():
            return 1 + size(node.item) * node.copies
        case _:
            return 1


def may_be_empty(node: Node) -> bool:
    """Whether a pattern is found in no characters, whatever stands around it."""
    match node:
        case Sequence(items):
            return all(map(may_be_empty, items))
        case Choice(branches):
            return any(map(may_be_empty, branches))
        case Repeat():
            return node.may_be_empty or not node.least
        case _:
            return False


def literal(node: Node) -> str:
    """The only character that is meant; empty if it may be another."""
    match node:
        case Characters(ranges=((first, last),), kinds="", negated=False):
            return chr(first) if first == last else ""
        case _:
            return ""


def in_words(char: str) -> bool:
    """Whether words are made of it: letters, digits and the underscore."""
    return char.isalnum() or char == "_"


def same_letters(char: str) -> tuple[str, ...]:
    """All characters that differ from this one by case only; itself first."""
    found = [char]
    for letter in found:
        # U+0130 has two small letters, of which the second is an accent.
        for other in (letter.lower()[0], letter.upper(), letter.title()):
            if len(other) == 1 and other not in found:
                found.append(other)
    strays = _STRAYS.get(_capital(char), "")
    return (*found, *(stray for stray in strays if stray not in found))


def _capital(char: str) -> str:
    return char.lower()[0].upper()


_STRAYS: Final = {
    capital: "".join(c for c in _STRAY_LETTERS if _capital(c) == capital)
    for capital in map(_capital, _STRAY_LETTERS)
}


def _is_kind(char: str, kind: str) -> bool:
    match kind.lower():
        case "d":
            found = char.isdecimal()
        case "s":
            found = char.isspace()
        case _:
            found = in_words(char)
    return found == kind.islower()
