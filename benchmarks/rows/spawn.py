"""Commands a second over HTTP, against the ceiling, the obvious design, and itself.

Eight clients call ``true`` without a pause. Six sides take turns; the servers all
live at the same time, and only one of them is asked at a time.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from functools import partial
from typing import Final

import attrs

from benchmarks.measure import BenchmarkError, Row, Scale, Target, rounds
from benchmarks.programs import ceiling
from benchmarks.servers import Server, Traffic, call, commander, serving

__all__ = ["CLIENTS", "RAN", "TRUE", "full_rate", "spawn", "wait_for_children"]

CLIENTS: Final = 8
TRUE: Final = call("true")
RAN: Final = '"exit_code":0'
"""Stands in the answer to a command that ended well."""
_BALLAST_MIB: Final = 500
_CHILDREN: Final = 300


@attrs.frozen
class _Rate:
    """What one side did in one round."""

    per_second: float
    p99_ms: float | None = None
    processor_us: float | None = None
    """Of the server itself for one command, without what its child needs."""


def spawn(scale: Scale) -> list[Row]:
    seconds = scale.pick(1.0, 0.3)
    ballast = int(scale.pick(_BALLAST_MIB, 100))
    children = int(scale.pick(_CHILDREN, 30))
    with (
        commander() as plain,
        commander("--ballast", ballast) as resident,
        _with_children(children) as parent,
        serving("klein_server") as klein,
        serving("klein_server", "--ballast", ballast) as klein_resident,
    ):
        servers = {
            "plain": plain,
            "resident": resident,
            "parent": parent,
            "klein": klein,
            "klein resident": klein_resident,
        }
        for server in servers.values():
            _rate(server, seconds / 4)
        found = rounds(
            scale.rounds(9),  # short turns: what disturbs a machine comes in bursts
            {
                "ceiling": lambda: _Rate(ceiling(seconds)),
                **{
                    name: partial(_rate, server, seconds)
                    for name, server in servers.items()
                },
            },
        )
    return _rows(found, ballast, children)


def full_rate(seconds: float) -> Traffic:
    return Traffic(TRUE, RAN, connections=CLIENTS, seconds=seconds)


def _rate(server: Server, seconds: float) -> _Rate:
    before = server.processor_seconds
    load = server.load(full_rate(seconds))
    used = server.processor_seconds - before
    return _Rate(load.per_second, load.p99_ms, used / load.answers * 1e6)


@contextlib.contextmanager
def _with_children(count: int) -> Iterator[Server]:
    """A server with so many commands that do nothing."""
    env = {"MCP_MAX_CONCURRENT": str(count + 2 * CLIENTS), "MCP_MAX_QUEUED": "1000"}
    sleep = call("sleep 3000", timeout="1h")
    with (
        commander(env=env) as server,
        server.loading(Traffic(sleep, "", connections=count, requests=count)),
    ):
        wait_for_children(server, count)
        yield server


def wait_for_children(server: Server, count: int) -> None:
    """Until the server has so many processes below it.

    Raises:
        BenchmarkError: It has not after half a minute.
    """
    deadline = time.monotonic() + 30
    while server.children() < count:
        if time.monotonic() > deadline:
            raise BenchmarkError(f"{server.children()} of {count} commands run")
        time.sleep(0.05)


def _rows(found: dict[str, list[_Rate]], ballast: int, children: int) -> list[Row]:
    over_http = f"commands/s over HTTP, `sh -c true`, {CLIENTS} in flight"
    resident, without = f"{ballast} MiB resident", "the same server without"
    ceiling_loop = "a loop in C, two workers: posix_spawn, two pipes read, wait"
    obvious = "Klein and `spawnProcess(path=...)`"
    table = (
        ("ceiling", over_http, ceiling_loop, "plain", "ceiling", 0.51),
        ("klein", over_http, obvious, "plain", "klein", 5),
        (
            "klein-resident",
            f"the same, both with {resident}",
            obvious,
            "resident",
            "klein resident",
            30,
        ),
        ("resident", f"commands/s with {resident}", without, "resident", "plain", 0.9),
        (
            "children",
            f"commands/s beside {children} running commands",
            without,
            "parent",
            "plain",
            0.9,
        ),
    )
    return [
        Row(
            name=f"spawn-{name}",
            what=what,
            against=against,
            target=Target(bound=bound, unit="x", at_least=True),
            values=_ratios(found[ours], found[theirs]),
            figures={
                **_figures("ours", found[ours]),
                **_figures("theirs", found[theirs]),
            },
        )
        for name, what, against, ours, theirs, bound in table
    ]


def _ratios(ours: list[_Rate], theirs: list[_Rate]) -> tuple[float, ...]:
    return tuple(a.per_second / b.per_second for a, b in zip(ours, theirs, strict=True))


def _figures(whose: str, rates: list[_Rate]) -> dict[str, tuple[float, ...]]:
    figures: dict[str, list[float | None]] = {
        f"{whose}/s": [rate.per_second for rate in rates],
        f"{whose} p99 ms": [rate.p99_ms for rate in rates],
        f"{whose} processor us": [rate.processor_us for rate in rates],
    }
    return {
        what: tuple(value for value in values if value is not None)
        for what, values in figures.items()
        if None not in values
    }
