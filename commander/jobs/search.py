"""Looking through a job's output for the lines that match, in bounded pieces.

A pattern takes time in proportion to the text (``commander.output.patterns``), but the
text may be long. So it is gone through a piece a turn of the reactor, and no further
than ``MOST_BYTES`` a call; the cursor says where to go on.

Lines are numbered from the start of the output, and as a person sees them: without
what a terminal would do and not show.
"""

from __future__ import annotations

from typing import Final, Protocol

import attrs

from commander.jobs.pages import Page, read_page
from commander.output.cleaning import clean
from commander.output.kept import KeptOutput
from commander.output.ring import Gap
from commander.turns import Turns

__all__ = ["LINE_BYTES", "MOST_BYTES", "PIECE_BYTES", "Found", "LinePattern", "search"]

PIECE_BYTES: Final = 16 * 1024
"""Some milliseconds for an ordinary pattern, some ten for a hostile one."""
MOST_BYTES: Final = 16 * 1024 * 1024
"""Some seconds in all, in which others have their turns."""
LINE_BYTES: Final = 64 * 1024
"""A longer line is looked at in parts."""
_COUNT_BYTES: Final = 1024 * 1024
"""Newlines are counted much faster."""


class LinePattern(Protocol):
    """What lines are held against."""

    def matches(self, line: str) -> bool:
        """Whether it is found in the line."""


@attrs.frozen(kw_only=True)
class Found:
    """What came of a search."""

    lines: tuple[tuple[int, str], ...]
    """Those that match, with their numbers; the first is 1."""
    start: int
    """Cursor from where it was looked."""
    end: int
    """Cursor up to where."""
    latest: int
    """Cursor behind all that had arrived."""
    evicted_bytes: int
    """Bytes between that are not kept any more."""


async def search(
    kept: KeptOutput,
    stream: int,
    pattern: LinePattern,
    *,
    start: int,
    max_bytes: int,
    turns: Turns,
) -> Found:
    """Find lines.

    Args:
        kept: Where the output is.
        stream: ``BOTH``, ``STDOUT`` or ``STDERR``.
        pattern: What to find.
        start: Cursor to begin at; the line that it is in counts from there.
        max_bytes: Of lines that match, about; at least one is found.
        turns: When the pieces are done.
    """
    looking = _Search(kept, stream, pattern, max_bytes, kept.total(stream))
    before, lost_before = await _kept_newlines(kept, stream, start, turns)
    looking.number += before
    if kept.evicted_bytes(stream):
        left, _ = await _kept_newlines(kept, stream, looking.latest, turns)
        looking.lost_lines = max(0, kept.newlines(stream) - left)
        if lost_before:
            looking.pass_gap()
    position = start
    while position < looking.latest and position - start < MOST_BYTES:
        position = await looking.piece(position)
        if looking.size >= max_bytes:
            break
        await turns.next()
    return Found(
        lines=tuple(looking.found),
        start=start,
        end=position,
        latest=looking.latest,
        evicted_bytes=looking.evicted_bytes,
    )


@attrs.define
class _Search:
    """One search on its way."""

    kept: KeptOutput
    stream: int
    pattern: LinePattern
    max_bytes: int
    latest: int
    number: int = 1
    """Of the line at the place that it has come to."""
    lost_lines: int = 0
    """Newlines among what is not kept, until it was passed."""
    size: int = 0
    evicted_bytes: int = 0
    found: list[tuple[int, str]] = attrs.field(factory=list)

    async def piece(self, position: int) -> int:
        """Look at the lines from a cursor on; the cursor behind them."""
        data, wanted = b"", PIECE_BYTES
        while True:
            page = await read_page(self.kept, self.stream, position, wanted)
            first = page.parts[0]
            if isinstance(first, Gap):
                self.evicted_bytes += first.end - first.start
                self.pass_gap()
                return first.end
            data = _contiguous(page)
            ends = len(data) < page.end - page.start or page.end == self.latest
            cut = len(data) if ends else data.rfind(b"\n") + 1
            if cut or wanted >= LINE_BYTES:
                break
            wanted *= 2
        return position + self._look(data[: cut or len(data)])

    def pass_gap(self) -> None:
        """Count the lines of the output that is not kept."""
        self.number += self.lost_lines
        self.lost_lines = 0

    def _look(self, data: bytes) -> int:
        """Hold lines against the pattern; how many bytes were looked at."""
        texts = clean(data.decode("utf-8", "replace")).text.split("\n")
        offset = 0
        for raw, text in zip(data.split(b"\n"), texts, strict=True):
            if offset == len(data):
                break  # behind the last newline there is no line
            if self.pattern.matches(text):
                self.found.append((self.number, text))
                self.size += len(text.encode())
            offset = min(len(data), offset + len(raw) + 1)
            self.number += data[offset - 1 : offset] == b"\n"
            if self.size >= self.max_bytes:
                break
        return offset


def _contiguous(page: Page) -> bytes:
    """What is kept up to the first gap."""
    pieces = []
    for part in page.parts:
        if isinstance(part, Gap):
            break
        pieces.append(part.data)
    return b"".join(pieces)


async def _kept_newlines(
    kept: KeptOutput, stream: int, end: int, turns: Turns
) -> tuple[int, bool]:
    """Newlines that are kept before a cursor, and whether anything there is not."""
    count = position = 0
    has_gap = False
    while position < end:
        size = min(_COUNT_BYTES, end - position)
        for part in await kept.read(stream, position, position + size):
            if isinstance(part, Gap):
                has_gap = True
            else:
                count += part.data.count(b"\n")
        position += size
        await turns.next()
    return count, has_gap
