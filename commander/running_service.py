"""The whole server as a Twisted service: how it starts, what it tells, how it stops.

``commander.service`` builds it; here nothing is chosen and nothing is read from
settings.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from threading import Thread
from typing import Any, Protocol

import attrs
from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.python.threadpool import ThreadPool

from commander import __version__
from commander.entrance import Entrance
from commander.execution.confinement import Confinement
from commander.execution.engine import ProcessEngine
from commander.execution.groups import GroupTrees
from commander.execution.hardening import Hardening
from commander.execution.orphans import SubreaperTrees
from commander.execution.strays import Swept, end_strays
from commander.interfaces import Monotonic
from commander.reactors import ICommanderReactor
from commander.shutdown import Front, Shutdown
from commander.stdio.descriptors import Wire
from commander.telemetry.logging import StructuredLog
from commander.telemetry.metrics import Metrics

__all__ = ["CommanderService", "Surroundings"]


def _new_pool(threads: int, name: str) -> ThreadPool:
    return _DaemonPool(0, threads, name)


class _DaemonThread(Thread):
    """A thread that the kernel may hold up: the process ends without it."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(daemon=True, **arguments)


class _DaemonPool(ThreadPool):
    threadFactory = _DaemonThread  # type: ignore[assignment]  # noqa: N815 - Twisted's


@attrs.frozen(kw_only=True)
class Surroundings:
    """What the process gives the service; tests give their own."""

    reactor: ICommanderReactor
    monotonic: Monotonic
    environ: Mapping[str, str] = attrs.field(repr=False)
    engine: ProcessEngine
    hardening: Hardening
    log: StructuredLog
    wire: Wire | None = None
    """Standard input and output, claimed, if clients are served there."""
    new_pool: Callable[[int, str], ThreadPool] = attrs.field(default=_new_pool)
    """Makes threads: at most so many, with this name."""
    end_strays: Callable[[], Swept] = attrs.field()
    """Ends what killed servers have left behind; called once, before any command.
    Nothing is looked for by default if commands are no processes of this machine."""

    @end_strays.default
    def _on_this_machine(self) -> Callable[[], Swept]:
        if isinstance(self.engine.trees, SubreaperTrees | GroupTrees):
            return partial(end_strays, self.environ, self.monotonic)
        return Swept


class Background(Protocol):
    """What lives as long as the service."""

    def start(self) -> None:
        """The service starts."""

    def close(self) -> Deferred[None]:
        """Nothing runs any more: give everything back. Fires soon, and never fails."""


class CommanderService(Service):
    """The whole server, as ``twist`` starts and stops it.

    Args:
        surroundings: The process around it.
        entrance: Who may come in.
        front: What clients see.
        metrics: Ends when nobody can ask for it any more.
        shutdown: The way down.
        confinement: What binds every command.
        jobs: What goes on between calls.
        stdin_descriptor: Closed when the service has stopped.
    """

    def __init__(
        self,
        *,
        surroundings: Surroundings,
        entrance: Entrance,
        front: Front,
        metrics: Metrics,
        shutdown: Shutdown,
        confinement: Confinement,
        jobs: Background,
        stdin_descriptor: int,
    ) -> None:
        self._reactor = surroundings.reactor
        self._monotonic = surroundings.monotonic
        self._engine = surroundings.engine
        self._hardening = surroundings.hardening
        self._log = surroundings.log
        self._end_strays = surroundings.end_strays
        self._entrance = entrance
        self._front = front
        self._metrics = metrics
        self._shutdown = shutdown
        self._confinement = confinement
        self._jobs = jobs
        self._stdin_descriptor = stdin_descriptor
        self._started_at = self._monotonic()
        self._stop_reason: str | None = None

    def listen(self) -> Any:
        """Take the address; requests are served once the reactor runs.

        Returns:
            The address that was taken, as Twisted describes it.

        Raises:
            StartError: The address is taken, foreign or not an endpoint.
        """
        self._front.open()
        return self._front.address

    def note_stop_reason(self, reason: str) -> None:
        """Tell why the service is about to be stopped, for the log."""
        self._stop_reason = self._stop_reason or reason

    def _client_gone(self, reason: str) -> None:
        """There is nobody left to serve: end the process, unless it ends already."""
        if self._stop_reason is None:
            self.note_stop_reason(reason)
            self._reactor.stop()

    def hurry(self) -> None:
        """End running commands now instead of waiting for them."""
        self._log.warn("shutdown_hurried", "not waiting for running commands")
        self._shutdown.hurry()

    def hang_up(self) -> None:
        """SIGHUP came: read the list of tokens again, if there is one."""
        self._entrance.hang_up()

    def startService(self) -> None:
        """The service is up; its address is taken already."""
        super().startService()
        address = self._front.address
        # Numbers, not texts: the log keeps the digits of its queries out of numbers.
        self._log.info(
            "server_started",
            version=__version__,
            host=getattr(address, "host", None) or str(address),
            port=getattr(address, "port", None),
            pid=os.getpid(),
        )
        self._log.info("process_engine", **self._engine.described)
        for missing in self._hardening.missing:
            self._log.warn("protection_missing", missing)
        if self._engine.sandbox.described:
            self._log.info("sandbox", **self._engine.sandbox.described)
        if self._confinement.mechanisms:
            self._log.info("limits", **self._confinement.mechanisms)
        self._tell_strays(self._end_strays())
        self._entrance.start()
        self._engine.start()
        self._jobs.start()
        self._front.start(self._client_gone)

    def _tell_strays(self, swept: Swept) -> None:
        if swept.ended:
            self._log.info(
                "strays_ended",
                "processes that a killed server had left behind",
                count=swept.ended,
                names=", ".join(swept.names),
            )
        if swept.left:
            self._log.warn(
                "strays_left",
                "processes that a killed server had left behind, and that do not end",
                count=swept.left,
                names=", ".join(f"{e.name} ({e.pid})" for e in swept.survivors),
            )
        if not swept.finished:
            self._log.warn(
                "strays_unknown",
                "not all processes could be looked at in time; a killed server may "
                "have left some behind",
            )

    def stopService(self) -> Deferred[None]:
        """Drain and end; fires when nothing is left. See ``commander.shutdown``.

        A service that does not run, or is stopping already, needs nothing.
        """
        if not self.running:
            return succeed(None)
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        self.note_stop_reason("the reactor stopped")
        self._log.info("server_stopping", reason=self._stop_reason)
        await self._shutdown.run()
        self._entrance.close()
        self._metrics.close()
        await self._jobs.close()
        self._engine.stop()
        os.close(self._stdin_descriptor)
        self._log.info(
            "server_stopped",
            reason=self._stop_reason,
            uptime_seconds=round(self._monotonic() - self._started_at, 3),
        )
