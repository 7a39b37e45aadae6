"""The threads that start processes: one for as long as it keeps up, others to help it.

Whoever spawns waits in the kernel until the child has executed its program, and needs
the interpreter's lock before and after. Each thread that asks for the lock takes it
from the reactor's thread, which then waits for a turn of a processor. With four
threads that took starts in turn there were a tenth fewer commands a second than with
one. But one alone is not enough: on busy processors a child waits for its first turn
for milliseconds, and a program may lie on a file system that hangs.

So the first thread takes all starts. While any wait, the reactor looks every
``LOOK_SECONDS`` how many were taken since the last look; if those are fewer than
``ENOUGH`` for each such time, another thread is called. A helper works until nothing
waits any more. Where the first is held up for longer, a start that comes does not wait
for the look.

All threads live until ``stop``, because to the kernel a child hangs off the thread
that started it; see ``spawner``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from commander.execution.starts import Start

__all__ = ["ENOUGH", "LOOK_SECONDS", "SpawnThreads"]

LOOK_SECONDS: Final = 0.01
ENOUGH: Final = 2
"""Starts that are taken in ``LOOK_SECONDS`` by threads that keep up; a start takes half
a millisecond where a processor is free."""

_Ready = SimpleQueue[Exception | None]


class SpawnThreads:
    """Does starts in threads, in the order in which they came.

    Args:
        clock: Where the looks are timed, in the thread that calls all methods.
        count: How many starts may wait for the kernel at once.
        do: Does one start; in one of the threads, and must not raise.
        thread_started: Called once in each thread before its first start.
    """

    def __init__(
        self,
        clock: IReactorTime,
        *,
        count: int,
        do: Callable[[Start], None],
        thread_started: Callable[[], None] | None = None,
    ) -> None:
        self._clock = clock
        self._count = count
        self._do = do
        self._thread_started = thread_started
        self._threads: list[threading.Thread] = []
        self._waiting: SimpleQueue[Start | None] = SimpleQueue()
        """None: the first thread is to end."""
        self._calls: SimpleQueue[bool] = SimpleQueue()
        """For helpers: whether to help, or to end."""
        self._came = 0
        self._taken_before = 0
        self._looked_at = 0.0
        self._look_later: IDelayedCall | None = None
        self._first_began: float | None = None
        """When the first thread began with what it does; None if it does nothing."""

    def start(self) -> None:
        """Start the threads, and wait for each to be ready; called once.

        Raises:
            Exception: What ``thread_started`` raised.
            RuntimeError: No thread can be started. In both cases ``stop`` must follow.
        """
        ready: _Ready = SimpleQueue()
        works = [self._work, *[self._help] * (self._count - 1)]
        for number, work in enumerate(works, 1):
            thread = threading.Thread(
                target=self._live,
                args=(ready, work),
                name=f"spawner-{number}",
                daemon=True,
            )
            thread.start()
            self._threads.append(thread)
        problems = [ready.get() for _ in self._threads]
        for problem in filter(None, problems):
            raise problem

    def put(self, start: Start) -> None:
        """Have a start done."""
        self._waiting.put(start)
        self._came += 1
        began = self._first_began
        if began is not None and self._clock.seconds() - began > LOOK_SECONDS:
            self._call_helper()
        if self._look_later is None:
            self._look_soon()

    def stop(self, seconds: float) -> None:
        """End the threads once all that waits is done, by others if the first is stuck.

        Args:
            seconds: How long to wait for them at most: one may be stuck in the kernel.
        """
        if self._look_later is not None:
            self._look_later.cancel()
            self._look_later = None
        if not self._waiting.empty():
            self._calls.put(True)
        self._waiting.put(None)
        for _ in self._threads:
            self._calls.put(False)
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    # --- in the thread of the caller ---------------------------------------------

    @property
    def _taken(self) -> int:
        """Starts that some thread has begun with so far."""
        return self._came - self._waiting.qsize()

    def _look(self) -> None:
        self._look_later = None
        if self._waiting.empty():
            return
        # This may come late, and then more should have been taken.
        times = (self._clock.seconds() - self._looked_at) / LOOK_SECONDS
        if self._taken - self._taken_before < ENOUGH * times:
            self._call_helper()
        self._look_soon()

    def _look_soon(self) -> None:
        self._taken_before = self._taken
        self._looked_at = self._clock.seconds()
        self._look_later = self._clock.callLater(LOOK_SECONDS, self._look)

    def _call_helper(self) -> None:
        if self._calls.empty():  # else all are at work, or one is on its way
            self._calls.put(True)

    # --- in the threads ------------------------------------------------------------

    def _live(self, ready: _Ready, work: Callable[[], None]) -> None:
        try:
            if self._thread_started is not None:
                self._thread_started()
        except Exception as problem:
            ready.put(problem)
            return
        ready.put(None)
        work()

    def _work(self) -> None:
        while (start := self._waiting.get()) is not None:
            self._first_began = self._clock.seconds()
            self._do(start)
            self._first_began = None

    def _help(self) -> None:
        while self._calls.get():
            while (start := self._next()) is not None:
                self._do(start)

    def _next(self) -> Start | None:
        """What waits; None if nothing does."""
        try:
            start = self._waiting.get_nowait()
        except Empty:
            return None
        if start is None:  # that was for the first thread
            self._waiting.put(None)
        return start
