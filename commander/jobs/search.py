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
from commander.output.cleaning import as_shown, clean
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
    looking = _Search(
        kept,
        stream,
        pattern,
        max_bytes,
        turns,
        latest=kept.total(stream),
        newlines=kept.newlines(stream),
    )
    position = start
    if start < looking.latest:
        await looking.count_to(start)
    while (
        position < looking.latest
        and position - start - looking.evicted_bytes < MOST_BYTES
        and looking.size < max_bytes
    ):
        position = await looking.piece(position)
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
    turns: Turns
    latest: int = attrs.field(kw_only=True)
    newlines: int = attrs.field(kw_only=True)
    """In all, up to there."""
    number: int = 1
    """Of the line at the place that it has come to."""
    counted_without: int | None = None
    """How many bytes were not kept when lines were last counted from the end."""
    size: int = 0
    evicted_bytes: int = 0
    found: list[tuple[int, str]] = attrs.field(factory=list)

    async def count_to(self, start: int) -> None:
        """Find the number of the line that a cursor is in."""
        before, has_gap = await self._kept_newlines(0, start)
        self.number += before
        if has_gap:
            await self._pass_gap(start)

    async def piece(self, position: int) -> int:
        """Look at the lines from a cursor on; the cursor behind them."""
        wanted = PIECE_BYTES
        while True:
            page = await read_page(self.kept, self.stream, position, wanted)
            stretches = _stretches(page, self.latest)
            last = stretches[-1]
            if isinstance(last, Gap) or page.end >= self.latest:
                break
            # Its last line may go on, and is left for the next piece.
            stretches[-1] = last[: last.rfind(b"\n") + 1]
            if stretches[-1] or len(stretches) > 1:
                break
            if wanted >= LINE_BYTES:
                stretches = [last]
                break
            wanted *= 2
        for stretch in stretches:
            if isinstance(stretch, Gap):
                self.evicted_bytes += stretch.end - position
                position = stretch.end
                await self._pass_gap(position)
            else:
                position += self._look(stretch)
                if self.size >= self.max_bytes:
                    break
        return position

    async def _pass_gap(self, end: int) -> None:
        """Find the number of the line behind a gap: it is counted from the end.

        If there are more gaps, the lines of all of them count as those of the first,
        so it is counted again only if more has gone since.
        """
        evicted_bytes = self.kept.evicted_bytes(self.stream)
        if self.counted_without != evicted_bytes:
            self.counted_without = evicted_bytes
            left, _ = await self._kept_newlines(end, self.latest)
            self.number = max(self.number, 1 + self.newlines - left)

    async def _kept_newlines(self, start: int, end: int) -> tuple[int, bool]:
        """Newlines that are kept between, and whether anything there is not."""
        count, position = 0, start
        has_gap = False
        while position < end:
            kept_from = self.kept.kept_from(self.stream, position)
            if kept_from > position:
                has_gap, position = True, kept_from
                continue
            stop = min(end, position + _COUNT_BYTES)
            for part in await self.kept.read(self.stream, position, stop):
                if isinstance(part, Gap):
                    has_gap = True
                else:
                    count += part.data.count(b"\n")
            position = stop
            await self.turns.next()
        return count, has_gap

    def _look(self, data: bytes) -> int:
        """Hold lines against the pattern; how many bytes were looked at."""
        texts = as_shown(data.decode("utf-8", "replace")).split("\n")
        offset = 0
        for raw, text in zip(data.split(b"\n"), texts, strict=True):
            if offset == len(data):
                break  # behind the last newline there is no line
            if self.pattern.matches(text):
                shown = clean(text).text
                self.found.append((self.number, shown))
                self.size += len(shown.encode())
            offset = min(len(data), offset + len(raw) + 1)
            self.number += data[offset - 1 : offset] == b"\n"
            if self.size >= self.max_bytes:
                break
        return offset


def _stretches(page: Page, end: int) -> list[bytes | Gap]:
    """What is kept without a gap, and the gaps between, up to a cursor."""
    found: list[bytes | Gap] = []
    pieces: list[bytes] = []
    for part in page.parts:
        if part.start >= end:
            break
        if isinstance(part, Gap):
            if pieces:
                found.append(b"".join(pieces))
            pieces = []
            found.append(Gap(part.start, min(part.end, end)))
        else:
            pieces.append(part.data[: end - part.start])
    if pieces:
        found.append(b"".join(pieces))
    return found
