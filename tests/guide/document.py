"""A page of documentation as tests read it: sections, tables, blocks and links."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Self

import attrs

__all__ = ["ROOT", "Page", "plain"]

ROOT: Final = Path(__file__).resolve().parents[2]

_FENCE: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING: Final = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_LINK: Final = re.compile(r"\]\(([^)\s]+)\)")
_NO_LETTER: Final = re.compile(r"[^\w\- ]")


@attrs.frozen
class Page:
    """Markdown, or a part of it."""

    text: str

    @classmethod
    def read(cls, path: str) -> Self:
        """A file of the project, by its path from the root."""
        return cls((ROOT / path).read_text(encoding="utf-8"))

    @property
    def prose(self) -> str:
        """The text without its blocks; a ``#`` in them is no heading."""
        return _FENCE.sub("", self.text)

    @property
    def headings(self) -> list[str]:
        """All headings, in order."""
        return _HEADING.findall(self.prose)

    @property
    def links(self) -> list[str]:
        """The targets of all links."""
        return _LINK.findall(self.prose)

    @property
    def anchors(self) -> set[str]:
        """What a link can name after ``#``."""
        return {
            _NO_LETTER.sub("", heading.lower()).replace(" ", "-")
            for heading in self.headings
        }

    def section(self, heading: str) -> Page:
        """What stands below a heading, until the next one of any level."""
        # Comments in blocks would look like headings.
        hidden = _FENCE.sub(lambda block: block[0].replace("\n# ", "\n\0 "), self.text)
        (found,) = re.findall(
            rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)",
            hidden,
            re.MULTILINE | re.DOTALL,
        )
        return Page(found.replace("\n\0 ", "\n# "))

    def blocks(self, language: str) -> list[str]:
        """The texts of all fenced blocks of a language; empty for none."""
        return [text for name, text in _FENCE.findall(self.text) if name == language]

    @property
    def first_cells(self) -> list[str]:
        """The first cells of all rows of all tables, without the headings of these."""
        lines = [line for line in self.prose.splitlines() if line.startswith("|")]
        borders = {i for i, line in enumerate(lines) if set(line) <= set("|- ")}
        heads = {i - 1 for i in borders}
        return [
            plain(line.strip("|").split("|")[0].strip())
            for i, line in enumerate(lines)
            if i not in borders | heads
        ]

    def table(self, first_column: str) -> dict[str, tuple[str, ...]]:
        """The rows of the table with this first heading: other cells by first cell."""
        lines = self.prose.splitlines()
        (start,) = (
            i for i, line in enumerate(lines) if line.startswith(f"| {first_column} |")
        )
        rows: dict[str, tuple[str, ...]] = {}
        for line in lines[start + 2 :]:
            if not line.startswith("|"):
                break
            first, *others = (cell.strip() for cell in line.strip("|").split("|"))
            rows[plain(first)] = tuple(others)
        return rows


def plain(cell: str) -> str:
    """A cell without the marks of code."""
    return cell.replace("`", "")
