"""What a program's table says about the words that it is given.

The answer is a row of findings: problems, which refuse the command unless its entry
grants them, and what is left for ``judge`` to look at: commands and shell texts that
the words carry, files that they write, variables that they set.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Generator, Iterator, Sequence
from typing import Final

import attrs

from commander.policy.arguments import Arguments, Given, matches, read_arguments
from commander.policy.awk import awk_problem
from commander.policy.fields import UNKNOWN, Field, certain
from commander.policy.programs.model import (
    Code,
    Effect,
    Language,
    Program,
    Risk,
    Subcommand,
    Targets,
    Wraps,
)
from commander.policy.sed import sed_problem

__all__ = [
    "Finding",
    "InnerCommand",
    "InnerText",
    "Problem",
    "Setting",
    "Target",
    "use",
]

_SHELLS: Final = ("sh", "bash", "dash", "zsh", "ksh", "mksh", "ash", "fish", "csh")
_ASSIGNMENT: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_REMOTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|[^/:]+:|\[[0-9A-Fa-f:]+\]:")
_STDOUT: Final = certain("-")
_STREAMED: Final = re.compile(r"-|/dev/.*|/proc/.*", re.DOTALL)
_FOUND: Final = f"./{UNKNOWN}"
"""What a program puts in the place of ``{}``: a path below where it started."""


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


Finding = Problem | InnerCommand | InnerText | Target | Setting


def use(
    program: Program, fields: Sequence[Field], entry: Sequence[str]
) -> Iterator[Finding]:
    """Find what is to be said about a command.

    Args:
        program: Its table.
        fields: The command's words; the first is the program.
        entry: The words of the allow-list's entry that the command begins with.
    """
    name = posixpath.basename(fields[0].text)
    usage = _Usage(program, name, entry)
    yield from usage.findings(fields[1:])


class _Usage:
    def __init__(self, program: Program, name: str, entry: Sequence[str]) -> None:
        self._program = program
        self._name = name
        self._granted = _granted(program, entry)
        self._entry_words = len(entry)

    def findings(self, fields: Sequence[Field]) -> Iterator[Finding]:
        program = self._program
        if program.refused:
            yield from self._whole(fields)
            return
        code = program.code
        if fields and code is not None and self._runs_nothing(fields[0], code.stops):
            return
        wraps = program.wraps
        if fields and wraps is not None and self._stops(fields, wraps):
            return
        if program.subcommands or program.ordinary is not None:
            yield from self._with_subcommand(fields)
            return
        scripted = code is not None and (code.script or bool(code.module))
        arguments = read_arguments(
            program, fields, first_operand_ends=True if scripted else None
        )
        yield from self._options(arguments, arguments)
        yield from self._operands(arguments, fields)

    # --- the whole program -----------------------------------------------------

    def _whole(self, fields: Sequence[Field]) -> Iterator[Finding]:
        harmless = self._program.harmless.split()
        alone = len(fields) == 1 and fields[0].static and fields[0].text in harmless
        if self._entry_words < 2 and not alone:
            yield Problem(f"`{self._name}` {self._program.refused}")

    def _runs_nothing(self, first: Field, stops: str) -> bool:
        return first.static and first.text in stops.split()

    def _stops(self, fields: Sequence[Field], wraps: Wraps) -> bool:
        if not wraps.stops:
            return False
        arguments = read_arguments(self._program, fields, first_operand_ends=True)
        return arguments.uncertain is None and arguments.has(wraps.stops)

    # --- options ---------------------------------------------------------------

    def _options(self, arguments: Arguments, all_given: Arguments) -> Iterator[Finding]:
        if arguments.uncertain is not None and self._is_careful():
            shown = arguments.uncertain.shown()
            yield Problem(
                f"`{shown}` may become an option of `{self._name}`; put `./` or `--` "
                "before it, or write it out"
            )
        for given in arguments.options:
            if given.risk is not None:
                yield from self._risk(given, given.risk, all_given)
            elif not given.known and self._program.flags is not None:
                yield Problem(
                    f"nobody knows what `{given.name}` of `{self._name}` takes, so "
                    "where the command behind it begins"
                )

    def _is_careful(self) -> bool:
        program = self._program
        return bool(
            program.risks
            or program.code
            or program.wraps
            or program.subcommands
            or program.ordinary is not None
        )

    def _risk(
        self, given: Given, risk: Risk, all_given: Arguments
    ) -> Iterator[Finding]:
        value = given.value
        if risk.never and value is not None and matches(risk.never, value.text):
            yield Problem(f"`{self._name} {given.name} {value.shown()}` {risk.why}")
            return
        if given.name.rstrip("*") in self._granted or (
            risk.unless and all_given.has(risk.unless)
        ):
            return
        if risk.values:
            if value is None:
                return
            if value.static and not matches(risk.values, value.text):
                return
        known = value is not None and value.static
        if known and value is not None and matches(risk.passing, value.text):
            return
        yield from self._effect(given, risk)

    def _effect(self, given: Given, risk: Risk) -> Iterator[Finding]:
        value = given.value
        problem = Problem(f"`{self._name} {given.name}` {risk.why}")
        match risk.effect:
            case Effect.WRITES:
                if value is None:
                    yield problem
                elif value != _STDOUT:
                    yield Target(value)
            case Effect.SAVES:
                if value is not None:
                    yield Target(_basename(value))
            case Effect.TEXT:
                yield InnerText(value, "sh") if value is not None else problem
            case Effect.COMMAND:
                yield InnerCommand(tuple(map(_filled, given.command)))
            case Effect.SCRIPT:
                if value is None or _is_streamed(value):
                    yield problem
            case Effect.EDITS | Effect.CODE:
                pass  # the operands are looked at elsewhere, and so is code
            case _:
                yield problem

    # --- operands --------------------------------------------------------------

    def _operands(
        self, arguments: Arguments, fields: Sequence[Field]
    ) -> Iterator[Finding]:
        program = self._program
        operands = arguments.operands
        if program.code is not None:
            operands = yield from self._code(program.code, arguments)
        if program.wraps is not None:
            yield from self._wrapped(program.wraps, arguments, operands)
        scripts = arguments.operands[:1] if program.code is not None else ()
        for operand in operands or scripts:
            refused = matches(program.operands, operand.text)
            if refused and not matches(program.operands_passing, operand.text):
                shown = operand.shown()
                yield Problem(f"`{self._name} {shown}` {program.operands_why}")
        if not (program.targets_unless and arguments.has(program.targets_unless)):
            yield from _targets(program.targets, operands, remote=program.remote)
        effects = {given.risk.effect for given in arguments.options if given.risk}
        if Effect.EDITS in effects:
            yield from map(Target, operands)
        for given in arguments.options:
            saves = given.risk is not None and given.risk.effect is Effect.SAVES
            if saves and given.value is None:
                yield from (Target(_basename(operand)) for operand in operands)

    def _wrapped(
        self, wraps: Wraps, arguments: Arguments, operands: tuple[Field, ...]
    ) -> Iterator[Finding]:
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
                yield Problem(f"`{self._name}` needs the command that it is to run")
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
            yield Problem(f"`{self._name}` runs a text that is not known")

    # --- code ------------------------------------------------------------------

    def _code(
        self, code: Code, arguments: Arguments
    ) -> Generator[Finding, None, tuple[Field, ...]]:
        """Look at code; returns the operands that are none."""
        operands = arguments.operands
        names = code.options.split()
        given = [each for each in arguments.options if _is_code(each, names)]
        texts = [each.value for each in given if each.value is not None]
        named = [f"{self._name} {each.name}" for each in given]
        granted = any(each.name in self._granted for each in given)
        if code.operand_with and arguments.has(code.operand_with):
            granted = any(each in self._granted for each in code.operand_with.split())
            texts, operands = list(operands[:1]), ()
            named = [f"{self._name} {code.operand_with.split()[0]}"]
        elif code.operand and not texts:
            if code.skipped:
                texts, operands = (
                    list(operands[code.skipped :]),
                    operands[: code.skipped],
                )
            else:
                texts, operands = list(operands[:1]), operands[1:]
            named = [self._name]
        if texts:
            if not granted:
                yield from self._texts(code, texts, named[0])
            return () if code.script else operands
        yield from self._script(code, arguments, operands)
        return () if code.script else operands

    def _texts(self, code: Code, texts: list[Field], named: str) -> Iterator[Finding]:
        if code.language is Language.SHELL:
            shell = self._name if self._name in _SHELLS else "sh"
            yield from (InnerText(text, shell) for text in texts)
            return
        if not all(text.static for text in texts):
            yield Problem(f"`{named}` is given code that is not known beforehand")
            return
        joined = "\n".join(text.text for text in texts)
        problem: str | None = None
        if code.language is Language.AWK:
            problem = awk_problem(joined)
        elif code.language is Language.SED:
            problem = sed_problem(joined)
        elif not code.forbidden:
            problem = "is code that can run anything"
        elif found := re.search(code.forbidden, joined):
            problem = (
                f"holds `{found.group().strip()}`, which can run or write anything"
            )
        if problem is not None:
            yield Problem(f"the code of `{named}` {problem}")

    def _script(
        self, code: Code, arguments: Arguments, operands: tuple[Field, ...]
    ) -> Iterator[Finding]:
        modules = code.module.split()
        for given in arguments.options:
            if given.name in modules:
                yield from self._module(code, given)
                return
        scripts = any(
            given.risk is not None and given.risk.effect is Effect.SCRIPT
            for given in arguments.options
        )
        if (code.needed and not scripts) or (code.stdin and not operands):
            if "-" not in self._granted:
                yield Problem(f"`{self._name}` runs what it reads")
            return
        streamed = code.script and bool(operands) and _is_streamed(operands[0])
        if streamed and operands[0].text not in self._granted:
            shown = operands[0].shown()
            yield Problem(f"`{self._name} {shown}` runs what it reads")

    def _module(self, code: Code, given: Given) -> Iterator[Finding]:
        value = given.value
        if given.name in self._granted:
            return
        if (
            value is None
            or not value.static
            or matches(code.refused_modules, value.text)
        ):
            shown = "" if value is None else value.shown()
            yield Problem(f"`{self._name} {given.name} {shown}` can run anything")

    # --- subcommands -----------------------------------------------------------

    def _with_subcommand(self, fields: Sequence[Field]) -> Iterator[Finding]:
        program = self._program
        before = read_arguments(program, fields, first_operand_ends=True)
        yield from self._options(before, before)
        rest = list(before.operands)
        if not rest:
            if program.code is not None and program.code.stdin:
                yield from self._script(program.code, before, ())
            return
        unknown = [given for given in before.options if not given.known]
        name = rest[0].text
        if not rest[0].static:
            yield Problem(f"the subcommand of `{self._name}` is not known beforehand")
            return
        del rest[0]
        found, consumed = self._subcommands(name, rest)
        del rest[:consumed]
        listed = bool(found) or name in (program.ordinary or "").split()
        if program.ordinary is not None and not listed and name not in self._granted:
            yield Problem(f"`{self._name} {name}` is no subcommand that is known")
        yield from self._hidden(unknown, rest)
        yield from self._subcommand(name, found, rest)

    def _hidden(self, unknown: list[Given], rest: list[Field]) -> Iterator[Finding]:
        """A subcommand behind the word that an unknown option may take."""
        doubtful = [given.name for given in unknown if given.value is None]
        if not (doubtful and rest and rest[0].static):
            return
        name = rest[0].text
        found, _ = self._subcommands(name, rest[1:])
        refused = any(each.refused or each.wraps for each in found)
        if refused and name not in self._granted:
            yield Problem(
                f"`{doubtful[0]}` may take the word behind it, and then "
                f"`{self._name} {name}` runs"
            )

    def _subcommands(
        self, name: str, rest: Sequence[Field]
    ) -> tuple[tuple[Subcommand, ...], int]:
        """Those that a name stands for, and how many more words it has."""
        second = rest[0].text if rest and rest[0].static else ""
        double = f"{name}.{second}"
        found = [s for s in self._program.subcommands if double in s.names.split()]
        single = [s for s in self._program.subcommands if name in s.names.split()]
        return (*single, *found), int(bool(found))

    def _subcommand(
        self, name: str, found: tuple[Subcommand, ...], rest: list[Field]
    ) -> Iterator[Finding]:
        program = self._program
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
        for each in found:
            if each.refused and not self._is_harmless(each, name, arguments):
                yield Problem(f"`{self._name} {name}` {each.refused}")
        yield from self._options(arguments, arguments)
        if wraps is not None and name not in self._granted:
            yield from self._wrapped(wraps, arguments, arguments.operands)
        for each in all_found:
            for operand in arguments.operands:
                if matches(each.operands, operand.text):
                    shown = f"{self._name} {name} {operand.shown()}"
                    yield Problem(f"`{shown}` {each.operands_why}")
            yield from _targets(each.targets, arguments.operands, remote=each.remote)
        for given in arguments.options:
            if given.risk is not None and given.risk.effect is Effect.EDITS:
                yield from map(Target, arguments.operands)

    def _is_harmless(self, each: Subcommand, name: str, arguments: Arguments) -> bool:
        if name in self._granted:
            return True
        if not each.harmless:
            return False
        if any(matches(each.harmless, given.name) for given in arguments.options):
            return True
        first = arguments.operands[:1]
        return bool(first) and first[0].static and matches(each.harmless, first[0].text)


def _granted(program: Program, entry: Sequence[str]) -> frozenset[str]:
    """The options and words that an entry names beside its program."""
    words = list(map(certain, entry[1:]))
    options = read_arguments(program, words).options
    return frozenset({*entry[1:], *(given.name for given in options)})


def _is_code(given: Given, names: list[str]) -> bool:
    if given.risk is not None and given.risk.effect is Effect.CODE:
        return True
    return given.name in names


def _is_streamed(field: Field) -> bool:
    """Whether a script's name is one that is not of a file, or not known."""
    if field.loose or field.text[:1] == UNKNOWN or field.text == "":
        return True
    return _STREAMED.fullmatch(field.text) is not None


def _basename(field: Field) -> Field:
    text = field.text.rstrip("/").partition("?")[0].rpartition("/")[2]
    return attrs.evolve(field, text=text)


def _filled(field: Field) -> Field:
    if "{}" not in field.text:
        return field
    return attrs.evolve(field, text=field.text.replace("{}", _FOUND))


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


def _targets(
    which: Targets, operands: tuple[Field, ...], *, remote: bool
) -> Iterator[Finding]:
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
            chosen = tuple(map(_basename, operands))
    for field in chosen:
        if field != _STDOUT and not (remote and _REMOTE.match(field.text)):
            yield Target(field)
