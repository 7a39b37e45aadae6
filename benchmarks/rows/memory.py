"""What commands cost in memory: those that print without end, and those that do not."""

from __future__ import annotations

from typing import Any

from benchmarks.measure import Row, Scale, Target, rounds
from benchmarks.programs import run_inside

__all__ = ["memory"]

_DEAD_READERS = 8


def memory(scale: Scale) -> list[Row]:
    mebibytes = int(scale.pick(10 * 1024, 2 * 1024))
    commands = int(scale.pick(1000, 100))
    found: dict[str, list[Any]] = rounds(
        scale.rounds(),
        {
            "flooded": lambda: run_inside("hoarding", mebibytes, _DEAD_READERS),
            "idle": lambda: run_inside("idling", commands),
        },
    )
    floods, idle = found["flooded"], found["idle"]
    return [
        Row(
            name="memory-flood",
            what="growth of the process while a command prints "
            f"{mebibytes / 1024:g} GiB "
            f"and {_DEAD_READERS} readers of its events read nothing: more than",
            against="what is kept of two streams (2 x `MCP_MAX_OUTPUT_BYTES`)",
            target=Target(bound=10, unit="MiB"),
            values=tuple(
                (flood["most_kib"] - flood["before_kib"]) / 1024 - flood["kept_mib"]
                for flood in floods
            ),
            figures={
                "before MiB": tuple(flood["before_kib"] / 1024 for flood in floods),
                "highest MiB": tuple(flood["most_kib"] / 1024 for flood in floods),
                "after MiB": tuple(flood["after_kib"] / 1024 for flood in floods),
                "kept MiB": tuple(flood["kept_mib"] for flood in floods),
            },
        ),
        Row(
            name="memory-idle",
            what=f"a running command without output, average of {commands}",
            against="a fixed bound",
            target=Target(bound=8, unit="KiB"),
            values=tuple(one["kib_each"] for one in idle),
            figures={"before MiB": tuple(one["before_kib"] / 1024 for one in idle)},
        ),
    ]
