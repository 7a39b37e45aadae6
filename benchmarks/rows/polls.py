"""What long-polls cost while nothing happens."""

from __future__ import annotations

from typing import Any, Final

from benchmarks.measure import Row, Scale, Target, rounds
from benchmarks.programs import run_inside

__all__ = ["polls"]

_CALLS: Final = 10_000
_WATCHED_CALLS: Final = 100


def polls(scale: Scale) -> list[Row]:
    calls = int(scale.pick(_CALLS, 500))
    watched = int(scale.pick(_WATCHED_CALLS, 10))
    seconds = scale.pick(5, 0.5)
    found: dict[str, list[Any]] = rounds(
        scale.rounds(),
        {
            "calls": lambda: run_inside("polling", calls, seconds, "empty"),
            "watched": lambda: run_inside("polling", watched, seconds, "pipe"),
        },
    )
    return [
        Row(
            name="polls",
            what=f"processor time of {calls:,} calls that wait for a job, "
            f"in {seconds:g} s: more than",
            against="the same process before them",
            target=Target(bound=10, unit="ms"),
            values=tuple(one["waiting_ms"] - one["idle_ms"] for one in found["calls"]),
            figures={
                "idle ms": tuple(one["idle_ms"] for one in found["calls"]),
                "memory of a call KiB": tuple(
                    one["kib_each"] for one in found["calls"]
                ),
                "ending all of them ms": tuple(one["end_ms"] for one in found["calls"]),
                f"ms of {watched} calls for jobs that may ask for input": tuple(
                    one["waiting_ms"] - one["idle_ms"] for one in found["watched"]
                ),
            },
        )
    ]
