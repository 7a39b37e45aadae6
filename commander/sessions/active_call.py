"""One call while it runs: the client's side of it, as tools see it.

What a tool says becomes a notification, if the client asked for such; what the client
says, that it wants no reply any more, becomes a cancellation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail

from commander.cancellation import Cancellation
from commander.mcp import notifications
from commander.mcp.events import Call, Reply
from commander.mcp.inbound import LOG_LEVELS
from commander.mcp.results import NEEDED_CAPABILITIES
from commander.mcp.versions import Era
from commander.sessions.conversation import AskError, Conversation
from commander.sessions.wires import Outlet
from commander.tools.caller import Flow

__all__ = ["ActiveCall"]


class ActiveCall:
    """A ``commander.tools.caller.Caller``.

    Args:
        call: What was asked for.
        outlet: Where its messages go.
        conversation: That it belongs to; None if nothing is known of its client.
        default_level: The log level of a session that named none.
    """

    def __init__(
        self,
        call: Call,
        outlet: Outlet,
        conversation: Conversation | None,
        default_level: str,
    ) -> None:
        self.call = call
        self.cancellation = Cancellation()
        self._outlet = outlet
        self._conversation = conversation
        self._default_level = default_level
        self._progress: float | None = None
        self._over = False
        if conversation is not None:
            conversation.began(call.id, self)
        # Over HTTP a modern client cancels by leaving; one of the handshake era may
        # come back (S26/basic/transports/streamable-http, Cancellation).
        lost = self._lost if call.era is Era.MODERN else None
        outlet.begin(conversation, lost)

    # --- Caller ------------------------------------------------------------------

    @property
    def wants_progress(self) -> bool:
        """Whether ``progress`` reaches the client."""
        return self.call.progress_token is not None and self._outlet.streams

    @property
    def wants_output(self) -> bool:
        """Whether it asked for messages of level ``info`` itself."""
        asked = self._asked_level()
        return asked is not None and _reaches("info", asked) and self._outlet.streams

    def progress(
        self, value: float, message: str = "", total: float | None = None
    ) -> None:
        """S25/basic/utilities/progress: the value must grow."""
        if self._over or not self.wants_progress:
            return
        if self._progress is not None and value <= self._progress:
            return
        self._progress = value
        self._outlet.notify(notifications.progress(self.call, value, message, total))

    def log(self, level: str, logger: str, data: object) -> None:
        """S25/server/utilities/logging: nothing below the client's level."""
        floor = self._asked_level()
        if floor is None and self.call.era is Era.HANDSHAKE:
            floor = self._default_level
        if floor is not None and not self._over and _reaches(level, floor):
            self._outlet.notify(notifications.log_message(level, logger, data))

    def follow(self, flow: Flow | None) -> None:
        """Hold a flow back while the client does not keep up."""
        if flow is None or not self._over:
            self._outlet.follow(flow)

    def ask(
        self, method: str, params: Mapping[str, Any]
    ) -> Deferred[Mapping[str, Any]]:
        """Ask the client something, on this call's own stream.

        Only in a session of the handshake era, and only what its client declared;
        others are asked with ``InputRequired``.
        Fails with ``AskError``, or ``CancelledError`` when the call is cancelled.
        """
        if self._over:
            return fail(CancelledError())
        if (
            self.call.era is Era.MODERN
            or self._conversation is None
            or not self._outlet.streams
        ):
            return fail(AskError("this client cannot be asked"))
        needed = NEEDED_CAPABILITIES.get(method)
        if needed is not None and needed not in self.call.peer.capabilities:
            return fail(AskError(f"this client did not declare {needed}"))
        try:
            question, answer = self._conversation.ask(method, params)
        except AskError as error:
            return fail(error)
        self.cancellation.on_cancel(answer.cancel)
        self._outlet.notify(question)
        return answer

    def close_connection(self) -> None:
        """Let the client come back for what follows, if it is one that can."""
        if not self._over:
            self._outlet.close_connection()

    # --- the other side ----------------------------------------------------------

    def cancel(self) -> None:
        """The client wants no reply: the work is told, and none is sent."""
        if not self._over:
            self._over = True
            self._outlet.abandon()
            self.cancellation.cancel()

    def reply(self, reply: Reply) -> None:
        """The work is done; after ``cancel`` nobody hears of it."""
        self._outlet.follow(None)
        if self._conversation is not None:
            self._conversation.ended(self.call.id, self)
        if not self._over:
            self._over = True
            self._outlet.reply(reply)

    def _lost(self) -> None:
        if not self._over:
            self._over = True
            self.cancellation.cancel()

    def _asked_level(self) -> str | None:
        if self.call.era is Era.MODERN:
            return self.call.log_level
        return None if self._conversation is None else self._conversation.log_level


def _reaches(level: str, floor: str) -> bool:
    return LOG_LEVELS.index(level) >= LOG_LEVELS.index(floor)
