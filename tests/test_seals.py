"""A text is ours or it is not: not one bit of it can be changed."""

from __future__ import annotations

import base64
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.seals import Seal

requirement = pytest.mark.requirement

SEAL = Seal(b"key", "session")
LETTERS = string.ascii_letters + string.digits + "-_"


@given(st.binary(max_size=60), st.text(max_size=20))
def test_what_was_closed_opens_to_the_same(payload: bytes, bound_to: str) -> None:
    text = SEAL.close(payload, bound_to)
    assert SEAL.open(text, bound_to) == payload
    assert set(text) <= set(LETTERS)


@requirement("M36")
@given(st.binary(max_size=20), st.text(max_size=9), st.text(max_size=9))
def test_it_opens_for_nobody_else(payload: bytes, one: str, other: str) -> None:
    assert (SEAL.open(SEAL.close(payload, one), other) == payload) == (one == other)


def test_another_key_or_another_purpose_opens_nothing() -> None:
    text = SEAL.close(b"payload")
    assert Seal(b"yek", "session").open(text) is None
    assert Seal(b"key", "sessions").open(text) is None
    assert Seal(b"key", "session").open(text) == b"payload"


@requirement("M36")
def test_no_other_letter_at_any_place_opens_it() -> None:
    """The last letter of some lengths has bits that stand for nothing."""
    for length in range(20, 24):
        text = SEAL.close(b"x" * length)
        for place, letter in enumerate(text):
            for other in set(LETTERS + "=. ") - {letter}:
                assert SEAL.open(text[:place] + other + text[place + 1 :]) is None


def test_nothing_more_and_nothing_less_opens_it() -> None:
    text = SEAL.close(b"payload")
    for other in (text + "=", text + "A", text[:-1], text[1:], " " + text, text + "\n"):
        assert SEAL.open(other) is None


@given(
    st.text(max_size=80)
    | st.binary(max_size=60).map(
        lambda data: base64.urlsafe_b64encode(data).decode().rstrip("=")
    )
)
def test_an_invention_opens_to_nothing(text: str) -> None:
    assert SEAL.open(text) is None
