"""Command lines of the Go server, rewritten for Twisted's option parser.

Go's ``flag`` package takes one dash or two, ``-flag value`` or ``-flag=value``,
and switches without a value; its first word that is no flag ends the flags.
``twisted.python.usage`` takes two dashes only, and would read a value that begins
with a dash as a flag. So every flag of ours becomes ``--flag=value`` before the
option parser sees it. What is not ours stays as it is: the parser names it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from commander.errors import SettingError
from commander.kinds import Kind
from commander.settings import Settings
from commander.specs import spec_of

__all__ = ["normalise"]

_KINDS: Final[dict[str, Kind]] = {
    spec.flag: spec.kind
    for spec in (spec_of(field) for field in attrs.fields(Settings))
    if spec.flag is not None
}
_BARE: Final = {
    "check-config": "--check-config",
    "h": "--help",
    "help": "--help",
    "version": "--version",
}
"""Flags of the option parser, which take no value, by the spellings of them."""
_LONGEST_ECHO: Final = 100
"""Characters of a wrong word that an error repeats."""


def normalise(argv: Sequence[str]) -> list[str]:
    """Rewrite the spellings of the Go server to ``--flag=value``.

    Raises:
        SettingError: A word is no flag of ours, or a flag lacks its value.
    """
    return list(_rewritten(argv))


def _rewritten(argv: Sequence[str]) -> Iterator[str]:
    words = iter(argv)
    for word in words:
        name, equals, _ = _without_dashes(word).partition("=")
        kind = _KINDS.get(name) if word.startswith("-") else None
        if kind is None:
            if not word.startswith("-") or equals or name not in _BARE:
                raise SettingError(_unknown(word, name))
            yield _BARE[name]
        elif equals:
            yield f"--{_without_dashes(word)}"
        else:
            yield f"--{name}={_value(name, kind, words)}"


def _unknown(word: str, name: str) -> str:
    """What is wrong with a word, and what may have been meant."""
    shown = word[:_LONGEST_ECHO]
    if not word.startswith("-"):
        return f"{shown!r} is no flag: a value follows its flag, as in --port=3000"
    near = difflib.get_close_matches(name[:_LONGEST_ECHO], [*_KINDS, *_BARE], n=1)
    hint = f"; did you mean --{near[0]}?" if near else "; see --help"
    return f"{shown!r} is not a flag of this server{hint}"


def _without_dashes(word: str) -> str:
    return word.removeprefix("-").removeprefix("-")


def _value(name: str, kind: Kind, words: Iterator[str]) -> str:
    """What belongs to a flag without ``=``; the next word is used up if it does."""
    if kind.is_switch:
        return "true"
    try:
        return next(words)
    except StopIteration:
        raise SettingError(
            f"--{name} lacks its value: expected {kind.accepts}"
        ) from None
