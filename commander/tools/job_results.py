"""What the job tools answer: one line that says how it stands, then the output.

Models read the text, programs the structure; each holds all of it, because many
clients hand on only one of the two. The output comes last in both, so that what stands
before it stays the same from call to call as far as it can.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from commander.commands import EndedBy, Outcome
from commander.durations import format_duration
from commander.jobs.job import Job, JobPhase
from commander.jobs.table import Missing
from commander.output.order import STDERR, STDOUT
from commander.policy.denials import shorten
from commander.tools.exit_codes import answer_meaning
from commander.tools.hidden import hidden
from commander.tools.job_services import JobServices
from commander.tools.outcomes import NotRun, error_of, hint_of, refusal_facts
from commander.tools.registry import Link, ToolAnswer
from commander.tools.schemas import ResultSchema

__all__ = [
    "WAIT_CEILING_SECONDS",
    "JobResult",
    "go_on_hint",
    "job_answer",
    "job_facts",
    "missing_answer",
    "missing_shell_answer",
    "output_link",
    "output_links",
    "problem_answer",
    "refused_answer",
]

WAIT_CEILING_SECONDS: Final = 50
"""Longest wait of a call without progress: clients give up after 60 seconds."""
_MISSING: Final = {
    "unknown": "unknown: there is no such job of yours",
    "expired": "expired: it ended and was forgotten since "
    "(MCP_FINISHED_TTL, MCP_MAX_FINISHED)",
    "lost": "lost: it was started by a server that has ended since, or by another "
    "replica, or was forgotten long ago",
}
_MISSING_SHELL: Final = {
    "unknown": "unknown: there is no such shell of yours",
    "expired": "expired: it was closed, or not used for its idle_ttl, or was opened by "
    "a server that has ended since",
}


class JobResult(ResultSchema):
    """The members that every client can rely on; results have more."""

    status: str
    job_id: str = ""
    exit_code: int | None = None
    output: str = ""
    next_cursor: int = 0
    error: str = ""


def job_facts(
    job: Job, services: JobServices, *, effective: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """How a job stands, without its output; members that say nothing are left out.

    Args:
        job: Which.
        services: What is known of jobs.
        effective: Arguments of the call that were clamped, as they count; may be empty.
    """
    awaits = _evidence_of(job, services)
    facts: dict[str, Any] = {
        "job_id": job.handle,
        "status": _status(job, awaits),
        "label": job.kind.label,
        "command": shorten(job.request.command),
        "cwd": job.request.working_directory,
        "started_at": _time(job.created_at),
        "waiting_for_input": awaits,
    }
    if job.running is not None:
        facts["duration_seconds"] = round(job.run_seconds, 3)
        facts["idle_seconds"] = round(job.idle_seconds, 1)
        facts["pending_input_bytes"] = job.running.pending_input_bytes or None
    if job.kept is not None:
        facts["stdout_bytes"] = job.kept.total(STDOUT)
        facts["stderr_bytes"] = job.kept.total(STDERR)
        facts["spool_problem"] = job.kept.problem
    facts |= _ending(job)
    expires = services.table.expires_in(job)
    if expires is not None:
        facts["expires_in_seconds"] = round(expires)
    facts["hint"] = _hint(job, facts)
    facts["effective"] = effective or None
    return {name: fact for name, fact in facts.items() if fact not in (None, "")}


def job_answer(
    facts: Mapping[str, Any],
    output: Mapping[str, Any],
    *,
    links: Sequence[Link] = (),
) -> ToolAnswer:
    """The answer about one job.

    Args:
        facts: Of ``job_facts``, and what the tool adds.
        output: What is shown of the output and where it stands.
        links: Where more of it can be read.
    """
    lines = [_summary(facts, output)]
    if output["output"]:
        lines += [_about_output(output), output["output"]]
    return ToolAnswer(
        facts={**facts, **output},
        text="\n".join(lines),
        links=links,
    )


def missing_answer(handle: str, missing: Missing) -> ToolAnswer:
    """The answer about a job that is not there."""
    why = _MISSING[missing.why]
    return problem_answer(
        f'"{shorten(handle)}" is {why}; list_jobs shows what there is',
        status=missing.why,
    )


def missing_shell_answer(handle: str, missing: Missing) -> ToolAnswer:
    """The answer about a shell that is not there."""
    why = _MISSING_SHELL.get(missing.why, _MISSING_SHELL["expired"])
    return problem_answer(
        f'"{shorten(handle)}" is {why}; open_shell opens another', status=missing.why
    )


def refused_answer(refused: NotRun, **facts: Any) -> ToolAnswer:
    """The answer of a job tool about a command that did not run.

    Args:
        refused: Why.
        **facts: More of the answer.
    """
    told = refusal_facts(refused)
    return problem_answer(**{**facts, **told})


def problem_answer(error: str, **facts: Any) -> ToolAnswer:
    """The answer to what cannot be done.

    Args:
        error: Why.
        **facts: More of the answer; ``status`` is ``refused`` if none is given.
    """
    told = {"status": "refused", "error": error, **facts}
    return ToolAnswer(facts=told, text=_why(told), is_error=True)


def output_link(job: Job) -> Link:
    """Where the whole output of a job can be read."""
    return Link(
        uri=f"job://{job.handle}/output",
        name=f"output of {job.handle}",
        description="All that is kept of the job's output",
        mime_type="text/plain",
    )


def output_links(job: Job, output: Mapping[str, Any]) -> tuple[Link, ...]:
    """Where there is more than what a result shows; nothing if there is no more."""
    return (output_link(job),) if output["truncated"] else ()


def go_on_hint(job: Job) -> str:
    """What to do with a job that goes on."""
    state = "still running and using resources"
    if job.phase is JobPhase.QUEUED:
        state = "waiting for a free slot"
    return (
        f'{state}; next: read_output(job_id="{job.handle}", '
        f'wait_seconds={WAIT_CEILING_SECONDS}, until="exit")'
    )


# --- facts ---------------------------------------------------------------------------


def _evidence_of(job: Job, services: JobServices) -> Mapping[str, Any] | None:
    """Why a job is taken to wait for input, without what was typed in secret."""
    awaits = services.awaits_input(job) if job.running is not None else None
    if awaits is None or "prompt" not in awaits:
        return awaits
    return {**awaits, "prompt": hidden(awaits["prompt"], job.secrets)}


def _status(job: Job, awaits: Mapping[str, Any] | None) -> str:
    match job.ended:
        case None:
            return "waiting_for_input" if awaits else job.phase.value
        case Outcome(ended_by=EndedBy.EXIT, signal=None):
            return "exited"
        case Outcome():
            return "killed"
        case refused:
            return str(refusal_facts(refused)["status"])


def _ending(job: Job) -> dict[str, Any]:
    """How it ended; nothing while it has not."""
    ended = job.ended
    if ended is None:
        return {}
    if not isinstance(ended, Outcome):
        return refusal_facts(ended)
    by_itself = ended.ended_by is EndedBy.EXIT
    killed = not by_itself or ended.signal is not None
    return {
        "exit_code": ended.exit_code if by_itself else None,
        "signal": ended.signal,
        "ended_by": ended.ended_by.value,
        "exit_code_meaning": (
            answer_meaning(job.request.command, ended.exit_code) if by_itself else None
        ),
        "duration_seconds": round(ended.duration_seconds, 3),
        "background_processes": ended.background_processes or None,
        "survivors": [f"{each.name} ({each.pid})" for each in ended.survivors] or None,
        "error": _error(ended, job) if killed else None,
    }


def _error(ended: Outcome, job: Job) -> str | None:
    silent = job.kind.idle_timeout_seconds
    if ended.ended_by is EndedBy.IDLE_TIMEOUT and silent is not None:
        return f"command printed nothing for {format_duration(silent)} (idle_timeout)"
    return error_of(ended, job.request.timeout_seconds)


def _hint(job: Job, facts: Mapping[str, Any]) -> str | None:
    if facts["status"] == "waiting_for_input":
        return f'next: send_input(job_id="{job.handle}", text="...\\n")'
    if job.ended is None:
        return go_on_hint(job)
    return hint_of(job.ended) if isinstance(job.ended, Outcome) else None


def _time(seconds: float) -> str:
    """Seconds since 1970 as ISO 8601, to the second."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# --- text ----------------------------------------------------------------------------


def _summary(facts: Mapping[str, Any], output: Mapping[str, Any]) -> str:
    """The line that says it all, and is all if nothing was printed."""
    label = f" [{facts['label']}]" if "label" in facts else ""
    words = [f"{facts['job_id']}{label} {_state(facts)}"]
    if not output["output"]:
        words.append(_no_output(facts, output))
    if "signalled" in facts:
        words.append(_signalled(facts))
    if "pending_input_bytes" in facts:
        words.append(f"{facts['pending_input_bytes']} bytes of input not read yet")
    words.append(f"cwd {facts['cwd']}")
    words += _about_shell(facts)
    told = [", ".join(words)]
    if "hint" in facts:
        told.append(facts["hint"])
    if "expires_in_seconds" in facts:
        told.append(f"kept for {format_duration(facts['expires_in_seconds'])}")
    if "spool_problem" in facts:
        told.append(facts["spool_problem"])
    if "effective" in facts:
        limits = facts["effective"].items()
        told.append(
            f"limited to {', '.join(f'{name}={value}' for name, value in limits)}"
        )
    return "; ".join(told)


def _state(facts: Mapping[str, Any]) -> str:
    status = facts["status"]
    took = format_duration(round(facts.get("duration_seconds", 0.0), 2))
    match status:
        case "exited":
            meaning = facts.get("exit_code_meaning")
            said = f" ({meaning})" if meaning else ""
            return f"exited {facts['exit_code']}{said} after {took}"
        case "killed":
            return f"was killed after {took}: {facts['error']}"
        case "waiting_for_input":
            return f"waits for input: {_evidence(facts['waiting_for_input'])}"
        case "running":
            idle = format_duration(round(facts["idle_seconds"]))
            return f"has run for {took}, silent for {idle}"
        case "queued":
            return "has not started"
    return f"{status}: {_why(facts)}"


def _why(facts: Mapping[str, Any]) -> str:
    """Why something was refused, by which rule and for how long."""
    told = str(facts["error"])
    if "rule_id" in facts:
        told += f" (rule {facts['rule_id']})"
    if "retry_after_seconds" in facts:
        told += f"; try again in {facts['retry_after_seconds']} seconds"
    return told


def _signalled(facts: Mapping[str, Any]) -> str:
    """Whom a signal reached, and who is left."""
    count = facts["processes_signalled"]
    if not count:
        return "nobody was signalled"
    told = f"{facts['signalled']} to {count} process{'es' if count > 1 else ''}"
    if "processes_ended" not in facts:
        return told
    return f"{told}, {len(facts['survivors'])} left"


def _evidence(awaits: Mapping[str, Any]) -> str:
    process = awaits.get("process", "a process")
    told = f"{process} is blocked in {awaits['blocked_in']} on its {awaits['on']}"
    if awaits.get("echo") is False:
        told += ", echo off"
    prompt = awaits.get("prompt")
    return f'{told}, prompt "{prompt}"' if prompt else told


def _about_shell(facts: Mapping[str, Any]) -> list[str]:
    """The shell that the command runs in, or how it left it."""
    if "shell_id" not in facts:
        return []
    if "shell_cwd" not in facts:
        return [f"in {facts['shell_id']}"]
    told = [f"{facts['shell_id']} is now in {facts['shell_cwd']}"]
    if "dropped_variables" in facts:
        told.append(f"and has not kept {', '.join(facts['dropped_variables'])}")
    return told


def _no_output(facts: Mapping[str, Any], output: Mapping[str, Any]) -> str:
    end = output["next_cursor"]
    if output.get("note"):
        told = f"{output['note']} in {_stretch(output)}"
        return ", ".join([told, *_next(output)])
    if output["start_cursor"] < end:
        told = f"nothing to show in {_stretch(output)}"
        return ", ".join([told, *_cleaned(output), *_next(output)])
    return f"no new output, cursor={end}" if end else "no output"


def _about_output(output: Mapping[str, Any]) -> str:
    """What of the output follows."""
    told = [_stretch(output)]
    if output.get("omitted_bytes"):
        told.append(f"{output['omitted_bytes']:,} of them omitted")
    told += [*_cleaned(output), *_next(output)]
    if output.get("note"):
        told.append(output["note"])
    return ", ".join(told) + ":"


def _cleaned(output: Mapping[str, Any]) -> list[str]:
    """What was done to the text."""
    counts = output.get("cleaned", {}).items()
    return [f"{count} {name.replace('_', ' ')}" for name, count in counts]


def _next(output: Mapping[str, Any]) -> list[str]:
    """Where to read on, if there is more."""
    end = output["next_cursor"]
    return [f"next cursor={end}"] if end < output["latest_cursor"] else []


def _stretch(output: Mapping[str, Any]) -> str:
    name = {"both": "stdout+stderr"}.get(output["stream"], output["stream"])
    start, end = output["start_cursor"], output["next_cursor"]
    told = f"{name}, bytes {start:,} to {end:,} of {output['latest_cursor']:,}"
    if "evicted_bytes" in output:
        told += f" ({output['evicted_bytes']:,} of them not kept any more)"
    return told
