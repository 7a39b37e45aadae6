"""The output of one command: two rings, the order between them, and who follows.

Offsets of a stream count its own bytes. *Merged* offsets count the bytes of both, in
the order in which they were read. Both are absolute and never change their meaning;
what is not kept any more reads as a gap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import attrs
from twisted.internet.interfaces import IReactorTime

from commander.interfaces import Monotonic
from commander.output.batching import OutputSpan, Subscription
from commander.output.budget import MemoryBudget
from commander.output.order import STDOUT, Forgotten, ReadOrder, Run
from commander.output.ring import Gap, HeadTailRing, Piece

__all__ = ["SPAN_RUNS", "CommandOutput", "MergedPiece", "Tee"]

SPAN_RUNS: Final = 1024
"""Runs of one stream in one span at most. Each takes some microseconds to look at."""


Tee = Callable[[int, Sequence[memoryview]], None]
"""Gets each read of a stream, in order. The views hold during the call only: copy at
once, and do not touch the output meanwhile."""


@attrs.frozen
class MergedPiece:
    """Kept bytes of one stream, at their place among the bytes of both."""

    stream: int
    """``STDOUT`` or ``STDERR``."""
    start: int
    """Merged offset of the first byte."""
    offset: int
    """Its offset in its own stream."""
    data: bytes

    @property
    def end(self) -> int:
        """Merged offset after the last byte."""
        return self.start + len(self.data)


class CommandOutput:
    """What one command printed, within bounds.

    Args:
        limit_bytes: Kept of each stream.
        budget: Grants the memory. A command without output has its floors only.
        tee: Also gets all bytes that arrive.
    """

    __slots__ = ("_order", "_subscriptions", "stderr", "stdout", "tee")

    def __init__(
        self, limit_bytes: int, budget: MemoryBudget, tee: Tee | None = None
    ) -> None:
        self.tee = tee
        """May be set until the first byte arrives."""
        self.stdout: Final = HeadTailRing(limit_bytes, budget)
        self.stderr: Final = HeadTailRing(limit_bytes, budget)
        self._order = ReadOrder(budget.charge)
        self._subscriptions: tuple[Subscription, ...] = ()

    @property
    def total_bytes(self) -> int:
        """Bytes of both streams so far; the merged offset of the next byte."""
        return self._order.total_bytes

    def ring(self, stream: int) -> HeadTailRing:
        """What is kept of one stream."""
        return self.stdout if stream == STDOUT else self.stderr

    def buffers(self, stream: int, hint: int) -> Sequence[memoryview]:
        """Memory for the next read of a stream, as ``HeadTailRing.buffers`` lends it.

        Args:
            stream: ``STDOUT`` or ``STDERR``, which are the command's descriptors.
            hint: About how many bytes to read; at most so many.
        """
        return (self.stdout if stream == STDOUT else self.stderr).buffers(hint)

    def filled(self, stream: int, count: int) -> None:
        """The first ``count`` bytes of what ``buffers`` lent are output now.

        Args:
            stream: As before.
            count: At least 1.
        """
        ring = self.stdout if stream == STDOUT else self.stderr
        ring.filled(count)
        # Before the order: that may charge the budget, which moves rings.
        if self.tee is not None:
            self.tee(stream, ring.newest(count))
        self._order.add(stream, count)
        if self._subscriptions:
            self._arrived()

    def append(self, stream: int, data: bytes) -> None:
        """Take output that somebody else has read, by copying it."""
        if data:
            (self.stdout if stream == STDOUT else self.stderr).append(data)
            if self.tee is not None:
                self.tee(stream, (memoryview(data),))
            self._order.add(stream, len(data))
            self._arrived()

    def merged(self, start: int, end: int) -> list[MergedPiece | Gap]:
        """What is left of these merged offsets, in order and without a hole.

        Offsets that have not arrived are left out. Neighbouring gaps are one.
        """
        if not self._order.runs:
            # Of stdout alone, as most output is: its own offsets are the merged ones.
            return self.own(STDOUT, start, end)
        found: list[MergedPiece | Gap] = []
        for run in self._order.between(start, end):
            for part in self._parts(run):
                last = found[-1] if found else None
                if isinstance(part, Gap) and isinstance(last, Gap):
                    found[-1] = Gap(last.start, part.end)
                else:
                    found.append(part)
        return found

    def own(self, stream: int, start: int, end: int) -> list[MergedPiece | Gap]:
        """The same of one stream, by its own offsets, which pieces have as both."""
        return [
            MergedPiece(stream, part.start, part.start, part.data)
            if isinstance(part, Piece)
            else part
            for part in self.ring(stream).read(start, end)
        ]

    def merged_offset(self, stream: int, offset: int) -> int | None:
        """Where a byte of a stream lies among those of both.

        None if it has not arrived, or the order is forgotten there.
        """
        return self._order.merged_offset(stream, offset)

    def reach(self, start: int, most_bytes: int) -> int:
        """Where a span from ``start`` ends that shows at most so many kept bytes.

        It is beyond ``start`` if anything has arrived there.
        """
        end = start
        runs = 0
        for run in self._order.between(start, self.total_bytes):
            end = run.end
            if isinstance(run, Forgotten):
                continue
            ring = self.ring(run.stream)
            stop = run.offset + run.end - run.start
            reached = min(stop, ring.reach(run.offset, most_bytes))
            most_bytes -= ring.kept_bytes(run.offset, reached)
            runs += 1
            if not most_bytes or reached < stop or runs == SPAN_RUNS:
                return run.start + reached - run.offset
        return end

    def kept_from(self, start: int) -> int:
        """The first merged offset from this one on that is kept; else the total."""
        for run in self._order.between(start, self.total_bytes):
            if isinstance(run, Run):
                kept = self.ring(run.stream).kept_from(run.offset) - run.offset
                if kept < run.end - run.start:
                    return run.start + kept
        return self.total_bytes

    @property
    def kept_bytes(self) -> int:
        """What it takes of the budget, the order included; exact once it is sealed."""
        rings = self.stdout.reserved_bytes + self.stderr.reserved_bytes
        return rings + self._order.charged_bytes

    @property
    def is_safe(self) -> bool:
        """Whether all that arrived is kept and the budget can take none of it.

        That is so for a sealed output within the floors of its rings.
        """
        return (
            self._order.forgotten is None
            and self.stdout.is_safe
            and self.stderr.is_safe
        )

    def subscribe(
        self,
        receive: Callable[[OutputSpan], None],
        *,
        clock: IReactorTime,
        monotonic: Monotonic,
        start: int = 0,
    ) -> Subscription:
        """Have somebody told where new output lies; see ``commander.output.batching``.

        Args:
            receive: Called with each span; must not raise.
            clock: Keeps the timer.
            monotonic: Measures the time between two spans.
            start: The merged offset to begin at.
        """
        subscription = Subscription(
            self, receive, self._forget, clock=clock, monotonic=monotonic, start=start
        )
        self._subscriptions = (*self._subscriptions, subscription)
        return subscription

    def finish(self) -> None:
        """No output comes any more: tell the subscribers the end of it."""
        for subscription in self._subscriptions:
            subscription.finish()

    def seal(self) -> None:
        """Move what is kept into memory of exactly its size; nothing comes any more.

        It is read as before. A second call does nothing.
        """
        self.tee = None
        self.stdout.seal()
        self.stderr.seal()
        self._order.seal()

    def close(self) -> None:
        """Give the memory back, and end the subscriptions; the counts stay."""
        for subscription in self._subscriptions:
            subscription.close()
        self.tee = None
        self.stdout.close()
        self.stderr.close()
        self._order.close()

    def _arrived(self) -> None:
        for subscription in self._subscriptions:
            subscription.arrived()

    def _forget(self, subscription: Subscription) -> None:
        self._subscriptions = tuple(
            other for other in self._subscriptions if other is not subscription
        )

    def _parts(self, run: Run | Forgotten) -> Sequence[MergedPiece | Gap]:
        if isinstance(run, Forgotten):
            return (Gap(run.start, run.end),)
        shift = run.start - run.offset
        stop = run.offset + run.end - run.start
        return [
            MergedPiece(run.stream, part.start + shift, part.start, part.data)
            if isinstance(part, Piece)
            else Gap(part.start + shift, part.end + shift)
            for part in self.ring(run.stream).read(run.offset, stop)
        ]
