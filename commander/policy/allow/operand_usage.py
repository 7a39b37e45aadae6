"""Operands: files that a program writes, and commands that it runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from commander.policy.allow.arguments import Arguments, matches
from commander.policy.allow.fields import UNKNOWN, Field, certain
from commander.policy.allow.findings import (
    Finding,
    InnerCommand,
    InnerText,
    Problem,
    Setting,
    Target,
    Usage,
    basename,
)
from commander.policy.programs.model import Effect, Targets, Wraps

__all__ = ["edited", "saved", "targets", "wrapped"]

_ASSIGNMENT: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_REMOTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|[^/:]+:|\[[0-9A-Fa-f:]+\]:")
_STDOUT: Final = certain("-")


def targets(
    which: Targets, operands: Sequence[Field], *, remote: bool
) -> Iterator[Target]:
    """The operands that are files which are written.

    Args:
        which: Of them.
        operands: All.
        remote: Whether one with a host or a scheme before it is elsewhere.
    """
    chosen: Sequence[Field] = ()
    match which:
        case Targets.EACH:
            chosen = operands
        case Targets.LAST:
            chosen = operands[-1:] if len(operands) > 1 else ()
        case Targets.SECOND:
            chosen = operands[1:]
        case Targets.FIRST:
            chosen = operands[:1]
        case Targets.BASENAME:
            chosen = tuple(map(basename, operands))
    for field in chosen:
        if field != _STDOUT and not (remote and _REMOTE.match(field.text)):
            yield Target(field)


def edited(arguments: Arguments, operands: Sequence[Field]) -> Iterator[Target]:
    """The operands, if an option makes them files that are written."""
    effects = {given.risk.effect for given in arguments.options if given.risk}
    if Effect.EDITS in effects:
        yield from map(Target, operands)


def saved(arguments: Arguments, operands: Sequence[Field]) -> Iterator[Target]:
    """What an option without a value saves under the last component of operands."""
    for given in arguments.options:
        saves = given.risk is not None and given.risk.effect is Effect.SAVES
        if saves and given.value is None:
            yield from (Target(basename(operand)) for operand in operands)


def wrapped(
    usage: Usage, wraps: Wraps, arguments: Arguments, operands: Sequence[Field]
) -> Iterator[Finding]:
    """The command that operands hold, and the variables that are set for it."""
    rest = list(operands)
    while wraps.assignments and rest and (found := _setting(rest[0])):
        yield found
        del rest[0]
    del rest[: wraps.operands]
    if wraps.text and len(rest) > 1 and matches(wraps.text, rest[0].text):
        yield InnerText(rest[1], "sh")
        return
    if rest and rest[0].static and rest[0].text == "--":
        del rest[0]
    if not rest:
        if not wraps.optional:
            yield Problem(f"`{usage.name}` needs the command that it is to run")
        return
    if wraps.scripts and rest[0].static and matches(wraps.scripts, rest[0].text):
        return
    if wraps.placeholder:
        rest = _replaced(rest, wraps.placeholder, arguments)
    if wraps.computed_tail:
        rest.append(Field(UNKNOWN, loose=True))
    if not wraps.joined:
        yield InnerCommand(tuple(rest))
    elif all(field.static for field in rest):
        yield InnerText(certain(" ".join(field.text for field in rest)), "sh")
    else:
        yield Problem(f"`{usage.name}` runs a text that is not known")


def _replaced(rest: list[Field], options: str, arguments: Arguments) -> list[Field]:
    """The words with what a program replaces in them unknown."""
    names = options.split()
    marks = [
        "{}" if given.value is None else given.value.text
        for given in arguments.options
        if given.name in names
    ]
    for mark in filter(None, marks):
        rest = [
            attrs.evolve(field, text=field.text.replace(mark, UNKNOWN))
            for field in rest
        ]
    return rest


def _setting(field: Field) -> Setting | None:
    match = _ASSIGNMENT.fullmatch(field.text)
    if match is None:
        return None
    return Setting(match[1], match[2] if field.static else None)
