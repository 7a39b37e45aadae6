"""Operators of parameters on known texts."""

from __future__ import annotations

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.policy.block.operators import calculate, cut, transform
from commander.policy.block.scope import UNKNOWN


@pytest.mark.parametrize(
    ("text", "operator", "pattern", "replacement", "result"),
    [
        ("a.b.c", "#", "*.", "", "b.c"),
        ("a.b.c", "##", "*.", "", "c"),
        ("a.b.c", "%", ".*", "", "a.b"),
        ("a.b.c", "%%", ".*", "", "a"),
        ("abc", "#", "x", "", "abc"),
        ("a*c", "#", r"a\*", "", "c"),
        ("abc", "#", "[!x]", "", "bc"),
        ("abc", "#", "[^a]", "", "abc"),
        ("a]c", "#", "a[]]", "", "c"),
        ("abc", "#", "[z-a]", "", UNKNOWN),
        ("abc", "#", "*a*b*c", "", UNKNOWN),
        ("a" * 300, "#", "a", "", UNKNOWN),
        ("axbx", "/", "x", "-", "a-bx"),
        ("axbx", "//", "x", "-", "a-b-"),
        ("axbx", "//", "x", "", "ab"),
        ("axbx", "//", "?x", "", ""),
        ("axbx", "/#", "a", "-", "-xbx"),
        ("axbx", "/#", "x", "-", "axbx"),
        ("axbx", "/%", "x", "-", "axb-"),
        ("axbx", "/%", "y", "-", "axbx"),
        ("axbx", "/", "", "-", "axbx"),
        ("aB", "^", "", "", "AB"),
        ("aB", "^^", "", "", "AB"),
        ("AB", ",", "", "", "aB"),
        ("AB", ",,", "", "", "ab"),
        ("ab", "@U", "", "", "AB"),
        ("ab", "@u", "", "", "Ab"),
        ("AB", "@L", "", "", "ab"),
        (r"\x41", "@E", "", "", "A"),
        ("ab", "length", "", "", "2"),
        ("ab", "@a", "", "", UNKNOWN),
        (UNKNOWN, "^^", "", "", UNKNOWN),
    ],
)
def test_operators_do_what_shells_do(
    text: str, operator: str, pattern: str, replacement: str, result: str
) -> None:
    assert transform(text, operator, pattern, replacement) == result


@pytest.mark.parametrize(
    ("text", "offset", "length", "result"),
    [
        ("abcd", "1", None, "bcd"),
        ("abcd", "1", "2", "bc"),
        ("abcd", " -2", None, "cd"),
        ("abcd", "0", "-1", "abc"),
        ("abcd", "1+1", "1", "c"),
        ("abcd", "", "1", "a"),
        ("abcd", "-9", None, ""),
        ("abcd", "x", None, UNKNOWN),
        ("abcd", "0", "x", UNKNOWN),
        (UNKNOWN, "0", "1", UNKNOWN),
    ],
)
def test_substrings_are_cut(
    text: str, offset: str, length: str | None, result: str
) -> None:
    assert cut(text, offset, length) == result


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("3", 3),
        (" 1 + 2 ", 3),
        ("2*3-1", 5),
        ("-4", -4),
        ("", None),
        ("x", None),
        ("1 2", None),
        ("999999*999999", None),
        ("1+", None),
    ],
)
def test_small_sums_are_calculated(text: str, result: int | None) -> None:
    assert calculate(text) == result


@given(st.text("ab*?x", max_size=12), st.text("ab*?", max_size=4))
def test_what_is_left_is_an_end_of_the_text(text: str, pattern: str) -> None:
    left = transform(text, "#", pattern, "")
    assert left == UNKNOWN or text.endswith(left)
    if left not in (text, UNKNOWN):
        assert fnmatch.fnmatchcase(text[: len(text) - len(left)], pattern)
