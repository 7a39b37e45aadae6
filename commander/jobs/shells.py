"""Shells that keep their directory and their variables between commands.

A shell is what ``commander.execution.shell_state`` says: not a process, but what the
next command starts with. It runs one command at a time, since two would not know which
of them changes it; who comes meanwhile is told what runs, and since when.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from itertools import islice
from typing import Final

import attrs

from commander.alarm import Alarm
from commander.commands import CommandRequest
from commander.execution.environment import trace_environment
from commander.execution.shell_state import ShellState, read_report
from commander.jobs.handles import SHELL_PREFIX, Handles
from commander.jobs.job import Job, JobHost, JobKind
from commander.jobs.table import Missing
from commander.principals import Principal

__all__ = [
    "MAX_DIRECTORY_BYTES",
    "MAX_SHELLS",
    "MAX_VARIABLES",
    "MAX_VARIABLE_BYTES",
    "Shell",
    "ShellBusy",
    "ShellRules",
    "Shells",
    "ShellsFull",
]

MAX_SHELLS: Final = 64
"""Of one principal: each is some kilobytes, but nobody uses so many."""
MAX_VARIABLES: Final = 1024
"""As many names as a call's ``env`` may have."""
MAX_VARIABLE_BYTES: Final = 64 * 1024
"""Of all names and values: they are part of what the kernel takes for a command."""
MAX_DIRECTORY_BYTES: Final = 4095
"""The kernel takes no longer path."""


@attrs.frozen
class ShellBusy:
    """A command of the shell runs."""

    handle: str
    seconds: float


@attrs.frozen
class ShellsFull:
    """The principal has as many shells as one may have."""

    most: int


@attrs.frozen(kw_only=True)
class ShellRules:
    """What of a state is kept."""

    inherited: Callable[[], Mapping[str, str]]
    """The variables that every command gets."""
    keeps: Callable[[str, str | None], bool]
    """Whether the policy lets a call set this variable to this value, or take it away
    if that is None: without ``PATH`` a shell looks for programs where it stands."""


class Shell:
    """One shell.

    Args:
        handle: Its name.
        principal: Whose it is.
        directory: Where its first command runs; absolute.
        env: What its first command gets.
        tty: Whether its commands run in a terminal.
        host: What jobs live by.
        rules: What is kept.
    """

    def __init__(
        self,
        handle: str,
        principal: Principal,
        *,
        directory: str,
        env: Mapping[str, str],
        tty: bool,
        host: JobHost,
        rules: ShellRules,
    ) -> None:
        self.handle: Final = handle
        self.principal: Final = principal
        self.directory = directory
        self.tty: Final = tty
        """Whether its commands run in a terminal."""
        self.dropped: tuple[str, ...] = ()
        """Variables of the last command that could not be kept; ``PWD`` stands for
        its directory."""
        self._env = dict(env)
        self._state = ShellState()
        self._host = host
        self._rules = rules
        self._running: Job | None = None
        self.used_at = host.monotonic()

    @property
    def running(self) -> Job | None:
        """The command that runs in it."""
        job = self._running
        return None if job is None or job.finished else job

    @property
    def busy(self) -> ShellBusy | None:
        """What runs in it, if anything does."""
        job = self.running
        return None if job is None else ShellBusy(job.handle, job.run_seconds)

    def begin(self, request: CommandRequest, kind: JobKind) -> Job:
        """Run a command in it; it must not be busy.

        Args:
            request: Its directory counts from the shell's; its ``env`` is set over the
                shell's variables, and for good.
            kind: Of the job.
        """
        directory = self.directory
        if request.working_directory:
            directory = os.path.join(directory, request.working_directory)
        env = {**self._env, **request.env}
        job = Job(
            self.principal,
            attrs.evolve(request, working_directory=directory, env=env),
            kind=attrs.evolve(
                kind,
                report=partial(self._reported, trace_environment(request.trace, env)),
                shell_state=_without(self._state, request.env),
            ),
            host=self._host,
        )
        self._running = job
        self.dropped = ()
        job.start()
        self.used_at = self._host.monotonic()
        return job

    def _reported(self, trace: Mapping[str, str], data: bytes | None) -> None:
        """A command has told where it left the shell.

        Args:
            trace: What it inherited beside what all do.
            data: The report; None if that was too much.
        """
        self.used_at = self._host.monotonic()
        report = None
        if data is not None:
            report = read_report(data, {**self._rules.inherited(), **trace})
        if report is None:
            return
        told = {**report.exported, **report.unexported}
        self._env = self._kept(told)
        dropped = [name for name in told if name not in self._env]
        if _can_be_told(report.directory):
            self.directory = report.directory
        else:
            dropped.insert(0, "PWD")
        unset = tuple(name for name in report.unset if self._rules.keeps(name, None))
        dropped += sorted(set(report.unset).difference(unset, dropped))
        self.dropped = tuple(dropped)
        self._state = ShellState(
            unexported=frozenset(report.unexported.keys() & self._env.keys()),
            unset=unset,
        )

    def _kept(self, told: Mapping[str, str]) -> dict[str, str]:
        """As many variables as there is room for, and as the policy lets pass."""
        env: dict[str, str] = {}
        room = MAX_VARIABLE_BYTES
        for name, value in islice(told.items(), MAX_VARIABLES):
            size = len(name) + len(value.encode("utf-8", "surrogateescape"))
            if size <= room and self._rules.keeps(name, value):
                env[name] = value
                room -= size
        return env


def _without(state: ShellState, names: Mapping[str, str]) -> ShellState:
    """A state of which some variables are set anew, and exported."""
    return ShellState(
        unexported=state.unexported - names.keys(),
        unset=tuple(name for name in state.unset if name not in names),
    )


def _can_be_told(directory: str) -> bool:
    """Whether the results and records of the next command can name it.

    They are UTF-8, as is what a client could name; few directories are not.
    """
    try:
        return len(directory.encode()) <= MAX_DIRECTORY_BYTES
    except UnicodeEncodeError:
        return False


class Shells:
    """All shells of a server.

    Args:
        handles: Makes the handles.
        host: What jobs live by.
        rules: What of a state is kept.
    """

    def __init__(self, *, handles: Handles, host: JobHost, rules: ShellRules) -> None:
        self._handles = handles
        self._host = host
        self._rules = rules
        self._alarm = Alarm(host.clock, host.monotonic)
        self._shells: dict[str, tuple[Shell, float]] = {}

    def open(
        self,
        principal: Principal,
        *,
        directory: str,
        env: Mapping[str, str],
        tty: bool,
        idle_seconds: float,
    ) -> Shell | ShellsFull:
        """A new shell.

        Args:
            principal: Whose it is.
            directory: Absolute; it was looked at.
            env: The policy has seen it.
            tty: Whether its commands run in a terminal.
            idle_seconds: Without a command for so long, it is forgotten.
        """
        if len(self.of(principal)) >= MAX_SHELLS:
            return ShellsFull(MAX_SHELLS)
        shell = Shell(
            self._handles.issue(SHELL_PREFIX, principal),
            principal,
            directory=directory,
            env=env,
            tty=tty,
            host=self._host,
            rules=self._rules,
        )
        self._shells[shell.handle] = shell, idle_seconds
        self._arm()
        return shell

    def find(self, handle: str, principal: Principal) -> Shell | Missing:
        """The shell of a handle, if it is this principal's."""
        found = self._shells.get(handle)
        if found is not None and found[0].principal == principal:
            return found[0]
        made = self._handles.made(SHELL_PREFIX, handle, principal)
        return Missing("expired" if made else "unknown")

    def of(self, principal: Principal) -> list[Shell]:
        """A principal's shells, the newest first."""
        own = [s for s, _ in self._shells.values() if s.principal == principal]
        return own[::-1]

    def end(self, shell: Shell) -> None:
        """Forget a shell; what runs in it goes on. A second call does nothing."""
        self._shells.pop(shell.handle, None)
        self._arm()

    def close(self) -> None:
        """Forget all."""
        self._shells.clear()
        self._alarm.cancel()

    def _rest(self, shell: Shell, idle_seconds: float) -> float:
        """Seconds until a shell may be forgotten."""
        if shell.running is not None:
            return idle_seconds
        return shell.used_at + idle_seconds - self._host.monotonic()

    def _arm(self) -> None:
        rests = [self._rest(*each) for each in self._shells.values()]
        if rests:
            self._alarm.set(max(0.0, min(rests)), self._expire)
        else:
            self._alarm.cancel()

    def _expire(self) -> None:
        for shell, idle_seconds in tuple(self._shells.values()):
            if self._rest(shell, idle_seconds) <= 0:
                del self._shells[shell.handle]
        self._arm()
