"""Clients of the job tools: each has one connection and one call at a time."""

from __future__ import annotations

import http.client
import json
from typing import Any, Final, Self

from benchmarks.measure import BenchmarkError
from benchmarks.servers import TOKEN

__all__ = ["JobClient"]

_SECONDS: Final = 120.0
"""For an answer: more than twice of what a call may wait."""
_HEADERS: Final = {
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
    "Authorization": f"Bearer {TOKEN}",
}


class JobClient:
    """One client; a context manager that closes its connection.

    Args:
        port: Of the server.
    """

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection(
            "127.0.0.1", port, timeout=_SECONDS
        )

    def __enter__(self) -> Self:
        """Connect."""
        self._connection.connect()
        return self

    def __exit__(self, *failure: object) -> None:
        """Leave."""
        self._connection.close()

    def call(self, tool: str, **arguments: object) -> dict[str, Any]:
        """Call a tool; gives the facts of its answer.

        Raises:
            BenchmarkError: It refused or failed.
        """
        answer = self.ask("tools/call", {"name": tool, "arguments": arguments})
        result = answer.get("result", {})
        if result.get("isError", True):
            raise BenchmarkError(f"{tool} {arguments}: {str(answer)[:500]}")
        facts: dict[str, Any] = result["structuredContent"]
        return facts

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Call a method; gives the whole message that came back."""
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        body = json.dumps(message, separators=(",", ":"))
        self._connection.request("POST", "/mcp", body, _HEADERS)
        with self._connection.getresponse() as response:
            received = response.read()
        if received.startswith(b"{"):
            answer: dict[str, Any] = json.loads(received)
            return answer
        return _last_event(received)

    def ended(self, job: str) -> dict[str, Any]:
        """Wait for the end of a job; gives the facts of the last answer."""
        while True:
            facts = self.call("read_output", job_id=job, wait_seconds=50, until="exit")
            if facts["status"] not in ("queued", "running"):
                return facts


def _last_event(stream: bytes) -> dict[str, Any]:
    """The message that ends a stream of events, as of an answer that took long."""
    *_, last = (line for line in stream.split(b"\n") if line.startswith(b"data: {"))
    answer: dict[str, Any] = json.loads(last.removeprefix(b"data: "))
    return answer
