"""Regular expressions that cannot stall anybody."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.output.pattern_states import MAX_KEPT_STATES
from commander.output.patterns import Pattern, PatternProblem, compile_pattern

ATOMS = st.sampled_from(
    [
        *("a", "b", "ab", "k", "S", "i", "\u017f", "_", "1", " ", "é", "ǅ", "ϐ", "."),
        *(r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", r"\.", r"\-", r"\x61", r"\u00e9"),
        *(r"\U00000062", r"\t", r"\n", r"\0", r"\061"),
        *("[ab]", "[^a]", "[a-k]", "[^a-k_]", r"[\w.]", r"[^\s1]", r"[\]\-]", "[]a]"),
        *("[^]a]", "[a-]", "[-a]", r"[\b ]", "[K-S]", "[é-ϐ]", r"[\W1]", r"[^\W1]"),
        *("{", "}", "{,", "{a}", "a{", "]", "-", ","),
    ]
)
PLACES = st.sampled_from(["^", "$", r"\b", r"\B", r"\A", r"\Z"])
REPEATS = st.sampled_from(
    [
        *("*", "+", "?", "*?", "+?", "??", "{2}", "{0}", "{1,3}", "{,2}", "{2,}"),
        *("{,}", "{0,1}?", "{1,2}?"),
    ]
)


def composed(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    group = inner.map("({})".format) | inner.map("(?:{})".format)
    return st.one_of(
        st.lists(inner, max_size=4).map("".join),
        st.lists(inner, min_size=2, max_size=3).map("|".join),
        st.tuples(group, REPEATS).map("".join),
        group,
    )


PATTERNS = st.recursive(
    st.one_of(ATOMS, ATOMS, PLACES, st.tuples(ATOMS, REPEATS).map("".join)),
    composed,
    max_leaves=8,
)
LINES = st.text(
    alphabet="abkKsS\u017fi\u0130\u0131β\u0392ϐ_1٣ .-é漢ǆǅ\t{},", max_size=10
)


def compiled(text: str, *, ignore_case: bool = False) -> Pattern:
    pattern = compile_pattern(text, ignore_case=ignore_case)
    assert isinstance(pattern, Pattern)
    return pattern


@given(PATTERNS, st.lists(LINES, min_size=1, max_size=5), st.booleans())
def test_a_line_is_found_if_re_finds_it(
    text: str, lines: list[str], ignore_case: bool
) -> None:
    expected = re.compile(text, re.IGNORECASE if ignore_case else 0)
    pattern = compiled(text, ignore_case=ignore_case)
    for line in lines:
        # Whether an empty line has a place that is no boundary depends on the version.
        if line or r"\B" not in text:
            assert pattern.matches(line) == bool(expected.search(line))


@given(st.text(max_size=20), LINES)
def test_any_text_is_taken_or_refused(text: str, line: str) -> None:
    pattern = compile_pattern(text)
    if isinstance(pattern, Pattern):
        pattern.matches(line)
    else:
        assert pattern.text


LOG = [
    "2024-05-01 12:00:00 INFO started",
    "2024-05-01 12:00:01 ERROR no such file: /tmp/x (errno 2)",
    "warn: low disk",
    "warning: low disk",
    "wardrobe",
    "FAILED tests/test_a.py::test_b - AssertionError: 1 != 2",
    "==== 1 failed, 12 passed in 0.52s ====",
    "",
    "  at Object.<anonymous> (/app/index.js:10:5)",
    "größe: ÄRGER",
]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        (r"error|FAILED|\bwarn(ing)?\b", [2, 3, 5]),
        (r"(?i)error|failed", [1, 5, 6]),
        (r"(?i)ärger", [9]),
        (r"(?i)GRÖSSE", []),
        (r".*[Ee]rr(or|no).*", [1, 5]),
        (r"\d+ (failed|passed)", [6]),
        (r"^\s+at .+:\d+:\d+\)$", [8]),
        (r"^$", [7]),
        (r"^\d{4}-\d{2}-\d{2} .* (INFO|ERROR) ", [0, 1]),
        (r"\b(?P<file>[\w/]+\.(py|js))\b", [5, 8]),
        (r"\[|\]", []),
        (r"^=+ .* =+$", [6]),
        (r"disk\b|\bx\b", [1, 2, 3]),
        (r".*", list(range(10))),
        (r"", list(range(10))),
    ],
)
def test_patterns_as_models_write_them(text: str, numbers: list[int]) -> None:
    pattern = compiled(text)
    assert [n for n, line in enumerate(LOG) if pattern.matches(line)] == numbers
    assert numbers == [n for n, line in enumerate(LOG) if re.search(text, line)]


def test_case_is_ignored_if_either_asks_for_it() -> None:
    assert not compiled("error").matches("ERROR")
    assert compiled("error", ignore_case=True).matches("ERROR")
    assert compiled("(?i)error").matches("ERROR")


@pytest.mark.parametrize("line", ["mask", "MASK", "ma\u017fk", "mas\u212a"])
def test_case_is_ignored_in_letters_of_all_scripts(line: str) -> None:
    assert compiled("(?i)mask").matches(f"é {line}")
    assert compiled("(?i)ma\u017f\u212a").matches(line)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("error|fail", "a line of the log " * 20),
        (r"\bfail(ed|ure)\b.*\d+", "a line of the log " * 20),
        ("(?i)ERROR", "A Line Of The Log " * 20),
        ("(.*)(.*)(.*)x", "y" * 1_000),
        ("(?:ab){2,}", "a line"),
        ("(x+x+)+yz", "x" * 1_000),
    ],
)
def test_a_line_without_a_word_that_must_be_in_it_is_not_read(
    text: str, line: str
) -> None:
    pattern = compiled(text)
    assert not pattern.matches(line)
    assert pattern.steps == 0


def test_many_words_are_not_looked_for_one_by_one() -> None:
    pattern = compiled("|".join(f"w{n}x" for n in range(100)))
    assert pattern.matches("a w99x")
    assert not pattern.matches("a w99 x")
    assert pattern.steps > 0


@pytest.mark.parametrize(
    ("text", "line", "steps"),
    [
        ("(a*)*b", "a" * 100_000, 10),
        ("(a*)*[bc]", "a" * 100_000, 10),
        ("(a|aa)+$", "a" * 100_000 + "b", 10),
        ("^(a|aa)+$", "a" * 100_000 + "b", 10),
        ("(.*)(.*)(.*)[xz]", "y" * 100_000, 10),
        ("(x+x+)+y", "x" * 100_000 + " y", 10),
        ("([^y]+[^y]+)+[y]", "x" * 100_000, 10),
        (".{0,1000}a.{0,1000}", "a" * 100_000, 10),
        (".{0,100000}a.{0,100000}", "a" * 100_000, 10),
        ("x.{0,1000}[yz]", "x" * 100_000, 1_010),
        ("(a?){500}[b]$", "a" * 100_000, 510),
        ("((a{1,10}){1,10}){1,10}[b]", "a" * 100_000, 1_010),
        (r"(\b\w*\b)*[!]", "a" * 100_000, 10),
        ("(|a|b)*c*[d]", "ab" * 50_000, 10),
    ],
)
def test_hostile_patterns_cost_next_to_no_steps(
    text: str, line: str, steps: int
) -> None:
    """A backtracking matcher would take longer than the universe has for some."""
    compiled(text).matches(line)
    pattern = compiled(text)
    pattern.matches(line)
    assert pattern.steps <= steps


def test_a_pattern_that_is_always_somewhere_new_takes_a_step_a_character() -> None:
    pattern = compiled("(a|b)*a(a|b){200}c")
    line = "".join(random.Random(1).choices("ab", k=3 * MAX_KEPT_STATES))
    assert not pattern.matches(f"c{line}")
    assert MAX_KEPT_STATES < pattern.steps <= len(line) + 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a{2000}b{500}", "over 2,000 parts"),
        ("x" + "(" * 40 + "a" + "){99999999}" * 40 + "y", "over 2,000 parts"),
        ("x((((){999}){999}){999}){999}y", "over 2,000 parts"),
        ("x(((^){999}){999}){999}y", "over 2,000 parts"),
        ("x(a?b?c?d?){30}(" + "a?b?c?d?" * 15 + ")y", "too many parts"),
        ("(?=a)", "lookahead (?= is not supported, at character 1"),
    ],
)
def test_what_would_be_too_large_is_refused(text: str, problem: str) -> None:
    refused = compile_pattern(text)
    assert isinstance(refused, PatternProblem)
    assert problem in refused.text


@pytest.mark.parametrize("text", ["a{1998}", "x.{0,1000}y", "a{5}" + "|b" * 400])
def test_what_is_large_and_honest_is_taken(text: str) -> None:
    compiled(text)


@given(
    st.sampled_from(
        [
            ("a{3,}", "aaa"),
            ("(ab){1,}(c*|d{,5})", "ab"),
            ("(x|a*)(b+)", "b"),
            ("a*|b", ""),
            ("(a*)(b*)", ""),
            (".*^a", "^a"),
            (r"(a\b)+b?", r"a\b"),
        ]
    ),
    st.text(alphabet="abcdx ", max_size=8),
)
def test_what_a_pattern_may_begin_and_end_with_says_nothing(
    patterns: tuple[str, str], line: str
) -> None:
    text, same = patterns
    assert compiled(text).matches(line) == compiled(same).matches(line)
