"""The ``ProcessProtocol`` of a command: it only forwards.

Deadlines, kill and accounting live in ``lifecycle``, what is kept of the output in
``commander.output``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol, cast

from twisted.internet.error import ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from commander.execution.seams import (
    IBufferedProcessProtocol,
    IPreparingProcessProtocol,
    ITerminalProcessProtocol,
    TerminalWish,
)

__all__ = ["ChildTransport", "CommandProtocol", "ProcessEvents"]

_STDIN: Final = 0
_NO_WISH: Final = TerminalWish()


class ChildTransport(Protocol):
    """The part of Twisted's process transport that we use.

    ``IProcessTransport`` leaves the process id out, though every transport has it.
    """

    @property
    def pid(self) -> int | None:
        """The process id; None before the start and once the process was reaped."""

    def signalProcess(self, signalID: str | int) -> None:
        """Signal the one process."""

    def loseConnection(self) -> None:
        """Close the pipes."""

    def write(self, data: bytes) -> None:
        """Write to standard input; lost if it is closed."""

    def closeStdin(self) -> None:
        """Close standard input once all was taken; tell a terminal's reader the end."""

    def pauseProducing(self) -> None:
        """Leave the output in the pipes."""

    def resumeProducing(self) -> None:
        """Read on."""


class ProcessEvents(Protocol):
    """Who is told what happens to a process."""

    def process_spawning(self) -> None:
        """It is spawned next, in this thread; the first call of all."""

    def process_spawned(self, pid: int) -> None:
        """It exists; maybe in another thread than the reactor's."""

    def process_started(self, process: ChildTransport) -> None:
        """It runs; the first call in the reactor's thread."""

    def start_failed(self, reason: str, number: int | None = None) -> None:
        """There is no process; the only call then.

        Args:
            reason: In words.
            number: The ``errno``, if there is one.
        """

    def output_buffers(self, stream: int, hint: int) -> Sequence[memoryview]:
        """Where to read the next bytes of a stream to."""

    def output_filled(self, stream: int, count: int) -> None:
        """So many bytes were read to there."""

    def output_received(self, stream: int, data: bytes) -> None:
        """Bytes of a stream, from a transport that brings them itself."""

    def input_closed(self) -> None:
        """Nobody reads what would be written to it; what was not taken is lost."""

    def process_exited(self, exit_code: int | None, signal_number: int | None) -> None:
        """The process ended; its pipes may still hold output."""

    def pipes_closed(self) -> None:
        """The process ended and no writer of its pipes is left."""


@implementer(
    IBufferedProcessProtocol, IPreparingProcessProtocol, ITerminalProcessProtocol
)
class CommandProtocol(ProcessProtocol):
    """Hands Twisted's calls on.

    Some transports look at a new process for us right after the spawn, in the thread
    of the spawn; for those that do not, it is done when the connection is made.

    Args:
        events: Is told.
        terminal: What the process is to have if it is started with one.
    """

    def __init__(
        self, events: ProcessEvents, terminal: TerminalWish | None = None
    ) -> None:
        self.terminal = terminal or _NO_WISH
        self._events = events
        self._spawned = False
        self._connected = False
        self._failure: OSError | None = None

    def child_spawning(self) -> None:
        """The process is spawned next; called in the thread that spawns it."""
        self._events.process_spawning()

    def child_spawned(self, pid: int) -> None:
        """The process exists; called in the thread that spawned it."""
        self._spawned = True
        self._events.process_spawned(pid)

    def connectionMade(self) -> None:
        """The process runs."""
        process = cast("ChildTransport", self.transport)
        if self._spawned or process.pid is None or self._bound(process):
            self._connected = True
            self._events.process_started(process)

    def _bound(self, process: ChildTransport) -> bool:
        """Do to the process what must be done first; end it if that fails."""
        try:
            self.child_spawned(process.pid or 0)
        except OSError as error:
            self._failure = error
            process.signalProcess("KILL")
            process.loseConnection()
            return False
        return True

    def child_buffers(self, descriptor: int, hint: int) -> Sequence[memoryview]:
        """Where the next read of a stream goes to."""
        return self._events.output_buffers(descriptor, hint)

    def child_buffers_filled(self, descriptor: int, count: int) -> None:
        """The read is done."""
        self._events.output_filled(descriptor, count)

    def childDataReceived(
        self,
        childFD: int,
        data: bytes,
    ) -> None:
        """Output, from a transport of Twisted's own."""
        if not self._connected:
            return
        self._events.output_received(childFD, data)

    def childConnectionLost(self, childFD: int) -> None:
        """A pipe was closed; of output the end is told with all else."""
        if childFD == _STDIN and self._connected:
            self._events.input_closed()

    def processExited(self, reason: Failure) -> None:
        """The process was reaped."""
        if not self._connected:
            return
        ending = reason.value
        if isinstance(ending, ProcessTerminated) and ending.signal is not None:
            self._events.process_exited(None, ending.signal)
        else:
            self._events.process_exited(getattr(ending, "exitCode", None), None)

    def processEnded(self, reason: Failure) -> None:
        """All is over, or the process never began."""
        if self._connected:
            self._events.pipes_closed()
        elif self._failure is not None:
            words = self._failure.strerror or self._failure
            reason_words = f"cannot start a process: {words}"
            self._events.start_failed(reason_words, self._failure.errno)
        else:
            number = getattr(reason.value, "number", None)
            self._events.start_failed(str(reason.value), number)
