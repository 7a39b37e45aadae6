"""``start_command``: run a command that may outlive the call."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
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
from commander.tools.command_arguments import (
    LONGEST_VALUE,
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
    missing_shell_answer,
    output_link,
    problem_answer,
    refused_answer,
)
from commander.tools.job_services import JobServices
from commander.tools.registry import CallContext, Later, ToolAnswer
from commander.tools.schemas import ArgumentProblem
from commander.tools.terminal_size import TerminalSizeText, size_problem, terminal_size

__all__ = ["StartCommand"]

_DEFAULT_TIMEOUT_SECONDS: Final = 3600.0
"""Of a call that does not say: a long build."""
_LONGEST_KEY: Final = 128
_LONGEST_LABEL: Final = 80
_MOST_NAMES: Final = 20
"""Of variables, in a result."""


@attrs.frozen(kw_only=True)
class Arguments:
    """What ``start_command`` takes."""

    command: Command
    working_directory: WorkingDirectory = ""
    env: Environment = attrs.field(factory=dict)
    stdin: Annotated[
        str, Meta(description="Text for standard input, which then ends")
    ] = ""
    keep_stdin_open: Annotated[
        bool, Meta(description="Leave standard input open for send_input")
    ] = False
    tty: Annotated[bool, Meta(description="Run it in a terminal, for send_input")] = (
        False
    )
    terminal_size: TerminalSizeText = ""
    timeout: Annotated[
        str,
        Meta(description="Longest run time; then it is ended; default 1h"),
    ] = ""
    idle_timeout: Annotated[
        str, Meta(description="End it when it prints nothing for so long; default off")
    ] = ""
    wait_seconds: Annotated[
        float,
        Meta(
            ge=0,
            description="How long to wait for its end; default 10, at most 50 (600 "
            "with a progress token); never ends it",
        ),
    ] = 10
    output_bytes: Annotated[
        int,
        Meta(description="Shown of its start and end; default 16384, at most 65536"),
    ] = DEFAULT_OUTPUT_BYTES
    shell_id: Annotated[str, Meta(description="Run it in this shell of open_shell")] = (
        ""
    )
    label: Annotated[str, Meta(description="Your name for it, for list_jobs")] = ""
    idempotency_key: Annotated[
        str, Meta(description="The same key again returns the same job")
    ] = ""


@attrs.frozen(kw_only=True)
class _Shown:
    """What of the arguments matters to the answer; the rest may be large, or secret."""

    output_bytes: int
    effective: Mapping[str, Any]
    shell_id: str


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
        "read_output, send_input and signal_job. The job runs on, also without you, "
        "until it ends or its timeout; its output stays readable after that for "
        "job_ttl_seconds (get_shell_info)."
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
            job.close()
            return refused_answer(job.ended)
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
            return missing_shell_answer(arguments.shell_id, shell)
        problem = size_problem(arguments.terminal_size, tty=arguments.tty or shell.tty)
        if problem is not None:
            return self.refuse(problem)
        busy = shell.busy
        if isinstance(busy, ShellBusy):
            return problem_answer(
                f"the shell is running {busy.handle} for "
                f"{format_duration(round(busy.seconds))}: wait for it with "
                f'read_output(job_id="{busy.handle}", until="exit"), or end it with '
                "signal_job",
                status="busy",
                running=busy.handle,
            )
        gone = self._services.directory_problem(shell.directory)
        if gone is not None and not arguments.working_directory.startswith("/"):
            return problem_answer(
                f"the shell is in a directory where nothing can run: {gone}; name an "
                'absolute "working_directory" to leave it'
            )
        return shell

    def _begun(
        self, arguments: Arguments, context: CallContext, shell: Shell | None
    ) -> Job:
        timeout = min(_timeout_seconds(arguments), self._services.max_timeout_seconds)
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
            idle_timeout_seconds=_idle_seconds(arguments, timeout),
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
                job, self._services, context, seconds=arguments.wait_seconds
            )
            shown = _shown(job, arguments, effective)
            is_task = context.tasks and not job.finished and not _takes_input(job)
            answer = await self._answer(job, shown)
        finally:
            cancellation.forget(job.cancel)
        if is_task:
            late = partial(self._answer, job, shown)
            return attrs.evolve(answer, later=Later(job_id=job.handle, answer=late))
        if "next_cursor" in answer.facts:
            job.read_to.both = answer.facts["next_cursor"]
        return answer

    async def _answer(self, job: Job, shown: _Shown) -> ToolAnswer:
        """How it stands; nobody has read on by that."""
        if job.ended is not None and not isinstance(job.ended, Outcome):
            return refused_answer(job.ended)
        output = await shown_window(job, shown.output_bytes)
        facts = job_facts(job, self._services, effective=shown.effective)
        if shown.shell_id:
            facts |= self._shell_facts(job, shown.shell_id)
        links = () if job.finished and not output["truncated"] else (output_link(job),)
        return job_answer(facts, output, links=links)

    def _shell_facts(self, job: Job, handle: str) -> dict[str, Any]:
        """How a command left the shell that it ran in."""
        facts: dict[str, Any] = {"shell_id": handle}
        shell = self._services.shells.find(handle, job.principal)
        if job.finished and not isinstance(shell, Missing):
            facts["shell_cwd"] = shell.directory
            if shell.dropped:
                facts["dropped_variables"] = _names(shell.dropped)
        return facts


def _problem(arguments: Arguments) -> ArgumentProblem | None:
    """What the types do not say."""
    return (
        command_problem(arguments.command, arguments.working_directory, arguments.env)
        or duration_problem("timeout", arguments.timeout)
        or duration_problem("idle_timeout", arguments.idle_timeout)
        or _text_problem("label", arguments.label, _LONGEST_LABEL)
        or _text_problem("idempotency_key", arguments.idempotency_key, _LONGEST_KEY)
        or size_problem(
            arguments.terminal_size, tty=arguments.tty or bool(arguments.shell_id)
        )
        or _input_problem("stdin", arguments.stdin)
    )


def _timeout_seconds(arguments: Arguments) -> float:
    text = arguments.timeout.strip()
    return parse_duration(text) if text else _DEFAULT_TIMEOUT_SECONDS


def _idle_seconds(arguments: Arguments, timeout_seconds: float) -> float | None:
    """Until a silent command is ended; None if its timeout comes first anyway."""
    text = arguments.idle_timeout.strip()
    seconds = parse_duration(text) if text else timeout_seconds
    return seconds if seconds < timeout_seconds else None


def _input_problem(name: str, text: str) -> ArgumentProblem | None:
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


def _shown(job: Job, arguments: Arguments, effective: Mapping[str, Any]) -> _Shown:
    size = clamped_bytes(arguments.output_bytes)
    clamped = dict(effective)
    if size != arguments.output_bytes:
        clamped["output_bytes"] = size
    if _timeout_seconds(arguments) > job.request.timeout_seconds:
        clamped["timeout"] = format_duration(job.request.timeout_seconds)
    return _Shown(output_bytes=size, effective=clamped, shell_id=arguments.shell_id)


def _takes_input(job: Job) -> bool:
    """Whether it can be written to: a client that waits for its end never would."""
    return job.request.stdin is not Stdin.EMPTY and not job.kind.ends_input


def _stdin(arguments: Arguments, shell: Shell | None) -> Stdin:
    if arguments.tty or (shell is not None and shell.tty):
        return Stdin.TERMINAL
    if arguments.keep_stdin_open or arguments.stdin:
        return Stdin.PIPE
    return Stdin.EMPTY


def _names(dropped: Sequence[str]) -> list[str]:
    """As many as a model may want to know."""
    shown = [name[:LONGEST_VALUE] for name in dropped[:_MOST_NAMES]]
    left = len(dropped) - len(shown)
    return [*shown, f"and {left} more"] if left else shown


def _fingerprint(arguments: Arguments) -> bytes:
    """The same for the same command; how long a call waits does not matter."""
    facts: dict[str, Any] = attrs.asdict(arguments)
    for name in ("wait_seconds", "output_bytes", "idempotency_key"):
        del facts[name]
    return hashlib.sha256(msgspec.json.encode(facts, order="sorted")).digest()
