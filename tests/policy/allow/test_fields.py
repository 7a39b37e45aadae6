"""What a word becomes for certain."""

from __future__ import annotations

import pytest

from commander.policy.allow.fields import UNKNOWN, Field, field_of
from commander.policy.shell.parser import parse
from commander.policy.shell.syntax import Dialect, Simple, Word


def field(text: str, dialect: Dialect = Dialect.BASH, **constants: str) -> Field:
    """The field of the second word of a command."""
    (statement,) = parse(f"x {text}", dialect)
    (command,) = statement.first.commands
    assert isinstance(command, Simple)
    (_, word) = command.words
    assert isinstance(word, Word)
    return field_of(word, constants)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", Field("plain")),
        ("'a b'\"c\"\\d", Field("a bcd")),
        ("''", Field("")),
        ("*.py", Field("*.py", pattern=True)),
        ("a'*'", Field("a*")),
        ("a[0-9]", Field("a[0-9]", pattern=True)),
        ("~/x", Field(f"/{UNKNOWN}/x")),
        ('"$v"', Field(UNKNOWN)),
        ("$v", Field(UNKNOWN, loose=True)),
        ('a"$v"b', Field(f"a{UNKNOWN}b")),
        ('"$@"', Field(UNKNOWN, loose=True)),
        ('"${a[@]}"', Field(UNKNOWN, loose=True)),
        ('"$HOME/x"', Field(f"/{UNKNOWN}/x")),
        ("$HOME", Field(f"/{UNKNOWN}", loose=True)),
        ("$?", Field(f"0{UNKNOWN}")),
        ("${#v}", Field(f"0{UNKNOWN}")),
        ('"$(date)"', Field(UNKNOWN)),
        ("$(date)", Field(UNKNOWN, loose=True)),
        ('"${v:-x}"', Field(UNKNOWN)),
        ("<(ls)", Field(UNKNOWN)),
    ],
)
def test_a_word_without_known_variables(text: str, expected: Field) -> None:
    assert field(text) == expected


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ('"$v"', "a b", Field("a b")),
        ("$v", "a", Field("a")),
        ("x$v/y", "a", Field("xa/y")),
        ("$v", "a b", Field(UNKNOWN, loose=True)),
        ("$v", "*", Field(UNKNOWN, loose=True)),
        ("$v", "", Field(UNKNOWN, loose=True)),
        ('"$v"', "", Field("")),
    ],
)
def test_a_known_variable_counts_where_it_is_one_word(
    text: str, value: str, expected: Field
) -> None:
    assert field(text, v=value) == expected


@pytest.mark.parametrize("text", ["$v", '"$v"', '"$v"x', "*", "*.py", '"$@"', "?x"])
def test_what_may_begin_with_a_dash(text: str) -> None:
    assert field(text).may_be_option
    assert not field(f"./{text}").may_be_option or field(text).loose
    assert not field(text).static


@pytest.mark.parametrize("text", ["a*", "$?", '"$HOME"', "~", 'x"$v"', "-x", "plain"])
def test_what_may_not(text: str) -> None:
    assert not field(text).may_be_option


def test_a_field_is_shown_without_the_mark() -> None:
    assert field('a"$v"').shown() == "a..."
