"""The whole server as a Twisted service: how it starts, what it tells, how it stops.

``commander.service`` builds it; here nothing is chosen and nothing is read from
settings.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import attrs
from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed

from commander import __version__
from commander.entrance import Entrance
from commander.execution.confinement import Confinement
from commander.execution.engine import ProcessEngine
from commander.execution.hardening import Hardening
from commander.interfaces import Monotonic
from commander.reactors import ICommanderReactor
from commander.shutdown import Front, Shutdown
from commander.stdio.descriptors import Wire
from commander.telemetry.logging import StructuredLog
from commander.telemetry.metrics import Metrics

__all__ = ["CommanderService", "Surroundings"]


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


class CommanderService(Service):
    """The whole server, as ``twist`` starts and stops it.

    Args:
        surroundings: The process around it.
        entrance: Who may come in.
        front: What clients see.
        metrics: Ends when nobody can ask for it any more.
        shutdown: The way down.
        confinement: What binds every command.
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
        stdin_descriptor: int,
    ) -> None:
        self._reactor = surroundings.reactor
        self._monotonic = surroundings.monotonic
        self._engine = surroundings.engine
        self._hardening = surroundings.hardening
        self._log = surroundings.log
        self._entrance = entrance
        self._front = front
        self._metrics = metrics
        self._shutdown = shutdown
        self._confinement = confinement
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
        self._entrance.start()
        self._engine.start()
        self._front.start(self._client_gone)

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
        self._engine.stop()
        os.close(self._stdin_descriptor)
        self._log.info(
            "server_stopped",
            reason=self._stop_reason,
            uptime_seconds=round(self._monotonic() - self._started_at, 3),
        )
