"""Reading regular expressions."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.output.pattern_nodes import (
    NOTHING,
    Assertion,
    Characters,
    Choice,
    Node,
    Repeat,
    Sequence,
    size,
)
from commander.output.pattern_syntax import (
    MAX_NESTING,
    MAX_PATTERN_CHARACTERS,
    PatternProblem,
    Syntax,
    parse,
)


def letter(char: str) -> Characters:
    return Characters(((ord(char), ord(char)),))


A, B = letter("a"), letter("b")
PIECES = st.lists(
    st.sampled_from(
        [*"ab()[]{}|*+?^$\\.,-:=!<>#PiwdsbBAZzxuU0123 ", "(?", "(?:", "(?P<n>", "(?i)"]
    ),
    max_size=14,
).map("".join)


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("", NOTHING),
        ("a", A),
        ("ab", Sequence((A, B))),
        ("a|b", Choice((A, B))),
        ("a|", Choice((A, NOTHING))),
        ("|", Choice((NOTHING, NOTHING))),
        ("(a)", A),
        ("(?:ab)", Sequence((A, B))),
        ("(?P<name>a)(?<other>b)", Sequence((A, B))),
        ("()", NOTHING),
        ("a*", Repeat(A, 0, None)),
        ("a+?", Repeat(A, 1, None)),
        ("a??", Repeat(A, 0, 1)),
        ("a{3}", Repeat(A, 3, 3)),
        ("a{3,}?", Repeat(A, 3, None)),
        ("a{,3}", Repeat(A, 0, 3)),
        ("a{2,3}", Repeat(A, 2, 3)),
        ("a{,}", Repeat(A, 0, None)),
        ("(?:a*)*", Repeat(Repeat(A, 0, None), 0, None)),
        ("(^)*", Repeat(Assertion.LINE_START, 0, None)),
        ("a{", Sequence((A, letter("{")))),
        ("{}", Sequence((letter("{"), letter("}")))),
        ("a{,x}", Sequence((A, *map(letter, "{,x}")))),
        ("]", letter("]")),
        (".", Characters(((10, 10),), negated=True)),
        (
            r"^\b\B$",
            Sequence(
                (
                    Assertion.LINE_START,
                    Assertion.BOUNDARY,
                    Assertion.NO_BOUNDARY,
                    Assertion.LINE_END,
                )
            ),
        ),
        (r"\A\Z", Sequence((Assertion.LINE_START, Assertion.LINE_END))),
    ],
)
def test_a_pattern_is_read_as_its_parts(text: str, node: Node) -> None:
    assert parse(text) == Syntax(node, ignore_case=False)


@pytest.mark.parametrize(
    ("text", "char"),
    [
        (r"\.", "."),
        (r"\\", "\\"),
        (r"\-", "-"),
        (r"\é", "é"),
        (r"\t", "\t"),
        (r"\n", "\n"),
        (r"\a", "\a"),
        (r"\x41", "A"),
        (r"\u00e9", "é"),
        (r"\U0001f600", "\U0001f600"),
        (r"\0", "\0"),
        (r"\012", "\n"),
        (r"[\b]", "\b"),
        (r"[\]]", "]"),
        ("[]]", "]"),
        ("[.]", "."),
    ],
)
def test_an_escape_is_a_character(text: str, char: str) -> None:
    assert parse(text) == Syntax(letter(char), ignore_case=False)


@pytest.mark.parametrize(
    ("text", "characters"),
    [
        ("[ab]", Characters(((97, 97), (98, 98)))),
        ("[^ab]", Characters(((97, 97), (98, 98)), negated=True)),
        ("[a-c]", Characters(((97, 99),))),
        ("[a-a]", A),
        ("[a-]", Characters(((97, 97), (45, 45)))),
        ("[-a]", Characters(((45, 45), (97, 97)))),
        ("[^]a]", Characters(((93, 93), (97, 97)), negated=True)),
        (r"[\x41-\x43]", Characters(((65, 67),))),
        (r"[\w\d.]", Characters(((46, 46),), "wd")),
        (r"\W", Characters(kinds="W")),
        ("[[]", Characters(((91, 91),))),
        ("[[:]", Characters(((91, 91), (58, 58)))),
    ],
)
def test_a_class_is_a_set_of_characters(text: str, characters: Characters) -> None:
    assert parse(text) == Syntax(characters, ignore_case=False)


@pytest.mark.parametrize(
    ("text", "ignore_case"),
    [("(?i)a", True), ("(?im)a", True), ("(?s)(?i)a", True), ("(?msu)a", False)],
)
def test_flags_stand_at_the_start(text: str, ignore_case: bool) -> None:
    assert parse(text) == Syntax(A, ignore_case=ignore_case)


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("x(?=a)", 1, "lookahead (?= is not supported"),
        ("x(?!a)", 1, "negative lookahead (?! is not supported"),
        ("x(?<=a)", 1, "lookbehind (?<= is not supported"),
        ("x(?<!a)", 1, "negative lookbehind (?<! is not supported"),
        ("x(?>a)", 1, "an atomic group (?> is not supported"),
        ("(?P<n>a)(?P=n)", 8, "a backreference (?P= is not supported"),
        ("(a)?(?(1)b|c)", 4, "a conditional group (?( is not supported"),
        ("x(?#note)", 1, "a comment (?# is not supported"),
        (r"(a)\1", 3, r"a backreference \1 is not supported"),
        ("xa*+", 2, "a possessive repeat is not supported"),
        ("a{1,2}+", 1, "a possessive repeat is not supported"),
        ("(?x)a", 0, "the flag x is not supported"),
        ("a(?i)b", 1, "flags are supported at the start of the pattern only"),
        ("(?i:a)", 0, "flags are supported at the start of the pattern only"),
        ("(?-i:a)", 0, "flags are supported at the start of the pattern only"),
        ("(?P<1>a)", 0, "a group that cannot be read"),
        ("(?P<n", 0, "a group that cannot be read"),
        ("(?", 0, "a group that cannot be read"),
        ("*a", 0, "a repeat of nothing"),
        ("a|{2}", 2, "a repeat of nothing"),
        ("(?:+)", 3, "a repeat of nothing"),
        ("^*", 1, "a repeat of a place"),
        (r"a\b{2}", 3, "a repeat of a place"),
        ("a**", 2, "a repeat of a repeat; put a group around the first"),
        ("a{2}?{3}", 5, "a repeat of a repeat; put a group around the first"),
        ("a{3,2}", 1, "a repeat whose bounds are in the wrong order"),
        ("x(a", 1, "a parenthesis ( that does not close"),
        ("a)", 1, "a parenthesis ) that opens nowhere"),
        ("x[a", 1, "a class [ that does not close"),
        ("x[]", 1, "a class [ that does not close"),
        ("[a-", 0, "a class [ that does not close"),
        ("[b-a]", 1, "a range whose ends are in the wrong order"),
        (r"[\w-a]", 1, "a range whose ends are in the wrong order"),
        (r"[a-\w]", 1, "a range whose ends are in the wrong order"),
        ("[[:digit:]]", 1, r"a POSIX class is not supported; write \s, \w or \d"),
        ("a\\", 1, "a backslash at the end"),
        ("[\\", 1, "a backslash at the end"),
        (r"\p{L}", 0, r"the escape \p cannot be read"),
        (r"[\B]", 1, r"the escape \B cannot be read"),
        (r"[\1]", 1, r"the escape \1 cannot be read"),
        (r"\x4", 0, r"the escape \x cannot be read"),
        (r"\U00110000", 0, "no character has the number 00110000"),
    ],
)
def test_what_is_not_taken_is_named_with_its_place(
    text: str, place: int, problem: str
) -> None:
    where = f"at character {place + 1} of the pattern"
    assert parse(text) == PatternProblem(f"{problem}, {where}", place)


def test_a_pattern_has_a_longest_length() -> None:
    assert isinstance(parse("a" * MAX_PATTERN_CHARACTERS), Syntax)
    assert parse("a" * (MAX_PATTERN_CHARACTERS + 1)) == PatternProblem(
        "the pattern has 1,001 characters; the most is 1,000", 1_000
    )


def test_groups_nest_to_a_depth() -> None:
    deepest = "(" * MAX_NESTING + "a" + ")" * MAX_NESTING
    assert parse(deepest) == Syntax(A, ignore_case=False)
    problem = parse(f"({deepest})")
    assert isinstance(problem, PatternProblem)
    assert problem.place == MAX_NESTING
    assert "more than 50 groups within each other" in problem.text
    # One after the other they are not within each other.
    assert isinstance(parse("(a)" * (MAX_NESTING + 1)), Syntax)


def test_repeats_are_not_written_out() -> None:
    text = "(" * 40 + "a" + "){999999999}" * 40
    syntax = parse(text)
    assert isinstance(syntax, Syntax)
    assert size(syntax.node) > 999_999_999**40


@given(PIECES | st.text(max_size=20))
def test_any_text_is_read_or_refused_and_nothing_is_read_that_re_refuses(
    text: str,
) -> None:
    read = parse(text)
    if isinstance(read, PatternProblem):
        assert read.text
        assert 0 <= read.place <= len(text)
    elif "(?<" not in text and text.count("(?P<n>") < 2:
        re.compile(text)
