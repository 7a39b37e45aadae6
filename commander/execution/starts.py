"""One start of a process: the spawn, and what becomes of it when something fails."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
from typing import Final

import attrs
from twisted.logger import Logger
from twisted.python.failure import Failure

from commander.execution.descriptors import ChildDescriptors
from commander.execution.native import Prepared
from commander.execution.seams import IPreparingProcessProtocol
from commander.execution.transport import SpawnedProcess, SpawnFailed

__all__ = ["Start"]

_CANNOT: Final = "cannot start a process"
_TOO_MANY: Final = (
    "no more processes can be made: the limit of the container, or of the user, is "
    "reached"
)
_ABOUT_NO_PATH: Final = (
    errno.E2BIG,
    errno.EAGAIN,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
)

_log: Final = Logger()


@attrs.define(eq=False, kw_only=True)
class Start:
    """One start on its way."""

    process: SpawnedProcess
    prepared: Prepared
    descriptors: ChildDescriptors
    subject: tuple[bytes, bytes | None]
    """Program and directory, for the words of a failure."""
    preparing: IPreparingProcessProtocol | None
    pid: int = 0
    pidfd: int = -1
    error: SpawnFailed | None = None

    def spawn(self) -> None:
        """Start the process; in a thread of the spawner."""
        if self.process.unwanted:
            self.error = SpawnFailed(errno.ECANCELED, "killed before it began")
            return
        try:
            if self.preparing is not None:
                self.preparing.child_spawning()
            self.pid = self.prepared.spawn()
        except Exception as error:
            self.error = _refusal(error, *self.subject)
            return
        try:
            self.pidfd = os.pidfd_open(self.pid)
            if self.preparing is not None:
                self.preparing.child_spawned(self.pid)
        except Exception as error:
            self.error = _setup_failure(error)
            self.undo()

    def undo(self) -> None:
        """End a process that nobody will hear of."""
        if self.pid:
            with contextlib.suppress(OSError):
                # It leads its group, and nobody reaped it: the id is nobody else's.
                os.killpg(self.pid, signal.SIGKILL)
                os.waitid(os.P_PID, self.pid, os.WEXITED)
            self.pid = 0
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1

    def settle(self) -> None:
        """Tell the transport; in the reactor's thread."""
        self.prepared.release()
        self.descriptors.close_theirs()
        if self.error is None:
            self.process.started(self.pid, self.pidfd)
            return
        if self.error.__cause__ is not None:
            _log.failure("process_setup_failed", Failure(self.error.__cause__))
        self.process.failed(self.error)

    def abandon(self, error: SpawnFailed) -> None:
        """Give up a start that a thread is stuck in or before, and may yet come to."""
        # What was prepared may be in use, so it is not released.
        self.descriptors.close_theirs()
        self.process.failed(error)


def _refusal(error: Exception, program: bytes, directory: bytes | None) -> SpawnFailed:
    """What the kernel said, and about what: it does not tell which path it means."""
    if not isinstance(error, OSError):
        return _setup_failure(error)
    words = _TOO_MANY if error.errno == errno.EAGAIN else error.strerror
    if error.errno not in _ABOUT_NO_PATH:
        enters = directory is None or _can_enter(directory)
        words = f"{os.fsdecode(program if enters else directory or b'')}: {words}"
    return SpawnFailed(error.errno or 0, f"{_CANNOT}: {words}")


def _can_enter(directory: bytes) -> bool:
    return os.path.isdir(directory) and os.access(directory, os.X_OK)


def _setup_failure(error: Exception) -> SpawnFailed:
    """It was ended because what must be done to it first could not be done."""
    if isinstance(error, OSError):
        words = error.strerror or str(error)
        return SpawnFailed(error.errno or errno.EIO, f"{_CANNOT}: {words}")
    failed = SpawnFailed(errno.ECANCELED, f"{_CANNOT}: internal error")
    failed.__cause__ = error
    return failed
