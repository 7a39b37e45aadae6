"""Fill the tables of ``docs/performance.md`` from the kept results.

usage: python -m benchmarks.report [--print]

No figure is copied by hand. Results of quick runs are refused: they say that a
benchmark works, and nothing else.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.measure import (
    RESULTS,
    ROOT,
    BenchmarkError,
    Result,
    Row,
    read_result,
)
from benchmarks.rows import BENCHMARKS

__all__ = ["filled", "results_text", "soak_text"]

PAGE: Final = ROOT / "docs/performance.md"
_PART: Final = r"(<!-- {name} -->\n).*?(<!-- end of {name} -->)"
_HEAD: Final = (
    "| what, *against what* | target | measured | spread | absolute | repeat |\n"
    "|---|---|---|---|---|---|\n"
)
_SOAK_HEAD: Final = (
    "| | idle before | idle after | slope a minute | uncertainty |\n"
    "|---|---|---|---|---|\n"
)


def results_text(results: Sequence[Result]) -> str:
    """The table of all rows, and what it was measured on."""
    lines = [_line(row, result) for result in results for row in result.rows]
    return _HEAD + "".join(lines) + "\n" + _surroundings(results)


def soak_text(report: dict[str, Any]) -> str:
    """What the soak found."""
    lines = [
        f"| {name} | {report['idle_before'][name]:,} | {report['idle_after'][name]:,} "
        f"| {slope['per_minute']:,.2f} | {slope['error_per_minute']:,.2f} |\n"
        for name, slope in report["slopes"].items()
    ]
    verdict = "; ".join(report["problems"]) or "nothing leaked, every answer was right"
    return (
        f"{report['actions']:,} actions in {report['load_seconds'] / 60:.0f} min "
        f"({report['taken_at']}): {verdict}.\n\n{_SOAK_HEAD}{''.join(lines)}"
    )


def filled(page: str, name: str, text: str) -> str:
    """The page with this part of it replaced.

    Raises:
        BenchmarkError: The page has no such part.
    """
    part = re.compile(_PART.format(name=name), re.DOTALL)
    if not part.search(page):
        raise BenchmarkError(f"{PAGE} has no part <!-- {name} -->")
    return part.sub(lambda found: f"{found[1]}\n{text}\n{found[2]}", page)


def _line(row: Row, result: Result) -> str:
    measured = f"**{row.measured}**" if row.is_met else f"{row.measured}, missed"
    cells = (
        f"{row.what}, *against {row.against}*",
        str(row.target),
        measured,
        row.spread,
        row.beside,
        f"`make bench ONLY={result.benchmark}`",
    )
    return f"| {' | '.join(cells)} |\n"


def _surroundings(results: Sequence[Result]) -> str:
    """The machines that were measured on, in most cases one."""
    texts = []
    for result in results:
        facts = {k: v for k, v in result.machine.items() if k != "load average"}
        text = ", ".join(
            value if name in ("processors",) else f"{name} {value}"
            for name, value in facts.items()
        )
        if text not in texts:
            texts.append(text)
    minutes = sum(result.took_seconds for result in results) / 60
    taken = sorted(result.taken_at for result in results)
    return (
        f"Measured {taken[0]} to {taken[-1]} in {minutes:.0f} min of running time, "
        f"{min(len(row.values) for result in results for row in result.rows)} rounds "
        f"or more, on: {'; '.join(texts)}."
    )


def _results() -> list[Result]:
    found = []
    for name in BENCHMARKS:
        path = RESULTS / f"{name}.json"
        if not path.exists():
            raise BenchmarkError(f"{name} was not measured: make bench ONLY={name}")
        result = read_result(path)
        if result.quick:
            raise BenchmarkError(f"{name} was run quickly: make bench ONLY={name}")
        found.append(result)
    return found


def _soak() -> dict[str, Any]:
    path = RESULTS / "soak.json"
    if not path.exists():
        raise BenchmarkError("no soak was run: make soak")
    report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return report


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report")
    parser.add_argument(
        "--print", action="store_true", help="do not touch the page, print the tables"
    )
    options = parser.parse_args()
    try:
        parts = {"results": results_text(_results()), "soak": soak_text(_soak())}
        if options.print:
            print("\n\n".join(parts.values()))
            return 0
        page = PAGE.read_text(encoding="utf-8")
        for name, text in parts.items():
            page = filled(page, name, text)
    except BenchmarkError as error:
        print(error, file=sys.stderr)
        return 1
    Path(PAGE).write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
