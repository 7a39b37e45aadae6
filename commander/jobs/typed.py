"""What may be typed for a job: where a shell reads it, it is a command.

A guard against accidents: whoever types a command letter by letter gets by. Behind an
allow-list no such shell is started in the first place.
"""

from __future__ import annotations

from typing import Final

from commander.commands import CommandRequest
from commander.execution.runner import CommandRunner
from commander.jobs.job import Job
from commander.policy.checker import Denied
from commander.principals import Principal

__all__ = ["TypedText"]

_READ_COMMANDS: Final = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh", "fish"})
"""Programs to which what is typed is a command."""
_BLOCKLIST: Final = "-blocklist"
"""Ends the names of the rules that hold for what is typed."""


class TypedText:
    """Judges what is typed.

    Args:
        runner: Decides as it would before it runs a command.
    """

    def __init__(self, runner: CommandRunner) -> None:
        self._runner = runner

    async def refusal(self, job: Job, text: str, principal: Principal) -> Denied | None:
        """Why a text may not be typed for a job; None if it may."""
        from commander.policy.pipeline import final_program  # the grammar comes with it

        program = final_program(job.request.command) or ""
        if not text.strip() or program.rpartition("/")[2] not in _READ_COMMANDS:
            return None
        typed = CommandRequest(
            command=text,
            working_directory=job.request.working_directory,
            timeout_seconds=job.request.timeout_seconds,
        )
        verdict = await self._runner.check(typed, principal)
        if isinstance(verdict, Denied) and verdict.rule_id.endswith(_BLOCKLIST):
            return verdict
        return None
