"""What clients do to the server: the right things, the wrong ones, and nasty ones.

A scenario makes one call and knows the answer. What it raises is a wrong answer.
"""

from __future__ import annotations

import http.client
import json
import random
import socket
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from benchmarks.servers import TOKEN, call

__all__ = ["SCENARIOS", "Client", "Tally", "WrongAnswerError"]

FORBIDDEN: Final = "forbidden-word"
"""On the server's blocklist; no program, should it ever get through."""
_ANSWER_SECONDS: Final = 60.0
_FLOOD_BYTES: Final = 3_000_000
_TOO_LONG: Final = "x" * 140_000
"""More than the kernel takes as one variable."""
_HEADERS: Final = {
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
    "Authorization": f"Bearer {TOKEN}",
}
_ESCAPES: Final = (
    "setsid sleep 300 &",
    "(setsid sleep 300 >/dev/null 2>&1 &); true",
    "nohup sleep 300 >/dev/null 2>&1 &",
    "env -i setsid sleep 300 </dev/null >/dev/null 2>&1 & true",
    "setsid sh -c 'trap \"\" TERM HUP; sleep 300; sleep 300' & sleep 0.05",
    "setsid sh -c 'kill -STOP $$; sleep 300' & sleep 0.05",
)
"""Processes that want to outlive their command."""


class WrongAnswerError(Exception):
    """The server said something else than it should have."""


@attrs.define
class Tally:
    """What was done; counters of several threads are added up afterwards."""

    done: Counter[str] = attrs.field(factory=Counter)
    wrong: list[str] = attrs.field(factory=list)


class Client:
    """One that keeps its connection, unless a scenario drops it.

    Args:
        port: Of the server, on loopback.
        seed: Decides the order of what it does.
    """

    def __init__(self, port: int, seed: int) -> None:
        self._port = port
        self._random = random.Random(seed)
        self._connection: http.client.HTTPConnection | None = None
        self.tally = Tally()

    def act(self) -> None:
        """Do one thing, and note how it went."""
        names, weights = zip(*((n, w) for n, (w, _) in SCENARIOS.items()), strict=True)
        (name,) = self._random.choices(names, weights)
        try:
            SCENARIOS[name][1](self)
        except (WrongAnswerError, OSError, http.client.HTTPException) as error:
            self.tally.wrong.append(f"{name}: {error!r}")
            self.close()
        self.tally.done[name] += 1

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def run(self, command: str, **arguments: object) -> Mapping[str, Any]:
        """The structured result of a command."""
        status, body = self.post(call(command, **arguments))
        if status != http.client.OK:
            raise WrongAnswerError(status, body[:300])
        result: Mapping[str, Any] = json.loads(body)["result"]["structuredContent"]
        return result

    def post(self, body: bytes) -> tuple[int, bytes]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(
                "127.0.0.1", self._port, timeout=_ANSWER_SECONDS
            )
        self._connection.request("POST", "/mcp", body, _HEADERS)
        response = self._connection.getresponse()
        return response.status, response.read()

    def leave(self, body: bytes, share: float) -> None:
        """Send a request, or the first part of it, and hang up."""
        head = "".join(f"{name}: {value}\r\n" for name, value in _HEADERS.items())
        message = (
            f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body
        address = ("127.0.0.1", self._port)
        with socket.create_connection(address, timeout=_ANSWER_SECONDS) as connection:
            connection.sendall(message[: int(len(message) * share)])

    def pick(self, choices: tuple[Any, ...]) -> Any:
        return self._random.choice(choices)


def _expect(result: Mapping[str, Any], **expected: object) -> None:
    found = {name: result.get(name) for name in expected}
    if found != expected:
        rest = {n: v for n, v in result.items() if n not in ("stdout", "stderr")}
        raise WrongAnswerError(f"{found} is not {expected}", rest)


def _short(client: Client) -> None:
    command, output, code = client.pick(
        (
            ("true", "", 0),
            ("echo hello", "hello\n", 0),
            ("exit 3", "", 3),
            ("printf %s one; printf %s two", "onetwo", 0),
            ("ls / | wc -l >/dev/null; no-such-program 2>/dev/null", "", 127),
        )
    )
    _expect(client.run(command), stdout=output, exit_code=code)


def _flood(client: Client) -> None:
    result = client.run(f"yes | head -c {_FLOOD_BYTES}")
    _expect(result, exit_code=0, truncated=True)
    if not 0 < result["stdout_omitted_bytes"] < _FLOOD_BYTES:
        raise WrongAnswerError(result["stdout_omitted_bytes"])


def _endless_flood(client: Client) -> None:
    result = client.run("yes; sleep 60", timeout="250ms")
    _expect(result, timed_out=True, exit_code=-1)
    if not result["stdout"].startswith("y\n"):
        raise WrongAnswerError("a flood without output")


def _timeout(client: Client) -> None:
    command = client.pick(("sleep 60", "trap '' TERM; sleep 60"))
    _expect(client.run(command, timeout="200ms"), timed_out=True, exit_code=-1)


def _escape(client: Client) -> None:
    _expect(client.run(client.pick(_ESCAPES)), ended_by="exit")


def _escape_and_timeout(client: Client) -> None:
    command = f"{client.pick(_ESCAPES)}\nsleep 60"
    _expect(client.run(command, timeout="250ms"), timed_out=True)


def _failing_start(client: Client) -> None:
    arguments = client.pick(
        (
            {"command": "true", "working_directory": "/no/such/directory"},
            {"command": "true", "working_directory": "/etc/passwd"},
            {"command": "true", "env": {"LONG": _TOO_LONG}},
        )
    )
    _expect(client.run(**arguments), status="failed_to_start")


def _denied(client: Client) -> None:
    _expect(client.run(f"echo a; {FORBIDDEN} b"), status="denied")


def _leave(client: Client) -> None:
    body = call(
        client.pick(("sleep 0.2", "yes | head -c 200000", "setsid sleep 300 &"))
    )
    client.leave(body, client.pick((0.3, 0.9, 1.0, 1.0, 1.0)))


def _garbage(client: Client) -> None:
    status, _ = client.post(client.pick((b"{", b"[]", b'{"jsonrpc":"2.0"}')))
    if status != http.client.BAD_REQUEST:
        raise WrongAnswerError(status)


SCENARIOS: Final[Mapping[str, tuple[float, Callable[[Client], None]]]] = {
    "short": (40, _short),
    "flood": (6, _flood),
    "endless flood": (2, _endless_flood),
    "timeout": (4, _timeout),
    "escape": (8, _escape),
    "escape and timeout": (3, _escape_and_timeout),
    "failing start": (8, _failing_start),
    "denied": (8, _denied),
    "leave": (8, _leave),
    "garbage": (4, _garbage),
}
"""By name: how often among the others, and what."""
