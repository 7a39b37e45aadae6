"""``${...}``: names, operators and operands."""

from __future__ import annotations

import re
from typing import Final

from commander.policy.shell.assembly import (
    EMPTY,
    expand_tildes,
    pattern_word,
    text_word,
)
from commander.policy.shell.braces import Piece
from commander.policy.shell.pieces import Mode, PieceReader
from commander.policy.shell.syntax import Literal, Parameter, Word

__all__ = ["ParameterReader", "is_plain_key"]

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-]")
_COUNTED: Final = re.compile(r"#([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*])(?=[\[}])")
_INDIRECT: Final = re.compile(r"!([A-Za-z_][A-Za-z0-9_]*)(?:([*@])(?=\})|(?=[\[}]))")
_OPERATOR: Final = re.compile(
    r"(:?[-=?+])|(%%?|##?)|(/[/#%]?|\^\^?|,,?|:(?![-=?+])|@[A-Za-z])"
)
_OPERAND_RUN: Final = re.compile(r"""(?:[^}$`\\"']++|\\\n)++""")
_PATTERN_RUN: Final = re.compile(r"""(?:[^}/$`\\"']++|\\\n)++""")
_QUOTED_OPERAND: Final = Mode(re.compile(r"""(?:[^}$`\\"']++|\\\n)++"""), '$`"\\}')
_OFFSET: Final = Mode(re.compile(r"[A-Za-z0-9_ +*/%-]++"), "")
_SUBSCRIPT: Final = Mode(re.compile(r"[A-Za-z0-9_+*/%.:@-]++"), "")
_PLAIN_KEY: Final = re.compile(r"[A-Za-z0-9_+*/%.:@-]*")
_AMBIGUOUS: Final = re.compile(r"[<>?*+@!]\(")
_BLANK: Final = re.compile(r"[ \t\n]")
_LATER_TILDE: Final = re.compile(r"[:=]~")
_PLAIN_INNER_QUOTE: Final = re.compile(r'"([A-Za-z0-9_./:,+@%=\- ]*)"')

_BASH_ONLY: Final = "only bash knows this form of `${...}`"
_MALFORMED: Final = "`${...}` is malformed"


class ParameterReader(PieceReader):
    """Reads ``${...}`` as well."""

    __slots__ = ("in_body",)

    in_body: bool
    """The text is that of a here-document, where shells differ about quotes."""

    def braced(self, quoted: bool) -> Parameter:
        """Read ``${...}`` from behind its brace."""
        self.enter()
        text = self.text
        start = self.position
        if counted := _COUNTED.match(text, start):
            parameter = self._suffixed(counted, "length", quoted)
        elif text.startswith("!", start) and not text.startswith("!}", start):
            parameter = self._indirect(quoted)
        elif name := _NAME.match(text, start):
            self.position = name.end()
            parameter = self._named(name[0], quoted)
        else:
            self.fail(_MALFORMED, start)
        if not text.startswith("}", self.position):
            self.fail("`${` is not closed, or malformed", start)
        self.position += 1
        self.depth -= 1
        return parameter

    def _suffixed(self, name: re.Match[str], operator: str, quoted: bool) -> Parameter:
        self.position = name.end()
        return Parameter(name[1], quoted, operator, (), self._maybe_subscript())

    def _indirect(self, quoted: bool) -> Parameter:
        name = _INDIRECT.match(self.text, self.position)
        if name is None or not self.bash:
            self.fail(_MALFORMED if self.bash else _BASH_ONLY)
        if name[2] is None:
            return self._suffixed(name, "!", quoted)
        self.position = name.end()
        every = Word((Literal(name[2]),))
        return Parameter(name[1], quoted, "!", (every,))

    def _named(self, name: str, quoted: bool) -> Parameter:
        text = self.text
        subscript = self._maybe_subscript()
        if text.startswith("}", self.position):
            return Parameter(name, quoted, "", (), subscript)
        operator = _OPERATOR.match(text, self.position)
        # `${#-x}` may be a length or a default, `${!-x}` a default or indirect.
        if operator is None or name in ("#", "!"):
            self.fail(_MALFORMED)
        if operator[3] and not self.bash:
            self.fail(_BASH_ONLY)
        self.position = operator.end()
        words = self._operands(operator, quoted)
        return Parameter(name, quoted, operator[0], words, subscript)

    def _operands(self, operator: re.Match[str], quoted: bool) -> tuple[Word, ...]:
        alternative, trimmed, _ = operator.groups()
        if alternative and quoted:
            return (self._quoted_operand(),)
        if alternative:
            return (self._operand(may_hold_blanks="?" in alternative),)
        if trimmed:
            return (self._pattern(_OPERAND_RUN, tildes=not quoted),)
        match operator[0][0]:
            case "/":
                return self._replacement(operator[0])
            case "@":
                return ()
            case ":":
                return self._offsets()
        if self.text.startswith("}", self.position):
            return ()
        return (self._pattern(_OPERAND_RUN, tildes=False),)

    # --- operands --------------------------------------------------------------

    def _operand(self, *, may_hold_blanks: bool) -> Word:
        start = self.position
        pieces = self._pieces_to_brace(_OPERAND_RUN)
        for piece in pieces:
            if isinstance(piece, str):
                if not may_hold_blanks and _BLANK.search(piece):
                    self.fail("unquoted blanks in `${...}` split the word", start)
                if _LATER_TILDE.search(piece):
                    self.fail("a tilde in `${...}` that shells differ about", start)
        return pattern_word(expand_tildes(pieces), splits=True)

    def _quoted_operand(self) -> Word:
        pieces: list[Piece] = []
        while True:
            self.quoted_pieces(_QUOTED_OPERAND, pieces)
            match self.text[self.position : self.position + 1]:
                case "'" if not self.bash:
                    pieces.append(Literal("'"))
                    self.position += 1
                case '"' if not self.in_body:
                    inner = _PLAIN_INNER_QUOTE.match(self.text, self.position)
                    if inner is None:
                        self.fail("quotes within `${...}` within quotes")
                    pieces.append(Literal(inner[1]))
                    self.position = inner.end()
                case "'" | '"':
                    self.fail("quotes within `${...}` within quotes")
                case _:
                    word = text_word(pieces)
                    return Word(()) if word is EMPTY else word

    def _pattern(self, run: re.Pattern[str], *, tildes: bool) -> Word:
        start = self.position
        pieces = self._pieces_to_brace(run)
        match pieces:
            case [str(first), *_] if first.startswith("~"):
                if not tildes:
                    self.fail("a tilde in `${...}` that shells differ about", start)
                pieces = expand_tildes(pieces)
        return pattern_word(pieces)

    def _replacement(self, operator: str) -> tuple[Word, ...]:
        if self.text.startswith("/", self.position) and operator in ("/", "//"):
            self.fail("a pattern that begins with an unquoted slash")
        start = self.position
        pattern = self._pattern(_PATTERN_RUN, tildes=False)
        if not self.text.startswith("/", self.position):
            return (pattern,)
        if "[" in self.text[start : self.position]:
            self.fail("a bracket before the slash of a replacement", start)
        self.position += 1
        start = self.position
        pieces = self._pieces_to_brace(_OPERAND_RUN)
        for piece in pieces:
            if isinstance(piece, str) and ("&" in piece or piece.startswith("~")):
                # Since bash 5.2 the character stands for what was matched.
                self.fail("an unquoted `&` or `~` in a replacement", start)
        return (pattern, text_word(pieces))

    def _pieces_to_brace(self, run: re.Pattern[str]) -> list[Piece]:
        """Read an operand as outside of quotes, up to what does not match the run."""
        text = self.text
        pieces: list[Piece] = []
        while True:
            if found := run.match(text, self.position):
                self.position = found.end()
                if characters := found[0].replace("\\\n", ""):
                    pieces.append(characters)
                    if self.bash and _AMBIGUOUS.search(characters):
                        self.fail("a substitution or extended pattern in `${...}`")
            match text[self.position : self.position + 1]:
                case "$":
                    self.dollar(pieces, quoted=False)
                case "`":
                    pieces.append(self.backticks(quoted=False))
                case "\\" if not self.in_body:
                    self.escape(pieces)
                case "'" if not self.in_body:
                    self.single_quotes(pieces)
                case '"' if not self.in_body:
                    self.double_quotes(pieces)
                case _:
                    return pieces

    def _offsets(self) -> tuple[Word, ...]:
        offsets = [self._offset()]
        if self.text.startswith(":}", self.position - 1):
            self.fail(_MALFORMED)
        if self.text.startswith(":", self.position):
            self.position += 1
            offsets.append(self._offset())
        return tuple(offsets)

    def _offset(self) -> Word:
        pieces: list[Piece] = []
        self.quoted_pieces(_OFFSET, pieces)
        return text_word(pieces)

    # --- subscripts ------------------------------------------------------------

    def _maybe_subscript(self) -> Word | None:
        start = self.position
        if not self.text.startswith("[", start):
            return None
        if not self.bash:
            self.fail(_BASH_ONLY)
        self.position += 1
        key: list[Piece] = []
        while True:
            self.quoted_pieces(_SUBSCRIPT, key)
            match self.text[self.position : self.position + 1]:
                case '"':
                    self.double_quotes(key)
                case "'":
                    self.single_quotes(key)
                case "]" if is_plain_key(key):
                    self.position += 1
                    return text_word(key)
                case _:
                    self.fail("a subscript is not a plain index or key", start)


def is_plain_key(key: list[Piece]) -> bool:
    """Whether these pieces of a subscript mean the same without quotes."""
    texts = [piece.text for piece in key if isinstance(piece, Literal)]
    empty = not any(texts) and len(texts) == len(key)
    return not empty and all(map(_PLAIN_KEY.fullmatch, texts))
