"""What a stream that waits for something to happen costs in memory."""

from __future__ import annotations

import contextlib
from typing import Any, Final

from benchmarks.measure import Row, Scale, Target, rounds
from benchmarks.servers import Server, commander
from benchmarks.sse import Stream, opened, post

__all__ = ["streams"]

_WARM_UP: Final = 20
_INITIALIZE: Final[dict[str, Any]] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}},
}
_MODERN: Final = "2026-07-28"
_LISTEN: Final = (
    b'{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":'
    b'{"notifications":{"toolsListChanged":true},"_meta":'
    b'{"io.modelcontextprotocol/protocolVersion":"2026-07-28",'
    b'"io.modelcontextprotocol/clientCapabilities":{}}}}'
)
_LISTEN_HEADERS: Final = {
    "MCP-Protocol-Version": _MODERN,
    "Mcp-Method": "subscriptions/listen",
}


def streams(scale: Scale) -> list[Row]:
    count = int(scale.pick(1000, 50))
    found: dict[str, list[float]] = rounds(
        scale.rounds(),
        {
            "sessions": lambda: _kib_each(count, _session_stream),
            "subscriptions": lambda: _kib_each(count, _subscription),
        },
    )
    return [
        Row(
            name=f"streams-{kind}",
            what=f"an idle stream of events where there are {count}: {what}",
            against="a fixed bound",
            target=Target(bound=16, unit="KiB"),
            values=tuple(found[kind]),
            figures={},
        )
        for kind, what in (
            ("sessions", "a session and its GET"),
            ("subscriptions", "`subscriptions/listen`"),
        )
    ]


def _session_stream(server: Server) -> Stream:
    headers = post(server.port, _INITIALIZE)
    return opened(
        server.port, "GET", headers={"Mcp-Session-Id": headers["Mcp-Session-Id"]}
    )


def _subscription(server: Server) -> Stream:
    return opened(server.port, "POST", _LISTEN, _LISTEN_HEADERS)


def _kib_each(count: int, open_one: Any) -> float:
    with commander() as server, contextlib.ExitStack() as stack:
        for _ in range(_WARM_UP):
            stack.callback(open_one(server).close)
        before = server.status("VmRSS")
        for _ in range(count - _WARM_UP):
            stack.callback(open_one(server).close)
        return (server.status("VmRSS") - before) / (count - _WARM_UP)
