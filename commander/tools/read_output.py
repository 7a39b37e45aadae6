"""``read_output``: a job's output by cursor, its last lines, or those that match."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import attrs
from msgspec import Meta

from commander.jobs.job import Job
from commander.jobs.table import Missing
from commander.tools.hidden import hidden
from commander.tools.job_arguments import ABSENT, JobId, waited
from commander.tools.job_output import (
    DEFAULT_OUTPUT_BYTES,
    STREAMS,
    View,
    clamped_bytes,
    nothing_shown,
    shown_lines,
    shown_page,
    total_of,
)
from commander.tools.job_results import (
    JobResult,
    job_answer,
    job_facts,
    missing_answer,
    output_links,
    problem_answer,
)
from commander.tools.job_services import JobServices
from commander.tools.registry import CallContext, ToolAnswer
from commander.tools.schemas import ArgumentProblem
from commander.turns import Turns

if TYPE_CHECKING:
    from commander.jobs.search import Found

__all__ = ["ReadOutput"]


@attrs.frozen(kw_only=True)
class Arguments:
    """What ``read_output`` takes."""

    job_id: JobId
    cursor: Annotated[
        int,
        Meta(
            ge=0,
            description="Byte offset to read from; default: where the last read ended",
        ),
    ] = ABSENT
    max_bytes: Annotated[int, Meta(description="Default 16384, at most 65536")] = (
        DEFAULT_OUTPUT_BYTES
    )
    tail_lines: Annotated[int, Meta(ge=1, description="Only the last lines")] = ABSENT
    stream: Literal["both", "stdout", "stderr"] = "both"
    view: Annotated[
        Literal["text", "raw"],
        Meta(description="text (default): without colours and overwritten lines"),
    ] = "text"
    match: Annotated[
        str,
        Meta(description="Regular expression; shows the lines that match, numbered"),
    ] = ""
    wait_seconds: Annotated[
        float,
        Meta(
            ge=0,
            description="How long to wait for news; default 0, at most 50 (600 with "
            "a progress token)",
        ),
    ] = 0
    until: Annotated[
        Literal["output", "exit"],
        Meta(description="What to wait for; default output"),
    ] = "output"


class ReadOutput:
    """The tool; see the class attributes for what clients are told.

    Args:
        services: What job tools share.
        turns: When pieces of a search are done.
    """

    name: ClassVar[str] = "read_output"
    title: ClassVar[str] = "Read Output"
    description: ClassVar[str] = (
        "Tell how a job is doing, and read its output, running or finished, from a "
        "byte cursor on. Cursors stay valid. It can wait for more output or the end."
    )
    arguments: ClassVar[type] = Arguments
    result: ClassVar[type] = JobResult
    annotations: ClassVar[Mapping[str, bool]] = {
        "readOnlyHint": True,
        "destructiveHint": False,
        "idempotentHint": False,
        "openWorldHint": False,
    }

    def __init__(self, services: JobServices, turns: Turns) -> None:
        self._services = services
        self._turns = turns

    async def call(self, arguments: Arguments, context: CallContext) -> ToolAnswer:
        """Wait if that is asked for, then read."""
        job = self._services.table.find(arguments.job_id, context.principal)
        if isinstance(job, Missing):
            return missing_answer(arguments.job_id, job)
        problem = _conflict(arguments)
        if problem is not None:
            return self.refuse(problem)
        cursor, end = arguments.cursor, total_of(job, arguments.stream)
        if cursor == ABSENT:
            cursor = getattr(job.read_to, arguments.stream)
        elif cursor > end:
            return problem_answer(
                f'"cursor" is {cursor}, behind the end of the output: latest_cursor is '
                f"{end}",
                latest_cursor=end,
            )

        def has_news() -> bool:
            return total_of(job, arguments.stream) > cursor

        effective = await waited(
            job,
            self._services,
            context,
            seconds=arguments.wait_seconds,
            has_news=has_news if arguments.until == "output" else None,
        )
        output = await self._read(job, cursor, arguments)
        if isinstance(output, ArgumentProblem):
            return self.refuse(output)
        setattr(job.read_to, arguments.stream, output["next_cursor"])
        size = clamped_bytes(arguments.max_bytes)
        if size != arguments.max_bytes:
            effective["max_bytes"] = size
        facts = job_facts(job, self._services, effective=effective)
        return job_answer(facts, output, links=output_links(job, output))

    def refuse(self, problem: ArgumentProblem) -> ToolAnswer:
        """Arguments that do not fit read nothing."""
        return problem_answer(problem.text)

    async def _read(
        self, job: Job, cursor: int, arguments: Arguments
    ) -> dict[str, Any] | ArgumentProblem:
        stream, view = arguments.stream, View(arguments.view)
        max_bytes = clamped_bytes(arguments.max_bytes)
        if arguments.match:
            return await self._search(job, cursor, arguments.match, stream, max_bytes)
        if arguments.tail_lines != ABSENT:
            return await shown_lines(
                job,
                stream=stream,
                view=view,
                lines=arguments.tail_lines,
                max_bytes=max_bytes,
            )
        return await shown_page(
            job, stream=stream, view=view, cursor=cursor, max_bytes=max_bytes
        )

    async def _search(
        self, job: Job, cursor: int, text: str, stream: str, max_bytes: int
    ) -> dict[str, Any] | ArgumentProblem:
        # Most servers are never asked for it, and it is a language of its own.
        from commander.jobs.search import search
        from commander.output.patterns import PatternProblem, compile_pattern

        pattern = compile_pattern(text)
        if isinstance(pattern, PatternProblem):
            return ArgumentProblem(f'"match": {pattern.text}')
        if job.kept is None:
            return nothing_shown(stream)
        found = await search(
            job.kept,
            STREAMS[stream],
            pattern,
            start=cursor,
            max_bytes=max_bytes,
            turns=self._turns,
        )
        return _matches(found, stream, job)


def _conflict(arguments: Arguments) -> ArgumentProblem | None:
    if arguments.tail_lines == ABSENT:
        return None
    given = {"cursor": arguments.cursor != ABSENT, "match": bool(arguments.match)}
    for name, is_given in given.items():
        if is_given:
            return ArgumentProblem(f'"tail_lines" and "{name}" exclude each other')
    return None


def _matches(found: Found, stream: str, job: Job) -> dict[str, Any]:
    """The lines that match, and how far it was looked."""
    text = "\n".join(
        f"{number}: {hidden(line, job.secrets)}" for number, line in found.lines
    )
    facts: dict[str, Any] = {
        "stream": stream,
        "start_cursor": found.start,
        "next_cursor": found.end,
        "latest_cursor": found.latest,
        "truncated": found.end < found.latest,
        "matches": len(found.lines),
        "note": f"{len(found.lines)} lines match"
        + ("" if found.end == found.latest else "; more may follow"),
    }
    if found.evicted_bytes:
        facts["evicted_bytes"] = found.evicted_bytes
    return {**facts, "output": text}
