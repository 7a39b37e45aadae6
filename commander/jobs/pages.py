"""Reading a job's output by cursor: pages, windows and last lines.

A cursor is an absolute offset, in bytes, of the stream that is read; that of ``both``
counts the bytes of both streams in the order in which they were read. It never
changes its meaning. What is not kept any more is a gap, which is told and stepped over.

A page ends before a character that has not come to its end, of either stream, so
pages that follow each other show each character once and whole. Where there is no such
place, because the streams cut each other's characters all the way, or a character waits
for its end while the other stream goes on, what was cut is shown as bytes that are no
character. A page that begins within a character leaves the rest of that out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import attrs

from commander.output.command import MergedPiece
from commander.output.decoding import HEAD_SHARE, StreamDecoder
from commander.output.kept import KeptOutput
from commander.output.ring import Gap
from commander.output.spooled import Part

__all__ = [
    "Page",
    "decoded",
    "last_lines",
    "read_page",
    "window",
]


@attrs.frozen(kw_only=True)
class Page:
    """A stretch of output."""

    start: int
    """Cursor of its first byte, kept or not."""
    end: int
    """Cursor of what follows."""
    latest: int
    """Cursor behind all that had arrived."""
    parts: tuple[Part, ...] = ()

    @property
    def evicted_bytes(self) -> int:
        """Bytes of it that are not kept any more."""
        return sum(p.end - p.start for p in self.parts if isinstance(p, Gap))

    @property
    def newlines(self) -> int:
        """Newlines among its kept bytes."""
        return sum(
            p.data.count(b"\n") for p in self.parts if isinstance(p, MergedPiece)
        )


async def read_page(kept: KeptOutput, stream: int, start: int, max_bytes: int) -> Page:
    """The output from a cursor on.

    Args:
        kept: Where the output is.
        stream: ``BOTH``, ``STDOUT`` or ``STDERR``.
        start: Not beyond the end.
        max_bytes: Kept bytes of the page; at least 4, so that a character fits.
    """
    latest = kept.total(stream)
    position, left = start, max_bytes
    parts: list[Part] = []
    while position < latest and left > 0:
        end = min(latest, position + left)
        for part in await kept.read(stream, position, end):
            parts.append(part)
            if isinstance(part, MergedPiece):
                left -= len(part.data)
        position = end
        # More may have arrived meanwhile: it is of the next page.
        next_kept = min(latest, kept.kept_from(stream, end)) if left > 0 else end
        if next_kept > end:
            parts.append(Gap(end, next_kept))
            position = next_kept
    return Page(start=start, end=position, latest=latest, parts=_joined(parts))


async def window(
    kept: KeptOutput, stream: int, max_bytes: int
) -> tuple[Page, Page | None]:
    """The beginning and the end of the output; one page if they are all of it."""
    latest = kept.total(stream)
    if latest <= max_bytes:
        return await read_page(kept, stream, 0, max_bytes), None
    head_bytes = max_bytes // HEAD_SHARE
    head = await read_page(kept, stream, 0, head_bytes)
    tail = await read_page(
        kept,
        stream,
        max(head.end, latest - max_bytes + head_bytes),
        max_bytes - head_bytes,
    )
    if tail.start == head.end:
        return attrs.evolve(tail, start=0, parts=_joined(head.parts + tail.parts)), None
    return head, tail


async def last_lines(kept: KeptOutput, stream: int, lines: int, max_bytes: int) -> Page:
    """The last lines; fewer if they do not fit."""
    latest = kept.total(stream)
    page = await read_page(kept, stream, max(0, latest - max_bytes), max_bytes)
    start = _start_of_last(page.parts, lines)
    if start is None:
        return page
    return attrs.evolve(page, start=start, parts=tuple(_from(page.parts, start)))


def decoded(parts: Sequence[Part], *, complete: bool) -> tuple[str, int, int]:
    """The text of parts that follow each other.

    Args:
        parts: Of a page.
        complete: Whether nothing follows: what is left over is no character then.

    Returns:
        The text, with a marker in the place of each gap; how many of its characters
        stand for bytes that are not UTF-8; and how many bytes at the end are the
        beginning of a character, which is not in the text.
    """
    found = _decoding(parts)
    if complete or not parts:
        return found.finished(), found.invalid, 0
    end, whole_end = parts[-1].end, found.whole_end
    if whole_end > parts[0].start:
        if whole_end < end:
            found = _decoding(_until(parts, whole_end))
        return found.finished(), found.invalid, end - whole_end
    # What may still be ended is left for the next page, if nothing follows it here.
    pending = found.last_pending
    return found.finished(but_last=bool(pending)), found.invalid, pending


@attrs.define
class _Decoding:
    """Parts on their way to text."""

    decoders: dict[int, StreamDecoder] = attrs.field(factory=dict)
    texts: list[str] = attrs.field(factory=list)
    last: StreamDecoder | None = None
    """Of the last part; None if that is a gap."""
    whole_end: int = 0
    """Cursor up to which no character of either stream lacks its end."""

    def add(self, part: Part) -> None:
        """Take the next part."""
        if isinstance(part, Gap):
            self.last = None
            self.texts.append(_gap_marker(part))
            if not self._others_pending:
                self.whole_end = part.end
            return
        self.last = self.decoders.get(part.stream)
        if self.last is None:
            self.last = self.decoders[part.stream] = StreamDecoder(part.offset)
        self.texts.append(self.last.decode(part.offset, part.data))
        begun = self.last.pending_bytes
        if begun <= len(part.data) and not self._others_pending:
            self.whole_end = part.end - begun

    @property
    def invalid(self) -> int:
        """How many characters of the text stand for bytes that are not UTF-8."""
        return sum(decoder.invalid for decoder in self.decoders.values())

    @property
    def last_pending(self) -> int:
        """Bytes at the end that begin a character."""
        return 0 if self.last is None else self.last.pending_bytes

    def finished(self, *, but_last: bool = False) -> str:
        """The text if what is left over is no character; called once.

        Args:
            but_last: The last part's stream goes on.
        """
        for decoder in self.decoders.values():
            if not (but_last and decoder is self.last):
                self.texts.append(decoder.finish())
        return "".join(self.texts)

    @property
    def _others_pending(self) -> bool:
        return any(
            decoder.pending_bytes
            for decoder in self.decoders.values()
            if decoder is not self.last
        )


def _decoding(parts: Iterable[Part]) -> _Decoding:
    found = _Decoding()
    for part in parts:
        found.add(part)
    return found


def _gap_marker(gap: Gap) -> str:
    count = gap.end - gap.start
    return f"\n[... {count:,} bytes are not kept any more ...]\n"


def _joined(parts: Sequence[Part]) -> tuple[Part, ...]:
    """With neighbouring gaps as one."""
    if len(parts) < 2:
        return tuple(parts)
    found: list[Part] = []
    for part in parts:
        last = found[-1] if found else None
        if isinstance(part, Gap) and isinstance(last, Gap):
            found[-1] = Gap(last.start, part.end)
        else:
            found.append(part)
    return tuple(found)


def _start_of_last(parts: Sequence[Part], lines: int) -> int | None:
    """Where the last lines begin; None if there are no more than those."""
    wanted = lines
    at_end = True
    for part in reversed(parts):
        if isinstance(part, Gap):
            continue
        position = len(part.data)
        if at_end and part.data.endswith(b"\n"):
            position -= 1  # it ends the last line, and begins none
        at_end = False
        while (position := part.data.rfind(b"\n", 0, position)) >= 0:
            wanted -= 1
            if not wanted:
                return part.start + position + 1
    return None


def _from(parts: Sequence[Part], start: int) -> Iterator[Part]:
    """The parts from an offset on."""
    for part in parts:
        if isinstance(part, Gap):
            if part.end > start:
                yield Gap(max(part.start, start), part.end)
            continue
        skipped = max(0, start - part.start)
        if skipped < len(part.data):
            yield MergedPiece(
                part.stream,
                part.start + skipped,
                part.offset + skipped,
                part.data[skipped:],
            )


def _until(parts: Sequence[Part], end: int) -> Iterator[Part]:
    """The parts up to an offset."""
    for part in parts:
        if part.end <= end:
            yield part
        elif part.start < end and isinstance(part, MergedPiece):
            yield attrs.evolve(part, data=part.data[: end - part.start])
