"""Which variables hold numbers, and how often a text sets them."""

from __future__ import annotations

import pytest

from commander.policy.allow.numbers import Numbers
from commander.policy.shell.parser import parse
from commander.policy.shell.syntax import Arithmetic, Dialect, Simple, Word


def problem(text: str, dialect: Dialect = Dialect.BASH) -> str | None:
    """What is wrong with the last expression of a text, ``echo $((...))``."""
    script = parse(text, dialect)
    (command,) = script[-1].first.commands
    assert isinstance(command, Simple)
    word = command.words[-1]
    assert isinstance(word, Word)
    part = word.parts[-1]
    assert isinstance(part, Arithmetic)
    return Numbers(script).problem(part.expression, dialect)


@pytest.mark.parametrize(
    "text",
    [
        "echo $((1 + 2))",
        "echo $((0x1f * 010))",
        "i=0; echo $((i + 1))",
        "i=0; i=$((i + 1)); echo $((i))",
        "i=0; echo $(($i + 1))",
        "n=${#x}; echo $((n))",
        "for i in 1 2 3; do :; done; echo $((i))",
        "((i = 1)); echo $((i))",
        "for ((i=0;i<3;i++)); do :; done; echo $((i))",
        "declare -a x; i=5; echo $((i))",
        "export i=5; echo $((i))",
        "echo $(($# + 1))",
        "echo $((${#x} + 1))",
        "echo $(($((1)) + 1))",
        ": ${i:=3}; echo $((i))",
    ],
)
def test_numbers_that_the_text_sets_may_be_calculated(text: str) -> None:
    assert problem(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "echo $((x))",
        "echo $(($x))",
        "x='a[$(pwn)]'; echo $((x))",
        "x=1; x=$y; echo $((x))",
        "read x; echo $((x))",
        "x=1; read x; echo $((x))",
        "for x in *; do :; done; echo $((x))",
        "for x; do :; done; echo $((x))",
        "x=1; printf -v x %s 'a[1]'; echo $((x))",
        "echo $(($(cat f)))",
        "echo $((${x:-1}))",
        "echo $((a[1]))",
        "x=1; mapfile x; echo $((x))",
        "x=1; export x=$y; echo $((x))",
        "x=(1 2); echo $((x))",
        ": ${x:=$y}; echo $((x))",
    ],
)
def test_what_may_hold_anything_may_not(text: str) -> None:
    assert problem(text)


@pytest.mark.parametrize("text", ["echo $((x))", "echo $(($x + 1))"])
def test_sh_reads_plain_numbers_only(text: str) -> None:
    assert problem(text, Dialect.SH) is None


def test_a_subscript_is_refused_in_sh_too() -> None:
    assert problem("echo $((a[1]))", Dialect.SH)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("ls", 0),
        ("x=1", 1),
        ("x=1; x=2", 2),
        ("x=1; read x", 2),
        ("x=1; (x=2)", 2),
        ("x=1; y=$(x=2; echo)", 2),
        ("for x in a; do :; done", 1),
        (": ${x:=1}", 1),
        ("x=1 ls", 1),
    ],
)
def test_every_place_that_sets_a_variable_counts(text: str, count: int) -> None:
    assert Numbers(parse(text, Dialect.BASH)).assigned("x") == count
