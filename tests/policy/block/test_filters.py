"""What programs print, as far as their words and their input tell."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.policy.block.filters import format_text, printed
from commander.policy.block.scope import UNKNOWN, Scope
from commander.policy.budget import Budget
from commander.policy.shell.syntax import Dialect


def scope(text: str = UNKNOWN) -> Scope:
    return Scope(Budget(), Dialect.SH, ("/work",), input=(text,))


@pytest.mark.parametrize(
    ("command", "text", "output"),
    [
        ("echo a b", "", "a b\n"),
        ("echo -n a", "", "a"),
        (r"echo 'a\tb'", "", "a\tb\n"),
        ("printf %s a", "", "a"),
        ("printf -- %s a", "", "a"),
        ("printf -v x %s a", "", ""),
        ("printf", "", ""),
        ("cat", "a", "a"),
        ("cat -", "a", "a"),
        ("cat x", "a", UNKNOWN),
        ("head -n 1", "a", "a"),
        ("tee x", "a", "a"),
        ("tee", "a", "a"),
        ("true", "a", ""),
        ("make", "a", UNKNOWN),
        ("base64", "a", UNKNOWN),
        ("base64 -d", "YWI=\n", "ab"),
        ("base64 -d", "YWI", "ab"),
        ("base64 -d", "ä", UNKNOWN),
        ("xxd", "61", UNKNOWN),
        ("xxd -r -p", "6162", "ab"),
        ("xxd -r -p", "6", UNKNOWN),
        ("rev", "ab\ncd", "ba\ndc"),
        ("rev", UNKNOWN, UNKNOWN),
        ("tr a-c A-C", "abc", "ABC"),
        ("tr '[:lower:]' '[:upper:]'", "abc", "ABC"),
        ("tr abc x", "abcd", "xxxd"),
        ("tr -d b", "abc", "ac"),
        ("tr -cd b", "abc", UNKNOWN),
        ("tr -d", "abc", UNKNOWN),
        ("tr a", "abc", UNKNOWN),
        ("sed s/a/b/", "aa", "ba"),
        ("sed s/a/b/g", "aa", "bb"),
        ("sed -e s/a/b/ -e s/b/c/", "aa", "ca"),
        ("sed s/./b/", "aa", UNKNOWN),
        ("sed -n p", "aa", UNKNOWN),
        ("pwd", "", "/work\n"),
        ("which rm", "", "rm\n"),
        ("which", "", ""),
        ("command -v rm", "", "rm\n"),
        ("command rm", "", UNKNOWN),
        ("dirname /a/b", "", "/a\n"),
        ("dirname /a", "", "/\n"),
        ("dirname /", "", "/\n"),
        ("dirname a", "", ".\n"),
        ("basename /a/b.c .c", "", "b\n"),
        ("basename /", "", "/\n"),
        ("find / -name x", "", UNKNOWN),
        ("find /", "", f"/\n{UNKNOWN}\n"),
        ("printenv x y", "", UNKNOWN),
        ("seq 3", "", "1\n2\n3\n"),
        ("seq 2 3", "", "2\n3\n"),
        ("seq 1 2 3", "", UNKNOWN),
        ("yes a", "", "a\n"),
    ],
)
def test_what_can_be_told_is_printed(command: str, text: str, output: str) -> None:
    assert printed(shlex.split(command), scope(text)) == (output,)


def test_variables_are_printed() -> None:
    known = scope()
    known.assign_text("x", ("a", "b"))
    assert printed(["printenv", "x"], known) == ("a\n", "b\n")


@pytest.mark.parametrize(
    ("layout", "arguments", "output"),
    [
        ("a", [], "a"),
        ("a", ["b"], "a"),
        ("%s", [], ""),
        ("%s-%s ", ["a", "b", "c"], "a-b c- "),
        ("%s%%", ["a"], "a%"),
        (r"\x61%b", [r"\x62"], "ab"),
        ("%c", ["ab"], "a"),
        ("%5.2s", ["ab"], "ab"),
        ("%d", ["7"], "7"),
        ("%x", ["7"], UNKNOWN),
    ],
)
def test_printf_fills_its_layout(
    layout: str, arguments: list[str], output: str
) -> None:
    assert format_text(layout, arguments) == output


PROGRAMS = "echo printf base64 xxd rev tr sed dirname basename seq find cat"


@given(
    st.sampled_from(PROGRAMS.split(" ")),
    st.lists(st.text(max_size=8), max_size=4),
    st.text(max_size=20),
)
def test_any_words_and_any_input_print_something(
    program: str, words: list[str], text: str
) -> None:
    assert printed([program, *words], scope(text))
