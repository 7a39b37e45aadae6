"""MCP as one object: what both fronts hand their messages to, and how it is built."""

from __future__ import annotations

import attrs
from twisted.internet.interfaces import IReactorTime

from commander.alarm import Alarm
from commander.interfaces import Monotonic
from commander.mcp.catalogue import Catalogue
from commander.mcp.events import ServerInfo
from commander.mcp.handshake import HandshakeEngine
from commander.mcp.modern import ModernEngine
from commander.mcp.results import ReplyWriter
from commander.seals import Seal
from commander.sessions.application import Application
from commander.sessions.dispatcher import Dispatcher, Engines
from commander.sessions.get_streams import GetStreams
from commander.sessions.listening import ChangeHub
from commander.sessions.session_ids import SessionIds
from commander.sessions.store import SessionStore
from commander.sessions.subscriptions import Subscriptions
from commander.telemetry.logging import StructuredLog

__all__ = ["McpService", "SessionPolicy", "mcp_service"]


@attrs.frozen(kw_only=True)
class SessionPolicy:
    """How sessions are kept."""

    key: bytes = attrs.field(repr=False)
    """Signs ids; the same on all replicas that share sessions."""
    max_sessions: int
    idle_seconds: float


@attrs.frozen(kw_only=True)
class McpService:
    """What a front needs to speak MCP."""

    dispatcher: Dispatcher
    sessions: SessionStore
    get_streams: GetStreams
    subscriptions: Subscriptions
    hub: ChangeHub
    """To be told when something of the catalogue, or a resource, changes."""

    def close(self) -> None:
        """End all streams that wait for something to happen, gracefully."""
        self.subscriptions.close()
        self.sessions.close()


def mcp_service(
    *,
    server: ServerInfo,
    catalogue: Catalogue,
    application: Application,
    session_policy: SessionPolicy,
    clock: IReactorTime,
    monotonic: Monotonic,
    log: StructuredLog,
    default_level: str = "warning",
    hub: ChangeHub | None = None,
) -> McpService:
    """Build it; nothing runs yet.

    Args:
        server: Who we say we are.
        catalogue: What there is; it may change.
        application: Does the work.
        session_policy: How sessions are kept.
        clock: Where timers are made, and what time it is.
        monotonic: Measures idle time.
        log: For faults of our own.
        default_level: The log level of a session that named none.
        hub: Told of changes by the application; None for a new one.
    """
    writer = ReplyWriter(server)
    hub = ChangeHub() if hub is None else hub
    subscriptions = Subscriptions(hub, writer, application, log)
    get_streams = GetStreams(hub, catalogue.changing)
    return McpService(
        dispatcher=Dispatcher(
            engines=Engines(
                handshake=HandshakeEngine(
                    server=server, catalogue=catalogue, writer=writer
                ),
                modern=ModernEngine(server=server, catalogue=catalogue, writer=writer),
                writer=writer,
            ),
            application=application,
            subscriptions=subscriptions,
            log=log,
            default_level=default_level,
            tasks=catalogue.tasks,
        ),
        sessions=SessionStore(
            ids=SessionIds(Seal(session_policy.key, "session")),
            alarm=Alarm(clock, monotonic),
            monotonic=monotonic,
            wall=clock.seconds,
            max_sessions=session_policy.max_sessions,
            idle_seconds=session_policy.idle_seconds,
            forgotten=get_streams.forget,
        ),
        get_streams=get_streams,
        subscriptions=subscriptions,
        hub=hub,
    )
