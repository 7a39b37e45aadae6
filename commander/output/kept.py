"""All that is kept of a job's output, wherever it is.

The rings in memory come first: they cost no look at the disk. What they lack is taken
from the spool, if there is one; what neither has is a gap.
"""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.defer import Deferred, succeed

from commander.output.command import CommandOutput
from commander.output.order import BOTH, STDERR, STDOUT
from commander.output.ring import Gap
from commander.output.spooled import Part, SpooledOutput

__all__ = ["KeptOutput"]


class KeptOutput:
    """One job's output for its readers; owns both places that it is kept in.

    Streams are ``BOTH``, ``STDOUT`` or ``STDERR``. Offsets are merged ones for
    ``BOTH``, else the stream's own.

    Args:
        output: In memory.
        spooled: On disk, if there is a spool. It is connected here, so nothing may
            have arrived yet.

    Raises:
        ValueError: Something has.
    """

    __slots__ = ("_spooled", "output")

    def __init__(
        self, output: CommandOutput, spooled: SpooledOutput | None = None
    ) -> None:
        self.output = output
        self._spooled = spooled
        if spooled is not None:
            if output.total_bytes:
                raise ValueError("a spool has to see the output from its start on")
            output.tee = spooled.append

    @property
    def problem(self) -> str | None:
        """Why not all of it is on disk, in words for the result; None if it is.

        Also None where it need not be, because memory has it for good.
        """
        return None if self._spooled is None else self._spooled.problem

    @property
    def kept_bytes(self) -> int:
        """What it takes in memory; exact once it is sealed."""
        return self.output.kept_bytes

    def total(self, stream: int) -> int:
        """Bytes that have arrived; the offset of the next."""
        if stream == BOTH:
            return self.output.total_bytes
        return self.output.ring(stream).total_bytes

    def newlines(self, stream: int) -> int:
        """Newlines among them."""
        return sum(self.output.ring(each).newlines for each in _streams(stream))

    def evicted_bytes(self, stream: int) -> int:
        """How many of them are kept nowhere any more.

        Of ``BOTH``, bytes whose order alone is forgotten do not count: each can be
        read by its own stream.
        """
        return sum(map(self._evicted, _streams(stream)))

    def kept_from(self, stream: int, start: int) -> int:
        """The first offset from this one on that is kept somewhere; else the total."""
        if start < self._spooled_to(stream):
            return start
        if stream == BOTH:
            return self.output.kept_from(start)
        return self.output.ring(stream).kept_from(start)

    def read(self, stream: int, start: int, end: int) -> Deferred[list[Part]]:
        """What is kept of these offsets, in order and without a hole.

        Offsets that have not arrived are left out. It takes memory for all of it,
        and for each change between the streams some 150 bytes more: ask for so much
        as is shown.

        Returns:
            Fires with pieces and gaps; never fails. Of one stream, ``start`` of a
            piece is its offset in its stream.
        """
        found = self._in_memory(stream, start, end)
        if self._spooled is None or not any(isinstance(p, Gap) for p in found):
            return succeed(found)
        return Deferred.fromCoroutine(_filled(found, stream, self._spooled))

    def seal(self) -> None:
        """Nothing arrives any more: take no more room than what has arrived needs.

        What the memory budget could still take stays on disk as well; else the spool
        has nothing to do and is closed. A second call does nothing.
        """
        self.output.seal()
        if self._spooled is None:
            return
        if self.output.is_safe:
            self._spooled.close()
            self._spooled = None
        else:
            self._spooled.finish()

    def close(self) -> None:
        """Give memory and disk back: all is a gap; a second call does nothing."""
        self.output.close()
        if self._spooled is not None:
            self._spooled.close()

    def _in_memory(self, stream: int, start: int, end: int) -> list[Part]:
        if stream == BOTH:
            return self.output.merged(start, end)
        return self.output.own(stream, start, end)

    def _evicted(self, stream: int) -> int:
        gap = self.output.ring(stream).gap
        return max(0, gap.end - max(gap.start, self._spooled_to(stream)))

    def _spooled_to(self, stream: int) -> int:
        return 0 if self._spooled is None else self._spooled.spooled(stream)


async def _filled(
    parts: Iterable[Part], stream: int, spooled: SpooledOutput
) -> list[Part]:
    """With what is on disk of the gaps."""
    found: list[Part] = []
    for part in parts:
        if isinstance(part, Gap):
            found += await spooled.read(stream, part.start, part.end)
        else:
            found.append(part)
    return found


def _streams(stream: int) -> Iterable[int]:
    return (STDOUT, STDERR) if stream == BOTH else (stream,)
