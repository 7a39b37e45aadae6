"""Texts that are not modelled: what may be a command is found, nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.policy.block.blocklist import Blocklist
from commander.policy.block.scan import commands

BLOCKLIST = Blocklist(("curl", "git push", "> /etc/hosts; ls"), use_default=True)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("ls -l", [("ls", "-l")]),
        ("a; b && c | d & e\nf", [("a",), ("b",), ("c",), ("d",), ("e",), ("f",)]),
        ("if a; then b; fi", [("a",), ("b",)]),
        ("X=1 y[2]=3 a", [("a",)]),
        ("a > b c 2>&1", [("a", "c")]),
        ("'a b' \"c\" d\\ e", [("a b", "c", "d e")]),
        ("a $(b) `c`", [("a",), ("b",), ("c",)]),
        ('a "$(b)"', [("a",), ("b",)]),
        ("a # b; c\nd", [("a",), ("d",)]),
        ("a 'b", [("a", "b")]),
        ("${x:-a b} c", [("a", "b"), ("c",)]),
        ("a ${x:-b}", [("a", "b")]),
        ("cat <<E\nreboot\nE\nls", [("cat",), ("ls",)]),
        ("sh <<E\nreboot\nE", [("sh",), ("reboot",), ("E",)]),
    ],
)
def test_a_text_is_cut_where_a_command_may_begin(
    text: str, found: list[tuple[str, ...]]
) -> None:
    assert [each.words for each in commands(text)] == found


@pytest.mark.parametrize(
    "text",
    [
        "rm -rf / 'open",
        "r''m -rf /* \"open",
        "/sbin/reboot; echo $(open",
        "halt `open",
        "curl x ${open",
        "git push; echo $((open",
        "dd $(( (a) b",
        "mkfs x=(open",
        'poweroff "$(echo )" $\'open',
        "shutdown `echo )`)\n'",
        "sudo -u x reboot 'open",
        "sh -c 'reboot' \"open",
        "if x; then reboot; fi 'open",
        "! reboot 'open",
        "A=1 > x reboot 'open",
        'echo "$(reboot)" \'open',
        "coproc x { reboot; } 'open",
        "echo x > /dev/sda 'open",
        ":(){ :|:& };: 'open",
        "> /etc/hosts; ls 'open",
    ],
)
def test_a_command_that_is_blocked_is_found(text: str) -> None:
    assert BLOCKLIST.scan(text)


@pytest.mark.parametrize(
    "text",
    [
        "echo 'open",
        "git pull 'open",
        "rm -rf x 'open",
        "git add . 'open",
        "grep 'dd if=' f \"open",
        "echo reboot 'open",
        "echo 'a; reboot' \"open",
        "git commit -m 'x; reboot; y' `open",
        'echo "reboot; halt" `open',
        "man dd | cat 'open",
        "cat > x <<E\nreboot\nE\n'open",
        "function halt() { ls; } 'open",
        "for dd in a; do ls; done 'open",
        "# reboot; halt\nls 'open",
    ],
)
def test_words_that_are_no_commands_are_left_alone(text: str) -> None:
    assert BLOCKLIST.scan(text) is None


@given(st.text(max_size=200))
def test_every_text_is_scanned(text: str) -> None:
    for found in commands(text):
        assert found.words or found.writes
