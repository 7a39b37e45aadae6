"""An audit that remembers."""

from __future__ import annotations

import attrs

from commander.commands import Busy, Cancelled, Outcome, StartFailed
from commander.interfaces import AuditedCommand

__all__ = ["AuditEntry", "MemoryAudit"]


@attrs.frozen(kw_only=True)
class AuditEntry:
    """One call of the audit."""

    kind: str
    """The method's name: refused, busy, cancelled, started, ended or failed."""
    command: AuditedCommand
    detail: object = None
    """The reason, ``Busy``, ``Cancelled``, ``Outcome`` or ``StartFailed``."""


class MemoryAudit:
    """Implements ``CommandAudit``; ``entries`` holds what was written, in order."""

    def __init__(self) -> None:
        self.entries: list[AuditEntry] = []

    @property
    def kinds(self) -> list[str]:
        """The kinds of all entries, in order."""
        return [entry.kind for entry in self.entries]

    def refused(self, command: AuditedCommand, *, rule_id: str, reason: str) -> None:
        """The policy denied the request."""
        self._add("refused", command, f"{rule_id}: {reason}")

    def busy(self, command: AuditedCommand, busy: Busy) -> None:
        """No slot came free in time."""
        self._add("busy", command, busy)

    def cancelled(self, command: AuditedCommand, cancelled: Cancelled) -> None:
        """The client wanted no result any more."""
        self._add("cancelled", command, cancelled)

    def started(self, command: AuditedCommand) -> None:
        """A slot was granted."""
        self._add("started", command)

    def ended(self, command: AuditedCommand, outcome: Outcome) -> None:
        """The command ended."""
        self._add("ended", command, outcome)

    def failed(self, command: AuditedCommand, failure: StartFailed) -> None:
        """The spawn failed."""
        self._add("failed", command, failure)

    def _add(self, kind: str, command: AuditedCommand, detail: object = None) -> None:
        self.entries.append(AuditEntry(kind=kind, command=command, detail=detail))
