"""An audit that remembers."""

from __future__ import annotations

import attrs

from commander.commands import Busy, CommandRequest, Outcome, StartFailed
from commander.principals import Principal

__all__ = ["AuditEntry", "MemoryAudit"]


@attrs.frozen(kw_only=True)
class AuditEntry:
    """One call of the audit."""

    kind: str
    """The method's name: refused, busy, started, ended or failed."""
    command_id: str
    request: CommandRequest
    principal: Principal
    detail: object = None
    """The reason, ``Busy``, ``Outcome`` or ``StartFailed``."""


class MemoryAudit:
    """Implements ``CommandAudit``; ``entries`` holds what was written, in order."""

    def __init__(self) -> None:
        self.entries: list[AuditEntry] = []

    @property
    def kinds(self) -> list[str]:
        """The kinds of all entries, in order."""
        return [entry.kind for entry in self.entries]

    def refused(
        self,
        command_id: str,
        request: CommandRequest,
        principal: Principal,
        *,
        rule_id: str,
        reason: str,
    ) -> None:
        """The policy denied the request."""
        self._add("refused", command_id, request, principal, f"{rule_id}: {reason}")

    def busy(
        self,
        command_id: str,
        request: CommandRequest,
        principal: Principal,
        busy: Busy,
    ) -> None:
        """No slot came free in time."""
        self._add("busy", command_id, request, principal, busy)

    def started(
        self, command_id: str, request: CommandRequest, principal: Principal
    ) -> None:
        """A slot was granted."""
        self._add("started", command_id, request, principal)

    def ended(
        self,
        command_id: str,
        request: CommandRequest,
        principal: Principal,
        outcome: Outcome,
    ) -> None:
        """The command ended."""
        self._add("ended", command_id, request, principal, outcome)

    def failed(
        self,
        command_id: str,
        request: CommandRequest,
        principal: Principal,
        failure: StartFailed,
    ) -> None:
        """The spawn failed."""
        self._add("failed", command_id, request, principal, failure)

    def _add(
        self,
        kind: str,
        command_id: str,
        request: CommandRequest,
        principal: Principal,
        detail: object = None,
    ) -> None:
        self.entries.append(
            AuditEntry(
                kind=kind,
                command_id=command_id,
                request=request,
                principal=principal,
                detail=detail,
            )
        )
