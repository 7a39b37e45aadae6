"""Decisions explained before deployment, and the words of the command line for it."""

from __future__ import annotations

import pytest

from commander.cli import main
from commander.explain import explain
from commander.settings import Settings


def test_an_allowed_command_shows_its_parts_and_the_text_that_would_run() -> None:
    settings = Settings(allowed_commands=("echo", "head"))
    allowed, text = explain(settings, 'echo "a b" $(head  x)')
    assert allowed
    assert text == (
        'allowed   echo "a b" $(head  x)\n'
        "  ok      echo 'a b' $(head x)\n"
        "  ok        head x\n"
        "runs      echo 'a b' $(head x)\n"
    )


def test_without_an_allow_list_only_the_text_is_shown() -> None:
    allowed, text = explain(Settings(), "ls | head")
    assert allowed
    assert text == "allowed   ls | head\nruns      ls | head\n"


def test_a_denied_command_shows_each_part_then_rule_and_reason() -> None:
    allowed, text = explain(Settings(allowed_commands=("git",)), "git log | head")
    assert not allowed
    denied, first, second, rule, reason = text.splitlines()
    assert denied == "denied    git log | head"
    assert first == "  ok      git log"
    assert second.startswith("  no      head  not-allowed: no entry")
    assert rule == "rule      not-allowed"
    assert reason.startswith("reason    In `head`, no entry")


def test_a_text_that_is_refused_as_a_whole_shows_no_parts() -> None:
    allowed, text = explain(Settings(), "ls; reboot")
    assert not allowed
    assert len(text.splitlines()) == 3
    assert "rule      default-blocklist\n" in text


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
