"""What the job tools answer: one line that says how it stands, then the output.

Models read the text, programs the structure; each holds all of it, because many
clients hand on only one of the two. The output comes last in both, so that what stands
before it stays the same from call to call as far as it can.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import attrs

from commander.commands import EndedBy, Outcome
from commander.durations import format_duration
from commander.jobs.job import Job, JobPhase
from commander.jobs.table import Missing
from commander.output.order import STDERR, STDOUT
from commander.tools.exit_codes import answer_meaning
from commander.tools.job_services import JobServices
from commander.tools.outcomes import error_of, hint_of, refusal_facts
from commander.tools.registry import Link, ToolAnswer

__all__ = [
    "WAIT_CEILING_SECONDS",
    "JobResult",
    "go_on_hint",
    "job_answer",
    "job_facts",
    "missing_answer",
    "output_link",
    "problem_answer",
]

WAIT_CEILING_SECONDS: Final = 50
"""Longest wait of a call without progress: clients give up after 60 seconds."""

_SHOWN_COMMAND: Final = 80
"""Characters of a command in a line about it."""
_MISSING: Final = {
    "unknown": "there is no such job of yours",
    "expired": "it ended and was forgotten (MCP_FINISHED_TTL, MCP_MAX_FINISHED)",
    "lost": "this server does not have it: it was started before the last start of "
    "the server, or by another replica, or forgotten long ago",
}
_BY_US: Final = {
    EndedBy.TIMEOUT: "its timeout",
    EndedBy.IDLE_TIMEOUT: "its idle timeout",
    EndedBy.CLIENT_SIGNAL: "a signal of its client",
    EndedBy.OUTPUT_LIMIT: "MCP_OUTPUT_LIMIT_BYTES",
    EndedBy.PROCESS_LIMIT: "MCP_LIMIT_PROCESSES",
    EndedBy.OOM: "the kernel, as memory ran out",
    EndedBy.CANCELLED: "its client, who cancelled it",
    EndedBy.SERVER_SHUTDOWN: "the shutdown of the server",
}


@attrs.frozen(kw_only=True)
class JobResult:
    """The members that every client can rely on; results have more."""

    status: str
    job_id: str = ""
    exit_code: int | None = None
    output: str = ""
    next_cursor: int = 0
    error: str = ""


def job_facts(job: Job, services: JobServices) -> dict[str, Any]:
    """How a job stands, without its output; members that say nothing are left out."""
    awaits = services.awaits_input(job) if job.running is not None else None
    facts: dict[str, Any] = {
        "job_id": job.handle,
        "status": _status(job, awaits),
        "label": job.kind.label,
        "command": job.request.command[:_SHOWN_COMMAND],
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
    return {name: fact for name, fact in facts.items() if fact not in (None, "")}


def job_answer(
    facts: Mapping[str, Any],
    output: Mapping[str, Any] | None = None,
    *,
    links: Sequence[Link] = (),
) -> ToolAnswer:
    """The answer about one job.

    Args:
        facts: Of ``job_facts``, and what the tool adds.
        output: What is shown of the output and where it stands; None if nothing is.
        links: Where more of it can be read.
    """
    lines = [_summary(facts)]
    if output is not None:
        lines += _about_output(output)
    text = "\n".join(lines)
    return ToolAnswer(facts={**facts, **(output or {})}, text=text, links=links)


def missing_answer(handle: str, missing: Missing) -> ToolAnswer:
    """The answer about a job that is not there."""
    error = f"{handle[:64]}: {_MISSING[missing.why]}; list_jobs shows what there is"
    status = "lost" if missing.why == "lost" else missing.why
    return ToolAnswer(
        facts={"status": status, "error": error}, text=error, is_error=True
    )


def problem_answer(error: str, **facts: Any) -> ToolAnswer:
    """The answer to what cannot be done.

    Args:
        error: Why.
        **facts: More of the answer; ``status`` is ``refused`` if none is given.
    """
    return ToolAnswer(
        facts={"status": "refused", "error": error, **facts}, text=error, is_error=True
    )


def output_link(job: Job) -> Link:
    """Where the whole output of a job can be read."""
    return Link(
        uri=f"job://{job.handle}/output",
        name=f"output of {job.handle}",
        description="All that is kept of the job's output",
        mime_type="text/plain",
    )


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
    meaning = answer_meaning(job.request.command, ended.exit_code)
    return {
        "exit_code": ended.exit_code if by_itself else None,
        "signal": ended.signal,
        "ended_by": ended.ended_by.value,
        "exit_code_meaning": meaning if by_itself else None,
        "duration_seconds": round(ended.duration_seconds, 3),
        "background_processes": ended.background_processes or None,
        "survivors": [f"{each.name} ({each.pid})" for each in ended.survivors] or None,
        "error": None if meaning else error_of(ended, job.request.timeout_seconds),
    }


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


def _summary(facts: Mapping[str, Any]) -> str:
    """The line that says it all."""
    words = [str(facts.get("job_id", "the command")), _state(facts)]
    if "processes_ended" in facts:
        words.append(f", {facts['processes_ended']} processes signalled")
    if "cwd" in facts:
        words.append(f", cwd {facts['cwd']}")
    told = f"{words[0]} {''.join(words[1:])}"
    if "hint" in facts:
        told += f" - {facts['hint']}"
    if "expires_in_seconds" in facts:
        told += f"; kept for {format_duration(facts['expires_in_seconds'])}"
    effective = facts.get("effective")
    if effective:
        limits = ", ".join(f"{name}={value}" for name, value in effective.items())
        told += f"; limited to {limits}"
    return told


def _state(facts: Mapping[str, Any]) -> str:
    status = facts["status"]
    took = format_duration(round(facts.get("duration_seconds", 0.0), 2))
    match status:
        case "exited":
            meaning = facts.get("exit_code_meaning")
            said = f" ({meaning})" if meaning else ""
            return f"exited {facts['exit_code']}{said} after {took}"
        case "killed":
            return _killed(facts, took)
        case "waiting_for_input":
            return f"waits for input ({_evidence(facts['waiting_for_input'])})"
        case "running":
            idle = format_duration(round(facts["idle_seconds"], 1))
            return f"is running for {took}, silent for {idle}"
        case "queued":
            return "is queued"
    return f"{status}: {facts.get('error', '')}"


def _killed(facts: Mapping[str, Any], took: str) -> str:
    signal = facts.get("signal")
    by = _BY_US.get(EndedBy(facts["ended_by"]))
    if by is None:
        return f"was ended by {signal}, which the server did not send, after {took}"
    return f"was ended by {by}{f' ({signal})' if signal else ''} after {took}"


def _evidence(awaits: Mapping[str, Any]) -> str:
    said = f"{awaits.get('process')} is blocked in {awaits.get('blocked_in')}"
    on = awaits.get("on")
    told = f"{said} on its {on}" if on else said
    if awaits.get("echo") is False:
        told += ", echo off"
    prompt = awaits.get("prompt")
    return f'{told}, prompt "{prompt}"' if prompt else told


def _about_output(output: Mapping[str, Any]) -> list[str]:
    """What is shown of the output, and that."""
    text = output["output"]
    end, latest = output["next_cursor"], output["latest_cursor"]
    if not text and end == latest:
        return [f"no output behind cursor {end}"] if end else []
    name = {"both": "stdout+stderr"}.get(output["stream"], output["stream"])
    told = f"{name}, bytes {output['start_cursor']:,} to {end:,} of {latest:,}"
    if output.get("omitted_bytes"):
        told += f", {output['omitted_bytes']:,} of them omitted"
    if output.get("evicted_bytes"):
        told += f", {output['evicted_bytes']:,} not kept any more"
    if end < latest:
        told += f", next cursor={end}"
    if output.get("note"):
        told += f" - {output['note']}"
    return [told, text]
