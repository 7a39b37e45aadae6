"""The composition root: from settings and a reactor to a running service.

Everything is built here, once, from leaf to root. Nobody else reads settings to
decide what to make, and no object holds one that stands above it.
"""

from __future__ import annotations

from functools import partial

import attrs

from commander import __version__
from commander.alarm import Alarm
from commander.auth.scrape import ScrapeAccess
from commander.auth.tokens import TokenDigest, digest_of
from commander.command_service import (
    Commands,
    commands_of,
    policy_checker,
    sandbox_plan,
)
from commander.entrance import Entrance, open_entrance, session_key
from commander.job_service import JobViews, job_views, jobs_of
from commander.mcp.catalogue import Catalogue
from commander.mcp.events import ServerInfo
from commander.mcp.versions import SUPPORTED_VERSIONS
from commander.observation import Observation, observe, show_commands, trouble
from commander.running_service import CommanderService, Surroundings
from commander.sessions.application import ToolApplication
from commander.sessions.job_resources import JOB_TEMPLATES
from commander.sessions.service import McpService, SessionPolicy, mcp_service
from commander.settings import Settings
from commander.shutdown import Front, Shutdown
from commander.sources import binds_loopback
from commander.telemetry.audit import LogAccess
from commander.tools.check_command import CheckCommand
from commander.tools.execute_command import ExecuteCommand
from commander.tools.inspect import (
    GetShellInfo,
    ListAllowedCommands,
    ListBlockedCommands,
)
from commander.tools.job_services import JobServices
from commander.tools.list_jobs import ListJobs
from commander.tools.open_shell import OpenShell
from commander.tools.read_output import ReadOutput
from commander.tools.registry import ToolRegistry
from commander.tools.send_input import SendInput
from commander.tools.signal_job import SignalJob
from commander.tools.start_command import StartCommand
from commander.turns import Turns
from commander.web.app import PUBLIC_PATHS, WebApp
from commander.web.cors import Cors
from commander.web.drain import Drain
from commander.web.exchange import Exchange
from commander.web.front import HttpFront
from commander.web.guards import Guards
from commander.web.health import Health
from commander.web.metrics import METRICS_PATH, MetricsResource
from commander.web.site import CommanderSite, Gate

__all__ = [
    "STDIO_GRACE_SECONDS",
    "CommanderService",
    "Surroundings",
    "build",
    "policy_checker",
    "sandbox_plan",
]

STDIO_GRACE_SECONDS = 0.5
"""How long running commands may go on when the client of standard input is gone, and
from TERM to KILL then: clients kill a server that takes more than about two seconds."""
_INSTRUCTIONS = (
    "Runs shell commands on the server: execute_command for what ends soon, "
    "start_command for servers, long builds and programs that ask. Commands are "
    "checked against a policy; a refusal says why and what is allowed."
)


def build(
    settings: Settings, *, token: TokenDigest | None, surroundings: Surroundings
) -> CommanderService:
    """Make the service; nothing listens yet.

    Args:
        settings: The configuration, already checked.
        token: The digest of the server's own token. Without it only those of
            ``MCP_AUTH_TOKENS_FILE`` are valid; without both, everybody is served.
        surroundings: The process around it.

    Raises:
        StartError: The tokens file or the policy cannot be used.
    """
    observed = observe(settings, surroundings)
    entrance = open_entrance(
        settings,
        token,
        clock=surroundings.reactor,
        monotonic=surroundings.monotonic,
        log=surroundings.log,
        failed=observed.meters.logins_failed.add,
    )
    commands = commands_of(settings, surroundings, observed.audit)
    show_commands(observed, settings, surroundings, commands)
    key = session_key(settings, token)
    jobs = jobs_of(settings, surroundings, commands, key)
    registry = _registry(settings, surroundings, commands, jobs.services)
    drain = Drain()
    views = job_views(settings, surroundings, jobs.services)
    inside = _Inside(
        mcp=_mcp(settings, surroundings, key, registry, views),
        drain=drain,
        health=Health(
            server_name=settings.server_name,
            drain=drain,
            trouble=partial(trouble, observed, commands),
        ),
        observed=observed,
    )
    front = _front(settings, surroundings, entrance, inside)
    return CommanderService(
        surroundings=surroundings,
        entrance=entrance,
        front=front,
        metrics=observed.metrics,
        shutdown=_shutdown(settings, surroundings, commands, drain, front),
        jobs=jobs,
        confinement=commands.confinement,
        stdin_descriptor=commands.stdin_descriptor,
    )


@attrs.frozen(kw_only=True)
class _Inside:
    """What stands behind a front."""

    mcp: McpService
    drain: Drain
    health: Health
    observed: Observation


def _shutdown(
    settings: Settings,
    surroundings: Surroundings,
    commands: Commands,
    drain: Drain,
    front: Front,
) -> Shutdown:
    return Shutdown(
        alarm=Alarm(surroundings.reactor, surroundings.monotonic),
        drain=drain,
        admission=commands.admission,
        executor=commands.executor,
        front=front,
        **_patience(settings),
    )


def _patience(settings: Settings) -> dict[str, float]:
    """How long the shutdown waits in its steps, as ``Shutdown`` names them."""
    if settings.transport == "stdio":
        return {
            "delay_seconds": 0.0,
            "grace_seconds": min(STDIO_GRACE_SECONDS, settings.shutdown_grace_seconds),
            "kill_grace_seconds": min(STDIO_GRACE_SECONDS, settings.kill_grace_seconds),
        }
    return {
        "delay_seconds": settings.drain_delay_seconds,
        "grace_seconds": settings.shutdown_grace_seconds,
        "kill_grace_seconds": settings.kill_grace_seconds,
    }


def _registry(
    settings: Settings,
    surroundings: Surroundings,
    commands: Commands,
    services: JobServices,
) -> ToolRegistry:
    turns = Turns(surroundings.reactor)
    return ToolRegistry(
        [
            ExecuteCommand(
                services=services,
                default_timeout_seconds=settings.default_timeout_seconds,
                max_output_bytes=settings.max_output_bytes,
                yield_seconds=settings.execute_yield_seconds or None,
                turns=turns,
            ),
            StartCommand(services),
            ReadOutput(services, turns),
            SendInput(services),
            SignalJob(services),
            ListJobs(services),
            OpenShell(services),
            CheckCommand(commands.runner),
            ListAllowedCommands(commands.checker),
            ListBlockedCommands(commands.checker),
            GetShellInfo(settings, protocol_versions=SUPPORTED_VERSIONS),
        ],
        with_output_schema=settings.output_schema,
    )


def _mcp(
    settings: Settings,
    surroundings: Surroundings,
    key: bytes,
    registry: ToolRegistry,
    views: JobViews,
) -> McpService:
    return mcp_service(
        server=ServerInfo(
            name=settings.server_name,
            title="commander",
            version=__version__,
            instructions=_INSTRUCTIONS,
        ),
        catalogue=Catalogue(
            tools=registry.described,
            asked=frozenset({"resources"}),
            templates=JOB_TEMPLATES,
            subscribable=True,
            tasks=True,
        ),
        application=ToolApplication(registry, views.resources, views.tasks),
        session_policy=SessionPolicy(
            key=key,
            max_sessions=settings.max_sessions,
            idle_seconds=settings.session_idle_seconds,
        ),
        clock=surroundings.reactor,
        monotonic=surroundings.monotonic,
        log=surroundings.log,
        hub=views.hub,
    )


def _guards(settings: Settings) -> Guards:
    return Guards(
        loopback=binds_loopback(settings),
        allowed_hosts=frozenset(host.lower() for host in settings.allowed_hosts),
        allowed_origins=frozenset(o.lower() for o in settings.allowed_origins),
    )


def _front(
    settings: Settings,
    surroundings: Surroundings,
    entrance: Entrance,
    inside: _Inside,
) -> Front:
    """What clients see: the wire, if it was claimed, else HTTP."""
    if surroundings.wire is not None:
        from commander.stdio.front import StdioFront
        from commander.stdio.transport import LineProtocol

        return StdioFront(
            reactor=surroundings.reactor,
            alarm=Alarm(surroundings.reactor, surroundings.monotonic),
            protocol=LineProtocol(service=inside.mcp, log=surroundings.log),
            wire=surroundings.wire,
        )
    exchange = Exchange(
        service=inside.mcp,
        guards=_guards(settings),
        drain=inside.drain,
        new_alarm=partial(Alarm, surroundings.reactor, surroundings.monotonic),
        log=surroundings.log,
    )
    return HttpFront(
        reactor=surroundings.reactor,
        site=_site(settings, surroundings, entrance, exchange, inside),
        exchange=exchange,
        host=settings.http_host,
        port=settings.http_port,
        listen=settings.listen,
    )


def _site(
    settings: Settings,
    surroundings: Surroundings,
    entrance: Entrance,
    exchange: Exchange,
    inside: _Inside,
) -> CommanderSite:
    scrape = _scrape_access(settings)
    app = WebApp(
        authenticator=entrance.authenticator,
        exchange=exchange,
        health=inside.health,
        metrics=MetricsResource(scrape, inside.observed.metrics.page),
        log=surroundings.log,
    )
    site = CommanderSite(
        app.resource(),
        reactor=surroundings.reactor,
        monotonic=surroundings.monotonic,
        gate=Gate(
            served_paths=WebApp.served_paths(),
            public_paths=PUBLIC_PATHS,
            hidden_paths={METRICS_PATH: scrape.admits},
            authenticator=entrance.authenticator,
            max_body_bytes=settings.max_body_bytes,
            cors=Cors(frozenset(o.lower() for o in settings.allowed_origins)),
        ),
        access=LogAccess(surroundings.log),
        answered=inside.observed.meters.answered,
        keeps_connections=lambda: inside.drain.healthy,
        max_connections=settings.max_connections,
        idle_timeout_seconds=settings.http_idle_timeout_seconds,
    )
    _show_clients(inside, site)
    return site


def _scrape_access(settings: Settings) -> ScrapeAccess:
    token = settings.metrics_token
    return ScrapeAccess(None if token is None else digest_of(token))


def _show_clients(inside: _Inside, site: CommanderSite) -> None:
    """Have the gauges show the clients."""
    inside.observed.gauges.show(
        ready=lambda: inside.health.why_not_ready() is None,
        sessions=lambda: len(inside.mcp.sessions),
        subscriptions=lambda: len(inside.mcp.subscriptions),
        event_streams=lambda: site.streams,
        http_connections=lambda: site.connections,
    )
