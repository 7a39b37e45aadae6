"""Simple commands, redirections and ``[[ ... ]]`` as shell text."""

from __future__ import annotations

import re
from typing import Final

from commander.policy.shell.spelling import NotRenderableError, WordWriter
from commander.policy.shell.syntax import (
    Array,
    Assignment,
    Dialect,
    Glob,
    HereDocument,
    Redirection,
    Simple,
    Word,
)
from commander.policy.shell.vocabulary import DECLARING, NAME, PREFIXES, RESERVED

__all__ = ["CommandWriter"]

_BRACKETS: Final = ("[", "]")
"""Alone they are no pattern, and ``'['`` would be hard on the eye."""
_DELIMITER: Final = "EOF"
_OPERATORS: Final = frozenset(("<", ">", ">>", ">|", "<>", "<&", ">&", "<<<"))
_IN_CONDITIONAL: Final = re.compile(r"[()!]|&&|\|\||[=!]?=|=~|[<>]|-[A-Za-z]{1,2}")
_BARE_IN_CONDITIONAL: Final = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./:,+@%-]*")
_BARE_IN_REGEX: Final = re.compile(r"[A-Za-z0-9_/:,@%-]+")
_REGEX: Final = re.compile(r"""(?:[^\s;&<>$`\\"']|\$(?![A-Za-z0-9_@*#?$!{(\['"-]))+""")

Redirections = tuple[Redirection | HereDocument, ...]


class CommandWriter(WordWriter):
    """Writes simple commands, and keeps the bodies that are due.

    Args:
        dialect: Of the shell that will read the text.
        awaited: A line around it awaits the body of a here-document.
    """

    def __init__(self, dialect: Dialect, *, awaited: bool = False) -> None:
        super().__init__(dialect)
        self.dialect = dialect
        self.written: list[str] = []
        self._awaited = awaited
        self._bodies: list[str] = []

    def awaits(self) -> bool:
        """Whether a body is due, of this line or of one around it."""
        return self._awaited or bool(self._bodies)

    def end_line(self, *, otherwise: str) -> None:
        """Write the bodies that are due, on lines of their own.

        Args:
            otherwise: Written instead if none is due.
        """
        if not self._bodies:
            self.written.append(otherwise)
            return
        if self._awaited:
            raise NotRenderableError("here-documents of which each waits for the other")
        self.written.append("\n")
        self.written += self._bodies
        self._bodies.clear()

    # --- simple commands -------------------------------------------------------

    def simple(self, command: Simple) -> None:
        """Write one; it may not be empty."""
        written = [self._assignment(one) for one in command.assignments]
        name_may_follow = True
        declares = False
        for index, word in enumerate(command.words):
            if isinstance(word, Assignment):
                if not declares or not isinstance(word.value, Array):
                    raise NotRenderableError("an assignment among the arguments")
                written.append(self._assignment(word))
                continue
            static = word.static
            if static in _BRACKETS:
                written.append(static)
            elif index:
                written.append(self.word(word, declares=declares))
            else:
                written.append(self.name(word, RESERVED))
            if name_may_follow:
                declares = static in DECLARING
                name_may_follow = static in PREFIXES
        if not written and not command.redirections:
            raise NotRenderableError("a command is empty")
        self.written.append(" ".join(written))
        self.redirections(command.redirections, first=not written)

    def _assignment(self, assignment: Assignment) -> str:
        if not NAME.fullmatch(assignment.name):
            raise NotRenderableError("a variable has no name")
        if assignment.append:
            self.only_bash()
        if isinstance(assignment.value, Array):
            if assignment.subscript is not None:
                raise NotRenderableError("an array within an array")
            value = self._array(assignment.value)
        else:
            value = self.value(assignment.value)
        return self._assigned(assignment, value)

    def _assigned(self, assignment: Assignment, value: str) -> str:
        operator = "+=" if assignment.append else "="
        subscript = self.subscript(assignment.subscript)
        return f"{assignment.name}{subscript}{operator}{value}"

    def _array(self, array: Array) -> str:
        self.only_bash()
        return f"({' '.join(map(self._element, array.elements))})"

    def _element(self, element: Word | Assignment) -> str:
        match element:
            case Assignment("", Word() as value, _, Word()):
                return self._assigned(element, self.value(value))
            case Word():
                text = self.spelled(element.parts)
                if not text.startswith("["):
                    return text
        raise NotRenderableError("an element of an array is odd")

    # --- redirections ----------------------------------------------------------

    def redirections(self, redirections: Redirections, *, first: bool = False) -> None:
        """Write them behind a command, or as all of it."""
        for index, one in enumerate(redirections):
            if one.descriptor is not None and not self._is_descriptor(one.descriptor):
                raise NotRenderableError("the number of a file is odd")
            blank = "" if first and index == 0 else " "
            number = "" if one.descriptor is None else one.descriptor
            if isinstance(one, HereDocument):
                self.written.append(f"{blank}{number}<<{self._here(one.body)}")
            else:
                target = self._redirected(one)
                self.written.append(f"{blank}{number}{one.operator}{target}")

    def _is_descriptor(self, number: int) -> bool:
        return 0 <= number <= (9999 if self.bash else 9)

    def _redirected(self, redirection: Redirection) -> str:
        operator = redirection.operator
        if operator not in _OPERATORS:
            raise NotRenderableError("a redirection has an odd operator")
        if operator == "<<<":
            self.only_bash()
            target = self.spelled(redirection.target.parts)
        else:
            target = self.word(redirection.target)
        if operator in ("<&", ">&"):
            static = redirection.target.static
            if static is not None and not self._is_duplicable(static):
                raise NotRenderableError("no number of a file to duplicate")
            return target
        return f" {target}"

    def _is_duplicable(self, text: str) -> bool:
        return text == "-" or (text.isdecimal() and self._is_descriptor(int(text)))

    def _here(self, body: Word) -> str:
        """Note a body that is due; returns its delimiter as it is written."""
        static = body.static
        text = self.body(body) if static is None else static
        if text and not text.endswith("\n"):
            raise NotRenderableError("the last line of a here-document does not end")
        lines = set(text.split("\n"))
        delimiter = _DELIMITER
        number = 0
        while delimiter in lines:
            number += 1
            delimiter = f"{_DELIMITER}{number}"
        self._bodies.append(f"{text}{delimiter}\n")
        return delimiter if static is None else f"'{delimiter}'"

    # --- conditionals ----------------------------------------------------------

    def conditional(self, tokens: tuple[Word | str, ...]) -> str:
        """Text from ``[[`` to ``]]``."""
        written = ["[["]
        for index, token in enumerate(tokens):
            if isinstance(token, str):
                if not _IN_CONDITIONAL.fullmatch(token):
                    raise NotRenderableError("`[[` holds what is no operator")
                written.append(token)
            elif index and tokens[index - 1] == "=~":
                written.append(self._regex(token))
            else:
                written.append(self.word(token, bare=_BARE_IN_CONDITIONAL))
        return " ".join((*written, "]]"))

    def _regex(self, word: Word) -> str:
        """Write ``[[``, its tokens and ``]]``."""
        for part in word.parts[:-1]:
            if isinstance(part, Glob) and part.text.endswith("$"):
                raise NotRenderableError("`$` before a quote would be part of it")
        return self.spelled(word.parts, tildes=False, bare=_BARE_IN_REGEX, glob=_REGEX)
