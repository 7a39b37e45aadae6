"""``execute_command``: run one command to its end and answer with its output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, ClassVar, Final

import attrs
import msgspec
from msgspec import Meta

from commander.commands import (
    CommandRequest,
    EndedBy,
    Outcome,
    OutputWindow,
    StartFailed,
)
from commander.durations import format_duration, parse_duration
from commander.jobs.job import Ended, Job, JobKind
from commander.jobs.waiting import Until, Wait, WaitLimits
from commander.output.decoding import Rendered, StreamDecoder, render, shortened
from commander.output.order import STDERR, STDOUT
from commander.tools.caller import Caller
from commander.tools.command_arguments import (
    Command,
    Environment,
    WorkingDirectory,
    command_problem,
)
from commander.tools.exit_codes import answer_meaning
from commander.tools.following import following
from commander.tools.job_arguments import duration_problem
from commander.tools.job_output import gap_remedy
from commander.tools.job_results import go_on_hint, output_link
from commander.tools.job_services import JobServices
from commander.tools.outcomes import error_of, hint_of, refusal
from commander.tools.registry import CallContext, Later, ToolAnswer
from commander.tools.schemas import ArgumentProblem, ResultSchema
from commander.turns import Turns

__all__ = ["Arguments", "ExecuteCommand", "Result"]

_LARGE_BYTES: Final = 64 * 1024
"""Output from which on making the result takes a turn of its own."""
_ENCODED_SHARE: Final = 2
"""A stream may take this many times MCP_MAX_OUTPUT_BYTES as JSON: text stays whole,
control characters do not."""
_SHOWN_BYTES: Final = 30_000
"""Of both streams together, in a result to a model: some 8,000 tokens, below what
Claude Code warns about. The rest is read with ``read_output``."""
_NAMES: Final = ("stdout", "stderr")


@attrs.frozen(kw_only=True)
class Arguments:
    """What ``execute_command`` takes; the Go server's names."""

    command: Command
    working_directory: WorkingDirectory = ""
    timeout: Annotated[
        str,
        Meta(
            description="Longest run time such as 30s, 5m or 1h30m; then the command "
            "and all its processes are ended. Default and maximum: get_shell_info"
        ),
    ] = ""
    env: Environment = attrs.field(factory=dict)


class Result(ResultSchema):
    """What ``execute_command`` answers; members that say nothing are left out."""

    stdout: str
    stderr: str
    exit_code: Annotated[
        int | None,
        Meta(description="-1 if it did not exit by itself, null while it runs"),
    ]
    duration: str
    error: str = ""
    status: Annotated[str, Meta(description="running, killed, denied, busy, ...")] = ""
    ended_by: Annotated[str, Meta(description="exit, timeout, cancelled, ...")] = ""
    signal: str = ""
    timed_out: bool = False
    truncated: Annotated[bool, Meta(description="At the marked place")] = False
    job_id: Annotated[str, Meta(description="For read_output")] = ""
    stdout_omitted_bytes: int = 0
    stderr_omitted_bytes: int = 0
    background_processes: Annotated[
        int, Meta(description="Left in the background, and ended")
    ] = 0
    exit_code_meaning: Annotated[str, Meta(description="Such as: no line matched")] = ""
    rule_id: str = ""
    retry_after_seconds: int = 0
    effective: Annotated[
        dict[str, str], Meta(description="Limits that were clamped")
    ] = msgspec.field(default_factory=dict)
    hint: str = ""


class ExecuteCommand:
    """The tool; see the class attributes for what clients are told.

    A command of an MCP client runs as a job, which nobody hears of unless it outlasts
    the call or prints more than a result shows. Callers of the Go server get all that
    is kept of the output, and an answer only when the command has ended.

    Args:
        services: What job tools share.
        default_timeout_seconds: For calls that do not say.
        max_output_bytes: Kept of each stream.
        yield_seconds: A call without progress that takes longer is answered with a
            job; None for never.
        turns: When large results are made.
    """

    name: ClassVar[str] = "execute_command"
    title: ClassVar[str] = "Execute Command"
    description: ClassVar[str] = (
        "Run a shell command on the server and return its output, exit code and run "
        "time. Standard input is empty; nothing can be typed. Processes that the "
        "command leaves in the background are ended with it. Long output is cut in its "
        "middle. If it outlasts the call it goes on, and the answer is a job_id. For "
        "servers, long builds and programs that ask use start_command."
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
        services: JobServices,
        default_timeout_seconds: float,
        max_output_bytes: int,
        yield_seconds: float | None,
        turns: Turns,
    ) -> None:
        self._services = services
        self._default_timeout_seconds = default_timeout_seconds
        self._max_output_bytes = max_output_bytes
        self._yield_seconds = yield_seconds
        self._turns = turns

    async def call(self, arguments: Arguments, context: CallContext) -> ToolAnswer:
        """Run the command; the answer comes when nothing of it is left, or as a job."""
        problem = command_problem(
            arguments.command, arguments.working_directory, arguments.env
        ) or duration_problem("timeout", arguments.timeout)
        if problem is not None:
            return self.refuse(problem)
        asked = self._default_timeout_seconds
        if arguments.timeout.strip():
            asked = parse_duration(arguments.timeout)
        timeout = min(asked, self._services.max_timeout_seconds)
        request = CommandRequest(
            command=arguments.command,
            working_directory=arguments.working_directory or None,
            timeout_seconds=timeout,
            env=arguments.env,
            trace=context.trace,
        )
        clamped = format_duration(timeout) if timeout < asked else ""
        if context.plain_rpc:
            return _told(await self._run_plainly(request, context), clamped)
        job = await self._run_as_job(request, context)
        if job.ended is not None:
            return _told(self._answer(job, job.ended), clamped)
        self._services.table.add(job)
        answer = _told(_yielded(job), clamped)
        if not context.tasks:
            return answer
        late = partial(_late_answer, job, clamped)
        return attrs.evolve(answer, later=Later(job_id=job.handle, answer=late))

    def refuse(self, problem: ArgumentProblem) -> ToolAnswer:
        """Arguments that do not fit are a command that failed to start."""
        return refusal(StartFailed(reason=problem.text))

    async def _run_plainly(
        self, request: CommandRequest, context: CallContext
    ) -> ToolAnswer:
        """As the Go server: one JSON answer, however long."""
        ended = await self._services.host.runner.run(
            request, context.principal, cancellation=context.caller.cancellation
        )
        if not isinstance(ended, Outcome):
            return refusal(ended)
        if _kept_bytes(ended) > _LARGE_BYTES:
            await self._turns.next()
        most = _ENCODED_SHARE * self._max_output_bytes
        stdout, stderr = render(ended.stdout, most), render(ended.stderr, most)
        facts = _facts(request, ended, stdout, stderr)
        return ToolAnswer(facts=facts, is_error="error" in facts or _answers(facts))

    async def _run_as_job(self, request: CommandRequest, context: CallContext) -> Job:
        """Until it has ended, or outlasts the call."""
        caller = context.caller
        job = Job(context.principal, request, kind=JobKind(), host=self._services.host)
        job.start()
        # Until it is told of as a job, it is nobody's but this call's.
        caller.cancellation.on_cancel(job.cancel)
        try:
            await self._wait(job, caller)
        finally:
            caller.cancellation.forget(job.cancel)
        return job

    async def _wait(self, job: Job, caller: Caller) -> None:
        """Until it has ended, or the client may not wait any longer."""
        told = caller.wants_progress
        limits = WaitLimits(
            until=Until.EXIT, seconds=None if told else self._yield_seconds
        )
        if job.finished:
            return
        with following(job, caller, self._services.host):
            await Wait(job, limits, self._services.host).done

    def _answer(self, job: Job, ended: Ended) -> ToolAnswer:
        """What a job came to within its call; it is kept if there is more to read."""
        if not isinstance(ended, Outcome):
            return refusal(ended)
        shown = _shown(job)
        keeps = _keeps_more(job, shown)
        if keeps:
            self._services.table.add(job)
        answer = _ended(job, ended, shown)
        if not keeps:
            job.close()
        return answer


async def _late_answer(job: Job, clamped: str) -> ToolAnswer:
    """What a job came to that was told of as a task, as if its call had waited."""
    ended = job.ended
    if isinstance(ended, Outcome):
        return _told(_ended(job, ended, _shown(job)), clamped)
    return _told(_yielded(job), clamped) if ended is None else refusal(ended)


def _ended(job: Job, ended: Outcome, shown: Sequence[OutputWindow]) -> ToolAnswer:
    """The result; it names the job if there is more to read."""
    facts = _facts(job.request, ended, *_rendered(job, shown))
    keeps = _keeps_more(job, shown)
    if keeps:
        facts["job_id"] = job.handle
    return ToolAnswer(
        facts=facts,
        is_error="error" in facts,
        links=(output_link(job),) if keeps else (),
    )


def _told(answer: ToolAnswer, clamped: str) -> ToolAnswer:
    """With the timeout that was clamped, of a command that was run; empty if none."""
    if not clamped or "duration" not in answer.facts:
        return answer
    return attrs.evolve(
        answer, facts={**answer.facts, "effective": {"timeout": clamped}}
    )


def _kept_bytes(outcome: Outcome) -> int:
    return _kept(outcome.stdout) + _kept(outcome.stderr)


def _kept(window: OutputWindow) -> int:
    return len(window.head) + len(window.tail)


def _facts(
    request: CommandRequest, outcome: Outcome, stdout: Rendered, stderr: Rendered
) -> dict[str, Any]:
    """The result's members, without those that say nothing."""
    by_itself = outcome.ended_by is EndedBy.EXIT
    meaning = answer_meaning(request.command, outcome.exit_code) if by_itself else None
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
        "error": None if meaning else error_of(outcome, request.timeout_seconds),
        "hint": hint_of(outcome),
        "truncated": bool(stdout.omitted_bytes or stderr.omitted_bytes),
        "stdout_omitted_bytes": stdout.omitted_bytes,
        "stderr_omitted_bytes": stderr.omitted_bytes,
        "background_processes": outcome.background_processes,
    }
    if facts["exit_code"] is None:
        facts["exit_code"] = -1
    kept = ("stdout", "stderr", "exit_code")
    return {name: fact for name, fact in facts.items() if fact or name in kept}


def _yielded(job: Job) -> ToolAnswer:
    """The command outlasts the call: what there is of it, and how to go on."""
    stdout, stderr = _rendered(job, _shown(job))
    facts: dict[str, Any] = {
        "stdout": stdout.text,
        "stderr": stderr.text,
        "exit_code": None,
        "duration": format_duration(job.run_seconds),
        "status": job.phase.value,
        "job_id": job.handle,
        "hint": go_on_hint(job),
    }
    if stdout.omitted_bytes or stderr.omitted_bytes:
        facts["truncated"] = True
    return ToolAnswer(facts=facts, links=(output_link(job),))


def _shown(job: Job) -> list[OutputWindow]:
    """What a result shows of the output."""
    return [shortened(each, most) for each, most in _shares(*job.windows())]


def _shares(
    stdout: OutputWindow, stderr: OutputWindow
) -> tuple[tuple[OutputWindow, int], tuple[OutputWindow, int]]:
    """How many bytes of each stream are shown: what one leaves, the other gets."""
    half = _SHOWN_BYTES // 2
    of_stdout, of_stderr = _kept(stdout), _kept(stderr)
    return (
        (stdout, max(half, _SHOWN_BYTES - of_stderr)),
        (stderr, max(half, _SHOWN_BYTES - of_stdout)),
    )


def _keeps_more(job: Job, shown: Sequence[OutputWindow]) -> bool:
    """Whether there is output that is not shown and can be read."""
    pairs = zip((STDOUT, STDERR), shown, strict=True)
    return any(
        window.omitted_bytes and window.omitted_bytes > _evicted(job, stream)
        for stream, window in pairs
    )


def _evicted(job: Job, stream: int) -> int:
    return 0 if job.kept is None else job.kept.evicted_bytes(stream)


def _rendered(job: Job, windows: Sequence[OutputWindow]) -> list[Rendered]:
    """With the call that returns what is omitted."""
    rendered = []
    for stream, name, window in zip((STDOUT, STDERR), _NAMES, windows, strict=True):
        if not window.omitted_bytes:
            rendered.append(render(window))
            continue
        head = StreamDecoder()
        head.decode(0, window.head)
        cursor = len(window.head) - head.pending_bytes
        call = f'read_output(job_id="{job.handle}", stream="{name}", cursor={cursor})'
        remedy = gap_remedy(call, window.omitted_bytes, _evicted(job, stream))
        rendered.append(render(window, remedy=remedy))
    return rendered


def _answers(facts: Mapping[str, Any]) -> bool:
    """Whether a non-zero status is an answer: no error in MCP, one to Go's callers."""
    return "exit_code_meaning" in facts
