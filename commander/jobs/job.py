"""One job: a command that can outlive the call that started it.

A job begins with its request and passes through three phases, in one direction only:

======== ==================================== ====================================
phase    what there is                        it ends when
======== ==================================== ====================================
QUEUED   the request                          the command is started, or refused
RUNNING  the command, its output              nothing of the command is left
FINISHED how it ended, its output             the table forgets the job
======== ==================================== ====================================

Whoever waits is told of each change, and reads what it wants then; see ``waiting``.
"""

from __future__ import annotations

import enum
import sys
from collections.abc import Callable, Mapping
from typing import Final

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from commander.alarm import Alarm
from commander.cancellation import Cancellation
from commander.commands import (
    Busy,
    Cancelled,
    CommandRequest,
    EndedBy,
    Outcome,
    OutputWindow,
    StartFailed,
)
from commander.execution.report import Receiver
from commander.execution.runner import CommandRunner
from commander.execution.running import RunningCommand
from commander.execution.shell_state import ShellState
from commander.interfaces import Monotonic
from commander.output.kept import KeptOutput
from commander.policy.checker import Denied
from commander.principals import Principal

__all__ = ["Ended", "Job", "JobHost", "JobKind", "JobPhase", "ReadTo"]

Ended = Outcome | Denied | Busy | Cancelled | StartFailed
"""What a job can come to; only an ``Outcome`` had a process."""

_FAULT: Final = StartFailed(reason="internal error: see the server's log")

_OVER: Final = Cancellation()
"""Of all jobs that have finished: there is nothing to end."""

_NO_ENV: Final[Mapping[str, str]] = {}
"""Of all jobs that are kept; never written to."""

_NO_OUTPUT: Final = OutputWindow()

_NOBODY: Final[dict[Callable[[], None], None]] = {}
"""Listens to jobs that have finished; never written to."""

_log: Final = Logger()


class JobPhase(enum.Enum):
    """Where a job is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"


@attrs.frozen(kw_only=True)
class JobHost:
    """What all jobs live by."""

    runner: CommandRunner
    """The only way to a process."""
    keep: Callable[[RunningCommand], KeptOutput]
    """Where the output of a command that starts is kept, and given up again."""

    clock: IReactorTime
    """Where timers are made."""
    monotonic: Monotonic
    """Measures durations."""
    wall: Callable[[], float]
    """Seconds since 1970, for people."""
    kill_grace_seconds: float
    """From TERM to KILL."""


@attrs.frozen(kw_only=True)
class JobKind:
    """What a job is beside its command."""

    label: str = ""
    """The client's own word for it."""
    first_input: bytes = b""
    """Written to its standard input as soon as it has started."""
    ends_input: bool = False
    """Whether that is all of its input."""
    idle_timeout_seconds: float | None = None
    """Ended when it printed nothing for so long; None for never."""
    report: Receiver | None = None
    """Gets what the command wrote to its descriptor 3."""
    shell_state: ShellState | None = None
    """Of the shell that it goes on."""


@attrs.define
class ReadTo:
    """Cursors of the three streams that output is read as."""

    both: int = 0
    stdout: int = 0
    stderr: int = 0


_PLAIN: Final = JobKind()
"""Of all finished jobs that were nothing more."""


class Job:
    """A command, its output and its ending.

    Args:
        principal: Whose it is.
        request: What to run.
        kind: The rest.
        host: What jobs live by.
    """

    # Many are kept that have finished.
    __slots__ = (
        "_cancellation",
        "_host",
        "_idle",
        "_listeners",
        "_sealed",
        "created_at",
        "ended",
        "ended_at",
        "handle",
        "input_at",
        "kept",
        "kept_bytes",
        "kind",
        "phase",
        "principal",
        "read_to",
        "request",
        "running",
        "secrets",
    )

    def __init__(
        self,
        principal: Principal,
        request: CommandRequest,
        *,
        kind: JobKind,
        host: JobHost,
    ) -> None:
        self.handle = ""
        """Its name, once it is in the table."""
        self.principal: Final = principal
        directory = host.runner.directory_of(request)
        self.request = attrs.evolve(request, working_directory=directory)
        """With its real directory; once it has started, without its ``env``."""
        self.kind = kind
        """Without its input, once that is written."""
        self.phase = JobPhase.QUEUED
        self.created_at: Final = host.wall()
        """Seconds since 1970."""
        self.running: RunningCommand | None = None
        """As long as it runs."""
        self.kept: KeptOutput | None = None
        """Its output, from the start on; closed when the job is forgotten."""
        self.ended: Ended | None = None
        """How it ended. Once it is sealed, an ``Outcome`` carries counts of the output,
        and no bytes."""
        self.ended_at: float | None = None
        """By the monotonic clock."""
        self.kept_bytes = 0
        """What its output takes in memory now that it has finished."""
        self.read_to = ReadTo()
        """Where its reader stopped."""
        self.input_at = float("-inf")
        """When it was written to last, by the monotonic clock."""
        self.secrets: list[str] = []
        """What its client typed in secret: shown nowhere, whoever prints it."""
        self._sealed = False
        self._host = host
        self._cancellation = Cancellation()
        self._idle: Alarm | None = None
        self._listeners: dict[Callable[[], None], None] = {}

    # --- its life ----------------------------------------------------------------

    def start(self) -> None:
        """Have it run; called once. What becomes of it is told to the listeners."""
        Deferred.fromCoroutine(self._run())

    async def _run(self) -> None:
        try:
            ended: Ended = await self._host.runner.run(
                self.request,
                self.principal,
                cancellation=self._cancellation,
                started=self._started,
                report=self.kind.report,
                shell_state=self.kind.shell_state,
            )
        except Exception:
            _log.failure("job_failed", Failure())
            ended = _FAULT
        self._finish(ended)

    def _started(self, running: RunningCommand) -> None:
        running.keep_output()
        self.running = running
        self.kept = self._host.keep(running)
        self.phase = JobPhase.RUNNING
        self.write(self.kind.first_input, ends=self.kind.ends_input)
        self._drop_secrets()
        if self.kind.idle_timeout_seconds is not None:
            self._idle = Alarm(self._host.clock, self._host.monotonic)
            self._idle.set(self.kind.idle_timeout_seconds, self._look_idle)
        self._changed()

    def write(self, data: bytes, *, ends: bool = False) -> None:
        """Write to its standard input; lost if it does not run.

        Args:
            data: May be empty.
            ends: Whether the input ends then.
        """
        if self.running is None:
            return
        self.input_at = self._host.monotonic()
        if data:
            self.running.write_input(data)
        if ends:
            self.running.close_input()

    def _finish(self, ended: Ended) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        self.running = None
        self._drop_secrets()
        self.phase = JobPhase.FINISHED
        self.ended = ended
        self.ended_at = self._host.monotonic()
        self._cancellation = _OVER
        self._changed()
        # What is over does not change any more.
        self._listeners = _NOBODY

    def _drop_secrets(self) -> None:
        """Forget what may be secret or long, and what nobody needs any more."""
        if self.request.env:
            self.request = attrs.evolve(self.request, env=_NO_ENV)
        if self.kind.first_input:
            self.kind = attrs.evolve(self.kind, first_input=b"")

    def _look_idle(self) -> None:
        limit = self.kind.idle_timeout_seconds
        if self.running is None or self._idle is None or limit is None:
            return
        rest = self.running.last_output_at + limit - self._host.monotonic()
        if rest > 0:
            self._idle.set(rest, self._look_idle)
        else:
            grace = self._host.kill_grace_seconds
            self.running.end(EndedBy.IDLE_TIMEOUT, grace)

    # --- what its owner does -------------------------------------------------------

    @property
    def finished(self) -> bool:
        """Whether nothing of it runs any more."""
        return self.phase is JobPhase.FINISHED

    @property
    def total_bytes(self) -> int:
        """Bytes that it has printed on both streams; the merged cursor behind them."""
        return 0 if self.kept is None else self.kept.output.total_bytes

    @property
    def idle_seconds(self) -> float:
        """How long nothing has been printed by what runs; else zero."""
        if self.running is None:
            return 0.0
        return max(0.0, self._host.monotonic() - self.running.last_output_at)

    @property
    def run_seconds(self) -> float:
        """How long it has run, or did."""
        if self.running is not None:
            return self._host.monotonic() - self.running.started_at
        return self.ended.duration_seconds if isinstance(self.ended, Outcome) else 0.0

    def cancel(self) -> None:
        """End it, or give up its place in the queue."""
        self._cancellation.cancel()

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call back after each change of phase; does nothing once it has finished.

        Args:
            listener: Must not raise.
        """
        if not self.finished:
            self._listeners[listener] = None

    def forget(self, listener: Callable[[], None]) -> None:
        """Do not call back any more; does nothing for one that is not known."""
        self._listeners.pop(listener, None)

    def windows(self) -> tuple[OutputWindow, OutputWindow]:
        """The beginning and the end of its standard output, and of its error."""
        if isinstance(self.ended, Outcome) and not self._sealed:
            return self.ended.stdout, self.ended.stderr
        if self.kept is None:
            return OutputWindow(), OutputWindow()
        output = self.kept.output
        return output.stdout.window(), output.stderr.window()

    def seal(self) -> None:
        """Keep its output in as little memory as it takes; the job must have finished.

        A second call does nothing.
        """
        if self._sealed or self.ended is None:
            return
        if self.kept is not None:
            self.kept.seal()
            self.kept_bytes = self.kept.kept_bytes
        self._sealed = True
        self.ended = _light(self.ended)
        # Most jobs have the same of these.
        directory = sys.intern(self.request.working_directory or "/")
        self.request = attrs.evolve(
            self.request, env=_NO_ENV, working_directory=directory
        )
        if self.kind == _PLAIN:
            self.kind = _PLAIN

    def close(self) -> None:
        """Give back what its output takes; the job must have finished."""
        if self.kept is not None:
            self.kept.close()

    def _changed(self) -> None:
        for listener in tuple(self._listeners):
            listener()


def _light(ended: Ended) -> Ended:
    """Without the copies of the output, which the job has itself."""
    if not isinstance(ended, Outcome):
        return ended
    return attrs.evolve(
        ended, stdout=_counts(ended.stdout), stderr=_counts(ended.stderr)
    )


def _counts(window: OutputWindow) -> OutputWindow:
    if not window.total_bytes:
        return _NO_OUTPUT
    return OutputWindow(
        total_bytes=window.total_bytes,
        omitted_bytes=window.omitted_bytes,
        omitted_lines=window.omitted_lines,
    )
