"""Builtins of the shell: which words of them pass, in sh and in bash."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.policy.allow.fields import UNKNOWN, Field
from commander.policy.allow.shell_builtins import IMPLICIT, REFUSED, builtin_problems
from commander.policy.shell.syntax import Dialect

BOTH = [Dialect.SH, Dialect.BASH]


def problems(text: str, dialect: Dialect) -> list[str]:
    """``$`` is a variable in double quotes, ``@`` one without quotes."""
    fields = [
        Field(word.replace("$", UNKNOWN).replace("@", UNKNOWN), loose="@" in word)
        for word in text.split()
    ]
    return list(builtin_problems(fields, dialect))


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize(
    "command",
    [
        "test -f x",
        "test",
        "test $",
        "[ $ = y ]",
        "[ $ ]",
        "[ -n $ ]",
        "[ $ -eq 1 -a $ -nt $ ]",
        "[ ! -e x ]",
        "set -e",
        "set -eux",
        "set +x",
        "set -euo pipefail",
        "set -o errexit -o nounset",
        "set",
        "printf %s $",
        "printf",
        "printf -- $",
        "read",
        "read -r x",
        "read -ers x y",
        "read -p prompt x",
        "read -rp prompt x",
        "read -n1 -t 5 x",
        "read -ra list",
        "read -a list",
        "read -d : x",
        "export X=1",
        "export X",
        "export -p",
        "export X=$",
        "readonly X+=1",
        "local x y=2",
        "declare -ax list",
        "declare +x y",
        "typeset -r x=1",
        "unset x y",
        "unset -f x",
        "unset -v x",
        "wait",
        "wait 3 $",
        "jobs",
        "echo -v $",
        "kill -9 1",
    ],
)
def test_harmless_words_pass(command: str, dialect: Dialect) -> None:
    assert problems(command, dialect) == []


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize(
    ("command", "part"),
    [
        ("test -v x", "`-v`"),
        ("[ -R x ]", "`-R`"),
        ("set a", "`a`"),
        ("set -- a", "`--`"),
        ("set -", "`-`"),
        ("set -$", "`-...`"),
        ("set @", "`...`"),
        ("set -a", "`-a`"),
        ("set -k -e", "`-k`"),
        ("set -o posix", "`posix`"),
        ("set -eo $", "`...`"),
        ("printf -v x y", "`-v`"),
        ("printf -vx y", "`-v`"),
        ("read PATH", "`PATH`"),
        ("read x[1]", "`x[1]`"),
        ("read $", "`...`"),
        ("read -a PATH", "`PATH`"),
        ("read -aPATH", "`PATH`"),
        ("read -a", "``"),
        ("read -ra a[1] x", "`a[1]`"),
        ("read -n a[1] x", "`-n`"),
        ("read -t$ x", "`-t`"),
        ("read -z x", "`-z`"),
        ("read -rz x", "`-rz`"),
        ("export PATH=x", "`PATH`"),
        ("export LD_PRELOAD", "`LD_PRELOAD`"),
        ("export $", "`...`"),
        ("export a[1]=2", "`a[1]`"),
        ("export -n x", "`-n`"),
        ("declare x=(1)", "`x=(1)`"),
        ("readonly IFS+=x", "`IFS`"),
        ("export LD_PRELOAD+=x.so", "`LD_PRELOAD`"),
        ("declare -i x=1", "`-i`"),
        ("declare -n x=y", "`-n`"),
        ("local -$ x", "`-...`"),
        ("typeset -f", "`-f`"),
        ("unset PATH", "`PATH`"),
        ("unset a[1]", "`a[1]`"),
        ("unset -n x", "`-n`"),
        ("wait -n", "option"),
        ("wait -p x", "option"),
        ("jobs -x ls", "`-x`"),
        ("jobs @", "`-x`"),
    ],
)
def test_what_evaluates_or_steers_is_refused(
    command: str, part: str, dialect: Dialect
) -> None:
    (problem, *_) = problems(command, dialect)
    assert part in problem


@pytest.mark.parametrize(
    ("command", "part"),
    [
        ("[ @ = y ]", "`...` without quotes"),
        ("test x = @", "`...` without quotes"),
        ("[ $ x ]", "`...` may become an operator"),
        ("test $ $", "`...` may become an operator"),
        ("printf $", "`...` may become the option"),
        ("printf @ x", "`...` may become the option"),
    ],
)
def test_bash_evaluates_more(command: str, part: str) -> None:
    (problem,) = problems(command, Dialect.BASH)
    assert part in problem
    assert problems(command, Dialect.SH) == []


def test_no_builtin_is_implicit_and_refused() -> None:
    assert IMPLICIT.isdisjoint(REFUSED)
    assert all(problems(name, Dialect.BASH) == [] for name in IMPLICIT)


PIECES = "-v -R -a -o -e -p = [ ] x x=1 PATH PATH=x a[1] -- - + pipefail"
WORDS = st.one_of(
    st.sampled_from(PIECES.split()),
    st.text(max_size=5),
    st.just(UNKNOWN),
)
NAMES = "test [ set printf read export readonly declare typeset local unset wait jobs"


@given(
    st.sampled_from(NAMES.split()),
    st.lists(st.builds(Field, WORDS, st.booleans(), st.booleans()), max_size=6),
    st.sampled_from(BOTH),
)
def test_every_row_of_words_is_decided(
    name: str, words: list[Field], dialect: Dialect
) -> None:
    for problem in builtin_problems([Field(name), *words], dialect):
        assert problem
        assert UNKNOWN not in problem
