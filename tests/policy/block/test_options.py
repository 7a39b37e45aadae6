"""Options and operands, as getopt tells them apart."""

from __future__ import annotations

import pytest

from commander.policy.block.options import Parsed, read_options


@pytest.mark.parametrize(
    ("words", "options", "operands"),
    [
        ("-rf x", "r f", "x"),
        ("x -r", "r", "x"),
        ("-u root x", "u=root", "x"),
        ("-nuroot x", "n u=root", "x"),
        ("--user root x", "user=root", "x"),
        ("--user=root x", "user=root", "x"),
        ("--user= x", "user=", "x"),
        ("--other x", "other", "x"),
        ("- x", "", "- x"),
        ("-r -- -f", "r", "-f"),
        ("-u", "u", ""),
    ],
)
def test_words_are_told_apart(words: str, options: str, operands: str) -> None:
    parsed = read_options(words.split(), ("u", "user"), permute=True)
    shown = [
        name if value is None else f"{name}={value}" for name, value in parsed.options
    ]
    assert shown == options.split()
    assert list(parsed.operands) == operands.split()


def test_without_permutation_the_first_operand_ends_the_options() -> None:
    parsed = read_options(["-a", "x", "-b", "--"], permute=False)
    assert parsed == Parsed((("a", None),), ("x", "-b", "--"))


def test_long_options_are_known_by_their_beginning() -> None:
    parsed = read_options(["--recurs", "-f"], permute=True)
    assert parsed.has("recursive")
    assert parsed.has("x", "f")
    assert not parsed.has("force")
    assert not parsed.has("rec")


def test_values_are_found_by_name() -> None:
    parsed = read_options(["-c", "a", "-c", "b", "-d"], ("c", "d"), permute=True)
    assert parsed.values(("c", "d")) == ["a", "b"]
