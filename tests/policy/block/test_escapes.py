"""Backslash escapes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.policy.block.escapes import decode_escapes


@pytest.mark.parametrize(
    ("text", "decoded"),
    [
        ("plain", "plain"),
        (r"a\tb\n", "a\tb\n"),
        (r"\\ \' \" \?", "\\ ' \" ?"),
        (r"\x41\x4g", "A\x04g"),
        (r"\101\0101\57", "AA/"),
        (r"\u00e9\U0001F600", "é😀"),
        (r"\q \e", "\\q \x1b"),
        (r"a\0b\x00c\UFFFFFFFF", "abc"),
        ("\\", "\\"),
    ],
)
def test_escapes_are_decoded_as_shells_do(text: str, decoded: str) -> None:
    assert decode_escapes(text) == decoded


@given(st.text(st.characters(exclude_characters="\\")))
def test_text_without_escapes_stays(text: str) -> None:
    assert decode_escapes(text) == text
