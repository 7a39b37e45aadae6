"""Which variables of a text hold numbers, and how often each is set.

bash calculates with what a variable holds, and evaluates that text again: a value such
as ``a[$(command)]`` runs the command. So in arithmetic a variable must be one that the
text itself sets, and only to numbers. dash reads a plain number there and nothing
else, but ``/bin/sh`` is not always dash.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import attrs

from commander.policy.shell.syntax import (
    Arithmetic,
    ArithmeticCommand,
    ArithmeticFor,
    Assignment,
    Dialect,
    For,
    Literal,
    Parameter,
    Script,
    Simple,
    Word,
)

__all__ = ["Numbers"]

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER: Final = re.compile(r"[-+]?[0-9]{1,18}")
_LITERAL: Final = re.compile(r"0[xX][0-9A-Fa-f]+|[0-9]+")
_ASSIGNING: Final = re.compile(
    r"([A-Za-z_][A-Za-z0-9_]*)\s*(?:\+\+|--|(?:[-+*/%&|^]|<<|>>)?=(?!=))"
    r"|(?:\+\+|--)\s*([A-Za-z_][A-Za-z0-9_]*)"
)
_BUILTINS_THAT_SET: Final = frozenset(
    {
        "read",
        "export",
        "readonly",
        "declare",
        "typeset",
        "local",
        "unset",
        "printf",
        "mapfile",
        "readarray",
        "getopts",
        "wait",
    }
)


class Numbers:
    """What a script assigns; it is looked at when that is asked for first."""

    def __init__(self, script: Script) -> None:
        self._script: Script | None = script
        self._count: dict[str, int] = {}
        self._not_numbers: set[str] = set()

    def assigned(self, name: str) -> int:
        """How many places of the text set a variable."""
        self._look()
        return self._count.get(name, 0)

    def _look(self) -> None:
        script, self._script = self._script, None
        for node in _nodes(script):
            self._note(node)

    def problem(self, expression: Word, dialect: Dialect) -> str | None:
        """Why an expression may not be calculated; None if it may."""
        self._look()
        for part in expression.parts:
            match part:
                case Literal(text):
                    problem = self._of_text(text, dialect)
                    if problem is not None:
                        return problem
                case Parameter(name=name, operator=""):
                    if dialect is Dialect.BASH and not self._is_number(name):
                        return f"`${name}` in arithmetic may be evaluated again"
                case Parameter(operator="length") | Arithmetic():
                    pass
                case _:
                    if dialect is Dialect.BASH:
                        return "arithmetic evaluates a computed text again"
        return None

    def _of_text(self, text: str, dialect: Dialect) -> str | None:
        if "[" in text:
            return "a subscript in arithmetic is evaluated"
        if dialect is Dialect.SH:
            return None
        for name in _NAME.findall(_LITERAL.sub(" ", text)):
            if not self._is_number(name):
                return f"`{name}` in arithmetic may be evaluated again"
        return None

    def _is_number(self, name: str) -> bool:
        if name in ("#", "?", "$", "!"):
            return True
        return name in self._count and name not in self._not_numbers

    def _set(self, name: str, *, number: bool) -> None:
        self._count[name] = self._count.get(name, 0) + 1
        if not number:
            self._not_numbers.add(name)

    def _note(self, node: object) -> None:
        match node:
            case Assignment(name=name, value=value):
                self._set(name, number=_holds_number(value))
            case For(name=name):
                words = node.words or ()
                numbers = node.words is not None and all(map(_holds_number, words))
                self._set(name, number=numbers)
            case Parameter(name=name, operator="=" | ":="):
                self._set(name, number=_holds_number(node.words[0]))
            case Arithmetic(expression) | ArithmeticCommand(expression):
                self._note_expression(expression)
            case ArithmeticFor():
                for each in (node.start, node.condition, node.step):
                    self._note_expression(each)
            case Simple(words=(Word() as first, *rest)):
                if first.static in _BUILTINS_THAT_SET:
                    self._note_words(rest)

    def _note_expression(self, expression: Word) -> None:
        for part in expression.parts:
            if isinstance(part, Literal):
                for before, after in _ASSIGNING.findall(part.text):
                    self._set(before or after, number=True)

    def _note_words(self, words: list[Word | Assignment]) -> None:
        for word in words:
            match word:
                case Word(parts=(Literal(text), *rest)):
                    name = _NAME.match(text)
                    if name is not None:
                        value = text[name.end() + 1 :]
                        number = not rest and bool(_NUMBER.fullmatch(value))
                        self._set(name.group(), number=number)


def _holds_number(value: object) -> bool:
    match value:
        case Word(parts=(Literal(text),)):
            return _NUMBER.fullmatch(text) is not None
        case Word(parts=(Arithmetic(),)) | Word(parts=(Parameter(operator="length"),)):
            return True
        case Word(parts=(Parameter(name="#" | "?", operator=""),)):
            return True
    return False


def _nodes(value: object) -> Iterator[object]:
    """Every value in a tree; depth is bounded by the parser."""
    if isinstance(value, tuple):
        for each in value:
            yield from _nodes(each)
    elif attrs.has(type(value)):
        yield value
        for name in getattr(value, "__slots__", ()):
            yield from _nodes(getattr(value, name, None))
