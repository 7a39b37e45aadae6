"""The full output of jobs on disk, under quotas.

The rings of ``commander.output.ring`` keep the beginning and the end of what a command
prints; the spool keeps all of it, up to a quota for the job and one for all jobs. It is
a tee: it sees each read once, copies it at once, and writes it in a thread.

Who is who: ``Spool`` is the server's one; ``SpooledOutput`` is a job's; ``SpoolFile``
is its file, and ``Snapshot`` what a reader sees of it; ``SpoolStore`` is what jobs
share; ``SpoolDirectory`` is the place, where it says who can read it.
``commander.output.kept`` puts ring and spool together for a reader.
"""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from commander.interfaces import Monotonic
from commander.output.spool_directory import SpoolDirectory
from commander.output.spool_store import Aside, Disk, SpoolStore
from commander.output.spooled import SpooledOutput

__all__ = ["FILES_SHARE", "LEAVE_SECONDS", "MOST_FILES", "Spool"]

FILES_SHARE: Final = 4
"""One part in this many of the descriptors that the server may have is for the spool:
the rest is for connections and pipes. A job has one at most, and none if its output
fits into memory."""

MOST_FILES: Final = 4096
"""Where the server may have any number."""

LEAVE_SECONDS: Final = 2.0
"""A server that leaves does not wait longer for a disk: who starts next tidies up."""

_log: Final = Logger()


def _ignored(_: object) -> None:
    """For whoever does not want to know."""


class Spool:
    """What all jobs have on disk.

    Args:
        directory: The operator's; made if it is missing. See ``SpoolDirectory``.
        job_bytes: Of one job, the order of its reads included: 8 bytes for each
            change between stdout and stderr.
        total_bytes: Of all jobs that are open.
        aside: Calls in a thread; best of a pool of the spool's own.
        clock: Keeps a timer for each access to the disk.
        monotonic: Measures how long that takes.
        charge: Told of the memory that waiting output takes, and of it negated when
            it is written; the one of the ``MemoryBudget``.

    Raises:
        StartError: The directory cannot be used.
    """

    def __init__(
        self,
        directory: Path,
        *,
        job_bytes: int,
        total_bytes: int,
        aside: Aside,
        clock: IReactorTime,
        monotonic: Monotonic,
        charge: Callable[[int], None] = _ignored,
    ) -> None:
        self._directory = SpoolDirectory(directory)
        self._open: set[SpooledOutput] = set()
        self._store = SpoolStore(
            job_bytes=min(job_bytes, total_bytes),
            total_bytes=total_bytes,
            most_files=_most_files(),
            disk=Disk(aside, clock=clock, monotonic=monotonic),
            create=self._directory.create,
            charge=charge,
        )

    @property
    def used_bytes(self) -> int:
        """Of all jobs, on disk or on its way there."""
        return self._store.used_bytes

    @property
    def files(self) -> int:
        """How many jobs have a file, and so a descriptor."""
        return self._store.files

    def open(self, congested: Callable[[bool], None] = _ignored) -> SpooledOutput:
        """Make room for a job's output; nothing is on disk yet.

        Args:
            congested: Told when to pause the job's pipes; see ``SpooledOutput``.
        """
        spooled = SpooledOutput(self._store, congested, self._open.discard)
        self._open.add(spooled)
        return spooled

    def close(self) -> Deferred[None]:
        """Remove all of it; what is still open is closed.

        Fires when that is done, or after ``LEAVE_SECONDS``; never fails.
        No job may be opened afterwards. A second call does nothing.
        """
        for spooled in tuple(self._open):
            spooled.close()
        return Deferred.fromCoroutine(self._remove())

    async def _remove(self) -> None:
        try:
            await self._store.disk.ask(self._directory.close, LEAVE_SECONDS)
        except Exception:
            _log.failure("spool_not_removed", Failure())


def _most_files() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MOST_FILES
    return min(MOST_FILES, soft // FILES_SHARE)
