"""What a program's table says about the words that it is given.

The answer is a row of findings: problems, which refuse the command unless its entry
grants them, and what is left for ``judge`` to look at: commands and shell texts that
the words carry, files that they write, variables that they set.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence

from commander.policy.arguments import Arguments, Given, matches, read_arguments
from commander.policy.code_usage import code_findings, script_findings
from commander.policy.fields import Field
from commander.policy.findings import (
    Finding,
    InnerCommand,
    InnerText,
    Problem,
    Setting,
    Target,
    Usage,
)
from commander.policy.operand_usage import edited, saved, targets, wrapped
from commander.policy.option_usage import option_findings
from commander.policy.programs.model import Program, Subcommand, Wraps

__all__ = [
    "Finding",
    "InnerCommand",
    "InnerText",
    "Problem",
    "Setting",
    "Target",
    "use",
]


def use(
    program: Program, fields: Sequence[Field], entry: Sequence[str]
) -> Iterator[Finding]:
    """Find what is to be said about a command.

    Args:
        program: Its table.
        fields: The command's words; the first is the program.
        entry: The words of the allow-list's entry that the command begins with.
    """
    usage = Usage(program, posixpath.basename(fields[0].text), entry)
    words = fields[1:]
    if program.refused:
        yield from _whole(usage, words)
    elif _runs_nothing(program, words):
        return
    elif program.subcommands or program.ordinary is not None:
        yield from _with_subcommand(usage, words)
    else:
        yield from _simple(usage, words)


def _whole(usage: Usage, fields: Sequence[Field]) -> Iterator[Finding]:
    harmless = usage.program.harmless.split()
    alone = len(fields) == 1 and fields[0].static and fields[0].text in harmless
    if len(usage.entry) < 2 and not alone:
        yield Problem(f"`{usage.name}` {usage.program.refused}")


def _runs_nothing(program: Program, fields: Sequence[Field]) -> bool:
    """Whether an option keeps the program from running what it is given."""
    if not fields:
        return False
    code, wraps = program.code, program.wraps
    if code is not None and fields[0].static and fields[0].text in code.stops.split():
        return True
    return wraps is not None and bool(wraps.stops) and _stops(program, fields, wraps)


def _stops(program: Program, fields: Sequence[Field], wraps: Wraps) -> bool:
    arguments = read_arguments(program, fields, first_operand_ends=True)
    return arguments.uncertain is None and arguments.has(wraps.stops)


def _simple(usage: Usage, fields: Sequence[Field]) -> Iterator[Finding]:
    """A program without subcommands."""
    program, code = usage.program, usage.program.code
    scripted = code is not None and (code.script or bool(code.module))
    arguments = read_arguments(
        program, fields, first_operand_ends=True if scripted else None
    )
    yield from option_findings(usage, arguments)
    operands = arguments.operands
    if code is not None:
        operands = yield from code_findings(usage, code, arguments)
    if program.wraps is not None:
        yield from wrapped(usage, program.wraps, arguments, operands)
    scripts = arguments.operands[:1] if code is not None else ()
    for operand in operands or scripts:
        refused = matches(program.operands, operand.text)
        if refused and not matches(program.operands_passing, operand.text):
            yield Problem(f"`{usage.name} {operand.shown()}` {program.operands_why}")
    if not (program.targets_unless and arguments.has(program.targets_unless)):
        yield from targets(program.targets, operands, remote=program.remote)
    yield from edited(arguments, operands)
    yield from saved(arguments, operands)


# --- subcommands -----------------------------------------------------------------


def _with_subcommand(usage: Usage, fields: Sequence[Field]) -> Iterator[Finding]:
    program = usage.program
    before = read_arguments(program, fields, first_operand_ends=True)
    yield from option_findings(usage, before)
    rest = list(before.operands)
    if not rest:
        if program.code is not None and program.code.stdin:
            yield from script_findings(usage, program.code, before, ())
        return
    unknown = [given for given in before.options if not given.known]
    name = rest[0].text
    if not rest[0].static:
        yield Problem(f"the subcommand of `{usage.name}` is not known beforehand")
        return
    del rest[0]
    found, consumed = _subcommands(program, name, rest)
    del rest[:consumed]
    listed = bool(found) or name in (program.ordinary or "").split()
    if program.ordinary is not None and not listed and name not in usage.granted:
        yield Problem(f"`{usage.name} {name}` is no subcommand that is known")
    yield from _hidden(usage, unknown, rest)
    yield from _subcommand(usage, name, found, rest)


def _hidden(
    usage: Usage, unknown: Sequence[Given], rest: Sequence[Field]
) -> Iterator[Finding]:
    """A subcommand behind the word that an unknown option may take."""
    doubtful = [given.name for given in unknown if given.value is None]
    if not (doubtful and rest and rest[0].static):
        return
    name = rest[0].text
    found, _ = _subcommands(usage.program, name, rest[1:])
    refused = any(each.refused or each.wraps for each in found)
    if refused and name not in usage.granted:
        yield Problem(
            f"`{doubtful[0]}` may take the word behind it, and then "
            f"`{usage.name} {name}` runs"
        )


def _subcommands(
    program: Program, name: str, rest: Sequence[Field]
) -> tuple[tuple[Subcommand, ...], int]:
    """Those that a name stands for, and how many more words it has."""
    second = rest[0].text if rest and rest[0].static else ""
    double = f"{name}.{second}"
    found = [s for s in program.subcommands if double in s.names.split()]
    single = [s for s in program.subcommands if name in s.names.split()]
    return (*single, *found), int(bool(found))


def _subcommand(
    usage: Usage, name: str, found: tuple[Subcommand, ...], rest: Sequence[Field]
) -> Iterator[Finding]:
    program = usage.program
    always = tuple(s for s in program.subcommands if "*" in s.names.split())
    all_found = (*found, *always)
    wraps = next((s.wraps for s in found if s.wraps is not None), None)
    arguments = read_arguments(
        program,
        rest,
        subcommands=all_found,
        own=program.everywhere,
        first_operand_ends=wraps is not None,
    )
    operands = arguments.operands
    for each in found:
        if each.refused and not _is_harmless(usage, each, name, arguments):
            yield Problem(f"`{usage.name} {name}` {each.refused}")
    yield from option_findings(usage, arguments)
    if wraps is not None and name not in usage.granted:
        yield from wrapped(usage, wraps, arguments, operands)
    for each in all_found:
        for operand in operands:
            if matches(each.operands, operand.text):
                shown = f"{usage.name} {name} {operand.shown()}"
                yield Problem(f"`{shown}` {each.operands_why}")
        yield from targets(each.targets, operands, remote=each.remote)
    yield from edited(arguments, operands)


def _is_harmless(
    usage: Usage, each: Subcommand, name: str, arguments: Arguments
) -> bool:
    if name in usage.granted:
        return True
    if not each.harmless:
        return False
    if any(matches(each.harmless, given.name) for given in arguments.options):
        return True
    first = arguments.operands[:1]
    return bool(first) and first[0].static and matches(each.harmless, first[0].text)
