"""A thousand commands at once."""

from __future__ import annotations

import resource
from typing import Any, Final

from benchmarks.measure import BenchmarkError, Row, Scale, Target
from benchmarks.rows.spawn import RAN, TRUE
from benchmarks.servers import Load, Traffic, call, commander

__all__ = ["many"]

_COMMANDS: Final = 1000
_SLEEP_SECONDS: Final = 2.0
_DESCRIPTORS: Final = 8
"""Of a command, at most: connection, pipes while they are made, its pidfd."""


def many(scale: Scale) -> list[Row]:
    commands = int(scale.pick(_COMMANDS, 50))
    sleep_seconds = scale.pick(_SLEEP_SECONDS, 0.5)
    _raise_descriptors(_DESCRIPTORS * commands)
    found = [_at_once(commands, sleep_seconds) for _ in range(scale.rounds())]
    loads: list[Load] = [load for load, _ in found]
    figures: dict[str, tuple[float, ...]] = {
        "seconds": tuple(load.seconds for load in loads),
        "p50 ms": tuple(load.p50_ms for load in loads),
        "at rest MiB": tuple(memory["rest"] for _, memory in found),
    }
    what = f"{commands} x `sleep {sleep_seconds:g}` at once"

    def row(
        name: str, of: str, target: Target, values: list[float], **more: Any
    ) -> Row:
        return Row(
            name=name,
            what=f"{what}: {of}",
            target=target,
            values=tuple(values),
            **{"against": "a fixed bound", "figures": {}, **more},
        )

    return [
        row(
            "many-time",
            "time",
            Target(bound=1.5, unit="x"),
            [load.seconds / sleep_seconds for load in loads],
            against=f"{sleep_seconds:g} s",
            figures=figures,
        ),
        row(
            "many-memory",
            "the server's resident memory at its highest",
            Target(bound=80, unit="MiB"),
            [memory["most"] for _, memory in found],
        ),
        row(
            "many-errors",
            "answers that are wrong",
            Target(bound=0, unit=""),
            [float(load.wrong) for load in loads],
        ),
    ]


def _at_once(commands: int, sleep_seconds: float) -> tuple[Load, dict[str, float]]:
    """On a server of its own: memory is counted from its start."""
    sleep = call(f"sleep {sleep_seconds}")
    traffic = Traffic(sleep, RAN, connections=commands, requests=commands)
    env = {"MCP_MAX_CONCURRENT": str(commands), "MCP_MAX_QUEUED": str(commands)}
    with commander(env=env) as server:
        server.load(Traffic(TRUE, RAN, requests=5))
        rest = server.resident_mib
        load = server.load(traffic, may_fail=True)
        return load, {"rest": rest, "most": server.most_resident_mib}


def _raise_descriptors(wanted: int) -> None:
    """Servers inherit the limit.

    Raises:
        BenchmarkError: The hard limit is lower.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise BenchmarkError(f"needs {wanted} descriptors; ulimit -Hn says {hard}")
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
