"""Reading the output of a process from its pipe, or its terminal.

A pipe is read straight into the memory that the protocol names, where it provides
``IBufferedProcessProtocol``; nothing is copied and nothing allocated. Others get
bytes, as from Twisted.

Goals: as fast as ``cat``, and nobody else waits. A pipe holds 64 KiB, and every read
costs a turn of the reactor, so a pipe that is found full is made larger. And
a reader takes at most its share a turn: 256 KiB, divided by the number of readers
that used up theirs the last time. What is left stands in the pipe, which holds up
the writer and no one else.

An event of the reactor may be stale: meant for a descriptor that was closed in the
same turn, and whose number has been given out again. So a hang-up is believed only
when a read confirms it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Callable
from typing import Final

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IProcessProtocol,
    IReactorFDSet,
    IReactorTime,
    IReadDescriptor,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import Interface, implementer

from commander.execution.seams import IBufferedProcessProtocol

__all__ = ["IDescriptorReactor", "PipeReader", "ReadShares"]

SMALL_READ_BYTES: Final = 64 * 1024
"""What a pipe holds unless it was made larger."""
LARGE_READ_BYTES: Final = 256 * 1024
"""More gains little, and the pipes of one user have a common limit of 64 MiB."""
FULL_TURNS: Final = 2
"""So many turns in a row that bring a full small pipe make it a large one."""
TURN_BYTES: Final = 256 * 1024
"""For all readers that flood together, in one turn; takes some 0.1 ms, and a command
beside them has half a dozen turns in its life. Four times as much was read a tenth to
a sixth faster, and held that command up for 6 ms in place of 2."""
LEAST_TURN_BYTES: Final = SMALL_READ_BYTES

_NOTHING: Final = -1

_log: Final = Logger()


class IDescriptorReactor(IReactorFDSet, IReactorTime, Interface):
    """A reactor that watches descriptors and keeps time."""


class ReadShares:
    """How much each reader may take a turn; one object for all that share a reactor.

    Attributes:
        flooding: Readers that used up their share the last time.
    """

    def __init__(self) -> None:
        self.flooding = 0

    def bytes_a_turn(self) -> int:
        """The share of one reader."""
        return max(LEAST_TURN_BYTES, TURN_BYTES // max(1, self.flooding))


@implementer(IReadDescriptor)
class PipeReader:
    """Our end of a pipe that a process writes to.

    Args:
        reactor: Says when there is something to read.
        descriptor: Read from and, in the end, closed here; must not block.
        protocol: Gets the output,
        buffered: or this does, if it is not None: the same object.
        child_descriptor: What the protocol knows the pipe by.
        shares: Bounds each turn.
        ended: Called once after ``start``, whoever closed the pipe; never from
            within ``lose``.
    """

    def __init__(
        self,
        reactor: IDescriptorReactor,
        descriptor: int,
        *,
        protocol: IProcessProtocol,
        buffered: IBufferedProcessProtocol | None,
        child_descriptor: int,
        shares: ReadShares,
        ended: Callable[[int], None],
    ) -> None:
        self._reactor = reactor
        self._descriptor = descriptor
        self._protocol = protocol
        self._child_descriptor = child_descriptor
        self._buffered = buffered
        self._shares = shares
        self._ended = ended
        self._started = False
        self._paused = False
        self._floods = False
        self._read_bytes = SMALL_READ_BYTES
        self._full_turns = 0
        os.set_blocking(descriptor, False)

    # --- the owner's -----------------------------------------------------------

    def start(self) -> None:
        """Read from now on; a pipe that was lost before says so now."""
        self._started = True
        if self._descriptor < 0:
            self._reactor.callLater(0, self._ended, self._child_descriptor)
        elif not self._paused:
            self._reactor.addReader(self)

    def pause(self) -> None:
        """Leave the output in the pipe, which holds up the process once it is full."""
        self._paused = True
        if self._descriptor >= 0:
            self._reactor.removeReader(self)

    def resume(self) -> None:
        """Read on."""
        self._paused = False
        if self._started and self._descriptor >= 0:
            self._reactor.addReader(self)

    def drain(self) -> bool:
        """Take one turn's share of what stands in the pipe; True if that was all."""
        if self._paused or self._descriptor < 0:
            return False
        return self._take_turn(to_the_end=True)

    def lose(self) -> None:
        """Close the pipe; whoever writes to it gets SIGPIPE."""
        if self._descriptor >= 0:
            self.close()
            if self._started:
                self._reactor.callLater(0, self._ended, self._child_descriptor)

    def finish(self) -> None:
        """Close the pipe and say so now, unless it is closed."""
        if self._descriptor >= 0:
            self.close()
            self._ended(self._child_descriptor)

    def close(self) -> None:
        """Close the pipe and tell nobody."""
        if self._descriptor >= 0:
            self._set_flooding(False)
            self._reactor.removeReader(self)
            os.close(self._descriptor)
            self._descriptor = -1

    # --- IReadDescriptor -------------------------------------------------------

    def fileno(self) -> int:
        """The descriptor; -1 once it is closed."""
        return self._descriptor

    def logPrefix(self) -> str:
        """For log lines."""
        return "process"

    def doRead(self) -> None:
        """There is output, or the end of it."""
        if self._take_turn(to_the_end=False):
            self.finish()

    def doWrite(self) -> None:
        """Never for us: the event of a descriptor that had our number before.

        Without this the reactor would take it for a fault, and forget us.
        """

    def connectionLost(self, reason: Failure) -> None:
        """The reactor saw a hang-up and has forgotten us, or it stops."""
        if self._descriptor < 0:
            return
        if not reason.check(ConnectionDone) or self._take_turn(to_the_end=True):
            self.finish()
        elif self._descriptor >= 0 and not self._paused:
            self._reactor.addReader(self)

    # --- own -------------------------------------------------------------------

    def _take_turn(self, *, to_the_end: bool) -> bool:
        """Read one turn's share; True if there is nothing more to come."""
        try:
            return self._read_share(to_the_end)
        except Exception:  # the protocol's: it cannot take more of this stream
            _log.failure("process_output_lost", Failure())
            return True

    def _read_share(self, to_the_end: bool) -> bool:
        left = share = self._shares.bytes_a_turn()
        while left > 0 and not self._paused:
            room, count = self._read(min(self._read_bytes, left))
            if count == 0:
                return True
            left -= max(0, count)
            if self._descriptor < 0:
                return False  # closed from within the protocol
            if count < 0 or (count < room and not to_the_end):
                break  # that was all for now
        self._set_flooding(left <= 0)
        self._widen(share - left)
        return False

    def _read(self, wanted: int) -> tuple[int, int]:
        """Read once; how much would have fitted, and how much it was."""
        if self._buffered is None:
            try:
                data = os.read(self._descriptor, wanted)
            except OSError as error:
                return wanted, _nothing_or_end(error)
            if data:
                self._protocol.childDataReceived(self._child_descriptor, data)
            return wanted, len(data)
        buffers = self._buffered.child_buffers(self._child_descriptor, wanted)
        room = sum(map(len, buffers))
        if not room:
            raise ValueError("a protocol named no room to read to")
        try:
            count = os.readv(self._descriptor, buffers)
        except OSError as error:
            return room, _nothing_or_end(error)
        if count:
            self._buffered.child_buffers_filled(self._child_descriptor, count)
        return room, count

    def _widen(self, taken_bytes: int) -> None:
        """Make the pipe larger when it was full for some turns."""
        self._full_turns = 0 if taken_bytes < SMALL_READ_BYTES else self._full_turns + 1
        if self._full_turns < FULL_TURNS or self._read_bytes == LARGE_READ_BYTES:
            return
        self._read_bytes = LARGE_READ_BYTES
        # It fails if the user's pages for pipes are used up: slower, but it works.
        with contextlib.suppress(OSError):
            fcntl.fcntl(self._descriptor, fcntl.F_SETPIPE_SZ, LARGE_READ_BYTES)

    def _set_flooding(self, floods: bool) -> None:
        if floods is not self._floods:
            self._floods = floods
            self._shares.flooding += 1 if floods else -1


def _nothing_or_end(error: OSError) -> int:
    """What a read that failed brought; a terminal that nobody has open says EIO."""
    if isinstance(error, BlockingIOError):
        return _NOTHING
    if error.errno == errno.EIO:
        return 0
    raise error
