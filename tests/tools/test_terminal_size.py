"""The size of a terminal, as an argument."""

from __future__ import annotations

import re

import pytest

from commander.commands import TerminalSize
from commander.tools.terminal_size import size_problem, terminal_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("", TerminalSize(80, 24)),
        ("1x1", TerminalSize(1, 1)),
        ("1000x1000", TerminalSize(1000, 1000)),
    ],
)
def test_a_size_is_columns_and_rows(text: str, size: TerminalSize) -> None:
    assert size_problem(text, tty=True) is None
    assert terminal_size(text) == size


@pytest.mark.parametrize(
    "text", ["0x1", "1x0", "80", "80X24", "80x24x1", " 80x24", "-1x2", "٣x٤", "99999x1"]
)
def test_anything_else_is_none(text: str) -> None:
    problem = size_problem(text, tty=True)
    assert problem is not None
    assert text in problem.text
    with pytest.raises(ValueError, match=re.escape(text)):
        terminal_size(text)


@pytest.mark.parametrize("text", ["1001x1", "1x1001"])
def test_a_size_has_its_limit(text: str) -> None:
    problem = size_problem(text, tty=True)
    assert problem is not None
    assert "at most 1000 each" in problem.text


def test_only_terminals_have_one() -> None:
    problem = size_problem("80x24", tty=False)
    assert problem is not None
    assert problem.text == '"terminal_size" is for jobs with "tty"'
    assert size_problem("", tty=False) is None
