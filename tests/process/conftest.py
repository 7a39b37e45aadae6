"""Commands as real processes, by each engine that there is."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.task import deferLater

from commander.commands import (
    CommandRequest,
    Outcome,
    StartFailed,
    Stdin,
    TerminalSize,
)
from commander.execution.engine import ProcessEngine, find_engine
from commander.execution.executor import Executor, Start
from commander.execution.groups import GroupTree, GroupTrees
from commander.execution.hardening import Hardening, become_subreaper
from commander.execution.launcher import LaunchedSpawner, find_launcher
from commander.execution.limits import ChildSetup
from commander.execution.memory_killer import MemoryKiller, find_victim_count
from commander.execution.orphans import SubreaperTrees
from commander.execution.report import Receiver
from commander.execution.run_as import RunAs
from commander.execution.running import RunningCommand, Supervision
from commander.execution.seams import ProcessTrees
from commander.output.budget import MemoryBudget
from commander.policy.checker import Approved, PolicyChecker
from commander.policy.lists import PolicyLists
from commander.principals import ANONYMOUS
from commander.reactors import ICommanderReactor

_MIB = 1024 * 1024


class RealProcesses:
    """Runs commands as the server does, without the server."""

    def __init__(self, engine: ProcessEngine, stdin_descriptor: int) -> None:
        self.engine = engine
        self.environ = dict(os.environ)
        self._stdin_descriptor = stdin_descriptor
        self._ids = iter(range(10**9))

    def executor(
        self,
        *,
        shell: str = "/bin/sh",
        run_as: RunAs | None = None,
        **supervision: Any,
    ) -> Executor:
        clock: Any = ICommanderReactor(reactor, reactor)
        watching = Supervision(
            clock=clock,
            monotonic=time.monotonic,
            trees=self.engine.trees,
            setup=ChildSetup(),
            memory_killer=MemoryKiller(time.monotonic, find_victim_count()),
            output_budget=MemoryBudget(64 * _MIB),
            kill_grace_seconds=0.5,
            max_output_bytes=64 * 1024,
            output_limit_bytes=None,
            counted_processes=None,
        )
        return Executor(
            spawner=self.engine.spawner,
            start=Start(
                shell=shell,
                shell_arg="-c",
                directory="/",
                environ=self.environ,
                run_as=run_as,
                stdin_descriptor=self._stdin_descriptor,
            ),
            supervision=attrs.evolve(watching, **supervision),
        )

    def start(
        self,
        command: str,
        *,
        timeout_seconds: float = 20.0,
        directory: str | None = None,
        env: dict[str, str] | None = None,
        executor: Executor | None = None,
        stdin: Stdin = Stdin.EMPTY,
        terminal_size: TerminalSize | None = None,
        report: Receiver | None = None,
        **supervision: Any,
    ) -> RunningCommand:
        """Start a command."""
        executor = executor or self.executor(**supervision)
        approved = self.approve(
            command, timeout_seconds, directory, env, stdin, terminal_size
        )
        run_id = f"test{os.getpid()}x{next(self._ids)}"
        running = executor.start(approved, run_id, report=report)
        assert not isinstance(running, StartFailed), running.reason
        return running

    async def run(self, command: str, **arguments: Any) -> Outcome:
        """Run a command to its end; the arguments are those of ``start``."""
        ended = await self.start(command, **arguments).finished
        assert isinstance(ended, Outcome), ended.reason
        return ended

    def approve(
        self,
        command: str,
        timeout_seconds: float = 20.0,
        directory: str | None = None,
        env: dict[str, str] | None = None,
        stdin: Stdin = Stdin.EMPTY,
        terminal_size: TerminalSize | None = None,
    ) -> Approved:
        checker = PolicyChecker(
            PolicyLists(
                allowed=(), blocked=(), use_default_blocklist=True, allowed_env=()
            )
        )
        verdict = checker.check(
            CommandRequest(
                command=command,
                timeout_seconds=timeout_seconds,
                working_directory=directory,
                env=env or {},
                stdin=stdin,
                terminal_size=terminal_size or TerminalSize(),
            ),
            ANONYMOUS,
        )
        assert isinstance(verdict, Approved), verdict
        return verdict


class SparedGroups(GroupTrees):
    """Process groups beside a subreaper, which would take their roots for strays."""

    def __init__(self, beside: ProcessTrees) -> None:
        super().__init__()
        self._beside = beside

    def tree(self, *, pid: int, run_id: str, tag: int) -> GroupTree:
        if isinstance(self._beside, SubreaperTrees):
            self._beside.spare(pid)
        return super().tree(pid=pid, run_id=run_id, tag=tag)


@pytest.fixture(scope="session")
def best_engine() -> Iterator[ProcessEngine]:
    """The one that a server would choose; there is one in a process."""
    clock = ICommanderReactor(reactor, reactor)
    # Its first turns open the pipe by which Twisted hears of signals.
    pytest_twisted.blockon(deferLater(clock, 0.01))
    engine = find_engine(clock, time.monotonic, Hardening(subreaper=become_subreaper()))
    engine.start()
    yield engine
    engine.stop()


@pytest.fixture(params=["best", "fallback"])
def engine(request: pytest.FixtureRequest, best_engine: ProcessEngine) -> ProcessEngine:
    """Each engine in turn: the best of this machine, and Twisted's with groups."""
    if request.param == "best":
        return best_engine
    clock = ICommanderReactor(reactor, reactor)
    return ProcessEngine(
        spawner=LaunchedSpawner(clock, find_launcher()),
        trees=SparedGroups(best_engine.trees),
    )


@pytest.fixture
def processes(engine: ProcessEngine) -> Iterator[RealProcesses]:
    """Commands of the engine in turn."""
    descriptor = os.open(os.devnull, os.O_RDONLY)
    yield RealProcesses(engine, descriptor)
    os.close(descriptor)


@pytest.fixture
def no_descriptor_left(best_engine: ProcessEngine) -> Iterator[None]:
    """Fails if there are more descriptors after the test than before."""
    before = _descriptors()
    yield
    # Twisted closes pipes in a later turn of the reactor than it is told to.
    for _ in range(100):
        after = _descriptors()
        if len(after) <= len(before):
            return
        pytest_twisted.blockon(deferLater(ICommanderReactor(reactor, reactor), 0.01))
    left = {number: path for number, path in after.items() if number not in before}
    pytest.fail(f"a descriptor is left: {left}")


def _descriptors() -> dict[str, str]:
    """What is open in this process, by number."""
    found = {}
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # that of the list itself
            found[number] = os.readlink(f"/proc/self/fd/{number}")
    return found
