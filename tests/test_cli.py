"""The console script, also as ``python -m commander``."""

import subprocess
import sys
from pathlib import Path

import pytest

from commander import __version__
from commander.cli import main


def run(*words: str, home: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *words],
        env={"HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"commander-mcp {__version__}\n"


def test_without_arguments_given_it_takes_those_of_the_process(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["commander-mcp", "--version"])

    assert main() == 0
    assert capsys.readouterr().out.startswith("commander-mcp ")


@pytest.mark.parametrize("words", [["token"], ["token", "old"]])
def test_an_unknown_token_command_is_one_line_on_stderr(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) != 0
    printed = capsys.readouterr()
    assert printed.err.splitlines() == [
        "commander-mcp: after `token` only `new` is known"
    ]
    assert printed.out == ""


def test_token_new_replaces_the_token(tmp_path: Path) -> None:
    first = run("-m", "commander", "token", "new", home=tmp_path)
    second = run("-m", "commander", "token", "new", home=tmp_path)

    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert first.stdout != second.stdout


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_names_our_commands_and_then_the_options_of_the_server(
    flag: str, tmp_path: Path
) -> None:
    done = run("-m", "commander", flag, home=tmp_path)

    assert done.returncode == 0, done.stderr
    assert done.stdout.index("token new") < done.stdout.index("--allowed-commands")


def test_other_words_are_options_of_twist_commander(tmp_path: Path) -> None:
    done = run("-m", "commander", "--port", "3001", "--check-config", home=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "3001" in done.stdout


def test_a_start_problem_keeps_its_status_and_its_one_line(tmp_path: Path) -> None:
    done = run("-m", "commander", "--port", "none", home=tmp_path)

    assert done.returncode != 0
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_windows_is_refused_in_one_line_without_touching_twisted(
    tmp_path: Path,
) -> None:
    done = run(
        "-c",
        "import sys; sys.platform = 'win32'; sys.modules['twisted'] = None\n"
        "from commander.cli import main; sys.exit(main([]))",
        home=tmp_path,
    )

    assert done.returncode == 1
    assert done.stderr == "commander-mcp: Windows is not supported\n"
    assert done.stdout == ""
