"""Running automata over lines."""

from __future__ import annotations

import random

import pytest

from commander.output.pattern_nodes import NOTHING
from commander.output.pattern_states import (
    MAX_KEPT_STATES,
    MAX_KEPT_STEPS,
    LineMatcher,
)
from commander.output.pattern_syntax import Syntax, parse


def matcher_of(text: str, *, ignore_case: bool = False) -> LineMatcher:
    syntax = parse(text)
    assert isinstance(syntax, Syntax)
    return LineMatcher(syntax.node, ignore_case=ignore_case)


def test_a_character_costs_a_step_once() -> None:
    matcher = matcher_of("ab+c")
    assert matcher.matches("xxabbbbbbbc")
    # Two of x, as the start of a line is a place of its own.
    assert matcher.steps == 6
    assert matcher.matches("xxabbbbbbbc")
    assert matcher.steps == matcher.kept_steps == 6


def test_what_follows_a_match_costs_nothing() -> None:
    matcher = matcher_of("a")
    assert matcher.matches("ab" + "".join(map(chr, range(0x4E00, 0x5000))))
    assert matcher.steps == 2


def test_nothing_is_found_in_every_line() -> None:
    matcher = LineMatcher(NOTHING, ignore_case=False)
    assert matcher.matches("")
    assert matcher.matches("a")


@pytest.mark.parametrize(
    ("text", "found", "not_found"),
    [
        ("^$", [""], ["a"]),
        ("^a", ["ab"], ["ba"]),
        ("a$", ["ba"], ["ab"]),
        (r"\ba\b", ["a", "-a-", "a b"], ["ab", "_a", "1a", "éa"]),
        (r"a\Bb", ["ab"], ["a b"]),
        (r"\B-\B", ["-", "--"], ["a-", "-a"]),
        ("a^b|a$b", [], ["ab", "a", "b"]),
        (r"(\b|a){3}b", ["aaab", "aab", "-b", "b"], ["0b", "0ab"]),
    ],
)
def test_a_place_is_judged_by_what_stands_beside_it(
    text: str, found: list[str], not_found: list[str]
) -> None:
    matcher = matcher_of(text)
    # Again, as what was remembered must say the same.
    for _ in range(2):
        assert [line for line in found + not_found if matcher.matches(line)] == found


def test_states_that_are_always_new_are_forgotten_in_time() -> None:
    lines = random.Random(1)
    matcher = matcher_of("a[ab]{50}c")
    characters = 0
    while characters < 4 * MAX_KEPT_STATES:
        line = "".join(lines.choices("ab", k=500))
        assert not matcher.matches(line)
        assert matcher.matches(f"{line}{'a' * 51}c")
        characters += 2 * len(line) + 52
        assert matcher.kept_states <= MAX_KEPT_STATES
        assert matcher.kept_steps <= MAX_KEPT_STATES
    assert MAX_KEPT_STATES < matcher.steps <= characters


def test_steps_of_many_letters_are_forgotten_in_time() -> None:
    matcher = matcher_of("a.b")
    letters = "".join(map(chr, range(0x1000, 0x1000 + MAX_KEPT_STEPS)))
    for _ in range(2):
        assert not matcher.matches(letters)
        assert matcher.kept_steps <= MAX_KEPT_STEPS
        assert matcher.matches("a漢b")
    assert matcher.steps > MAX_KEPT_STEPS
    assert matcher.kept_states < 10


def test_letters_are_the_same_without_case_if_that_is_asked() -> None:
    for text, line in [
        ("straße", "STRAẞE"),
        ("[k]", "K"),
        ("\u03c3", "ς"),
        ("[à-ý]", "Ü"),
    ]:
        assert matcher_of(text, ignore_case=True).matches(line)
        assert not matcher_of(text).matches(line)
    assert not matcher_of("[^k]", ignore_case=True).matches("K")
