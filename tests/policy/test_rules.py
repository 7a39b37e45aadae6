"""What the rules know of shells and words; test_checker tries what they decide."""

from __future__ import annotations

import subprocess
import sys

import pytest

from commander.policy.budget import MAX_COMMANDS
from commander.policy.rules import dialect_of, plain_words
from commander.policy.shell.syntax import Dialect

LOADED = """
import sys
from commander.commands import CommandRequest
from commander.policy.checker import PolicyChecker
from commander.policy.lists import PolicyLists
from commander.principals import ANONYMOUS
lists = PolicyLists(
    allowed={allowed}, blocked=(), use_default_blocklist=True, allowed_env=()
)
checker = PolicyChecker(lists)
print("commander.policy.rules" in sys.modules)
request = CommandRequest(command="ls", working_directory="/", timeout_seconds=1)
checker.check(request, ANONYMOUS)
print("commander.policy.rules" in sys.modules)
"""


@pytest.mark.parametrize(
    ("shell", "dialect"),
    [
        ("/bin/sh", Dialect.SH),
        ("dash", Dialect.SH),
        ("/bin/ash", Dialect.SH),
        ("/usr/local/bin/bash", Dialect.BASH),
        ("/bin/zsh", None),
        ("/bin/rbash", None),
        ("", None),
    ],
)
def test_a_shell_is_known_by_the_name_of_its_program(
    shell: str, dialect: Dialect | None
) -> None:
    assert dialect_of(shell) is dialect


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("ls", ("ls",)),
        (" ls 'a b'\n", ("ls", "a b")),
        ("'' x", ("", "x")),
        ("A=1 ls", None),
        ("ls > f", None),
        ("ls; ls", None),
        ("ls | wc", None),
        ("ls &", None),
        ("! ls", None),
        ("ls $x", None),
        ("ls *", None),
        ("(ls)", None),
        ("if ls", None),
        ("", None),
        ("$(" * 61 + "ls" + ")" * 61, None),
        ("a;" * (MAX_COMMANDS + 1), None),
    ],
)
def test_plain_words_are_those_of_one_static_command(
    command: str, words: tuple[str, ...] | None
) -> None:
    assert plain_words(command) == words


@pytest.mark.parametrize(
    ("allowed", "loaded"), [("()", ["False", "True"]), ('("ls",)', ["True", "True"])]
)
def test_they_come_with_the_first_decision_unless_a_list_may_have_mistakes(
    allowed: str, loaded: list[str]
) -> None:
    text = LOADED.format(allowed=allowed)
    said = subprocess.check_output([sys.executable, "-c", text], text=True)
    assert said.split() == loaded
