"""Processes in memory, driven by a fake clock.

A test says what such a process does: emit output, read its input or not, exit, ignore
a signal, leave others behind in its group, or leave a writer of its pipes outside the
group. Signals work a moment later on the clock, never within the call, as with a
kernel.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import attrs
from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.interfaces import (
    IProcessProtocol,
    IProcessTransport,
    IReactorTime,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from commander.commands import Survivor, TerminalSize
from commander.execution.seams import IConversation

__all__ = ["GroupMember", "MemoryProcess", "MemoryTree"]

_STDIN: Final = 0
_END_OF_FILE: Final = b"\x04"


@attrs.define(kw_only=True)
class GroupMember:
    """A process that the shell started and does not wait for."""

    ignores: frozenset[int] = frozenset()
    """Signals that do not end it; KILL does unless it is here, as for a process that
    is stuck in the kernel."""
    holds_pipes: bool = True
    alive: bool = True


@implementer(IProcessTransport, IConversation)
class MemoryProcess:
    """One process that does what the test says.

    Attributes:
        pid: The process id; None once it was reaped, as Twisted has it.
        group: The id of the group that it leads.
        arguments: What was executed.
        env: With this environment.
        directory: In this directory; None for the server's.
        descriptors: As ``childFDs`` said; empty for a terminal alone.
        terminal: The size of its terminal now; None if it has none.
        input: What it has read. The end-of-file character of a terminal is part of it.
        reads_input: Whether it reads; else ``pending_input`` grows.
        input_ended: Whether it was told the end of its input.
        paused: Whether its output is not read. It is kept for later then.
        signals: Every signal that its group got, in order.
        closed: Whether the pipes were closed from our side.
        escaped_writer: Whether a process outside the group holds the pipes.
        late: Whether it was asked for and has not started.
        abandoned: Whether it was signalled before it was started.
    """

    def __init__(
        self,
        clock: IReactorTime,
        protocol: IProcessProtocol,
        pid: int,
        arguments: Sequence[bytes | str],
        env: Mapping[Any, Any],
        directory: bytes | str | None,
        descriptors: Mapping[int, int | str],
        terminal: TerminalSize | None,
    ) -> None:
        self.pid: int | None = pid
        self.group = pid
        self.arguments = tuple(map(os.fsdecode, arguments))
        self.env = {os.fsdecode(k): os.fsdecode(v) for k, v in env.items()}
        self.directory = None if directory is None else os.fsdecode(directory)
        self.descriptors = dict(descriptors)
        self.terminal = terminal
        self.input = b""
        self.reads_input = True
        self.input_ended = False
        self.paused = False
        self.late = False
        self.signals: list[int] = []
        self.closed = False
        self.escaped_writer = False
        self.abandoned = False
        self.members: list[GroupMember] = []
        self._clock = clock
        self._unread = b""
        self._input_open = terminal is not None or self.descriptors.get(_STDIN) == "w"
        self._kept: list[tuple[int, bytes]] = []
        self._protocol = protocol
        self._ignores: set[int] = set()
        self._ending: Failure | None = None
        self._ended = False

    # --- what a test makes it do -----------------------------------------------

    def emit(self, descriptor: int, data: bytes) -> None:
        """Write to standard output (1), error (2) or a report (3).

        Lost once the pipes closed.
        """
        if self.paused:
            self._kept.append((descriptor, data))
        elif not self.closed:
            self._protocol.childDataReceived(descriptor, data)

    def read_input(self) -> None:
        """Read what was written so far."""
        self.input += self._unread
        self._unread = b""

    def close_input(self) -> None:
        """The process closes its end of standard input."""
        if self._input_open:
            self._input_open = False
            self._unread = b""
            self._protocol.childConnectionLost(_STDIN)

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
        if self.late:
            self.abandoned = True
            return
        if self.pid is None:
            raise ProcessExitedAlready
        number = (
            signalID if isinstance(signalID, int) else signal.Signals[f"SIG{signalID}"]
        )
        self.signals.append(int(number))
        self._clock.callLater(0, self._shell_signalled, int(number))

    def loseConnection(self) -> None:
        """Close the pipes from our side."""
        self.closed = True
        if not self._ended:
            self._clock.callLater(0, self._end_if_unheld)

    def closeStdin(self) -> None:
        """Tell the end of the input; a terminal stays open."""
        if self.terminal is not None:
            self.write(_END_OF_FILE)
        else:
            self.input_ended = self.input_ended or self._input_open
            self._input_open = False

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
        """Write to standard input, if there is one."""
        if childFD != _STDIN or not self._input_open:
            raise KeyError(childFD)
        self.write(data)

    def write(self, data: bytes) -> None:
        """Write to standard input; lost if there is none."""
        if self._input_open:
            self._unread += data
            if self.reads_input:
                self.read_input()

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Write to standard input; lost if there is none."""
        self.write(b"".join(data))

    def getHost(self) -> Any:
        """There is no address."""
        raise NotImplementedError

    def getPeer(self) -> Any:
        """There is no address."""
        raise NotImplementedError

    def pauseProducing(self) -> None:
        """Keep the output until it is read on."""
        self.paused = True

    def resumeProducing(self) -> None:
        """Read on, and what was kept first."""
        self.paused = False
        kept, self._kept = self._kept, []
        for descriptor, data in kept:
            self.emit(descriptor, data)

    # --- IConversation ---------------------------------------------------------

    def pending_input(self) -> int:
        """Bytes that were written and not read."""
        return len(self._unread)

    def terminal_descriptor(self) -> int | None:
        """There is none in memory."""
        return None

    def stdin_descriptor(self) -> int | None:
        """There is none in memory."""
        return None

    def resize(self, size: TerminalSize) -> None:
        """Give the terminal another size."""
        if self.terminal is not None:
            self.terminal = size

    # --- groups ----------------------------------------------------------------

    @property
    def live(self) -> int:
        """How many live: the shell and the members of its group."""
        return (self.pid is not None) + sum(member.alive for member in self.members)

    def group_signalled(self, number: int) -> None:
        """Every process of the group gets a signal, a moment from now."""
        self.signals.append(number)
        self._clock.callLater(0, self._members_signalled, number)
        self._clock.callLater(0, self._shell_signalled, number)

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

    def process_ids(self) -> tuple[int, ...]:
        """Who lives; members have the id of the group."""
        return (self._process.group,) * self._process.live

    def survivors(self) -> tuple[Survivor, ...]:
        """Who lives; members have no id of their own."""
        return (Survivor(pid=self._process.group, name="stuck"),) * self._process.live

    def release(self) -> None:
        """Forget them."""
        self.released = True
