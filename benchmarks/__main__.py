"""Run benchmarks, show their tables, keep their results.

usage: python -m benchmarks [--quick] [--rounds N] [--list] [NAME ...]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from benchmarks.measure import (
    BenchmarkError,
    Result,
    Row,
    Scale,
    machine,
    now,
    write_result,
)
from benchmarks.rows import BENCHMARKS

__all__ = ["measured", "table"]


def main() -> int:
    """Gives 1 if a benchmark could not be run; a missed target is no error."""
    options = _options()
    if options.list:
        for name, benchmark in BENCHMARKS.items():
            print(f"{name:10} about {benchmark.seconds:.0f} s")
        return 0
    names = options.names or list(BENCHMARKS)
    scale = Scale(quick=options.quick, least_rounds=options.rounds)
    print(_announcement(names, scale), flush=True)
    failed = False
    for name in names:
        try:
            result = measured(name, scale)
        except BenchmarkError as error:
            print(f"\n{name}: cannot be measured: {error}", file=sys.stderr, flush=True)
            failed = True
            continue
        path = write_result(result)
        print(f"\n{name}: {result.took_seconds:.0f} s, {path}\n{table(result.rows)}")
        sys.stdout.flush()
    return int(failed)


def measured(name: str, scale: Scale) -> Result:
    """Run one benchmark.

    Raises:
        BenchmarkError: It cannot be run here, or something answered wrongly.
    """
    taken_at, surroundings, begin = now(), machine(), time.monotonic()
    rows = tuple(BENCHMARKS[name].measure(scale))
    return Result(
        benchmark=name,
        quick=scale.quick,
        taken_at=taken_at,
        took_seconds=round(time.monotonic() - begin, 1),
        machine=surroundings,
        rows=rows,
    )


def table(rows: Sequence[Row]) -> str:
    """Rows for a terminal, each with its absolute figures below it."""
    head = ("", "target", "measured", "spread", "what")
    lines = [
        ("met" if row.is_met else "MISSED", str(row.target), row.measured, row.spread)
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(head[:4], *lines, strict=True)]

    def line(cells: Sequence[str], words: str) -> str:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        return "  ".join((*padded, words)).rstrip()

    indent = " " * (sum(widths) + 2 * len(widths))
    texts = [line(head[:4], head[4])]
    for row, cells in zip(rows, lines, strict=True):
        texts.append(line(cells, row.what))
        texts.append(f"{indent}against {row.against}")
        if row.figures:
            texts.append(f"{indent}{row.beside}")
    return "\n".join(texts)


def _announcement(names: Sequence[str], scale: Scale) -> str:
    if scale.quick:
        return f"{len(names)} benchmarks, quick: to see that they work, not to judge"
    minutes = sum(BENCHMARKS[name].seconds for name in names) / 60
    return (
        f"{len(names)} benchmarks, about {minutes:.0f} min on a quiet machine; "
        "QUICK=1 takes a minute, ONLY=name runs one"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME", help="all if none is given")
    parser.add_argument("--quick", action="store_true", help="two short rounds")
    parser.add_argument("--rounds", type=int, default=5, help="at least; default 5")
    parser.add_argument("--list", action="store_true", help="show the names")
    options = parser.parse_args()
    unknown = set(options.names) - BENCHMARKS.keys()
    if unknown:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    return options


if __name__ == "__main__":
    sys.exit(main())
