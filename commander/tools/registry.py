"""What a tool is, and the table of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

import attrs

from commander.commands import Trace
from commander.principals import Principal
from commander.tools.caller import NOBODY, Caller
from commander.tools.schemas import (
    ArgumentProblem,
    input_schema,
    output_schema,
    read_arguments,
)

__all__ = ["CallContext", "Later", "Link", "Tool", "ToolAnswer", "ToolRegistry"]


@attrs.frozen(kw_only=True)
class CallContext:
    """Who calls a tool, and by which door."""

    principal: Principal
    plain_rpc: bool = False
    """The call came without MCP, as callers of the Go server send it: exit status
    1 of ``grep`` is an error to them."""
    caller: Caller = attrs.field(default=NOBODY, eq=False)
    """The client's side of the call while it runs."""
    trace: Trace | None = None
    """The trace of the client's that the call belongs to."""
    tasks: bool = False
    """The call may be answered with a task that its client asks about later. From then
    on ``caller`` is nobody: nothing reaches it, and it cancels nothing."""


@attrs.frozen(kw_only=True)
class Link:
    """A resource that a result points to."""

    uri: str
    name: str
    description: str
    mime_type: str


@attrs.frozen(kw_only=True)
class Later:
    """The end of a call that goes on as a job."""

    job_id: str
    """Of a job in the table; by now nobody but its owner ends it."""
    answer: Callable[[], Awaitable[ToolAnswer]]
    """What the call would have been answered if it had waited for the job's end. Asked
    for after that, any number of times; it changes nothing."""


@attrs.frozen(kw_only=True)
class ToolAnswer:
    """What a tool has to say."""

    facts: Mapping[str, Any]
    """JSON values; text and structured result are made of the same facts."""
    is_error: bool = False
    text: str | None = None
    """The facts as a model reads them best; None for JSON."""
    links: Sequence[Link] = ()
    """Resources that hold more."""
    later: Later | None = None
    """The client is told of a task in place of this answer; only where
    ``CallContext.tasks`` says that it may be."""


class Tool(Protocol):
    """One tool; ``arguments`` and ``result`` are attrs classes."""

    name: ClassVar[str]
    title: ClassVar[str]
    description: ClassVar[str]
    arguments: ClassVar[type]
    result: ClassVar[type]
    annotations: ClassVar[Mapping[str, bool]]
    """The hints of S25/schema, ToolAnnotations; clients approve calls by them."""

    async def call(self, arguments: Any, context: CallContext) -> ToolAnswer:
        """Do the work; ``arguments`` is an instance of the tool's class."""

    def refuse(self, problem: ArgumentProblem) -> ToolAnswer:
        """Answer arguments that do not fit, in the tool's own result shape."""


class ToolRegistry:
    """The tools by name, in the order in which they are listed.

    Args:
        tools: Names must differ.
        with_output_schema: Whether the list shows output schemas.
    """

    def __init__(self, tools: Sequence[Tool], *, with_output_schema: bool) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._with_output_schema = with_output_schema

    def described(self) -> tuple[dict[str, Any], ...]:
        """Each tool as ``tools/list`` shows it (S25/server/tools, Tool)."""
        return tuple(self._describe(tool) for tool in self._tools.values())

    async def call(
        self, name: str, arguments: Mapping[str, Any], context: CallContext
    ) -> ToolAnswer:
        """Call a tool by name.

        Raises:
            KeyError: There is no tool of this name; callers ask for known ones.
        """
        tool = self._tools[name]
        read = read_arguments(tool.arguments, arguments)
        if isinstance(read, ArgumentProblem):
            return tool.refuse(read)
        return await tool.call(read, context)

    def _describe(self, tool: Tool) -> dict[str, Any]:
        described: dict[str, Any] = {
            "name": tool.name,
            "title": tool.title,
            "description": tool.description,
            "inputSchema": input_schema(tool.arguments),
        }
        if self._with_output_schema:
            described["outputSchema"] = output_schema(tool.result)
        described["annotations"] = {"title": tool.title, **tool.annotations}
        return described
