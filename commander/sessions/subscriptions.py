"""The streams of ``subscriptions/listen`` (S26/basic/patterns/subscriptions).

One lasts until its client leaves, or cancels it on standard input, or the server ends.
One that names tasks is acknowledged when it is known which of them its client has.
"""

from __future__ import annotations

from typing import Final

import attrs
from twisted.internet.defer import Deferred

from commander.mcp import notifications
from commander.mcp.events import Call, ListenAsked, Refused, Reply
from commander.mcp.jsonrpc import INVALID_REQUEST
from commander.mcp.results import ReplyWriter
from commander.principals import Principal
from commander.sessions.application import Application
from commander.sessions.conversation import Conversation
from commander.sessions.listening import ChangeHub, Listener
from commander.sessions.task_teller import TaskTeller
from commander.sessions.task_views import TaskView
from commander.sessions.wires import Outlet
from commander.sessions.wishes import Wishes
from commander.telemetry.logging import StructuredLog

__all__ = ["MAX_LISTENING", "Subscriptions"]

MAX_LISTENING: Final = 1000
"""Subscriptions at once; each is a connection, or a line's worth of memory."""


class Subscriptions:
    """Opens subscriptions, and ends those that are left.

    Args:
        hub: Tells them what changed.
        writer: Writes their end.
        application: Has the tasks that they are told of.
        log: For faults of our own.
    """

    def __init__(
        self,
        hub: ChangeHub,
        writer: ReplyWriter,
        application: Application,
        log: StructuredLog,
    ) -> None:
        self._hub = hub
        self._writer = writer
        self._application = application
        self._log = log
        self._open: dict[_Subscription, None] = {}

    def __len__(self) -> int:
        """Subscriptions there are."""
        return len(self._open)

    def open(
        self,
        call: Call,
        asked: ListenAsked,
        conversation: Conversation | None,
        outlet: Outlet,
        principal: Principal,
    ) -> None:
        """Acknowledge a subscription, and tell it what it asked for.

        Args:
            call: The request for it.
            asked: What it wants to hear of.
            conversation: That it belongs to; None if nothing is known of its client.
            outlet: Where all goes that it hears.
            principal: Whose it is; what is another's is not told to it.
        """
        refusal = self._refusal(call, outlet)
        if refusal is not None:
            outlet.reply(refusal)
            return
        view = TaskView(self._application, call, principal, self._log)
        teller = TaskTeller(view.notification, outlet.notify)
        listener = Listener(
            principal=principal,
            lists=asked.lists,
            resources=Wishes(asked.resources),
            send=outlet.notify,
            subscription=call.id,
            tasks=teller,
        )
        opened = _Subscription(self, call, conversation, outlet, listener)
        self._open[opened] = None
        outlet.begin(None, opened.end)
        Deferred.fromCoroutine(self._begin(opened, asked, view, teller))

    def close(self) -> None:
        """End all gracefully (Graceful Closure; S26/basic/patterns/cancellation)."""
        for opened in tuple(self._open):
            opened.end()
            if opened.acknowledged:
                opened.outlet.notify(notifications.cancelled(opened.call.id))
            opened.outlet.reply(self._writer.listened(opened.call))

    async def _begin(
        self,
        opened: _Subscription,
        asked: ListenAsked,
        view: TaskView,
        teller: TaskTeller,
    ) -> None:
        known = await view.known(asked.tasks)
        if opened.ended:
            return
        honoured = {**asked.honoured, "taskIds": known} if known else asked.honoured
        opened.acknowledged = True
        self._hub.add(opened.listener)
        opened.outlet.notify(notifications.acknowledged(opened.call.id, honoured))
        opened.outlet.follow(opened.listener)
        teller.begin(frozenset(known))

    def _refusal(self, call: Call, outlet: Outlet) -> Reply | None:
        if not outlet.streams:
            status, why = 406, "a subscription needs Accept: text/event-stream"
        elif len(self._open) >= MAX_LISTENING:
            status, why = 503, f"{MAX_LISTENING} subscriptions are open already"
        else:
            return None
        refused = Refused(code=INVALID_REQUEST, message=f"Invalid request: {why}")
        return attrs.evolve(self._writer.returned(call, refused), status=status)

    def ended(self, subscription: _Subscription) -> None:
        """One is over."""
        self._open.pop(subscription, None)
        self._hub.discard(subscription.listener)
        subscription.listener.end()


class _Subscription:
    """One that is open."""

    def __init__(
        self,
        owner: Subscriptions,
        call: Call,
        conversation: Conversation | None,
        outlet: Outlet,
        listener: Listener,
    ) -> None:
        self.call = call
        self.outlet = outlet
        self.listener = listener
        self._owner = owner
        self._conversation = conversation
        self.acknowledged = False
        self.ended = False
        if conversation is not None:
            conversation.began(call.id, self)

    def cancel(self) -> None:
        """The client wants no more of it."""
        self.end()
        self.outlet.abandon()

    def end(self) -> None:
        """Nothing more is told; a second call does nothing."""
        if self.ended:
            return
        self.ended = True
        if self._conversation is not None:
            self._conversation.ended(self.call.id, self)
        self._owner.ended(self)
