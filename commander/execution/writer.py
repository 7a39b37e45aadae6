"""Writing to the standard input of a process, a pipe or a terminal."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import termios
from collections.abc import Callable
from typing import Final

from twisted.internet.abstract import FileDescriptor
from twisted.internet.fdesc import writeToFD
from twisted.internet.main import CONNECTION_LOST
from twisted.python.failure import Failure

from commander.execution.reader import IDescriptorReactor
from commander.execution.terminal import Terminal

__all__ = ["PipeWriter", "TerminalWriter", "pending_bytes"]

STDIN: Final = 0


def pending_bytes(writer: FileDescriptor) -> int:
    """What was written and not read at the other end of a pipe; one system call."""
    return _unsent_bytes(writer) + _readable_bytes(writer.fileno())


def _unsent_bytes(writer: FileDescriptor) -> int:
    kept: int = len(writer.dataBuffer) - writer.offset + writer._tempDataLen
    return kept


def _readable_bytes(descriptor: int) -> int:
    if descriptor < 0:
        return 0
    found = bytes(4)
    with contextlib.suppress(OSError):  # a terminal that was hung up
        found = fcntl.ioctl(descriptor, termios.FIONREAD, found)
    (count,) = struct.unpack("i", found)
    return int(count)


class PipeWriter(FileDescriptor):
    """Our end of the pipe that a process reads as its standard input.

    What the process does not take is kept in memory. Who writes much registers as a
    producer, as with every transport of Twisted, and is paused at 64 KiB.

    Args:
        reactor: Says when there is room in the pipe.
        descriptor: Written to and, in the end, closed here; must not block.
        ended: Called once after ``start``, whoever closed the pipe; never from
            within ``lose``.
    """

    connected = True

    def __init__(
        self,
        reactor: IDescriptorReactor,
        descriptor: int,
        *,
        ended: Callable[[int], None],
    ) -> None:
        super().__init__(reactor)
        self._descriptor = descriptor
        self._ended = ended
        self._started = False
        self._reactor = reactor
        os.set_blocking(descriptor, False)

    @property
    def pending_bytes(self) -> int:
        """What was written and the process has not read; 0 once the pipe is closed."""
        return 0 if self._descriptor < 0 else pending_bytes(self)

    def start(self) -> None:
        """The process runs; a pipe that was lost before says so now."""
        self._started = True
        if self._descriptor < 0:
            self._reactor.callLater(0, self._ended, STDIN)
        elif not self.disconnecting:
            # A pipe to write to is never readable, but the reactor tells who reads
            # that the other end was closed.
            self.startReading()

    def lose(self) -> None:
        """Close the pipe once all that was written went out."""
        self.loseConnection()

    def abort(self) -> None:
        """Close the pipe now; what was written and not taken is thrown away."""
        if self._descriptor >= 0:
            self.close()
            if self._started:
                self._reactor.callLater(0, self._ended, STDIN)

    def finish(self) -> None:
        """Close the pipe and say so now, unless it is closed."""
        if self._descriptor >= 0:
            self.close()
            self._ended(STDIN)

    def close(self) -> None:
        """Close the pipe and tell nobody."""
        if self._descriptor >= 0:
            try:
                super().connectionLost(Failure(CONNECTION_LOST))
            finally:  # it calls the producer
                os.close(self._descriptor)
                self._descriptor = -1

    def fileno(self) -> int:
        """The descriptor; -1 once it is closed."""
        return self._descriptor

    def writeSomeData(self, data: bytes) -> int | BaseException:
        """Write what the pipe takes."""
        written: int | BaseException = writeToFD(self._descriptor, data)
        return written

    def doRead(self) -> None:
        """Never for us: the event of a descriptor that had our number before."""

    def connectionLost(self, reason: Failure) -> None:
        """Nobody reads any more, or all is written and the pipe is to be closed."""
        if self._descriptor >= 0:
            self.close()
            if self._started:
                self._ended(STDIN)


class TerminalWriter(PipeWriter):
    """The master of a terminal, as a descriptor of its own to write to.

    Args:
        reactor: Says when the terminal takes more.
        descriptor: As for a pipe.
        terminal: Tells what its programs have not read.
        ended: As for a pipe.
    """

    def __init__(
        self,
        reactor: IDescriptorReactor,
        descriptor: int,
        *,
        terminal: Terminal,
        ended: Callable[[int], None],
    ) -> None:
        super().__init__(reactor, descriptor, ended=ended)
        self._terminal = terminal

    @property
    def pending_bytes(self) -> int:
        """What was written and not read; of a line that has not ended nothing."""
        if self._descriptor < 0:
            return 0
        return _unsent_bytes(self) + _readable_bytes(self._terminal.fileno())

    def lose(self) -> None:
        """Close nothing: write what ends the input of who reads it now."""
        self.write(self._terminal.end_of_file())

    def startReading(self) -> None:
        """Never: what comes is for the one that reads the terminal."""
