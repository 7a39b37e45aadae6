"""``execute_command``: run one command to its end and answer with its output."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, ClassVar, Final

import attrs
from msgspec import Meta
from twisted.internet.interfaces import IReactorTime

from commander.commands import (
    Busy,
    Cancelled,
    CommandRequest,
    EndedBy,
    Outcome,
    StartFailed,
)
from commander.durations import ACCEPTED_DURATION, format_duration, parse_duration
from commander.execution.runner import CommandRunner
from commander.interfaces import Monotonic
from commander.output.decoding import render
from commander.policy.checker import Denied
from commander.tools.command_arguments import (
    LONGEST_VALUE,
    Command,
    Environment,
    WorkingDirectory,
    command_problem,
)
from commander.tools.exit_codes import answer_meaning
from commander.tools.following import Following
from commander.tools.registry import CallContext, ToolAnswer
from commander.tools.result_size import fitted
from commander.tools.schemas import ArgumentProblem
from commander.turns import Turns

__all__ = ["Arguments", "ExecuteCommand", "Result"]

_NOT_RUN: Final = {"exit_code": -1, "stdout": "", "stderr": "", "duration": "0s"}
"""More is no environment; each is looked at before anything runs."""
_LARGE_BYTES: Final = 64 * 1024
"""Output from which on making the result takes a turn of its own."""
_LIMITS_BY_SIGNAL: Final = {
    "SIGXCPU": "its processor time was used up (MCP_LIMIT_CPU_SECONDS)",
    "SIGXFSZ": "a file grew too large (MCP_LIMIT_FILE_BYTES)",
}
"""The kernel sends these for a limit and nobody else does."""
_ENCODED_SHARE: Final = 2
"""A stream may take this many times MCP_MAX_OUTPUT_BYTES as JSON: text stays whole,
control characters do not."""


@attrs.frozen(kw_only=True)
class Arguments:
    """What ``execute_command`` takes; the Go server's names."""

    command: Command
    working_directory: WorkingDirectory = ""
    timeout: Annotated[
        str,
        Meta(
            description="Longest run time as a Go duration such as 30s, 5m or 1h30m; "
            "then the command and its child processes are ended. Default and maximum: "
            "get_shell_info."
        ),
    ] = ""
    env: Environment = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Result:
    """What ``execute_command`` answers; members that say nothing are left out."""

    stdout: Annotated[str, Meta(description="Standard output")]
    stderr: Annotated[str, Meta(description="Standard error")]
    exit_code: Annotated[
        int | None, Meta(description="-1 if the command did not exit by itself")
    ]
    duration: Annotated[str, Meta(description="Run time as a Go duration")]
    error: str = ""
    status: Annotated[
        str, Meta(description="killed, denied, busy, cancelled or failed_to_start")
    ] = ""
    ended_by: Annotated[
        str,
        Meta(
            description="exit, timeout, output_limit, process_limit, oom, cancelled "
            "or server_shutdown"
        ),
    ] = ""
    signal: Annotated[str, Meta(description="Signal that ended the shell")] = ""
    timed_out: bool = False
    truncated: Annotated[
        bool, Meta(description="Output was omitted at the marked place")
    ] = False
    stdout_omitted_bytes: int = 0
    stderr_omitted_bytes: int = 0
    background_processes: Annotated[
        int, Meta(description="Processes left in the background, and ended")
    ] = 0
    exit_code_meaning: Annotated[
        str, Meta(description="What a non-zero exit code answers")
    ] = ""
    rule_id: Annotated[str, Meta(description="Policy rule that denied it")] = ""
    retry_after_seconds: int = 0
    effective: Annotated[
        dict[str, str], Meta(description="Limits that differ from those asked for")
    ] = attrs.field(factory=dict)
    hint: str = ""


class ExecuteCommand:
    """The tool; see the class attributes for what clients are told.

    Args:
        runner: Checks and runs.
        default_timeout_seconds: For calls that do not say.
        max_timeout_seconds: Longer wishes are clamped to it.
        max_output_bytes: Kept of each stream; what a result carries is bound by it.
        turns: When large results are made.
        clock: Keeps the timers of commands that are followed.
        monotonic: Measures their time.
    """

    name: ClassVar[str] = "execute_command"
    title: ClassVar[str] = "Execute Command"
    description: ClassVar[str] = (
        "Run a shell command on the server and return its output, exit code and run "
        "time. Standard input is empty; nothing can be typed. Processes that the "
        "command leaves in the background are ended with it."
    )
    arguments: ClassVar[type] = Arguments
    result: ClassVar[type] = Result
    annotations: ClassVar[Mapping[str, bool]] = {
        "readOnlyHint": False,
        "destructiveHint": True,
        "idempotentHint": False,
        "openWorldHint": True,
    }

    def __init__(
        self,
        *,
        runner: CommandRunner,
        default_timeout_seconds: float,
        max_timeout_seconds: float,
        max_output_bytes: int,
        turns: Turns,
        clock: IReactorTime,
        monotonic: Monotonic,
    ) -> None:
        self._runner = runner
        self._max_output_bytes = max_output_bytes
        self._turns = turns
        self._clock = clock
        self._monotonic = monotonic
        self._default_timeout_seconds = default_timeout_seconds
        self._max_timeout_seconds = max_timeout_seconds

    async def call(self, arguments: Arguments, context: CallContext) -> ToolAnswer:
        """Run the command; the answer comes when nothing of it is left."""
        problem = command_problem(
            arguments.command, arguments.working_directory, arguments.env
        ) or _timeout_problem(arguments.timeout)
        if problem is not None:
            return self.refuse(problem)
        asked = self._default_timeout_seconds
        if arguments.timeout.strip():
            asked = parse_duration(arguments.timeout)
        timeout = min(asked, self._max_timeout_seconds)
        ended = await self._run(
            CommandRequest(
                command=arguments.command,
                working_directory=arguments.working_directory or None,
                timeout_seconds=timeout,
                env=arguments.env,
                trace=context.trace,
            ),
            context,
        )
        if not isinstance(ended, Outcome):
            return _refusal(ended)
        make = partial(_facts, arguments.command, ended, timeout)
        most = _ENCODED_SHARE * self._max_output_bytes
        if _kept_bytes(ended) <= _LARGE_BYTES:
            facts = make(most)
        else:
            await self._turns.next()
            # Callers of the Go server read one JSON answer, however long.
            facts = make(most) if context.plain_rpc else fitted(make, most)
        if timeout < asked:
            facts["effective"] = {"timeout": format_duration(timeout)}
        return ToolAnswer(
            facts=facts, is_error=_is_error(facts, plain_rpc=context.plain_rpc)
        )

    async def _run(
        self, request: CommandRequest, context: CallContext
    ) -> Outcome | Denied | Busy | Cancelled | StartFailed:
        caller = context.caller
        run = partial(
            self._runner.run,
            request,
            context.principal,
            cancellation=caller.cancellation,
        )
        if not (caller.wants_progress or caller.wants_output):
            return await run()
        with Following(
            caller, clock=self._clock, monotonic=self._monotonic
        ) as following:
            return await run(started=following.started)

    def refuse(self, problem: ArgumentProblem) -> ToolAnswer:
        """Arguments that do not fit are a command that failed to start."""
        return _refusal(StartFailed(reason=problem.text))


def _timeout_problem(timeout: str) -> ArgumentProblem | None:
    """What the types do not say about a timeout."""
    text = timeout.strip()
    if not text:
        return None
    try:
        usable = parse_duration(text) > 0
    except ValueError:
        usable = False
    if usable:
        return None
    return ArgumentProblem(
        f'Invalid timeout format: "{text[:LONGEST_VALUE]}" is not '
        f"{ACCEPTED_DURATION}, greater than zero"
    )


def _refusal(refused: Denied | Busy | Cancelled | StartFailed) -> ToolAnswer:
    """The shape of a command that did not run."""
    facts: dict[str, Any] = dict(_NOT_RUN)
    match refused:
        case Denied():
            facts["status"] = "denied"
            facts["rule_id"] = refused.rule_id
            facts["error"] = f"Command validation failed: {refused.reason}"
        case Busy():
            facts["status"] = "busy"
            facts["retry_after_seconds"] = refused.retry_after_seconds
            facts["error"] = refused.reason
        case Cancelled():
            facts["status"] = facts["ended_by"] = EndedBy.CANCELLED.value
            facts["error"] = "command cancelled before it was started"
        case StartFailed():
            facts["status"] = "failed_to_start"
            facts["error"] = refused.reason
    return ToolAnswer(facts=facts, is_error=True)


def _kept_bytes(outcome: Outcome) -> int:
    windows = (outcome.stdout, outcome.stderr)
    return sum(len(window.head) + len(window.tail) for window in windows)


def _facts(
    command: str, outcome: Outcome, timeout_seconds: float, most_encoded_bytes: int
) -> dict[str, Any]:
    """The result's members, without those that say nothing."""
    by_itself = outcome.ended_by is EndedBy.EXIT
    meaning = answer_meaning(command, outcome.exit_code) if by_itself else None
    stdout = render(outcome.stdout, most_encoded_bytes)
    stderr = render(outcome.stderr, most_encoded_bytes)
    facts: dict[str, Any] = {
        "stdout": stdout.text,
        "stderr": stderr.text,
        "exit_code": outcome.exit_code if by_itself else None,
        "duration": format_duration(outcome.duration_seconds),
        "ended_by": outcome.ended_by.value,
        "signal": outcome.signal,
        "timed_out": outcome.ended_by is EndedBy.TIMEOUT,
        "status": None if by_itself and not outcome.signal else "killed",
        "exit_code_meaning": meaning,
        "error": None if meaning else _error_of(outcome, timeout_seconds),
        "hint": _hint_of(outcome),
        "truncated": bool(stdout.omitted_bytes or stderr.omitted_bytes),
        "stdout_omitted_bytes": stdout.omitted_bytes,
        "stderr_omitted_bytes": stderr.omitted_bytes,
        "background_processes": outcome.background_processes,
    }
    if facts["exit_code"] is None:
        facts["exit_code"] = -1
    kept = ("stdout", "stderr", "exit_code")
    return {name: fact for name, fact in facts.items() if fact or name in kept}


def _error_of(outcome: Outcome, timeout_seconds: float) -> str | None:
    """Why the command counts as failed, or None if it does not."""
    match outcome.ended_by:
        case EndedBy.TIMEOUT:
            return f"command timed out after {format_duration(timeout_seconds)}"
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


def _hint_of(outcome: Outcome) -> str | None:
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


def _is_error(facts: Mapping[str, Any], *, plain_rpc: bool) -> bool:
    """Whether the call counts as failed; a known answer does not, in MCP."""
    if "exit_code_meaning" in facts:
        return plain_rpc
    return "error" in facts
