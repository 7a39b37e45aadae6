"""From a message to its reply: era, session, engine, work, and the way back.

Each message is routed for itself. This is also the boundary at which a fault of our own
becomes an answer: logged with its traceback here, told to the client as an internal
error and nothing more.
"""

from __future__ import annotations

from typing import Final

import attrs
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from commander.in_flight import InFlight
from commander.mcp.events import (
    Call,
    Done,
    LevelSet,
    ListenAsked,
    Refused,
    Reply,
    Returned,
    SubscriptionSet,
    ToolCalled,
)
from commander.mcp.handshake import HandshakeEngine
from commander.mcp.inbound import (
    era_of,
    handshake_version,
    notification_problem,
)
from commander.mcp.jsonrpc import (
    INVALID_REQUEST,
    Batch,
    ClientResponse,
    Message,
    Notification,
    ProtocolError,
    Request,
    parse,
)
from commander.mcp.modern import ModernEngine
from commander.mcp.params import MAX_SUBSCRIPTIONS
from commander.mcp.results import ACCEPTED, ReplyWriter, refusal
from commander.mcp.tasks import declares_tasks
from commander.mcp.traces import header_trace
from commander.mcp.versions import Era
from commander.sessions.active_call import ActiveCall
from commander.sessions.application import Application
from commander.sessions.batches import BatchOutlet
from commander.sessions.conversation import Conversation
from commander.sessions.doors import Door
from commander.sessions.subscriptions import Subscriptions
from commander.sessions.wires import Outlet
from commander.telemetry.logging import Level, StructuredLog
from commander.tools.registry import CallContext

__all__ = ["Dispatcher", "Engines"]

_BATCH_VERSION: Final = "2025-03-26"


@attrs.frozen(kw_only=True)
class Engines:
    """What speaks the protocol."""

    handshake: HandshakeEngine
    modern: ModernEngine
    writer: ReplyWriter


class Dispatcher:
    """Answers messages of both eras, over any transport.

    Args:
        engines: Speak the protocol.
        application: Does the work.
        subscriptions: Holds the streams of ``subscriptions/listen``.
        log: For faults of our own.
        default_level: The log level of a session that named none.
        tasks: Whether a call may be answered with a task.
    """

    def __init__(
        self,
        *,
        engines: Engines,
        application: Application,
        subscriptions: Subscriptions,
        log: StructuredLog,
        default_level: str = "warning",
        tasks: bool = False,
    ) -> None:
        self._engines = engines
        self._application = application
        self._subscriptions = subscriptions
        self._log = log
        self._default_level = default_level
        self._tasks = tasks
        self._in_flight = InFlight()

    def when_idle(self) -> Deferred[None]:
        """Fires when no call is under way, at once if that is so now.

        Streams that only wait for something to happen do not count.
        """
        return self._in_flight.when_idle()

    def receive(self, body: bytes, door: Door, outlet: Outlet) -> None:
        """Answer a body, now or later.

        Args:
            body: One message, or a batch.
            door: Where it came from.
            outlet: Where the reply goes, and all that comes before it.
        """
        parsed = parse(body)
        if isinstance(parsed, ProtocolError):
            outlet.reply(refusal(parsed, era_of(parsed, door.headers)))
        elif isinstance(parsed, Batch):
            self._batch(parsed, door, outlet)
        elif era_of(parsed, door.headers) is Era.MODERN:
            self._modern(parsed, door, outlet)
        else:
            self._handshake(parsed, door, outlet)

    # --- the eras ----------------------------------------------------------------

    def _modern(self, message: Message, door: Door, outlet: Outlet) -> None:
        if isinstance(message, Request):
            opened = self._engines.modern.open(message, door.headers)
            self._go_on(opened, door, door.conversation, outlet)
            return
        problem = notification_problem(message, door.headers)
        if problem is None:
            # Over HTTP there is no conversation, and ids that clients choose must not
            # reach each other's calls.
            self._notified(message, door.conversation)
        # HTTP has a status for it; a line would be an answer to what is owed none.
        if problem is None or door.headers is None:
            outlet.reply(ACCEPTED)
        else:
            outlet.reply(refusal(problem, Era.MODERN))

    def _handshake(self, message: Message, door: Door, outlet: Outlet) -> None:
        if isinstance(message, Request) and message.method == "initialize":
            self._initialize(message, door, outlet)
            return
        conversation = door.find_conversation()
        if isinstance(conversation, Reply):
            outlet.reply(conversation)
        else:
            self._in_conversation(message, door, conversation, outlet)

    def _in_conversation(
        self,
        message: Message,
        door: Door,
        conversation: Conversation | None,
        outlet: Outlet,
    ) -> None:
        if not isinstance(message, Request):
            self._notified(message, conversation)
            outlet.reply(ACCEPTED)
            return
        opened = self._engines.handshake.open(message, door.peer_of(conversation))
        self._go_on(opened, door, conversation, outlet)

    def _initialize(self, request: Request, door: Door, outlet: Outlet) -> None:
        opened = self._engines.handshake.open(request, door.peer_of(None))
        if isinstance(opened, Reply) and opened.opens is not None:
            opened = door.opened(opened, opened.opens)
        self._go_on(opened, door, None, outlet)

    def _batch(self, batch: Batch, door: Door, outlet: Outlet) -> None:
        """S0326/basic/index, Batching; no other version has it."""
        named = handshake_version(door.headers)
        # A modern request's session id means nothing, so the version goes first.
        conversation = None if _has_no_batches(named) else door.find_conversation()
        if isinstance(conversation, Reply):
            outlet.reply(conversation)
            return
        if _has_no_batches(named or door.peer_of(conversation).version):
            outlet.reply(
                refusal(_invalid("batches are of version 2025-03-26 only", None))
            )
            return
        parts = BatchOutlet(outlet)
        for item in batch.items:
            self._batched(item, door, conversation, parts.part())
        parts.close()

    def _batched(
        self,
        item: Message | ProtocolError,
        door: Door,
        conversation: Conversation | None,
        part: Outlet,
    ) -> None:
        if isinstance(item, ProtocolError):
            part.reply(refusal(item))
        elif era_of(item, None) is Era.MODERN:
            part.reply(refusal(_invalid("this version has no batches", item)))
        elif isinstance(item, Request) and item.method == "initialize":
            part.reply(refusal(_invalid("initialize must stand alone", item)))
        else:
            self._in_conversation(item, door, conversation, part)

    def _notified(self, message: Message, conversation: Conversation | None) -> None:
        """What is owed no answer."""
        if conversation is None:
            return
        if isinstance(message, ClientResponse):
            conversation.answered(message)
        elif (
            isinstance(message, Notification)
            and message.method == "notifications/cancelled"
        ):
            conversation.cancel(message.params.get("requestId"))

    # --- the work ----------------------------------------------------------------

    def _go_on(
        self,
        opened: Reply | Call,
        door: Door,
        conversation: Conversation | None,
        outlet: Outlet,
    ) -> None:
        if isinstance(opened, Reply):
            outlet.reply(opened)
            return
        match opened.asked:
            case ListenAsked() as asked:
                self._subscriptions.open(
                    opened, asked, conversation, outlet, door.principal
                )
            case LevelSet(level):
                if conversation is not None:
                    conversation.log_level = level
                outlet.reply(self._engines.writer.returned(opened, Done()))
            case SubscriptionSet() as asked:
                done = _subscribe(asked, conversation)
                outlet.reply(self._engines.writer.returned(opened, done))
            case _:
                call = ActiveCall(opened, outlet, conversation, self._default_level)
                Deferred.fromCoroutine(self._serve(call, door))

    async def _serve(self, active: ActiveCall, door: Door) -> None:
        call = active.call
        if self._log.writes(Level.DEBUG) and isinstance(call.asked, ToolCalled):
            names = sorted(call.asked.arguments)
            self._log.debug("tool_call", tool=call.asked.name, arguments=names)
        context = CallContext(
            principal=door.principal,
            plain_rpc=door.plain_rpc,
            caller=active,
            trace=call.trace or header_trace(door.headers),
            tasks=self._may_be_task(call),
        )
        self._in_flight.began()
        try:
            returned = await self._application.serve(call.asked, context)
            reply = self._engines.writer.returned(call, returned)
        except Exception:
            self._log.failure("call_failed", Failure(), asked=type(call.asked).__name__)
            reply = self._engines.writer.failed(call)
        try:
            active.reply(reply)
        except Exception:
            self._log.failure("reply_failed", Failure())
        finally:
            self._in_flight.ended()

    def _may_be_task(self, call: Call) -> bool:
        """TASK, Capability Negotiation: what this very request declares counts."""
        return (
            self._tasks
            and call.era is Era.MODERN
            and isinstance(call.asked, ToolCalled)
            and declares_tasks(call.peer.capabilities)
        )


def _has_no_batches(version: str | None) -> bool:
    return version not in (None, _BATCH_VERSION)


def _subscribe(asked: SubscriptionSet, conversation: Conversation | None) -> Returned:
    """S25/server/resources, Subscriptions."""
    if conversation is None:
        return Refused(
            code=INVALID_REQUEST,
            message="Invalid request: only a session can subscribe",
        )
    wanted = conversation.subscriptions
    if not asked.on:
        wanted.discard(asked.uri)
    elif asked.uri not in wanted and len(wanted) >= MAX_SUBSCRIPTIONS:
        return Refused(
            code=INVALID_REQUEST,
            message=(
                f"Invalid request: {len(wanted)} subscriptions in this session, at "
                f"most {MAX_SUBSCRIPTIONS}"
            ),
        )
    else:
        wanted.add(asked.uri)
    return Done()


def _invalid(why: str, message: Message | None) -> ProtocolError:
    return ProtocolError(
        code=INVALID_REQUEST,
        message=f"Invalid request: {why}",
        id=message.id if isinstance(message, Request) else None,
    )
