"""The handshake era: 2024-11-05 to 2025-11-25, each POST on its own.

No session id is given out, so every request stands alone: a client that greeted us
and one that never did are served alike (S25/basic/transports, Session Management:
a server MAY assign an id). What a client sent earlier changes nothing here, and so
``notifications/cancelled`` can name no request of this client for certain: it is
accepted and ignored, as the specification asks for ids that are unknown.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from commander.mcp import results
from commander.mcp.events import Reply, ServerInfo, ToolCalled, ToolReturned
from commander.mcp.inbound import InboundHeaders, classify
from commander.mcp.jsonrpc import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    ProtocolError,
    Request,
    encoded,
)
from commander.mcp.versions import negotiate

__all__ = ["HandshakeEngine"]

_LONGEST_ECHO: Final = 100
"""Characters of a client's text that an error repeats."""


class HandshakeEngine:
    """Answers messages of the handshake era; holds no state between them.

    Args:
        server: Who we say we are.
        tools: The tools in the order of ``tools/list``, each the JSON object that
            the list shows.
    """

    def __init__(
        self, *, server: ServerInfo, tools: Sequence[Mapping[str, Any]]
    ) -> None:
        self._server = server
        self._list = encoded({"tools": tools})
        self._tool_names = tuple(str(tool["name"]) for tool in tools)
        self._methods: dict[str, Callable[[Request], Reply | ToolCalled]] = {
            "initialize": self._initialize,
            "ping": self._ping,
            "tools/list": self._list_tools,
            "tools/call": self._call_tool,
        }

    def receive(self, body: bytes, headers: InboundHeaders) -> Reply | ToolCalled:
        """Take one POST; total over all bytes.

        Returns:
            The answer, or a tool call that ``tool_returned`` or ``tool_failed``
            will turn into one.
        """
        message = classify(body, headers)
        if isinstance(message, ProtocolError):
            return results.refusal(message)
        if not isinstance(message, Request):
            return results.ACCEPTED
        method = self._methods.get(message.method)
        if method is None:
            return _error(
                message, METHOD_NOT_FOUND, f"Method not found: {_cut(message.method)}"
            )
        return method(message)

    def tool_returned(self, called: ToolCalled, returned: ToolReturned) -> Reply:
        """The answer to a tool call that ended."""
        return results.tool_result(called.id, returned)

    def tool_failed(self, called: ToolCalled) -> Reply:
        """The answer to a tool call that our own fault broke; tells no details."""
        return results.refusal(
            ProtocolError(
                code=INTERNAL_ERROR,
                message="Internal error: see the server's log",
                id=called.id,
            )
        )

    def _initialize(self, request: Request) -> Reply:
        """S25/basic/lifecycle, Initialization."""
        return results.result(
            request.id,
            {
                "protocolVersion": negotiate(request.params.get("protocolVersion")),
                "capabilities": {"tools": {"listChanged": False}},
                "serverInfo": {
                    "name": self._server.name,
                    "title": self._server.title,
                    "version": self._server.version,
                },
                "instructions": self._server.instructions,
            },
        )

    def _ping(self, request: Request) -> Reply:
        return results.result(request.id, {})

    def _list_tools(self, request: Request) -> Reply:
        """One page: any cursor is one that we never gave out."""
        if request.params.get("cursor") is not None:
            return _error(request, INVALID_PARAMS, "Invalid params: unknown cursor")
        return results.result(request.id, self._list)

    def _call_tool(self, request: Request) -> Reply | ToolCalled:
        """S25/server/tools, Calling Tools; an unknown tool is a protocol error."""
        name = request.params.get("name")
        if not isinstance(name, str):
            return _error(
                request, INVALID_PARAMS, 'Invalid params: "name" must be a string'
            )
        if name not in self._tool_names:
            return _error(request, INVALID_PARAMS, self._unknown_tool(name))
        arguments = request.params.get("arguments")
        if arguments is None:
            arguments = {}
        if not isinstance(arguments, dict):
            return _error(
                request, INVALID_PARAMS, 'Invalid params: "arguments" must be an object'
            )
        return ToolCalled(
            id=request.id,
            name=name,
            arguments=arguments,
            progress_token=_progress_token(request),
        )

    def _unknown_tool(self, name: str) -> str:
        near = difflib.get_close_matches(_cut(name), self._tool_names, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return f"Unknown tool: {_cut(name)}{hint}"


def _progress_token(request: Request) -> str | int | None:
    meta = request.params.get("_meta")
    token = meta.get("progressToken") if isinstance(meta, dict) else None
    if isinstance(token, bool) or not isinstance(token, str | int):
        return None
    return token


def _error(request: Request, code: int, message: str) -> Reply:
    return results.refusal(ProtocolError(code=code, message=message, id=request.id))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_ECHO else text[:_LONGEST_ECHO] + "..."
