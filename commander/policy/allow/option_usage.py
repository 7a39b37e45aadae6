"""Options that do more than the entry for their program says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

from commander.policy.allow.arguments import Arguments, Given, matches
from commander.policy.allow.code_usage import is_streamed
from commander.policy.allow.fields import UNKNOWN, Field, certain
from commander.policy.allow.findings import (
    Finding,
    InnerCommand,
    InnerText,
    Problem,
    Target,
    Usage,
    basename,
)
from commander.policy.programs.model import Effect, Risk

__all__ = ["option_findings"]

_STDOUT: Final = certain("-")
_FOUND: Final = f"./{UNKNOWN}"
"""What a program puts in the place of ``{}``: a path below where it started."""


def option_findings(usage: Usage, arguments: Arguments) -> Iterator[Finding]:
    """Find what is to be said about the options of a command."""
    if arguments.uncertain is not None and _is_careful(usage):
        shown = arguments.uncertain.shown()
        yield Problem(
            f"`{shown}` may become an option of `{usage.name}`; put `./` or `--` "
            "before it, or write it out"
        )
    for given in arguments.options:
        if given.risk is not None:
            yield from _risk(usage, given, given.risk, arguments)
        elif not given.known and usage.program.flags is not None:
            yield Problem(
                f"nobody knows what `{given.name}` of `{usage.name}` takes, so "
                "where the command behind it begins"
            )


def _is_careful(usage: Usage) -> bool:
    """Whether an option of the program can matter."""
    program = usage.program
    return bool(
        program.risks
        or program.code
        or program.wraps
        or program.subcommands
        or program.ordinary is not None
    )


def _risk(
    usage: Usage, given: Given, risk: Risk, arguments: Arguments
) -> Iterator[Finding]:
    value = given.value
    if risk.never and value is not None and matches(risk.never, value.text):
        yield Problem(f"`{usage.name} {given.name} {value.shown()}` {risk.why}")
        return
    if not usage.granted.isdisjoint((given.name, given.name.rstrip("*"))):
        return
    if risk.unless and arguments.has(risk.unless):
        return
    if risk.values:
        if value is None:
            return
        if value.static and not matches(risk.values, value.text):
            return
    if value is not None and value.static and matches(risk.passing, value.text):
        return
    yield from _effect(usage, given, risk)


def _effect(usage: Usage, given: Given, risk: Risk) -> Iterator[Finding]:
    value = given.value
    problem = Problem(f"`{usage.name} {given.name}` {risk.why}")
    match risk.effect:
        case Effect.WRITES:
            if value is None:
                yield problem
            elif value != _STDOUT:
                yield Target(value)
        case Effect.SAVES:
            if value is not None:
                yield Target(basename(value))
        case Effect.TEXT:
            yield InnerText(value, "sh") if value is not None else problem
        case Effect.COMMAND:
            yield InnerCommand(tuple(map(_filled, given.command)))
        case Effect.SCRIPT:
            if value is None or is_streamed(value):
                yield problem
        case Effect.EDITS | Effect.CODE:
            pass  # the operands are looked at elsewhere, and so is code
        case _:
            yield problem


def _filled(field: Field) -> Field:
    if "{}" not in field.text:
        return field
    return attrs.evolve(field, text=field.text.replace("{}", _FOUND))
