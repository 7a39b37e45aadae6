"""The tables of programs: their form, and the examples that each brings."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator
from types import ModuleType
from typing import Final

import pytest

from commander.commands import CommandRequest
from commander.policy.allow.targets import Places
from commander.policy.checker import Approved, Denied, PolicyChecker
from commander.policy.lists import PolicyLists
from commander.policy.programs import MODULES, PROGRAMS, find
from commander.policy.programs.model import Effect, Language, Program, Risk
from commander.principals import ANONYMOUS

OPTION: Final = re.compile(r"-[^-\s*]\*?|--?[^-\s*][^\s*]+\*?|\+\+\*|-[^\s*]+\*?|\w+")
MAX_EXAMPLES: Final = 20
DIRECTORY: Final = "/srv/app"


def first_name(program: Program) -> str:
    return program.names.split()[0]


def risks_of(program: Program) -> Iterator[Risk]:
    yield from program.risks
    for subcommand in program.subcommands:
        yield from subcommand.risks


def option_strings(program: Program) -> Iterator[str]:
    yield program.valued
    yield program.flags or ""
    for risk in risks_of(program):
        yield risk.options
        yield risk.unless
    for subcommand in program.subcommands:
        yield subcommand.valued
    if program.code is not None:
        yield program.code.options
        yield program.code.operand_with
        yield program.code.module
        yield program.code.stops
    if program.wraps is not None:
        yield program.wraps.placeholder
        yield program.wraps.stops
    yield program.targets_unless


def verdict(program: Program, command: str) -> Approved | Denied:
    words = shlex.split(command)
    policy = PolicyChecker(
        PolicyLists(
            allowed=(words[0], "ls", "cat", "echo"),
            blocked=(),
            use_default_blocklist=False,
            allowed_env=(),
            shell="/bin/bash",
            places=Places(directory=DIRECTORY),
        )
    )
    assert find(words[0]) is program, "the example is for another program"
    request = CommandRequest(
        command=command, timeout_seconds=1.0, working_directory=DIRECTORY
    )
    return policy.check(request, ANONYMOUS)


by_program = pytest.mark.parametrize("program", PROGRAMS, ids=first_name)


def test_no_name_stands_for_two_programs() -> None:
    names = Counter(name for program in PROGRAMS for name in program.names.split())
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.__name__.split(".")[-1])
def test_a_module_is_sorted_by_names(module: ModuleType) -> None:
    names = [first_name(program) for program in module.PROGRAMS]
    assert names == sorted(names)


def test_modules_are_sorted() -> None:
    names = [module.__name__ for module in MODULES]
    assert names == sorted(names)


@by_program
def test_every_program_has_examples_of_both_kinds(program: Program) -> None:
    assert 1 <= len(program.passes) <= MAX_EXAMPLES
    assert 1 <= len(program.refuses) <= MAX_EXAMPLES
    assert program.reason.endswith(".")


@by_program
def test_options_are_well_formed(program: Program) -> None:
    for options in option_strings(program):
        for option in options.split():
            assert OPTION.fullmatch(option), option
            assert "=" not in option


@by_program
def test_no_option_takes_a_value_and_none(program: Program) -> None:
    valued = set(program.valued.split())
    flags = set((program.flags or "").split())
    bare = {o for risk in program.risks if risk.bare for o in risk.options.split()}
    assert valued & (flags | bare) == set()


@by_program
def test_reasons_continue_a_sentence(program: Program) -> None:
    texts = [risk.why for risk in risks_of(program)]
    texts += [program.refused, program.operands_why]
    texts += [s.refused for s in program.subcommands]
    texts += [s.operands_why for s in program.subcommands]
    for text in filter(None, texts):
        assert not text.endswith("."), text
        assert text[0].islower(), text


@by_program
def test_patterns_of_operands_say_why(program: Program) -> None:
    assert bool(program.operands) == bool(program.operands_why)
    for subcommand in program.subcommands:
        assert bool(subcommand.operands) == bool(subcommand.operands_why)


@by_program
def test_code_is_of_a_language_that_somebody_reads(program: Program) -> None:
    code = program.code
    if code is None:
        assert not any(risk.effect is Effect.CODE for risk in risks_of(program))
    elif code.forbidden:
        assert code.language is Language.OPAQUE
        re.compile(code.forbidden)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("python3.11", "python"),
        ("gcc-12", "cc"),
        ("awk", "awk"),
        ("x86_64", "linux32"),
        ("7z", "7z"),
        ("7", None),
        ("no-such-program", None),
    ],
)
def test_a_version_at_the_end_of_a_name_does_not_count(
    name: str, known: str | None
) -> None:
    program = find(name)
    assert (program and first_name(program)) == known


@pytest.mark.parametrize(
    ("program", "command"),
    [(p, command) for p in PROGRAMS for command in p.passes],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_must_pass_passes(program: Program, command: str) -> None:
    assert isinstance(verdict(program, command), Approved), verdict(program, command)


@pytest.mark.parametrize(
    ("program", "command"),
    [(p, command) for p in PROGRAMS for command in p.refuses],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_must_not_pass_is_refused(program: Program, command: str) -> None:
    assert isinstance(verdict(program, command), Denied), verdict(program, command)
