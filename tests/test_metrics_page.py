"""docs/metrics.md says what is counted."""

from __future__ import annotations

import re
from pathlib import Path

from commander.telemetry.meters import Meters
from commander.telemetry.metrics import GAUGES
from docs.pages.metrics import metrics_page

PAGE = Path(__file__).resolve().parents[1] / "docs/metrics.md"


def test_the_page_is_what_the_code_does_now() -> None:
    assert PAGE.read_text(encoding="utf-8") == metrics_page(), "run: make docs"


def test_the_queries_ask_for_metrics_and_labels_that_there_are() -> None:
    families = [*GAUGES.values(), *(meter.family for meter in Meters().all)]
    names = {family.name for family in families}
    names |= {f"{name}_bucket" for name in names if name.endswith("_seconds")}
    labels = {label for family in families for label in family.labels}
    queries = re.findall(r"\? \| `([^`]+)` \|", metrics_page())
    assert len(queries) == 7
    for query in queries:
        asked = set(re.findall(r"commander_\w+", query))
        assert asked
        assert asked <= names
        assert set(re.findall(r"(\w+)=\"|by \((\w+)\)", query)) <= {
            *((label, "") for label in labels),
            *(("", label) for label in labels),
        }
