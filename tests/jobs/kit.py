"""Jobs with all that is below them, on a reactor in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from commander.commands import CommandRequest, Stdin
from commander.execution.admission import Admission
from commander.execution.executor import Executor, Start
from commander.execution.runner import CommandRunner
from commander.jobs.handles import Handles
from commander.jobs.job import Job, JobHost, JobKind
from commander.jobs.table import JobTable, Retention
from commander.output.budget import MemoryBudget
from commander.output.kept import KeptOutput
from commander.policy.checker import PolicyChecker
from commander.policy.lists import PolicyLists
from commander.principals import Principal
from commander.seals import Seal
from commander.testing import MemoryAudit, MemoryProcess, ProcessReactor

ANN: Final = Principal("ann")
BOB: Final = Principal("bob")


class Stage:
    """What jobs need, and a table for them.

    Args:
        slots: Commands that run at the same time.
        queued: Commands that may wait for a slot.
        output_bytes: Kept of each stream.
        max_finished: Of the table.
        ttl_seconds: Of the table.
        max_bytes: Of the table.
        shell: The program that runs commands.
    """

    def __init__(
        self,
        *,
        slots: int = 100,
        queued: int = 100,
        output_bytes: int = 1000,
        max_finished: int = 100,
        ttl_seconds: float = 3600.0,
        max_bytes: int = 1_000_000,
        shell: str = "/bin/sh",
    ) -> None:
        self.reactor = ProcessReactor()
        self.budget = MemoryBudget(64 * 1024 * 1024)
        self.executor = Executor(
            spawner=self.reactor,
            start=Start(
                shell=shell,
                shell_arg="-c",
                directory="/usr",
                environ={"HOME": "/root"},
                stdin_descriptor=0,
            ),
            supervision=self.reactor.supervision(
                max_output_bytes=output_bytes, output_budget=self.budget
            ),
        )
        self.checker = PolicyChecker(
            PolicyLists(
                allowed=(), blocked=(), use_default_blocklist=True, allowed_env=()
            )
        )
        runner = CommandRunner(
            checker=self.checker,
            admission=Admission(
                clock=self.reactor,
                monotonic=self.reactor.seconds,
                max_concurrent=slots,
                max_per_principal=slots,
                max_queued=queued,
                max_wait_seconds=30.0,
            ),
            executor=self.executor,
            audit=MemoryAudit(),
        )
        self.host = JobHost(
            runner=runner,
            keep=lambda running: KeptOutput(running.output),
            clock=self.reactor,
            monotonic=self.reactor.seconds,
            wall=lambda: 1_000_000_000.0 + self.reactor.seconds(),
            kill_grace_seconds=5.0,
        )
        self.handles = Handles(Seal(b"key", "job"))
        self.table = JobTable(
            handles=self.handles,
            retention=Retention(
                max_finished=max_finished,
                ttl_seconds=ttl_seconds,
                max_bytes=max_bytes,
            ),
            host=self.host,
        )

    def job(
        self,
        command: str = "make",
        *,
        principal: Principal = ANN,
        env: Mapping[str, str] | None = None,
        stdin: Stdin = Stdin.EMPTY,
        timeout_seconds: float = 600.0,
        **kind: Any,
    ) -> Job:
        """A job that has not begun."""
        request = CommandRequest(
            command=command,
            timeout_seconds=timeout_seconds,
            env=env or {},
            stdin=stdin,
        )
        return Job(principal, request, kind=JobKind(**kind), host=self.host)

    def started(self, command: str = "make", **more: Any) -> Job:
        """A job that is in the table, and has begun."""
        job = self.job(command, **more)
        job.start()
        self.table.add(job)
        return job

    def finished(self, output: bytes = b"", **more: Any) -> Job:
        """A job that is in the table, and has ended."""
        job = self.started(**more)
        self.process.emit(1, output)
        self.process.exit()
        assert job.finished
        return job

    @property
    def process(self) -> MemoryProcess:
        """The one that was started last."""
        return self.reactor.processes[-1]

    @property
    def timers(self) -> Sequence[IDelayedCall]:
        """All that are set."""
        return self.reactor.getDelayedCalls()

    def pump(self, seconds: float, step: float = 0.02) -> None:
        """Let the clock go on in small steps."""
        for _ in range(round(seconds / step)):
            self.reactor.advance(step)


@attrs.define(eq=False)
class Told:
    """A listener that counts."""

    times: int = 0

    def __call__(self, *_: object) -> None:
        self.times += 1


def fired(deferred: Deferred[Any]) -> Told:
    """Counts how often a Deferred has fired; that is never twice."""
    told = Told()
    deferred.addCallback(told)
    return told
