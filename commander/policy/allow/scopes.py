"""What is certain at one point of a text."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from commander.policy.shell.syntax import (
    ArithmeticFor,
    Case,
    Command,
    For,
    Group,
    If,
    Loop,
    Script,
    Simple,
    Word,
)

__all__ = ["Certain", "changes_directory"]


@attrs.define
class Certain:
    """The directory, and the variables whose value is known.

    Attributes:
        directory: Absolute; None if it is not known.
        constants: See ``judge``.
    """

    directory: str | None
    constants: dict[str, str] = attrs.field(factory=dict)

    def copy(self) -> Certain:
        """What a subshell starts with."""
        return Certain(self.directory, dict(self.constants))


def changes_directory(script: Script) -> bool:
    """Whether a ``cd`` stands in a text, outside of subshells."""
    return any(command == "cd" for command in _names(script))


def _names(script: Script) -> Iterator[str | None]:
    for statement in script:
        for pipeline in (statement.first, *(link.pipeline for link in statement.rest)):
            for command in pipeline.commands:
                yield from _names_of(command)


def _names_of(command: Command) -> Iterator[str | None]:
    match command:
        case Simple(words=(Word() as first, *_)):
            yield first.static
        case Group(body) | Loop(_, body):
            yield from _names(body)
            if isinstance(command, Loop):
                yield from _names(command.condition)
        case If():
            for condition, body in command.branches:
                yield from _names(condition)
                yield from _names(body)
            yield from _names(command.otherwise or ())
        case For() | ArithmeticFor():
            yield from _names(command.body)
        case Case():
            for arm in command.arms:
                yield from _names(arm.body)
