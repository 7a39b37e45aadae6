"""How far apart two names are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.edits import edits

WORDS = st.text("ab", max_size=6)


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [
        ("", "", 0),
        ("port", "port", 0),
        ("port", "prot", 2),
        ("port", "sport", 1),
        ("", "ab", 2),
    ],
)
def test_an_edit_adds_takes_away_or_changes_a_letter(
    one: str, other: str, distance: int
) -> None:
    assert edits(one, other, 2) == distance


def test_what_is_much_longer_is_above_the_limit() -> None:
    assert edits("a", "aaaaaaaa", 2) == 3


@given(WORDS, WORDS, WORDS)
def test_it_is_a_distance(one: str, other: str, third: str) -> None:
    assert edits(one, other, 6) == edits(other, one, 6)
    assert (edits(one, other, 6) == 0) == (one == other)
    assert edits(one, third, 12) <= edits(one, other, 12) + edits(other, third, 12)
