"""sed scripts: plain ones pass, what could run or write anything does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.policy.allow.sed import sed_problem

PLAIN = [
    "",
    "p",
    "3d",
    "$d",
    "10,20p",
    "1~2p",
    "2,+3d",
    "/a/,/b/p",
    "/a/I,$p",
    "\\,a/b,d",
    "s/old/new/g",
    "s/old/new/2gI",
    "s|a|b|",
    "s,x\\,y,z,",
    "s/[/]/_/g",
    "s/a/b/ ; s/c/d/",
    "s/a/e pwn/",
    "s/w/w/w /dev/stdout",
    "/pattern/s/x/y/",
    "/e pwn/d",
    "$!N;s/\\n/ /",
    ":a;N;$!ba;s/\\n/ /g",
    "1i\\header line",
    "1i\\\nheader e pwn\n2d",
    "a e pwn",
    "c\\\none\\\n2e pwn",
    "y/abc/xyz/",
    "/x/{s/a/b/;p}",
    "{p;p}",
    "5q",
    "5q3",
    "l 20",
    "r other.txt",
    "# e pwn",
    "n;d",
    "1!G;h;$!d",
    "t end\ns/a/b/\n: end",
    "v 4.2",
]
RUNNING = [
    "e",
    "1e pwn",
    "$!e pwn",
    "1,2e pwn",
    "1 e pwn",
    "/[/]/!e pwn",
    "s/.*/pwn/e",
    "s/.*/pwn/ge",
    "s/.*/pwn/ e",
    "s/a/b/w f",
    "s/a/b/gw f",
    "w out",
    "1,$W out",
    "{s/.*/pwn/;s/n/n/e}",
    "s/x/y/;1e\\\npwn",
    "a\\\nfoo\n1e pwn",
    "a foo\n1e pwn",
    "#n\n1e pwn",
    "b x;:x;1e pwn",
    "y/a/b/;e pwn",
    "s/a\\/b/c/;e pwn",
    "s,a,b,;e pwn",
    "r x\ne pwn",
    "q1;e pwn",
    "l;e pwn",
]
UNCLEAR = ["s", "s/a", "s/a/b", "s/a/b/z", "k", "1,", "/a", "y/a", "s\na\nb\n"]


@pytest.mark.parametrize("code", PLAIN)
def test_a_plain_script_passes(code: str) -> None:
    assert sed_problem(code) is None


@pytest.mark.parametrize("code", RUNNING)
def test_a_script_that_runs_or_writes_is_refused(code: str) -> None:
    assert sed_problem(code)


@pytest.mark.parametrize("code", UNCLEAR)
def test_what_is_not_understood_is_refused(code: str) -> None:
    assert sed_problem(code)


@given(st.text(alphabet="s/[]\\^\nepw;{}!,1$ab:", max_size=40))
def test_every_text_has_an_answer(code: str) -> None:
    problem = sed_problem(code)
    assert problem is None or problem
