"""An audit that counts, and one that tells several."""

from __future__ import annotations

from commander.commands import Busy, Cancelled, EndedBy, Outcome, StartFailed
from commander.interfaces import AuditedCommand, CommandAudit
from commander.telemetry.meters import FAILED_TO_START, Meters

__all__ = ["Audits", "CountingAudit"]


class Audits:
    """A ``CommandAudit`` that hands everything on to several.

    Args:
        audits: Are told in this order.
    """

    def __init__(self, *audits: CommandAudit) -> None:
        self._audits = audits

    def refused(self, command: AuditedCommand, *, rule_id: str, reason: str) -> None:
        """The policy denied the request."""
        for audit in self._audits:
            audit.refused(command, rule_id=rule_id, reason=reason)

    def busy(self, command: AuditedCommand, busy: Busy) -> None:
        """No slot came free in time."""
        for audit in self._audits:
            audit.busy(command, busy)

    def cancelled(self, command: AuditedCommand, cancelled: Cancelled) -> None:
        """Nothing was started."""
        for audit in self._audits:
            audit.cancelled(command, cancelled)

    def started(self, command: AuditedCommand) -> None:
        """A slot was granted."""
        for audit in self._audits:
            audit.started(command)

    def ended(self, command: AuditedCommand, outcome: Outcome) -> None:
        """The command ended."""
        for audit in self._audits:
            audit.ended(command, outcome)

    def failed(self, command: AuditedCommand, failure: StartFailed) -> None:
        """The spawn failed."""
        for audit in self._audits:
            audit.failed(command, failure)


class CountingAudit:
    """A ``CommandAudit`` that counts.

    Args:
        meters: Where.
    """

    def __init__(self, meters: Meters) -> None:
        self._meters = meters

    def refused(self, command: AuditedCommand, *, rule_id: str, reason: str) -> None:
        """Count it by its rule."""
        self._meters.refused.add(rule_id)

    def busy(self, command: AuditedCommand, busy: Busy) -> None:
        """Count it."""
        self._meters.busy.add()

    def cancelled(self, command: AuditedCommand, cancelled: Cancelled) -> None:
        """Count it."""
        self._meters.cancelled.add()

    def started(self, command: AuditedCommand) -> None:
        """What runs is not counted but asked for."""

    def ended(self, command: AuditedCommand, outcome: Outcome) -> None:
        """Count how it ended, how long it took and what it wrote."""
        meters = self._meters
        good = outcome.exit_code == 0 and outcome.ended_by is EndedBy.EXIT
        meters.commands.add(outcome.ended_by.value, "false" if good else "true")
        meters.command_seconds.observe(outcome.duration_seconds)
        meters.wait_seconds.observe(outcome.queued_seconds)
        meters.output_bytes.add("stdout", amount=outcome.stdout.total_bytes)
        meters.output_bytes.add("stderr", amount=outcome.stderr.total_bytes)

    def failed(self, command: AuditedCommand, failure: StartFailed) -> None:
        """Count it."""
        self._meters.commands.add(FAILED_TO_START, "true")
