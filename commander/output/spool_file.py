"""One job's spooled output in one file.

The bytes of both streams stand at their merged offsets. The ends of the runs, as
``commander.output.order`` describes them, stand behind all that the bytes may ever
take, 8 bytes each; the hole between takes no room on the disk. One file, so one
descriptor a job.

All of ``SpoolFile`` blocks and is called from threads, one writer and any number of
readers at a time. A file that is closed while some are at work is closed by the last of
them: its descriptor's number must not name another file under their hands. Only what
``CachedFile`` reads is there at once, for the reactor's own thread: what was written a
moment ago is still in the kernel's memory, and to ask a thread for it takes ten times
as long as to copy it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from array import array
from collections.abc import Callable, Iterator
from typing import Final

from commander.output.order import RUN_BYTES

__all__ = ["CachedFile", "SpoolFile"]

_ALIGNMENT: Final = 4096
"""No page of the file holds both bytes and ends."""

_NOWAIT: Final = getattr(os, "RWF_NOWAIT", 0)
"""Linux's; 0 where there is none."""


class SpoolFile:
    """What a job printed, as far as it was written.

    Args:
        create: Opens a file, at the first write.
        most_bytes: No byte has a merged offset as high as this.
    """

    __slots__ = ("_closed", "_create", "_descriptor", "_lock", "_order_at", "_users")

    def __init__(self, create: Callable[[], int], most_bytes: int) -> None:
        self._create = create
        self._order_at = -(-most_bytes // _ALIGNMENT) * _ALIGNMENT
        self._lock = threading.Lock()
        self._descriptor = -1
        self._users = 0
        self._closed = False

    def write(
        self, offset: int, data: bytes | bytearray, run: int, ends: array[int]
    ) -> None:
        """Write the next bytes, and the ends of the runs that ended among them.

        Args:
            offset: Merged offset of the first byte.
            data: The bytes.
            run: The number of the first run.
            ends: What ``ends`` says of these runs.

        Raises:
            OSError: Not all of it is written; what was there before still is.
        """
        with self._in_use():
            if self._descriptor < 0:
                self._descriptor = self._create()
            order_end = self.place_of(run)
            try:
                _write(self._descriptor, offset, memoryview(data))
                _write(self._descriptor, order_end, memoryview(ends).cast("B"))
            except OSError:
                # A full disk needs it more than we do.
                with contextlib.suppress(OSError):
                    os.ftruncate(self._descriptor, order_end if run else offset)
                raise

    def read(self, start: int, end: int) -> bytes:
        """The bytes between two merged offsets, which were written.

        Raises:
            OSError: They cannot be had.
        """
        with self._in_use():
            return _read(self._descriptor, start, end - start)

    def read_ends(self, first: int, stop: int) -> array[int]:
        """The ends of these runs, which were written.

        Raises:
            OSError: They cannot be had.
        """
        place = self.place_of(first)
        with self._in_use():
            found = _read(self._descriptor, place, (stop - first) * RUN_BYTES)
        return array("Q", found)

    def place_of(self, run: int) -> int:
        """Where in the file the end of a run stands."""
        return self._order_at + run * RUN_BYTES

    def read_cached(self, place: int, size: int) -> bytes:
        """Bytes of the file, if the kernel has them in memory; does not wait.

        Raises:
            OSError: It has not, or cannot tell.
        """
        # Under the lock: who closes it meanwhile does so in another thread.
        with self._lock:
            if self._closed or self._descriptor < 0:
                raise OSError(errno.EBADF, "the file is closed")
            return _read_cached(self._descriptor, place, size)

    def close(self) -> None:
        """Have it gone as soon as nobody is at work; a second call does nothing."""
        with self._lock:
            self._closed = True
        self._close_unused()

    @contextlib.contextmanager
    def _in_use(self) -> Iterator[None]:
        with self._lock:
            if self._closed:
                raise OSError(errno.EBADF, "the file is closed")
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
            self._close_unused()

    def _close_unused(self) -> None:
        with self._lock:
            if not self._closed or self._users or self._descriptor < 0:
                return
            unused, self._descriptor = self._descriptor, -1
        # Not under the lock: a disk that hangs would hold up everybody.
        os.close(unused)


class CachedFile:
    """A ``SpoolFile`` as far as the kernel has it in memory; does not wait.

    Args:
        file: The whole.
    """

    __slots__ = ("_file",)

    def __init__(self, file: SpoolFile) -> None:
        self._file = file

    def read(self, start: int, end: int) -> bytes:
        """The bytes between two merged offsets, which were written.

        Raises:
            OSError: Not all of them are there at once.
        """
        return self._file.read_cached(start, end - start)

    def read_ends(self, first: int, stop: int) -> array[int]:
        """The ends of these runs, which were written.

        Raises:
            OSError: Not all of them are there at once.
        """
        place = self._file.place_of(first)
        return array("Q", self._file.read_cached(place, (stop - first) * RUN_BYTES))


def _write(descriptor: int, place: int, view: memoryview) -> None:
    while view:
        count = os.pwrite(descriptor, view, place)
        if not count:
            raise OSError(errno.EIO, "nothing was written")
        place += count
        view = view[count:]


def _read(descriptor: int, place: int, size: int) -> bytes:
    found = bytearray()
    while len(found) < size:
        part = os.pread(descriptor, size - len(found), place + len(found))
        if not part:
            raise OSError(errno.EIO, "the file was cut")
        found += part
    return bytes(found)


def _read_cached(descriptor: int, place: int, size: int) -> bytes:
    if not _NOWAIT:
        raise OSError(errno.EOPNOTSUPP, "the system cannot tell")
    found = bytearray(size)
    # Some file systems refuse it; then this raises as well.
    if os.preadv(descriptor, [found], place, _NOWAIT) < size:
        raise BlockingIOError(errno.EAGAIN, "not all of it is in memory")
    return bytes(found)
