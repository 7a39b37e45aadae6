"""Exit status 1 that answers a question is told apart from one that is an error."""

from __future__ import annotations

import pytest

from commander.tools.exit_codes import answer_meaning


@pytest.mark.parametrize(
    ("command", "meaning"),
    [
        ("grep root /etc/passwd", "no line matched"),
        ("egrep -q x y", "no line matched"),
        ("fgrep x y", "no line matched"),
        ("diff a b", "the inputs differ"),
        ("cmp a b", "the inputs differ"),
        ("test -e /x", "the condition is false"),
        ("[ -e /x ]", "the condition is false"),
        ("pgrep nginx", "no process matched"),
        ("which nginx", "a program was not found"),
        ("  'grep' root /etc/passwd", "no line matched"),
        ("ps aux | sort | grep nginx", "no line matched"),
        ("grep x y 2>/dev/null", "no line matched"),
    ],
)
def test_the_last_program_of_a_pipeline_says_what_1_means(
    command: str, meaning: str
) -> None:
    assert answer_meaning(command, 1) == meaning


@pytest.mark.parametrize("exit_code", [None, 0, 2, 126, 127, -1])
def test_only_1_is_an_answer(exit_code: int | None) -> None:
    assert answer_meaning("grep root /etc/passwd", exit_code) is None


@pytest.mark.parametrize(
    "command",
    [
        "ls /x",
        "grep root /etc/passwd | wc -l",
        "cd /x && grep a b",
        "grep a b; true",
        "grep a b || exit 1",
        "! grep a b",
        "grep a b &",
        "env grep a b",
        "if grep a b; then false; fi",
        "$GREP a b",
        "grep 'unclosed",
        "/opt/grep-like a b",
        "",
    ],
)
def test_where_nobody_can_say_whose_status_it_is_1_is_an_error(command: str) -> None:
    assert answer_meaning(command, 1) is None
