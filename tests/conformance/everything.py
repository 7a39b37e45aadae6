"""A server that has everything which the conformance suite asks for.

``python -m tests.conformance.everything --port N`` serves ``/mcp`` on loopback, to
everybody, and prints its URL as its first line. All but the tools, prompts and
resources is the product's: engine, sessions, HTTP.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import globalLogBeginner

from commander.alarm import Alarm
from commander.auth.checkers import AnyoneChecker, TokenChecker
from commander.auth.failed_logins import FailedLogins
from commander.auth.resource import Authenticator
from commander.auth.scrape import ScrapeAccess
from commander.auth.tokens import TokenList, digest_of
from commander.interfaces import Monotonic
from commander.mcp.catalogue import Catalogue
from commander.mcp.events import ServerInfo
from commander.reactors import ICommanderReactor
from commander.sessions.service import McpService, SessionPolicy, mcp_service
from commander.settings import Settings
from commander.telemetry.audit import LogAccess
from commander.telemetry.logging import StructuredLog, observer_factory
from commander.web.app import PUBLIC_PATHS, WebApp
from commander.web.drain import Drain
from commander.web.exchange import Exchange
from commander.web.front import HttpFront
from commander.web.guards import Guards
from commander.web.health import Health
from commander.web.metrics import MetricsResource
from commander.web.site import CommanderSite, Gate
from tests.conformance.fixture.application import EverythingApplication
from tests.conformance.fixture.forms import form_tools
from tests.conformance.fixture.prompts import prompts
from tests.conformance.fixture.resources import RESOURCES, TEMPLATES
from tests.conformance.fixture.rounds import round_tools
from tests.conformance.fixture.states import States
from tests.conformance.fixture.task_tools import TaskTools
from tests.conformance.fixture.tasks import TaskStore
from tests.conformance.fixture.tools import Changes, plain_tools, slow_tools

__all__ = ["everything", "front", "main"]

LOOPBACK: Final = "127.0.0.1"
NAME: Final = "everything"
MAX_BODY_BYTES: Final = 1024 * 1024
MAX_CONNECTIONS: Final = 100
MAX_SESSIONS: Final = 100
IDLE_SECONDS: Final = 300.0


def everything(
    reactor: ICommanderReactor,
    log: StructuredLog,
    monotonic: Monotonic = time.monotonic,
) -> McpService:
    """The engine with all that there is behind it."""
    changes, tasks = Changes(), TaskStore(reactor.seconds)
    application = EverythingApplication(
        tools=[
            *plain_tools(),
            *slow_tools(partial(_sleep, reactor)),
            *form_tools(),
            *round_tools(States(secrets.token_bytes(32), reactor.seconds)),
            *TaskTools(tasks, partial(_sleep, reactor)).tools(),
            *changes.tools(),
        ],
        prompts=prompts(),
        tasks=tasks,
    )
    catalogue = Catalogue(
        tools=application.tool_entries,
        prompts=application.prompt_entries,
        resources=RESOURCES,
        templates=TEMPLATES,
        completions=True,
        changing=frozenset({"tools", "prompts"}),
        subscribable=True,
        tasks=True,
    )
    service = mcp_service(
        server=ServerInfo(
            name=NAME,
            title="Everything",
            version="1.0.0",
            instructions="Has one of everything, for tests.",
        ),
        catalogue=catalogue,
        application=application,
        session_policy=SessionPolicy(
            key=secrets.token_bytes(32),
            max_sessions=MAX_SESSIONS,
            idle_seconds=IDLE_SECONDS,
        ),
        clock=reactor,
        monotonic=monotonic,
        log=log,
        default_level="info",
    )
    changes.begin(catalogue, service.hub)
    tasks.begin(service.hub)
    return service


def _sleep(reactor: ICommanderReactor, seconds: float) -> Deferred[None]:
    return deferLater(reactor, seconds)


def front(
    reactor: ICommanderReactor,
    port: int,
    log: StructuredLog,
    monotonic: Monotonic = time.monotonic,
    tokens: TokenList | None = None,
) -> HttpFront:
    """The server on a port of loopback, as the product makes it.

    Args:
        reactor: Runs it.
        port: 0 for any.
        log: For faults of our own.
        monotonic: Measures idle time.
        tokens: Those that are valid; None to serve everybody.
    """
    drain = Drain()
    exchange = Exchange(
        service=everything(reactor, log, monotonic),
        guards=Guards(loopback=True),
        drain=drain,
        new_alarm=partial(Alarm, reactor, monotonic),
        log=log,
    )
    return HttpFront(
        reactor=reactor,
        site=_site(reactor, exchange, drain, log, _checker(tokens, reactor)),
        exchange=exchange,
        host=LOOPBACK,
        port=port,
        listen=None,
    )


def _checker(
    tokens: TokenList | None, reactor: ICommanderReactor
) -> AnyoneChecker | TokenChecker:
    return AnyoneChecker() if tokens is None else TokenChecker(tokens, reactor.seconds)


def _site(
    reactor: ICommanderReactor,
    exchange: Exchange,
    drain: Drain,
    log: StructuredLog,
    checker: AnyoneChecker | TokenChecker,
) -> CommanderSite:
    access = LogAccess(log)
    authenticator = Authenticator(
        checker=checker,
        realm=NAME,
        failed=FailedLogins(access, clock=reactor, monotonic=time.monotonic),
    )
    app = WebApp(
        authenticator=authenticator,
        exchange=exchange,
        health=Health(server_name=NAME, drain=drain),
        metrics=MetricsResource(ScrapeAccess(digest_of(NAME)), bytes),
        log=log,
    )
    return CommanderSite(
        app.resource(),
        reactor=reactor,
        monotonic=time.monotonic,
        gate=Gate(
            served_paths=WebApp.served_paths(),
            public_paths=PUBLIC_PATHS,
            authenticator=authenticator,
            max_body_bytes=MAX_BODY_BYTES,
        ),
        access=access,
        max_connections=MAX_CONNECTIONS,
        idle_timeout_seconds=IDLE_SECONDS,
    )


def main(words: Sequence[str]) -> None:
    from twisted.internet import reactor

    options = argparse.ArgumentParser(prog="python -m tests.conformance.everything")
    options.add_argument("--port", type=int, default=0, help="0, the default, is any")
    given = options.parse_args(words)
    observer = observer_factory(Settings(log_level="debug"))(sys.stderr)
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)
    server = front(ICommanderReactor(reactor, reactor), given.port, StructuredLog(NAME))
    server.open()
    reactor.addSystemEventTrigger("before", "shutdown", server.close)
    # Only then does a signal end it in order.
    reactor.callWhenRunning(_tell, server.address.port)
    reactor.run()


def _tell(port: int) -> None:
    sys.stdout.write(f"http://{LOOPBACK}:{port}/mcp\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
