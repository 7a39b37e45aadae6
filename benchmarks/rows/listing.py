"""Requests a second through Klein, auth and the engine, without a command."""

from __future__ import annotations

import http.client
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.measure import BenchmarkError, Row, Scale, Target, rounds
from benchmarks.servers import LISTING, TOKEN, Load, Server, Traffic, commander, serving

__all__ = ["listing", "listings"]

_CLIENTS: Final = 8
_DEPTH: Final = 4
"""So many answers of 14 KB fit into what the server keeps for a client that does not
read (64 KiB); it ends the connection of one that has more of them under way."""
_MARKER: Final = '"execute_command"'


def listing(scale: Scale) -> list[Row]:
    seconds = scale.pick(1.5, 0.3)
    with commander() as ours, TemporaryDirectory() as name:
        body = Path(name, "body")
        body.write_bytes(_answer_of(ours))
        with serving("constant_server", body) as bare:
            for server in (ours, bare):
                _rate(server, seconds / 4, 1)
            found: dict[str, list[Load]] = rounds(
                scale.rounds(),
                {
                    "ours": lambda: _rate(ours, seconds, 1),
                    "bare": lambda: _rate(bare, seconds, 1),
                    "ours pipelined": lambda: _rate(ours, seconds, _DEPTH),
                    "bare pipelined": lambda: _rate(bare, seconds, _DEPTH),
                },
            )
    rates = {
        name: tuple(load.per_second for load in loads) for name, loads in found.items()
    }
    return [
        Row(
            name="listing",
            what="requests/s of `tools/list` through Klein and auth, "
            f"{_CLIENTS} clients",
            against="a bare Twisted protocol that sends the same bytes",
            target=Target(bound=0.20, unit="x", at_least=True),
            values=_ratios(rates["ours"], rates["bare"]),
            figures={
                "ours/s": rates["ours"],
                "bare/s": rates["bare"],
                "ours p99 ms": tuple(load.p99_ms for load in found["ours"]),
                f"ratio with {_DEPTH} requests under way on each": _ratios(
                    rates["ours pipelined"], rates["bare pipelined"]
                ),
            },
        )
    ]


def _ratios(ours: tuple[float, ...], theirs: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(a / b for a, b in zip(ours, theirs, strict=True))


def listings(seconds: float, depth: int = 1) -> Traffic:
    return Traffic(LISTING, _MARKER, connections=_CLIENTS, depth=depth, seconds=seconds)


def _rate(server: Server, seconds: float, depth: int) -> Load:
    return server.load(listings(seconds, depth))


def _answer_of(server: Server) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "Authorization": f"Bearer {TOKEN}",
    }
    connection.request("POST", "/mcp", LISTING, headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    if response.status != http.client.OK:
        raise BenchmarkError(f"tools/list: {response.status} {body[:200]!r}")
    return body
