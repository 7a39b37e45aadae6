"""Rounds, rows and results: what all benchmarks share, and no measuring itself."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import attrs

__all__ = [
    "RESULTS",
    "ROOT",
    "BenchmarkError",
    "Result",
    "Row",
    "Scale",
    "Target",
    "machine",
    "now",
    "read_result",
    "rounds",
    "write_result",
]

ROOT: Final = Path(__file__).resolve().parents[1]
RESULTS: Final = ROOT / "benchmarks/results"
_LEAST_ROUNDS: Final = 5


class BenchmarkError(Exception):
    """Something was measured that is not what should have been measured."""


@attrs.frozen(kw_only=True)
class Scale:
    """How much of it."""

    quick: bool = False
    """Just enough to see that it works: two short rounds."""
    least_rounds: int = _LEAST_ROUNDS

    def rounds(self, full: int = _LEAST_ROUNDS) -> int:
        """How many rounds, where a benchmark wants ``full``."""
        return 2 if self.quick else max(full, self.least_rounds)

    def pick(self, full: float, quick: float) -> float:
        """An amount: of seconds, bytes or commands."""
        return quick if self.quick else full


@attrs.frozen(kw_only=True)
class Target:
    """What a row has to reach."""

    bound: float
    unit: str
    """``x`` for a ratio."""
    at_least: bool = False
    """Otherwise at most."""

    def __str__(self) -> str:
        sign, unit = "≥" if self.at_least else "≤", with_unit(self.unit)
        return f"{sign} {self.bound:g}{unit}"

    def is_met(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound


@attrs.frozen(kw_only=True)
class Row:
    """One line of the table."""

    name: str
    what: str
    against: str
    target: Target
    values: tuple[float, ...]
    """What is judged, one of each round."""
    figures: Mapping[str, tuple[float, ...]]
    """Absolute figures of the same rounds, by what they are, the unit included."""

    @property
    def value(self) -> float:
        return statistics.median(self.values)

    @property
    def is_met(self) -> bool:
        return self.target.is_met(self.value)

    @property
    def measured(self) -> str:
        return shown(self.value, self.target.unit)

    @property
    def spread(self) -> str:
        low, high = min(self.values), max(self.values)
        return f"{shown(low, '')} .. {shown(high, self.target.unit)}"

    @property
    def beside(self) -> str:
        return ", ".join(
            f"{what} {shown(statistics.median(values), '')}"
            for what, values in self.figures.items()
        )


@attrs.frozen(kw_only=True)
class Result:
    """What one benchmark found."""

    benchmark: str
    quick: bool
    taken_at: str
    took_seconds: float
    machine: Mapping[str, str]
    rows: tuple[Row, ...]


def shown(value: float, unit: str) -> str:
    """A figure with three digits that count."""
    if value == 0:
        text = "0"
    elif abs(value) >= 1000:
        text = f"{value:,.0f}"
    else:
        text = f"{value:#.3g}".rstrip(".")
    return text + with_unit(unit)


def with_unit(unit: str) -> str:
    """What stands behind a figure."""
    return unit if unit in ("", "x") else f" {unit}"


def rounds(
    count: int, measures: Mapping[str, Callable[[], Any]]
) -> dict[str, list[Any]]:
    """Let every side have its turn ``count`` times, there and back.

    Returns:
        What each side measured, by its name; the lists go together by position.
    """
    found: dict[str, list[Any]] = {name: [] for name in measures}
    for number in range(count):
        names = list(measures)
        if number % 2:
            names.reverse()
        for name in names:
            found[name].append(measures[name]())
    return found


def machine() -> dict[str, str]:
    """What the figures depend on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processors": f"{len(os.sched_getaffinity(0))} x {_processor()}",
        "memory": f"{memory >> 20} MiB",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "twisted": version("twisted"),
        "klein": version("klein"),
        "load average": f"{os.getloadavg()[0]:.1f}",
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def write_result(result: Result) -> Path:
    """Keep it, in place of an older one."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{result.benchmark}.json"
    content = attrs.asdict(result)
    for row, kept in zip(result.rows, content["rows"], strict=True):
        kept["median"] = row.value
        kept["met"] = row.is_met
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return path


def read_result(path: Path) -> Result:
    content = json.loads(path.read_text(encoding="utf-8"))
    rows = content.pop("rows")
    return Result(**content, rows=tuple(_row(row) for row in rows))


def _row(content: dict[str, Any]) -> Row:
    fields = {
        name: value for name, value in content.items() if name not in ("median", "met")
    }
    return Row(
        **{
            **fields,
            "target": Target(**fields["target"]),
            "values": tuple(fields["values"]),
            "figures": {k: tuple(v) for k, v in fields["figures"].items()},
        }
    )


def now() -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime()) + " UTC"
