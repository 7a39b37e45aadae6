"""Starting approved commands as processes.

The executor owns every running command until it has ended. It takes an
``Approved``, which only the policy can make, and never decides about text itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

import attrs
from twisted.internet.defer import Deferred

from commander.commands import CommandRequest, EndedBy, Outcome, StartFailed
from commander.execution.checks import directory_problem, shell_problem, size_problem
from commander.execution.environment import child_environment
from commander.execution.groups import GroupSignals, signal_name
from commander.execution.launcher import Launcher
from commander.execution.lifecycle import Ending, Lifecycle
from commander.execution.protocol import ChildTransport, CommandProtocol
from commander.interfaces import Monotonic
from commander.output.ring import HeadTailBuffer
from commander.policy.checker import Approved
from commander.reactors import ICommanderReactor

__all__ = ["ExecutionLimits", "Executor", "RunningCommand"]


@attrs.frozen(kw_only=True)
class ExecutionLimits:
    """The settings that bind every command."""

    shell: str
    shell_arg: str
    directory: str
    """Absolute; where commands run that do not say."""
    kill_grace_seconds: float
    max_output_bytes: int
    """Kept of each stream."""
    output_limit_bytes: int | None
    """Written in all before the command is ended; None for no limit."""
    pass_env: tuple[str, ...] = ()


class RunningCommand:
    """One process and what is known of it, from the spawn to its outcome."""

    def __init__(
        self,
        *,
        limits: ExecutionLimits,
        timeout_seconds: float,
        reactor: ICommanderReactor,
        monotonic: Monotonic,
        groups: GroupSignals,
        gone: Callable[[RunningCommand], None],
    ) -> None:
        self.finished: Deferred[Outcome] = Deferred()
        """Fires once, with the outcome; never fails."""
        self._limits = limits
        self._timeout_seconds = timeout_seconds
        self._reactor = reactor
        self._monotonic = monotonic
        self._groups = groups
        self._gone = gone
        self._stdout = HeadTailBuffer(limits.max_output_bytes)
        self._stderr = HeadTailBuffer(limits.max_output_bytes)
        # Before the spawn: a short command may be over when the spawn returns.
        self._started_at = monotonic()
        self._process: ChildTransport | None = None
        self._group = 0
        self._lifecycle: Lifecycle | None = None

    def end(self, ended_by: EndedBy, grace_seconds: float) -> None:
        """Begin to end the command; does nothing if it is ending already."""
        if self._lifecycle is not None:
            self._lifecycle.end(ended_by, grace_seconds)

    # --- ProcessEvents ---------------------------------------------------------

    def process_started(self, process: ChildTransport) -> None:
        """The process runs: the deadline counts from here."""
        self._process = process
        # Taken now: it is None again as soon as the process is reaped.
        self._group = process.pid or 0
        self._lifecycle = Lifecycle(
            clock=self._reactor,
            monotonic=self._monotonic,
            process=self,
            timeout_seconds=self._timeout_seconds,
            grace_seconds=self._limits.kill_grace_seconds,
            finished=self._ended,
        )

    def stdout_received(self, data: bytes) -> None:
        """A chunk of standard output."""
        self._received(self._stdout, data)

    def stderr_received(self, data: bytes) -> None:
        """A chunk of standard error."""
        self._received(self._stderr, data)

    def process_exited(self, exit_code: int | None, signal_number: int | None) -> None:
        """The shell ended."""
        if self._lifecycle is not None:
            self._lifecycle.process_exited(exit_code, signal_number)

    def pipes_closed(self) -> None:
        """No writer of the pipes is left, or we closed them."""
        if self._lifecycle is not None:
            self._lifecycle.pipes_closed()

    # --- ProcessControl --------------------------------------------------------

    def signal_group(self, number: int) -> None:
        """Signal the whole group, or the one process until it leads its group."""
        if self._groups.send(self._group, number):
            return
        if self._process is not None and self._process.pid is not None:
            # Between the spawn and the launcher's setsid there is no group yet.
            self._process.signalProcess(number)

    def group_alive(self) -> bool:
        """Whether a process of the group is left."""
        return self._groups.alive(self._group)

    def close_pipes(self) -> None:
        """Stop reading; a writer that is left gets SIGPIPE."""
        if self._process is not None:
            self._process.loseConnection()

    # --- own -------------------------------------------------------------------

    def _received(self, buffer: HeadTailBuffer, data: bytes) -> None:
        buffer.append(data)
        if self._lifecycle is None:
            return
        self._lifecycle.output_received()
        limit = self._limits.output_limit_bytes
        if limit is not None and self._written_bytes > limit:
            self._lifecycle.end(EndedBy.OUTPUT_LIMIT, self._limits.kill_grace_seconds)

    @property
    def _written_bytes(self) -> int:
        return self._stdout.total_bytes + self._stderr.total_bytes

    def _ended(self, ending: Ending) -> None:
        self._gone(self)
        self.finished.callback(
            Outcome(
                exit_code=ending.exit_code,
                signal=(
                    None
                    if ending.signal_number is None
                    else signal_name(ending.signal_number)
                ),
                ended_by=ending.ended_by,
                duration_seconds=self._monotonic() - self._started_at,
                stdout=self._stdout.window(),
                stderr=self._stderr.window(),
                background_ended=ending.background_ended,
                reaped=ending.reaped,
            )
        )


class Executor:
    """Makes processes of approved commands and holds them until they end.

    Args:
        reactor: Starts the processes and keeps the timers.
        monotonic: Measures durations and deadlines.
        limits: What binds every command.
        launcher: Puts a command into its session and directory.
        groups: How process groups are signalled.
        environ: The server's environment, to inherit from.
        stdin_descriptor: An open descriptor of /dev/null, owned by the caller.
    """

    def __init__(
        self,
        *,
        reactor: ICommanderReactor,
        monotonic: Monotonic,
        limits: ExecutionLimits,
        launcher: Launcher,
        groups: GroupSignals,
        environ: Mapping[str, str],
        stdin_descriptor: int,
    ) -> None:
        self._reactor = reactor
        self._monotonic = monotonic
        self._limits = limits
        self._launcher = launcher
        self._groups = groups
        self._environ = dict(environ)
        self._stdin_descriptor = stdin_descriptor
        self._running: set[RunningCommand] = set()

    @property
    def running(self) -> int:
        """Commands that were started and have not ended."""
        return len(self._running)

    def directory_of(self, request: CommandRequest) -> str:
        """Where a command will run, as an absolute path."""
        # Not normalised: the kernel reads ".." behind a symbolic link differently.
        wanted = request.working_directory or ""
        return os.path.join(self._limits.directory, wanted).rstrip("/") or "/"

    def start(self, approved: Approved) -> RunningCommand | StartFailed:
        """Start a process for an approved command; its deadline begins now."""
        directory = self.directory_of(approved.request)
        env = child_environment(
            self._environ, pass_env=self._limits.pass_env, env=approved.request.env
        )
        problem = (
            shell_problem(self._limits.shell)
            or directory_problem(directory)
            or size_problem(approved.text, env)
        )
        if problem is not None:
            return StartFailed(reason=problem)
        command = (self._limits.shell, self._limits.shell_arg, approved.text)
        return self._spawn(
            self._launcher.arguments(directory, command),
            env,
            approved.request.timeout_seconds,
        )

    def end_all(self, ended_by: EndedBy, grace_seconds: float) -> None:
        """Begin to end every running command, with this long from TERM to KILL."""
        for running in tuple(self._running):
            running.end(ended_by, grace_seconds)

    def _spawn(
        self, arguments: tuple[str, ...], env: dict[str, str], timeout_seconds: float
    ) -> RunningCommand | StartFailed:
        running = RunningCommand(
            limits=self._limits,
            timeout_seconds=timeout_seconds,
            reactor=self._reactor,
            monotonic=self._monotonic,
            groups=self._groups,
            gone=self._running.discard,
        )
        self._running.add(running)
        try:
            self._reactor.spawnProcess(
                CommandProtocol(running),
                arguments[0],
                list(map(_encoded, arguments)),
                env={_encoded(k): _encoded(v) for k, v in env.items()},
                childFDs={0: self._stdin_descriptor, 1: "r", 2: "r"},
            )
        except OSError as error:
            self._running.discard(running)
            return StartFailed(reason=f"cannot start a process: {error.strerror}")
        except BaseException:
            self._running.discard(running)
            raise
        return running


def _encoded(text: str) -> bytes:
    """Text as the kernel gets it.

    Twisted would encode it as the locale says, and the C locale of a small container
    knows ASCII only. Names that are no UTF-8 come from the file system as surrogates.
    """
    return text.encode("utf-8", "surrogateescape")
