"""Which rows of the guide, and of our page's tables, are proven by tests that ran."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests import score
from tests.guide.rows import Row

__all__ = ["Score"]


class Score(score.Score[Row]):
    """Rows by the marks ``guide`` and ``table``.

    Args:
        directory: Whose tests prove the rows.
        groups: Rows by what they are rows of.
        live: Whether these are the tests on a local AWS. Rows that only those can
            prove are nobody's elsewhere, and all others are extra there.
    """

    def __init__(
        self,
        directory: Path,
        groups: Mapping[str, Sequence[Row]],
        *,
        live: bool = False,
    ) -> None:
        files = {*directory.glob("test_*.py")}
        super().__init__("deployment guide", files, groups)
        self._live = live

    def tie_item(self, item: pytest.Item) -> None:
        for mark in item.iter_markers("guide"):
            self.tie(item.nodeid, mark.args)
        for mark in item.iter_markers("table"):
            self.tie(item.nodeid, self._ids_of(*mark.args))

    def _ids_of(self, section: str, *cells: str) -> list[str]:
        """Rows of a section's table; all of them if no first cell is named."""
        if cells:
            return [f"{section}: {cell}" for cell in cells]
        return [name for name in self.ties if name.startswith(f"{section}: ")] or [
            section
        ]

    def is_owed(self, row: Row) -> bool:
        return row.live if self._live else not (row.live or row.untested)

    def rest(self, rows: Sequence[Row], still_open: Sequence[str]) -> list[str]:
        if self._live:
            return []
        elsewhere = sum(1 for row in rows if row.live and not self.is_proven(row))
        return [
            f"{elsewhere} left to `make ecs-test`",
            *super().rest(rows, still_open),
        ]
