"""What jobs cost that have ended and are kept to be read."""

from __future__ import annotations

from typing import Any

from benchmarks.measure import Row, Scale, Target, rounds
from benchmarks.programs import run_inside

__all__ = ["finished"]

_OUTPUT_BYTES = 1000


def finished(scale: Scale) -> list[Row]:
    count = int(scale.pick(1000, 200))
    found: dict[str, list[Any]] = rounds(
        scale.rounds(), {"jobs": lambda: run_inside("finished", count, _OUTPUT_BYTES)}
    )
    return [
        Row(
            name="finished",
            what=f"resident memory of a finished job, average of {count}: more than",
            against=f"what it printed ({_OUTPUT_BYTES} bytes)",
            target=Target(bound=2, unit="KiB"),
            values=tuple(one["kib_each"] for one in found["jobs"]),
            figures={
                "kept output KiB": tuple(one["kept_kib_each"] for one in found["jobs"]),
                "objects that Python follows": tuple(
                    one["objects_each"] for one in found["jobs"]
                ),
            },
        )
    ]
