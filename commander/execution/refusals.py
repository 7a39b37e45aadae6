"""Telling whether the kernel refused a command what the sandbox forbids.

To a program it looks like any missing permission, and it says so to whoever reads its
standard error. Neither the program nor a model can know that no ``chmod`` will help.
So the last lines of standard error are looked through for the names of files, and
what is found is compared with the rules: a program that somebody may execute and the
rules do not cover, or a path outside of the directories to write in that could be
written otherwise. What is then said is true in any case; the evidence decides only
whether it is worth saying.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Final

import attrs

from commander.commands import Outcome
from commander.execution.programs import find_programs, is_executable
from commander.execution.sandbox import Sandbox

__all__ = ["Refusals"]

_BACKSTOP: Final = "the kernel backstop (MCP_SANDBOX)"
_CANNOT_EXECUTE: Final = 126
"""What shells, env, xargs and others end with if a program could not be executed."""
_TAIL_BYTES: Final = 4096
_MOST_LINES: Final = 8
_DENIED: Final = re.compile("permission denied", re.IGNORECASE)
_QUOTED: Final = re.compile("['\"`\u2018\u201c]([^'\"`\u2018\u2019\u201c\u201d]+)")
_ABOUT_FILES: Final = re.compile(r"\bcannot (?!exec|run)", re.IGNORECASE)
"""Words of programs that did not want to execute what they name."""
_WRITES: Final = re.compile(
    r"\bcannot (create|touch|remove|make|move|overwrite|truncate)", re.IGNORECASE
)
"""Words of programs that wanted to write it."""


@attrs.frozen
class Refusals:
    """Adds to an outcome what the sandbox has to do with it.

    Args:
        sandbox: What is in force.
        path: Where commands look for programs.
        own_user: Whether commands run as the server's user, so that the server can
            tell what they might write.
    """

    sandbox: Sandbox
    path: str = attrs.field(default="", kw_only=True)
    own_user: bool = attrs.field(default=True, kw_only=True)

    def told(self, outcome: Outcome, directory: str) -> Outcome:
        """The outcome, with a hint if there is evidence; looks at a few files.

        Args:
            outcome: Of a command that ended.
            directory: Where it ran; absolute.
        """
        if self.sandbox.ruleset is None:
            return outcome
        found = next(self._found(outcome, directory), None)
        if found is None:
            return outcome
        hints = [outcome.hint, found] if outcome.hint else [found]
        return attrs.evolve(outcome, hint="; ".join(hints))

    def _found(self, outcome: Outcome, directory: str) -> Iterator[str]:
        """Sentences about the newest line that names something forbidden."""
        tail = (outcome.stderr.head + outcome.stderr.tail)[-_TAIL_BYTES:]
        lines = (
            tail.replace(b"\0", b"")
            .decode(errors="replace")
            .splitlines()[-_MOST_LINES:]
        )
        last = lines[-1] if outcome.exit_code == _CANNOT_EXECUTE and lines else None
        for line in reversed(lines):
            if line is last or _DENIED.search(line):
                for name in _names(line):
                    if not _ABOUT_FILES.search(line):
                        yield from self._not_executed(name, directory)
                    yield from self._not_written(line, name, directory)

    def _not_executed(self, name: str, directory: str) -> Iterator[str]:
        executables = self.sandbox.executables
        if executables is None:
            return
        candidates = find_programs(name, self.path)
        if "/" in name and is_executable(local := os.path.join(directory, name)):
            candidates = (os.path.realpath(local),)
        for program in candidates:
            if executables.cover(program):
                continue
            why = "since no entry of MCP_ALLOWED_COMMANDS names it"
            if program in executables.files:
                why = "which is another file than when the server started: restart it"
            yield f"{_BACKSTOP} refuses to execute {program}, {why}"

    def _not_written(self, line: str, name: str, directory: str) -> Iterator[str]:
        roots = self.sandbox.writable
        path = os.path.realpath(os.path.join(directory, name))
        if not roots or any(f"{path}/".startswith(f"{root}/") for root in roots):
            return
        target = path if os.path.exists(path) else os.path.dirname(path)
        could = os.access(target, os.W_OK) if self.own_user else _WRITES.search(line)
        if could and os.path.exists(target):
            yield (
                f"{_BACKSTOP} lets commands write only below {', '.join(roots)} "
                f"(MCP_WORKSPACE): {path} is outside"
            )


def _names(line: str) -> Iterator[str]:
    """What may be the name of a file in an error message, the likeliest first."""
    yield from _QUOTED.findall(line)
    # In another language only the form is known: WHO: WHAT: WHY.
    before = (
        _DENIED.split(line)[0] if _DENIED.search(line) else line.rpartition(": ")[0]
    )
    subject = before.rstrip(": ").rpartition(": ")[2]
    if subject:
        yield subject
        yield subject.split()[-1]
