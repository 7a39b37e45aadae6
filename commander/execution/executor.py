"""Starting approved commands as processes.

The executor owns every running command until it has ended. It takes an
``Approved``, which only the policy can make, and never decides about text itself.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import cast

import attrs
from twisted.internet.interfaces import IReactorProcess

from commander.commands import CommandRequest, EndedBy, StartFailed
from commander.execution.checks import directory_problem, shell_problem, size_problem
from commander.execution.environment import (
    child_environment,
    command_environment,
    trace_environment,
)
from commander.execution.limits import ResourceLimit
from commander.execution.protocol import ChildTransport, CommandProtocol
from commander.execution.run_as import RunAs
from commander.execution.running import RunningCommand, Supervision
from commander.policy.checker import Approved

__all__ = ["Executor", "Start"]


@attrs.frozen(kw_only=True)
class Start:
    """How every command of a server is started."""

    shell: str
    shell_arg: str
    directory: str
    """Absolute; where commands run that do not say."""
    environ: Mapping[str, str] = attrs.field(repr=False)
    """The server's environment, to inherit from."""
    pass_env: tuple[str, ...] = ()
    """More names to inherit."""
    run_as: RunAs | None = None
    """Another user than the server's."""
    limits: tuple[ResourceLimit, ...] = ()
    """Set by the programs that change the user; without those, after the spawn."""
    stdin_descriptor: int
    """Open on /dev/null; owned by who made it."""


class Executor:
    """Makes processes of approved commands and holds them until they end.

    Args:
        spawner: Starts processes, each in its own session and directory.
        start: How.
        supervision: What watches over them.
    """

    def __init__(
        self, *, spawner: IReactorProcess, start: Start, supervision: Supervision
    ) -> None:
        self._spawner = spawner
        self._start = start
        self._supervision = supervision
        user = None if start.run_as is None else start.run_as.user
        self._user = user
        self._environment = child_environment(
            start.environ,
            pass_env=start.pass_env,
            user=None if user is None else user.environment,
        )
        self._running: set[RunningCommand] = set()

    @property
    def running(self) -> int:
        """Commands that were started and have not ended."""
        return len(self._running)

    def directory_of(self, request: CommandRequest) -> str:
        """Where a command will run, as an absolute path."""
        # Not normalised: the kernel reads ".." behind a symbolic link differently.
        wanted = request.working_directory or ""
        return os.path.join(self._start.directory, wanted).rstrip("/") or "/"

    def start(self, approved: Approved, run_id: str) -> RunningCommand | StartFailed:
        """Start a process for an approved command.

        Args:
            approved: By the policy.
            run_id: Names the command in its processes' environment; unique.
        """
        directory = self.directory_of(approved.request)
        tag = self._supervision.trees.new_tag()
        arguments, env = self._arguments(approved, tag)
        trace = trace_environment(approved.request.trace, approved.request.env)
        common = {**self._environment, **trace}
        env = command_environment(common, run_id=run_id, env=env)
        problem = (
            shell_problem(self._start.shell)
            or self._directory_problem(directory)
            or size_problem(approved.text, env)
        )
        if problem is not None:
            self._supervision.trees.drop_tag(tag)
            return StartFailed(reason=problem)
        running = RunningCommand(
            supervision=self._supervision,
            run_id=run_id,
            tag=tag,
            timeout_seconds=approved.request.timeout_seconds,
            gone=self._running.discard,
        )
        self._running.add(running)
        self._spawn(running, arguments, env, directory)
        return running

    def end_all(self, ended_by: EndedBy, grace_seconds: float) -> None:
        """Begin to end every running command, with this long from TERM to KILL."""
        for running in tuple(self._running):
            running.end(ended_by, grace_seconds)

    def _directory_problem(self, directory: str) -> str | None:
        problem = directory_problem(directory)
        if problem is None and self._user is not None:
            problem = self._user.directory_problem(directory)
        return problem

    def _arguments(
        self, approved: Approved, tag: int
    ) -> tuple[tuple[str, ...], Mapping[str, str]]:
        """What to execute, and the variables that it is given at once."""
        command = (self._start.shell, self._start.shell_arg, approved.text)
        env = approved.request.env
        if self._start.run_as is None:
            return command, env
        return self._start.run_as.start(
            command, env=env, tag=tag, limits=self._start.limits
        )

    def _spawn(
        self,
        running: RunningCommand,
        arguments: tuple[str, ...],
        env: dict[str, str],
        directory: str,
    ) -> None:
        try:
            transport = self._spawner.spawnProcess(
                CommandProtocol(running),
                arguments[0],
                list(map(_encoded, arguments)),
                env={_encoded(k): _encoded(v) for k, v in env.items()},
                path=_encoded(directory),
                childFDs={0: self._start.stdin_descriptor, 1: "r", 2: "r"},
            )
        except OSError as error:
            reason = f"cannot start a process: {error.strerror}"
            running.start_failed(reason, error.errno)
        except BaseException:
            running.start_failed("internal error: see the server's log")
            raise
        else:
            running.starting(cast("ChildTransport", transport))


def _encoded(text: str) -> bytes:
    """Text as the kernel gets it.

    Twisted would encode it as the locale says, and the C locale of a small container
    knows ASCII only. Names that are no UTF-8 come from the file system as surrogates.
    """
    return text.encode("utf-8", "surrogateescape")
