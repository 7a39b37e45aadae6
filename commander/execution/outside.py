"""A thread that is not restricted, for what restricted threads may not do.

Behind ``MCP_WORKSPACE`` the threads that start processes can write only where
commands can. To bind a new process takes files of the kernel, in ``/proc`` and
``/sys``. So they have this thread do it, and wait.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final

import attrs

__all__ = ["Outside"]

_STOP_SECONDS: Final = 1.0
"""For the thread to end; it idles, unless the kernel holds it up."""


@attrs.frozen
class _Errand:
    work: Callable[[], None]
    done: SimpleQueue[BaseException | None] = attrs.field(factory=SimpleQueue)


class Outside:
    """Does errands for other threads, one after the other."""

    def __init__(self) -> None:
        self._errands: SimpleQueue[_Errand | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        """Held to add an errand, and to let none in any more."""

    def start(self) -> None:
        """Start the thread; from one that is not restricted."""
        self._thread = threading.Thread(target=self._work, name="outside", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread once it has done what it was given."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._errands.put(None)
        if thread is not None:
            thread.join(_STOP_SECONDS)

    def do(self, work: Callable[[], None]) -> None:
        """Have something done and wait for it; from any thread.

        Raises:
            OSError: The thread does not run.
            BaseException: What ``work`` raised.
        """
        errand = _Errand(work)
        with self._lock:
            if self._thread is None:
                raise OSError(errno.ESHUTDOWN, "the spawner does not run")
            self._errands.put(errand)
        problem = errand.done.get()
        if problem is not None:
            raise problem

    def _work(self) -> None:
        while (errand := self._errands.get()) is not None:
            try:
                errand.work()
            except BaseException as problem:
                errand.done.put(problem)
            else:
                errand.done.put(None)
