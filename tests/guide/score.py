"""Which rows of the guide, and of our page's tables, are proven by tests that ran."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pytest

from tests.guide.rows import Row

__all__ = ["Score"]


class Score:
    """A pytest plugin: ties rows to tests, and prints how many are proven.

    A run of a whole directory fails if a row stayed open that a test of it should have
    proven.

    Args:
        directory: Whose tests prove the rows.
        groups: Rows by what they are rows of.
        live: Whether these are the tests on a local AWS. Rows that only those can
            prove are nobody's elsewhere, and all others are extra there.

    Attributes:
        ties: The tests of each row, by ids.
        unknown: Ids that a test names and no row has.
        complete: Whether every file of the directory was collected.
    """

    def __init__(
        self,
        directory: Path,
        groups: Mapping[str, Sequence[Row]],
        *,
        live: bool = False,
    ) -> None:
        self._directory = directory
        self._groups = groups
        self._live = live
        self._outcomes: dict[str, set[str]] = defaultdict(set)
        self._deselected = False
        rows = [row for group in groups.values() for row in group]
        self.ties: dict[str, set[str]] = {row.id: set() for row in rows}
        self.unknown: set[str] = set()
        self.complete = False

    # First, so that it sees what -k and -m are about to take out.
    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: Sequence[pytest.Item]) -> None:
        for item in items:
            for mark in item.iter_markers("guide"):
                self.tie(item.nodeid, mark.args)
            for mark in item.iter_markers("table"):
                self.tie(item.nodeid, self._ids_of(*mark.args))
        files = {*self._directory.glob("test_*.py")}
        self.complete = files <= {item.path for item in items}

    def pytest_deselected(self) -> None:
        self._deselected = True

    def _ids_of(self, section: str, *cells: str) -> list[str]:
        """Rows of a section's table; all of them if no first cell is named."""
        if cells:
            return [f"{section}: {cell}" for cell in cells]
        return [name for name in self.ties if name.startswith(f"{section}: ")] or [
            section
        ]

    def tie(self, nodeid: str, row_ids: Iterable[str]) -> None:
        """Note that a test is to prove some rows."""
        for row_id in row_ids:
            if row_id in self.ties:
                self.ties[row_id].add(nodeid)
            else:
                self.unknown.add(row_id)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._outcomes[report.nodeid].add(f"{report.when} {report.outcome}")

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not self.complete or self._deselected or session.config.option.collectonly:
            return
        if session.exitstatus == pytest.ExitCode.OK and self.silent():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter
    ) -> None:
        terminalreporter.section("deployment guide")
        for line in self.lines():
            terminalreporter.line(line)

    def silent(self) -> list[str]:
        """Rows of which a test did not run; one that was skipped told why."""
        return [
            row.id
            for rows in self._groups.values()
            for row in rows
            if self.is_owed(row) and not self._was_run(row)
        ]

    def is_owed(self, row: Row) -> bool:
        """Whether it is the tests of this directory that have to prove a row."""
        return row.live if self._live else not (row.live or row.untested)

    def lines(self) -> list[str]:
        """The score of each group, and the rows that are still open."""
        return [
            line for name, rows in self._groups.items() for line in self._of(name, rows)
        ]

    def _of(self, name: str, rows: Sequence[Row]) -> list[str]:
        proven = [row for row in rows if self._is_proven(row)]
        elsewhere = [row for row in rows if row.live and row not in proven]
        excused = [row for row in rows if row.untested]
        still_open = [row.id for row in rows if self.is_owed(row) and row not in proven]
        score = f"{name}: {len(proven)} of {len(rows)} rows proven by tests that ran"
        if self._live:
            return [score, *textwrap.wrap(", ".join(still_open))]
        score += (
            f", {len(elsewhere)} left to `make ecs-test`, "
            f"{len(excused)} with a reason why none can, {len(still_open)} open"
        )
        return [score, *textwrap.wrap(", ".join(still_open))]

    def _is_proven(self, row: Row) -> bool:
        """Every test of it ran and passed, and there is one."""
        tests = self.ties[row.id]
        whole = {"setup passed", "call passed", "teardown passed"}
        return bool(tests) and all(self._outcomes[test] == whole for test in tests)

    def _was_run(self, row: Row) -> bool:
        """There is a test of it, and each was run or said why not."""
        tests = self.ties[row.id]
        return bool(tests) and all(self._outcomes[test] for test in tests)
