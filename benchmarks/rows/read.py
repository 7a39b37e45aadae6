"""How fast the engine reads what a command prints, and keeps its beginning and end."""

from __future__ import annotations

import subprocess
import time
from typing import Any, Final

from benchmarks.measure import BenchmarkError, Row, Scale, Target, rounds
from benchmarks.programs import run_inside

__all__ = ["read"]

_ZEROS: Final = "dd if=/dev/zero bs=1M count={mebibytes} 2>/dev/null"
_LINES: Final = (
    "yes 'a line of a log, as long as such lines are' | head -c {mebibytes}M"
)


def read(scale: Scale) -> list[Row]:
    mebibytes = int(scale.pick(1024, 64))
    zeros = _ZEROS.format(mebibytes=mebibytes)
    lines = _LINES.format(mebibytes=mebibytes)

    def engine(source: str, watcher: str) -> float:
        return mebibytes / float(run_inside("reading", mebibytes, source, watcher))

    def cat(source: str) -> float:
        return mebibytes / _seconds_into_cat(source)

    found: dict[str, list[Any]] = rounds(
        scale.rounds(7),
        {
            "cat": lambda: cat(zeros),
            "kept": lambda: engine(zeros, "nobody"),
            "events": lambda: engine(zeros, "reader"),
            "cat lines": lambda: cat(lines),
            "kept lines": lambda: engine(lines, "nobody"),
        },
    )
    lines_ratio = _ratios(found["kept lines"], found["cat lines"])
    return [
        _row("read-kept", "", 0.9, (found["kept"], found["cat"]), lines_ratio),
        _row(
            "read-events", " and live events", 0.85, (found["events"], found["cat"]), ()
        ),
    ]


def _seconds_into_cat(source: str) -> float:
    begin = time.monotonic()
    done = subprocess.run(["/bin/sh", "-c", f"{source} | cat >/dev/null"], check=False)
    if done.returncode:
        raise BenchmarkError(f"{source}: {done.returncode}")
    return time.monotonic() - begin


def _row(
    name: str,
    more: str,
    bound: float,
    sides: tuple[list[float], list[float]],
    lines_ratio: tuple[float, ...],
) -> Row:
    ours, theirs = sides
    figures = {"ours MiB/s": tuple(ours), "cat MiB/s": tuple(theirs)}
    if lines_ratio:
        figures["ratio for lines of text"] = lines_ratio
    return Row(
        name=name,
        what=f"reading a command's output (`dd` of zeros) with retention{more}",
        against="`cat >/dev/null` on the same source",
        target=Target(bound=bound, unit="x", at_least=True),
        values=_ratios(ours, theirs),
        figures=figures,
    )


def _ratios(ours: list[float], theirs: list[float]) -> tuple[float, ...]:
    return tuple(a / b for a, b in zip(ours, theirs, strict=True))
