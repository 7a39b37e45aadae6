"""``list_jobs``: a client's jobs, now or as soon as one of them changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

import attrs
from msgspec import Meta

from commander.durations import format_duration
from commander.jobs.changes import wait_for_change
from commander.jobs.job import Job
from commander.jobs.shells import Shell
from commander.tools.job_arguments import ABSENT
from commander.tools.job_results import (
    WAIT_CEILING_SECONDS,
    job_facts,
    problem_answer,
)
from commander.tools.job_services import JobServices
from commander.tools.registry import CallContext, ToolAnswer
from commander.tools.schemas import ArgumentProblem, ResultSchema

__all__ = ["ListJobs"]

_MOST: Final = 100
"""As many finished jobs as are kept by default, at some 50 tokens each."""
_SHOWN: Final = (
    "job_id",
    "status",
    "label",
    "command",
    "exit_code",
    "signal",
    "ended_by",
    "idle_seconds",
    "duration_seconds",
)


@attrs.frozen(kw_only=True)
class Arguments:
    """What ``list_jobs`` takes."""

    state: Literal["running", "finished", "all"] = "all"
    limit: Annotated[int, Meta(ge=1, description="Default 20, at most 100")] = 20
    wait_seconds: Annotated[
        float,
        Meta(ge=0, description="Wait until a job starts or ends; at most 50"),
    ] = 0
    since: Annotated[
        int,
        Meta(ge=0, description="Of the last answer: a change since then ends the wait"),
    ] = ABSENT


class Result(ResultSchema):
    """What ``list_jobs`` answers."""

    jobs: list[dict[str, Any]]
    since: Annotated[int, Meta(description="For the next call")] = 0
    error: str = ""


class ListJobs:
    """The tool; see the class attributes for what clients are told.

    Args:
        services: What job tools share.
    """

    name: ClassVar[str] = "list_jobs"
    title: ClassVar[str] = "List Jobs"
    description: ClassVar[str] = (
        "List your jobs, the newest first, and your shells; it can wait until any job "
        "starts or ends."
    )
    arguments: ClassVar[type] = Arguments
    result: ClassVar[type] = Result
    annotations: ClassVar[Mapping[str, bool]] = {
        "readOnlyHint": True,
        "destructiveHint": False,
        "idempotentHint": True,
        "openWorldHint": False,
    }

    def __init__(self, services: JobServices) -> None:
        self._services = services

    async def call(self, arguments: Arguments, context: CallContext) -> ToolAnswer:
        """List them, after a wait if that is asked for."""
        table, principal = self._services.table, context.principal
        since = table.changes_of(principal)
        if arguments.since != ABSENT:
            since = arguments.since
        await wait_for_change(
            table,
            principal,
            since=since,
            seconds=min(arguments.wait_seconds, WAIT_CEILING_SECONDS),
            host=self._services.host,
            cancellation=context.caller.cancellation,
        )
        jobs = [job for job in table.of(principal) if _shows(arguments.state, job)]
        rows = [self._row(job) for job in jobs[: min(arguments.limit, _MOST)]]
        facts: dict[str, Any] = {
            "jobs": rows,
            "total": len(jobs),
            "since": table.changes_of(principal),
        }
        shells = [_shell_row(shell) for shell in self._services.shells.of(principal)]
        if shells:
            facts["shells"] = shells
        effective = _effective(arguments)
        if effective:
            facts["effective"] = effective
        return ToolAnswer(facts=facts, text=_text(facts))

    def refuse(self, problem: ArgumentProblem) -> ToolAnswer:
        """Arguments that do not fit list nothing."""
        answer = problem_answer(problem.text)
        return attrs.evolve(answer, facts={**answer.facts, "jobs": []})

    def _row(self, job: Job) -> dict[str, Any]:
        facts = job_facts(job, self._services)
        row: dict[str, Any] = {name: facts[name] for name in _SHOWN if name in facts}
        unread = job.total_bytes - job.read_to.both
        row["unread_bytes"] = max(0, unread)
        row["age_seconds"] = round(self._services.host.wall() - job.created_at, 1)
        return row


def _shell_row(shell: Shell) -> dict[str, str]:
    row = {"shell_id": shell.handle, "cwd": shell.directory}
    busy = shell.busy
    return row if busy is None else {**row, "running": busy.handle}


def _shows(state: str, job: Job) -> bool:
    return state == "all" or job.finished is (state == "finished")


def _effective(arguments: Arguments) -> dict[str, int]:
    """What was clamped."""
    effective = {}
    if arguments.wait_seconds > WAIT_CEILING_SECONDS:
        effective["wait_seconds"] = WAIT_CEILING_SECONDS
    if arguments.limit > _MOST:
        effective["limit"] = _MOST
    return effective


def _text(facts: Mapping[str, Any]) -> str:
    first = f"{len(facts['jobs'])} of {facts['total']} jobs; since={facts['since']}"
    if "effective" in facts:
        limits = facts["effective"].items()
        first += f"; limited to {', '.join(f'{n}={value}' for n, value in limits)}"
    shells = map(_shell_line, facts.get("shells", ()))
    return "\n".join([first, *map(_line, facts["jobs"]), *shells])


def _shell_line(row: Mapping[str, str]) -> str:
    running = f", running {row['running']}" if "running" in row else ""
    return f"{row['shell_id']} in {row['cwd']}{running}"


def _line(row: Mapping[str, Any]) -> str:
    ending = row["status"]
    if "exit_code" in row:
        ending += f" {row['exit_code']}"
    elif "ended_by" in row:
        ending += f" by {row['ended_by']}"
    label = f" [{row['label']}]" if "label" in row else ""
    idle = f", silent {row['idle_seconds']}s" if "idle_seconds" in row else ""
    age = format_duration(round(row["age_seconds"]))
    return (
        f"{row['job_id']}{label} {ending}, started {age} ago{idle}, "
        f"{row['unread_bytes']} unread bytes: {row['command']}"
    )
