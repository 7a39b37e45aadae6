"""Command lines of the Go server, rewritten for Twisted's option parser.

Go's ``flag`` package takes one dash or two, ``-flag value`` or ``-flag=value``,
and switches without a value; its first word that is no flag ends the flags.
``twisted.python.usage`` takes two dashes only, and would read a value that begins
with a dash as a flag. So every flag of ours becomes ``--flag=value`` before the
option parser sees it. What is not ours stays as it is: the parser names it.
"""

from __future__ import annotations

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
_BARE: Final = frozenset({"check-config", "help", "version"})
"""Flags of the option parser that take no value."""


def normalise(argv: Sequence[str]) -> list[str]:
    """Rewrite the spellings of the Go server to ``--flag=value``.

    Everything from ``--`` or from the first word that is no flag is kept.

    Raises:
        SettingError: A flag that needs a value is the last word.
    """
    return list(_rewritten(argv))


def _rewritten(argv: Sequence[str]) -> Iterator[str]:
    words = iter(argv)
    for word in words:
        if not word.startswith("-") or word in ("-", "--"):
            yield word
            yield from words
            return
        name, equals, _ = _without_dashes(word).partition("=")
        kind = _KINDS.get(name)
        if kind is None:
            yield f"--{name}" if name in _BARE and not equals else word
        elif equals:
            yield f"--{_without_dashes(word)}"
        else:
            yield f"--{name}={_value(name, kind, words)}"


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
