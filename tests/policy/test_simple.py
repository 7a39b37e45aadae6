"""What counts as one simple command of plain words, and how a refusal says why."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.policy.simple import NotPlain, plain_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ()),
        (" \t ", ()),
        ("ls", ("ls",)),
        (" ls\t-la ", ("ls", "-la")),
        ("a'b c'\"d'e\"f", ("ab cd'ef",)),
        ("a '' \"\"", ("a", "", "")),
        ("a b#c d~e 'f'#g", ("a", "b#c", "d~e", "f#g")),
        ("a 'x;$`\\\n' \"*?!\"", ("a", "x;$`\\\n", "*?!")),
        ("a A=1", ("a", "A=1")),
        ("a if eval", ("a", "if", "eval")),
        ("é \u00a0 \u2028", ("é", "\u00a0", "\u2028")),
    ],
)
def test_plain_words_lose_their_quotes(text: str, words: tuple[str, ...]) -> None:
    assert plain_words(text) == words


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        *((f"a {character}", character) for character in ";&|<>(){}*?!$"),
        *((f"a b{character}", character) for character in ";&|<>(){}*?!$"),
        ("a [", "["),
        ("a b]", "]"),
        ("a #b", "#"),
        ("a ~b", "~"),
        ("a `b`", "backtick"),
        ("a \\b", "backslash"),
        ("a\nb", "line break"),
        ("a 'b", "single quote"),
        ('a "b', "double quote"),
        ('a "$b"', "double quote"),
        ("A=1 b", "A="),
        ("'A'+=1 b", "A+="),
        ("if a", "if"),
        ("'done'", "done"),
        ("eval a", "eval"),
        ('"."', "."),
    ],
)
def test_a_refusal_names_what_is_not_plain(text: str, shown: str) -> None:
    found = plain_words(text)
    assert isinstance(found, NotPlain)
    assert shown in found.cause


@given(st.text("ab '\"\t=#~", max_size=20))
def test_plain_words_are_what_shlex_reads(text: str) -> None:
    words = plain_words(text)
    if not isinstance(words, NotPlain):
        assert list(words) == shlex.split(text)


@given(st.text())
def test_any_text_is_read_or_explained(text: str) -> None:
    found = plain_words(text)
    assert isinstance(found, tuple) or found.cause
