"""Arguments that several job tools take, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

from msgspec import Meta

from commander.durations import ACCEPTED_DURATION, parse_duration
from commander.jobs.job import Job
from commander.jobs.waiting import Until, Wait, WaitLimits
from commander.tools.command_arguments import LONGEST_VALUE
from commander.tools.following import following
from commander.tools.job_results import WAIT_CEILING_SECONDS
from commander.tools.job_services import JobServices
from commander.tools.registry import CallContext
from commander.tools.schemas import ArgumentProblem

__all__ = [
    "ABSENT",
    "MAX_INPUT_BYTES",
    "PROGRESS_CEILING_SECONDS",
    "JobId",
    "duration_problem",
    "waited",
]

PROGRESS_CEILING_SECONDS: Final = 600
"""Longest wait of a call that shows progress, which keeps clients patient."""
MAX_INPUT_BYTES: Final = 1024 * 1024
"""What may wait for a process that does not read: the payload of a large script. Each
running job may hold so much."""

ABSENT: Final = -1
"""Stands for a number that was not given; nobody can give it."""

JobId = Annotated[str, Meta(description="As start_command gave it")]


def duration_problem(name: str, text: str) -> ArgumentProblem | None:
    """What is wrong with a duration; nothing with an empty one."""
    if not text.strip():
        return None
    try:
        usable = parse_duration(text) > 0
    except ValueError:
        usable = False
    if usable:
        return None
    return ArgumentProblem(
        f'Invalid {name} format: "{text.strip()[:LONGEST_VALUE]}" is not '
        f"{ACCEPTED_DURATION}, greater than zero"
    )


async def waited(
    job: Job,
    services: JobServices,
    context: CallContext,
    *,
    seconds: float,
    has_news: Callable[[], bool] | None = None,
) -> dict[str, Any]:
    """Wait for a job as long as a call may; what was clamped is returned.

    Args:
        job: What is waited for.
        services: The clocks.
        context: Whose call it is; its cancellation ends the wait.
        seconds: As the call asked for.
        has_news: Whether there is output to read, which ends the wait; None if only
            the job's end, or its next question, does.
    """
    until = Until.EXIT if has_news is None else Until.OUTPUT
    ceiling = WAIT_CEILING_SECONDS
    if context.caller.wants_progress:
        ceiling = PROGRESS_CEILING_SECONDS
    end = services.host.monotonic() + min(seconds, ceiling)
    with following(job, context.caller, services.host):
        while not job.finished and not context.caller.cancellation.cancelled:
            if has_news is not None and has_news():
                break
            left = end - services.host.monotonic()
            before = job.total_bytes
            await Wait(
                job,
                WaitLimits(until=until, seconds=left, cursor=before),
                services.host,
                awaits_input=lambda job: _asks(job, services),
                cancellation=context.caller.cancellation,
            ).done
            if left <= 0 or until is Until.EXIT or _asks(job, services):
                break
    return {} if seconds <= ceiling else {"wait_seconds": ceiling}


def _asks(job: Job, services: JobServices) -> bool:
    """Whether it waits for input and for nothing else.

    A server that can be typed to waits for its clients as well: whoever waits for its
    end would be answered again and again.
    """
    evidence = services.awaits_input(job) if job.running is not None else None
    return evidence is not None and "others" not in evidence
