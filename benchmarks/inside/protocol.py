"""Processor time of the protocol and of whole requests, in memory.

usage: protocol CALLS

The same messages are given to the dispatcher, which parses, routes, checks, calls the
tool and writes the reply, and to the site as HTTP requests, which does all of that and
the rest: reading the head, auth, routes, guards, writing the answer. There are no
sockets, so a real request takes longer still.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.task import Clock
from twisted.web.http_headers import Headers

from commander.mcp.catalogue import Catalogue
from commander.mcp.events import Reply, ServerInfo
from commander.mcp.versions import SUPPORTED_VERSIONS
from commander.principals import Principal
from commander.sessions.application import ToolApplication
from commander.sessions.doors import HttpDoor
from commander.sessions.service import McpService, SessionPolicy, mcp_service
from commander.settings import Settings
from commander.telemetry.logging import StructuredLog
from commander.testing import MemoryLog, MemoryServer
from commander.tools.inspect import GetShellInfo
from commander.tools.registry import ToolRegistry
from commander.web.guards import RequestHeaders

MODERN: Final = "2026-07-28"
META: Final = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "benchmark", "version": "1"},
}
ACCEPT: Final = {"Accept": "application/json, text/event-stream"}


class Sink:
    """An outlet that takes a reply, and counts."""

    streams = True
    replies = 0

    def begin(self, conversation: object, lost: object) -> None:
        """Nothing to wait with."""

    def notify(self, message: bytes) -> None:
        """Nothing is sent before the reply."""

    def follow(self, flow: object) -> None:
        """Nothing is held back."""

    def reply(self, reply: Reply) -> None:
        if reply.status != 200:
            raise ValueError(reply)
        self.replies += 1

    def abandon(self) -> None:
        """Nothing is cancelled."""


def messages() -> dict[str, tuple[bytes, dict[str, str]]]:
    """Bodies and headers by what they are."""
    params: dict[str, Any] = {"name": "get_shell_info", "arguments": {}}
    modern = {
        "MCP-Protocol-Version": MODERN,
        "Mcp-Method": "tools/call",
        "Mcp-Name": "get_shell_info",
    }
    return {
        "handshake": (body("tools/call", params), dict(ACCEPT)),
        "modern": (
            body("tools/call", {**params, "_meta": META}),
            {**ACCEPT, **modern},
        ),
    }


def body(method: str, params: dict[str, Any]) -> bytes:
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return json.dumps(message).encode()


def microseconds(work: Callable[[], None], calls: int) -> float:
    begin = time.process_time()
    for _ in range(calls):
        work()
    return (time.process_time() - begin) / calls * 1e6


def measured(server: MemoryServer, name: str, calls: int) -> dict[str, float]:
    content, headers = messages()[name]
    request = server.http.encode(body=content, headers=headers)
    connection = server.http.connect()
    service = protocol_service()
    sink = Sink()
    head = RequestHeaders(Headers({key: [value] for key, value in headers.items()}))

    def whole() -> None:
        connection.send(request)
        connection.transport.clear()

    def protocol() -> None:
        door = HttpDoor(
            principal=Principal("benchmark"),
            plain_rpc=False,
            headers=head,
            sessions=service.sessions,
        )
        service.dispatcher.receive(content, door, sink)

    whole()
    protocol()
    found = {
        "whole": microseconds(whole, calls),
        "protocol": microseconds(protocol, calls),
    }
    if sink.replies != calls + 1:
        raise ValueError(f"{sink.replies} replies")
    return found


def protocol_service() -> McpService:
    """What ``MemoryServer`` has inside, with the one tool that is called."""
    registry = ToolRegistry(
        [GetShellInfo(Settings(), protocol_versions=SUPPORTED_VERSIONS)],
        with_output_schema=True,
    )
    clock = Clock()
    return mcp_service(
        server=ServerInfo(name="n", title="t", version="1", instructions=""),
        catalogue=Catalogue(tools=registry.described()),
        application=ToolApplication(registry),
        session_policy=SessionPolicy(key=b"k", max_sessions=10, idle_seconds=60.0),
        clock=clock,
        monotonic=clock.seconds,
        log=StructuredLog("benchmark", observer=MemoryLog()),
    )


def main() -> None:
    calls = int(sys.argv[1])
    with MemoryServer() as server:
        print(json.dumps({name: measured(server, name, calls) for name in messages()}))


main()
