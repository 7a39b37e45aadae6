"""Parts of a pattern, and which characters they mean."""

from __future__ import annotations

import re
import sys

import pytest

from commander.output.pattern_nodes import (
    NOTHING,
    Assertion,
    Characters,
    Choice,
    Node,
    Repeat,
    Sequence,
    in_words,
    literal,
    may_be_empty,
    same_letters,
    size,
)

A = Characters(((97, 97),))
DIGIT = Characters(kinds="d")
SAMPLES = [*map(chr, range(0x300)), *"\u0660\u2028\u3000\u4e00\u2167\u00b2\U0001f600"]


def test_letters_are_the_same_as_for_re_without_case() -> None:
    """All of those that have a case, of the Unicode that Python knows."""
    cased = [
        char
        for char in map(chr, range(sys.maxunicode + 1))
        if char.lower() != char or char.upper() != char
    ]
    text = "".join(cased)
    for char in cased:
        found = re.findall(re.escape(char), text, re.IGNORECASE)
        assert sorted(same_letters(char)) == sorted(found)


def test_a_character_without_case_is_the_same_as_itself() -> None:
    for char in "1 _漢\n\u0301":
        assert same_letters(char) == (char,)


@pytest.mark.parametrize("kind", "dDsSwW")
@pytest.mark.parametrize("negated", [False, True])
def test_kinds_are_those_of_re(kind: str, negated: bool) -> None:
    expression = re.compile(f"[{'^' if negated else ''}\\{kind}x]")
    characters = Characters(((120, 120),), kind, negated)
    for char in SAMPLES:
        assert characters.include((char,)) == bool(expression.match(char))


def test_words_are_made_of_what_re_says() -> None:
    for char in SAMPLES:
        assert in_words(char) == bool(re.match(r"\w", char))


def test_a_set_includes_its_borders() -> None:
    characters = Characters(((98, 100), (102, 102)))
    assert [c for c in "abcdefg" if characters.include((c,))] == [*"bcdf"]


def test_a_set_means_what_is_the_same_as_its_characters() -> None:
    assert A.include(("A", "a"))
    assert not Characters(((97, 97),), negated=True).include(("A", "a"))


@pytest.mark.parametrize(
    ("node", "parts"),
    [
        (A, 1),
        (Assertion.BOUNDARY, 1),
        (NOTHING, 1),
        (Sequence((A, A)), 3),
        (Choice((A, Sequence((A, A)))), 5),
        (Repeat(A, 0, None), 2),
        (Repeat(A, 3, None), 4),
        (Repeat(A, 0, 0), 1),
        (Repeat(Repeat(NOTHING, 0, 1_000), 0, 1_000), 1_001_001),
    ],
)
def test_size_is_that_of_a_pattern_whose_repeats_are_written_out(
    node: Node, parts: int
) -> None:
    assert size(node) == parts


@pytest.mark.parametrize(
    ("node", "empty"),
    [
        (A, False),
        (Assertion.LINE_START, False),
        (NOTHING, True),
        (Repeat(A, 0, 1), True),
        (Repeat(A, 1, 2), False),
        (Repeat(Repeat(A, 0, 1), 2, 2), True),
        (Sequence((NOTHING, A)), False),
        (Sequence((NOTHING, Repeat(A, 0, None))), True),
        (Choice((A, NOTHING)), True),
        (Choice((A, Assertion.LINE_END)), False),
    ],
)
def test_what_may_be_empty_is_so_everywhere(node: Node, empty: bool) -> None:
    assert may_be_empty(node) == empty
    assert Repeat(node, 1, 1).may_be_empty == empty


@pytest.mark.parametrize(
    ("node", "letter"),
    [
        (A, "a"),
        (DIGIT, ""),
        (Characters(((97, 98),)), ""),
        (Characters(((97, 97), (99, 99))), ""),
        (Characters(((97, 97),), "d"), ""),
        (Characters(((97, 97),), negated=True), ""),
        (Repeat(A, 1, 1), ""),
    ],
)
def test_a_literal_is_one_character_and_no_other(node: Node, letter: str) -> None:
    assert literal(node) == letter
