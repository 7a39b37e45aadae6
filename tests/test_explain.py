"""Decisions explained before deployment, and the words of the command line for it."""

from __future__ import annotations

import pytest

from commander.cli import main
from commander.explain import explain
from commander.settings import Settings


def test_an_allowed_command_shows_the_text_that_would_run() -> None:
    allowed, text = explain(Settings(allowed_commands=("git log",)), 'git log "a b"')
    assert allowed
    assert "runs      /bin/sh -c git log 'a b'\n" in text
    assert "MCP_ALLOWED_COMMANDS" in text


def test_without_a_list_the_text_runs_as_it_is() -> None:
    allowed, text = explain(Settings(), "ls | head")
    assert allowed
    assert "/bin/sh -c ls | head\n" in text


def test_a_denied_command_shows_rule_and_reason() -> None:
    allowed, text = explain(Settings(allowed_commands=("git",)), "git log | head")
    assert not allowed
    assert "rule      shell-syntax\n" in text
    assert "`|`" in text


@pytest.mark.parametrize(
    ("words", "status", "out"),
    [
        (["check", "ls -l"], 0, "allowed   ls -l"),
        (["check", "reboot"], 1, "denied    reboot"),
        (["check", "ls", "-allowed-commands", "cat"], 1, "rule      not-allowed"),
        (["doctor"], 0, "sandbox"),
    ],
)
def test_the_console_script_answers_with_a_status(
    words: list[str],
    status: int,
    out: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MCP_ALLOWED_COMMANDS", raising=False)
    assert main(words) == status
    assert out in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["check"],
        ["check", "--port=3000"],
        ["check", "ls", "--port=x"],
        ["doctor", "-p"],
        ["check", "ls", "--version"],
        ["check", "ls", "--check-config"],
        ["doctor", "--help"],
    ],
)
def test_what_is_wrong_with_the_words_is_one_line(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert said.startswith("commander-mcp: ")
