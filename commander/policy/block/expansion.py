"""What words become: every text that they may stand for, where that can be told.

A word has alternatives, each a number of fields; a command has alternatives, each a
list of words. What only a running shell can know stands in them as ``UNKNOWN``, so
that a rule sees the pieces that are certain and also that they are not all. Globs
are left as they are.

All growth is bounded: a word has at most ``MAX_ALTERNATIVES``, and a command twice
as many. Where combinations would be more, each alternative of each word stands in
one of them. All of it draws on the budget of the decision.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

from commander.policy.block.operators import NEEDS_PATTERN, calculate, cut, transform
from commander.policy.block.scope import (
    BLANKS,
    HOME,
    MAX_ALTERNATIVES,
    UNKNOWN,
    Elements,
    Scope,
    Texts,
    Value,
)
from commander.policy.budget import MAX_NESTING, TooDeepError
from commander.policy.shell.syntax import (
    Arithmetic,
    Array,
    Assignment,
    CommandSubstitution,
    Glob,
    Literal,
    Parameter,
    Part,
    ProcessSubstitution,
    Script,
    Tilde,
    Word,
)

__all__ = ["Expander", "join_texts"]

_BREAK: Final = "\ufdd1"
"""A border between fields, while a word is put together."""
_KEEP: Final = "\ufdd2"
"""Makes a field of what is empty otherwise: it was quoted."""
_MAX_COMMANDS: Final = 2 * MAX_ALTERNATIVES
_WORDS_PER_STEP: Final = 4
_MAX_TEXT_CHARACTERS: Final = 32 * 1024
"""Of what commands print or read; more is not known."""
_MAX_FIELD_CHARACTERS: Final = 4 * 1024
"""Of an output inside a word."""
_SPECIAL_IN_PATTERN: Final = re.compile(r"([\\*?\[\]])")
_ALL: Final = ("@", "*")
_T = TypeVar("_T")


def join_texts(pieces: Sequence[Texts]) -> Texts:
    """Every text that pieces, each with alternatives, make one after the other."""
    joined = tuple(map("".join, _combine(pieces, MAX_ALTERNATIVES)))
    return tuple(
        text if len(text) <= _MAX_TEXT_CHARACTERS else UNKNOWN
        for text in dict.fromkeys(joined)
    )


def _combine(choices: Sequence[Sequence[_T]], limit: int) -> list[tuple[_T, ...]]:
    size = 1
    for choice in choices:
        size *= len(choice)
        if size > limit:
            most = min(limit, max(map(len, choices)))
            return [tuple(c[i % len(c)] for c in choices) for i in range(most)]
    return list(itertools.product(*choices))


class Expander:
    """Expands words in a scope, which substitutions and ``${x:=y}`` may change.

    Args:
        evaluate: Runs a script, and returns what it prints.
        connect: Gives the scripts of ``<(...)`` and ``>(...)`` a file name.
    """

    def __init__(
        self,
        evaluate: Callable[[Script, Scope], Texts],
        connect: Callable[[ProcessSubstitution, Scope], str],
    ) -> None:
        self._evaluate = evaluate
        self._connect = connect

    def commands(
        self, words: Iterable[Word | Assignment], scope: Scope
    ) -> list[Elements]:
        """Every list of words that a command may be."""
        choices = [self._argument(word, scope) for word in words]
        combined = _combine(choices, _MAX_COMMANDS)
        scope.budget.spend(len(combined) * (1 + len(choices) // _WORDS_PER_STEP))
        return list(
            dict.fromkeys(tuple(itertools.chain(*fields)) for fields in combined)
        )

    def fields(self, word: Word, scope: Scope) -> list[Elements]:
        """Every list of fields that a word may become."""
        if (text := word.static) is not None:  # by far the most common word
            scope.budget.spend(0, len(text))
            return [(text,)]
        found: dict[Elements, None] = {}
        for draft in self._drafts(word, scope, split=True):
            fields = (field for field in draft.split(_BREAK) if field)
            found[tuple(field.replace(_KEEP, "") for field in fields)] = None
        return list(found)

    def texts(self, word: Word, scope: Scope) -> Texts:
        """Every text that a word may become where it is not split."""
        if (text := word.static) is not None:
            scope.budget.spend(1, len(text))
            return (text,)
        drafts = self._drafts(word, scope, split=False)
        return tuple(
            dict.fromkeys(
                draft.replace(_KEEP, "").replace(_BREAK, " ") for draft in drafts
            )
        )

    def value(self, assigned: Word | Array, scope: Scope) -> Value:
        """Every value that an assignment may give."""
        if isinstance(assigned, Word):
            return tuple((text,) for text in self.texts(assigned, scope))
        words: list[Word] = []
        for element in assigned.elements:
            if isinstance(element, Word):
                words.append(element)
            elif isinstance(element.value, Word):
                words.append(element.value)
        return tuple(self.commands(words, scope))[:MAX_ALTERNATIVES]

    def _argument(self, word: Word | Assignment, scope: Scope) -> list[Elements]:
        if isinstance(word, Word):
            return self.fields(word, scope)
        return [(f"{word.name}={UNKNOWN}",)]  # its value is assigned by the walk

    # --- pieces ------------------------------------------------------------------

    def _drafts(self, word: Word, scope: Scope, *, split: bool) -> Iterable[str]:
        choices = [self._choices(part, scope, split) for part in word.parts]
        for draft in map("".join, _combine(choices, MAX_ALTERNATIVES)):
            scope.budget.spend(1 + len(choices) // 2, len(draft))
            yield draft

    def _choices(self, part: Part, scope: Scope, split: bool) -> Texts:
        match part:
            case Literal(text):
                return (text or _KEEP,)
            case Glob(text):
                return (text,)
            case Tilde():
                return (HOME,)
        if scope.depth >= MAX_NESTING:
            raise TooDeepError
        scope.depth += 1
        try:
            return self._expanded(part, scope, split)
        finally:
            scope.depth -= 1

    def _expanded(self, part: Part, scope: Scope, split: bool) -> Texts:
        """Every text of a piece that other pieces may stand in."""
        match part:
            case Parameter():
                found = self._parameter(part, scope, split)
                return found if found else (UNKNOWN,)
            case CommandSubstitution(script, quoted):
                printed = self._evaluate(script, scope.inner())
                return tuple(
                    _mark(_short(text.rstrip("\n")), scope, quoted or not split)
                    for text in printed
                )
            case ProcessSubstitution():
                return (self._connect(part, scope),)
            case Arithmetic(expression):
                texts = self.texts(expression, scope)
                return tuple(self._calculated(text, scope) for text in texts)
        return (UNKNOWN,)

    def _calculated(self, text: str, scope: Scope) -> str:
        if text.strip().isidentifier():
            value = scope.lookup(text.strip())
            text = (value[0] or ("",))[0] or "0"
        number = calculate(text)
        return UNKNOWN if number is None else str(number)

    def _parameter(self, part: Parameter, scope: Scope, split: bool) -> Texts:
        quoted = part.quoted or not split
        many = part.name in _ALL or _key(part) in _ALL
        drafts: dict[str, None] = {}
        for elements in self._operated(part, scope, quoted=quoted):
            scope.budget.spend(1, sum(map(len, elements)))
            marked = [_mark(_short(each), scope, quoted) for each in elements]
            if not many:
                marked = marked[:1] or [_mark("", scope, quoted)]
            star = part.name == "*" or _key(part) == "*"
            if star and quoted and split:
                drafts[_KEEP + _separator(scope).join(elements)] = None
            else:
                drafts[_BREAK.join(marked)] = None
        return tuple(drafts)[:MAX_ALTERNATIVES]

    def _operated(
        self, part: Parameter, scope: Scope, *, quoted: bool
    ) -> Iterable[Elements]:
        """The elements of each alternative, after the operator."""
        operator, value = part.operator, self._value(part, scope)
        kind = operator.lstrip(":")
        if kind and kind in "-=?+":
            yield from self._chosen(part, value, scope, quoted=quoted)
            return
        if scope.strict and not operator:
            value = tuple(each for each in value if each is not None)
        operands = self._operands(part, scope)
        for elements in value:
            if elements is None:
                yield ("0",) if operator == "length" else ()
            elif not operator or operator == "!":
                yield elements
            elif operator == ":" and (part.name in _ALL or _key(part) in _ALL):
                yield _slice(elements, operands, int(part.name in _ALL))
            elif operator == ":":
                length = operands[1] if len(operands) > 1 else None
                yield tuple(cut(each, operands[0], length) for each in elements)
            elif operator == "length" and _key(part) in _ALL:
                yield (str(len(elements)),)
            else:
                pattern, replacement = (*operands, "", "")[:2]
                yield tuple(
                    transform(each, operator, pattern, replacement) for each in elements
                )

    def _operands(self, part: Parameter, scope: Scope) -> list[str]:
        found: list[str] = []
        for place, word in enumerate(part.words):
            if place == 0 and part.operator in NEEDS_PATTERN:
                word = Word(tuple(map(_escaped, word.parts)))
            found.append(next(iter(self.texts(word, scope)), UNKNOWN))
        return found

    def _value(self, part: Parameter, scope: Scope) -> Value:
        value = scope.lookup(part.name)
        if part.subscript is not None:
            value = self._element(part.subscript, part.name, value, scope)
        if part.operator == "!" and not part.name.endswith(("*", "@")):
            names = (each[0] for each in value if each)
            value = tuple(
                itertools.chain.from_iterable(_named(name, scope) for name in names)
            )
        return value or ((UNKNOWN,),)

    def _element(self, subscript: Word, name: str, value: Value, scope: Scope) -> Value:
        found: dict[Elements | None, None] = {}
        for text in self.texts(subscript, scope):
            if text in _ALL:
                return value
            if (apart := scope.variables.get(f"{name}[{text}]")) is not None:
                found.update(dict.fromkeys(apart))
                continue
            number = calculate(self._calculated(text, scope))
            for elements in value:
                if number is None:  # any of them
                    found.update(((each,), None) for each in elements or ())
                elif elements is not None:
                    place = number if number >= 0 else number + len(elements)
                    found[elements[place : place + 1] or None] = None
        return tuple(found)[:MAX_ALTERNATIVES]

    def _chosen(
        self, part: Parameter, value: Value, scope: Scope, *, quoted: bool
    ) -> Iterable[Elements]:
        """``-``, ``=``, ``?`` and ``+``, with or without a colon."""
        kind = part.operator[-1]
        present = [each for each in value if not _missing(each, part.operator)]
        missing = len(present) < len(value) or ((UNKNOWN,) in present)
        word = part.words[0] if part.words else Word(())
        if kind == "+":
            yield from ((text,) for text in self.texts(word, scope) if present)
            if missing:
                yield ()
            return
        yield from (each for each in present if each is not None)
        if kind == "?":
            scope.hold(part.name)
        elif missing:
            texts = self.texts(word, scope)
            yield from ((text,) for text in texts)
            if kind == "=":
                defaults: Value = tuple((text,) for text in texts)
                scope.assign(part.name, (*present, *defaults))


def _named(name: str, scope: Scope) -> Value:
    return ((UNKNOWN,),) if UNKNOWN in name else scope.lookup(name.partition("[")[0])


def _missing(elements: Elements | None, operator: str) -> bool:
    if elements is None:
        return True
    return operator.startswith(":") and not any(elements)


def _key(part: Parameter) -> str | None:
    return part.subscript.static if part.subscript is not None else None


def _escaped(part: Part) -> Part:
    if isinstance(part, Literal):
        return Literal(_SPECIAL_IN_PATTERN.sub(r"\\\1", part.text))
    return part


def _slice(elements: Elements, operands: list[str], first: int) -> Elements:
    """``${name[@]:start:count}``; arguments count from one."""
    start, *rest = [calculate(operand) for operand in operands]
    if start is None or start < 0 or None in rest:
        return (UNKNOWN,)
    left = elements[max(start - first, 0) :]
    return left[: rest[0]] if rest else left


def _short(text: str) -> str:
    return text if len(text) <= _MAX_FIELD_CHARACTERS else UNKNOWN


def _separator(scope: Scope) -> str:
    return _ifs(scope)[:1]


def _ifs(scope: Scope) -> str:
    known = scope.lookup("IFS")[-1]
    text = known[0] if known else BLANKS
    return BLANKS if UNKNOWN in text else text


def _mark(text: str, scope: Scope, quoted: bool) -> str:
    """A value as it goes into a draft: kept whole, or split."""
    if quoted:
        return _KEEP + text
    separators = _ifs(scope)
    if not separators or not any(map(text.__contains__, separators)):
        return text
    return re.sub(f"[{re.escape(separators)}]+", _BREAK, text)
