"""The one shape that an allow-list accepts: a simple command of plain words.

A plain word is bare, single-quoted, or double-quoted with nothing in it that a
shell expands. Every shell reads such words alike, so what is compared with the
allow-list is what the program gets. Anything else is refused with the character
or word that made it so; nothing is guessed.
"""

from __future__ import annotations

import re
from typing import Final

import attrs

from commander.policy.denials import shorten
from commander.policy.wordset import wordset

__all__ = ["NotPlain", "plain_words"]

_PIECE: Final = re.compile(
    r"""([^ \t\n'"\\$`;&|<>(){}*?\[\]!]++)|'([^']*+)'|"([^"\\$`]*+)\""""
)
_BLANKS: Final = re.compile(r"[ \t]*+")
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
_SPECIAL_AT_START: Final = "#~"

_RESERVED: Final = wordset(
    "if then elif else fi for while until do done case esac in select function "
    "time coproc"
)
_EVALUATING_BUILTINS: Final = wordset(
    ". alias bind builtin command compgen complete compopt declare enable eval exec "
    "export fc getopts hash jobs let local mapfile read readarray readonly set shopt "
    "source trap typeset unalias unset wait"
)
"""Those that run or evaluate their words, and those that only change a shell which
is about to end."""

_MEANINGS: Final = {
    "\n": "a line break starts another command",
    "'": "a single quote is not closed",
    '"': "a double quote is not closed or holds `$`, a backtick or a backslash",
    "\\": "a backslash escapes",
    "$": "`$` expands",
    "`": "a backtick runs a command",
    ";": "`;` separates commands",
    "&": "`&` joins commands or runs them in the background",
    "|": "`|` joins commands",
    "<": "`<` redirects",
    ">": "`>` redirects",
    "(": "`(` groups commands",
    ")": "`)` groups commands",
    "{": "`{` groups or expands",
    "}": "`}` groups or expands",
    "*": "`*` is a pattern",
    "?": "`?` is a pattern",
    "[": "`[` is a pattern or a test",
    "]": "`]` is a pattern or a test",
    "!": "`!` negates",
    "#": "`#` starts a comment",
    "~": "`~` expands",
}


@attrs.frozen
class NotPlain:
    """Why a text is more than one simple command of plain words."""

    cause: str
    """What makes it so, as the beginning of a sentence without capital."""


def plain_words(text: str) -> tuple[str, ...] | NotPlain:
    """Read one simple command of plain words; no word at all is an empty tuple."""
    words: list[str] = []
    position = _end_of_blanks(text, 0)
    while position < len(text):
        if text[position] in _SPECIAL_AT_START:
            return _explain(text[position])
        pieces: list[str] = []
        while piece := _PIECE.match(text, position):
            pieces.append(piece[piece.lastindex or 0])
            position = piece.end()
        if position < len(text) and text[position] not in " \t":
            return _explain(text[position])
        words.append("".join(pieces))
        position = _end_of_blanks(text, position)
    return _check_program(words[0]) or tuple(words) if words else ()


def _end_of_blanks(text: str, position: int) -> int:
    blanks = _BLANKS.match(text, position)
    return blanks.end() if blanks else position


def _explain(character: str) -> NotPlain:
    return NotPlain(_MEANINGS[character])


def _check_program(word: str) -> NotPlain | None:
    """Refuse a first word that the shell itself acts on.

    Quotes around it make no difference here, since they may be gone once the words
    are rendered again.
    """
    if assignment := _ASSIGNMENT.match(word):
        return NotPlain(f"`{shorten(assignment[0])}` sets a variable")
    if word in _RESERVED:
        return NotPlain(f"`{word}` belongs to the shell's grammar")
    if word in _EVALUATING_BUILTINS:
        return NotPlain(f"`{word}` is a builtin of the shell")
    return None
