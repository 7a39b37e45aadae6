"""Words of the canonical tree as shell text.

Every part is spelled so that all shells which may stand behind a dialect read it
alike. Characters go bare if no shell gives any of them a meaning; others go between
single quotes, or between double quotes if an expansion stands there too. Names of
parameters are always in braces, so nothing can become part of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from commander.policy.shell.syntax import (
    Arithmetic,
    CommandSubstitution,
    Dialect,
    Glob,
    Literal,
    Parameter,
    Part,
    ProcessSubstitution,
    Script,
    Tilde,
    Word,
)

__all__ = ["NotRenderableError", "WordWriter"]

_BARE: Final = re.compile(r"[A-Za-z0-9_./:,+@%=-]+")
_BARE_BESIDE_GLOB_IN_BODY: Final = re.compile(r"[ ,;|]+")
_NOTHING: Final = re.compile(r"(?!)")
_BARE_OPERAND: Final = re.compile(r"[A-Za-z0-9_.:,+@=-]+")
_BARE_IN_BODY: Final = re.compile(r"[A-Za-z0-9_.:,+@= -]*")
_GLOB: Final = re.compile(r"[^{},~#%\s;&|<>()$`\\\"']+")
_NAMED: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
_ASSIGNS: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\+?=|\[)")
_USER: Final = re.compile(r"(?:[A-Za-z_][A-Za-z0-9._-]*)?")
_PARAMETER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+")
_UNAMBIGUOUS: Final = {"": "@*#?$!-", "length": "@*", "!": ""}
"""Special parameters that an operator can be read with in one way only."""
_ARITHMETIC: Final = re.compile(r"""[^$`\\"'{};\n]*""")
_OFFSET: Final = re.compile(r"[A-Za-z0-9_ +*/%-]*")
_SUBSCRIPT: Final = re.compile(r"[A-Za-z0-9_+*/%.:@-]*")
_SPECIAL_IN_QUOTES: Final = re.compile(r'([$`"\\])')
_SPECIAL_IN_OPERAND: Final = re.compile(r'([$`"\\}])')
_SPECIAL_IN_BODY: Final = re.compile(r"([$`\\])")
_SPECIAL_IN_BODY_OPERAND: Final = re.compile(r"([$`\\}])")

_ALTERNATIVES: Final = frozenset(("-", ":-", "=", ":=", "?", ":?", "+", ":+"))
_TRIMS: Final = frozenset(("%", "%%", "#", "##"))
_REPLACES: Final = frozenset(("/", "//", "/#", "/%"))
_CASES: Final = frozenset(("^", "^^", ",", ",,"))
_MERGING: Final = {
    ":": ("-", "=", "?", "+"),
    "%": ("%",),
    "#": ("#",),
    "/": ("/", "#", "%"),
    "//": ("/",),
    "^": ("^",),
    ",": (",",),
}
_TRANSFORMS: Final = re.compile(r"@[A-Za-z]")


class NotRenderableError(ValueError):
    """A tree that no text stands for, or none that all shells read alike."""


class WordWriter:
    """Writes words.

    Args:
        dialect: Of the shell that will read them.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.bash = dialect is Dialect.BASH
        self.in_body = False
        """Between the lines of a here-document, where no quote can be written."""

    def substituted(self, script: Script) -> str:
        """Write what stands between the parentheses of a substitution."""
        raise NotImplementedError

    def only_bash(self) -> None:
        """Refuse what is being written unless it is for bash."""
        if not self.bash:
            raise NotRenderableError("only bash knows this")

    # --- words -----------------------------------------------------------------

    def word(
        self, word: Word, *, declares: bool = False, bare: re.Pattern[str] = _BARE
    ) -> str:
        """Write an argument, a pattern or the target of a redirection.

        Args:
            word: Anything but the name of a command.
            declares: It is an argument of a builtin that assigns variables.
            bare: What needs no quotes.
        """
        parts = word.parts
        if len(parts) > 1 and isinstance(parts[0], Literal):
            named = _NAMED.match(parts[0].text)
            if named and not any(isinstance(part, Glob) for part in parts):
                # Quoted, it would be no name to a builtin that assigns.
                rest = parts[0].text[named.end() :]
                parts = ((Literal(rest),) if rest else ()) + parts[1:]
                colons = self.bash or declares
                return named[0] + self.spelled(
                    parts, tildes=colons, colons=colons, bare=bare
                )
        return self.spelled(parts, bare=bare)

    def name(self, word: Word, reserved: frozenset[str]) -> str:
        """Write the first word of a command, or a pattern of ``case``."""
        match word.parts:
            case (Literal(text), *rest):
                if (text in reserved and not rest) or _NAMED.match(text):
                    tail = self.spelled(tuple(rest)) if rest else ""
                    return self._single_quoted(text) + tail
            case (Glob(text), *_) if _ASSIGNS.match(text):
                raise NotRenderableError("a pattern that looks like an assignment")
        return self.spelled(word.parts)

    def value(self, word: Word) -> str:
        """Write the value of a variable."""
        return self.spelled(word.parts, colons=True)

    def spelled(
        self,
        parts: tuple[Part, ...],
        *,
        tildes: bool = True,
        colons: bool = False,
        bare: re.Pattern[str] = _BARE,
        glob: re.Pattern[str] = _GLOB,
    ) -> str:
        """Write the parts of a word.

        Args:
            parts: At least one.
            tildes: A tilde prefix may begin it.
            colons: One may follow a colon.
            bare: What needs no quotes.
            glob: What a pattern may be.
        """
        if len(parts) == 1 and isinstance(parts[0], Literal):
            text = parts[0].text
            return text if bare.fullmatch(text) else self._single_quoted(text)
        if not parts:
            raise NotRenderableError("a word has no parts")
        if any(isinstance(part, Glob) for part in parts):
            # Next to a pattern, most would be part of it.
            bare = _BARE_BESIDE_GLOB_IN_BODY if self.in_body else _NOTHING
        written: list[str] = []
        group: list[Part] = []
        for atom in _atoms(parts, tildes=tildes, colons=colons):
            if not isinstance(atom, str) and _may_be_quoted(atom):
                group.append(atom)
                continue
            if group:
                written.append(self._grouped(group, bare))
                group = []
            written.append(self._unquoted(atom, glob))
        if group:
            written.append(self._grouped(group, bare))
        return "".join(written)

    def _grouped(self, group: list[Part], bare: re.Pattern[str]) -> str:
        """Write parts of which each is quoted, or may be."""
        match group:
            case [Literal(text)]:
                return text if bare.fullmatch(text) else self._single_quoted(text)
        if self.in_body:
            raise NotRenderableError("quotes cannot be written in a here-document")
        return f'"{self._between_quotes(group, _SPECIAL_IN_QUOTES)}"'

    def _between_quotes(self, parts: Iterable[Part], special: re.Pattern[str]) -> str:
        written: list[str] = []
        for part in parts:
            match part:
                case Literal(text):
                    written.append(special.sub(r"\\\1", text))
                case (
                    Parameter(quoted=False)
                    | CommandSubstitution(quoted=False)
                    | Arithmetic(quoted=False)
                ):
                    raise NotRenderableError("this cannot stand between quotes")
                case _:
                    written.append(self._expansion(part))
        return "".join(written)

    def _unquoted(self, atom: str | Part, glob: re.Pattern[str]) -> str:
        match atom:
            case str():
                return atom
            case Glob(text):
                if not glob.fullmatch(text):
                    raise NotRenderableError("a pattern holds what is none")
                return text
            case ProcessSubstitution(direction, script):
                self.only_bash()
                return f"{direction}({self.substituted(script)})"
        return self._expansion(atom)

    def _single_quoted(self, text: str) -> str:
        if self.in_body:
            raise NotRenderableError("quotes cannot be written in a here-document")
        return "'" + text.replace("'", "'\\''") + "'"

    # --- here-documents --------------------------------------------------------

    def body(self, word: Word) -> str:
        """Write the lines of a here-document in which expansions take place."""
        outer, self.in_body = self.in_body, True
        written = self._between_quotes(word.parts, _SPECIAL_IN_BODY)
        self.in_body = outer
        return written

    # --- expansions ------------------------------------------------------------

    def _expansion(self, part: Part) -> str:
        match part:
            case Parameter():
                return self._parameter(part)
            case Arithmetic(expression):
                return f"$(({self.arithmetic(expression)}))"
            case CommandSubstitution(script):
                outer, self.in_body = self.in_body, False
                written = self.substituted(script)
                self.in_body = outer
                return f"$({written})"
        raise NotRenderableError("this part cannot stand here")

    def arithmetic(self, expression: Word) -> str:
        """Write what is calculated, with a blank on either side."""
        return f" {self._raw(expression, _ARITHMETIC)} "

    def subscript(self, subscript: Word | None) -> str:
        """Write ``[...]``, or nothing."""
        if subscript is None:
            return ""
        self.only_bash()
        if not subscript.parts:
            raise NotRenderableError("a subscript is empty")
        return f"[{self._raw(subscript, _SUBSCRIPT)}]"

    def _raw(self, word: Word, allowed: re.Pattern[str]) -> str:
        text = "".join(part.text for part in word.parts if isinstance(part, Literal))
        if not allowed.fullmatch(text):
            raise NotRenderableError("an index or a calculation holds odd characters")
        return self._between_quotes(word.parts, _SPECIAL_IN_QUOTES)

    def _parameter(self, part: Parameter) -> str:
        name, operator = part.name, part.operator
        special = _UNAMBIGUOUS.get(operator, "@*?-$")
        if not _PARAMETER.fullmatch(name) and (len(name) != 1 or name not in special):
            raise NotRenderableError("a parameter has no name")
        name += self.subscript(part.subscript)
        match operator, part.words:
            case "", ():
                return f"${{{name}}}"
            case "length", ():
                return f"${{#{name}}}"
            case "!", ():
                self.only_bash()
                return f"${{!{name}}}"
            case "!", (Word((Literal(("*" | "@") as every),)),):
                self.only_bash()
                return f"${{!{name}{every}}}"
        operands = self._operands(part)
        if operands.startswith(_MERGING.get(operator, ())):
            raise NotRenderableError("an operand begins like a longer operator")
        return f"${{{name}{operator}{operands}}}"

    def _operands(self, part: Parameter) -> str:
        operator, words = part.operator, part.words
        if operator in _ALTERNATIVES and len(words) == 1:
            return self._alternative(words[0], part.quoted)
        if operator in _TRIMS and len(words) == 1:
            return self._operand(words[0], tildes=not part.quoted)
        self.only_bash()
        if operator in _REPLACES and 1 <= len(words) <= 2:
            return "/".join(self._operand(word, tildes=False) for word in words)
        if operator in _CASES and len(words) <= 1:
            return "".join(self._operand(word, tildes=False) for word in words)
        if operator == ":" and 1 <= len(words) <= 2:
            return ":".join(self._raw(word, _OFFSET) for word in words)
        if _TRANSFORMS.fullmatch(operator) and not words:
            return ""
        raise NotRenderableError("an operator has the wrong operands")

    def _alternative(self, word: Word, quoted: bool) -> str:
        if not quoted:
            return self._operand(word, tildes=True)
        literals = [part.text for part in word.parts if isinstance(part, Literal)]
        if any("'" in text for text in literals) and self.bash:
            raise NotRenderableError("bash takes this quote for the first of two")
        if self.in_body:
            if any('"' in text for text in literals):
                raise NotRenderableError("shells differ about quotes in here")
            return self._between_quotes(word.parts, _SPECIAL_IN_BODY_OPERAND)
        return self._between_quotes(word.parts, _SPECIAL_IN_OPERAND)

    def _operand(self, word: Word, *, tildes: bool) -> str:
        if not word.parts:
            return ""
        bare = _BARE_IN_BODY if self.in_body else _BARE_OPERAND
        return self.spelled(word.parts, tildes=tildes, bare=bare)


def _may_be_quoted(part: Part) -> bool:
    match part:
        case Literal() | Parameter(quoted=True) | Arithmetic(quoted=True):
            return True
        case CommandSubstitution(quoted=quoted):
            return quoted
    return False


def _atoms(
    parts: tuple[Part, ...], *, tildes: bool, colons: bool
) -> Sequence[str | Part]:
    """The parts, with what has to be bare for tildes as plain text."""
    if not any(isinstance(part, Tilde) for part in parts):
        return parts
    atoms: list[str | Part] = []
    behind_tilde = False
    for part in parts:
        match part:
            case Tilde(user) if _USER.fullmatch(user):
                _open_for_tilde(atoms, tildes=tildes, colons=colons)
                atoms.append(f"~{user}")
            case Literal(text) if behind_tilde and text.startswith("/"):
                atoms += ("/", Literal(text[1:])) if text[1:] else ("/",)
            case Literal(text) if behind_tilde and colons and text.startswith(":"):
                atoms += (":", Literal(text[1:])) if text[1:] else (":",)
            case Glob(text) if behind_tilde and text.startswith("/"):
                atoms.append(part)
            case _ if behind_tilde or isinstance(part, Tilde):
                raise NotRenderableError("a tilde prefix with no end")
            case _:
                atoms.append(part)
        behind_tilde = isinstance(part, Tilde)
    return atoms


def _open_for_tilde(atoms: list[str | Part], *, tildes: bool, colons: bool) -> None:
    if not atoms and tildes:
        return
    match atoms:
        case [*_, Literal(text)] if colons and text.endswith(":"):
            atoms.pop()
            if text[:-1]:
                atoms.append(Literal(text[:-1]))
            atoms.append(":")
        case [*_, ":"] if colons:
            pass
        case _:
            raise NotRenderableError("a tilde prefix within a word")
