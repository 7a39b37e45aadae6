"""How commands ended, in words and facts that all tools share."""

from __future__ import annotations

from typing import Any, Final

from commander.commands import Busy, Cancelled, EndedBy, Outcome, StartFailed
from commander.durations import format_duration
from commander.policy.checker import Denied
from commander.tools.registry import ToolAnswer

__all__ = ["NotRun", "error_of", "hint_of", "refusal", "refusal_facts"]

NotRun = Denied | Busy | Cancelled | StartFailed

_NOT_RUN: Final = {"exit_code": -1, "stdout": "", "stderr": "", "duration": "0s"}
_LIMITS_BY_SIGNAL: Final = {
    "SIGXCPU": "its processor time was used up (MCP_LIMIT_CPU_SECONDS)",
    "SIGXFSZ": "a file grew too large (MCP_LIMIT_FILE_BYTES)",
}
"""The kernel sends these for a limit and nobody else does."""


def refusal(refused: NotRun) -> ToolAnswer:
    """The answer of ``execute_command`` for a command that did not run."""
    return ToolAnswer(facts={**_NOT_RUN, **refusal_facts(refused)}, is_error=True)


def refusal_facts(refused: NotRun) -> dict[str, Any]:
    """Why a command did not run."""
    match refused:
        case Denied():
            return {
                "status": "denied",
                "rule_id": refused.rule_id,
                "error": f"Command validation failed: {refused.reason}",
            }
        case Busy():
            return {
                "status": "busy",
                "retry_after_seconds": refused.retry_after_seconds,
                "error": refused.reason,
            }
        case Cancelled():
            cancelled = EndedBy.CANCELLED.value
            return {
                "status": cancelled,
                "ended_by": cancelled,
                "error": "command cancelled before it was started",
            }
        case StartFailed():
            return {"status": "failed_to_start", "error": refused.reason}


def error_of(outcome: Outcome, timeout_seconds: float) -> str | None:
    """Why the command counts as failed, or None if it does not."""
    match outcome.ended_by:
        case EndedBy.TIMEOUT:
            return f"command timed out after {format_duration(timeout_seconds)}"
        case EndedBy.IDLE_TIMEOUT:
            return "command printed nothing for as long as its idle_timeout"
        case EndedBy.CLIENT_SIGNAL:
            by = f" ({outcome.signal})" if outcome.signal else ""
            return f"command ended by signal_job{by}"
        case EndedBy.OUTPUT_LIMIT:
            return "command ended: it wrote more than MCP_OUTPUT_LIMIT_BYTES"
        case EndedBy.PROCESS_LIMIT:
            return "command ended: it had more processes than MCP_LIMIT_PROCESSES"
        case EndedBy.OOM:
            return "command ended: the kernel killed it because memory ran out"
        case EndedBy.CANCELLED:
            return "command cancelled: the client does not want its result any more"
        case EndedBy.SERVER_SHUTDOWN:
            return "command ended: the server is shutting down"
        case EndedBy.EXIT if outcome.signal:
            return f"command ended by {outcome.signal}, which the server did not send"
        case EndedBy.EXIT if outcome.exit_code:
            return f"exit status {outcome.exit_code}"
    return None


def hint_of(outcome: Outcome) -> str | None:
    """What else there is to know about the ending."""
    limit = _LIMITS_BY_SIGNAL.get(outcome.signal or "")
    hints = [] if limit is None else [limit]
    if outcome.survivors:
        names = ", ".join(f"{each.name} ({each.pid})" for each in outcome.survivors)
        hints.append(f"did not end after SIGKILL, stuck in the kernel: {names}")
    elif not outcome.reaped:
        hints.append(
            "the shell did not end after SIGKILL: it may be stuck in the kernel"
        )
    if outcome.background_processes:
        hints.append("processes left in the background were ended with the command")
    if outcome.hint:
        hints.append(outcome.hint)
    return "; ".join(hints) or None
