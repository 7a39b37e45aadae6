"""Simple commands: assignments, words, arrays and redirections."""

from __future__ import annotations

import re
from typing import Final, NoReturn

import attrs

from commander.policy.shell.assembly import (
    EMPTY,
    expand_tildes,
    pattern_word,
    text_word,
)
from commander.policy.shell.braces import Piece, expand_braces
from commander.policy.shell.lexer import WORD, Lexer
from commander.policy.shell.parameters import is_plain_key
from commander.policy.shell.syntax import (
    Arithmetic,
    Array,
    Assignment,
    CommandSubstitution,
    HereDocument,
    Literal,
    Parameter,
    Part,
    Redirection,
    Simple,
    Word,
)
from commander.policy.shell.vocabulary import DECLARING, PREFIXES

__all__ = ["BOTH", "CommandReader", "Redirections"]

Redirections = tuple[Redirection | HereDocument, ...]

_SH_ASSIGNMENT: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)()=")
_BASH_ASSIGNMENT: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\+?)=")
_SUBSCRIPTED: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\[")

_REDIRECTING: Final = frozenset(
    ("<", ">", ">>", ">|", "<>", "<&", ">&", "<<<", "<<", "<<-", "&>", "&>>")
)
_DUPLICATING: Final = frozenset(("<&", ">&"))
_DESCRIPTOR: Final = {
    False: re.compile(r"[0-9]|-"),
    True: re.compile(r"[0-9]{1,4}|-"),
}
_ASSIGNING: Final = re.compile(r"\+?=")
_WORD_END: Final = re.compile(r"[ \t\n;&|)<>]|\\\n|\Z")
_SPELLED: Final = 20
BOTH: Final = Redirection(">&", Word((Literal("1"),)), 2)
"""``2>&1``."""


class CommandReader(Lexer):
    """Reads simple commands, from their first token to behind their last."""

    __slots__ = ()

    def simple(self) -> Simple:
        """Read at least one assignment, word or redirection."""
        assignments: list[Assignment] = []
        words: list[Word | Assignment] = []
        redirections: list[Redirection | HereDocument] = []
        name_may_follow = True
        declares = False
        while True:
            if self.symbol == WORD:
                if not words and (assignment := self._assignment()):
                    if redirections and not isinstance(assignment.value, Word):
                        self.fail("an array behind a redirection", self.start)
                    assignments.append(assignment)
                elif declares and (declared := self._declaration()):
                    words.append(declared)
                elif self.read:
                    words += self.arguments(declares=declares)
                else:
                    words.append(Word((Literal(self.bare),)))
                if name_may_follow and words:
                    name_may_follow, declares = self._look_at_name(words[-1])
                self.advance()
            elif self.symbol in _REDIRECTING:
                self._redirection(redirections)
            elif assignments or words or redirections:
                return Simple(tuple(assignments), tuple(words), tuple(redirections))
            else:
                self.unexpected()

    def _look_at_name(self, word: Word | Assignment) -> tuple[bool, bool]:
        """Whether the name of a builtin may follow, and whether this one assigns."""
        static = word.static if isinstance(word, Word) else None
        if static not in DECLARING:
            return static in PREFIXES, False
        if self.bash and not self.bare:
            self.fail("the name of a builtin that assigns is quoted", self.start)
        return False, True

    def unexpected(self) -> NoReturn:
        """Give up at the current token."""
        match self.symbol:
            case "":
                self.fail("the text ends where a command has to go on", self.start)
            case "\n":
                self.fail("a line ends where a command has to go on", self.start)
        spelling = self.text[self.start : self.position]
        self.fail(f"`{spelling[:_SPELLED]}` cannot stand here", self.start)

    # --- words -----------------------------------------------------------------

    def token_pieces(self) -> list[Piece]:
        """The pieces of the current word."""
        return self.read or [self.bare]

    def arguments(self, *, declares: bool = False) -> list[Word]:
        """The words that the current one stands for, as arguments.

        Args:
            declares: They are arguments of a builtin that assigns variables.
        """
        if not self.read:
            return [Word((Literal(self.bare),))]
        assigns = self.bash or declares
        words = [
            pattern_word(self._tilded(pieces, assigns=assigns), splits=True)
            for pieces in self._expanded()
        ]
        if declares:
            self._check_declaration(words)
        return words

    def _elements(self) -> list[Word]:
        return [
            pattern_word(self._tilded(pieces, assigns=False), splits=True)
            for pieces in self._expanded()
        ]

    def _expanded(self) -> list[list[Piece]]:
        """The pieces of each word that the current one stands for."""
        pieces = self.token_pieces()
        if not self.bash or not _holds(pieces, "{"):
            return [pieces]
        words = expand_braces(pieces)
        if words != [pieces]:
            if self.loose:
                self.fail("braces next to a name, which they would extend", self.start)
            if _holds(pieces, "=~") or _holds(pieces, ":~"):
                self.fail("braces and a tilde prefix in one word", self.start)
            self.budget.spend(len(words) * len(pieces))
        return words

    def _tilded(self, pieces: list[Piece], *, assigns: bool) -> list[Piece]:
        """With tilde prefixes; behind ``name=`` too, if the shell looks there."""
        if not _holds(pieces, "~"):
            return pieces
        match pieces:
            case [str(first), *_] if assigns:
                if named := _BASH_ASSIGNMENT.match(first):
                    return expand_tildes(pieces, start=named.end(), after_colons=True)
                if self.bash and _SUBSCRIPTED.match(first):
                    self.fail("a tilde behind what may be an element", self.start)
        return expand_tildes(pieces)

    def _check_declaration(self, words: list[Word]) -> None:
        match self.read:
            case [str(first), *_] if _BASH_ASSIGNMENT.match(first):
                return
            case [str(first), *_] if self.bash and _SUBSCRIPTED.match(first):
                if not _holds(self.read, "]"):
                    self.fail("a subscript is not closed in its word", self.start)
        for word in words:
            match word.parts:
                case (Literal(text), _, *_) if _BASH_ASSIGNMENT.match(text):
                    self.fail("the name in a declaration is partly quoted", self.start)

    def plain_word(self) -> Word:
        """The current word where it is one word and no pattern."""
        return text_word(self._tilded(self.token_pieces(), assigns=self.bash))

    def pattern(self) -> Word:
        """The current word as a pattern that text is matched with."""
        return pattern_word(self._tilded(self.token_pieces(), assigns=self.bash))

    # --- assignments -----------------------------------------------------------

    def _assignment(self) -> Assignment | None:
        """Read the current word, and the array behind it, as an assignment."""
        first = self.bare
        if not first:
            match self.read:
                case [str(first), *_]:
                    pass
                case _:
                    return None
        if "=" not in first and "[" not in first:
            return None
        if self.bash and (subscripted := _SUBSCRIPTED.match(first)):
            return self._element(first, subscripted.end())
        named = (_BASH_ASSIGNMENT if self.bash else _SH_ASSIGNMENT).match(first)
        if named is None:
            return None
        rest = first[named.end() :]
        append = named[2] == "+"
        pieces = ([rest] if rest else []) + self.read[1:]
        if not pieces and self.bash and self.text.startswith("(", self.position):
            return Assignment(named[1], self._array(), append)
        return Assignment(named[1], _value(pieces), append)

    def array_follows(self) -> bool:
        """Whether the current word is ``name=``, and an array stands behind it."""
        return self.bare.endswith("=") and self.text.startswith("(", self.position)

    def _declaration(self) -> Assignment | None:
        """Read an array behind a declaring builtin; None if there is none."""
        if self.bash and self.array_follows():
            assignment = self._assignment()
            if assignment is not None and isinstance(assignment.value, Array):
                return assignment
        return None

    def _element(self, first: str, opened: int) -> Assignment:
        """Read the current word as ``name[subscript]=value``.

        Args:
            first: Its first piece.
            opened: Behind which character of it the subscript begins.
        """
        key: list[Piece] = []
        pieces = [first[opened:], *self.read[1:]]
        for index, piece in enumerate(pieces):
            if not isinstance(piece, str):
                key.append(_in_key(piece))
                continue
            plain, bracket, behind = piece.partition("]")
            key.append(Literal(plain))
            if not bracket:
                continue
            operator = _ASSIGNING.match(behind)
            if operator is None or not is_plain_key(key):
                break
            rest = behind[operator.end() :]
            value = _value(([rest] if rest else []) + pieces[index + 1 :])
            append = operator[0] == "+="
            return Assignment(first[: opened - 1], value, append, text_word(key))
        self.fail("an element of an array that is not plain", self.start)

    def _array(self) -> Array:
        self.position += 1
        self.enter()
        outer = self.hold_line_breaks()
        elements: list[Word | Assignment] = []
        start = self.start
        while True:
            self.advance()
            match self.symbol:
                case ")":
                    break
                case "word":
                    match self.read:
                        case [str(first), *_] if first.startswith("["):
                            elements.append(self._element(first, 1))
                        case _:
                            elements += self._elements()
                case "\n":
                    pass
                case _:
                    self.fail("an array is not closed, or holds more than words", start)
        self.release_line_breaks(outer)
        self.depth -= 1
        if not _WORD_END.match(self.text, self.position):
            self.fail("text follows an array directly", start)
        return Array(tuple(elements))

    # --- redirections ----------------------------------------------------------

    def redirections(self) -> Redirections:
        """Read those that stand here; there may be none."""
        if self.symbol not in _REDIRECTING:
            return ()
        found: list[Redirection | HereDocument] = []
        while self.symbol in _REDIRECTING:
            self._redirection(found)
        return tuple(found)

    def _redirection(self, into: list[Redirection | HereDocument]) -> None:
        operator, descriptor, start = self.symbol, self.descriptor, self.start
        if operator in ("<<", "<<-"):
            into.append(self.here_document())
            self.advance()
            return
        self.advance()
        if self.symbol != WORD:
            self.fail("a redirection names no file", start)
        target = self._target(operator)
        text = target.static
        if operator in ("&>", "&>>"):
            into += (Redirection(operator[1:], target), BOTH)
        elif (
            operator not in _DUPLICATING
            or text is None
            or _DESCRIPTOR[self.bash].fullmatch(text)
        ):
            into.append(Redirection(operator, target, descriptor))
        elif self.bash and operator == ">&" and descriptor is None:
            if text[:1].isdecimal():
                self.fail("the number of a file is odd", start)
            into += (Redirection(">", target), BOTH)
        else:
            self.fail(f"`{operator}` is followed by no number of a file", start)
        self.advance()

    def _target(self, operator: str) -> Word:
        if operator == "<<<":
            return text_word(self._tilded(self.token_pieces(), assigns=False))
        if not self.bash:
            return self.plain_word()
        if _holds(self.read, "{") and expand_braces(self.read) != [self.read]:
            self.fail("a redirection to several files", self.start)
        return self.pattern()


def _holds(pieces: list[Piece], character: str) -> bool:
    """Whether it stands somewhere unquoted."""
    return any(isinstance(piece, str) and character in piece for piece in pieces)


def _in_key(piece: Part) -> Part:
    # A key is expanded as if it stood between double quotes.
    if isinstance(piece, Parameter | CommandSubstitution | Arithmetic):
        return attrs.evolve(piece, quoted=True)
    return piece


def _value(pieces: list[Piece]) -> Word:
    if _holds(pieces, "~"):
        pieces = expand_tildes(pieces, after_colons=True)
    return text_word(pieces) if pieces else EMPTY
