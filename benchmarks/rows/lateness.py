"""How late the reactor is for its timers while it starts commands at full rate."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.inside.probes import lateness_ms
from benchmarks.measure import BenchmarkError, Row, Scale, Target
from benchmarks.rows.spawn import full_rate
from benchmarks.servers import commander, serving

__all__ = ["lateness"]

_LEAST_RECORDS = 20


def lateness(scale: Scale) -> list[Row]:
    seconds = scale.pick(3.0, 0.5)
    ours: list[list[float]] = []
    idle: list[list[float]] = []
    rates: list[float] = []
    with TemporaryDirectory() as name:
        files = Path(name, "ours"), Path(name, "idle")
        with commander("--lateness", files[0]) as server, serving("timer", files[1]):
            server.load(full_rate(seconds / 4))
            for _ in range(scale.rounds()):
                begin = time.monotonic()
                load = server.load(full_rate(seconds))
                end = time.monotonic()
                rates.append(load.per_second)
                ours.append(_records(files[0], begin, end))
                idle.append(_records(files[1], begin, end))
    return [
        _row("lateness-median", "median", 0.5, 0.5, (ours, idle), rates),
        _row("lateness-p99", "99 of 100", 0.99, 5.0, (ours, idle), rates),
    ]


def _records(path: Path, begin: float, end: float) -> list[float]:
    found = lateness_ms(path, begin, end)
    if len(found) < _LEAST_RECORDS:
        raise BenchmarkError(f"the timer fired {len(found)} times only")
    return found


def _row(
    name: str,
    which: str,
    share: float,
    bound: float,
    sides: tuple[list[list[float]], list[list[float]]],
    rates: list[float],
) -> Row:
    ours, idle = (
        tuple(records[round(share * (len(records) - 1))] for records in side)
        for side in sides
    )
    return Row(
        name=name,
        what=f"lateness of a 5 ms timer in the reactor, {which}",
        against="the same timer in an idle reactor beside it, for comparison",
        target=Target(bound=bound, unit="ms"),
        values=ours,
        figures={"idle reactor ms": idle, "commands/s": tuple(rates)},
    )
