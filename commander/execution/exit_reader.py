"""Seeing the end of a process, whatever the number of processes and without SIGCHLD.

What is seen is told between two turns of the reactor, and not within one. Whoever is
told closes the pipes of the process, of which the turn may have events as well; a
connection that is accepted in it could get the number of one of them, and with it the
hang-up that was meant for the pipe.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Final

from twisted.internet.error import (
    ConnectionDone,
    ProcessDone,
    ProcessExitedAlready,
    ProcessTerminated,
)
from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from commander.execution.reader import IDescriptorReactor

__all__ = ["ExitReader"]

_SIGNALLED: Final = (os.CLD_KILLED, os.CLD_DUMPED)
_CORE_DUMPED: Final = 0x80


@implementer(IReadDescriptor)
class ExitReader:
    """Waits for the end of one process, and reaps it.

    Args:
        reactor: Says when the descriptor is readable: the process is a zombie then.
        pidfd: Of a child of ours; closed here in the end.
        exited: Called once, with how it ended; never from within a turn.
    """

    def __init__(
        self,
        reactor: IDescriptorReactor,
        pidfd: int,
        exited: Callable[[ProcessDone | ProcessTerminated], None],
    ) -> None:
        self._reactor = reactor
        self._pidfd = pidfd
        self._exited = exited
        self._seen = False
        reactor.addReader(self)

    def signal(self, number: int) -> None:
        """Signal the process; never another that has its id by now.

        Raises:
            ProcessExitedAlready: It is gone.
            OSError: It refuses.
        """
        if self._pidfd < 0:
            raise ProcessExitedAlready
        try:
            signal.pidfd_send_signal(self._pidfd, number)
        except ProcessLookupError:
            raise ProcessExitedAlready from None

    def fileno(self) -> int:
        """The descriptor; -1 once it is closed."""
        return self._pidfd

    def logPrefix(self) -> str:
        """For log lines."""
        return "process"

    def doRead(self) -> None:
        """It ended, unless the event was meant for somebody else."""
        if self._seen:  # the next turn came first: the clock was set back
            self._look()
        else:
            self._seen = True
            self._reactor.callLater(0, self._look)

    def doWrite(self) -> None:
        """Never for us: the event of a descriptor that had our number before.

        Without this the reactor would take it for a fault, and forget us.
        """

    def connectionLost(self, reason: Failure) -> None:
        """The reactor has forgotten us: it stops, or takes us for somebody else."""
        if self._pidfd < 0:
            return
        if not reason.check(ConnectionDone):
            self._close()
            return
        self._reactor.addReader(self)
        self.doRead()

    def _look(self) -> None:
        self._seen = False
        ending = None if self._pidfd < 0 else self._reap()
        if ending is not None:
            self._close()
            self._exited(ending)

    def _reap(self) -> ProcessDone | ProcessTerminated | None:
        try:
            found = os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOHANG)
        except ChildProcessError:  # somebody else reaped it: we shall never know
            return ProcessTerminated()
        if found is None:
            return None
        number = found.si_status
        if found.si_code in _SIGNALLED:
            dumped = _CORE_DUMPED if found.si_code == os.CLD_DUMPED else 0
            return ProcessTerminated(None, number, number | dumped)
        status = number << 8
        return ProcessTerminated(number, None, status) if number else ProcessDone(0)

    def _close(self) -> None:
        self._reactor.removeReader(self)
        os.close(self._pidfd)
        self._pidfd = -1
