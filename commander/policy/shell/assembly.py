"""From the pieces of a word to its canonical parts.

What an unquoted character means depends on the word around it and on where the word
stands, so readers of quotes hand over pieces: text for unquoted characters, parts for
the rest. Here tildes become ``Tilde``, runs of a pattern ``Glob``, and everything
that stands for itself one ``Literal`` between two other parts.

Each function looks at a piece a fixed number of times.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from commander.policy.shell.braces import Piece
from commander.policy.shell.cursor import NotModelledError
from commander.policy.shell.syntax import (
    Arithmetic,
    CommandSubstitution,
    Glob,
    Literal,
    Parameter,
    Part,
    Tilde,
    Word,
)

__all__ = ["EMPTY", "expand_tildes", "pattern_word", "text_word"]

_EMPTY_QUOTE: Final = Literal("")
EMPTY: Final = Word((_EMPTY_QUOTE,))
"""``''``."""

_ALL: Final = Word((Literal("@"),))
_IN_PATTERN: Final = re.compile(r"([^{},~#%\s;&|<>()]+)|[{},~#%\s;&|<>()]+")
_TILDE: Final = re.compile(r"~([^/:]*)")
_USER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9._-]*")


class _Kind(enum.Enum):
    """What a piece does to the fields that its word becomes."""

    TEXT = enum.auto()
    """It is sure to make one, or to be part of one."""
    QUOTE = enum.auto()
    """It is empty, and quoted."""
    EXPANSION = enum.auto()
    """It may become nothing, or several."""


def text_word(pieces: list[Piece]) -> Word:
    """A word in which no character is special, such as the value of a variable."""
    parts: list[Part] = []
    run: list[str] = []
    for piece in pieces:
        if isinstance(piece, str):
            run.append(piece)
        elif isinstance(piece, Literal):
            run.append(piece.text)
        else:
            _flush(run, parts)
            parts.append(piece)
    _flush(run, parts)
    return Word(tuple(parts)) if parts or not pieces else EMPTY


def pattern_word(pieces: list[Piece], *, splits: bool = False) -> Word:
    """A word in which unquoted ``*``, ``?`` and ``[...]`` match.

    Args:
        pieces: In order; unquoted text never next to another.
        splits: The word becomes no word, or several, if expansions make it so.

    Raises:
        NotModelledError: Whether there is a word depends on an empty quote.
    """
    if splits and _EMPTY_QUOTE in pieces:
        _fail_if_the_quote_counts(pieces)
    return _globbed(pieces) if _is_pattern(pieces) else text_word(pieces)


def _flush(run: list[str], parts: list[Part]) -> None:
    if text := "".join(run):
        parts.append(Literal(text))
    run.clear()


def _is_pattern(pieces: list[Piece]) -> bool:
    bracket = False
    for piece in pieces:
        if isinstance(piece, str):
            if "*" in piece or "?" in piece:
                return True
            start = 0 if bracket else piece.find("[")
            if start >= 0:
                bracket = True
                if piece.rfind("]") > start or (start == 0 and "]" in piece):
                    return True
    return False


def _globbed(pieces: list[Piece]) -> Word:
    parts: list[Part] = []
    run: list[str] = []
    in_glob = False
    for text, is_glob, part in _runs(pieces):
        if run and (part is not None or is_glob != in_glob):
            parts.append((Glob if in_glob else Literal)("".join(run)))
            run = []
        if part is not None:
            parts.append(part)
        else:
            in_glob = is_glob
            run.append(text)
    if run:
        parts.append((Glob if in_glob else Literal)("".join(run)))
    return Word(tuple(parts))


def _runs(pieces: list[Piece]) -> Iterator[tuple[str, bool, Part | None]]:
    """Text with whether it belongs to a pattern; or a part that is no text."""
    for piece in pieces:
        if isinstance(piece, str):
            for found in _IN_PATTERN.finditer(piece):
                # What cannot stand there unquoted in every shell stands for itself.
                yield found[0], found[1] is not None, None
        elif isinstance(piece, Literal):
            if piece.text:
                yield piece.text, False, None
        else:
            yield "", False, piece


def _fail_if_the_quote_counts(pieces: list[Piece]) -> None:
    """Fail if dropping the empty quotes could change the fields that come of it.

    One beside text belongs to the field of that text. One between expansions, or
    between an expansion and an end of the word, is a field of its own if the values
    around it are empty or end in blanks: ``a$x''`` is two if ``x`` ends in one.
    """
    kinds = [kind for kind, _ in groupby(map(_kind, pieces))]
    for index, kind in enumerate(kinds):
        beside = kinds[max(index - 1, 0) : index + 2]
        if kind is _Kind.QUOTE and len(kinds) > 1 and _Kind.TEXT not in beside:
            raise NotModelledError("an empty quote next to an expansion may be a word")


def _kind(piece: Piece) -> _Kind:
    match piece:
        case Literal(""):
            return _Kind.QUOTE
        case Parameter(quoted=True, operator=operator, words=()) if operator != "!":
            several = piece.name == "@" or piece.subscript == _ALL
            return _Kind.EXPANSION if several else _Kind.TEXT
        case Parameter() | CommandSubstitution(quoted=False) | Arithmetic(quoted=False):
            return _Kind.EXPANSION
        case _:
            return _Kind.TEXT


# --- tildes ------------------------------------------------------------------------


def expand_tildes(
    pieces: list[Piece], *, start: int = 0, after_colons: bool = False
) -> list[Piece]:
    """Put ``Tilde`` in the place of each tilde prefix.

    Args:
        pieces: In order.
        start: Where in the first piece a prefix may stand.
        after_colons: One may also stand after each colon, as in the value of a
            variable.

    Raises:
        NotModelledError: Shells read a prefix differently.
    """
    expanded: list[Piece] = []
    last = len(pieces) - 1
    for index, piece in enumerate(pieces):
        if not isinstance(piece, str) or "~" not in piece:
            expanded.append(piece)
            continue
        begin = 0
        for found in _TILDE.finditer(piece):
            at, end = found.span()
            behind_colon = after_colons and at > 0 and piece[at - 1] == ":"
            if (index or at != start) and not behind_colon:
                continue
            if end == len(piece) and index != last:
                continue  # a quote or an expansion in it makes it literal
            if not _is_user(found[1]) or (
                not after_colons and piece.startswith(":", end)
            ):
                raise NotModelledError("shells read this tilde prefix differently")
            _keep(piece[begin:at], expanded)
            expanded.append(Tilde(found[1]))
            begin = end
        _keep(piece[begin:], expanded)
    return expanded


def _is_user(name: str) -> bool:
    return not name or _USER.fullmatch(name) is not None


def _keep(text: str, into: list[Piece]) -> None:
    if text:
        into.append(text)
