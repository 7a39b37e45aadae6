"""The page about metrics, its tables made of what is counted.

``make docs`` makes the page anew; a test compares the two. The words stand in
``metrics.md.in``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from prometheus_client import ProcessCollector

from commander.execution.census import CENSUS_SECONDS
from commander.execution.start_watch import FAILING_SECONDS
from commander.mcp.traces import MOST_STATE_CHARACTERS
from commander.telemetry.meters import MOST_SERIES, Count, Family, Meters
from commander.telemetry.metrics import BUILD, GAUGES

__all__ = ["metrics_page"]

_WORDS: Final = Path(__file__).with_name("metrics.md.in")


def metrics_page() -> str:
    """The page in Markdown."""
    return _WORDS.read_text(encoding="utf-8").format(
        ours=_ours(),
        process=_process(),
        most_series=MOST_SERIES + 1,
        most_state=MOST_STATE_CHARACTERS,
        failing=f"{FAILING_SECONDS:g} s",
        census=f"{CENSUS_SECONDS * 1000:g} ms",
    )


def _ours() -> str:
    meters = Meters()
    known = {
        meter.family: _known(meter) for meter in meters.all if isinstance(meter, Count)
    }
    families = (BUILD, *GAUGES.values(), *(meter.family for meter in meters.all))
    rows = [
        (
            f"`{family.name}`",
            family.kind,
            "; ".join(_labels(family, known.get(family, {}))) or "-",
            family.meaning,
        )
        for family in families
    ]
    return _table(("metric", "kind", "labels", "meaning"), rows)


def _known(count: Count) -> dict[str, list[str]]:
    """Values that each label has from the beginning."""
    found: dict[str, dict[str, None]] = {label: {} for label in count.family.labels}
    for values, _ in count.series():
        for label, value in zip(count.family.labels, values, strict=True):
            found[label][value] = None
    return {label: list(values) for label, values in found.items()}


def _labels(family: Family, known: dict[str, list[str]]) -> Iterable[str]:
    for label in family.labels:
        values = ", ".join(f"`{value}`" for value in known.get(label, ()))
        yield f"`{label}`: {values}" if values else f"`{label}`"


def _process() -> str:
    rows = []
    for metric in ProcessCollector(registry=None).collect():
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        rows.append((f"`{name}`", metric.type, metric.documentation))
    return _table(("metric", "kind", "meaning"), rows)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(head), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    sys.stdout.write(metrics_page())
