"""The seams between layers, as ``typing.Protocol``.

Only what more than one implementation satisfies, or what a lower layer is handed
at construction, stands here. Twisted's own interfaces are in
``commander.reactors``.
"""

from __future__ import annotations

from typing import Protocol

import attrs

from commander.commands import Busy, Cancelled, CommandRequest, Outcome, StartFailed
from commander.principals import Principal

__all__ = ["AuditedCommand", "CommandAudit", "Monotonic"]


class Monotonic(Protocol):
    """A clock that never goes back, in seconds; its zero has no meaning."""

    def __call__(self) -> float:
        """Seconds since that zero."""


@attrs.frozen(kw_only=True)
class AuditedCommand:
    """The command that a record is about."""

    id: str
    """The same in all records of one command; letters only."""
    request: CommandRequest
    principal: Principal


class CommandAudit(Protocol):
    """Where the story of each command is written down.

    For one command the calls are either one ``refused``, or one ``busy``, or one
    ``cancelled``, or one ``started`` followed by exactly one ``ended`` or ``failed``.
    Implementations never raise: an audit that cannot be written must not end a
    command, it is reported by other means.
    """

    def refused(self, command: AuditedCommand, *, rule_id: str, reason: str) -> None:
        """The policy denied the request."""

    def busy(self, command: AuditedCommand, busy: Busy) -> None:
        """No slot came free in time."""

    def cancelled(self, command: AuditedCommand, cancelled: Cancelled) -> None:
        """The client wanted no result any more; nothing was started."""

    def started(self, command: AuditedCommand) -> None:
        """A slot was granted; the spawn comes next."""

    def ended(self, command: AuditedCommand, outcome: Outcome) -> None:
        """The command ended, in whatever way."""

    def failed(self, command: AuditedCommand, failure: StartFailed) -> None:
        """The spawn failed."""
