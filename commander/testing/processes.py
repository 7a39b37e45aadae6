"""Processes in memory, driven by a fake clock.

A ``ProcessReactor`` starts a ``MemoryProcess`` wherever a real reactor would start a
real one. A test says what the process does: emit output, exit, ignore a signal,
leave others behind in its group, or leave a writer of its pipes outside the group.
Signals work a moment later on the clock, never within the call, as with a kernel.
"""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.interfaces import IProcessProtocol, IProcessTransport
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from zope.interface import implementer

from commander.reactors import ICommanderReactor

__all__ = ["GroupMember", "MemoryProcess", "ProcessReactor"]


@attrs.define(kw_only=True)
class GroupMember:
    """A process that the shell started and does not wait for."""

    ignores: frozenset[int] = frozenset()
    """Signals that do not end it; KILL always does."""
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
        signals: Every signal that its group got, in order.
        closed: Whether the pipes were closed from our side.
        escaped_writer: Whether a process outside the group holds the pipes.
    """

    def __init__(
        self,
        reactor: ProcessReactor,
        protocol: IProcessProtocol,
        pid: int,
        arguments: Sequence[bytes | str],
        env: Mapping[Any, Any],
    ) -> None:
        self.pid: int | None = pid
        self.group = pid
        self.arguments = tuple(map(os.fsdecode, arguments))
        self.env = {os.fsdecode(k): os.fsdecode(v) for k, v in env.items()}
        self.signals: list[int] = []
        self.closed = False
        self.escaped_writer = False
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

    def signalProcess(self, signalID: str | int) -> None:  # noqa: N803 - Twisted's
        """Signal the shell alone."""
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

    def writeToChild(self, childFD: int, data: bytes) -> None:  # noqa: N803 - Twisted's
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
    def group_alive(self) -> bool:
        """Whether the shell or a member of its group lives."""
        return self.pid is not None or any(member.alive for member in self.members)

    def group_signalled(self, number: int) -> None:
        """Every process of the group gets a signal, a moment from now."""
        self.signals.append(number)
        self._reactor.callLater(0, self._members_signalled, number)
        self._reactor.callLater(0, self._shell_signalled, number)

    def _members_signalled(self, number: int) -> None:
        for member in self.members:
            if number == signal.SIGKILL or number not in member.ignores:
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


@implementer(ICommanderReactor)
class ProcessReactor(MemoryReactorClock):
    """A reactor in memory whose processes are ``MemoryProcess``es.

    It is also the ``GroupSignals`` of those processes.

    Attributes:
        processes: All that were started, in order.
        spawn_error: If set, ``spawnProcess`` raises it.
        on_spawn: If set, called with each process before ``spawnProcess`` returns.
    """

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[MemoryProcess] = []
        self.spawn_error: OSError | None = None
        self.on_spawn: Any = None
        self._pids = itertools.count(1000)

    def spawnProcess(
        self,
        processProtocol: IProcessProtocol,  # noqa: N803 - Twisted's names
        executable: bytes | str,
        args: Sequence[bytes | str] = (),
        env: Mapping[Any, Any] | None = None,
        path: bytes | str | None = None,
        uid: int | None = None,
        gid: int | None = None,
        usePTY: bool = False,  # noqa: N803
        childFDs: Mapping[int, int | str] | None = None,  # noqa: N803
    ) -> MemoryProcess:
        """Start a process in memory."""
        if self.spawn_error is not None:
            raise self.spawn_error
        process = MemoryProcess(
            self, processProtocol, next(self._pids), args, env or {}
        )
        self.processes.append(process)
        processProtocol.makeConnection(process)
        if self.on_spawn is not None:
            self.on_spawn(process)
        return process

    def send(self, group: int, number: int) -> bool:
        """Signal a group."""
        process = self._led(group)
        if process is None or not process.group_alive:
            return False
        if number:
            process.group_signalled(number)
        return True

    def alive(self, group: int) -> bool:
        """Whether a process of the group lives."""
        process = self._led(group)
        return process is not None and process.group_alive

    def _led(self, group: int) -> MemoryProcess | None:
        return next((p for p in self.processes if p.group == group), None)
