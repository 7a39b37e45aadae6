"""The composition root: from settings and a reactor to a running service.

Everything is built here, once, from leaf to root. Nobody else reads settings to
decide what to make, and no object holds one that stands above it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from functools import partial

from twisted.cred.checkers import ICredentialsChecker
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

from commander import __version__
from commander.alarm import Alarm
from commander.auth.checkers import AnyoneChecker, TokenChecker
from commander.auth.resource import Authenticator
from commander.auth.tokens import TokenDigest
from commander.errors import StartError
from commander.execution.admission import Admission
from commander.execution.confinement import Confinement, confine
from commander.execution.environment import child_environment
from commander.execution.executor import Executor, Start
from commander.execution.limits import CommandLimits
from commander.execution.memory_killer import MemoryKiller, find_victim_count
from commander.execution.refusals import Refusals
from commander.execution.run_as import programs_in_front
from commander.execution.runner import CommandRunner
from commander.execution.running import Supervision
from commander.execution.sandbox import Plan, make_plan
from commander.mcp.catalogue import Catalogue
from commander.mcp.events import ServerInfo
from commander.mcp.versions import SUPPORTED_VERSIONS
from commander.output.budget import MemoryBudget
from commander.policy.allow.targets import Places
from commander.policy.checker import (
    Approved,
    Denied,
    PolicyChecker,
    dialect_of,
)
from commander.reactors import ICommanderReactor
from commander.running_service import CommanderService, Surroundings
from commander.sessions.application import ToolApplication
from commander.sessions.service import McpService, SessionPolicy, mcp_service
from commander.settings import Settings
from commander.shutdown import Front, Shutdown
from commander.sources import binds_loopback
from commander.stdio.front import StdioFront
from commander.stdio.transport import LineProtocol
from commander.telemetry.audit import LogAccess, LogAudit
from commander.tools.check_command import CheckCommand
from commander.tools.execute_command import ExecuteCommand
from commander.tools.inspect import (
    GetShellInfo,
    ListAllowedCommands,
    ListBlockedCommands,
)
from commander.tools.registry import ToolRegistry
from commander.turns import Turns
from commander.web.app import PUBLIC_PATHS, WebApp
from commander.web.cors import Cors
from commander.web.drain import Drain
from commander.web.exchange import Exchange
from commander.web.front import HttpFront
from commander.web.guards import Guards
from commander.web.health import Health
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
    "Runs shell commands on the server with execute_command. Commands are checked "
    "against a policy; a refusal says why and what is allowed."
)


def build(
    settings: Settings, *, token: TokenDigest | None, surroundings: Surroundings
) -> CommanderService:
    """Make the service; nothing listens yet.

    Args:
        settings: The configuration, already checked.
        token: The valid token's digest, or None to serve everybody.
        surroundings: The process around it.
    """
    stdin_descriptor = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    checker = policy_checker(settings)
    admission = _admission(settings, surroundings)
    confinement = _confinement(settings)
    executor = _executor(settings, surroundings, confinement, stdin_descriptor)
    runner = CommandRunner(
        checker=checker,
        admission=admission,
        executor=executor,
        audit=LogAudit(surroundings.log, settings.log_commands),
        aside=partial(_in_thread, surroundings.reactor),
        refusals=Refusals(
            surroundings.engine.sandbox,
            path=_environment(settings, surroundings.environ)["PATH"],
            own_user=settings.run_as is None,
        ),
    )
    registry = _registry(settings, surroundings, checker, runner)
    mcp = _mcp(settings, surroundings, token, registry)
    drain = Drain()
    front = _front(settings, surroundings, token, mcp, drain)
    return CommanderService(
        surroundings=surroundings,
        front=front,
        shutdown=Shutdown(
            alarm=Alarm(surroundings.reactor, surroundings.monotonic),
            drain=drain,
            admission=admission,
            executor=executor,
            front=front,
            **_patience(settings),
        ),
        confinement=confinement,
        stdin_descriptor=stdin_descriptor,
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


def _in_thread(
    reactor: ICommanderReactor, decide: Callable[[], Approved | Denied]
) -> Deferred[Approved | Denied]:
    """Decide in a thread of the reactor's pool."""
    return deferToThreadPool(reactor, reactor.getThreadPool(), decide)


def policy_checker(settings: Settings) -> PolicyChecker:
    """The policy that these settings mean, for the server and for explanations.

    Raises:
        StartError: A list is set, and nobody knows how the shell reads a text.
    """
    listed = settings.allowed_commands or settings.blocked_commands
    if listed and dialect_of(settings.shell) is None:
        raise StartError(
            f"MCP_SHELL={settings.shell} is neither sh, dash, ash nor bash by its "
            "name, so neither MCP_ALLOWED_COMMANDS nor MCP_BLOCKED_COMMANDS can hold "
            "for it: choose one of those, or set no list"
        )
    return PolicyChecker(
        allowed=settings.allowed_commands,
        blocked=settings.blocked_commands,
        use_default_blocklist=settings.use_default_blocklist,
        allowed_env=settings.allowed_env,
        shell=settings.shell,
        places=Places(
            workspace=settings.workspace,
            directory=settings.commands_directory,
            resolve=os.path.realpath,
        ),
    )


def sandbox_plan(settings: Settings, environ: Mapping[str, str]) -> Plan:
    """What the kernel is to hold with these settings, for the server and the doctor.

    Args:
        settings: The configuration.
        environ: The server's environment.
    """
    run_as = () if settings.run_as is None else programs_in_front()
    return make_plan(
        mode=settings.sandbox,
        entries=settings.allowed_commands,
        workspace=settings.workspace,
        in_front=(settings.shell, *run_as),
        environment=_environment(settings, environ),
    )


def _environment(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """What every command gets, but for the user's names."""
    return child_environment(environ, pass_env=settings.pass_env)


def _admission(settings: Settings, surroundings: Surroundings) -> Admission:
    return Admission(
        clock=surroundings.reactor,
        monotonic=surroundings.monotonic,
        max_concurrent=settings.max_concurrent,
        max_per_principal=settings.per_principal,
        max_queued=settings.max_queued,
        max_wait_seconds=settings.max_queue_wait_seconds,
    )


def _confinement(settings: Settings) -> Confinement:
    return confine(
        CommandLimits(
            cpu_seconds=settings.limit_cpu_seconds,
            memory_bytes=settings.limit_memory_bytes,
            file_bytes=settings.limit_file_bytes,
            files=settings.limit_files,
            processes=settings.limit_processes,
        ),
        run_as=settings.run_as,
        directory=settings.commands_directory,
    )


def _executor(
    settings: Settings,
    surroundings: Surroundings,
    confinement: Confinement,
    stdin_descriptor: int,
) -> Executor:
    monotonic = surroundings.monotonic
    return Executor(
        spawner=surroundings.engine.spawner,
        start=Start(
            shell=settings.shell,
            shell_arg=settings.shell_arg,
            directory=settings.commands_directory,
            environ=surroundings.environ,
            pass_env=settings.pass_env,
            run_as=confinement.run_as,
            limits=confinement.launcher_limits,
            stdin_descriptor=stdin_descriptor,
        ),
        supervision=Supervision(
            clock=surroundings.reactor,
            monotonic=monotonic,
            trees=surroundings.engine.trees,
            setup=confinement.setup,
            memory_killer=MemoryKiller(monotonic, find_victim_count()),
            output_budget=MemoryBudget(settings.memory_budget_bytes),
            kill_grace_seconds=settings.kill_grace_seconds,
            max_output_bytes=settings.max_output_bytes,
            output_limit_bytes=settings.output_limit_bytes,
            counted_processes=confinement.counted_processes,
        ),
    )


def _registry(
    settings: Settings,
    surroundings: Surroundings,
    checker: PolicyChecker,
    runner: CommandRunner,
) -> ToolRegistry:
    return ToolRegistry(
        [
            ExecuteCommand(
                runner=runner,
                default_timeout_seconds=settings.default_timeout_seconds,
                max_timeout_seconds=settings.max_timeout_seconds,
                max_output_bytes=settings.max_output_bytes,
                turns=Turns(surroundings.reactor),
                clock=surroundings.reactor,
                monotonic=surroundings.monotonic,
            ),
            CheckCommand(runner),
            ListAllowedCommands(checker),
            ListBlockedCommands(checker),
            GetShellInfo(settings, protocol_versions=SUPPORTED_VERSIONS),
        ],
        with_output_schema=settings.output_schema,
    )


def _mcp(
    settings: Settings,
    surroundings: Surroundings,
    token: TokenDigest | None,
    registry: ToolRegistry,
) -> McpService:
    return mcp_service(
        server=ServerInfo(
            name=settings.server_name,
            title="commander",
            version=__version__,
            instructions=_INSTRUCTIONS,
        ),
        catalogue=Catalogue(tools=registry.described()),
        application=ToolApplication(registry),
        session_policy=SessionPolicy(
            key=_session_key(settings, token),
            max_sessions=settings.max_sessions,
            idle_seconds=settings.session_idle_seconds,
        ),
        clock=surroundings.reactor,
        monotonic=surroundings.monotonic,
        log=surroundings.log,
    )


def _session_key(settings: Settings, token: TokenDigest | None) -> bytes:
    """What signs session ids; see ``MCP_SESSION_KEY``."""
    if settings.session_key is not None:
        return settings.session_key.encode()
    return secrets.token_bytes(32) if token is None else token.value


def _guards(settings: Settings) -> Guards:
    return Guards(
        loopback=binds_loopback(settings),
        allowed_hosts=frozenset(host.lower() for host in settings.allowed_hosts),
        allowed_origins=frozenset(o.lower() for o in settings.allowed_origins),
    )


def _front(
    settings: Settings,
    surroundings: Surroundings,
    token: TokenDigest | None,
    mcp: McpService,
    drain: Drain,
) -> Front:
    """What clients see: the wire, if it was claimed, else HTTP."""
    if surroundings.wire is not None:
        return StdioFront(
            reactor=surroundings.reactor,
            alarm=Alarm(surroundings.reactor, surroundings.monotonic),
            protocol=LineProtocol(service=mcp, log=surroundings.log),
            wire=surroundings.wire,
        )
    exchange = Exchange(
        service=mcp,
        guards=_guards(settings),
        drain=drain,
        new_alarm=partial(Alarm, surroundings.reactor, surroundings.monotonic),
        log=surroundings.log,
    )
    return HttpFront(
        reactor=surroundings.reactor,
        site=_site(settings, surroundings, token, exchange, drain),
        exchange=exchange,
        host=settings.http_host,
        port=settings.http_port,
        listen=settings.listen,
    )


def _site(
    settings: Settings,
    surroundings: Surroundings,
    token: TokenDigest | None,
    exchange: Exchange,
    drain: Drain,
) -> CommanderSite:
    access = LogAccess(surroundings.log)
    checker: ICredentialsChecker = (
        AnyoneChecker() if token is None else TokenChecker(token)
    )
    authenticator = Authenticator(
        checker=checker, realm=settings.server_name, access=access
    )
    app = WebApp(
        authenticator=authenticator,
        exchange=exchange,
        health=Health(server_name=settings.server_name, drain=drain),
        log=surroundings.log,
    )
    return CommanderSite(
        app.resource(),
        reactor=surroundings.reactor,
        monotonic=surroundings.monotonic,
        gate=Gate(
            served_paths=WebApp.served_paths(),
            public_paths=PUBLIC_PATHS,
            authenticator=authenticator,
            max_body_bytes=settings.max_body_bytes,
            cors=Cors(frozenset(o.lower() for o in settings.allowed_origins)),
        ),
        access=access,
        max_connections=settings.max_connections,
        idle_timeout_seconds=settings.http_idle_timeout_seconds,
    )
