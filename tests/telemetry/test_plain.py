"""What values and texts look like before they are written."""

from __future__ import annotations

import enum
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from commander.telemetry.plain import (
    MOST_CHARACTERS,
    cut,
    number_text,
    plain,
    plain_text,
    printable,
    without_query_words,
)


class Colour(enum.Enum):
    RED = "red"
    BLUE = 2


class Angry:
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", "text"),
        (7, 7),
        (0.5, 0.5),
        (True, True),
        (None, None),
        (b"caf\xc3\xa9 \xff", "café \\xff"),
        (Colour.RED, "red"),
        (Colour.BLUE, "BLUE"),
        (("a", 1, None), ["a", 1, None]),
        ({"a": Colour.RED, 2: b"x"}, {"a": "red", "2": "x"}),
        ([["deep"]], ["['deep']"]),
        (float("nan"), "nan"),
        (2**64, str(2**64)),
        ("name\udcff", "name\\udcff"),
    ],
)
def test_every_value_becomes_one_that_json_can_hold(
    value: object, expected: object
) -> None:
    assert plain(value) == expected


def test_a_value_that_cannot_be_shown_does_no_harm() -> None:
    assert "Angry" in str(plain(Angry()))


def test_an_integer_too_long_to_print_does_no_harm() -> None:
    assert isinstance(plain(10**5000), str)


def test_a_list_keeps_a_hundred_items() -> None:
    assert plain(range(3)) == "range(0, 3)"
    assert plain(list(range(101))) == list(range(100))


def test_a_text_at_the_limit_is_whole_and_one_above_it_is_cut_with_its_length() -> None:
    assert plain_text("x" * MOST_CHARACTERS) == "x" * MOST_CHARACTERS
    assert plain_text("x" * 4097) == "x" * 4096 + "… (4097 characters in all)"


@pytest.mark.parametrize("letter", ["x", "é"])
def test_a_text_is_cut_behind_its_longest_length(letter: str) -> None:
    longest = letter * MOST_CHARACTERS
    assert plain(longest) == longest
    assert plain([longest]) == [longest]
    cut_text = f"{longest}… ({MOST_CHARACTERS + 1} characters in all)"
    assert plain(longest + letter) == cut_text
    assert plain([longest + letter]) == [cut_text]


def test_the_length_of_a_cut_text_is_no_bare_401() -> None:
    assert cut("x" * 401, 1) == "x… (4.01e2 characters in all)"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (401, "4.01e2"),
        (401.0, "4.01e2"),
        (-401, "-4.01e2"),
        (14012, "14.012e3"),
        (40100, "4.01e4"),
        (0.401, "4.01e-1"),
        (12.3401, "1234.01e-2"),
        (400, "400"),
        (4.01, "4.01"),
        (4013 * 10**15 + 7, "4013000000000000007"),
    ],
)
def test_the_digits_401_are_broken_by_the_decimal_point(
    number: float, text: str
) -> None:
    assert number_text(number) == text
    assert json.loads(text) == number


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
@example(401)
@example(-0.0004010)
@example(1.0401e-300)
def test_a_number_keeps_its_value(number: float) -> None:
    assert json.loads(number_text(number)) == number


@given(st.integers(0, 999), st.integers(0, 999))
def test_a_number_with_401_in_it_never_shows_it(before: int, after: int) -> None:
    number = int(f"{before}401{after}")
    once = str(number).count("401") == 1

    assert ("401" in number_text(number)) == (not once)


def test_words_that_operators_look_for_are_broken() -> None:
    assert without_query_words("line 401, blocked by CMD_EXEC") == (
        "line 4·01, b·locked by C·MD_EXEC"
    )


def test_control_characters_become_escapes_and_letters_stay() -> None:
    assert printable("é\n\x1b[31m\x7f\x9b\u2028\u202e") == (
        "é\\n\\u001b[31m\\u007f\\u009b\\u2028\\u202e"
    )


@given(st.text())
def test_escaping_a_json_text_keeps_its_meaning(text: str) -> None:
    line = printable(json.dumps(text, ensure_ascii=False))

    assert line.isprintable()
    assert json.loads(line) == text
