"""The streams of ``subscriptions/listen`` (S26/basic/patterns/subscriptions).

One lasts until its client leaves, or cancels it on standard input, or the server ends.
"""

from __future__ import annotations

from typing import Final

import attrs

from commander.mcp import notifications
from commander.mcp.events import Call, ListenAsked, Refused, Reply
from commander.mcp.jsonrpc import INVALID_REQUEST
from commander.mcp.results import ReplyWriter
from commander.sessions.conversation import Conversation
from commander.sessions.listening import ChangeHub, Listener
from commander.sessions.wires import Outlet

__all__ = ["MAX_LISTENING", "Subscriptions"]

MAX_LISTENING: Final = 1000
"""Subscriptions at once; each is a connection, or a line's worth of memory."""


class Subscriptions:
    """Opens subscriptions, and ends those that are left.

    Args:
        hub: Tells them what changed.
        writer: Writes their end.
    """

    def __init__(self, hub: ChangeHub, writer: ReplyWriter) -> None:
        self._hub = hub
        self._writer = writer
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
    ) -> None:
        """Acknowledge a subscription, and tell it what it asked for."""
        refusal = self._refusal(call, outlet)
        if refusal is not None:
            outlet.reply(refusal)
            return
        listener = Listener(
            lists=asked.lists,
            resources=frozenset(asked.resources),
            send=outlet.notify,
            subscription=call.id,
        )
        opened = _Subscription(self, call, conversation, outlet, listener)
        self._open[opened] = None
        self._hub.add(listener)
        outlet.begin(None, opened.end)
        outlet.notify(notifications.acknowledged(call.id, asked.honoured))
        outlet.follow(listener)

    def close(self) -> None:
        """End all gracefully (Graceful Closure; S26/basic/patterns/cancellation)."""
        for opened in tuple(self._open):
            opened.end()
            opened.outlet.notify(notifications.cancelled(opened.call.id))
            opened.outlet.reply(self._writer.listened(opened.call))

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
        self._ended = False
        if conversation is not None:
            conversation.began(call.id, self)

    def cancel(self) -> None:
        """The client wants no more of it."""
        self.end()
        self.outlet.abandon()

    def end(self) -> None:
        """Nothing more is told; a second call does nothing."""
        if self._ended:
            return
        self._ended = True
        if self._conversation is not None:
            self._conversation.ended(self.call.id, self)
        self._owner.ended(self)
