"""``send_input``: type something for a running job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final

import attrs
from msgspec import Meta

from commander.commands import Stdin
from commander.jobs.job import Job
from commander.jobs.table import Missing
from commander.tools.hidden import LEAST_CHARACTERS, MOST_CHARACTERS, parts_of
from commander.tools.job_arguments import MAX_INPUT_BYTES, JobId, waited
from commander.tools.job_output import printed_since
from commander.tools.job_results import (
    JobResult,
    job_answer,
    job_facts,
    missing_answer,
    output_links,
    problem_answer,
)
from commander.tools.job_services import JobServices
from commander.tools.keys import KEY_NAMES, key_bytes
from commander.tools.registry import CallContext, ToolAnswer
from commander.tools.schemas import ArgumentProblem
from commander.tools.terminal_size import TerminalSizeText, size_problem, terminal_size

__all__ = ["SendInput"]

_MAX_KEYS: Final = 100
_MAX_SECRETS: Final = 16
"""Secrets of one job that are hidden in its output: each is looked for in each page."""


@attrs.frozen(kw_only=True)
class Arguments:
    """What ``send_input`` takes."""

    job_id: JobId
    text: Annotated[
        str, Meta(description=r"Sent as it is: end a line with \n yourself")
    ] = ""
    keys: Annotated[
        list[str],
        Meta(description="Sent after text, tty only: enter, ctrl-c, up, f1, q, ..."),
    ] = attrs.field(factory=list)
    eof: Annotated[bool, Meta(description="Then end the input")] = False
    secret: Annotated[
        bool, Meta(description="text is a password: hide it in the output of the job")
    ] = False
    wait_seconds: Annotated[
        float,
        Meta(
            ge=0,
            description="How long to wait for its end or its next question; default 2",
        ),
    ] = 2
    terminal_size: TerminalSizeText = ""


class SendInput:
    """The tool; see the class attributes for what clients are told.

    Args:
        services: What job tools share.
    """

    name: ClassVar[str] = "send_input"
    title: ClassVar[str] = "Send Input"
    description: ClassVar[str] = (
        "Write to a job that was started with tty or keep_stdin_open, and return what "
        "it printed since. Also resizes its terminal."
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
        """Write, wait for a moment, and tell what came of it."""
        job = self._services.table.find(arguments.job_id, context.principal)
        if isinstance(job, Missing):
            return missing_answer(arguments.job_id, job)
        data = _input(arguments)
        if isinstance(data, ArgumentProblem):
            return self.refuse(data)
        problem = _job_problem(job, arguments)
        if problem is not None:
            return self.refuse(problem)
        # First, as it may take a while in which everything else can change.
        denied = await self._services.typed.refusal(
            job, arguments.text, context.principal
        )
        if denied is not None and job.running is not None:
            return problem_answer(
                f"nothing was sent: {denied.reason}",
                status="denied",
                rule_id=denied.rule_id,
            )
        answer = self._refused(job, arguments, data)
        if answer is not None:
            return answer
        before = job.total_bytes
        self._write(job, arguments, data)
        effective = await waited(
            job, self._services, context, seconds=arguments.wait_seconds
        )
        output = await printed_since(job, before)
        job.read_to.both = output["next_cursor"]
        facts = job_facts(job, self._services, effective=effective)
        return job_answer(facts, output, links=output_links(job, output))

    def refuse(self, problem: ArgumentProblem) -> ToolAnswer:
        """Arguments that do not fit write nothing."""
        return problem_answer(problem.text)

    def _refused(
        self, job: Job, arguments: Arguments, data: bytes
    ) -> ToolAnswer | None:
        """Why it cannot be written now; None if it can."""
        running = job.running
        if running is None:
            if job.finished:
                return problem_answer(
                    f"{job.handle} has ended, nothing was sent; how it ended: "
                    f'read_output(job_id="{job.handle}")'
                )
            return problem_answer(
                f"{job.handle} has not started, nothing was sent", status="busy"
            )
        if not running.input_open and (data or arguments.eof):
            return problem_answer(
                f"the standard input of {job.handle} is closed, nothing was sent"
            )
        pending = running.pending_input_bytes
        if pending + len(data) > MAX_INPUT_BYTES:
            return problem_answer(
                f"{job.handle} has not read {pending} bytes of input yet, and "
                f"{len(data)} more would be over {MAX_INPUT_BYTES}; nothing was sent",
                status="busy",
                pending_input_bytes=pending,
                retry_after_seconds=1,
            )
        return None

    def _write(self, job: Job, arguments: Arguments, data: bytes) -> None:
        running = job.running
        if running is None:
            return
        if arguments.secret:
            job.secrets += _new_secrets(job, arguments.text)
        if arguments.terminal_size:
            running.resize(terminal_size(arguments.terminal_size))
        job.write(data, ends=arguments.eof)


def _input(arguments: Arguments) -> bytes | ArgumentProblem:
    """What is to be written."""
    if len(arguments.keys) > _MAX_KEYS:
        return ArgumentProblem(
            f'"keys" has {len(arguments.keys)} names, at most {_MAX_KEYS}'
        )
    data = bytearray(arguments.text.encode())
    if len(data) > MAX_INPUT_BYTES:
        return ArgumentProblem(
            f'"text" is {len(data)} bytes long, at most {MAX_INPUT_BYTES}'
        )
    for name in arguments.keys:
        key = key_bytes(name)
        if key is None:
            return ArgumentProblem(
                f'"keys": there is no key "{name[:40]}"; there are: '
                f"{', '.join(KEY_NAMES)}"
            )
        data += key
    return bytes(data)


def _job_problem(job: Job, arguments: Arguments) -> ArgumentProblem | None:
    """What the job's standard input cannot take."""
    stdin = job.request.stdin
    if stdin is Stdin.EMPTY:
        return ArgumentProblem(
            f"{job.handle} was started without an open standard input: start it with "
            '"tty" or "keep_stdin_open"'
        )
    if arguments.keys and stdin is not Stdin.TERMINAL:
        return ArgumentProblem(
            f'"keys" are for terminals, and {job.handle} has none: use "text"'
        )
    if arguments.secret:
        problem = _secret_problem(job, arguments.text)
        if problem is not None:
            return problem
    return size_problem(arguments.terminal_size, tty=stdin is Stdin.TERMINAL)


def _secret_problem(job: Job, text: str) -> ArgumentProblem | None:
    """Why it cannot be hidden; says nothing of it but its length."""
    lines = text.splitlines() or [""]
    lengths = [len(line.strip()) for line in lines]
    wrong = [n for n in lengths if not LEAST_CHARACTERS <= n <= MOST_CHARACTERS]
    if wrong:
        return ArgumentProblem(
            f'"secret": "text" has a line of {wrong[0]} characters, and only '
            f"{LEAST_CHARACTERS} to {MOST_CHARACTERS} can be hidden in the output"
        )
    count = len(job.secrets) + len(_new_secrets(job, text))
    if count > _MAX_SECRETS:
        return ArgumentProblem(
            f'"secret": that would be {count} secrets of this job, at most '
            f"{_MAX_SECRETS}"
        )
    return None


def _new_secrets(job: Job, text: str) -> list[str]:
    return [part for part in parts_of(text) if part not in job.secrets]
