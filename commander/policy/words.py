"""A lexer for shell text: characters to operators and words.

It reads what dash and bash read, quotes removed, and keeps apart what is text and
what is expanded. Where the two shells differ it takes the reading in which more
runs: ``&>`` is ``&`` and ``>``. Only for ``$'...'`` does the caller choose, since
either reading can hide a command from the other.

A command substitution needs the grammar to find its end (a ``case`` in it holds
lone parentheses), so the scanner is handed the function that reads a script.

Every character is read once, but for the text inside backticks and
here-documents, which is read once more per level of nesting.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Final

import attrs

from commander.policy.budget import MAX_NESTING, Budget, TooDeepError
from commander.policy.escapes import decode_escapes
from commander.policy.tree import (
    Parameter,
    Part,
    Redirection,
    Script,
    Substitution,
    Text,
    Word,
)

__all__ = ["MAX_NESTING", "Scanner", "TooDeepError", "UnreadableError"]


class UnreadableError(ValueError):
    """The text ends inside a quote or a substitution."""


@attrs.frozen
class _Mode:
    """Where a run of pieces stands: what is plain there, and what ends it."""

    plain: re.Pattern[str]
    closer: str = ""
    quoted: bool = False


_WORD: Final = _Mode(re.compile(r"""[^ \t\n;&|<>()$`\\"']+"""))
_REGEX: Final = _Mode(re.compile(r"""[^ \t\n;&<>$`\\"']+"""))
_DOUBLE: Final = _Mode(re.compile(r'[^"$`\\]+'), closer='"', quoted=True)
_BODY: Final = _Mode(re.compile(r"[^$`\\]+"), quoted=True)
_BRACED: Final = _Mode(re.compile(r"""[^}$`\\"']+"""), closer="}")
_BRACED_QUOTED: Final = _Mode(re.compile(r'[^}$`\\"]+'), closer="}", quoted=True)
_ARITHMETIC: Final = _Mode(re.compile(r'[^()$`\\"]+'), quoted=True)

_BLANKS: Final = re.compile(r"(?:[ \t]++|\\\n)*+(?:#[^\n]*)?")
_OPERATOR: Final = re.compile(
    r";;&|;;|;&|&&|\|\||\|&|<<<|<<-|<<|<>|<&|>>|>&|>\||[;&|()<>\n]"
)
_DOLLAR: Final = re.compile(r"\$(?:\\\n)*")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-]")
_BRACED_NAME: Final = re.compile(
    r"([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-])(?:(:?[-=])|(?=\}))"
)
_ANSI_QUOTED: Final = re.compile(r"((?:[^'\\]++|\\.)*+)'", re.DOTALL)
_BACKTICKS: Final = re.compile(r"((?:[^`\\]++|\\.)*+)`", re.DOTALL)
_ARRAY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\[[^]]*\])?\+?=")
_ESCAPED_IN_BACKTICKS: Final = re.compile(r"\\([\\`$])")
_ESCAPED_IN_QUOTED_BACKTICKS: Final = re.compile(r'\\([\\`$"])')
_QUOTES: Final = re.compile(r"""\\(.)|['"]""", re.DOTALL)


class Scanner:
    """Reads one shell text, token by token, at ``position``."""

    def __init__(
        self,
        text: str,
        read_script: Callable[[Scanner, str], Script],
        *,
        budget: Budget,
        ansi_quotes: bool,
        depth: int = 0,
    ) -> None:
        self.text = text
        self.position = 0
        self.budget = budget
        self.arithmetic = False
        """Inside ``((``, where ``<<`` is a shift."""
        self._read_script = read_script
        self._ansi_quotes = ansi_quotes
        self._depth = depth
        self._awaited: list[tuple[Redirection, str, bool, bool]] = []

    # --- tokens ----------------------------------------------------------------

    def token(self) -> Word | str:
        """The next operator or word; the empty string at the end of the text."""
        self.budget.spend(2)
        blanks = _BLANKS.match(self.text, self.position)
        self.position = blanks.end() if blanks else self.position
        if self.text.startswith(("<(", ">("), self.position):
            self.position += 2
            script = self._read_script(self, ")")
            return Word((Substitution(script, quoted=True, is_file=True),))
        if operator := _OPERATOR.match(self.text, self.position):
            self.position = operator.end()
            if operator[0] == "\n":
                self._read_here_documents()
            return operator[0]
        word = Word(tuple(self._parts(_WORD)))
        follower = self.text[self.position : self.position + 1]
        if follower == "(" and word.bare and _ARRAY.fullmatch(word.bare):
            return Word((*word.parts, self._array()))
        if follower and follower in "<>" and word.bare and word.bare.isdecimal():
            return self.token()  # 2>file: the number belongs to the operator
        return word if word.parts else ""

    def regex(self) -> Word:
        """The word after ``=~``, in which ``(``, ``)`` and ``|`` are plain."""
        blanks = _BLANKS.match(self.text, self.position)
        self.position = blanks.end() if blanks else self.position
        return Word(tuple(self._parts(_REGEX)))

    def here_document(self, operator: str) -> Redirection:
        """Read the delimiter; the body follows at the end of the line."""
        start = self.position
        redirection = Redirection(operator, Word(()))
        if isinstance(self.token(), Word):
            raw = self.text[start : self.position].strip(" \t")
            delimiter = _QUOTES.sub(r"\1", raw.replace("\\\n", ""))
            self._awaited.append(
                (redirection, delimiter, operator == "<<-", delimiter != raw)
            )
        return redirection

    @contextlib.contextmanager
    def nested(self) -> Iterator[None]:
        """One level deeper."""
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise TooDeepError
        yield
        self._depth -= 1

    def _array(self) -> Parameter:
        self.position += 1
        parts: list[Part] = []
        with self.nested():
            while (token := self.token()) != ")":
                if token == "":
                    raise UnreadableError
                parts.extend(token.parts if isinstance(token, Word) else ())
        return Parameter(None, Word(tuple(parts)), quoted=True)

    # --- pieces of words -------------------------------------------------------

    def _parts(self, mode: _Mode) -> list[Part]:
        """Read pieces up to the mode's closer, or to what no piece begins with."""
        parts: list[Part] = []
        while True:
            plain = mode.plain.match(self.text, self.position)
            if plain:
                parts.append(Text(plain[0], mode.quoted))
                self.position = plain.end()
            character = self.text[self.position : self.position + 1]
            if character and character == mode.closer:
                self.position += 1
                return parts
            reader = _READERS.get(character)
            if reader is not None:
                self.budget.spend(1)
                reader(self, parts, mode.quoted)
            elif mode.closer:
                raise UnreadableError
            else:
                return parts

    def _escape(self, parts: list[Part], quoted: bool) -> None:
        follower = self.text[self.position + 1 : self.position + 2]
        self.position += 2
        if follower == "\n":
            return
        if quoted and follower not in '$`"\\':
            self.position -= 1
            follower = "\\"
        parts.append(Text(follower or "\\", quoted=True))

    def _single(self, parts: list[Part], _: bool) -> None:
        end = self.text.find("'", self.position + 1)
        if end < 0:
            raise UnreadableError
        parts.append(Text(self.text[self.position + 1 : end], quoted=True))
        self.position = end + 1

    def _double(self, parts: list[Part], _: bool) -> None:
        self.position += 1
        parts.append(Text("", quoted=True))  # so that "" is a word
        parts.extend(self._parts(_DOUBLE))

    def _dollar(self, parts: list[Part], quoted: bool) -> None:
        dollar = _DOLLAR.match(self.text, self.position)
        self.position = dollar.end() if dollar else self.position
        rest = self.text[self.position : self.position + 2]
        if rest == "((":
            self.position += 2
            parts.append(self._arithmetic_expansion(quoted))
        elif rest.startswith("("):
            self.position += 1
            parts.append(Substitution(self._read_script(self, ")"), quoted))
        elif rest.startswith("{"):
            self.position += 1
            parts.append(self._braced(quoted))
        elif rest.startswith("'") and not quoted and self._ansi_quotes:
            parts.append(self._ansi())
        elif rest.startswith('"') and not quoted:
            pass  # $"..." is a double-quoted text that may be translated
        elif name := _NAME.match(self.text, self.position):
            self.position = name.end()
            parts.append(Parameter(name[0], None, quoted))
        else:
            parts.append(Text("$", quoted))

    def _ansi(self) -> Text:
        body = _ANSI_QUOTED.match(self.text, self.position + 1)
        if body is None:
            raise UnreadableError
        self.position = body.end()
        return Text(decode_escapes(body[1]), quoted=True)

    def _braced(self, quoted: bool) -> Parameter:
        name = _BRACED_NAME.match(self.text, self.position)
        self.position = name.end() if name else self.position
        with self.nested():
            inner = Word(tuple(self._parts(_BRACED_QUOTED if quoted else _BRACED)))
        if name is None:
            return Parameter(None, inner, quoted)
        return Parameter(name[1], inner if name[2] else None, quoted)

    def _arithmetic_expansion(self, quoted: bool) -> Parameter:
        parts: list[Part] = []
        open_parentheses = 2
        with self.nested():
            while open_parentheses:
                parts.extend(self._parts(_ARITHMETIC))
                match self.text[self.position : self.position + 1]:
                    case "(":
                        open_parentheses += 1
                    case ")":
                        open_parentheses -= 1
                    case _:
                        raise UnreadableError
                self.position += 1
        if self.text[self.position - 2] != ")":
            # A subshell as the first command of a substitution: to read it as that
            # means to read it twice, and nesting would double it each time.
            raise UnreadableError
        return Parameter(None, Word(tuple(parts)), quoted)

    # --- texts within the text -------------------------------------------------

    def _within(self, text: str) -> Scanner:
        self.budget.spend(1, len(text))
        return Scanner(
            text,
            self._read_script,
            budget=self.budget,
            ansi_quotes=self._ansi_quotes,
            depth=self._depth,
        )

    def _backticks(self, parts: list[Part], quoted: bool) -> None:
        raw = _BACKTICKS.match(self.text, self.position + 1)
        if raw is None:
            raise UnreadableError
        self.position = raw.end()
        escapes = _ESCAPED_IN_QUOTED_BACKTICKS if quoted else _ESCAPED_IN_BACKTICKS
        inner = self._within(escapes.sub(r"\1", raw[1]))
        parts.append(Substitution(self._read_script(inner, ""), quoted))

    def _read_here_documents(self) -> None:
        awaited, self._awaited = self._awaited, []
        for redirection, delimiter, strip_tabs, literal in awaited:
            body = self._here_lines(delimiter, strip_tabs=strip_tabs)
            if literal:
                redirection.target = Word((Text(body, quoted=True),))
            else:
                with self.nested():
                    parts = self._within(body)._parts(_BODY)
                redirection.target = Word(tuple(parts))

    def _here_lines(self, delimiter: str, *, strip_tabs: bool) -> str:
        lines: list[str] = []
        while self.position < len(self.text):
            end = self.text.find("\n", self.position)
            end = len(self.text) if end < 0 else end
            line = self.text[self.position : end]
            self.position = min(end + 1, len(self.text))
            line = line.lstrip("\t") if strip_tabs else line
            if line == delimiter:
                break
            lines.append(line + "\n")
        return "".join(lines)


_READERS: Final = {
    "\\": Scanner._escape,
    "'": Scanner._single,
    '"': Scanner._double,
    "$": Scanner._dollar,
    "`": Scanner._backticks,
}
"""What reads a piece, by its first character, from ``(scanner, parts, quoted)``."""
