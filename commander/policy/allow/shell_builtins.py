"""Commands of the shell itself, under an allow-list.

Some need no entry, since without them a shell is no use and they run and write
nothing. Some are refused whatever the list says: they evaluate text, or change what
the commands after them mean. The others need an entry and are looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from commander.policy.allow.assignments import steers
from commander.policy.allow.fields import UNKNOWN, Field
from commander.policy.shell.syntax import Dialect
from commander.policy.wordset import wordset

__all__ = ["IMPLICIT", "REFUSED", "builtin_problems"]

IMPLICIT: Final = wordset(
    "cd pwd true false : test [ exit break continue wait shift return"
)
REFUSED: Final = wordset(
    "eval exec . source trap alias unalias hash enable builtin command let mapfile "
    "readarray compgen complete compopt coproc bind fc history getopts caller "
    "dirs pushd popd suspend logout shopt ulimit umask disown callopt"
)
"""Beside what only stands here: ``source FILE`` and ``command -v NAME``, which pass
with an entry."""

_DECLARING: Final = wordset("export readonly declare typeset local")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SET_LETTERS: Final = frozenset("eux")
_SET_OPTIONS: Final = wordset("errexit nounset xtrace pipefail")
_EVALUATING_TESTS: Final = wordset("-v -R")
_READ_VALUED: Final = frozenset("adinNptu")
_READ_NUMBERS: Final = frozenset("nNtu")
_NUMBER: Final = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")
_READ_FLAGS: Final = frozenset("ers")
_DECLARE_LETTERS: Final = frozenset("aArxlug")


def builtin_problems(fields: Sequence[Field], dialect: Dialect) -> Iterator[str]:
    """Why a builtin with these words is refused; each ends "`NAME ...`".

    Args:
        fields: The command's; the first is its name.
        dialect: Of the shell.
    """
    name = fields[0].text
    words = fields[1:]
    if name in ("test", "["):
        yield from _test(words, dialect)
    elif name == "set":
        yield from _set(words)
    elif name == "printf":
        yield from _printf(words, dialect)
    elif name == "read":
        yield from _read(words)
    elif name in _DECLARING:
        yield from _declare(words)
    elif name == "unset":
        yield from _names(words)
    elif name == "wait" and any(word.text.startswith("-") for word in words):
        yield "sets a variable by an option"
    elif name == "jobs" and words:
        yield "can run a command with `-x`"


def _test(words: Sequence[Field], dialect: Dialect) -> Iterator[str]:
    for word in words:
        if word.text in _EVALUATING_TESTS:
            yield f"`{word.text}` evaluates the name behind it"
        elif dialect is Dialect.BASH and word.loose:
            yield (
                f"`{word.shown()}` without quotes may become an operator that "
                "evaluates; put it in double quotes"
            )
    first_two = [word.text[:1] == UNKNOWN for word in words[:2]]
    computed = first_two[:1] == [True] and len(words) > 1
    if computed and dialect is Dialect.BASH and not _is_operator(words[1]):
        yield f"`{words[0].shown()}` may become an operator that evaluates"


def _is_operator(word: Field) -> bool:
    text = word.text
    return (
        text in ("=", "==", "!=", "<", ">", "]")
        or re.fullmatch(r"-(?:eq|ne|lt|le|gt|ge|nt|ot|ef|a|o)", text) is not None
    )


def _set(words: Sequence[Field]) -> Iterator[str]:
    expected = False
    for word in words:
        text = word.text
        if expected:
            expected = False
            if text not in _SET_OPTIONS:
                yield f"`{word.shown()}` is not one of the harmless options"
            continue
        letters = text[1:]
        if text[:1] not in ("-", "+") or not letters or not word.static:
            yield f"`{word.shown()}` changes the arguments of the shell"
            return
        expected = letters.endswith("o")
        if not set(letters.removesuffix("o")) <= _SET_LETTERS:
            yield f"`{text}` is not one of the harmless options"


def _printf(words: Sequence[Field], dialect: Dialect) -> Iterator[str]:
    if not words:
        return
    first = words[0]
    if first.text.startswith("-v"):
        yield "`-v` evaluates the name behind it"
    elif first.may_be_option and dialect is Dialect.BASH:
        yield f"`{first.shown()}` may become the option `-v`, which evaluates"


def _read(words: Sequence[Field]) -> Iterator[str]:
    place = 0
    while place < len(words) and words[place].text.startswith("-"):
        letters = words[place].text[1:]
        place += 1
        for index, letter in enumerate(letters):
            if letter in _READ_VALUED:
                value = letters[index + 1 :] or _text(words, place)
                if letter == "a":
                    yield from _name_problem(value)
                elif letter in _READ_NUMBERS and not _NUMBER.fullmatch(value):
                    yield f"the value of `-{letter}` is not a plain number"
                if index == len(letters) - 1:
                    place += 1
                break
            if letter not in _READ_FLAGS:
                yield f"`{words[place - 1].shown()}` is not a harmless option"
                break
    yield from _names(words[place:])


def _text(words: Sequence[Field], place: int) -> str:
    return words[place].text if place < len(words) else ""


def _names(words: Sequence[Field]) -> Iterator[str]:
    for word in words:
        if word.text not in ("-f", "-v"):
            yield from _name_problem(word.text)


def _name_problem(name: str) -> Iterator[str]:
    if _NAME.fullmatch(name) is None:
        yield f"`{name.replace(UNKNOWN, '...')}` is not a plain name of a variable"
    elif steers(name, None):
        yield f"`{name}` decides what programs do"


def _declare(words: Sequence[Field]) -> Iterator[str]:
    for word in words:
        text = word.text
        if text.startswith(("-", "+")):
            if not word.static or not set(text[1:]) <= _DECLARE_LETTERS | {"p"}:
                yield f"`{word.shown()}` makes assignments that are evaluated"
            continue
        name, equals, value = text.partition("=")
        if _NAME.fullmatch(name.removesuffix("+")) is None:
            yield f"`{name.replace(UNKNOWN, '...')}` is not a plain name of a variable"
        elif value.startswith("("):
            yield f"`{word.shown()}` in quotes is evaluated as an array"
        elif steers(
            name.removesuffix("+"),
            value if equals and word.static and not name.endswith("+") else None,
        ):
            yield f"`{name.removesuffix('+')}` decides what programs do"
