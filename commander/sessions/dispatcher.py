"""From bytes to bytes: the engine says which tool is called, the registry calls it.

This is the only place that knows both. It is also the boundary at which a fault of
our own becomes an answer: logged with its traceback here, told to the client as an
internal error and nothing more.
"""

from __future__ import annotations

import msgspec
from twisted.python.failure import Failure

from commander.mcp.events import Reply, ToolCalled, ToolReturned
from commander.mcp.handshake import HandshakeEngine
from commander.mcp.inbound import InboundHeaders
from commander.telemetry.logging import StructuredLog
from commander.tools.registry import CallContext, ToolAnswer, ToolRegistry

__all__ = ["Dispatcher"]


class Dispatcher:
    """Answers messages.

    Args:
        engine: Speaks the protocol.
        registry: Holds the tools that the engine lists.
        log: For faults of our own.
    """

    def __init__(
        self,
        *,
        engine: HandshakeEngine,
        registry: ToolRegistry,
        log: StructuredLog,
    ) -> None:
        self._engine = engine
        self._registry = registry
        self._log = log

    async def answer(
        self, body: bytes, headers: InboundHeaders, context: CallContext
    ) -> Reply:
        """The answer to one message; waits for the tool if it calls one."""
        event = self._engine.receive(body, headers)
        if isinstance(event, Reply):
            return event
        self._log.debug("tool_call", tool=event.name, arguments=sorted(event.arguments))
        try:
            answer = await self._registry.call(event.name, event.arguments, context)
        except Exception:
            self._log.failure("tool_failed", Failure(), tool=event.name)
            return self._engine.tool_failed(event)
        return self._returned(event, answer)

    def _returned(self, called: ToolCalled, answer: ToolAnswer) -> Reply:
        return self._engine.tool_returned(
            called,
            ToolReturned(
                text=_as_text(answer),
                structured=answer.facts,
                is_error=answer.is_error,
            ),
        )


def _as_text(answer: ToolAnswer) -> str:
    """The facts as indented JSON with sorted keys, as the Go server wrote them."""
    encoded = msgspec.json.encode(answer.facts, order="sorted")
    return msgspec.json.format(encoded, indent=2).decode()
