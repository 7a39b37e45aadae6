"""bash's ``[[ ... ]]``.

The tokens are checked as they are read, by two states: either a term has to begin,
or one just ended. A count of open parentheses is all the memory that this takes.
"""

from __future__ import annotations

import itertools
import re
from typing import Final

from commander.policy.shell.assembly import text_word
from commander.policy.shell.braces import Piece
from commander.policy.shell.commands import CommandReader
from commander.policy.shell.lexer import WORD
from commander.policy.shell.syntax import Conditional, Glob, Literal, Part, Word

__all__ = ["ConditionalReader"]

_UNARY: Final = frozenset(f"-{letter}" for letter in "abcdefghknoprstuvwxzGLNORS")
_MATCHING: Final = frozenset(("=", "==", "!="))
_COMPARING: Final = frozenset(
    ("-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef", "<", ">")
)

_REGEX_RUN: Final = re.compile(r"""[^ \t\n;&<>()$`\\"']++""")
_REGEX_SPECIAL: Final = re.compile(r"[][.*+?^${}|()]")
_END_OF_LINE: Final = re.compile(r"""\$(?![A-Za-z0-9_@*#?$!{(\['"-])""")
_ESCAPED_IN_REGEX: Final = re.compile(r"\\([]\[.*+?^${}|()/\\ \"'-])")


class ConditionalReader(CommandReader):
    """Reads ``[[ ... ]]`` as well."""

    __slots__ = ()

    def conditional(self) -> Conditional:
        """Read from ``[[`` to behind ``]]`` and its redirections."""
        start = self.start
        self.enter()
        outer = self.hold_line_breaks()
        tokens: list[Word | str] = []
        open_parentheses = 0
        self.advance_over_lines()
        while True:
            open_parentheses += self._term(tokens)
            while self.symbol == ")" and open_parentheses:
                open_parentheses -= 1
                tokens.append(")")
                self.advance_over_lines()
            if self.symbol not in ("&&", "||"):
                break
            tokens.append(self.symbol)
            self.advance_over_lines()
        if open_parentheses or self.bare != "]]":
            self.fail("`[[` is not closed, or malformed", start)
        self.release_line_breaks(outer)
        self.depth -= 1
        self.advance()
        return Conditional(tuple(tokens), self.redirections())

    def _term(self, tokens: list[Word | str]) -> int:
        """Read one, with what opens before it; returns how many parentheses do."""
        opened = 0
        while self.symbol == "(" or self.bare == "!":
            opened += self.symbol == "("
            tokens.append(self.bare or self.symbol)
            self.advance_over_lines()
        self._expect_word()
        if self.bare in _UNARY:
            tokens.append(self.bare)
            self.advance()
            self._expect_word()
            tokens.append(self.plain_word())
        else:
            tokens.append(self.plain_word())
            self.advance()
            if not self._comparison(tokens):
                if self.symbol == "\n":
                    self.unexpected()  # bash wants an operator on the same line
                return opened
        self.advance_over_lines()
        return opened

    def _comparison(self, tokens: list[Word | str]) -> bool:
        """Read an operator and come to the end of its operand, if there is one."""
        operator = self.bare or self.symbol
        if self.symbol in ("<", ">") and self.descriptor is not None:
            self.unexpected()
        if operator == "=~":
            tokens += ("=~", self._regex())
            return True
        if operator not in _MATCHING and operator not in _COMPARING:
            return False
        tokens.append(operator)
        self.advance()
        self._expect_word()
        matches = operator in _MATCHING
        tokens.append(self.pattern() if matches else self.plain_word())
        return True

    def _expect_word(self) -> None:
        if self.symbol != WORD or self.bare == "]]":
            self.unexpected()

    # --- regular expressions ---------------------------------------------------

    def _regex(self) -> Word:
        """Read the word behind ``=~``; in its parentheses nothing ends it."""
        text = self.text
        while text[self.position : self.position + 1] in (" ", "\t"):
            self.position += 1
        start = self.position
        pieces: list[Piece] = []
        open_parentheses = 0
        while True:
            if run := _REGEX_RUN.match(text, self.position):
                self.position = run.end()
                pieces.append(run[0])
            character = text[self.position : self.position + 1]
            if character == "(" or (character == ")" and open_parentheses):
                open_parentheses += 1 if character == "(" else -1
                self.position += 1
                pieces.append(character)
            elif not self._quoted_in_regex(character, pieces):
                break
        if not pieces or open_parentheses or _open_bracket(pieces):
            self.fail("a regular expression that is not plain", start)
        return _regex_word(pieces)

    def _quoted_in_regex(self, character: str, pieces: list[Piece]) -> bool:
        match character:
            case '"':
                self.double_quotes(pieces)
            case "'":
                self.single_quotes(pieces)
            case "\\":
                # Behind others a backslash is for the expression, or is dropped.
                escaped = _ESCAPED_IN_REGEX.match(self.text, self.position)
                if escaped is None:
                    self.fail("a backslash in a regular expression")
                self.position = escaped.end()
                pieces.append(Literal(escaped[1]))
            case "$" if _END_OF_LINE.match(self.text, self.position):
                self.position += 1
                pieces.append("$")
            case "$":
                self.dollar(pieces, quoted=False)
            case "`":
                pieces.append(self.backticks(quoted=False))
            case _:
                return False
        return True


def _open_bracket(pieces: list[Piece]) -> bool:
    """Whether a quote or an expansion stands in a bracket expression."""
    is_open = False
    for piece in pieces:
        if not isinstance(piece, str):
            if is_open:
                return True
        elif "[" in piece or "]" in piece:
            is_open = piece.rfind("[") > piece.rfind("]")
    return False


def _regex_word(pieces: list[Piece]) -> Word:
    unquoted = (piece for piece in pieces if isinstance(piece, str))
    if not any(_REGEX_SPECIAL.search(piece) for piece in unquoted):
        return text_word(pieces)
    parts: list[Part] = []
    for kind, group in itertools.groupby(pieces, type):
        if kind is str:
            runs = (piece for piece in group if isinstance(piece, str))
            parts.append(Glob("".join(runs)))
        else:
            parts += text_word(list(group)).parts
    return Word(tuple(part for part in parts if part != Literal("")))
