"""A server in memory that must not log an exception."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from twisted.logger import globalLogPublisher
from twisted.web.resource import Resource

from commander.auth.checkers import AnyoneChecker
from commander.auth.failed_logins import FailedLogins
from commander.auth.resource import Authenticator
from commander.telemetry.audit import LogAccess
from commander.telemetry.logging import StructuredLog
from commander.testing import HTTPHarness, MemoryLog, MemoryServer, ProcessReactor
from commander.web.app import PUBLIC_PATHS, WebApp
from commander.web.site import CommanderSite, Gate


@pytest.fixture
def twisted_log() -> Iterator[MemoryLog]:
    """What goes to Twisted's global log, that of Klein and twisted.web."""
    log = MemoryLog()
    globalLogPublisher.addObserver(log)
    yield log
    globalLogPublisher.removeObserver(log)
    assert log.failures() == []


@pytest.fixture
def server(twisted_log: MemoryLog) -> Iterator[MemoryServer]:
    """A server with the default settings."""
    with MemoryServer() as server:
        yield server
    assert server.log.failures() == []


@pytest.fixture
def client_of() -> Callable[[Resource], HTTPHarness]:
    """Makes a site of one's own resource, open to everybody, and a client of it."""

    def make(resource: Resource) -> HTTPHarness:
        clock = ProcessReactor()
        access = LogAccess(StructuredLog("test", observer=MemoryLog()))
        site = CommanderSite(
            resource,
            reactor=clock,
            monotonic=clock.seconds,
            gate=Gate(
                served_paths=WebApp.served_paths(),
                public_paths=PUBLIC_PATHS,
                authenticator=Authenticator(
                    checker=AnyoneChecker(),
                    realm="test",
                    failed=FailedLogins(access, clock=clock, monotonic=clock.seconds),
                ),
                max_body_bytes=1000,
            ),
            access=access,
            max_connections=10,
            idle_timeout_seconds=60.0,
        )
        return HTTPHarness(site, clock, None)

    return make
