"""The way down: drain, wait, end, close.

==== =================================== ==========================================
step while it lasts                      it ends when
==== =================================== ==========================================
1    ``/health`` is 503, calls served    ``MCP_DRAIN_DELAY`` is over
2    calls refused with Retry-After      no call is left and no command runs, or
                                         ``MCP_SHUTDOWN_GRACE``
3    TERM, grace, KILL on what runs      nothing runs, and every call is answered
4    connections close                   none is left, or one second
==== =================================== ==========================================

From step 1 on each answer is the last on its connection, so that there are hardly any
to be closed in step 4, when a request may be on its way.

A second signal means that somebody waits: it ends step 1 or 2 at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred, gatherResults

from commander.alarm import Alarm
from commander.commands import EndedBy
from commander.execution.admission import Admission
from commander.execution.executor import Executor
from commander.web.drain import Drain, Serving

__all__ = ["Front", "Shutdown"]

_CLOSE_SECONDS: Final = 1.0


class Front(Protocol):
    """The side of the server that clients see: HTTP, or standard input and output."""

    @property
    def address(self) -> Any:
        """Where it can be reached; None while it cannot."""

    def open(self) -> None:
        """Take the address; ``StartError`` if that is not possible."""

    def start(self, gone: Callable[[str], None]) -> None:
        """Serve; ``gone`` is called once if there is nobody left to serve."""

    def when_idle(self) -> Deferred[None]:
        """Fires when no call is being answered, at once if that is so now."""

    def close(self) -> Deferred[None]:
        """End all connections after what is written was sent; fires then."""


class Shutdown:
    """Runs the steps, once.

    Args:
        alarm: The one timer of the steps; owned by this object from now on.
        drain: What the routes are told.
        admission: Refuses who waits for a slot.
        executor: Ends what runs.
        front: Knows whether a call is left, and holds the connections.
        delay_seconds: Length of step 1.
        grace_seconds: Longest step 2.
        kill_grace_seconds: From TERM to KILL in step 3.
    """

    def __init__(
        self,
        *,
        alarm: Alarm,
        drain: Drain,
        admission: Admission,
        executor: Executor,
        front: Front,
        delay_seconds: float,
        grace_seconds: float,
        kill_grace_seconds: float,
    ) -> None:
        self._alarm = alarm
        self._drain = drain
        self._admission = admission
        self._executor = executor
        self._front = front
        self._delay_seconds = delay_seconds
        self._grace_seconds = grace_seconds
        self._kill_grace_seconds = kill_grace_seconds
        self._hurried = False
        self._go_on: Callable[[], None] | None = None

    def hurry(self) -> None:
        """Do not wait for commands any longer; may be called at any time."""
        self._hurried = True
        if self._go_on is not None:
            self._go_on()

    async def run(self) -> None:
        """All four steps; nothing that a command started is left afterwards."""
        self._drain.serving = Serving.LEAVING
        if self._delay_seconds:
            await self._wait_for(Deferred(), self._delay_seconds)
        self._drain.serving = Serving.NO
        self._admission.close()
        await self._wait_for(self._nothing_left(), self._grace_seconds)
        # From here on a second signal can make nothing faster.
        self._executor.end_all(EndedBy.SERVER_SHUTDOWN, self._kill_grace_seconds)
        await self._nothing_left()
        self._hurried = False
        await self._wait_for(self._front.close(), _CLOSE_SECONDS)

    def _nothing_left(self) -> Deferred[None]:
        """Fires when no call is being answered and no command runs: not even a job."""
        both = gatherResults([self._front.when_idle(), self._executor.when_idle()])
        return both.addCallback(lambda _: None)

    async def _wait_for(self, event: Deferred[None], seconds: float) -> None:
        """Until the event, the time, or ``hurry``, whichever comes first."""
        waited: Deferred[None] = Deferred()

        def go_on(_: object = None) -> None:
            if not waited.called:
                self._alarm.cancel()
                waited.callback(None)

        self._alarm.set(seconds, go_on)
        self._go_on = go_on
        event.addCallback(go_on)
        if self._hurried:
            go_on()
        await waited
        self._go_on = None
