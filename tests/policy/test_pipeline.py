"""Where an exit status comes from."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.policy.pipeline import final_program
from commander.policy.shell.syntax import Dialect


@pytest.mark.parametrize(
    ("command", "program"),
    [
        ("grep x f", "grep"),
        ("'gr'ep x", "grep"),
        ("/usr/bin/grep x", "/usr/bin/grep"),
        ("cat f | grep -v x", "grep"),
        ("cat f |\n grep x", "grep"),
        ("grep x f 2>/dev/null", "grep"),
        ('grep "$x" f # note', "grep"),
        ("grep x <<E\na\nE", "grep"),
        ("grep x f;", "grep"),
        ("sudo grep x", "sudo"),
        ("time grep x", "time"),
    ],
)
def test_the_last_program_of_a_pipeline_is_named(command: str, program: str) -> None:
    assert final_program(command) == program


@pytest.mark.parametrize(
    "command",
    [
        "",
        "ls; grep x",
        "ls && grep x",
        "ls || grep x",
        "ls\ngrep x",
        "grep x &",
        "! grep x",
        "grep $(ls) f",
        "grep `ls` f",
        "grep x < $(ls)",
        "diff <(ls) f",
        "$x f",
        "A=1 grep x",
        "A=1",
        "> f",
        "(grep x)",
        "{ grep x; }",
        "(ls) | grep x",
        "ls | if grep x; then ls; fi",
        "f() { ls; }",
        "grep 'x",
        "(" * 100,
    ],
)
def test_anything_else_has_no_final_program(command: str) -> None:
    assert final_program(command) is None


def test_the_keyword_time_gives_no_final_program() -> None:
    assert final_program("time grep x", Dialect.BASH) is None


@given(st.text("abc |&;<>()$`'\"\n!{}", max_size=20))
def test_a_program_that_is_named_stands_in_the_text(command: str) -> None:
    program = final_program(command)
    assert program is None or set(program) <= set(command)
