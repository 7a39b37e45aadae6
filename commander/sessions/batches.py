"""Batches of 2025-03-26: several messages in, one array of replies out.

S0326/basic/index, Batching. Each request of a batch has an outlet of its own, in front
of the one that the whole batch has.
"""

from __future__ import annotations

from collections.abc import Callable

from commander.mcp.events import Reply
from commander.mcp.results import ACCEPTED
from commander.sessions.conversation import Conversation
from commander.sessions.wires import Outlet
from commander.tools.caller import Flow

__all__ = ["BatchOutlet"]

_OK = 200


class BatchOutlet:
    """Collects the replies of a batch; ``part`` for each message, then ``close``.

    Args:
        outlet: Of the whole.
    """

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self._bodies: list[bytes] = []
        self._open = 1
        self._begun = False
        self._flows = _Flows()

    def part(self) -> Outlet:
        """The outlet of the next message."""
        self._open += 1
        return _Part(self._outlet, self._flows, self.begin, self._ended)

    def close(self) -> None:
        """No message follows."""
        self._ended(b"")

    def begin(self, conversation: Conversation | None) -> None:
        """The whole takes time as soon as a part does."""
        if not self._begun:
            self._begun = True
            self._outlet.begin(conversation, None)
            self._outlet.follow(self._flows)

    def _ended(self, body: bytes) -> None:
        if body:
            self._bodies.append(body)
        self._open -= 1
        if self._open:
            return
        if self._bodies:
            whole = b"[" + b",".join(self._bodies) + b"]"
            self._outlet.reply(Reply(status=_OK, body=whole))
        elif self._begun:
            self._outlet.abandon()  # every call of it was cancelled
        else:
            self._outlet.reply(ACCEPTED)


class _Flows:
    """All flows of a batch, held back together."""

    def __init__(self) -> None:
        self.flows: dict[Flow, None] = {}
        self.paused = False

    def pause(self) -> None:
        self.paused = True
        for flow in tuple(self.flows):
            flow.pause()

    def resume(self) -> None:
        self.paused = False
        for flow in tuple(self.flows):
            flow.resume()


class _Part:
    """The outlet of one message of a batch."""

    def __init__(
        self,
        whole: Outlet,
        flows: _Flows,
        begin: Callable[[Conversation | None], None],
        ended: Callable[[bytes], None],
    ) -> None:
        self._whole = whole
        self._flows = flows
        self._begin = begin
        self._ended = ended
        self._flow: Flow | None = None

    @property
    def streams(self) -> bool:
        return self._whole.streams

    def begin(
        self, conversation: Conversation | None, lost: Callable[[], None] | None
    ) -> None:
        self._begin(conversation)

    def notify(self, message: bytes) -> None:
        self._whole.notify(message)

    def follow(self, flow: Flow | None) -> None:
        if self._flow is not None:
            del self._flows.flows[self._flow]
        self._flow = flow
        if flow is not None:
            self._flows.flows[flow] = None
            if self._flows.paused:
                flow.pause()

    def close_connection(self) -> None:
        """Nothing: clients of the version that has batches would not come back."""

    def reply(self, reply: Reply) -> None:
        self._ended(reply.body)

    def abandon(self) -> None:
        self._ended(b"")
