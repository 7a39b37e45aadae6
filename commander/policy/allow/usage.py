"""What a program's table says about the words that it is given.

The answer is a row of findings: problems, which refuse the command unless its entry
grants them, and what is left for ``judge`` to look at: commands and shell texts that
the words carry, files that they write, variables that they set.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence

from commander.policy.allow.arguments import matches, read_arguments
from commander.policy.allow.code_usage import code_findings
from commander.policy.allow.fields import Field
from commander.policy.allow.findings import (
    Finding,
    InnerCommand,
    InnerText,
    Problem,
    Setting,
    Target,
    Usage,
)
from commander.policy.allow.operand_usage import edited, saved, targets, wrapped
from commander.policy.allow.option_usage import option_findings
from commander.policy.allow.subcommand_usage import subcommand_findings
from commander.policy.programs.model import Program, Wraps

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
        yield from _refused(usage, words)
    elif _runs_nothing(program, words):
        yield from option_findings(usage, read_arguments(program, words))
    elif program.subcommands or program.ordinary is not None:
        yield from subcommand_findings(usage, words)
    else:
        yield from _simple(usage, words)


def _refused(usage: Usage, fields: Sequence[Field]) -> Iterator[Finding]:
    """A program that needs an entry of two words, and more for its risks."""
    program = usage.program
    harmless = program.harmless.split()
    if len(fields) == 1 and fields[0].static and fields[0].text in harmless:
        return
    if len(usage.entry) < 2:
        yield Problem(f"`{usage.name}` {program.refused}")
    elif program.risks:
        yield from option_findings(usage, read_arguments(program, fields))


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
