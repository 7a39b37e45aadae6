"""What is known to fail before a process is made."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from commander.execution.checks import (
    MAX_ARGUMENT_BYTES,
    MAX_ENVIRONMENT_BYTES,
    directory_problem,
    shell_problem,
    size_problem,
)


def test_a_usable_directory_is_no_problem(tmp_path: Path) -> None:
    assert directory_problem(str(tmp_path)) is None


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "gone")
    assert directory_problem(missing) == (
        f"working directory does not exist: {missing}"
    )


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert "is not a directory" in str(directory_problem(str(file)))


def test_a_directory_that_may_not_be_entered_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root may enter every directory, so the kernel's answer is pretended.
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "may not be entered" in str(directory_problem(str(tmp_path)))


def test_a_missing_shell_names_its_setting() -> None:
    assert shell_problem("/no/such/shell") == (
        "shell does not exist: /no/such/shell (MCP_SHELL)"
    )


def test_a_shell_that_is_not_executable_is_named(tmp_path: Path) -> None:
    file = tmp_path / "shell"
    file.touch()
    assert "not an executable file" in str(shell_problem(str(file)))
    assert "not an executable file" in str(shell_problem(str(tmp_path)))


def test_the_usual_shell_is_no_problem() -> None:
    assert shell_problem("/bin/sh") is None


def test_the_longest_argument_passes_and_one_byte_more_does_not() -> None:
    assert size_problem("x" * MAX_ARGUMENT_BYTES, {}) is None
    assert f"{MAX_ARGUMENT_BYTES + 1} bytes" in str(
        size_problem("x" * (MAX_ARGUMENT_BYTES + 1), {})
    )


def test_the_length_counts_bytes_not_characters() -> None:
    assert size_problem("€" * (MAX_ARGUMENT_BYTES // 2), {}) is not None


def test_a_variable_that_is_too_long_is_named_without_its_value() -> None:
    problem = str(size_problem("true", {b"BIG": b"s" * MAX_ARGUMENT_BYTES}))
    assert "BIG" in problem
    assert "sss" not in problem


def test_an_environment_that_is_too_long_in_all_is_refused() -> None:
    env = {b"V%d" % n: b"x" * 100_000 for n in range(11)}
    assert f"at most {MAX_ENVIRONMENT_BYTES}" in str(size_problem("true", env))
