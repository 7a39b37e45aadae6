"""What words become: variables, braces and the output of ``echo``, where easy.

A word becomes one or more texts. What only a running shell can know stands in
them as ``UNKNOWN``, so that a rule sees the pieces that are certain and also that
they are not all. Globs are left as they are.

All growth is bounded: values longer than ``_MAX_VALUE_CHARACTERS`` are not
followed, a word becomes at most ``_MAX_ALTERNATIVES`` alternatives, and of nested
substitutions the inner ``_MAX_EVALUATED_LEVELS`` are known. All of it draws on the
budget of the decision.
"""

from __future__ import annotations

import itertools
import posixpath
import re
from collections.abc import Sequence
from typing import Final

import attrs

from commander.policy.budget import Budget
from commander.policy.escapes import decode_escapes
from commander.policy.tree import (
    Part,
    Pipeline,
    Script,
    Simple,
    Substitution,
    Text,
    Word,
)

__all__ = ["UNKNOWN", "Scope", "expand", "expand_all", "output", "static_input"]

UNKNOWN: Final = "\0"
"""Stands for text that is not known; texts to check never hold this character."""

_BREAK, _OPEN, _COMMA, _CLOSE = "\1", "\2", "\3", "\4"
"""Marks, while a word is put together: a border between fields, and braces."""
_BRACES: Final = str.maketrans("{,}", _OPEN + _COMMA + _CLOSE)
_NO_BRACES: Final = str.maketrans(_OPEN + _COMMA + _CLOSE, "{,}")
_INNERMOST: Final = re.compile(f"{_OPEN}([^{_OPEN}{_CLOSE}]*){_CLOSE}")

_MAX_VALUE_CHARACTERS: Final = 256
_MAX_VARIABLES: Final = 64
_ARGUMENT_NAMES: Final = frozenset(map(str, range(1, _MAX_VARIABLES + 1)))
_MAX_ALTERNATIVES: Final = 8
_MAX_BRACE_GROUPS: Final = 8
_MAX_BRACE_WORDS: Final = 64
_MAX_OUTPUT_CHARACTERS: Final = 4 * 1024
"""Of a substitution; a longer one is not known."""
_MAX_INPUT_CHARACTERS: Final = 32 * 1024
"""Of what a command is given to read; a longer one is not known."""
_MAX_EVALUATED_LEVELS: Final = 8


@attrs.define
class Scope:
    """What is known of a shell at one point of its text."""

    directory: str | None = None
    """Absolute, if known."""
    arguments: tuple[str, ...] = ()
    """``$1`` and so on."""
    variables: dict[str, tuple[str, ...]] = attrs.field(
        factory=lambda: {"IFS": (" \t\n",)}
    )
    """Every text that a variable may hold; one, but for the name of a ``for``."""

    budget: Budget = attrs.field(factory=Budget)
    """Of the whole decision; inner scopes share it."""
    level: int = 0
    """How many substitutions around this one are being evaluated."""

    def inner(self) -> Scope:
        """What a subshell starts with; its changes stay in it."""
        return attrs.evolve(self, variables=dict(self.variables))

    def assign(self, name: str, values: tuple[str, ...]) -> None:
        """Remember values; a name that ends in ``+`` appends."""
        if name.endswith("+"):
            name = name[:-1]
            before = self.variables.get(name, ("",))[0]
            values = tuple(before + value for value in values)
        longest = max(map(len, values), default=_MAX_VALUE_CHARACTERS + 1)
        room = name in self.variables or len(self.variables) < _MAX_VARIABLES
        if room and longest <= _MAX_VALUE_CHARACTERS:
            self.variables[name] = values[:_MAX_ALTERNATIVES]
        else:
            self.variables.pop(name, None)

    def enter(self, directory: str) -> None:
        """Follow a ``cd``."""
        base = self.directory if not directory.startswith("/") else "/"
        self.directory = None
        if base is not None and UNKNOWN not in directory and directory != "-":
            path = posixpath.normpath(posixpath.join(base, directory))
            self.directory = path if len(path) <= _MAX_VALUE_CHARACTERS else None

    def set_arguments(self, arguments: Sequence[str]) -> None:
        """Remember ``$1`` and so on; too many or too long ones are not known."""
        long = any(len(argument) > _MAX_VALUE_CHARACTERS for argument in arguments)
        known = len(arguments) <= _MAX_VARIABLES and not long
        self.arguments = tuple(arguments) if known else ()

    def values(self, name: str) -> tuple[str, ...] | None:
        """Every text of a parameter, or None if it is not known."""
        if name in ("@", "*"):
            return (_BREAK.join(self.arguments),) if self.arguments else None
        if name in _ARGUMENT_NAMES:
            return self.arguments[int(name) - 1 : int(name)] or None
        if name == "PWD" and self.directory is not None:
            return (self.directory,)
        return self.variables.get(name)


def expand_all(words: tuple[Word, ...], scope: Scope) -> tuple[str, ...]:
    """Every field of some words, in order."""
    return tuple(field for word in words for field in expand(word, scope))


def expand(word: Word, scope: Scope) -> list[str]:
    """The fields that a word becomes, one alternative after the other."""
    if (text := word.bare) is not None and "{" not in text:
        scope.budget.spend(1, len(text))
        return [text]  # by far the most common word
    keeps_empty = any(isinstance(part, Text) and part.quoted for part in word.parts)
    choices = [_choices(part, scope) for part in word.parts]
    fields: list[str] = []
    for draft in itertools.islice(itertools.product(*choices), _MAX_ALTERNATIVES):
        scope.budget.spend(1 + len(draft) // 2, sum(map(len, draft)))
        for text in _expand_braces("".join(draft), scope.budget):
            fields.extend(field for field in text.split(_BREAK) if field or keeps_empty)
    return fields


def _choices(part: Part, scope: Scope) -> tuple[str, ...]:
    """Every text of one piece, with marks for braces and borders of fields."""
    if isinstance(part, Text):
        return (part.text if part.quoted else part.text.translate(_BRACES),)
    if isinstance(part, Substitution):
        printed = None if part.is_file else output(part.script, scope)
        return _split((UNKNOWN if printed is None else printed,), quoted=part.quoted)
    values = scope.values(part.name) if part.name is not None else None
    if part.name is not None and part.inner is not None and not any(values or ()):
        default = " ".join(expand(part.inner, scope))
        values = (default,) if default else None
    scope.budget.spend(1, sum(map(len, values or ())))
    return _split(values or (UNKNOWN,), quoted=part.quoted)


def _split(values: tuple[str, ...], *, quoted: bool) -> tuple[str, ...]:
    if quoted:
        return values
    return tuple(_BREAK.join(re.split(r"[ \t\n]+", value)) for value in values)


def _expand_braces(text: str, budget: Budget) -> list[str]:
    if _OPEN not in text:
        return [text.translate(_NO_BRACES)]
    texts = [text]
    for _ in range(min(text.count(_OPEN), _MAX_BRACE_GROUPS)):
        budget.spend(len(texts), sum(map(len, texts)))
        expanded = itertools.chain.from_iterable(map(_expand_one_group, texts))
        texts = list(itertools.islice(expanded, _MAX_BRACE_WORDS))
    budget.spend(len(texts), sum(map(len, texts)))
    return [text.translate(_NO_BRACES) for text in texts]


def _expand_one_group(text: str) -> list[str]:
    group = _INNERMOST.search(text)
    if group is None:
        return [text]
    choices = group[1].split(_COMMA, _MAX_BRACE_WORDS)
    if len(choices) == 1:
        choices = [group[0].translate(_NO_BRACES)]
    before, after = text[: group.start()], text[group.end() :]
    return [before + choice + after for choice in choices]


# --- output ------------------------------------------------------------------------


def output(script: Script, scope: Scope) -> str | None:
    """What a script prints, if it is one ``echo``, ``printf`` or ``cat`` of text.

    None also if that is over 4,096 characters or nests too deep.
    """
    match script:
        case (Pipeline(commands=(Simple() as command,)),) if (
            scope.level < _MAX_EVALUATED_LEVELS
        ):
            inner = attrs.evolve(scope, level=scope.level + 1)
            return _printed(command, inner, _MAX_OUTPUT_CHARACTERS)
    return None


def static_input(
    command: Simple,
    before: Simple | None,
    scope: Scope,
    limit: int = _MAX_INPUT_CHARACTERS,
) -> str | None:
    """What a command reads, if it is text that stands in the script.

    None also if that is over ``limit`` characters.
    """
    for redirection in reversed(command.redirections):
        if redirection.operator in ("<<", "<<-", "<<<"):
            fields = _fields((redirection.target,), scope, limit)
            return None if fields is None else "".join(fields)
    return _printed(before, scope, limit) if before is not None else None


def _printed(command: Simple, scope: Scope, limit: int) -> str | None:
    match _fields(command.words, scope, limit):
        case ["echo", *words]:
            while words and words[0] in ("-n", "-e", "-E", "-ne", "-en"):
                del words[0]
            return decode_escapes(" ".join(words))
        case ["printf", *words] if words:
            layout, *arguments = words[words[0] == "--" :] or [""]
            # Near enough for "%s", "%b" and "%s\n", all that is used on texts.
            return decode_escapes(" ".join(arguments) if "%" in layout else layout)
        case ["cat"]:
            return static_input(command, None, scope, limit)
    return None


def _fields(words: tuple[Word, ...], scope: Scope, limit: int) -> list[str] | None:
    """Every field of some words, unless they are longer than ``limit`` together."""
    fields: list[str] = []
    for word in words:
        for field in expand(word, scope):
            limit -= len(field) + 1
            fields.append(field)
        if limit < 0:
            return None
    return fields
