"""``commander-mcp token new``: shown once, and a line that the list takes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from commander.auth.new_token import new_token_command
from commander.auth.state import desk_token, state_file
from commander.auth.token_lines import parse_tokens
from commander.auth.tokens import Token, digest_of


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def made(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[str, Token]:
    """The token that was printed, and what the list makes of the line with it."""
    assert new_token_command(words) == 0
    out, err = capsys.readouterr()
    tokens = parse_tokens(err)
    assert isinstance(tokens, tuple)
    (line,) = tokens
    assert out.strip() not in err
    return out, line


def test_the_token_is_alone_on_standard_output_and_its_line_on_the_other(
    capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    token, line = made(capsys, "ci")
    assert token.endswith("\n")
    assert len(token.strip()) == 43
    assert line == Token(principal="ci", digest=digest_of(token.strip()))
    assert list(home.iterdir()) == []


def test_each_token_is_another(capsys: pytest.CaptureFixture[str]) -> None:
    assert made(capsys, "ci") != made(capsys, "ci")


@pytest.mark.parametrize(
    "words",
    [
        ["ci", "--expires", "2160h"],
        ["--expires", "2160h", "ci"],
        ["ci", "--expires=2160h"],
    ],
)
def test_an_expiry_is_that_long_from_now_in_whole_seconds(
    capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    before = time.time()
    _, line = made(capsys, *words)
    assert line.expires_at is not None
    assert before <= line.expires_at - 2160 * 3600 <= time.time() + 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--expires", "1h"], "the name is not accepted: expected one name, a letter"),
        (["a", "b"], "the name is not accepted"),
        (["4ci"], "the name is not accepted"),
        (["ci-4010"], "the name is not accepted"),
        (["--force"], "the name is not accepted"),
        (["token-x"], "the name is not accepted"),
        (["ci", "--expires"], "--expires is not accepted: expected a duration such as"),
        (["ci", "--expires", "0s"], "--expires is not accepted"),
        (["ci", "--expires=-1h"], "--expires is not accepted"),
        (["ci", "--expires=90d"], "such as 2160h for 90 days"),
        (["ci", "--expires=88000h"], "at most ten years"),
        (["ci", "--expires=1h", "--expires=2h"], "the name is not accepted"),
    ],
)
def test_whatever_is_wrong_is_one_line_and_makes_no_token(
    capsys: pytest.CaptureFixture[str], home: Path, words: list[str], said: str
) -> None:
    assert new_token_command(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("commander-mcp: ")
    assert said in err
    assert err.count("\n") == 1
    assert list(home.iterdir()) == []


def test_without_a_name_it_is_the_token_of_a_desk(
    capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    assert new_token_command([]) == 0
    (token,) = capsys.readouterr().out.splitlines()
    assert state_file({"HOME": str(home)}) is not None
    assert desk_token({"HOME": str(home)}).digest == digest_of(token)
