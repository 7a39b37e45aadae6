"""Every text is decided within a fixed amount of work."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.policy.block.invocation import Invocation
from commander.policy.block.scope import Scope
from commander.policy.block.walk import Walk
from commander.policy.budget import (
    MAX_COMMANDS,
    MAX_WORK,
    Budget,
    TooDeepError,
    TooMuchError,
)
from commander.policy.shell.parser import NotModelledError, parse
from commander.policy.shell.syntax import Dialect


class Nobody:
    """Looks at nothing."""

    def command(self, invocation: Invocation) -> None: ...

    def unread(self, text: str) -> None: ...


def work(text: str, dialect: Dialect = Dialect.BASH) -> int:
    """Steps until a text is decided; the charge that ends it is not yet done."""
    budget = Budget()
    with contextlib.suppress(TooDeepError, NotModelledError, TooMuchError):
        script = parse(text, dialect, budget=budget)
        Walk(budget, Nobody()).script(script, Scope(budget, dialect, ("/tmp",)))
    return budget.work


def test_a_budget_ends_at_each_of_its_bounds() -> None:
    budget = Budget()
    budget.spend(MAX_WORK)
    with pytest.raises(TooMuchError):
        budget.spend(1)
    for _ in range(MAX_COMMANDS):
        budget.command()
    with pytest.raises(TooMuchError):
        budget.command()


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("echo " + "{a,$(echo " * 12 + "a" + ")}{a,b}{a,b}" * 12, MAX_WORK + 10_000),
        (
            "echo " + "$(echo " * 9 + "{a,b}{a,b}" + "){a,b}{a,b}{a,b}" * 9,
            MAX_WORK + 10_000,
        ),
        (
            "echo $(echo " * 29 + "$(echo " * 29 + "a " * 1000 + ")" * 58,
            MAX_WORK + 1000,
        ),
        ("echo $(echo " * 29 + "a " * 1000 + ")" * 29, MAX_WORK),
        ("git status && ls -la", 50),
        ("echo $(git rev-parse HEAD) {a,b}", 100),
    ],
)
def test_nesting_does_not_multiply_the_work(text: str, most: int) -> None:
    assert work(text) <= most


NESTINGS = st.sampled_from(
    [
        ("$(echo ", ")"),
        ("{a,", "}{a,b}{a,b}"),
        ("{a,$(echo ", ")}{a,b}"),
        ("`echo ", "`"),
        ("for x in ", "; do $x; done"),
        ("env ", " x"),
        ("sh -c '", "'"),
        ("${x:-", "}$x$x"),
        ("x=", "; eval $x $x"),
        ("cat <<< ", " | sh"),
        ("set -- ", '; echo "$@" $@'),
        ("if x; then ", "; else x=$x$y; fi"),
        ("while x; do ", "; x=$x.; done"),
        ("f() { ", "; f a; }; f; f"),
        ("x=(", ") ; echo ${x[@]} ${x[*]}"),
        ("a && ", " || b"),
    ]
)


@given(
    nestings=st.lists(st.tuples(NESTINGS, st.integers(1, 30)), max_size=5),
    inner=st.sampled_from(["a", "a " * 500, "{a,b}" * 20, "$x" * 200]),
)
def test_any_nesting_is_decided_within_the_budget(
    nestings: list[tuple[tuple[str, str], int]], inner: str
) -> None:
    text = f"x=ab; echo {inner}"
    for (before, after), count in nestings:
        text = before * count + text + after * count
    # The last charge may go over the bound, by as much as one word can cost.
    assert work(text[: 32 * 1024]) <= MAX_WORK * 2
