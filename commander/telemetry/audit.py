"""The story of each command, and of each request, in the log.

The words that operators look for stand in these records and in no others:
``CMD_EXEC`` in the one that ends a command, ``blocked`` in the one that refuses it,
a bare ``401`` in the one of a failed login. Output and values of ``env`` are never
logged.
"""

from __future__ import annotations

from typing import Final, Literal

from commander.commands import Busy, Cancelled, Outcome, StartFailed
from commander.durations import format_duration
from commander.interfaces import AuditedCommand
from commander.telemetry.logging import Level, StructuredLog
from commander.telemetry.plain import cut
from commander.telemetry.redaction import loggable_command, mask_secrets

__all__ = ["LogAccess", "LogAudit"]

_UNAUTHORIZED: Final = 401
_TOO_MANY: Final = 429
_MOST_PATH_CHARACTERS: Final = 200
"""Our own paths are short; longer ones are only ever somebody's probe."""


class LogAudit:
    """A ``CommandAudit`` that writes to the log.

    Args:
        log: Where to.
        mode: What to show of a command, as ``MCP_LOG_COMMANDS`` says.
    """

    def __init__(self, log: StructuredLog, mode: str) -> None:
        self._log = log
        self._mode = mode

    def refused(self, command: AuditedCommand, *, rule_id: str, reason: str) -> None:
        """Write ``CMD_REFUSED``, with the word ``blocked``."""
        self._log.warn(
            "CMD_REFUSED",
            "command blocked",
            **self._about(command),
            rule=rule_id,
            reason=self._words(reason),
        )

    def busy(self, command: AuditedCommand, busy: Busy) -> None:
        """Write ``CMD_BUSY``."""
        self._log.warn(
            "CMD_BUSY",
            **self._about(command),
            reason=self._words(busy.reason),
            retry_after_seconds=busy.retry_after_seconds,
        )

    def cancelled(self, command: AuditedCommand, cancelled: Cancelled) -> None:
        """Write ``CMD_CANCELLED``, for a command that was not started."""
        self._log.info(
            "CMD_CANCELLED",
            **self._about(command),
            queued=round(cancelled.queued_seconds, 3),
        )

    def started(self, command: AuditedCommand) -> None:
        """Write ``CMD_START``."""
        self._log.info("CMD_START", **self._about(command))

    def ended(self, command: AuditedCommand, outcome: Outcome) -> None:
        """Write ``CMD_EXEC`` for a command that ran; times are in seconds."""
        self._log.info(
            "CMD_EXEC",
            **self._about(command),
            exit_code=-1 if outcome.exit_code is None else outcome.exit_code,
            signal=outcome.signal,
            ended_by=outcome.ended_by,
            duration=round(outcome.duration_seconds, 3),
            queued=round(outcome.queued_seconds, 3),
            stdout_bytes=outcome.stdout.total_bytes,
            stderr_bytes=outcome.stderr.total_bytes,
            background_processes=outcome.background_processes or None,
        )

    def failed(self, command: AuditedCommand, failure: StartFailed) -> None:
        """Write ``CMD_EXEC`` for a command that could not be started."""
        self._log.info(
            "CMD_EXEC",
            **self._about(command),
            status="failed_to_start",
            error=self._words(failure.reason),
            exit_code=-1,
            ended_by="failed_to_start",
            duration=0.0,
            queued=0.0,
            stdout_bytes=0,
            stderr_bytes=0,
        )

    def _about(self, command: AuditedCommand) -> dict[str, object]:
        request = command.request
        return {
            "id": command.id,
            "principal": command.principal.name,
            "command": loggable_command(request.command, self._mode),
            "directory": request.working_directory,
            "timeout": format_duration(request.timeout_seconds),
            "trace_id": None if request.trace is None else request.trace.trace_id,
        }

    def _words(self, text: str) -> str:
        """A reason, which may quote the command."""
        return text if self._mode == "full" else mask_secrets(text)


class LogAccess:
    """Writes who asked for what over HTTP."""

    def __init__(self, log: StructuredLog) -> None:
        self._log = log

    @property
    def writes_requests(self) -> bool:
        """Whether ``request`` writes anything."""
        return self._log.writes(Level.ACCESS)

    def login_failed(
        self,
        peer: str,
        *,
        reason: Literal["missing", "invalid", "expired"],
        principal: str | None = None,
    ) -> None:
        """Write the one record of a request without a valid token.

        Args:
            peer: Address without port: ports may hold the digits of the status.
            reason: What was wrong with the token.
            principal: Whose token has expired.
        """
        whose = {} if principal is None else {"principal": principal}
        self._log.warn(
            "auth_failed", status=_UNAUTHORIZED, peer=peer, reason=reason, **whose
        )

    def logins_failed(self, count: int, *, most_from: str, seconds: float) -> None:
        """Write the one record of many such requests, found by the same query.

        Args:
            count: Those without a record of their own.
            most_from: The address that sent most of them.
            seconds: The time in which they came, at most.
        """
        self._log.warn(
            "auth_failed",
            status=_UNAUTHORIZED,
            peer=most_from,
            reason="too_many",
            count=count,
            seconds=seconds,
        )

    def connection_refused(self, peer: str, *, limit: int) -> None:
        """Write that a connection was closed because there are too many."""
        self._log.warn("connection_refused", peer=peer, MCP_MAX_CONNECTIONS=limit)

    def request(
        self,
        *,
        peer: str,
        method: str,
        path: str,
        status: int,
        sent_bytes: int,
        duration_seconds: float,
    ) -> None:
        """Write one answered request, at level access.

        The query of ``path`` is left out: people put tokens there. A failed login, 401
        or 429, is left out as well: it has the one record that there is to be.
        """
        if status in (_UNAUTHORIZED, _TOO_MANY):
            return
        self._log.access(
            "http_request",
            method=method,
            path=cut(path.partition("?")[0], _MOST_PATH_CHARACTERS),
            status=status,
            bytes=sent_bytes,
            duration=round(duration_seconds, 3),
            peer=peer,
        )
