"""Which requirements are proven by tests that ran, over each transport that they name.

A test is over a transport if its mark says so, ``requirement("M24", over="http")``, or
else by where it stands: in ``tests/web`` over HTTP, in ``tests/stdio`` over lines.
Where tests are tried over several, their parameters name it. Tests of what both share,
``tests/mcp`` and most of ``tests/sessions``, are over none: what they prove has to be
seen on a wire as well.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.interaction.requirements import TRANSPORTS, Requirement
from tests.score import Score

__all__ = ["RequirementScore", "place_of", "transports_of"]

TESTS: Final = Path(__file__).resolve().parents[1]
ENGINE: Final = ()
"""What both transports share."""
PARAMETERS: Final = None
"""The parameters of a test name its transport."""

PLACES: Final[Mapping[str, tuple[str, ...] | None]] = {
    "auth": ("http",),
    "conformance": ("http",),
    "interaction": ("http",),
    "interaction/test_clients.py": PARAMETERS,
    "interaction/test_stdio.py": ("stdio",),
    "mcp": ENGINE,
    "sessions": ENGINE,
    "sessions/behaviour": PARAMETERS,
    "stdio": ("stdio",),
    "test_tap.py": ("http",),
    "tools": ENGINE,
    "web": ("http",),
}
"""What tests of a directory, or of a file, go over."""


def files() -> set[Path]:
    """Those whose tests may prove a requirement."""
    found = {file for name in PLACES for file in (TESTS / name).rglob("test_*.py")}
    return found | {TESTS / name for name in PLACES if name.endswith(".py")}


def place_of(path: Path) -> tuple[str, ...] | None:
    """What the tests of a file go over; the longest of ``PLACES`` counts."""
    name = path.relative_to(TESTS).as_posix()
    places = [one for one in PLACES if name == one or name.startswith(f"{one}/")]
    return PLACES[max(places, key=len)] if places else ENGINE


def transports_of(path: Path, parameters: str) -> tuple[str, ...]:
    """What a test goes over that does not say it in its mark.

    Args:
        path: Its file.
        parameters: The part of its name in brackets.
    """
    place = place_of(path)
    if place is not None:
        return place
    words = re.findall(r"\w+", parameters)
    return tuple(name for name in TRANSPORTS if name in words)


class RequirementScore(Score[Requirement]):
    """Rows by the mark ``requirement``.

    Args:
        groups: Rows by what they are about.

    Attributes:
        over: The transports over which a row has a test, by its id.
    """

    def __init__(self, groups: Mapping[str, Sequence[Requirement]]) -> None:
        super().__init__("MCP requirements", files(), groups)
        self.over: dict[str, set[str]] = defaultdict(set)

    def tie_item(self, item: pytest.Item) -> None:
        spec = getattr(item, "callspec", None)
        parameters = "" if spec is None else spec.id
        for mark in item.iter_markers("requirement"):
            over = mark.kwargs.get("over", transports_of(item.path, parameters))
            self.prove(item.nodeid, mark.args, over)

    def prove(
        self, nodeid: str, row_ids: Sequence[str], over: str | Sequence[str]
    ) -> None:
        """Note that a test is to prove some rows over some transports."""
        self.tie(nodeid, row_ids)
        for row_id in row_ids:
            self.over[row_id].update([over] if isinstance(over, str) else over)

    def is_tied(self, row: Requirement) -> bool:
        return super().is_tied(row) and not self.missing(row)

    def missing(self, row: Requirement) -> list[str]:
        """The transports over which a row has no test."""
        return [name for name in row.transports if name not in self.over[row.id]]
