"""What HTTP, policy, audit and engine add to one command."""

from __future__ import annotations

from benchmarks.measure import Row, Scale, Target, rounds
from benchmarks.programs import run_inside
from benchmarks.rows.spawn import RAN, TRUE
from benchmarks.servers import Traffic, commander

__all__ = ["one"]


def one(scale: Scale) -> list[Row]:
    seconds = scale.pick(1.5, 0.3)
    traffic = Traffic(TRUE, RAN, seconds=seconds)
    with commander() as server:
        server.load(Traffic(TRUE, RAN, seconds=seconds / 2))
        found = rounds(
            scale.rounds(7),
            {
                "ours": lambda: server.load(traffic).p50_ms,
                "raw": lambda: run_inside("raw_loop", seconds)["p50_ms"],
            },
        )
    return [
        Row(
            name="one",
            what="one command over HTTP, median: more than",
            against="`os.posix_spawn`, two pipes read, wait",
            target=Target(bound=0.5, unit="ms"),
            values=tuple(
                ours - raw
                for ours, raw in zip(found["ours"], found["raw"], strict=True)
            ),
            figures={
                "ours ms": tuple(found["ours"]),
                "raw ms": tuple(found["raw"]),
            },
        )
    ]
