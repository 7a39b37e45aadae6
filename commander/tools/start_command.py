"""``start_command``: run a command that may outlive the call."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final

import attrs
import msgspec
from msgspec import Meta

from commander.commands import CommandRequest, Outcome, Stdin
from commander.durations import format_duration, parse_duration
from commander.jobs.idempotency import KeyReused
from commander.jobs.job import Job, JobKind
from commander.jobs.shells import Shell, ShellBusy
from commander.jobs.table import Missing
from commander.jobs.waiting import Until
from commander.tools.command_arguments import (
    Command,
    Environment,
    WorkingDirectory,
    command_problem,
)
from commander.tools.job_arguments import MAX_INPUT_BYTES, duration_problem, waited
from commander.tools.job_output import (
    DEFAULT_OUTPUT_BYTES,
    clamped_bytes,
    shown_window,
)
from commander.tools.job_results import (
    JobResult,
    job_answer,
    job_facts,
    missing_answer,
    output_link,
    problem_answer,
)
from commander.tools.job_services import JobServices
from commander.tools.outcomes import refusal_facts
from commander.tools.registry import CallContext, ToolAnswer
from commander.tools.schemas import ArgumentProblem
from commander.tools.terminal_size import TerminalSizeText, size_problem, terminal_size

__all__ = ["StartCommand"]

_LONGEST_KEY: Final = 128
_LONGEST_LABEL: Final = 80


@attrs.frozen(kw_only=True)
class Arguments:
    """What ``start_command`` takes."""

    command: Command
    working_directory: WorkingDirectory = ""
    env: Environment = attrs.field(factory=dict)
    stdin: Annotated[
        str, Meta(description="Written to standard input, which then ends")
    ] = ""
    keep_stdin_open: Annotated[
        bool, Meta(description="For send_input; standard input does not end")
    ] = False
    tty: Annotated[bool, Meta(description="Run it in a terminal")] = False
    terminal_size: TerminalSizeText = ""
    timeout: Annotated[
        str, Meta(description="Longest run time such as 30s or 2h; then it is ended")
    ] = "1h"
    idle_timeout: Annotated[
        str, Meta(description="Ended when it prints nothing for so long; default: off")
    ] = ""
    wait_seconds: Annotated[
        float,
        Meta(
            ge=0,
            description="Wait for its end, at most 50 (600 with progress); never kills",
        ),
    ] = 10
    output_bytes: Annotated[int, Meta(description="16384, at most 65536")] = (
        DEFAULT_OUTPUT_BYTES
    )
    shell_id: Annotated[str, Meta(description="Run it in this shell of open_shell")] = (
        ""
    )
    label: str = ""
    idempotency_key: Annotated[
        str, Meta(description="The same key again returns the same job")
    ] = ""


class StartCommand:
    """The tool; see the class attributes for what clients are told.

    Args:
        services: What job tools share.
    """

    name: ClassVar[str] = "start_command"
    title: ClassVar[str] = "Start Command"
    description: ClassVar[str] = (
        "Start a shell command as a job: for servers, long builds, and programs that "
        "ask. Returns its result if it ends within wait_seconds, else a job_id for "
        "read_output, send_input and signal_job. The job goes on until it ends or its "
        "timeout; it and its output stay readable for some time afterwards."
    )
    arguments: ClassVar[type] = Arguments
    result: ClassVar[type] = JobResult
    annotations: ClassVar[Mapping[str, bool]] = {
        "readOnlyHint": False,
        "destructiveHint": True,
        "idempotentHint": False,
        "openWorldHint": True,
    }

    def __init__(self, services: JobServices) -> None:
        self._services = services

    async def call(self, arguments: Arguments, context: CallContext) -> ToolAnswer:
        """Start it, or find it by its key, and wait for a moment."""
        problem = _problem(arguments)
        if problem is not None:
            return self.refuse(problem)
        found = self._known(arguments, context)
        if found is None:
            found = self._new(arguments, context)
        if isinstance(found, ToolAnswer):
            return found
        return await self._answered(found, arguments, context)

    def refuse(self, problem: ArgumentProblem) -> ToolAnswer:
        """Arguments that do not fit start nothing."""
        return problem_answer(problem.text)

    def _known(
        self, arguments: Arguments, context: CallContext
    ) -> Job | ToolAnswer | None:
        """The job of a key that was used before."""
        if not arguments.idempotency_key:
            return None
        found = self._services.keys.find(
            context.principal, arguments.idempotency_key, _fingerprint(arguments)
        )
        if isinstance(found, KeyReused):
            return problem_answer(
                f'"idempotency_key" "{arguments.idempotency_key}" was used with other '
                f"arguments, by {found.handle}"
            )
        return found

    def _new(self, arguments: Arguments, context: CallContext) -> Job | ToolAnswer:
        """A job that has begun; an answer if it was refused at once."""
        shell = self._shell(arguments, context)
        if isinstance(shell, ToolAnswer):
            return shell
        job = self._begun(arguments, context, shell)
        if job.ended is not None and not isinstance(job.ended, Outcome):
            facts = refusal_facts(job.ended)
            job.close()
            return ToolAnswer(facts=facts, text=facts["error"], is_error=True)
        self._services.table.add(job)
        if arguments.idempotency_key:
            self._services.keys.keep(
                job, arguments.idempotency_key, _fingerprint(arguments)
            )
        return job

    def _shell(
        self, arguments: Arguments, context: CallContext
    ) -> Shell | ToolAnswer | None:
        if not arguments.shell_id:
            return None
        shell = self._services.shells.find(arguments.shell_id, context.principal)
        if isinstance(shell, Missing):
            return missing_answer(arguments.shell_id, shell)
        busy = shell.busy
        if isinstance(busy, ShellBusy):
            return problem_answer(
                f"the shell is running {busy.handle} for "
                f"{format_duration(round(busy.seconds))}: wait for it with "
                f'read_output(job_id="{busy.handle}", until="exit"), or end it with '
                "signal_job",
                running=busy.handle,
            )
        return shell

    def _begun(
        self, arguments: Arguments, context: CallContext, shell: Shell | None
    ) -> Job:
        timeout = min(
            parse_duration(arguments.timeout), self._services.max_timeout_seconds
        )
        request = CommandRequest(
            command=arguments.command,
            working_directory=arguments.working_directory or None,
            timeout_seconds=timeout,
            env=arguments.env,
            trace=context.trace,
            stdin=_stdin(arguments, shell),
            terminal_size=terminal_size(arguments.terminal_size),
        )
        kind = JobKind(
            label=arguments.label,
            first_input=arguments.stdin.encode(),
            ends_input=not arguments.keep_stdin_open and bool(arguments.stdin),
            idle_timeout_seconds=(
                parse_duration(arguments.idle_timeout)
                if arguments.idle_timeout.strip()
                else None
            ),
        )
        if shell is not None:
            return shell.begin(request, kind)
        job = Job(context.principal, request, kind=kind, host=self._services.host)
        job.start()
        return job

    async def _answered(
        self, job: Job, arguments: Arguments, context: CallContext
    ) -> ToolAnswer:
        # A call that nobody can ask for again takes its command along when its client
        # leaves; a key says that the client may come back for it.
        cancellation = context.caller.cancellation
        if not arguments.idempotency_key:
            cancellation.on_cancel(job.cancel)
        try:
            effective = await waited(
                job,
                self._services,
                context,
                seconds=arguments.wait_seconds,
                until=Until.EXIT,
                has_news=lambda: False,
            )
        finally:
            cancellation.forget(job.cancel)
        size = clamped_bytes(arguments.output_bytes)
        output = await shown_window(job, size)
        job.read_to["both"] = output["next_cursor"]
        facts = job_facts(job, self._services)
        if size != arguments.output_bytes:
            effective["output_bytes"] = size
        if parse_duration(arguments.timeout) > job.request.timeout_seconds:
            effective["timeout"] = format_duration(job.request.timeout_seconds)
        if effective:
            facts["effective"] = effective
        links = () if job.finished and not output["truncated"] else (output_link(job),)
        return job_answer(facts, output, links=links)


def _problem(arguments: Arguments) -> ArgumentProblem | None:
    """What the types do not say."""
    return (
        command_problem(arguments.command, arguments.working_directory, arguments.env)
        or duration_problem("timeout", arguments.timeout)
        or duration_problem("idle_timeout", arguments.idle_timeout)
        or _text_problem("label", arguments.label, _LONGEST_LABEL)
        or _text_problem("idempotency_key", arguments.idempotency_key, _LONGEST_KEY)
        or size_problem(arguments.terminal_size, tty=arguments.tty)
        or input_problem("stdin", arguments.stdin)
    )


def input_problem(name: str, text: str) -> ArgumentProblem | None:
    """What is wrong with input; its length is bounded."""
    size = len(text.encode())
    if size <= MAX_INPUT_BYTES:
        return None
    return ArgumentProblem(f'"{name}" is {size} bytes long, at most {MAX_INPUT_BYTES}')


def _text_problem(name: str, text: str, longest: int) -> ArgumentProblem | None:
    if len(text) > longest:
        return ArgumentProblem(
            f'"{name}" is {len(text)} characters long, at most {longest}'
        )
    if not text.isprintable():
        return ArgumentProblem(f'"{name}" holds a control character')
    return None


def _stdin(arguments: Arguments, shell: Shell | None) -> Stdin:
    if arguments.tty or (shell is not None and shell.tty):
        return Stdin.TERMINAL
    if arguments.keep_stdin_open or arguments.stdin:
        return Stdin.PIPE
    return Stdin.EMPTY


def _fingerprint(arguments: Arguments) -> bytes:
    """The same for the same command; how long a call waits does not matter."""
    facts: dict[str, Any] = attrs.asdict(arguments)
    for name in ("wait_seconds", "output_bytes", "idempotency_key"):
        del facts[name]
    return hashlib.sha256(msgspec.json.encode(facts, order="sorted")).digest()
