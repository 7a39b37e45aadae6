"""Subcommands of one word or two, and the options before each of the words.

An option that no table names may take the word behind it. Then that word is no
subcommand, and the one behind it is. Both readings must be harmless.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from commander.policy.allow.arguments import Arguments, matches, read_arguments
from commander.policy.allow.code_usage import script_findings
from commander.policy.allow.fields import UNKNOWN, Field
from commander.policy.allow.findings import Finding, Problem, Usage
from commander.policy.allow.operand_usage import edited, targets, wrapped
from commander.policy.allow.option_usage import option_findings
from commander.policy.programs.model import Program, Subcommand

__all__ = ["subcommand_findings"]

_ALWAYS: Final = "*"
_UNCERTAIN: Final = re.compile(f"[{UNKNOWN}*?[]")
_Found = tuple[tuple[str, Subcommand], ...]
"""Subcommands, each with the name by which its table knows it."""


def subcommand_findings(usage: Usage, fields: Sequence[Field]) -> Iterator[Finding]:
    """Find what is to be said about a program with subcommands."""
    program = usage.program
    before = _read(program, (), fields, own=True, always=False)
    yield from option_findings(usage, before)
    if not before.operands:
        if program.code is not None and program.code.stdin:
            yield from script_findings(usage, program.code, before, ())
        return
    first, *behind = before.operands
    if not first.static:
        yield Problem(f"the subcommand of `{usage.name}` is not known beforehand")
        return
    level = _level(program, first.text, behind)
    yield from _listed(usage, level)
    yield from _hidden(usage, before, "")
    yield from _second(usage, level)
    yield from _subcommand(usage, level)


# --- words -------------------------------------------------------------------------


@attrs.frozen
class _Level:
    """What stands behind the first word of a subcommand."""

    name: str
    """That word."""
    arguments: Arguments
    """Read up to what may be the second word."""
    found: _Found
    rest: Sequence[Field]
    """The words behind the subcommand."""
    double: bool
    """It has two words."""


def _level(program: Program, name: str, fields: Sequence[Field]) -> _Level:
    single = _named(program, name)
    arguments = _read(program, single, fields)
    operands = arguments.operands
    double: _Found = ()
    if operands and operands[0].static:
        double = _named(program, f"{name}.{operands[0].text}")
    rest = operands[1:] if double else fields
    return _Level(name, arguments, (*single, *double), rest, bool(double))


def _listed(usage: Usage, level: _Level) -> Iterator[Finding]:
    """Refuse a subcommand that may be any program, or an alias."""
    ordinary = usage.program.ordinary
    if ordinary is None or level.found or level.name in usage.granted:
        return
    if level.name not in ordinary.split():
        yield Problem(f"`{usage.name} {level.name}` is no subcommand that is known")


def _second(usage: Usage, level: _Level) -> Iterator[Finding]:
    """The options before the second word, and whether that is known."""
    if level.double:
        yield from option_findings(usage, level.arguments)
    yield from _hidden(usage, level.arguments, level.name)
    second = level.arguments.operands[:1]
    if not second or second[0].static:
        return
    certain = _UNCERTAIN.split(second[0].text)[0]
    start = f"{level.name}.{certain}"
    names = (each.names.split() for each in usage.program.subcommands)
    if any(name.startswith(start) for name in itertools.chain(*names)):
        shown = f"{usage.name} {level.name}"
        yield Problem(f"the subcommand of `{shown}` is not known beforehand")


def _hidden(usage: Usage, arguments: Arguments, within: str) -> Iterator[Finding]:
    """A subcommand behind the word that an option may take.

    Args:
        usage: Of the program.
        arguments: Read up to the word that is taken for the subcommand.
        within: The first word of the subcommand, if this is about the second.
    """
    program = usage.program
    while doubtful := _doubtful(arguments):
        single = _named(program, within)
        behind = arguments.operands[1:]
        arguments = _read(program, single, behind, own=not within)
        words = itertools.takewhile(lambda word: word.static, arguments.operands[:2])
        names = [*filter(None, [within]), *(word.text for word in words)]
        for path in itertools.accumulate(names, "{}.{}".format):
            found = () if path == within else _named(program, path)
            refused = any(each.refused or each.wraps for _, each in found)
            if refused and not _is_granted(usage, path):
                yield Problem(
                    f"`{doubtful}` may take the word behind it, and then "
                    f"`{usage.name} {_shown(path)}` runs"
                )
                return


def _doubtful(arguments: Arguments) -> str:
    """The first option that may take the word behind it; empty if there is none."""
    doubtful = (
        given.name
        for given in arguments.options
        if not given.known and given.value is None
    )
    return next(doubtful, "")


# --- a subcommand ------------------------------------------------------------------


def _subcommand(usage: Usage, level: _Level) -> Iterator[Finding]:
    program, found = usage.program, level.found
    wraps = [(path, each.wraps) for path, each in found if each.wraps is not None]
    arguments = _read(program, found, level.rest, ends=bool(wraps))
    operands = arguments.operands
    for path, each in found:
        if each.refused and not _is_harmless(usage, path, each, arguments):
            yield Problem(f"`{usage.name} {_shown(path)}` {each.refused}")
    yield from option_findings(usage, arguments)
    for path, wrap in wraps[:1]:
        if not _is_granted(usage, path):
            yield from _unclear(usage, path, arguments)
            yield from wrapped(usage, wrap, arguments, operands)
    for _, each in (*found, *_always(program)):
        for operand in operands:
            if matches(each.operands, operand.text):
                shown = f"{usage.name} {level.name} {operand.shown()}"
                yield Problem(f"`{shown}` {each.operands_why}")
        yield from targets(each.targets, operands, remote=each.remote)
    yield from edited(arguments, operands)


def _unclear(usage: Usage, path: str, arguments: Arguments) -> Iterator[Finding]:
    """An option behind which nobody knows where the command begins."""
    for given in arguments.options:
        if not (given.known or given.name in usage.granted):
            yield Problem(
                f"nobody knows what `{given.name}` of `{usage.name} {_shown(path)}` "
                "takes, so where the command behind it begins"
            )


def _is_harmless(
    usage: Usage, path: str, subcommand: Subcommand, arguments: Arguments
) -> bool:
    if _is_granted(usage, path):
        return True
    harmless = subcommand.harmless
    if any(matches(harmless, given.name) for given in arguments.options):
        return True
    first = arguments.operands[:1]
    return bool(first) and first[0].static and matches(harmless, first[0].text)


# --- tables ------------------------------------------------------------------------


def _named(program: Program, path: str) -> _Found:
    """The subcommands that a table knows by a name; ``*`` is the name of none."""
    return tuple(
        (path, each)
        for each in program.subcommands
        if path in each.names.split() and path != _ALWAYS
    )


def _always(program: Program) -> _Found:
    """What holds for all subcommands."""
    return tuple(
        (_ALWAYS, each) for each in program.subcommands if _ALWAYS in each.names.split()
    )


def _read(
    program: Program,
    found: _Found,
    fields: Sequence[Field],
    *,
    own: bool = False,
    always: bool = True,
    ends: bool = True,
) -> Arguments:
    """Read words by the options of some subcommands.

    Args:
        program: Of the subcommands.
        found: Those.
        fields: The words.
        own: Whether the program's own options are read too, if it says no such thing.
        always: Whether those are read that hold for all subcommands.
        ends: Whether the first operand ends the options.
    """
    all_found = (*found, *_always(program)) if always else found
    return read_arguments(
        program,
        fields,
        subcommands=tuple(each for _, each in all_found),
        own=own or program.everywhere,
        first_operand_ends=ends,
    )


def _is_granted(usage: Usage, path: str) -> bool:
    """Whether the entry names a subcommand, in all its words."""
    return usage.granted.issuperset(path.split("."))


def _shown(path: str) -> str:
    return path.replace(".", " ")
