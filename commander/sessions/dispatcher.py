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
from commander.telemetry.logging import Level, StructuredLog
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

    def receive(self, body: bytes, headers: InboundHeaders) -> Reply | ToolCalled:
        """The answer to one message, or what to ``call`` for it."""
        return self._engine.receive(body, headers)

    async def call(self, called: ToolCalled, context: CallContext) -> Reply:
        """The answer to a message that calls a tool."""
        if self._log.writes(Level.DEBUG):
            names = sorted(called.arguments)
            self._log.debug("tool_call", tool=called.name, arguments=names)
        try:
            answer = await self._registry.call(called.name, called.arguments, context)
        except Exception:
            self._log.failure("tool_failed", Failure(), tool=called.name)
            return self._engine.tool_failed(called)
        return self._returned(called, answer)

    async def answer(
        self, body: bytes, headers: InboundHeaders, context: CallContext
    ) -> Reply:
        """The answer to one message; waits for the tool if it calls one."""
        event = self.receive(body, headers)
        return event if isinstance(event, Reply) else await self.call(event, context)

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
