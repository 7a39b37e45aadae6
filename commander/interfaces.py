"""The seams between layers, as ``typing.Protocol``.

Only what more than one implementation satisfies, or what a lower layer is handed
at construction, stands here. Twisted's own interfaces are in
``commander.reactors``.
"""

from __future__ import annotations

from typing import Protocol

from commander.commands import Busy, CommandRequest, Outcome, StartFailed
from commander.principals import Principal

__all__ = ["CommandAudit", "Monotonic"]


class Monotonic(Protocol):
    """A clock that never goes back, in seconds; its zero has no meaning."""

    def __call__(self) -> float:
        """Seconds since that zero."""


class CommandAudit(Protocol):
    """Where the story of each command is written down.

    For one command id the calls are either one ``refused``, or one ``busy``, or
    one ``started`` followed by exactly one ``ended`` or ``failed``.
    Implementations never raise: an audit that cannot be written must not end a
    command, it is reported by other means.
    """

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

    def busy(
        self,
        command_id: str,
        request: CommandRequest,
        principal: Principal,
        busy: Busy,
    ) -> None:
        """No slot came free in time."""

    def started(
        self, command_id: str, request: CommandRequest, principal: Principal
    ) -> None:
        """A slot was granted; the spawn comes next."""

    def ended(
        self,
        command_id: str,
        request: CommandRequest,
        principal: Principal,
        outcome: Outcome,
    ) -> None:
        """The command ended, in whatever way."""

    def failed(
        self,
        command_id: str,
        request: CommandRequest,
        principal: Principal,
        failure: StartFailed,
    ) -> None:
        """The spawn failed."""
