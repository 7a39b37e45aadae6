"""How fast a reader gets what a flood leaves of itself, page by page.

usage: following MEBIBYTES PLACE

PLACE is ``ring``, or a directory for the spool. The flood is a file of random bytes
that a job prints; the reader asks for a page as ``read_output`` does, again and again,
while it runs and afterwards. Each page is read twice, one after the other and in
changing order: as a page, and from the rings alone.

Prints the bytes a second of both, by the median time of a whole page of which the
rings have all; those of pages that come from the spool's file; how much of what was
shown came in either; and the share of the output that was kept.

Raises if a byte was shown twice or never, or is another one, or if a gap hides what is
kept somewhere.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import attrs
from twisted.internet.task import deferLater

from benchmarks.inside.engine import Engine, reactor, with_engine
from commander.jobs.pages import Page, read_page
from commander.output.kept import KeptOutput
from commander.output.order import BOTH, STDOUT
from commander.output.ring import Gap
from commander.tools.job_output import MOST_OUTPUT_BYTES


@attrs.define
class Reader:
    """Follows the output by its cursor."""

    kept: KeptOutput
    content: memoryview
    """What the job prints."""
    cursor: int = 0
    pages: int = 0
    kept_bytes: int = 0
    page_seconds: list[float] = attrs.field(factory=list)
    ring_seconds: list[float] = attrs.field(factory=list)
    disk_seconds: list[float] = attrs.field(factory=list)
    shown: hashlib._Hash = attrs.field(factory=hashlib.sha256)
    expected: hashlib._Hash = attrs.field(factory=hashlib.sha256)

    async def read(self) -> None:
        """One page, which may be empty."""
        self.pages += 1
        start = self.cursor
        ring_seconds = self._ring() if self.pages % 2 else 0.0
        begin = time.perf_counter()
        page = await read_page(self.kept, BOTH, start, MOST_OUTPUT_BYTES)
        page_seconds = time.perf_counter() - begin
        if not self.pages % 2:
            ring_seconds = self._ring()
        if page.end - page.evicted_bytes == start + MOST_OUTPUT_BYTES:
            if self._in_ring(start, page.end):
                self.page_seconds.append(page_seconds)
                self.ring_seconds.append(ring_seconds)
            elif not page.evicted_bytes:
                self.disk_seconds.append(page_seconds)
        self._check(page)

    def share(self, pages: list[float]) -> float:
        """Of all that was shown."""
        return len(pages) * MOST_OUTPUT_BYTES / self.kept_bytes

    def _ring(self) -> float:
        begin = time.perf_counter()
        self.kept.output.stdout.read(self.cursor, self.cursor + MOST_OUTPUT_BYTES)
        return time.perf_counter() - begin

    def _in_ring(self, start: int, end: int) -> bool:
        return self.kept.output.stdout.kept_bytes(start, end) == end - start

    def _check(self, page: Page) -> None:
        for part in page.parts:
            if part.start != self.cursor:
                raise ValueError(f"{part.start} follows {self.cursor}")
            self.cursor = part.end
            if isinstance(part, Gap):
                if self.kept.kept_from(BOTH, part.start) < part.end:
                    raise ValueError(f"{part} is kept")
                continue
            self.kept_bytes += len(part.data)
            self.shown.update(part.data)
            self.expected.update(self.content[part.start : part.end])
        if self.cursor != page.end:
            raise ValueError(f"{page.end} is told, {self.cursor} was shown")


def per_second(taken: list[float]) -> float:
    """Bytes, by the median page: one that the machine holds up says nothing."""
    return MOST_OUTPUT_BYTES / statistics.median(taken)


async def main(engine: Engine) -> None:
    mebibytes = int(sys.argv[1])
    content = os.urandom(mebibytes << 20)
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(content)
        job = engine.job(f"cat {file.name}")
        while job.kept is None:
            await deferLater(reactor, 0)
        reader = Reader(job.kept, memoryview(content))
        while not (job.finished and reader.cursor == job.total_bytes):
            await reader.read()
            await deferLater(reactor, 0)
    if reader.cursor != len(content) or job.kept.total(STDOUT) != len(content):
        raise ValueError(f"{reader.cursor} of {len(content)} bytes")
    if reader.shown.digest() != reader.expected.digest():
        raise ValueError("other bytes were shown than printed")
    print(
        json.dumps(
            {
                "page": per_second(reader.page_seconds),
                "ring": per_second(reader.ring_seconds),
                "disk": per_second(reader.disk_seconds or [math.inf]),
                "page_share": reader.share(reader.page_seconds),
                "disk_share": reader.share(reader.disk_seconds),
                "kept": reader.kept_bytes / len(content),
            }
        )
    )


if sys.argv[2] != "ring":
    os.environ["MCP_SPOOL_DIR"] = sys.argv[2]
with_engine(main)
