"""Telling who listens that a job has printed more, or has ended.

A job is watched as long as somebody listens for one of its resources, and it runs. Then
it is told of the first output at once, and of more once in ``UPDATE_SECONDS``, however
much there is. A job that prints nothing costs a place in its output and no timer; one
that nobody listens for costs nothing.

======== ============================== ============================================
state    what there is                  what leads on
======== ============================== ============================================
queued   a listener for its phase       it starts: quiet; its end: over
quiet    a subscription to its output   output: told, busy; its end: told, over
busy     a timer                        time: told and busy, or quiet; its end: over
over     nothing                        -
======== ============================== ============================================

In each of them it is over as well when nobody listens any more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from commander.alarm import Alarm
from commander.jobs.job import Job, JobHost
from commander.jobs.table import JobTable, Missing
from commander.output.batching import OutputSpan, Subscription
from commander.principals import Principal
from commander.sessions.job_resources import named_output
from commander.sessions.listening import ChangeHub
from commander.tools.job_output import total_of

__all__ = ["UPDATE_SECONDS", "JobUpdates"]

UPDATE_SECONDS: Final = 1.0
"""Between two updates of the same resource: each may make a client read it again."""


class JobUpdates:
    """Tells the hub of the updates of jobs' resources.

    Args:
        table: Has the jobs.
        hub: Knows who listens for which.
        host: What jobs live by.
    """

    def __init__(self, table: JobTable, hub: ChangeHub, host: JobHost) -> None:
        self._table = table
        self._hub = hub
        self._host = host
        self._watches: dict[Job, _Watch] = {}
        hub.on_interest(self._interest)
        table.on_forget(self._forget)

    def __len__(self) -> int:
        """Jobs that are watched."""
        return len(self._watches)

    def _interest(self, uri: str, principal: Principal, wanted: bool) -> None:
        named = named_output(uri)
        if named is None:
            return
        job = self._table.find(named.handle, principal)
        if isinstance(job, Missing) or job.finished:
            return
        watch = self._watches.get(job)
        if wanted:
            if watch is None:
                watch = self._watches[job] = _Watch(job, self._host, self._tell)
            watch.add(uri, named.stream)
        elif watch is not None and watch.discard(uri):
            self._forget(job)

    def _tell(self, job: Job, uri: str) -> None:
        if job.finished:
            self._watches.pop(job, None)
        self._hub.resource_updated(uri, job.principal)

    def _forget(self, job: Job) -> None:
        watch = self._watches.pop(job, None)
        if watch is not None:
            watch.stop()


class _Watch:
    """One job's; it stops by itself when the job has ended.

    Args:
        job: It has not finished.
        host: What jobs live by.
        tell: Called with the job and the URI of what is not what it was.
    """

    def __init__(
        self, job: Job, host: JobHost, tell: Callable[[Job, str], None]
    ) -> None:
        self._job = job
        self._host = host
        self._tell = tell
        self._told: dict[str, tuple[str, int]] = {}
        """By URI its stream, and how much of that there was when it was told last."""
        self._alarm = Alarm(host.clock, host.monotonic)
        self._subscription: Subscription | None = None
        job.on_change(self._changed)
        self._changed()

    def add(self, uri: str, stream: str) -> None:
        """Tell of this one too, from now on."""
        self._told[uri] = stream, total_of(self._job, stream)

    def discard(self, uri: str) -> bool:
        """Tell of it no more; whether there is none left."""
        self._told.pop(uri, None)
        return not self._told

    def stop(self) -> None:
        """Tell nothing more; a second call does nothing."""
        self._job.forget(self._changed)
        self._alarm.cancel()
        self._end_subscription()

    def _changed(self) -> None:
        """The job is in another phase."""
        if self._job.finished:
            self.stop()
            for uri in tuple(self._told):
                self._tell(self._job, uri)
        else:
            self._wait()

    def _wait(self) -> None:
        """Hear of output, once there can be some."""
        kept = self._job.kept
        if kept is not None:
            self._subscription = kept.output.subscribe(
                self._came,
                clock=self._host.clock,
                monotonic=self._host.monotonic,
                start=kept.output.total_bytes,
            )

    def _came(self, span: OutputSpan) -> None:
        """There is output, be it of a stream that nobody listens for.

        It is told in a turn of its own: the last output of a job comes with its end,
        which tells of both.
        """
        self._end_subscription()
        self._alarm.set(0.0, self._tell_first)

    def _tell_first(self) -> None:
        self._tell_more()
        self._alarm.set(UPDATE_SECONDS, self._look)

    def _look(self) -> None:
        if self._tell_more():
            self._alarm.set(UPDATE_SECONDS, self._look)
        else:
            self._wait()

    def _tell_more(self) -> bool:
        """Tell of what is more than it was; whether anything is."""
        more = [
            (uri, stream, total)
            for uri, (stream, told) in self._told.items()
            if (total := total_of(self._job, stream)) > told
        ]
        for uri, stream, total in more:
            self._told[uri] = stream, total
            self._tell(self._job, uri)
        return bool(more)

    def _end_subscription(self) -> None:
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None
