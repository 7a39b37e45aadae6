"""How long after its time a command is gone, and what the last look at it costs."""

from __future__ import annotations

from typing import Any, Final

from benchmarks.measure import Row, Scale, Target, rounds
from benchmarks.programs import run_inside
from benchmarks.servers import Load, Traffic, call, commander

__all__ = ["kill"]

_TIMEOUT_MS: Final = 300
_GRACE_MS: Final = 200
_CLIENTS: Final = 8
_STUBBORN: Final = "trap '' TERM; sleep 60"


def kill(scale: Scale) -> list[Row]:
    commands = int(scale.pick(120, 16))
    sweeps = int(scale.pick(500, 50))
    traffic = Traffic(
        call(_STUBBORN, timeout=f"{_TIMEOUT_MS}ms"),
        '"timed_out":true',
        connections=_CLIENTS,
        requests=commands,
    )
    with commander(env={"MCP_KILL_GRACE": f"{_GRACE_MS}ms"}) as server:
        found: dict[str, list[Any]] = rounds(
            scale.rounds(),
            {
                "killed": lambda: server.load(traffic),
                "swept": lambda: run_inside("sweeping", sweeps),
            },
        )
    return [_killed(found["killed"]), _swept(found["swept"])]


def _killed(loads: list[Load]) -> Row:
    due = _TIMEOUT_MS + _GRACE_MS
    return Row(
        name="kill-late",
        what=f"answer to a command that ignores TERM, {_CLIENTS} at once, p99: "
        "later than",
        against=f"deadline + grace, {due} ms after the request",
        target=Target(bound=20, unit="ms"),
        values=tuple(load.p99_ms - due for load in loads),
        figures={
            "median ms": tuple(load.p50_ms - due for load in loads),
            "latest ms": tuple(load.max_ms - due for load in loads),
        },
    )


def _swept(sweeps: list[dict[str, float]]) -> Row:
    return Row(
        name="kill-sweep",
        what="making sure that nothing of a command is left, when nothing is, median",
        against="a fixed bound",
        target=Target(bound=60, unit="us"),
        values=tuple(sweep["sweep_us"] for sweep in sweeps),
        figures={
            "one read of the list of children, us": tuple(
                sweep["look_us"] for sweep in sweeps
            )
        },
    )
