"""awk programs: plain ones pass, what could run or write anything does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.policy.allow.awk import awk_problem

PLAIN = [
    "{print $1}",
    "{ print $1, $NF }",
    "NR>=10 && NR<=20",
    "/a|b/ {print}",
    "$0 ~ /x>y/ {n++} END {print n}",
    "$3 > 5 {print $1}",
    "{print ($1 > 2)}",
    "{if ($1 > 2) print $1}",
    "{ if ($1 / 2 > 3) print $2 / $3 }",
    "!seen[$0]++",
    '{gsub(/"/,""); print}',
    '{gsub("|", "/"); print}',
    'BEGIN{FS="|"} {print $2}',
    "# a | comment\n{print}",
    "/[/|]/ {print}",
    '{print "a|b > c"}',
    '{printf "%s\\n", $1}',
    "{a[$1]+=$2} END{for (k in a) print k, a[k]}",
    'BEGIN { while ((getline line < "file") > 0) n++ }',
    "{x = y ~ /z/ ? 1 : 2}",
    "{ print a[1] / 2 }",
    "length > 80",
    "{print $1\n}\n",
]
RUNNING = [
    'BEGIN{system("pwn")}',
    'BEGIN{ system ("pwn") }',
    'BEGIN{"pwn"|getline}',
    'BEGIN{"pwn" | getline x}',
    'BEGIN{c="pwn";while((c|getline l)>0);}',
    'BEGIN{printf("x")|"pwn"}',
    'BEGIN { printf "x" | "pwn" }',
    '{print | "sort"}',
    'BEGIN{"pwn" |& getline}',
    "{system($0)}",
    '/"/ {system("pwn")} /"/',
    'BEGIN { x = 1 / 2; system("pwn") } # /',
    'BEGIN { a[1] / 2; "pwn" | getline; 1 / 1 }',
    '@load "filefuncs"',
    '@include "evil"',
    'BEGIN { f = "system"; @f("pwn") }',
    'BEGIN { getline /x/ ; "pwn" | getline }',
]
WRITING = [
    '{print > "f"}',
    '{print $1 >> "f"}',
    '{printf "%s", $1 > "f"}',
    '{print($1) > "f"}',
    '{ if (1) print "x" > "f" }',
    'BEGIN { print "x" > "/inet/tcp/0/h/80" }',
    'BEGIN { getline < "/inet/tcp/0/h/80" }',
]


@pytest.mark.parametrize("code", PLAIN)
def test_a_plain_program_passes(code: str) -> None:
    assert awk_problem(code) is None


@pytest.mark.parametrize("code", RUNNING + WRITING)
def test_a_program_that_runs_or_writes_is_refused(code: str) -> None:
    assert awk_problem(code)


@pytest.mark.parametrize("code", ['{print "x}', "{print `x`}", "{print $1 \x01}"])
def test_what_is_not_understood_is_refused(code: str) -> None:
    assert "understood" in (awk_problem(code) or "")


@given(st.text(alphabet='{}()"/|>\\\n;$,. abpritnsyem1', max_size=60))
def test_every_text_has_an_answer(code: str) -> None:
    problem = awk_problem(code)
    assert problem is None or problem
