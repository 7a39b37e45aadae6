"""Waiting until any job of a principal changes its phase."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from commander.alarm import Alarm
from commander.cancellation import Cancellation
from commander.jobs.job import Job, JobHost
from commander.jobs.table import JobTable
from commander.principals import Principal

__all__ = ["wait_for_change"]


def wait_for_change(
    table: JobTable,
    principal: Principal,
    *,
    since: int,
    seconds: float,
    host: JobHost,
    cancellation: Cancellation,
) -> Deferred[None]:
    """Fires when a job of this principal has changed, or the time is over.

    Args:
        table: Where the jobs are.
        principal: Whose.
        since: What ``JobTable.changes_of`` said before; if it says another number
            now there is nothing to wait for.
        seconds: Longest wait.
        host: What jobs live by.
        cancellation: Ends the wait at once.
    """
    done: Deferred[None] = Deferred()
    alarm = Alarm(host.clock, host.monotonic)

    def end() -> None:
        if not done.called:
            alarm.cancel()
            table.forget(changed)
            cancellation.forget(end)
            done.callback(None)

    def changed(job: Job) -> None:
        if job.principal == principal:
            end()

    if seconds <= 0 or table.changes_of(principal) != since:
        done.callback(None)
        return done
    alarm.set(seconds, end)
    table.on_change(changed)
    cancellation.on_cancel(end)
    return done
