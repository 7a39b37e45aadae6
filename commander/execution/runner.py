"""The one way from a request to a process.

Policy, slot, start, wait, audit: in this order, for every caller. Tools do not
reach the executor by any other way, so no command runs unchecked or unrecorded.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final

import attrs
from twisted.internet.defer import Deferred, succeed

from commander.cancellation import Cancellation
from commander.commands import Busy, Cancelled, CommandRequest, Outcome, StartFailed
from commander.execution.admission import Admission, Slot
from commander.execution.executor import Executor
from commander.execution.refusals import Refusals
from commander.execution.report import Receiver
from commander.execution.running import RunningCommand
from commander.execution.sandbox import NO_SANDBOX
from commander.execution.shell_state import ShellState
from commander.interfaces import AuditedCommand, CommandAudit
from commander.policy.checker import Approved, Denied, PolicyChecker
from commander.principals import Principal

__all__ = ["Aside", "CommandRunner", "new_command_id"]

_ID_BYTES: Final = 8
_QUICK_CHARACTERS: Final = 2048
"""A decision about a command of this length takes some milliseconds at the most;
about a longer one up to some hundred."""

Verdict = Approved | Denied
Aside = Callable[[Callable[[], Verdict]], Deferred[Verdict]]
"""Calls something where it holds nobody up, and brings its answer back."""


def _at_once(decide: Callable[[], Verdict]) -> Deferred[Verdict]:
    return succeed(decide())


def new_command_id() -> str:
    """An id of letters only: digits could match the operator's log queries."""
    digits_to_letters = str.maketrans("0123456789", "ghijklmnop")
    return secrets.token_hex(_ID_BYTES).translate(digits_to_letters)


class CommandRunner:
    """Runs requests and answers with what became of them.

    Args:
        checker: Decides what may run.
        admission: Gives out slots.
        executor: Starts processes.
        audit: Records every request.
        aside: Where decisions about long commands are made.
    """

    def __init__(
        self,
        *,
        checker: PolicyChecker,
        admission: Admission,
        executor: Executor,
        audit: CommandAudit,
        aside: Aside = _at_once,
        refusals: Refusals | None = None,
    ) -> None:
        self._checker = checker
        self._admission = admission
        self._executor = executor
        self._audit = audit
        self._aside = aside
        self._refusals = refusals or Refusals(NO_SANDBOX)

    async def check(self, request: CommandRequest, principal: Principal) -> Verdict:
        """What ``run`` would decide; nothing runs and nothing is recorded."""
        return await self._decide(self._resolved(request), principal)

    async def run(
        self,
        request: CommandRequest,
        principal: Principal,
        *,
        cancellation: Cancellation | None = None,
        started: Callable[[RunningCommand], None] | None = None,
        report: Receiver | None = None,
        shell_state: ShellState | None = None,
    ) -> Outcome | Denied | Busy | Cancelled | StartFailed:
        """Check, start and wait for one command.

        It runs to its end whoever stops waiting for the answer. Requests that are
        Denied, Busy or Cancelled started nothing.

        Args:
            request: What to run.
            principal: For whom.
            cancellation: If it is cancelled a place in the queue is given up at once,
                and a command that runs is ended as at its timeout; the answer is how
                it did end.
            started: Called once, right after the start, with a command whose output
                can be followed; its process may still fail to start. Must not raise.
            report: Gets what the command wrote to its descriptor 3, as of ``Executor``.
            shell_state: Of the shell that it goes on, as of ``Executor``.
        """
        request = self._resolved(request)
        command = AuditedCommand(
            id=new_command_id(), request=request, principal=principal
        )
        verdict = await self._decide(request, principal)
        if isinstance(verdict, Denied):
            self._audit.refused(command, rule_id=verdict.rule_id, reason=verdict.reason)
            return verdict
        slot = await self._admission.acquire(principal, cancellation)
        if isinstance(slot, Busy):
            self._audit.busy(command, slot)
            return slot
        if isinstance(slot, Cancelled):
            self._audit.cancelled(command, slot)
            return slot
        try:
            self._audit.started(command)
            running = self._start(command, verdict, report, shell_state)
            if isinstance(running, StartFailed):
                return running
            if started is not None:
                started(running)
            ended = await _ended(running, cancellation)
            return self._recorded(command, ended, slot)
        finally:
            slot.release()

    def directory_of(self, request: CommandRequest) -> str:
        """Where a command would run, as an absolute path."""
        return self._executor.directory_of(request)

    def _resolved(self, request: CommandRequest) -> CommandRequest:
        """With its real directory: what a relative path means depends on it."""
        directory = self._executor.directory_of(request)
        if directory == request.working_directory:
            return request
        return attrs.evolve(request, working_directory=directory)

    async def _decide(self, request: CommandRequest, principal: Principal) -> Verdict:
        if len(request.command) <= _QUICK_CHARACTERS:
            return self._checker.check(request, principal)
        return await self._aside(lambda: self._checker.check(request, principal))

    def _recorded(
        self, command: AuditedCommand, ended: Outcome | StartFailed, slot: Slot
    ) -> Outcome | StartFailed:
        """What became of it, as it is told and as it is recorded."""
        if isinstance(ended, StartFailed):
            self._audit.failed(command, ended)
            return ended
        outcome = self._refusals.told(
            attrs.evolve(ended, queued_seconds=slot.queued_seconds),
            command.request.working_directory or "/",
        )
        self._audit.ended(command, outcome)
        return outcome

    def _start(
        self,
        command: AuditedCommand,
        approved: Approved,
        report: Receiver | None,
        shell_state: ShellState | None,
    ) -> RunningCommand | StartFailed:
        """Start, and record a start that failed, by our own fault too."""
        try:
            running = self._executor.start(
                approved, command.id, report=report, shell_state=shell_state
            )
        except BaseException:
            fault = StartFailed(reason="internal error: see the server's log")
            self._audit.failed(command, fault)
            raise
        if isinstance(running, StartFailed):
            self._audit.failed(command, running)
        return running


async def _ended(
    running: RunningCommand, cancellation: Cancellation | None
) -> Outcome | StartFailed:
    """What becomes of it; until then it can be cancelled."""
    if cancellation is None:
        return await running.finished
    cancellation.on_cancel(running.cancel)
    try:
        return await running.finished
    finally:
        cancellation.forget(running.cancel)
