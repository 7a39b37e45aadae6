"""System calls about other processes, with a process that is gone as an answer.

They stand apart from their users so that tests can put a pretend machine in their
place.
"""

from __future__ import annotations

import os
import signal
from typing import Final, Protocol

from commander.execution.tags import read_marks
from commander.execution.tree import Process, ProcFiles

__all__ = ["Kernel", "KernelCalls", "signals_for"]

_ASKING: Final = frozenset(
    {signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT}
)
"""What people ask a process to end with."""


class Kernel(Protocol):
    """What can be asked about processes and done to them."""

    def session(self, pid: int) -> int | None:
        """The session of a process, also of a zombie."""

    def group(self, pid: int) -> int | None:
        """The process group, also of a zombie."""

    def marks(self, pid: int) -> tuple[int, int] | None:
        """The two values that ``tags`` puts on a process, also of a zombie."""

    def is_child(self, pid: int) -> bool:
        """Whether a child of this process has this id, alive or a zombie."""

    def reap(self, pid: int) -> bool:
        """Wait for a child without waiting: whether no child has this id now."""

    def send(self, pid: int, number: int) -> bool:
        """Signal a process whose id cannot have been reused: an own child."""

    def send_group(self, group: int, number: int) -> bool:
        """Signal a group. False if it does not exist (any more)."""

    def send_checked(self, process: Process, number: int) -> bool:
        """Signal a process that was seen before, and nobody who has its id now."""


class KernelCalls:
    """The kernel of this machine.

    Args:
        files: Tells who has an id now.
    """

    def __init__(self, files: ProcFiles | None = None) -> None:
        self._files = files or ProcFiles()

    def session(self, pid: int) -> int | None:
        """One system call; 0.4 us."""
        try:
            return os.getsid(pid)
        except ProcessLookupError:
            return None

    def group(self, pid: int) -> int | None:
        """One system call."""
        try:
            return os.getpgid(pid)
        except ProcessLookupError:
            return None

    def marks(self, pid: int) -> tuple[int, int] | None:
        """One system call for a process of the same user; 0.8 us."""
        return read_marks(pid, self._files)

    def is_child(self, pid: int) -> bool:
        """Look whether it could be waited for; it stays as it is."""
        try:
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return False
        return True

    def reap(self, pid: int) -> bool:
        """Wait for this one child, never for whichever comes."""
        try:
            return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG) is not None
        except ChildProcessError:
            return True

    def send(self, pid: int, number: int) -> bool:
        """Signal by id; another user's process that refuses it exists all the same."""
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True

    def send_group(self, group: int, number: int) -> bool:
        """Signal every member at once, those that are being forked included."""
        try:
            os.killpg(group, number)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True

    def send_checked(self, process: Process, number: int) -> bool:
        """Hold on to whoever has the id, then look who it is, then signal it."""
        try:
            descriptor = os.pidfd_open(process.pid)
        except ProcessLookupError:
            return False
        except OSError:
            # Out of descriptors, or an old kernel: nearly as good without.
            return self._is_still(process) and self.send(process.pid, number)
        try:
            if not self._is_still(process):
                return False
            signal.pidfd_send_signal(descriptor, number)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        finally:
            os.close(descriptor)
        return True

    def _is_still(self, process: Process) -> bool:
        now = self._files.process(process.pid)
        return now is not None and now.started == process.started


def signals_for(number: int) -> tuple[int, ...]:
    """What to send for a signal.

    A stopped process gets what asks it to end only when it is continued. Other signals
    leave it stopped, and one that is to stop it stands alone.
    """
    return (number, signal.SIGCONT) if number in _ASKING else (number,)
