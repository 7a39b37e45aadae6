"""Every text is read or refused, in bounded time and depth."""

from __future__ import annotations

import contextlib
import inspect
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.policy.budget import MAX_NESTING, Budget
from commander.policy.shell.parser import (
    NotModelledError,
    TooDeepError,
    TooMuchError,
    parse,
)
from commander.policy.shell.syntax import (
    Dialect,
)
from tests.policy.shell.trees import BASH, BOTH, SH, SHELLISH

# --- bounds --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "before", "inmost", "after"),
    [
        ("", "$(", "a", ")"),
        ("", "<(", "a", ")"),
        ("", "(a; ", "b", ")"),
        ("", "{ ", "a", "; }"),
        ("a ", "${x:-", "b", "}"),
        ("a ", "$(( ", "1", " ))"),
        ("", 'a "$(', "b", ')"'),
        ("", "if ", "a", "; then b; fi"),
        ("", "f() { ", "a", "; }"),
        ("", "case a in (a) ", "b", ";; esac"),
        ("", "x=$(", "a", ")"),
        ("", "x=($(", "a", "))"),
        ("", "[[ $(", "a", ") ]]"),
    ],
)
def test_nesting_has_a_bound(first: str, before: str, inmost: str, after: str) -> None:
    def nested(levels: int) -> str:
        return first + before * levels + inmost + after * levels

    parse(nested(MAX_NESTING // 2), BASH)
    with pytest.raises(TooDeepError):
        parse(nested(MAX_NESTING + 1), BASH)
    with pytest.raises(TooDeepError):
        parse(nested(2), BASH, depth=MAX_NESTING - 1)


def test_a_caller_deep_in_the_stack_gets_an_answer() -> None:
    def deep(levels: int) -> None:
        if levels:
            deep(levels - 1)
        else:
            parse("$(" * 20 + "a" + ")" * 20, SH)

    deep(1)
    with pytest.raises(TooDeepError):
        deep(sys.getrecursionlimit() - len(inspect.stack(0)) - 80)


def test_a_budget_is_charged_for_commands_and_characters() -> None:
    budget = Budget()
    parse("a; b `c`" + " " * 1600, SH, budget=budget)
    assert budget.commands == 3
    assert budget.work > 100
    with pytest.raises(TooMuchError, match="commands"):
        parse("a;" * 3000, SH)
    with pytest.raises(TooMuchError, match="steps"):
        parse("a <<E\n" + "$x\n" * 100_000, SH)


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize(
    "text",
    [
        "a" * 200_000,
        "\\a" * 100_000,
        "a\\\n" * 70_000,
        "'a'" * 60_000,
        "[" * 200_000,
        "a=" + ":~" * 60_000,
        "a " * 60_000,
        "a {" + "a," * 60_000 + "}",
        "a " + "{1..1}" * 20_000,
        "a *" + "''*" * 30_000,
        "(" * 200_000,
        "`" * 200_000,
        "a <<E\n" + "a\\\n" * 30_000,
        "a " + "<<E " * 10_000 + "\n" + "E\n" * 10_000,
        "[[ a =~ " + "()" * 30_000 + " ]]",
        "a[" + "$a" * 30_000 + "]=1",
    ],
)
def test_long_texts_take_no_longer_than_they_are_long(
    text: str, dialect: Dialect
) -> None:
    """Quadratic time would be minutes; no wall time is asserted beyond that."""
    before = time.process_time()
    with contextlib.suppress(NotModelledError, TooDeepError, TooMuchError):
        parse(text, dialect)
    assert time.process_time() - before < 20


@given(st.text(), st.sampled_from(Dialect))
def test_any_text_is_read_or_refused(text: str, dialect: Dialect) -> None:
    with contextlib.suppress(NotModelledError, TooDeepError, TooMuchError):
        parse(text, dialect)


@given(SHELLISH, st.sampled_from(Dialect))
def test_any_shellish_text_is_read_or_refused(text: str, dialect: Dialect) -> None:
    with contextlib.suppress(NotModelledError, TooDeepError, TooMuchError):
        parse(text, dialect)
