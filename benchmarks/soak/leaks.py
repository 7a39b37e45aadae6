"""From what a server held over time to the question whether it leaks.

Descriptors, threads, timers and readers must be back where they were before the
load. Memory is not exact: allocators keep pages, and what is under way differs. So a
line is laid through the samples of the load by least squares. Memory leaks if that
line rises beyond its own uncertainty by some mebibytes, and if the idle server holds
as much more than before.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs

__all__ = [
    "Line",
    "Sample",
    "census",
    "fitted",
    "problems",
    "samples_between",
    "summary",
]

Sample = Mapping[str, float]

EXACT: Final = ("descriptors", "threads", "timers", "readers")
"""What has to be no more than before, once the server is idle."""
NONE: Final = ("children", "zombies")
"""What an idle server has none of."""
MOST_OBJECTS: Final = 1000
"""Of Python, more than before, when the server is idle; caches of Twisted, Klein and
the interpreter fill for a while. A leak of one object in a command exceeds it in
seconds."""
MOST_GROWTH_KIB: Final = 4096
"""Rise of resident memory over the whole load, by the line and when idle."""


@attrs.frozen(kw_only=True)
class Line:
    """A line through samples."""

    per_second: float
    error: float
    """Standard error of the slope, per second."""
    seconds: float

    @property
    def sure_growth(self) -> float:
        """By how much it rose at least, with 97 chances of 100."""
        return max(0.0, (self.per_second - 2 * self.error) * self.seconds)


def census(path: Path) -> list[Sample]:
    """All complete records."""
    complete = path.read_text(encoding="utf-8").rpartition("\n")[0]
    return [json.loads(line) for line in complete.splitlines()]


def samples_between(
    samples: Sequence[Sample], begin: float, end: float
) -> list[Sample]:
    return [sample for sample in samples if begin <= sample["at"] <= end]


def fitted(samples: Sequence[Sample], name: str) -> Line:
    """The line through one count; flat if there are hardly any samples."""
    times = [sample["at"] for sample in samples]
    values = [sample[name] for sample in samples]
    count = len(samples)
    seconds = times[-1] - times[0] if count else 0.0
    if count < 3:
        return Line(per_second=0.0, error=0.0, seconds=seconds)
    slope, intercept = statistics.linear_regression(times, values)
    middle = statistics.fmean(times)
    scatter = sum((time - middle) ** 2 for time in times)
    rest = sum(
        (value - intercept - slope * time) ** 2
        for time, value in zip(times, values, strict=True)
    )
    error = (rest / (count - 2) / scatter) ** 0.5
    return Line(per_second=slope, error=error, seconds=seconds)


def problems(before: Sample, after: Sample, memory: Line) -> list[str]:
    """What leaked, in words.

    Args:
        before: The idle server, warmed up.
        after: The idle server after the load.
        memory: Through resident memory in KiB during the load.
    """
    found = [
        f"{name}: {before[name]:.0f} before, {after[name]:.0f} after"
        for name in EXACT
        if after[name] > before[name]
    ]
    found += [f"{name}: {after[name]:.0f}" for name in NONE if after[name]]
    objects = after["objects"] - before["objects"]
    if objects > MOST_OBJECTS:
        found.append(f"objects: {objects:.0f} more than before")
    growth = min(memory.sure_growth, after["resident_kib"] - before["resident_kib"])
    if growth > MOST_GROWTH_KIB:
        found.append(f"memory: rose by {growth / 1024:.1f} MiB")
    return found


def summary(line: Line) -> dict[str, float]:
    """For the report."""
    return {
        "per_minute": round(line.per_second * 60, 3),
        "error_per_minute": round(line.error * 60, 3),
    }
