"""What the spooled outputs of all jobs share: the quota, the threads, the directory."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from commander.alarm import Alarm
from commander.interfaces import Monotonic
from commander.output.spool_file import SpoolFile

__all__ = ["ANSWER_SECONDS", "Aside", "Disk", "SpoolStore", "in_words"]

ANSWER_SECONDS: Final = 30.0
"""A disk that is only busy has answered by then; one that is gone never does, and a
command must not wait for it with full pipes."""

_WORDS: Final = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the server's disk quota is used up",
    errno.EIO: "the disk failed",
    errno.EROFS: "the disk is read-only",
    errno.EFBIG: "the disk takes no file that is so large",
    errno.EMFILE: "too many files are open",
    errno.ENFILE: "too many files are open",
    errno.ENOENT: "the spool's directory is gone",
    errno.ETIMEDOUT: "the disk does not answer",
}

T = TypeVar("T")

_log: Final = Logger()


def in_words(error: Exception) -> str:
    """What is wrong with the disk, for people."""
    if not isinstance(error, OSError):
        return "the disk cannot be written"
    words = _WORDS.get(error.errno or 0)
    return words or f"the disk cannot be written ({error.strerror})"


class Aside(Protocol):
    """Calls something in a thread, and brings back what it returned or raised."""

    def __call__(self, work: Callable[[], T], /) -> Deferred[T]:
        """Fires in the reactor; may also raise, if there is no thread."""


class Disk:
    """Has work done by threads, and does not wait for ever.

    Args:
        aside: Calls in a thread. Its threads should be nobody else's: a disk that
            hangs takes them all.
        clock: Keeps a timer for each work that is under way.
        monotonic: Measures how long that takes.
    """

    def __init__(
        self, aside: Aside, *, clock: IReactorTime, monotonic: Monotonic
    ) -> None:
        self._aside = aside
        self._clock = clock
        self._monotonic = monotonic

    async def ask(self, work: Callable[[], T], seconds: float = ANSWER_SECONDS) -> T:
        """What the work returns.

        Args:
            work: Called in a thread.
            seconds: How long to wait for it.

        Raises:
            OSError: The work's own; or there was no answer in time, and then it may
                still be done later.
            Exception: Whatever else the work or the threads raise.
        """
        answer = self._aside(work)
        patience = Alarm(self._clock, self._monotonic)
        patience.set(seconds, answer.cancel)
        try:
            return await answer
        except CancelledError:
            raise TimeoutError(errno.ETIMEDOUT, "no answer") from None
        finally:
            patience.cancel()


@attrs.define(kw_only=True)
class SpoolStore:
    """The room on the disk, and who has it."""

    job_bytes: int
    total_bytes: int
    most_files: int
    disk: Disk
    create: Callable[[], int]
    """Opens a file; blocks."""
    charge: Callable[[int], None]
    """Told of the memory that waiting output takes, and of it negated afterwards."""
    used_bytes: int = 0
    """On disk or on its way there."""
    files: int = 0
    """Open ones, or about to be."""

    def add_file(self) -> None:
        """One more job needs a descriptor.

        Raises:
            OSError: There are too many.
        """
        if self.files >= self.most_files:
            raise OSError(errno.EMFILE, "too many open files")
        self.files += 1

    def drop_file(self, file: SpoolFile) -> None:
        """A job does not need its file any more."""
        self.files -= 1
        Deferred.fromCoroutine(self._close(file))

    async def _close(self, file: SpoolFile) -> None:
        # In a thread: giving back a large file takes its time.
        try:
            await self.disk.ask(file.close)
        except OSError:
            # No answer: the thread will close it yet, or the disk has had an error.
            _log.failure("spool_file_not_closed", Failure())
        except Exception:
            _log.failure("spool_has_no_thread", Failure())
            with contextlib.suppress(OSError):
                file.close()
