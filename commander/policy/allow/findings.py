"""What can be found of a command by its program's table, and what the search needs."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from commander.policy.allow.arguments import read_arguments
from commander.policy.allow.fields import Field, certain
from commander.policy.programs.model import Program

__all__ = [
    "Finding",
    "InnerCommand",
    "InnerText",
    "Problem",
    "Setting",
    "Target",
    "Usage",
    "basename",
]


@attrs.frozen
class Problem:
    """Why a usage is refused."""

    cause: str
    """Begins with the words in question."""


@attrs.frozen
class InnerCommand:
    """Words that run as a command."""

    fields: tuple[Field, ...]


@attrs.frozen
class InnerText:
    """A text that a shell runs."""

    text: Field
    shell: str


@attrs.frozen
class Target:
    """A file that is written."""

    field: Field


@attrs.frozen
class Setting:
    """A variable that is set for what runs."""

    name: str
    value: str | None
    """None if it is not known."""


Finding = Problem | InnerCommand | InnerText | Target | Setting


@attrs.frozen
class Usage:
    """A program as a command names it, under the entry that allows it."""

    program: Program
    name: str
    """The last component of the command's name."""
    entry: Sequence[str]
    """The words of the entry; the first is the program."""
    granted: frozenset[str] = attrs.field(init=False)
    """The options and words that the entry names beside its program."""

    @granted.default
    def _named(self) -> frozenset[str]:
        words = self.entry[1:]
        options = read_arguments(self.program, list(map(certain, words))).options
        return frozenset({*words, *(given.name for given in options)})


def basename(field: Field) -> Field:
    """The name under which a path or an address is saved in a directory."""
    text = field.text.rstrip("/").partition("?")[0].rpartition("/")[2]
    return attrs.evolve(field, text=text)
