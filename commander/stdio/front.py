"""The server's side of standard input and output as one object.

The server lives as long as its client: it ends when the client closes its end, or
when the client's process is gone. The second is looked for as well, because a
process that the client started can hold the pipe open after the client's death.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred, succeed
from twisted.internet.stdio import StandardIO

from commander.alarm import Alarm
from commander.reactors import ICommanderReactor
from commander.stdio.descriptors import Wire
from commander.stdio.transport import LineProtocol

__all__ = ["StdioFront"]

_PARENT_SECONDS: Final = 2.0
"""How often it is looked whether the client's process is still there."""


class StdioFront:
    """Answers the one client that is there.

    Args:
        reactor: Reads and writes the wire.
        alarm: The one timer of this object; owned by it from now on.
        protocol: Answers lines.
        wire: Owned by this object from now on.
        parent: Asks for the parent's process id.
    """

    def __init__(
        self,
        *,
        reactor: ICommanderReactor,
        alarm: Alarm,
        protocol: LineProtocol,
        wire: Wire,
        parent: Callable[[], int] = os.getppid,
    ) -> None:
        self._reactor = reactor
        self._alarm = alarm
        self._protocol = protocol
        self._wire = wire
        self._parent = parent
        self._first_parent = parent()
        self._transport: StandardIO | None = None
        self._tell: Callable[[str], None] | None = None

    address: Any = "stdio"

    def open(self) -> None:
        """Nothing: the wire was open when the process began."""

    def start(self, gone: Callable[[str], None]) -> None:
        """Serve the wire; ``gone`` is called once, with the reason."""
        self._tell = gone
        self._protocol.ended.addCallback(
            lambda _: self._gone("the client closed its end")
        )
        self._transport = StandardIO(  # type: ignore[call-arg]  # mypy takes Windows' own
            self._protocol,
            stdin=self._wire.reading,
            stdout=self._wire.writing,
            reactor=self._reactor,
        )
        self._alarm.set(_PARENT_SECONDS, self._look_for_parent)

    def when_idle(self) -> Deferred[None]:
        """Fires when no request is being answered, at once if that is so now."""
        return self._protocol.when_idle()

    def close(self) -> Deferred[None]:
        """Send what is left to send and give the wire back."""
        self._alarm.cancel()
        if self._transport is None:
            self._wire.restore()
            return succeed(None)
        self._protocol.close()
        closed = self._protocol.closed.addCallback(lambda _: self._wire.restore())
        self._transport.loseConnection()
        return closed

    def _look_for_parent(self) -> None:
        if self._parent() != self._first_parent:
            self._gone("the client's process is gone")
        else:
            self._alarm.set(_PARENT_SECONDS, self._look_for_parent)

    def _gone(self, reason: str) -> None:
        tell, self._tell = self._tell, None
        if tell is not None:
            tell(reason)
