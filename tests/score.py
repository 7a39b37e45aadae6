"""Which rows of a list of promises are proven by tests that ran.

A test names rows by a mark; what the mark means is for those to say who have the list.
"""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import pytest

__all__ = ["Row", "Score"]


class Row(Protocol):
    """One promise."""

    @property
    def id(self) -> str:
        """By which tests name it."""

    @property
    def untested(self) -> str:
        """Why no test can prove it; empty if one does."""


R = TypeVar("R", bound=Row)


class Score(Generic[R]):
    """A pytest plugin: ties rows to tests, and prints how many are proven.

    A run of all files fails if a row stayed open that a test of them should have
    proven.

    Args:
        title: Of the closing lines.
        files: Whose tests prove the rows.
        groups: Rows by what they are rows of.

    Attributes:
        ties: The tests of each row, by ids.
        unknown: Ids that a test names and no row has.
        complete: Whether every file was collected.
    """

    def __init__(
        self, title: str, files: Collection[Path], groups: Mapping[str, Sequence[R]]
    ) -> None:
        self._title = title
        self._files = files
        self._groups = groups
        self._outcomes: dict[str, set[str]] = defaultdict(set)
        self._deselected = False
        self.ties: dict[str, set[str]] = {row.id: set() for row in self.rows}
        self.unknown: set[str] = set()
        self.complete = False

    @property
    def rows(self) -> list[R]:
        """All of them."""
        return [row for group in self._groups.values() for row in group]

    # --- what is different from list to list -------------------------------------

    def tie_item(self, item: pytest.Item) -> None:
        """Note what a test is to prove, with ``tie``."""
        raise NotImplementedError

    def is_owed(self, row: R) -> bool:
        """Whether it is the tests of these files that have to prove a row."""
        return not row.untested

    def is_tied(self, row: R) -> bool:
        """Whether there are tests enough of a row."""
        return bool(self.ties[row.id])

    def rest(self, rows: Sequence[R], still_open: Sequence[str]) -> list[str]:
        """What a score says of rows that are not proven."""
        excused = sum(1 for row in rows if row.untested)
        return [f"{excused} with a reason why none can", f"{len(still_open)} open"]

    # --- plugin ------------------------------------------------------------------

    # First, so that it sees what -k and -m are about to take out.
    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: Sequence[pytest.Item]) -> None:
        for item in items:
            self.tie_item(item)
        self.complete = {*self._files} <= {item.path for item in items}

    def pytest_deselected(self) -> None:
        self._deselected = True

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
        terminalreporter.section(self._title)
        for line in self.lines():
            terminalreporter.line(line)

    # --- score -------------------------------------------------------------------

    def tie(self, nodeid: str, row_ids: Iterable[str]) -> None:
        """Note that a test is to prove some rows."""
        for row_id in row_ids:
            if row_id in self.ties:
                self.ties[row_id].add(nodeid)
            else:
                self.unknown.add(row_id)

    def silent(self) -> list[str]:
        """Rows of which a test did not run; one that was skipped told why."""
        return [
            row.id
            for row in self.rows
            if self.is_owed(row)
            and not (self.is_tied(row) and all(map(self._outcomes.get, self._of(row))))
        ]

    def lines(self) -> list[str]:
        """The score of each group, and the rows that are still open."""
        return [
            line
            for name, rows in self._groups.items()
            for line in self._score(name, rows)
        ]

    def is_proven(self, row: R) -> bool:
        """Every test of it ran and passed, and there are enough."""
        whole = {"setup passed", "call passed", "teardown passed"}
        return self.is_tied(row) and all(
            self._outcomes[test] == whole for test in self._of(row)
        )

    def _of(self, row: R) -> set[str]:
        return self.ties[row.id]

    def _score(self, name: str, rows: Sequence[R]) -> list[str]:
        proven = [row for row in rows if self.is_proven(row)]
        still_open = [row.id for row in rows if self.is_owed(row) and row not in proven]
        score = f"{name}: {len(proven)} of {len(rows)} rows proven by tests that ran"
        said = ", ".join([score, *self.rest(rows, still_open)])
        return [said, *textwrap.wrap(", ".join(still_open))]
