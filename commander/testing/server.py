"""The whole server in memory: real in every part, on a reactor that is not."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Any, Final, Self

import attrs
from twisted.logger import ILogObserver, LogEvent
from zope.interface import implementer

from commander.auth.tokens import digest_of
from commander.execution.hardening import Hardening
from commander.service import CommanderService, Surroundings, build
from commander.settings import Settings
from commander.stdio.descriptors import Wire
from commander.telemetry.logging import StructuredLog
from commander.telemetry.records import json_line, record_of
from commander.testing.http import HTTPHarness
from commander.testing.process_reactor import ProcessReactor
from commander.testing.processes import MemoryProcess
from commander.testing.stdio import StdioClient
from commander.web.site import CommanderSite

__all__ = ["MemoryDesk", "MemoryLog", "MemoryServer"]

_VALID: Final = "memory-token"


@implementer(ILogObserver)
class MemoryLog:
    """Remembers what was logged; ``events`` holds Twisted's events, in order."""

    def __init__(self) -> None:
        self.events: list[LogEvent] = []

    def __call__(self, event: LogEvent) -> None:
        """Take an event."""
        self.events.append(event)

    def named(self, name: str) -> list[dict[str, Any]]:
        """The fields of every record of this name, in order."""
        return [
            event["commander_fields"]
            for event in self.events
            if event.get("commander_event") == name
        ]

    def lines(self) -> list[str]:
        """Every event as its JSON line, whatever its level."""
        return [json_line(record_of(event)) for event in self.events]

    def failures(self) -> list[LogEvent]:
        """The events that tell of an exception."""
        return [
            event
            for event in self.events
            if event.get("log_failure") or event.get("failure")
        ]


class _Running:
    """What both kinds of servers are."""

    def __init__(
        self, settings: Settings, token: str | None, wire: Wire | None = None
    ) -> None:
        self.log = MemoryLog()
        self.service: CommanderService = build(
            settings,
            token=None if token is None else digest_of(token),
            surroundings=Surroundings(
                reactor=self.reactor,
                monotonic=self.reactor.seconds,
                environ={"PATH": os.defpath},
                engine=self.reactor.engine,
                hardening=Hardening(),
                log=StructuredLog("commander", observer=self.log),
                wire=wire,
                new_pool=lambda threads, name: self.reactor.getThreadPool(),
            ),
        )
        self.service.listen()
        self.service.startService()

    reactor: ProcessReactor

    def pump(self, seconds: float = 0.0) -> None:
        """Let the clock go on; timers that are due fire."""
        self.reactor.advance(seconds)

    @property
    def process(self) -> MemoryProcess:
        """The process that was started last."""
        return self.reactor.processes[-1]

    def stop(self) -> None:
        """Stop without waiting for commands; returns when that is done.

        Raises:
            AssertionError: It is not done in a minute of the clock.
        """
        stopped: list[object] = []
        self.service.hurry()
        self.service.stopService().addBoth(stopped.append)
        for _ in range(600):
            if stopped:
                return
            self.pump(0.1)
        raise AssertionError("the server does not stop")

    def __enter__(self) -> Self:
        """It runs already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop it, unless a test has done so."""
        if self.service.running:
            self.stop()


class MemoryServer(_Running):
    """A server that was started; as a context manager it is also stopped.

    Args:
        settings: The configuration; the default one if None.
        token: The valid token, or None to serve everybody.

    Attributes:
        reactor: The clock, and the processes that were started.
        log: What the server logged.
        service: As ``twist`` would hold it.
        site: Answers connections.
        http: A client that has the token.
    """

    def __init__(
        self, settings: Settings | None = None, *, token: str | None = _VALID
    ) -> None:
        self.reactor = ProcessReactor()
        super().__init__(settings or Settings(), token)
        self.site = _site_of(self.reactor)
        self.http = HTTPHarness(self.site, self.reactor, token)


class MemoryDesk(_Running):
    """The same on standard input and output.

    Args:
        settings: The configuration; the default one if None.

    Attributes:
        reactor: The clock, and the processes that were started; stopped when the client
            has gone, which ends the process elsewhere.
        log: What the server logged.
        service: As ``twist`` would hold it.
        client: Whoever started it.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.reactor = ProcessReactor()
        self.client = StdioClient(self.reactor)
        settings = attrs.evolve(settings or Settings(), transport="stdio")
        super().__init__(settings, None, self.client.wire)

    def pump(self, seconds: float = 0.0) -> None:
        """Let the clock go on, and move what is written."""
        super().pump(seconds)
        self.client.pump()

    def stop(self) -> None:
        """Stop without waiting for commands, and close the pipes."""
        super().stop()
        self.client.close()


def _site_of(reactor: ProcessReactor) -> CommanderSite:
    """What listens on the one port."""
    ((_, site, _, _),) = reactor.tcpServers
    assert isinstance(site, CommanderSite)  # noqa: S101 - for the type
    return site
