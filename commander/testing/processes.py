"""Processes in memory, driven by a fake clock.

A ``ProcessReactor`` starts a ``MemoryProcess`` wherever a real reactor would start a
real one. A test says what the process does: emit output, exit, ignore a signal,
leave others behind in its group, or leave a writer of its pipes outside the group.
Signals work a moment later on the clock, never within the call, as with a kernel.

The reactor is spawner and process trees at once; ``engine`` is both as the service
wants them.
"""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs
from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.interfaces import IProcessProtocol, IProcessTransport
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from zope.interface import implementer

from commander.commands import Survivor
from commander.execution.engine import ProcessEngine
from commander.execution.limits import ChildSetup
from commander.execution.memory_killer import MemoryKiller
from commander.execution.running import Supervision
from commander.output.budget import MemoryBudget
from commander.reactors import ICommanderReactor

__all__ = ["GroupMember", "MemoryProcess", "MemoryTree", "ProcessReactor"]

_BUDGET_BYTES: Final = 64 * 1024 * 1024
_FIRST_PID: Final = (1 << 22) + 1
"""More than Linux gives out: what is done to such a process hits no real one."""


@attrs.define(kw_only=True)
class GroupMember:
    """A process that the shell started and does not wait for."""

    ignores: frozenset[int] = frozenset()
    """Signals that do not end it; KILL does unless it is here, as for a process that
    is stuck in the kernel."""
    holds_pipes: bool = True
    alive: bool = True


@implementer(IProcessTransport)
class MemoryProcess:
    """One process that does what the test says.

    Attributes:
        pid: The process id; None once it was reaped, as Twisted has it.
        group: The id of the group that it leads.
        arguments: What was executed.
        env: With this environment.
        directory: In this directory; None for the server's.
        signals: Every signal that its group got, in order.
        closed: Whether the pipes were closed from our side.
        escaped_writer: Whether a process outside the group holds the pipes.
        abandoned: Whether it was signalled before it was started.
    """

    def __init__(
        self,
        reactor: ProcessReactor,
        protocol: IProcessProtocol,
        pid: int,
        arguments: Sequence[bytes | str],
        env: Mapping[Any, Any],
        directory: bytes | str | None,
    ) -> None:
        self.pid: int | None = pid
        self.group = pid
        self.arguments = tuple(map(os.fsdecode, arguments))
        self.env = {os.fsdecode(k): os.fsdecode(v) for k, v in env.items()}
        self.directory = None if directory is None else os.fsdecode(directory)
        self.signals: list[int] = []
        self.closed = False
        self.escaped_writer = False
        self.abandoned = False
        self.members: list[GroupMember] = []
        self._reactor = reactor
        self._protocol = protocol
        self._ignores: set[int] = set()
        self._ending: Failure | None = None
        self._ended = False

    # --- what a test makes it do -----------------------------------------------

    def emit(self, descriptor: int, data: bytes) -> None:
        """Write to standard output (1) or error (2); lost once the pipes closed."""
        if not self.closed:
            self._protocol.childDataReceived(descriptor, data)

    def ignore(self, *names: str) -> None:
        """From now on these signals do not end the shell, such as ``SIGTERM``."""
        self._ignores.update(signal.Signals[name] for name in names)

    def leave_behind(self, member: GroupMember | None = None) -> GroupMember:
        """Start a process in the background of the group."""
        member = member or GroupMember()
        self.members.append(member)
        return member

    def exit(self, code: int = 0, *, signal_name: str | None = None) -> None:
        """The shell ends; the pipes close if nobody else holds them."""
        if self._ending is not None:
            return
        number = None if signal_name is None else int(signal.Signals[signal_name])
        clean = code == 0 and number is None
        self._ending = Failure(
            ProcessDone(0)
            if clean
            else ProcessTerminated(None if number else code, number, None)
        )
        self.pid = None
        self._protocol.processExited(self._ending)
        self._end_if_unheld()

    def close_escaped_writer(self) -> None:
        """The process outside the group ends."""
        self.escaped_writer = False
        self._end_if_unheld()

    # --- IProcessTransport -----------------------------------------------------

    def signalProcess(self, signalID: str | int) -> None:
        """Signal the shell alone."""
        if self._reactor.is_late(self):
            self.abandoned = True
            return
        if self.pid is None:
            raise ProcessExitedAlready
        number = (
            signalID if isinstance(signalID, int) else signal.Signals[f"SIG{signalID}"]
        )
        self.signals.append(int(number))
        self._reactor.callLater(0, self._shell_signalled, int(number))

    def loseConnection(self) -> None:
        """Close the pipes from our side."""
        self.closed = True
        if not self._ended:
            self._reactor.callLater(0, self._end_if_unheld)

    def closeStdin(self) -> None:
        """Standard input is never ours."""

    def closeStdout(self) -> None:
        """Close one pipe; the fake has them closed together."""
        self.loseConnection()

    def closeStderr(self) -> None:
        """Close one pipe; the fake has them closed together."""
        self.loseConnection()

    def closeChildFD(self, descriptor: int) -> None:
        """Close one pipe; the fake has them closed together."""
        self.loseConnection()

    def writeToChild(self, childFD: int, data: bytes) -> None:
        """Standard input is never ours."""
        raise KeyError(childFD)

    def write(self, data: bytes) -> None:
        """Standard input is never ours."""
        raise KeyError(0)

    def writeSequence(self, seq: Any) -> None:
        """Standard input is never ours."""
        raise KeyError(0)

    def getHost(self) -> Any:
        """There is no address."""
        raise NotImplementedError

    def getPeer(self) -> Any:
        """There is no address."""
        raise NotImplementedError

    # --- groups ----------------------------------------------------------------

    @property
    def live(self) -> int:
        """How many live: the shell and the members of its group."""
        return (self.pid is not None) + sum(member.alive for member in self.members)

    def group_signalled(self, number: int) -> None:
        """Every process of the group gets a signal, a moment from now."""
        self.signals.append(number)
        self._reactor.callLater(0, self._members_signalled, number)
        self._reactor.callLater(0, self._shell_signalled, number)

    def _members_signalled(self, number: int) -> None:
        for member in self.members:
            if number not in member.ignores:
                member.alive = False
        self._end_if_unheld()

    def _shell_signalled(self, number: int) -> None:
        if number == signal.SIGKILL or number not in self._ignores:
            self.exit(signal_name=signal.Signals(number).name)

    def _end_if_unheld(self) -> None:
        held = self.escaped_writer or any(
            member.alive and member.holds_pipes for member in self.members
        )
        if self._ending is None or self._ended or (held and not self.closed):
            return
        self._ended = True
        self._protocol.processEnded(self._ending)


class MemoryTree:
    """The tree of a ``MemoryProcess``: itself and the members of its group.

    Attributes:
        released: Whether the command was forgotten.
    """

    def __init__(self, process: MemoryProcess) -> None:
        self._process = process
        self.released = False

    def signal(self, number: int) -> int:
        """Signal them all."""
        live = self._process.live
        if live:
            self._process.group_signalled(number)
        return live

    def left(self) -> int:
        """How many live."""
        return self._process.live

    def survivors(self) -> tuple[Survivor, ...]:
        """Who lives; members have no id of their own."""
        return (Survivor(pid=self._process.group, name="stuck"),) * self._process.live

    def release(self) -> None:
        """Forget them."""
        self.released = True


class _NoThreads:
    """A thread pool that does its work at once, in the thread that asks."""

    def callInThreadWithCallback(
        self,
        onResult: Callable[[bool, Any], None],
        func: Callable[..., Any],
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Do it, and say what came of it."""
        try:
            result = func(*args, **kwargs)
        except Exception:
            onResult(False, Failure())
        else:
            onResult(True, result)


@implementer(ICommanderReactor)
class ProcessReactor(MemoryReactorClock):
    """A reactor in memory whose processes are ``MemoryProcess``es.

    It is also the ``ProcessTrees`` of those processes. It has no threads: what is to
    be done in one is done at once.

    Attributes:
        processes: All that were started, in order.
        trees: All that were asked for, in order.
        spawn_error: If set, ``spawnProcess`` raises it.
        on_spawn: If set, called with each process before ``spawnProcess`` returns.
        starts_late: If true, a process starts only with ``start_late``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[MemoryProcess] = []
        self.trees: list[MemoryTree] = []
        self.spawn_error: OSError | None = None
        self.on_spawn: Any = None
        self.starts_late = False
        self._late: list[tuple[IProcessProtocol, MemoryProcess]] = []
        self._pids = itertools.count(_FIRST_PID)
        self._tags = itertools.count(1)

    @property
    def engine(self) -> ProcessEngine:
        """This reactor as spawner and trees."""
        return ProcessEngine(spawner=self, trees=self, described={"spawner": "memory"})

    def getThreadPool(self) -> Any:
        """One without threads."""
        return _NoThreads()

    def callInThread(
        self, callable: Callable[..., Any], *args: object, **kwargs: object
    ) -> None:
        """Call it at once."""
        callable(*args, **kwargs)

    def callFromThread(
        self, callable: Callable[..., Any], *args: object, **kwargs: object
    ) -> None:
        """Call it in the next turn."""
        self.callLater(0, callable, *args, **kwargs)

    def suggestThreadPoolSize(self, size: int) -> None:
        """There are none, and there will be none."""

    def spawnProcess(
        self,
        processProtocol: IProcessProtocol,
        executable: bytes | str,
        args: Sequence[bytes | str] = (),
        env: Mapping[Any, Any] | None = None,
        path: bytes | str | None = None,
        uid: int | None = None,
        gid: int | None = None,
        usePTY: bool = False,
        childFDs: Mapping[int, int | str] | None = None,
    ) -> MemoryProcess:
        """Start a process in memory."""
        if self.spawn_error is not None:
            raise self.spawn_error
        process = MemoryProcess(
            self, processProtocol, next(self._pids), args, env or {}, path
        )
        self.processes.append(process)
        if self.starts_late:
            process.pid = None
            self._late.append((processProtocol, process))
        else:
            self._start(processProtocol, process)
        return process

    def start_late(self, failure: Exception | None = None) -> None:
        """Start the process that waits longest, or fail its start."""
        protocol, process = self._late.pop(0)
        if failure is None:
            process.pid = process.group
            self._start(protocol, process)
        else:
            protocol.processEnded(Failure(failure))

    def is_late(self, process: MemoryProcess) -> bool:
        """Whether a process still waits for ``start_late``."""
        return any(process is waiting for _, waiting in self._late)

    def supervision(self, **changes: Any) -> Supervision:
        """What watches over commands here, with the limits of the defaults.

        Args:
            **changes: Other values for its fields.
        """
        fields: dict[str, Any] = {
            "clock": self,
            "monotonic": self.seconds,
            "trees": self,
            "setup": ChildSetup(),
            "memory_killer": MemoryKiller(self.seconds, None),
            "output_budget": MemoryBudget(_BUDGET_BYTES),
            "kill_grace_seconds": 5.0,
            "max_output_bytes": 1000,
            "output_limit_bytes": None,
            "counted_processes": None,
        }
        return Supervision(**(fields | changes))

    def new_tag(self) -> int:
        """A number."""
        return next(self._tags)

    def drop_tag(self, tag: int) -> None:
        """Nothing was kept."""

    def tree(self, *, pid: int, run_id: str, tag: int) -> MemoryTree:
        """The tree of a process that was started here."""
        process = next(each for each in self.processes if each.group == pid)
        self.trees.append(MemoryTree(process))
        return self.trees[-1]

    def _start(self, protocol: IProcessProtocol, process: MemoryProcess) -> None:
        protocol.makeConnection(process)
        if self.on_spawn is not None:
            self.on_spawn(process)
