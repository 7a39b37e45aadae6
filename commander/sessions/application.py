"""What a server does for a call: the seam between the protocol and the work.

Here the two meet: the protocol knows calls and what is returned, tools know arguments
and facts.
"""

from __future__ import annotations

from functools import partial
from typing import Protocol

import msgspec

from commander.mcp.events import (
    Asked,
    ListAsked,
    ResourceAsked,
    Returned,
    TaskAnswered,
    TaskAsked,
    TaskCancelled,
    TasksSought,
    ToolCalled,
    ToolReturned,
)
from commander.sessions.job_resources import JobResources
from commander.sessions.job_tasks import JobTasks
from commander.tools.registry import (
    CallContext,
    Later,
    Link,
    ToolAnswer,
    ToolRegistry,
)

__all__ = ["Application", "ToolApplication"]


class Application(Protocol):
    """Does the work of calls."""

    async def serve(self, asked: Asked, context: CallContext) -> Returned:
        """Do what is asked for; what is in the catalogue will be asked for.

        Tasks are asked about only if the catalogue says that there are some; whether
        ``context.principal`` may see one is for the application to know. A call that is
        answered with ``TaskCreated`` is over for the sessions: its work goes on, and
        who does it tells ``ChangeHub.task_changed`` how.

        Cancelled by ``context.caller``; the answer is waited for even then.
        """


class ToolApplication:
    """Calls tools, and shows the jobs that these start.

    Args:
        registry: Holds the tools that the catalogue lists.
        resources: What jobs have printed; None if the catalogue has no resources.
        tasks: Calls that go on as jobs; None if the catalogue has no tasks.
    """

    def __init__(
        self,
        registry: ToolRegistry,
        resources: JobResources | None = None,
        tasks: JobTasks | None = None,
    ) -> None:
        self._registry = registry
        self._resources = resources
        self._tasks = tasks

    async def serve(self, asked: Asked, context: CallContext) -> Returned:
        """Call a tool, or show what there is of its jobs."""
        match asked:
            case ToolCalled():
                return await self._call(asked, context)
            case ListAsked() if self._resources is not None:
                return self._resources.listed(context.principal)
            case ResourceAsked(uri=uri) if self._resources is not None:
                return await self._resources.read(uri, context.principal)
            case TaskAsked() | TasksSought() | TaskAnswered() | TaskCancelled() if (
                self._tasks is not None
            ):
                return await self._tasks.serve(asked, context.principal)
        raise TypeError(asked)

    async def _call(self, asked: ToolCalled, context: CallContext) -> Returned:
        answer = await self._registry.call(asked.name, asked.arguments, context)
        if answer.later is None or self._tasks is None:
            return _returned(answer)
        end = partial(_answered, answer.later)
        return await self._tasks.create(answer.later.job_id, end, context.principal)


async def _answered(later: Later) -> ToolReturned:
    return _returned(await later.answer())


def _returned(answer: ToolAnswer) -> ToolReturned:
    return ToolReturned(
        content=(
            {"type": "text", "text": _as_text(answer)},
            *map(_link, answer.links),
        ),
        structured=answer.facts,
        is_error=answer.is_error,
    )


def _as_text(answer: ToolAnswer) -> str:
    """What the tool says; else its facts as the Go server wrote them, sorted."""
    if answer.text is not None:
        return answer.text
    encoded = msgspec.json.encode(answer.facts, order="sorted")
    return msgspec.json.format(encoded, indent=2).decode()


def _link(link: Link) -> dict[str, str]:
    """S25/server/tools, Resource Links."""
    return {
        "type": "resource_link",
        "uri": link.uri,
        "name": link.name,
        "description": link.description,
        "mimeType": link.mime_type,
    }
