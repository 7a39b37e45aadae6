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

__all__ = ["SPAN_RUNS", "CommandOutput", "MergedPiece"]

SPAN_RUNS: Final = 1024
"""Runs of one stream in one span at most. Each takes some microseconds to look at."""


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


class CommandOutput:
    """What one command printed, within bounds.

    Args:
        limit_bytes: Kept of each stream.
        budget: Grants the memory. A command without output has its floors only.
    """

    __slots__ = ("_order", "_subscriptions", "stderr", "stdout")

    def __init__(self, limit_bytes: int, budget: MemoryBudget) -> None:
        self.stdout: Final = HeadTailRing(limit_bytes, budget)
        self.stderr: Final = HeadTailRing(limit_bytes, budget)
        self._order = ReadOrder(budget.charge)
        self._subscriptions: tuple[Subscription, ...] = ()

    @property
    def total_bytes(self) -> int:
        """Bytes of both streams so far; the merged offset of the next byte."""
        return self._order.total_bytes

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
        (self.stdout if stream == STDOUT else self.stderr).filled(count)
        self._order.add(stream, count)
        if self._subscriptions:
            self._arrived()

    def append(self, stream: int, data: bytes) -> None:
        """Take output that somebody else has read, by copying it."""
        if data:
            (self.stdout if stream == STDOUT else self.stderr).append(data)
            self._order.add(stream, len(data))
            self._arrived()

    def merged(self, start: int, end: int) -> list[MergedPiece | Gap]:
        """What is left of these merged offsets, in order and without a hole.

        Offsets that have not arrived are left out. Neighbouring gaps are one.
        """
        found: list[MergedPiece | Gap] = []
        for run in self._order.between(start, end):
            for part in self._parts(run):
                last = found[-1] if found else None
                if isinstance(part, Gap) and isinstance(last, Gap):
                    found[-1] = Gap(last.start, part.end)
                else:
                    found.append(part)
        return found

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
            ring = self._ring(run.stream)
            stop = run.offset + run.end - run.start
            reached = min(stop, ring.reach(run.offset, most_bytes))
            most_bytes -= ring.kept_bytes(run.offset, reached)
            runs += 1
            if not most_bytes or reached < stop or runs == SPAN_RUNS:
                return run.start + reached - run.offset
        return end

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

    def close(self) -> None:
        """Give the memory back, and end the subscriptions; the counts stay."""
        for subscription in self._subscriptions:
            subscription.close()
        self.stdout.close()
        self.stderr.close()
        self._order.close()

    def _ring(self, stream: int) -> HeadTailRing:
        return self.stdout if stream == STDOUT else self.stderr

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
            for part in self._ring(run.stream).read(run.offset, stop)
        ]
