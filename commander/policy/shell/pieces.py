"""Pieces of words: quotes, escapes, and what begins with ``$`` or a backtick.

A reader stands on a character and consumes the piece that begins with it. Runs of
characters without meaning are found by compiled patterns, so Python code runs once
per piece and not once per character. Every character is read once, but for the text
inside backticks (and here-documents), which is a text of its own: it is read once
more per level of nesting, and the budget is charged for its length each time.

A line that ends in a backslash goes on in the next one. That is undone between the
characters of words. Where it would cut an operator, a name or the beginning of an
expansion in two, the text is not modelled: shells differ there.
"""

from __future__ import annotations

import re
from typing import Final

import attrs

from commander.policy.shell.ansi import decode_ansi
from commander.policy.shell.assembly import text_word
from commander.policy.shell.braces import Piece
from commander.policy.shell.cursor import Cursor, NotModelledError
from commander.policy.shell.syntax import (
    Arithmetic,
    CommandSubstitution,
    Literal,
    Parameter,
    Part,
    ProcessSubstitution,
    Script,
    Word,
)

__all__ = ["Mode", "PieceReader"]

_RUN: Final = re.compile(r"""(?:[^ \t\n;&|<>()$`\\"']++|\\\n)++""")

_PARAMETER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-]")
_ESCAPES: Final = re.compile(r"(?:\\[^\n])++")
_ANSI_QUOTED: Final = re.compile(r"((?:[^'\\]++|\\.)*+)'", re.DOTALL)
_BACKTICKS: Final = re.compile(r"((?:[^`\\]++|\\.)*+)`", re.DOTALL)
_ESCAPED_IN_BACKTICKS: Final = re.compile(r"\\([\\`$])")
_ESCAPED_IN_QUOTED_BACKTICKS: Final = re.compile(r'\\([\\`$"])')
_CUT_NAME: Final = re.compile(r"(?:\\\n)+[A-Za-z0-9_]")

_LONE_DOLLAR: Final = Literal("$")
_EXTENDED_PATTERNS: Final = ("?", "*", "+", "@", "!")


@attrs.frozen
class Mode:
    """How text is read in which only ``$``, backticks and backslashes have meaning."""

    run: re.Pattern[str]
    """What has none."""
    escapable: str
    """What a backslash quotes; before others it stands for itself. Nothing if it
    may not stand there at all."""
    one_line: bool = False
    """Whether an expansion may not span lines."""


_DOUBLE_QUOTES: Final = Mode(re.compile(r'(?:[^"$`\\]++|\\\n)++'), '$`"\\')
_BODY: Final = Mode(re.compile(r"(?:[^$`\\]++|\\\n)++"), "$`\\")
# In a substitution of a `<<-` body, dash keeps tabs that bash strips.
_TABBED_BODY: Final = attrs.evolve(_BODY, one_line=True)
_ARITHMETIC: Final = Mode(re.compile(r"""(?:[^$`\\"'(){};]++|\\\n)++"""), "")


class PieceReader(Cursor):
    """Reads the pieces of words at ``position``."""

    __slots__ = ("loose",)

    loose: bool
    """Text of a brace expansion would become part of a name before it."""

    # --- what readers above this one know --------------------------------------

    def script_inside(self) -> Script:
        """Read commands up to the ``)`` that ends a substitution, and that."""
        raise NotImplementedError

    def script_within(self, text: str) -> Script:
        """Read a text of its own, one level deeper."""
        raise NotImplementedError

    def braced(self, quoted: bool) -> Parameter:
        """Read ``${...}`` from behind its brace."""
        raise NotImplementedError

    # --- runs of pieces --------------------------------------------------------

    def pieces(self) -> list[Piece]:
        """Read a word: up to a character that ends it, unquoted."""
        text = self.text
        pieces: list[Piece] = []
        self.loose = False
        while True:
            if run := _RUN.match(text, self.position):
                self.position = run.end()
                if characters := run[0].replace("\\\n", ""):
                    pieces.append(characters)
            match text[self.position : self.position + 1]:
                case '"':
                    self.double_quotes(pieces)
                case "$":
                    self.dollar(pieces, quoted=False)
                    if pieces[-1] is _LONE_DOLLAR:
                        self._fail_if_split(pieces)
                case "'":
                    self.single_quotes(pieces)
                case "\\":
                    self.escape(pieces)
                case "`":
                    pieces.append(self.backticks(quoted=False))
                case ("<" | ">") as direction if self.bash and text.startswith(
                    "(", self.position + 1
                ):
                    self.position += 2
                    script = self.script_inside()
                    pieces.append(ProcessSubstitution(direction, script))
                case _:
                    if text.startswith("(", self.position):
                        self._fail_if_extended(pieces)
                    return pieces

    def _fail_if_extended(self, pieces: list[Piece]) -> None:
        match pieces:
            case [*_, str(run)] if self.bash and run.endswith(_EXTENDED_PATTERNS):
                self.fail("an extended pattern, which bash knows only if told to")

    def _fail_if_split(self, pieces: list[Piece]) -> None:
        # bash, and only it, does not split an expansion before a `$` of no meaning.
        for piece in pieces:
            match piece:
                case (
                    Parameter(quoted=False)
                    | CommandSubstitution(quoted=False)
                    | Arithmetic(quoted=False)
                ):
                    self.fail("a dollar sign behind an expansion; quote it")

    def double_quotes(self, pieces: list[Piece]) -> None:
        """Read ``"..."``."""
        start = self.position
        self.position += 1
        before = len(pieces)
        self.quoted_pieces(_DOUBLE_QUOTES, pieces)
        if not self.text.startswith('"', self.position):
            self.fail("a quote is not closed", start)
        self.position += 1
        if len(pieces) == before:
            pieces.append(Literal(""))

    def body(self, *, tabbed: bool) -> Word:
        """Read all of the text as lines of a here-document.

        Args:
            tabbed: Tabs were stripped from the lines.
        """
        pieces: list[Piece] = []
        self.quoted_pieces(_TABBED_BODY if tabbed else _BODY, pieces)
        return text_word(pieces)

    def quoted_pieces(self, mode: Mode, pieces: list[Piece]) -> None:
        """Read as between double quotes, up to what no piece begins with."""
        text = self.text
        while True:
            if run := mode.run.match(text, self.position):
                self.position = run.end()
                if characters := run[0].replace("\\\n", ""):
                    pieces.append(Literal(characters))
            start = self.position
            match text[start : start + 1]:
                case "$":
                    self.dollar(pieces, quoted=True)
                case "\\" if mode.escapable:
                    self._quoted_escape(pieces, mode.escapable)
                case "`":
                    pieces.append(self.backticks(quoted=True))
                    if mode is not _DOUBLE_QUOTES:
                        self._fail_if_quote_is_escaped(start)
                case _:
                    return
            if mode.one_line and text.find("\n", start, self.position) >= 0:
                self.fail("an expansion in a `<<-` body spans lines", start)

    def _fail_if_quote_is_escaped(self, start: int) -> None:
        # dash takes the backslash away here, bash does not.
        if self.text.find('\\"', start, self.position) >= 0:
            self.fail("a quote behind a backslash between backticks", start)

    # --- quotes ----------------------------------------------------------------

    def single_quotes(self, pieces: list[Piece]) -> None:
        """Read ``'...'``."""
        end = self.text.find("'", self.position + 1)
        if end < 0:
            self.fail("a quote is not closed")
        pieces.append(Literal(self.text[self.position + 1 : end]))
        self.position = end + 1

    def escape(self, pieces: list[Piece]) -> None:
        """Read backslashes, each with the character that it quotes."""
        if run := _ESCAPES.match(self.text, self.position):
            self.position = run.end()
            pieces.append(Literal(run[0][1::2]))
        else:
            # The text ends behind it; there, shells take it literally.
            self.position += 1
            pieces.append(Literal("\\"))

    def _quoted_escape(self, pieces: list[Piece], special: str) -> None:
        follower = self.text[self.position + 1 : self.position + 2]
        if follower and follower in special:
            self.position += 2
            pieces.append(Literal(follower))
        else:
            self.position += 1
            pieces.append(Literal("\\"))

    def _ansi_quotes(self) -> Literal:
        body = _ANSI_QUOTED.match(self.text, self.position + 2)
        if body is None:
            self.fail("a quote is not closed")
        decoded = decode_ansi(body[1])
        self.position = body.end()
        return Literal(decoded)

    # --- expansions ------------------------------------------------------------

    def dollar(self, pieces: list[Piece], *, quoted: bool) -> None:
        """Read what begins with a dollar sign."""
        text = self.text
        at = self.position + 1
        if name := _PARAMETER.match(text, at):
            self.position = end = name.end()
            pieces.append(Parameter(name[0], quoted))
            self._look_behind_name(end)
            return
        match text[at : at + 1]:
            case "{":
                self.position += 2
                pieces.append(self.braced(quoted))
            case "(":
                pieces.append(self._parentheses(quoted))
            case "'" if self.bash and not quoted:
                pieces.append(self._ansi_quotes())
            case '"' if self.bash and not quoted:
                self.position += 1
                self.double_quotes(pieces)
            case "[" if self.bash:
                self.fail("`$[` is a form of arithmetic that bash gave up")
            case "\\" if text.startswith("\n", at + 1):
                self.fail("a line ends behind a dollar sign")
            case follower:
                self.position += 1
                self.loose = self.loose or follower in ("{", ",", "}")
                pieces.append(_LONE_DOLLAR)

    def _look_behind_name(self, end: int) -> None:
        follower = self.text[end : end + 1]
        if follower == "\\" and _CUT_NAME.match(self.text, end):
            self.fail("a line ends within a name")
        self.loose = self.loose or follower in ("{", ",", "}")

    def _parentheses(self, quoted: bool) -> Part:
        if self.text.startswith("((", self.position + 1):
            start = self.position
            self.position += 3
            self.enter()
            expression = self.arithmetic_in_parentheses(start)
            self.depth -= 1
            return Arithmetic(expression, quoted)
        self.position += 2
        return CommandSubstitution(self.script_inside(), quoted)

    def backticks(self, *, quoted: bool) -> CommandSubstitution:
        """Read a substitution in backticks, at the first of them."""
        start = self.position
        raw = _BACKTICKS.match(self.text, start + 1)
        if raw is None:
            self.fail("a backtick is not closed")
        if "\\\n" in raw[1]:
            self.fail("a line ends in a backslash between backticks")
        escapes = _ESCAPED_IN_QUOTED_BACKTICKS if quoted else _ESCAPED_IN_BACKTICKS
        try:
            script = self.script_within(escapes.sub(r"\1", raw[1]))
        except NotModelledError as error:
            error.locate(self.text, start)
            raise
        self.position = raw.end()
        return CommandSubstitution(script, quoted)

    # --- arithmetic ------------------------------------------------------------

    def arithmetic_in_parentheses(self, start: int) -> Word:
        """Read from behind ``((`` to behind ``))``."""
        expression = self.arithmetic(")")
        if not self.text.startswith("))", self.position):
            # A shell that finds no arithmetic may read commands in parentheses.
            self.fail("`((` begins no arithmetic; put a blank between the two", start)
        self.position += 2
        return expression

    def arithmetic(self, end: str) -> Word:
        """Read arithmetic text up to an ending character outside parentheses."""
        pieces: list[Piece] = []
        open_parentheses = 0
        while True:
            self.quoted_pieces(_ARITHMETIC, pieces)
            character = self.text[self.position : self.position + 1]
            if not open_parentheses and character == end:
                if any(piece is _LONE_DOLLAR for piece in pieces):
                    self.fail("a dollar sign in arithmetic begins no expansion")
                return _trimmed(pieces)
            if character == "(":
                open_parentheses += 1
            elif character == ")" and open_parentheses:
                open_parentheses -= 1
            else:
                self.fail("arithmetic is not closed, or holds what is none")
            pieces.append(Literal(character))
            self.position += 1


def _trimmed(pieces: list[Piece]) -> Word:
    """Arithmetic without blanks around it, and on one line."""
    parts = list(text_word(pieces).parts)
    for index, part in enumerate(parts):
        if isinstance(part, Literal):
            parts[index] = Literal(part.text.replace("\n", " "))
    match parts:
        case [Literal(text), *_]:
            parts[0] = Literal(text.lstrip(" \t"))
    match parts:
        case [*_, Literal(text)]:
            parts[-1] = Literal(text.rstrip(" \t"))
    return Word(tuple(part for part in parts if part != Literal("")))
