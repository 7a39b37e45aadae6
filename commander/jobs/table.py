"""All jobs of a server: who finds them, how long they are kept, who hears of changes.

A job is found by its handle and its principal together. One that is not found is told
as what it is: an invention (or somebody else's), one that was forgotten, or one that
this server never had though it has our seal.

What has finished is kept until it is older than ``MCP_FINISHED_TTL``, or there is no
room: ``MCP_MAX_FINISHED`` jobs, and a share of the memory for output. Then the oldest
goes of whoever has the most, so that nobody's results are pushed out by somebody
else's. Running jobs are never forgotten.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Final, Literal

import attrs

from commander.alarm import Alarm
from commander.jobs.handles import JOB_PREFIX, Handles
from commander.jobs.job import Job, JobHost
from commander.principals import Principal

__all__ = ["MAX_FORGOTTEN", "JobTable", "Missing", "Retention"]

MAX_FORGOTTEN: Final = 10_000
"""Handles that are known to be forgotten; older ones are told as lost."""


@attrs.frozen(kw_only=True)
class Retention:
    """How long finished jobs are kept."""

    max_finished: int
    """Jobs, of all principals together; at least 1."""
    ttl_seconds: float
    """After its end."""
    max_bytes: int
    """Of kept output in memory, of all finished jobs together. The last one that ended
    is kept even over it."""


@attrs.frozen
class Missing:
    """There is no such job for this principal."""

    why: Literal["unknown", "expired", "lost"]


class JobTable:
    """The jobs that have a handle.

    Args:
        handles: Makes the handles.
        retention: Of finished ones.
        host: What jobs live by.
    """

    def __init__(
        self, *, handles: Handles, retention: Retention, host: JobHost
    ) -> None:
        self._handles = handles
        self._retention = retention
        self._host = host
        self._alarm = Alarm(host.clock, host.monotonic)
        self._jobs: dict[str, Job] = {}
        self._finished: OrderedDict[str, Job] = OrderedDict()
        """In the order in which they ended."""
        self._changes: Counter[Principal] = Counter()
        self._kept_jobs: Counter[Principal] = Counter()
        self._kept_bytes: Counter[Principal] = Counter()
        self._forgotten: OrderedDict[str, None] = OrderedDict()
        self._listeners: dict[Callable[[Job], None], None] = {}
        self._when_forgotten: list[Callable[[Job], None]] = []

    def add(self, job: Job) -> None:
        """Give a job its handle, and have it found by that; once for each job."""
        job.handle = self._handles.issue(JOB_PREFIX, job.principal)
        self._jobs[job.handle] = job
        if job.finished:
            self._retain(job)
        else:
            job.on_change(lambda: self._changed(job))
        self._tell(job)

    def find(self, handle: str, principal: Principal) -> Job | Missing:
        """The job of a handle, if it is this principal's."""
        job = self._jobs.get(handle)
        if job is not None and job.principal == principal:
            return job
        if not self._handles.made(JOB_PREFIX, handle, principal):
            return Missing("unknown")
        return Missing("expired" if handle in self._forgotten else "lost")

    def of(self, principal: Principal) -> list[Job]:
        """A principal's jobs, the newest first."""
        own = [job for job in self._jobs.values() if job.principal == principal]
        return own[::-1]

    def changes_of(self, principal: Principal) -> int:
        """A number that grows with each change of any of a principal's jobs."""
        return self._changes[principal]

    def expires_in(self, job: Job) -> float | None:
        """Seconds until a job is forgotten for its age; None while it runs."""
        if job.ended_at is None:
            return None
        end = job.ended_at + self._retention.ttl_seconds
        return max(0.0, end - self._host.monotonic())

    def on_change(self, listener: Callable[[Job], None]) -> None:
        """Call back with each job that changed its phase, and each new one.

        Args:
            listener: Must not raise.
        """
        self._listeners[listener] = None

    def forget(self, listener: Callable[[Job], None]) -> None:
        """Do not call back any more; does nothing for one that is not known."""
        self._listeners.pop(listener, None)

    def on_forget(self, listener: Callable[[Job], None]) -> None:
        """Call back with each job that is forgotten.

        Args:
            listener: Must not raise.
        """
        self._when_forgotten.append(listener)

    def close(self) -> None:
        """Forget everything; what still runs is ended by the executor.

        Its output is given back when it has ended. A second call does nothing.
        """
        self._alarm.cancel()
        for job in tuple(self._jobs.values()):
            self._forget(job)

    # --- own -----------------------------------------------------------------------

    def _changed(self, job: Job) -> None:
        if job.handle in self._jobs:
            if job.finished:
                self._retain(job)
            self._tell(job)
        elif job.finished:
            job.close()

    def _tell(self, job: Job) -> None:
        self._changes[job.principal] += 1
        for listener in tuple(self._listeners):
            listener(job)

    def _retain(self, job: Job) -> None:
        """Keep a job that has finished, at the cost of others if need be."""
        job.seal()
        self._finished[job.handle] = job
        self._kept_jobs[job.principal] += 1
        self._kept_bytes[job.principal] += job.kept_bytes
        limits = self._retention
        self._make_room(self._kept_jobs, limits.max_finished, lambda _: 1, job)
        self._make_room(self._kept_bytes, limits.max_bytes, _kept_bytes, job)
        self._arm()

    def _make_room(
        self,
        kept: Counter[Principal],
        most: int,
        size: Callable[[Job], int],
        newest: Job,
    ) -> None:
        """Forget the oldest of whoever has the most, until the rest is not too much.

        Never the newest, whose end nobody has read yet, nor what gives no room.
        """
        while kept.total() > most:
            found = (
                job
                for owner, _ in kept.most_common()
                for job in self._finished.values()
                if job.principal == owner and job is not newest and size(job)
            )
            oldest = next(found, None)
            if oldest is None:
                return
            self._forget(oldest)

    def _arm(self) -> None:
        oldest = next(iter(self._finished.values()), None)
        rest = None if oldest is None else self.expires_in(oldest)
        if rest is None:
            self._alarm.cancel()
        else:
            self._alarm.set(rest, self._expire)

    def _expire(self) -> None:
        for job in tuple(self._finished.values()):
            rest = self.expires_in(job)
            if rest:
                break
            self._forget(job)
        self._arm()

    def _forget(self, job: Job) -> None:
        del self._jobs[job.handle]
        if self._finished.pop(job.handle, None) is not None:
            self._kept_jobs[job.principal] -= 1
            self._kept_bytes[job.principal] -= job.kept_bytes
            if not self._kept_jobs[job.principal]:
                del self._kept_jobs[job.principal], self._kept_bytes[job.principal]
        if job.finished:
            job.close()
        for listener in self._when_forgotten:
            listener(job)
        self._forgotten[job.handle] = None
        if len(self._forgotten) > MAX_FORGOTTEN:
            self._forgotten.popitem(last=False)


def _kept_bytes(job: Job) -> int:
    return job.kept_bytes
