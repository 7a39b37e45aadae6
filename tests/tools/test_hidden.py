"""What was typed in secret: hidden in whatever pieces it is printed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from commander.tools.hidden import LEAST_CHARACTERS, hidden, parts_of

SECRET = "0123456789"


def test_a_secret_is_hidden_wherever_it_stands() -> None:
    assert hidden(f"a {SECRET}{SECRET} b", [SECRET]) == "a [secret][secret] b"
    assert hidden("nothing", [SECRET]) == "nothing"
    assert hidden("", [SECRET]) == ""


def test_the_longest_is_hidden_first() -> None:
    assert hidden("password-2", ["password", "password-2"]) == "[secret]"


def test_what_stands_at_a_border_is_hidden_if_there_is_enough_of_it() -> None:
    assert hidden("6789 then 0123", [SECRET]) == "[secret] then [secret]"
    assert hidden("789 then 012", [SECRET]) == "789 then 012"
    assert hidden("then 6789 then", [SECRET]) == "then 6789 then"


def test_a_piece_of_its_middle_is_hidden() -> None:
    assert hidden("3456", [SECRET]) == "[secret]"


def test_the_parts_of_a_text_are_its_lines_that_are_long_enough() -> None:
    assert parts_of("first\r\n no \nsecond one\nx") == ["first", "second one"]
    assert parts_of("") == []


@given(
    st.text("ab", max_size=30),
    st.text("ab", max_size=30),
    st.integers(1, 60),
)
def test_no_piece_shows_a_recognizable_part(
    before: str, after: str, length: int
) -> None:
    whole = before + SECRET + after
    pieces = [whole[at : at + length] for at in range(0, len(whole), length)]
    for piece in pieces:
        shown = hidden(piece, [SECRET])
        for at in range(len(SECRET) - LEAST_CHARACTERS + 1):
            assert SECRET[at : at + LEAST_CHARACTERS] not in shown
