"""What a server does for a call: the seam between the protocol and the work.

Here the two meet: the protocol knows calls and what is returned, tools know arguments
and facts.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from commander.mcp.events import Asked, Returned, ToolCalled, ToolReturned
from commander.tools.registry import CallContext, Link, ToolAnswer, ToolRegistry

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
    """Calls tools.

    Args:
        registry: Holds the tools that the catalogue lists.
    """

    def __init__(self, registry: ToolRegistry) -> None:
        self._registry = registry

    async def serve(self, asked: Asked, context: CallContext) -> Returned:
        """Call a tool; the catalogue has nothing else."""
        if not isinstance(asked, ToolCalled):
            raise TypeError(asked)
        answer = await self._registry.call(asked.name, asked.arguments, context)
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
