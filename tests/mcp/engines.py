"""Both engines over one catalogue, and messages to them; every answer is validated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from commander.mcp.catalogue import Catalogue
from commander.mcp.events import Call, Peer, Reply, ServerInfo
from commander.mcp.handshake import HandshakeEngine
from commander.mcp.headers import Headers
from commander.mcp.inbound import (
    CAPABILITIES_KEY,
    VERSION_KEY,
    era_of,
    handshake_version,
    notification_problem,
)
from commander.mcp.jsonrpc import Batch, ProtocolError, Request, parse
from commander.mcp.modern import ModernEngine
from commander.mcp.results import ACCEPTED, ReplyWriter, refusal
from commander.mcp.versions import ASSUMED_VERSION, Era
from tests.mcp.validation import validate

__all__ = [
    "HANDSHAKE",
    "MODERN",
    "MODERN_ENGINE",
    "SERVER",
    "WRITER",
    "HeaderLines",
    "answer",
    "catalogue",
    "envelope",
    "handshake_engine",
    "headers_of",
    "message",
    "modern",
    "modern_engine",
    "receive",
    "told",
]

Json = dict[str, Any]

MODERN: Final = "2026-07-28"
SERVER: Final = ServerInfo(name="n", title="t", version="1.2", instructions="Do.")
WRITER: Final = ReplyWriter(SERVER)
TOOLS: Final[tuple[Json, ...]] = (
    {
        "name": "execute_command",
        "title": "Execute",
        "description": "Runs it.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "command": {"type": "string"},
                "region": {"type": "string", "x-mcp-header": "Region"},
                "limits": {
                    "type": "object",
                    "properties": {
                        "seconds": {"type": "integer", "x-mcp-header": "Seconds"},
                        "strict": {"type": "boolean", "x-mcp-header": "Strict"},
                    },
                },
            },
        },
        "outputSchema": {"type": "object"},
        "annotations": {"readOnlyHint": False},
        "execution": {"taskSupport": "forbidden"},
        "icons": [{"src": "data:,"}],
    },
    {"name": "get_shell_info", "inputSchema": {"type": "object"}},
)
PROMPTS: Final[tuple[Json, ...]] = (
    {"name": "explain", "title": "Explain", "arguments": [{"name": "job"}]},
    {"name": "execute_command", "description": "Named as a tool is."},
)
RESOURCES: Final[tuple[Json, ...]] = (
    {
        "uri": "job://1/output",
        "name": "output",
        "title": "Output",
        "annotations": {"priority": 1},
    },
)
TEMPLATES: Final[tuple[Json, ...]] = (
    {"uriTemplate": "job://{id}/output", "name": "any output", "title": "Any"},
)


class HeaderLines:
    """``commander.mcp.headers.Headers`` of these lines."""

    def __init__(self, *lines: tuple[str, str]) -> None:
        self.lines = lines

    def values(self, name: str) -> list[str]:
        return [value for known, value in self.lines if known.lower() == name]

    def without(self, name: str) -> HeaderLines:
        return HeaderLines(*(line for line in self.lines if line[0] != name))

    def but(self, name: str, value: str) -> HeaderLines:
        return HeaderLines(*self.without(name).lines, (name, value))


def catalogue() -> Catalogue:
    """One that has everything."""
    return Catalogue(
        tools=TOOLS,
        prompts=PROMPTS,
        resources=RESOURCES,
        templates=TEMPLATES,
        completions=True,
        changing=frozenset({"tools", "prompts", "resources"}),
        subscribable=True,
        tasks=True,
    )


def handshake_engine(has: Catalogue) -> HandshakeEngine:
    return HandshakeEngine(server=SERVER, catalogue=has, writer=WRITER)


def modern_engine(has: Catalogue) -> ModernEngine:
    return ModernEngine(server=SERVER, catalogue=has, writer=WRITER)


HANDSHAKE: Final = handshake_engine(catalogue())
MODERN_ENGINE: Final = modern_engine(catalogue())


# --- what clients send -------------------------------------------------------------


def message(**members: object) -> bytes:
    return msgspec.json.encode({"jsonrpc": "2.0", **members})


def envelope(meta: Mapping[str, Any] | None = None) -> Json:
    """A modern request's ``_meta``, with more or with something else in it."""
    return {VERSION_KEY: MODERN, CAPABILITIES_KEY: {}, **(meta or {})}


def modern(
    method: str,
    params: Mapping[str, Any] | None = None,
    *,
    request_id: str | int = 7,
    meta: Mapping[str, Any] | None = None,
) -> Request:
    """A modern request."""
    whole = {"_meta": envelope(meta), **(params or {})}
    return Request(id=request_id, method=method, params=whole)


def headers_of(request: Request) -> HeaderLines:
    """Those that a client adds, but for a tool's arguments."""
    lines = [
        ("mcp-protocol-version", request.params["_meta"][VERSION_KEY]),
        ("mcp-method", request.method),
    ]
    for member in ("name", "uri", "taskId"):
        if isinstance(request.params.get(member), str):
            lines.append(("mcp-name", request.params[member]))
    return HeaderLines(*lines)


# --- what is answered --------------------------------------------------------------


def told(
    reply: Reply | Call, method: str | None, version: str = MODERN
) -> tuple[int, Any]:
    """Status and JSON of an answer, which is one of its version; None for no body.

    Args:
        reply: To be judged.
        method: Of the request.
        version: That the client speaks.
    """
    assert isinstance(reply, Reply), reply
    if not reply.body:
        return reply.status, None
    answer = msgspec.json.decode(reply.body)
    validate(version, "server", method, answer)
    return reply.status, answer


def answer(
    request: Request, headers: Headers | None = None, has: ModernEngine = MODERN_ENGINE
) -> tuple[int, Any]:
    """What a modern request is told at once."""
    return told(has.open(request, headers), request.method)


def receive(body: bytes, headers: Headers | None = None) -> Reply | Call | Batch:
    """The answer to a body, found as the layer above does, without sessions."""
    parsed = parse(body)
    if isinstance(parsed, Batch):
        return parsed
    era = era_of(parsed, headers)
    if isinstance(parsed, ProtocolError):
        return refusal(parsed, era)
    if era is Era.MODERN:
        if isinstance(parsed, Request):
            return MODERN_ENGINE.open(parsed, headers)
        problem = notification_problem(parsed, headers)
        return ACCEPTED if problem is None else refusal(problem, era)
    if isinstance(parsed, Request):
        return HANDSHAKE.open(parsed, Peer(version=handshake_version(headers)))
    return ACCEPTED


def version_of(headers: Headers | None) -> str:
    """The version of a handshake client that says no more than its headers."""
    return handshake_version(headers) or ASSUMED_VERSION
