"""The fixture of the conformance suite in memory: a server that has everything."""

from __future__ import annotations

from commander.alarm import Alarm
from commander.auth.tokens import TokenList
from commander.reactors import ICommanderReactor
from commander.stdio.front import StdioFront
from commander.stdio.transport import LineProtocol
from commander.telemetry.logging import StructuredLog
from commander.testing import HTTPHarness, MemoryLog, ProcessReactor
from commander.testing.stdio import StdioClient
from commander.web.site import CommanderSite
from tests.conformance.everything import everything, front
from tests.sessions.behaviour.clients import Servers

__all__ = ["EVERYTHING", "EverythingServer"]


class _Running:
    def __init__(self) -> None:
        self.reactor = ProcessReactor()
        self.log = MemoryLog()

    def logger(self) -> StructuredLog:
        return StructuredLog("test", observer=self.log)

    def pump(self, seconds: float = 0.0) -> None:
        self.reactor.advance(seconds)


class EverythingServer(_Running):
    """On HTTP.

    Args:
        tokens: Those that are valid; None to serve everybody.
    """

    def __init__(self, tokens: TokenList | None = None) -> None:
        super().__init__()
        reactor = ICommanderReactor(self.reactor)
        self._front = front(reactor, 3000, self.logger(), self.reactor.seconds, tokens)
        self._front.open()
        ((_, site, _, _),) = self.reactor.tcpServers
        assert isinstance(site, CommanderSite)
        self.http = HTTPHarness(site, self.reactor, None)

    def stop(self) -> None:
        self._front.close()
        self.http.lose_all()
        self.pump(1)


class EverythingDesk(_Running):
    """On lines."""

    def __init__(self) -> None:
        super().__init__()
        self.client = StdioClient(self.reactor)
        reactor = ICommanderReactor(self.reactor)
        service = everything(reactor, self.logger(), self.reactor.seconds)
        self._front = StdioFront(
            reactor=reactor,
            alarm=Alarm(self.reactor, self.reactor.seconds),
            protocol=LineProtocol(service=service, log=self.logger()),
            wire=self.client.wire,
        )
        self._front.start(lambda reason: None)

    def pump(self, seconds: float = 0.0) -> None:
        super().pump(seconds)
        self.client.pump()

    def stop(self) -> None:
        self._front.close()
        self.pump(1)
        self.client.close()


EVERYTHING = Servers(http=EverythingServer, stdio=EverythingDesk)
