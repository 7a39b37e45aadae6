"""Reading a job's output by cursor: pages, windows and last lines.

A cursor is an absolute offset, in bytes, of the stream that is read; that of ``both``
counts the bytes of both streams in the order in which they were read. It never
changes its meaning. What is not kept any more is a gap, which is told and stepped over.

A page ends before a character that has not come to its end, so pages that follow each
other show each byte once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
        max_bytes: Kept bytes of the page; at least 1.
    """
    latest = kept.total(stream)
    position, left = start, max_bytes
    parts: list[Part] = []
    while position < latest and left > 0:
        end = min(latest, position + left)
        found = await kept.read(stream, position, end)
        parts += found
        left -= sum(len(p.data) for p in found if isinstance(p, MergedPiece))
        position = end
        next_kept = kept.kept_from(stream, end) if left > 0 else end
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
    decoders: dict[int, StreamDecoder] = {}
    texts: list[str] = []
    last: StreamDecoder | None = None
    for part in parts:
        if isinstance(part, Gap):
            texts.append(_gap_marker(part))
            continue
        last = decoders.get(part.stream)
        if last is None:
            last = decoders[part.stream] = StreamDecoder(part.offset)
        texts.append(last.decode(part.offset, part.data))
    pending = 0 if last is None else last.pending_bytes
    for decoder in decoders.values():
        if complete or decoder is not last:
            texts.append(decoder.finish())
    invalid = sum(decoder.invalid for decoder in decoders.values())
    return "".join(texts), invalid, 0 if complete else pending


def _gap_marker(gap: Gap) -> str:
    count = gap.end - gap.start
    return f"\n[... {count:,} bytes are not kept any more ...]\n"


def _joined(parts: Sequence[Part]) -> tuple[Part, ...]:
    """With neighbouring gaps as one."""
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
