"""How long a line takes from the command that prints it to the client that waits."""

from __future__ import annotations

import json
import shlex
import socket
import statistics
import sys
import time
from typing import Any, Final

from benchmarks.measure import BenchmarkError, Row, Scale, Target, rounds
from benchmarks.servers import Server, commander, serving
from benchmarks.sse import Stream, opened

__all__ = ["relay"]

_PAUSE_SECONDS: Final = 0.4
"""Longer than the shortest time between two progress notifications (0.25 s)."""
_LEAST_SHARE: Final = 0.5
"""Share of the lines that must come alone: on a machine that stalls for the rest of
the pause two lines share one notification, as they should."""
_CLOCK: Final = (
    "import sys,time\n"
    "for _ in range(int(sys.argv[1])):\n"
    " time.sleep(float(sys.argv[2])); print(time.monotonic_ns(), flush=True)\n"
)
_HEADERS: Final = {
    "MCP-Protocol-Version": "2026-07-28",
    "Mcp-Method": "tools/call",
    "Mcp-Name": "execute_command",
}


def relay(scale: Scale) -> list[Row]:
    lines = int(scale.pick(20, 5))
    words = [sys.executable, "-c", _CLOCK, str(lines), str(_PAUSE_SECONDS)]
    program = shlex.join(words)
    with commander() as ours, serving("relay_server", program) as bare:
        found: dict[str, list[float]] = rounds(
            scale.rounds(),
            {
                "ours": lambda: _through_us(ours, program, lines),
                "bare": lambda: _through_relay(bare, lines),
            },
        )
    return [
        Row(
            name="relay",
            what="from a command's write to the client's first byte of its progress "
            f"notification, median of {lines} lines",
            against="a bare Twisted server that writes the child's output to a socket",
            target=Target(bound=3, unit="x"),
            values=tuple(
                a / b for a, b in zip(found["ours"], found["bare"], strict=True)
            ),
            figures={
                "ours ms": tuple(found["ours"]),
                "bare ms": tuple(found["bare"]),
            },
        )
    ]


def _through_us(server: Server, program: str, lines: int) -> float:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "progressToken": 1,
    }
    params: dict[str, Any] = {
        "name": "execute_command",
        "arguments": {"command": program},
        "_meta": meta,
    }
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    stream = opened(server.port, "POST", json.dumps(message).encode(), _HEADERS)
    late = []
    for said in stream.messages():
        now = time.monotonic_ns()
        if "result" in said:
            break
        text = said["params"].get("message", "")
        if text.isdigit():
            late.append((now - int(text)) / 1e6)
    stream.close()
    return _median(late, lines)


def _through_relay(server: Server, lines: int) -> float:
    stream = Stream(socket.create_connection(("127.0.0.1", server.port), timeout=30))
    late = [(time.monotonic_ns() - int(line)) / 1e6 for line in stream.lines()]
    stream.close()
    return _median(late, lines)


def _median(late: list[float], lines: int) -> float:
    if len(late) < lines * _LEAST_SHARE:
        raise BenchmarkError(f"{len(late)} of {lines} lines came")
    return statistics.median(late)
