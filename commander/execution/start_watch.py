"""Whether this machine has what it takes to start one more process."""

from __future__ import annotations

import errno
from typing import Final

from commander.commands import Busy, Cancelled, Outcome, StartFailed
from commander.interfaces import AuditedCommand, Monotonic

__all__ = ["FAILING_SECONDS", "StartWatch", "is_exhaustion"]

FAILING_SECONDS: Final = 15.0
"""How long one failure counts. Whoever is sent elsewhere for it brings no command that
could show that all is well again, so it must be forgotten some time."""
_EXHAUSTED: Final = frozenset({errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOMEM})


def is_exhaustion(number: int | None) -> bool:
    """Whether an errno says that processes, descriptors or memory are used up."""
    return number in _EXHAUSTED


class StartWatch:
    """A ``CommandAudit`` that remembers the last start which failed for want of those.

    Args:
        monotonic: Measures how long ago it was.
    """

    def __init__(self, monotonic: Monotonic) -> None:
        self._monotonic = monotonic
        self._failed_at: float | None = None

    @property
    def failing(self) -> bool:
        """Whether the next start is likely to fail, as far as anybody knows."""
        if self._failed_at is None:
            return False
        return self._monotonic() - self._failed_at < FAILING_SECONDS

    def refused(self, command: AuditedCommand, *, rule_id: str, reason: str) -> None:
        """Nothing was tried."""

    def busy(self, command: AuditedCommand, busy: Busy) -> None:
        """Nothing was tried."""

    def cancelled(self, command: AuditedCommand, cancelled: Cancelled) -> None:
        """Nothing was tried."""

    def started(self, command: AuditedCommand) -> None:
        """It is tried next."""

    def ended(self, command: AuditedCommand, outcome: Outcome) -> None:
        """It did start."""
        self._failed_at = None

    def failed(self, command: AuditedCommand, failure: StartFailed) -> None:
        """It did not; that a shell or a directory is missing is another matter."""
        if failure.exhausted:
            self._failed_at = self._monotonic()
