"""A reader who copies the commands of a page into one shell, one after the other."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

__all__ = ["Done", "Shell", "commands_of"]

_PATIENCE_SECONDS: Final = 120
_ONE: Final = """
set -a
[ ! -e "$0" ] || . "$0"
set -o pipefail
{command}
status=$?
export -p >"$0"
exit "$status"
"""
"""Runs a command; ``$0`` is where the variables are kept from one to the next."""


@attrs.frozen(kw_only=True)
class Done:
    """A command that was run."""

    section: str
    text: str
    status: int
    output: str
    errors: str


class Shell:
    """A shell in a directory.

    Args:
        directory: Where the commands find the files that they name.
        variables: Where the variables are kept.
    """

    def __init__(self, directory: Path, variables: Path) -> None:
        self.directory = directory
        self._variables = variables

    def run(self, section: str, command: str, **environ: str) -> Done:
        """Run one command to its end; variables that it sets are there for the next."""
        done = subprocess.run(
            ["bash", "-c", _ONE.replace("{command}", command), self._variables],
            cwd=self.directory,
            env={**os.environ, **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE_SECONDS,
        )
        return Done(
            section=section,
            text=command,
            status=done.returncode,
            output=done.stdout,
            errors=done.stderr,
        )


def commands_of(block: str) -> Iterator[str]:
    """The commands of a shell block as they stand there, comments left out."""
    lines: list[str] = []
    for line in block.splitlines():
        if not lines and (not line.strip() or line.startswith("#")):
            continue
        lines.append(line)
        if _is_whole("\n".join(lines)):
            yield "\n".join(lines)
            lines = []
    assert not lines, f"a command without an end: {lines}"


def _is_whole(text: str) -> bool:
    if text.endswith("\\"):
        return False
    try:
        shlex.split(text)
    except ValueError:
        return False
    return True
