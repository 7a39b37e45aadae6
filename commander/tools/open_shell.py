"""``open_shell``: a shell that keeps its directory and variables between commands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final

import attrs
from msgspec import Meta

from commander.commands import CommandRequest, Stdin
from commander.durations import format_duration, parse_duration
from commander.jobs.shells import ShellsFull
from commander.policy.checker import Denied
from commander.tools.command_arguments import (
    Environment,
    WorkingDirectory,
    command_problem,
)
from commander.tools.job_arguments import duration_problem
from commander.tools.job_results import problem_answer, refused_answer
from commander.tools.job_services import JobServices
from commander.tools.registry import CallContext, ToolAnswer
from commander.tools.schemas import ArgumentProblem, ResultSchema

__all__ = ["OpenShell"]

_NOTHING: Final = ":"
"""A command that does nothing, to have the policy look at the rest of a request."""
_ABOUT_THE_REST: Final = frozenset({"env-name", "working-directory", "terminal"})
"""Rules that are not about the command's text."""
_DEFAULT_IDLE_SECONDS: Final = 30 * 60.0
"""Of a call that does not say: a pause of the person in front of the client."""
_MOST_IDLE_SECONDS: Final = 24 * 3600.0
"""A shell costs little, but nobody comes back to it the day after."""


@attrs.frozen(kw_only=True)
class Arguments:
    """What ``open_shell`` takes."""

    working_directory: WorkingDirectory = ""
    env: Environment = attrs.field(factory=dict)
    tty: Annotated[bool, Meta(description="Run its commands in a terminal")] = False
    idle_ttl: Annotated[
        str, Meta(description="Closed when not used for so long; default 30m")
    ] = ""


class Result(ResultSchema):
    """What ``open_shell`` answers."""

    shell_id: str = ""
    cwd: str = ""
    error: str = ""


class OpenShell:
    """The tool; see the class attributes for what clients are told.

    Args:
        services: What job tools share.
    """

    name: ClassVar[str] = "open_shell"
    title: ClassVar[str] = "Open Shell"
    description: ClassVar[str] = (
        "Open a shell for start_command(shell_id=...): its directory and variables are "
        "kept from one command to the next; functions, aliases and background jobs are "
        "not. signal_job closes it."
    )
    arguments: ClassVar[type] = Arguments
    result: ClassVar[type] = Result
    annotations: ClassVar[Mapping[str, bool]] = {
        "readOnlyHint": False,
        "destructiveHint": False,
        "idempotentHint": False,
        "openWorldHint": False,
    }

    def __init__(self, services: JobServices) -> None:
        self._services = services

    async def call(self, arguments: Arguments, context: CallContext) -> ToolAnswer:
        """Open it; nothing runs yet."""
        problem = command_problem(
            _NOTHING, arguments.working_directory, arguments.env
        ) or duration_problem("idle_ttl", arguments.idle_ttl)
        if problem is not None:
            return self.refuse(problem)
        request = CommandRequest(
            command=_NOTHING,
            working_directory=arguments.working_directory or None,
            timeout_seconds=1.0,
            env=arguments.env,
            stdin=Stdin.TERMINAL if arguments.tty else Stdin.EMPTY,
        )
        verdict = await self._services.host.runner.check(request, context.principal)
        if isinstance(verdict, Denied) and verdict.rule_id in _ABOUT_THE_REST:
            return refused_answer(verdict)
        directory = self._services.host.runner.directory_of(request)
        missing = self._services.directory_problem(directory)
        if missing is not None:
            return problem_answer(missing)
        return self._opened(directory, arguments, context)

    def _opened(
        self, directory: str, arguments: Arguments, context: CallContext
    ) -> ToolAnswer:
        text = arguments.idle_ttl.strip()
        asked = parse_duration(text) if text else _DEFAULT_IDLE_SECONDS
        idle_seconds = min(asked, _MOST_IDLE_SECONDS)
        shell = self._services.shells.open(
            context.principal,
            directory=directory,
            env=arguments.env,
            tty=arguments.tty,
            idle_seconds=idle_seconds,
        )
        if isinstance(shell, ShellsFull):
            return problem_answer(
                f"you have {shell.most} shells open, which is the most: close one "
                "with signal_job",
                status="busy",
            )
        kept = format_duration(idle_seconds)
        facts: dict[str, Any] = {
            "status": "open",
            "shell_id": shell.handle,
            "cwd": shell.directory,
            "idle_ttl": kept,
        }
        limited = ""
        if idle_seconds < asked:
            facts["effective"] = {"idle_ttl": kept}
            limited = f"; limited to idle_ttl={kept}"
        return ToolAnswer(
            facts=facts,
            text=f"{shell.handle} is open in {shell.directory}; forgotten after {kept} "
            f'without a command; next: start_command(shell_id="{shell.handle}", '
            f"command=...){limited}",
        )

    def refuse(self, problem: ArgumentProblem) -> ToolAnswer:
        """Arguments that do not fit open nothing."""
        return problem_answer(problem.text)
