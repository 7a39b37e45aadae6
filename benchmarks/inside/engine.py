"""The engine of the real service, without HTTP before it.

The service is made as ``twist commander`` makes it, with all that it does to the
process. What it builds inside is caught while it is built.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine
from typing import Any, Final

import attrs
from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

import commander.command_service
import commander.service
from commander.commands import CommandRequest, Outcome, Stdin
from commander.execution.executor import Executor
from commander.execution.runner import CommandRunner, new_command_id
from commander.execution.running import RunningCommand
from commander.job_service import Jobs, jobs_of
from commander.jobs.job import Job, JobKind
from commander.policy.checker import Approved
from commander.principals import ANONYMOUS
from commander.service import CommanderService, policy_checker
from commander.settings import Settings
from commander.tap import Options, makeService
from commander.tools.job_services import JobServices

__all__ = ["Engine", "reactor", "with_engine"]

reactor: Any = the_reactor
_TIMEOUT_SECONDS: Final = 300.0


@attrs.frozen
class Engine:
    """Runs commands past HTTP, and the policy's answer is always yes."""

    runner: CommandRunner
    executor: Executor
    jobs: JobServices
    service: CommanderService

    async def run(self, command: str) -> Outcome:
        """Through slot and audit, as a client's; the outcome must be a good one."""
        outcome = await self.runner.run(_request(command), ANONYMOUS)
        if not isinstance(outcome, Outcome):
            raise TypeError(outcome)
        return outcome

    def start(self, command: str) -> RunningCommand:
        """Past the slots, to look at a command while it runs."""
        running = self.executor.start(self._approved(command), new_command_id())
        if not isinstance(running, RunningCommand):
            raise TypeError(running)
        return running

    def job(self, command: str, stdin: Stdin = Stdin.EMPTY) -> Job:
        """The way of ``start_command``: a job that has begun and has its handle."""
        request = attrs.evolve(_request(command), stdin=stdin)
        job = Job(ANONYMOUS, request, kind=JobKind(), host=self.jobs.host)
        job.start()
        self.jobs.table.add(job)
        return job

    def _approved(self, command: str) -> Approved:
        checker = policy_checker(Settings(use_default_blocklist=False))
        verdict = checker.check(_request(command), ANONYMOUS)
        if not isinstance(verdict, Approved):
            raise TypeError(verdict)
        return verdict


def _request(command: str) -> CommandRequest:
    return CommandRequest(
        command=command,
        working_directory=os.getcwd(),
        timeout_seconds=_TIMEOUT_SECONDS,
    )


def with_engine(main: Callable[[Engine], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine with an engine; returns when both are over."""
    failures: list[Failure] = []

    async def whole() -> None:
        try:
            await main(engine)
        finally:
            engine.service.hurry()
            await engine.service.stopService()

    def ended(result: object) -> None:
        if isinstance(result, Failure):
            failures.append(result)
        reactor.stop()

    engine = _engine()
    engine.service.startService()
    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(whole()).addBoth(ended))
    reactor.run()
    for failure in failures:
        failure.raiseException()


def _engine() -> Engine:
    caught: dict[str, Any] = {}

    def catching(cls: type[Any]) -> Callable[..., Any]:
        def made(**parts: Any) -> Any:
            caught[cls.__name__] = cls(**parts)
            return caught[cls.__name__]

        return made

    made_by = commander.command_service
    names = ("Executor", "CommandRunner")
    for name in names:
        setattr(made_by, name, catching(getattr(made_by, name)))

    def jobs(*parts: Any) -> Jobs:
        caught["Jobs"] = jobs_of(*parts)
        return caught["Jobs"]

    commander.service.jobs_of = jobs
    os.environ["MCP_AUTH_TOKEN"] = "nobody-comes-here"
    os.environ["MCP_MAX_CONCURRENT"] = os.environ["MCP_MAX_QUEUED"] = "5000"
    os.environ["MCP_SHUTDOWN_GRACE"] = "0"
    options = Options()
    options.parseOptions(
        ["--listen", "tcp:0:interface=127.0.0.1", "--use-default-blocklist=false"]
    )
    service = makeService(options)
    return Engine(
        caught["CommandRunner"], caught["Executor"], caught["Jobs"].services, service
    )
