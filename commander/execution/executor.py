"""Starting approved commands as processes.

The executor owns every running command until it has ended. It takes an
``Approved``, which only the policy can make, and never decides about text itself.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import cast

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorProcess

from commander.commands import CommandRequest, EndedBy, StartFailed, Stdin
from commander.execution.checks import directory_problem, shell_problem, size_problem
from commander.execution.descriptors import REPORT
from commander.execution.environment import (
    child_environment,
    command_environment,
    encoded,
    encoded_variables,
    terminal_environment,
    trace_environment,
)
from commander.execution.limits import ResourceLimit
from commander.execution.protocol import ChildTransport, CommandProtocol
from commander.execution.report import Receiver
from commander.execution.run_as import RunAs
from commander.execution.running import RunningCommand, Supervision
from commander.execution.seams import TerminalWish
from commander.execution.shell_state import ShellState, prologue
from commander.in_flight import InFlight
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
        self._encoded = encoded_variables(self._environment)
        self._encoded_for_terminal = encoded_variables(
            terminal_environment(self._environment)
        )
        self._running: set[RunningCommand] = set()
        self._in_flight = InFlight()

    @property
    def running(self) -> int:
        """Commands that were started and have not ended."""
        return len(self._running)

    def directory_of(self, request: CommandRequest) -> str:
        """Where a command will run, as an absolute path."""
        # Not normalised: the kernel reads ".." behind a symbolic link differently.
        wanted = request.working_directory or ""
        if not wanted.startswith("/"):
            wanted = os.path.join(self._start.directory, wanted)
        return wanted.rstrip("/") or "/"

    @property
    def inherited(self) -> Mapping[str, str]:
        """The variables that every command gets."""
        return self._environment

    def start(
        self,
        approved: Approved,
        run_id: str,
        *,
        report: Receiver | None = None,
        shell_state: ShellState | None = None,
    ) -> RunningCommand | StartFailed:
        """Start a process for an approved command.

        Args:
            approved: By the policy.
            run_id: Names the command in its processes' environment; unique.
            report: Gets what is written to descriptor 3, which the process has then;
                see ``commander.execution.report``.
            shell_state: Of the shell that it goes on; it reports how it left it.
        """
        request = approved.request
        directory = self.directory_of(request)
        tag = self._supervision.trees.new_tag()
        text, env = self._text(approved, shell_state)
        arguments, env = self._arguments(text, env, tag)
        variables = self._variables(request, run_id, env)
        problem = (
            shell_problem(self._start.shell)
            or self._directory_problem(directory)
            or size_problem(text, variables)
        )
        if problem is not None:
            self._supervision.trees.drop_tag(tag)
            return StartFailed(reason=problem)
        running = RunningCommand(
            supervision=self._supervision,
            run_id=run_id,
            tag=tag,
            timeout_seconds=request.timeout_seconds,
            gone=self._gone,
            stdin=request.stdin,
            report=report,
        )
        self._running.add(running)
        self._in_flight.began()
        pipes = self._pipes(request.stdin, reports=report is not None)
        self._spawn(running, request, pipes, arguments, variables, directory)
        return running

    def end_all(self, ended_by: EndedBy, grace_seconds: float) -> None:
        """Begin to end every running command, with this long from TERM to KILL."""
        for running in tuple(self._running):
            running.end(ended_by, grace_seconds)

    def when_idle(self) -> Deferred[None]:
        """Fires when nothing runs any more, at once if that is so now."""
        return self._in_flight.when_idle()

    def _gone(self, running: RunningCommand) -> None:
        self._running.discard(running)
        self._in_flight.ended()

    def _directory_problem(self, directory: str) -> str | None:
        problem = directory_problem(directory)
        if problem is None and self._user is not None:
            problem = self._user.directory_problem(directory)
        return problem

    def _text(
        self, approved: Approved, state: ShellState | None
    ) -> tuple[str, Mapping[str, str]]:
        """What the shell gets, and which of the request's variables it inherits."""
        env = approved.request.env
        if state is None:
            return approved.text, env
        front = prologue(state, env, self._start.shell)
        kept = {name: env[name] for name in env.keys() - state.unexported}
        return front + approved.text, kept

    def _arguments(
        self, text: str, env: Mapping[str, str], tag: int
    ) -> tuple[tuple[str, ...], Mapping[str, str]]:
        """What to execute, and the variables that it is given at once."""
        command = (self._start.shell, self._start.shell_arg, text)
        if self._start.run_as is None:
            return command, env
        return self._start.run_as.start(
            command, env=env, tag=tag, limits=self._start.limits
        )

    def _variables(
        self, request: CommandRequest, run_id: str, env: Mapping[str, str]
    ) -> dict[bytes, bytes]:
        common = self._encoded
        if request.stdin is Stdin.TERMINAL:
            common = self._encoded_for_terminal
        trace = trace_environment(request.trace, request.env)
        return command_environment(common, run_id=run_id, env={**trace, **env})

    def _pipes(self, stdin: Stdin, *, reports: bool) -> dict[int, int | str]:
        """What the process has, as ``childFDs``; a terminal stands for three."""
        pipes: dict[int, int | str] = {}
        if stdin is not Stdin.TERMINAL:
            null = self._start.stdin_descriptor
            pipes = {0: "w" if stdin is Stdin.PIPE else null, 1: "r", 2: "r"}
        return {**pipes, REPORT: "r"} if reports else pipes

    def _wish(self, request: CommandRequest) -> TerminalWish | None:
        if request.stdin is not Stdin.TERMINAL:
            return None
        owner = None if self._user is None else self._user.uid
        return TerminalWish(size=request.terminal_size, owner=owner)

    def _spawn(
        self,
        running: RunningCommand,
        request: CommandRequest,
        pipes: dict[int, int | str],
        arguments: tuple[str, ...],
        env: dict[bytes, bytes],
        directory: str,
    ) -> None:
        wish = self._wish(request)
        try:
            transport = self._spawner.spawnProcess(
                CommandProtocol(running, wish),
                arguments[0],
                list(map(encoded, arguments)),
                env=env,
                path=encoded(directory),
                usePTY=wish is not None,
                childFDs=pipes,
            )
        except OSError as error:
            reason = f"cannot start a process: {error.strerror}"
            running.start_failed(reason, error.errno)
        except BaseException:
            running.start_failed("internal error: see the server's log")
            raise
        else:
            running.starting(cast("ChildTransport", transport))
