"""The ``ProcessProtocol`` of a command: it only forwards.

Deadlines, kill and accounting live in ``lifecycle``, what is kept of the output in
``commander.output``.
"""

from __future__ import annotations

from typing import Protocol, cast

from twisted.internet.error import ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

__all__ = ["ChildTransport", "CommandProtocol", "ProcessEvents"]


class ChildTransport(Protocol):
    """The part of Twisted's process transport that we use.

    ``IProcessTransport`` leaves the process id out, though every transport has it.
    """

    @property
    def pid(self) -> int | None:
        """The process id; None once the process was reaped."""

    def signalProcess(self, signalID: str | int) -> None:  # noqa: N803 - Twisted's
        """Signal the one process."""

    def loseConnection(self) -> None:
        """Close the pipes."""


class ProcessEvents(Protocol):
    """Who is told what happens to a process."""

    def process_started(self, process: ChildTransport) -> None:
        """The process runs; comes first, and before ``spawnProcess`` returns."""

    def stdout_received(self, data: bytes) -> None:
        """A chunk of standard output."""

    def stderr_received(self, data: bytes) -> None:
        """A chunk of standard error."""

    def process_exited(self, exit_code: int | None, signal_number: int | None) -> None:
        """The process ended; its pipes may still hold output."""

    def pipes_closed(self) -> None:
        """The process ended and no writer of its pipes is left."""


class CommandProtocol(ProcessProtocol):
    """Hands Twisted's calls on; holds no state of its own."""

    def __init__(self, events: ProcessEvents) -> None:
        self._events = events

    def connectionMade(self) -> None:
        """The process was spawned."""
        self._events.process_started(cast("ChildTransport", self.transport))

    def outReceived(self, data: bytes) -> None:
        """Standard output."""
        self._events.stdout_received(data)

    def errReceived(self, data: bytes) -> None:
        """Standard error."""
        self._events.stderr_received(data)

    def processExited(self, reason: Failure) -> None:
        """The process was reaped."""
        ending = reason.value
        if isinstance(ending, ProcessTerminated) and ending.signal is not None:
            self._events.process_exited(None, ending.signal)
        else:
            self._events.process_exited(getattr(ending, "exitCode", None), None)

    def processEnded(self, reason: Failure) -> None:
        """The process was reaped and all its pipes are closed."""
        self._events.pipes_closed()
