"""``signal_job``: signal a job with everything that it started, or end a shell."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Annotated, ClassVar, Final

import attrs
from msgspec import Meta

from commander.commands import EndedBy
from commander.jobs.handles import SHELL_PREFIX
from commander.jobs.job import Job, JobPhase
from commander.jobs.table import Missing
from commander.jobs.waiting import Until, Wait, WaitLimits
from commander.tools.command_arguments import LONGEST_VALUE
from commander.tools.job_arguments import ABSENT
from commander.tools.job_output import printed_since
from commander.tools.job_results import (
    JobResult,
    job_answer,
    job_facts,
    missing_answer,
    missing_shell_answer,
    output_links,
    problem_answer,
)
from commander.tools.job_services import JobServices
from commander.tools.registry import CallContext, ToolAnswer
from commander.tools.schemas import ArgumentProblem

__all__ = ["SignalJob"]

_ENDS: Final = frozenset({"TERM", "INT", "QUIT", "HUP", "ABRT", "KILL"})
"""Signals that ask a program to end, so that it is made to if it does not."""
_SIGNALS: Final = {
    name: int(signal.Signals[f"SIG{name}"])
    for name in (*_ENDS, "USR1", "USR2", "STOP", "CONT", "TSTP", "WINCH", "ALRM")
}
_DEFAULT_GRACE_SECONDS: Final = 5.0
_MOST_GRACE_SECONDS: Final = 30.0
"""The call waits for it, and clients for the call."""
_AFTER_KILL_SECONDS: Final = 2.0
"""In which what was killed is gone, or is told as a survivor."""
_MOMENT_SECONDS: Final = 0.5
"""For a signal that need not end anything."""


@attrs.frozen(kw_only=True)
class Arguments:
    """What ``signal_job`` takes."""

    job_id: Annotated[str, Meta(description="A job_id, or a shell_id to close it")]
    signal: Annotated[
        str, Meta(description="TERM (default), INT, HUP, KILL, USR1, STOP, CONT, ...")
    ] = "TERM"
    grace_seconds: Annotated[
        float,
        Meta(
            ge=0,
            description="Until KILL; 0: never; default 5 for signals that end programs",
        ),
    ] = ABSENT


class SignalJob:
    """The tool; see the class attributes for what clients are told.

    Args:
        services: What job tools share.
    """

    name: ClassVar[str] = "signal_job"
    title: ClassVar[str] = "Signal Job"
    description: ClassVar[str] = (
        "Signal all processes of a job, and kill them if they do not end within the "
        "grace. Returns how the job ended."
    )
    arguments: ClassVar[type] = Arguments
    result: ClassVar[type] = JobResult
    annotations: ClassVar[Mapping[str, bool]] = {
        "readOnlyHint": False,
        "destructiveHint": True,
        "idempotentHint": True,
        "openWorldHint": True,
    }

    def __init__(self, services: JobServices) -> None:
        self._services = services

    async def call(self, arguments: Arguments, context: CallContext) -> ToolAnswer:
        """Signal, and wait for what comes of it."""
        name = arguments.signal.strip().upper().removeprefix("SIG")
        if name not in _SIGNALS:
            return self.refuse(_unknown_signal(arguments.signal))
        if arguments.job_id.startswith(SHELL_PREFIX):
            return await self._end_shell(arguments, name, context)
        job = self._services.table.find(arguments.job_id, context.principal)
        if isinstance(job, Missing):
            return missing_answer(arguments.job_id, job)
        return await self._signalled(job, arguments, name, context)

    def refuse(self, problem: ArgumentProblem) -> ToolAnswer:
        """Arguments that do not fit signal nobody."""
        return problem_answer(problem.text)

    async def _signalled(
        self, job: Job, arguments: Arguments, name: str, context: CallContext
    ) -> ToolAnswer:
        before = job.total_bytes
        grace = _grace(arguments.grace_seconds, name)
        count = _signal(job, name, grace)
        # Longer than the grace: what ignores the signal may as well ask for input.
        limits = WaitLimits(
            until=Until.EXIT,
            seconds=grace + _AFTER_KILL_SECONDS if grace else _MOMENT_SECONDS,
        )
        await Wait(
            job, limits, self._services.host, cancellation=context.caller.cancellation
        ).done
        facts = job_facts(job, self._services, effective=_clamped(arguments))
        facts["signalled"] = f"SIG{name}"
        facts["processes_signalled"] = count
        if job.finished:
            facts.setdefault("survivors", [])
            # Survivors may have been started after the signal.
            facts["processes_ended"] = max(0, count - len(facts["survivors"]))
        output = await printed_since(job, before)
        return job_answer(facts, output, links=output_links(job, output))

    async def _end_shell(
        self, arguments: Arguments, name: str, context: CallContext
    ) -> ToolAnswer:
        """Close a shell; the command that runs in it is signalled."""
        shell = self._services.shells.find(arguments.job_id, context.principal)
        if isinstance(shell, Missing):
            return missing_shell_answer(arguments.job_id, shell)
        job = shell.running
        self._services.shells.end(shell)
        if job is not None:
            answer = await self._signalled(job, arguments, name, context)
            return attrs.evolve(
                answer,
                facts={"shell_id": shell.handle, **answer.facts},
                text=f"{shell.handle} is closed; {answer.text}",
            )
        return ToolAnswer(
            facts={"status": "closed", "shell_id": shell.handle},
            text=f"{shell.handle} is closed; nothing ran in it",
        )


def _grace(wanted: float, name: str) -> float:
    """Seconds until KILL; zero for never."""
    if name == "KILL":
        return _AFTER_KILL_SECONDS
    if wanted == ABSENT:
        return _DEFAULT_GRACE_SECONDS if name in _ENDS else 0.0
    return min(wanted, _MOST_GRACE_SECONDS)


def _clamped(arguments: Arguments) -> dict[str, float]:
    """The grace, if a longer one was asked for."""
    if arguments.grace_seconds <= _MOST_GRACE_SECONDS:
        return {}
    return {"grace_seconds": _MOST_GRACE_SECONDS}


def _signal(job: Job, name: str, grace_seconds: float) -> int:
    """Signal a job; how many processes there were."""
    if job.phase is JobPhase.QUEUED:
        job.cancel()
        return 0
    if job.running is None:
        return 0
    number = _SIGNALS[name]
    if not grace_seconds:
        return job.running.signal(number)
    count = len(job.running.process_ids())
    job.running.end(EndedBy.CLIENT_SIGNAL, grace_seconds, number)
    return count


def _unknown_signal(name: str) -> ArgumentProblem:
    return ArgumentProblem(
        f'"signal" is "{name[:LONGEST_VALUE]}", which is none of '
        f"{', '.join(sorted(_SIGNALS))}"
    )
