"""The way down: drain, wait, end, close.

==== =================================== ==========================================
step while it lasts                      it ends when
==== =================================== ==========================================
1    ``/health`` is 503, calls served    ``MCP_DRAIN_DELAY`` is over
2    calls refused with Retry-After      no call is left, or ``MCP_SHUTDOWN_GRACE``
3    TERM, grace, KILL on what runs      every call is answered
4    connections close                   none is left, or one second
==== =================================== ==========================================

A second signal means that somebody waits: it ends step 1 or 2 at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred

from commander.alarm import Alarm
from commander.commands import EndedBy
from commander.execution.admission import Admission
from commander.execution.executor import Executor
from commander.web.drain import Drain, Serving
from commander.web.exchange import Exchange
from commander.web.site import CommanderSite

__all__ = ["Shutdown"]

_CLOSE_SECONDS: Final = 1.0


class Shutdown:
    """Runs the steps, once.

    Args:
        alarm: The one timer of the steps; owned by this object from now on.
        drain: What the routes are told.
        admission: Refuses who waits for a slot.
        executor: Ends what runs.
        exchange: Knows whether a call is left.
        site: Holds the connections.
        delay_seconds: Length of step 1.
        grace_seconds: Longest step 2.
    """

    def __init__(
        self,
        *,
        alarm: Alarm,
        drain: Drain,
        admission: Admission,
        executor: Executor,
        exchange: Exchange,
        site: CommanderSite,
        delay_seconds: float,
        grace_seconds: float,
    ) -> None:
        self._alarm = alarm
        self._drain = drain
        self._admission = admission
        self._executor = executor
        self._exchange = exchange
        self._site = site
        self._delay_seconds = delay_seconds
        self._grace_seconds = grace_seconds
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
        await self._wait_for(self._exchange.when_idle(), self._grace_seconds)
        # From here on a second signal can make nothing faster.
        self._executor.end_all(EndedBy.SERVER_SHUTDOWN)
        await self._exchange.when_idle()
        self._hurried = False
        await self._wait_for(self._site.close_connections(), _CLOSE_SECONDS)

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
