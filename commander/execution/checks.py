"""What can be known to fail before a process is made.

Each check answers with words for the caller, or None. The kernel has the last
word: between check and start a directory can vanish, and then the launcher's own
message is in the command's standard error.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from typing import Final

from commander.execution.environment import encoded

__all__ = [
    "MAX_ARGUMENT_BYTES",
    "MAX_PATH_BYTES",
    "directory_problem",
    "shell_problem",
    "size_problem",
]

MAX_ARGUMENT_BYTES: Final = 128 * 1024 - 1
"""Linux's MAX_ARG_STRLEN without the closing NUL: the longest single argument or
``NAME=value`` that execve takes (seen: 131,071 bytes work, 131,072 do not)."""
MAX_PATH_BYTES: Final = 4095
"""Linux's PATH_MAX without the closing NUL."""
MAX_ENVIRONMENT_BYTES: Final = 1024 * 1024
"""All of a command's variables; half of Linux's usual limit for arguments and
environment together."""


def directory_problem(directory: str) -> str | None:
    """Why a command cannot run in this directory."""
    mode = _mode(directory)
    if mode is None:
        return f"working directory does not exist: {directory}"
    if not stat.S_ISDIR(mode):
        return f"working directory is not a directory: {directory}"
    if not os.access(directory, os.X_OK):
        return f"working directory may not be entered: {directory}"
    return None


def shell_problem(shell: str) -> str | None:
    """Why this shell cannot be started."""
    mode = _mode(shell)
    if mode is None:
        return f"shell does not exist: {shell} (MCP_SHELL)"
    if not stat.S_ISREG(mode) or not os.access(shell, os.X_OK):
        return f"shell is not an executable file: {shell} (MCP_SHELL)"
    return None


def size_problem(text: str, env: Mapping[bytes, bytes]) -> str | None:
    """Why execve would refuse the command's text or its environment as too long."""
    length = len(encoded(text))
    if length > MAX_ARGUMENT_BYTES:
        return (
            f"command is too long: {length} bytes, at most {MAX_ARGUMENT_BYTES} "
            "can be given to a shell"
        )
    total = 0
    for name, value in env.items():
        length = len(name) + 1 + len(value)
        if length > MAX_ARGUMENT_BYTES:
            return (
                f"variable {name.decode(errors='replace')} is too long: {length} bytes "
                f"with its name, at most {MAX_ARGUMENT_BYTES}"
            )
        total += length + 1
    if total > MAX_ENVIRONMENT_BYTES:
        return (
            f"environment is too long: {total} bytes, at most {MAX_ENVIRONMENT_BYTES}"
        )
    return None


def _mode(path: str) -> int | None:
    """What a path leads to; None if to nothing that can be seen."""
    try:
        return os.stat(path).st_mode
    except (OSError, ValueError):
        return None
