"""The part of the composition root that keeps jobs: from settings to their services."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any, Final

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from commander.command_service import Commands
from commander.errors import StartError
from commander.execution.checks import directory_problem
from commander.execution.running import RunningCommand
from commander.jobs.handles import Handles
from commander.jobs.idempotency import IdempotencyKeys
from commander.jobs.input_watch import InputWatch
from commander.jobs.job import JobHost
from commander.jobs.shells import ShellRules, Shells
from commander.jobs.table import JobTable, Retention
from commander.jobs.typed import TypedText
from commander.output.kept import KeptOutput
from commander.output.spool import Spool
from commander.running_service import Surroundings
from commander.seals import Seal
from commander.sessions.job_resources import JobResources
from commander.sessions.job_tasks import JobTasks
from commander.sessions.job_updates import JobUpdates
from commander.sessions.listening import ChangeHub
from commander.settings import Settings
from commander.telemetry.logging import Level
from commander.tools.job_services import JobServices
from commander.turns import Turns

__all__ = ["JobViews", "Jobs", "job_views", "jobs_of"]

_FINISHED_SHARE: Final = 2
"""One part in this many of the memory for output may be that of finished jobs."""
_SPOOL_THREADS: Final = 2
"""They wait for the disk, not for the processor."""
_WATCH_THREADS: Final = 2
"""A command can hold one up for as long as it lives; nobody else waits for it."""


@attrs.frozen(kw_only=True)
class Jobs:
    """What keeps jobs."""

    services: JobServices
    _pools: tuple[ThreadPool, ...]
    _spool: Spool | None

    def start(self) -> None:
        """Start the threads."""
        for pool in self._pools:
            pool.start()

    def close(self) -> Deferred[None]:
        """Forget all jobs, remove what is on disk and end the threads."""
        self.services.table.close()
        self.services.shells.close()
        removed = succeed(None) if self._spool is None else self._spool.close()
        return removed.addBoth(self._stop_threads)

    def _stop_threads(self, _: object) -> None:
        for pool in self._pools:
            # It waits for each of its threads, and the kernel may hold one up.
            Thread(target=pool.stop, daemon=True).start()


def jobs_of(
    settings: Settings, surroundings: Surroundings, commands: Commands, key: bytes
) -> Jobs:
    """Build it; nothing runs yet.

    Args:
        settings: The configuration.
        surroundings: The process around the server.
        commands: What runs commands.
        key: Seals handles; the same as of sessions.

    Raises:
        StartError: The spool cannot be used.
    """
    watchers = surroundings.new_pool(_WATCH_THREADS, "watch")
    writers = surroundings.new_pool(_SPOOL_THREADS, "spool")
    spool = _spool(settings, surroundings, commands, writers)
    host = _host(settings, surroundings, commands, spool)
    handles = Handles(Seal(key, "job"))
    table = JobTable(
        handles=handles,
        retention=Retention(
            max_finished=settings.max_finished,
            ttl_seconds=settings.finished_ttl_seconds,
            max_bytes=settings.memory_budget_bytes // _FINISHED_SHARE,
        ),
        host=host,
    )
    watch = InputWatch(surroundings.monotonic, _aside(surroundings, watchers))
    table.on_forget(watch.forget)
    services = JobServices(
        table=table,
        keys=IdempotencyKeys(table),
        shells=Shells(
            handles=handles,
            host=host,
            rules=ShellRules(
                inherited=lambda: commands.executor.inherited,
                keeps=commands.checker.allows_variable,
            ),
        ),
        host=host,
        awaits_input=watch.evidence,
        typed=TypedText(commands.runner),
        directory_problem=directory_problem,
        max_timeout_seconds=settings.max_timeout_seconds,
    )
    return Jobs(services=services, pools=(watchers, writers), spool=spool)


def _host(
    settings: Settings,
    surroundings: Surroundings,
    commands: Commands,
    spool: Spool | None,
) -> JobHost:
    return JobHost(
        clock=surroundings.reactor,
        monotonic=surroundings.monotonic,
        wall=surroundings.reactor.seconds,
        kill_grace_seconds=settings.kill_grace_seconds,
        runner=commands.runner,
        keep=_keeper(spool),
    )


@attrs.frozen(kw_only=True)
class JobViews:
    """What the protocol shows of jobs beside the tools."""

    hub: ChangeHub
    """Is told of what changes in them."""
    resources: JobResources
    tasks: JobTasks
    updates: JobUpdates


def job_views(
    settings: Settings, surroundings: Surroundings, services: JobServices
) -> JobViews:
    """Build them; nothing runs yet."""
    hub, table = ChangeHub(), services.table
    return JobViews(
        hub=hub,
        resources=JobResources(table, Turns(surroundings.reactor)),
        tasks=JobTasks(
            table,
            hub,
            finished_ttl_seconds=settings.finished_ttl_seconds,
            wall=surroundings.reactor.seconds,
        ),
        updates=JobUpdates(table, hub, services.host),
    )


def _spool(
    settings: Settings, surroundings: Surroundings, commands: Commands, pool: ThreadPool
) -> Spool | None:
    if settings.spool_path is None:
        return None
    try:
        return Spool(
            Path(os.path.abspath(settings.spool_path)),
            job_bytes=settings.spool_job_bytes,
            total_bytes=settings.spool_total_bytes,
            aside=_aside(surroundings, pool),
            clock=surroundings.reactor,
            monotonic=surroundings.monotonic,
            charge=commands.output_budget.charge,
        )
    except StartError as error:
        if not settings.spool_is_wished:
            raise
        surroundings.log.event(
            Level.WARN,
            "spool_missing",
            "the output of jobs is kept in memory only",
            reason=str(error),
        )
        return None


def _keeper(spool: Spool | None) -> Callable[[RunningCommand], KeptOutput]:
    """What keeps the output of a command that starts."""

    def keep(running: RunningCommand) -> KeptOutput:
        if spool is None:
            return KeptOutput(running.output)

        def congested(is_congested: bool) -> None:
            if is_congested:
                running.pause_output()
            else:
                running.resume_output()

        return KeptOutput(running.output, spool.open(congested))

    return keep


def _aside(
    surroundings: Surroundings, pool: ThreadPool
) -> Callable[[Callable[[], Any]], Deferred[Any]]:
    """Calls something in a thread of a pool."""
    return partial(deferToThreadPool, surroundings.reactor, pool)
