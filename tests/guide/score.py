"""Which rows of the guide are proven by tests that ran."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.guide.rows import Row

__all__ = ["Score"]

_HERE = Path(__file__).parent


class Score:
    """A pytest plugin: ties rows to tests, and prints how many are proven.

    Attributes:
        ties: The tests of each row, by ids.
        unknown: Ids that a test names and no row has.
        complete: Whether every file of this directory was collected.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows
        self._outcomes: dict[str, set[str]] = defaultdict(set)
        self.ties: dict[str, set[str]] = {row.id: set() for row in rows}
        self.unknown: set[str] = set()
        self.complete = False

    # First, so that it sees what -k and -m are about to take out.
    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: Sequence[pytest.Item]) -> None:
        for item in items:
            for mark in item.iter_markers("guide"):
                self.tie(item.nodeid, mark.args)
        self.complete = {*_HERE.glob("test_*.py")} <= {item.path for item in items}

    def tie(self, nodeid: str, row_ids: Sequence[str]) -> None:
        """Note that a test is to prove some rows."""
        for row_id in row_ids:
            if row_id in self.ties:
                self.ties[row_id].add(nodeid)
            else:
                self.unknown.add(row_id)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._outcomes[report.nodeid].add(f"{report.when} {report.outcome}")

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter
    ) -> None:
        terminalreporter.section("deployment guide")
        for line in self.lines():
            terminalreporter.line(line)

    def lines(self) -> list[str]:
        """The score, and the rows that are still open."""
        excused = [row for row in self._rows if row.untested]
        still_open = [
            row.id
            for row in self._rows
            if not row.untested and not self._is_proven(row)
        ]
        proven = len(self._rows) - len(excused) - len(still_open)
        score = (
            f"{proven} of {len(self._rows)} rows proven by tests that ran, "
            f"{len(excused)} with a reason why none can, {len(still_open)} open"
        )
        return [score, *textwrap.wrap(" ".join(still_open))]

    def _is_proven(self, row: Row) -> bool:
        """Every test of it ran and passed, and there is one."""
        tests = self.ties[row.id]
        whole = {"setup passed", "call passed", "teardown passed"}
        return bool(tests) and all(self._outcomes[test] == whole for test in tests)
