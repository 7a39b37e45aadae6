"""From characters to the tokens of sh and bash: operators and words.

There is one token at a time: ``advance`` reads the next one into the fields of the
lexer, and stops right behind it. So the grammar, which alone knows what may come
next, can have the following characters read in another way: an array behind ``a=``,
arithmetic behind ``((``, the delimiter of a here-document.

**Here-documents.** An operator ``<<`` only notes what is to come. The bodies begin
behind the next line break that is a token, in the order of their operators, and are
read when ``advance`` comes to it. Where shells disagree which line break that is (a
substitution or an array spans lines while a body is due, or ends before its own came)
the text is not modelled. A body goes to a node that the tree may hold already: that
is the one place where a node changes, and nobody has seen it yet.

**Substitutions** are read by the grammar in the same text, from behind ``$(`` up to
the ``)`` that it has no use for; that is what makes ``case`` patterns in them safe.

**Cost.** Most words and all operators take one match of one compiled pattern each.
Every character is read once; a here-document's body and the text in backticks are
texts of their own and read once more per level, at the budget's charge.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Self, cast

import attrs

from commander.policy.budget import Budget
from commander.policy.shell.assembly import text_word
from commander.policy.shell.braces import Piece
from commander.policy.shell.cursor import NotModelledError
from commander.policy.shell.parameters import ParameterReader
from commander.policy.shell.syntax import Dialect, HereDocument, Literal, Word

__all__ = ["WORD", "Lexer"]

WORD: Final = "word"
"""The token that is no operator; no operator is spelled like that."""

_Matcher = Callable[[str, int], re.Match[str]]

_BLANKS: Final = r"(?:[ \t]++|\\\n)*+(?:#[^\n]*+)?+"
_PLAIN: Final = r"""([^ \t\n;&|<>()$`\\"'*?\[{}~]++)(?=[ \t\n;&|)]|\Z)"""
_SH_OPERATOR: Final = r"&&|\|\||;;|<<-?|<&|<>|>>|>&|>\||[;&|()<>\n]"
_BASH_OPERATOR: Final = (
    r";;&|;[;&]|&&|&>>?|\|[|&]|<<<|<<-?|<&|<>|>>|>&|>\||[;&|()\n]|[<>](?!\()"
)
_EXTENDABLE: Final = frozenset(("&", "|", ";", "<", ">", "<<", "(", "&>"))
_CUT_OPERATOR: Final = re.compile(r"(?:\\\n)+[&|;<>(-]")
_ODD_IN_DELIMITER: Final = re.compile(r"[$`\n]")
_NAMED_DESCRIPTOR: Final = re.compile(r"\{[A-Za-z_][^}]*\}")


def _tokens(descriptor: str, operator: str) -> _Matcher:
    pattern = re.compile(
        rf"{_BLANKS}(?:{_PLAIN}|(?:({descriptor})(?=[<>]))?+({operator})|)"
    )
    # It can match nothing, so it always matches.
    return cast("_Matcher", pattern.match)


_TOKENS: Final = {
    Dialect.SH: _tokens("[0-9]", _SH_OPERATOR),
    Dialect.BASH: _tokens("[0-9]{1,4}", _BASH_OPERATOR),
}


@attrs.frozen
class _Due:
    """A here-document whose body is still to come."""

    node: HereDocument
    delimiter: str
    literal: bool
    strips_tabs: bool
    position: int


class Lexer(ParameterReader):
    """Reads one text, token by token."""

    __slots__ = (
        "_due",
        "_held",
        "_match",
        "bare",
        "descriptor",
        "read",
        "start",
        "symbol",
    )

    def __init__(self, text: str, dialect: Dialect, budget: Budget, depth: int) -> None:
        super().__init__(text, dialect, budget, depth)
        self._match = _TOKENS[dialect]
        self._due: list[_Due] = []
        self._held = 0
        self.in_body = False
        self.loose = False
        self.symbol = ""
        """An operator, ``WORD``, or nothing at the end of the text."""
        self.bare = ""
        """Of a word: all of it, if it is unquoted and nothing is expanded in it."""
        self.read: list[Piece] = []
        """Of a word: its pieces; only ``bare`` is set for the plainest of them."""
        self.descriptor: int | None = None
        """Of an operator: the number before it."""
        self.start = 0
        """Where the token begins."""

    # --- tokens ----------------------------------------------------------------

    def advance(self) -> None:
        """Read the next token."""
        found = self._match(self.text, self.position)
        self.position = found.end()
        match found.lastindex:
            case 1:
                self.start = found.start(1)
                self.symbol = WORD
                self.bare = found[1]
                self.read = []
            case None:
                self._word()
            case _:
                self.start = found.start(3)
                self.symbol = operator = found[3]
                self.bare = ""
                number = found[2]
                self.descriptor = None if number is None else int(number)
                if operator == "\n":
                    self._line_ended()
                elif operator in _EXTENDABLE and self.text.startswith(
                    "\\\n", self.position
                ):
                    self._fail_if_operator_is_cut()

    def skip_lines(self) -> None:
        """Pass over line breaks, if there are any here."""
        while self.symbol == "\n":
            self.advance()

    def advance_over_lines(self) -> None:
        """Read the next token that is no line break."""
        self.advance()
        self.skip_lines()

    def _word(self) -> None:
        start = self.position
        pieces = self.pieces()
        self.start = start
        self.read = pieces
        self.symbol = WORD
        match pieces:
            case [str(bare)]:
                self.bare = bare
                if self.text[self.position : self.position + 1] in ("<", ">"):
                    self._fail_if_descriptor(bare)
            case []:
                # Every other character is a blank, or begins an operator or a piece.
                self.bare = self.symbol = ""
                self._line_ended()
            case _:
                self.bare = ""

    def _fail_if_descriptor(self, bare: str) -> None:
        if not self.bash:
            # Longer numbers are words to dash.
            if len(bare) == 1 and bare.isdecimal():
                self.fail("a line ends between a number and its operator", self.start)
        elif bare.isdecimal() or _NAMED_DESCRIPTOR.fullmatch(bare):
            self.fail("a file descriptor that is odd", self.start)

    def _fail_if_operator_is_cut(self) -> None:
        if _CUT_OPERATOR.match(self.text, self.position):
            self.fail("a line ends within an operator", self.start)

    # --- texts within the text -------------------------------------------------

    def hold_line_breaks(self) -> tuple[list[_Due], int]:
        """Begin a part of the text that no body may interrupt.

        Returns:
            What ``release_line_breaks`` wants at its end.
        """
        outer = self._due, self._held
        self._held += len(self._due)
        self._due = []
        return outer

    def release_line_breaks(self, outer: tuple[list[_Due], int]) -> None:
        """End that part."""
        if self._due:
            self.fail("a here-document begins behind the end of its command")
        self._due, self._held = outer

    def within(self, text: str) -> Self:
        """A reader of a text of its own, one level deeper."""
        self.enter()
        inner = type(self)(text, self.dialect, self.budget, self.depth)
        self.depth -= 1
        return inner

    # --- here-documents --------------------------------------------------------

    def here_document(self) -> HereDocument:
        """Read the delimiter behind ``<<`` or ``<<-``, and note what is due."""
        strips_tabs = self.symbol == "<<-"
        node = HereDocument(Word(()), self.descriptor)
        start = self.start
        self.advance()
        if self.symbol != WORD:
            self.fail("a here-document has no delimiter", start)
        pieces = self.read or [self.bare]
        delimiter = text_word(pieces).static
        if delimiter is None or _ODD_IN_DELIMITER.search(
            self.text, self.start, self.position
        ):
            self.fail("the delimiter of a here-document is not plain", start)
        literal = any(isinstance(piece, Literal) for piece in pieces)
        self._due.append(_Due(node, delimiter, literal, strips_tabs, start))
        return node

    def _line_ended(self) -> None:
        if self._held:
            self.fail("a line ends in here while a here-document is due", self.start)
        if self._due:
            due, self._due = self._due, []
            for document in due:
                self._read_body(document)

    def _read_body(self, due: _Due) -> None:
        begin = self.position
        text = self._lines(due)
        body = Word((Literal(text),)) if text else Word(())
        if not due.literal and text:
            inner = self.within(text)
            inner.in_body = True
            try:
                body = inner.body(tabbed=due.strips_tabs)
            except NotModelledError as error:
                error.locate(self.text, begin)
                raise
        # The node is part of a tree by now, but of one that nobody has seen.
        object.__setattr__(due.node, "body", body)

    def _lines(self, due: _Due) -> str:
        """The lines up to the delimiter, which is consumed."""
        text = self.text
        lines: list[str] = []
        continued = False
        while self.position < len(text):
            start = self.position
            end = text.find("\n", start)
            if end < 0:
                end = len(text)
            line = text[start:end]
            self.position = min(end + 1, len(text))
            if due.strips_tabs:
                if continued and line.startswith("\t"):
                    self.fail(
                        "a continued line of a `<<-` body begins with a tab", start
                    )
                line = line.lstrip("\t")
            if line == due.delimiter and not continued:
                return "".join(lines)
            lines.append(line + "\n")
            continued = not due.literal and self._goes_on(line, due, start)
            if end == len(text):
                # bash adds the line break, dash does not.
                self.fail("the text ends within a here-document", due.position)
        return "".join(lines)

    def _goes_on(self, line: str, due: _Due, start: int) -> bool:
        if not line.endswith("\\"):
            return False
        backslashes = len(line) - len(line.rstrip("\\"))
        if backslashes % 2 == 0:
            return False
        if due.delimiter.startswith(line[:-1]):
            # bash looks for the delimiter in the joined line, dash does not.
            self.fail("a continued line may end the here-document", start)
        return True
