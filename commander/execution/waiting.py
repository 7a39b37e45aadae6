"""Is a command waiting for input? What the kernel knows of it; output is never read.

A thread waits for input if it is blocked in a call that reads, or that waits until
something can be read, and one of the descriptors of that call leads to where the
command's input comes from: its terminal, or the pipe of its standard input. Both can
be told by the text of a link in ``/proc/PID/fd``. The number of a terminal is unique
among terminals, that of a pipe among pipes, and it is the same at both ends.

So ``sleep 5 | cat`` waits for nobody: what ``cat`` reads is a pipe, but not ours. On a
terminal only the processes in its foreground count, as no others may read from it. A
process that is stopped does not wait, nor does one of which any thread runs.

**Two kinds of evidence.** The number and the arguments of the call are readable for
who may trace the process. Where that is forbidden but links are readable, there is the
name of the kernel's function in which a thread sleeps. It tells no descriptor, so it
counts only together with standard input, and says less: see ``SeenIn.FUNCTION``.

**What it is worth.** It is a picture of one moment: who reads line by line is blocked
for a moment before each line, so ask again before you believe it. And who waits for
input *and* for something else, as ``ssh`` does all its life, may wait for the other
thing only: see ``WaitingEvidence.others``.

**Bounds.** ``PROCESSES_AT_MOST`` and ``THREADS_AT_MOST``; some 20 us for a thread that
is blocked. Links are read and never followed, since what is behind them may be a file
system that does not answer. Memory of a process can be such a file too, and the kernel
may hold up who reads it: call this in a thread, if the command is not trusted.
"""

from __future__ import annotations

import enum
import fcntl
import os
import struct
import termios
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

import attrs

from commander.execution.syscalls import (
    EPOLLS,
    POLLS,
    READS,
    RUNNING,
    Call,
    call_names,
    call_of,
    descriptor_of,
    in_epoll,
    in_poll,
    in_select,
    poll_bytes,
    select_bytes,
)
from commander.execution.tree import Process, ProcFiles

__all__ = [
    "PROCESSES_AT_MOST",
    "THREADS_AT_MOST",
    "Inputs",
    "SeenIn",
    "Terminal",
    "WaitingEvidence",
    "WaitsOn",
    "find_waiting",
    "pipe_link",
    "read_terminal",
    "waiting_for_input",
]

PROCESSES_AT_MOST: Final = 64
"""Processes of a command that are looked at; the others are taken to be at work."""
THREADS_AT_MOST: Final = 64
"""Threads of one process that are looked at."""

_TIOCGPTN: Final = 0x80045430
"""Asks our end of a terminal for its number; the same on every machine we know."""
_NUMBER: Final = struct.Struct("=i")
_LOCAL_FLAGS: Final = 3
"""Where they stand in what ``tcgetattr`` gives."""
_STOPPED: Final = "Tt"
_ANY_TERMINAL: Final = "/dev/tty"
"""For a process in the foreground of a terminal it is that terminal."""
_LINE_BYTES: Final = 512
_LIST_BYTES: Final = 65536
"""Of the list of an ``epoll`` object; some 800 descriptors."""


class WaitsOn(enum.Enum):
    """Where the input would come from."""

    TERMINAL = "terminal"
    PIPE = "standard input pipe"


class SeenIn(enum.Enum):
    """What the kernel told."""

    CALL = "system call"
    """The call and its descriptors."""
    FUNCTION = "kernel function"
    """The function in which it sleeps, and that its standard input is the command's.
    On a terminal it may read something else."""


@attrs.frozen(kw_only=True)
class WaitingEvidence:
    """A process that waited for input when it was looked at."""

    pid: int
    name: str
    """At most 15 characters, which the process chooses itself."""
    blocked_in: str
    """The system call, such as ``read`` or ``pselect6``."""
    waits_on: WaitsOn
    seen_in: SeenIn
    others: int = 0
    """Other descriptors that it waits to read from at the same time, as far as they
    were looked at."""
    echo: bool | None = None
    """Whether the terminal shows what is typed: not for a password. None for a pipe."""
    canonical: bool | None = None
    """Whether input counts by lines: not for an editor. None for a pipe."""


@attrs.frozen(kw_only=True)
class Terminal:
    """A command's terminal, as its other end shows it at this moment."""

    link: str
    """What descriptors of it show, such as ``/dev/pts/3``."""
    foreground: int
    """The process group that may read from it; 0 if it is nobody's."""
    echo: bool
    canonical: bool


@attrs.frozen(kw_only=True)
class Inputs:
    """Where the input of a command comes from."""

    terminal: Terminal | None = None
    pipe: str | None = None
    """What descriptors of its standard input show, such as ``pipe:[1234]``."""

    def for_group(self, group: int) -> Mapping[str, WaitsOn]:
        """The links that mean input to a process of this group."""
        links = {} if self.pipe is None else {self.pipe: WaitsOn.PIPE}
        if self.terminal is not None and group == self.terminal.foreground:
            links[self.terminal.link] = WaitsOn.TERMINAL
            links[_ANY_TERMINAL] = WaitsOn.TERMINAL
        return links


_READING: Final = {
    b"n_tty_read": WaitsOn.TERMINAL,
    b"wait_woken": WaitsOn.TERMINAL,  # n_tty_read sleeps there; so do others
    b"pipe_read": WaitsOn.PIPE,
    b"anon_pipe_read": WaitsOn.PIPE,
}
"""The functions in which ``read`` sleeps, and where from it then reads."""


def waiting_for_input(
    process_ids: Sequence[int],
    *,
    terminal_descriptor: int | None = None,
    stdin_descriptor: int | None = None,
) -> WaitingEvidence | None:
    """Find a process of a command that waits for input now.

    Changes nothing, keeps nothing and raises nothing: a process that vanishes
    meanwhile does not wait, and a descriptor that is closed leads nowhere.

    Args:
        process_ids: The command's processes, in the order in which to look.
        terminal_descriptor: Our end of its terminal, if it has one.
        stdin_descriptor: Our end of the pipe that is its standard input, if it is one.
    """
    terminal = pipe = None
    if terminal_descriptor is not None:
        terminal = read_terminal(terminal_descriptor)
    if stdin_descriptor is not None:
        pipe = pipe_link(stdin_descriptor)
    return find_waiting(process_ids, Inputs(terminal=terminal, pipe=pipe))


def read_terminal(descriptor: int) -> Terminal | None:
    """A terminal by our end of it; None if that is closed, or is none."""
    try:
        answer = fcntl.ioctl(descriptor, _TIOCGPTN, bytes(_NUMBER.size))
        foreground = os.tcgetpgrp(descriptor)
        flags = termios.tcgetattr(descriptor)[_LOCAL_FLAGS]
    except (OSError, ValueError, termios.error):
        return None
    return Terminal(
        link=f"/dev/pts/{_NUMBER.unpack(answer)[0]}",
        foreground=max(0, foreground),
        echo=bool(flags & termios.ECHO),
        canonical=bool(flags & termios.ICANON),
    )


def pipe_link(descriptor: int) -> str | None:
    """What descriptors of a pipe show; None if this one is closed."""
    try:
        return f"pipe:[{os.fstat(descriptor).st_ino}]"
    except OSError:
        return None


def find_waiting(
    process_ids: Sequence[int],
    inputs: Inputs,
    *,
    root: str = "/proc",
    machine: str | None = None,
) -> WaitingEvidence | None:
    """Find who waits, of several the one that waits for the least besides.

    Args:
        process_ids: In the order in which to look.
        inputs: Where their input comes from.
        root: Where ``/proc`` is mounted.
        machine: The architecture; this machine's if None.
    """
    files = _ThreadFiles(root, call_names(machine or os.uname().machine))
    found = []
    for pid in process_ids[:PROCESSES_AT_MOST]:
        process = files.process(pid)
        if process is None or not process.alive or process.state in _STOPPED:
            continue
        blocked = files.blocked(process, inputs.for_group(process.group))
        if blocked is not None:
            found.append(_evidence(process, blocked, inputs.terminal))
    return min(found, key=_weakness, default=None)


def _weakness(evidence: WaitingEvidence) -> tuple[bool, int]:
    return evidence.seen_in is SeenIn.FUNCTION, evidence.others


@attrs.frozen
class _Blocked:
    """A thread that waits for input."""

    call: str
    waits_on: WaitsOn
    seen_in: SeenIn
    others: int


def _evidence(
    process: Process, blocked: _Blocked, terminal: Terminal | None
) -> WaitingEvidence:
    shown = terminal if blocked.waits_on is WaitsOn.TERMINAL else None
    return WaitingEvidence(
        pid=process.pid,
        name=process.name,
        blocked_in=blocked.call,
        waits_on=blocked.waits_on,
        seen_in=blocked.seen_in,
        others=blocked.others,
        echo=None if shown is None else shown.echo,
        canonical=None if shown is None else shown.canonical,
    )


class _ThreadFiles:
    """The files that tell what threads wait for.

    Args:
        root: Where ``/proc`` is mounted.
        names: The calls that wait for input, by their numbers.
    """

    def __init__(self, root: str, names: Mapping[int, str]) -> None:
        self._root = root
        self._names = names
        self.process = ProcFiles(root).process

    def blocked(
        self, process: Process, links: Mapping[str, WaitsOn]
    ) -> _Blocked | None:
        """How a process waits for input; None if it does not, or has none to wait for.

        Args:
            process: Of the command.
            links: What shows that a descriptor is the command's input.
        """
        if not links:
            return None
        found = None
        for thread in self._threads(process):
            line = self._read(f"{thread}/syscall", _LINE_BYTES)
            if line.strip() == RUNNING:
                return None
            if line and self._names:
                found = found or self._by_call(thread, line, links)
            else:
                found = found or self._by_function(thread, links)
        return found

    def _by_call(
        self, thread: str, line: bytes, links: Mapping[str, WaitsOn]
    ) -> _Blocked | None:
        call = call_of(line, self._names)
        if call is None:
            return None
        descriptors = self._descriptors(thread, call)
        meant = [links.get(self._link(thread, each)) for each in sorted(descriptors)]
        inputs = [each for each in meant if each is not None]
        if not inputs:
            return None
        others = len(meant) - len(inputs)
        return _Blocked(call.name, inputs[0], SeenIn.CALL, others)

    def _by_function(
        self, thread: str, links: Mapping[str, WaitsOn]
    ) -> _Blocked | None:
        # Compilers append to the names of functions that they have changed.
        function = self._read(f"{thread}/wchan", _LINE_BYTES).partition(b".")[0]
        waits_on = _READING.get(function)
        if waits_on is None or links.get(self._link(thread, 0)) is not waits_on:
            return None
        return _Blocked("read", waits_on, SeenIn.FUNCTION, 0)

    def _descriptors(self, thread: str, call: Call) -> frozenset[int]:
        """What a call waits to read from."""
        if call.name in READS:
            return frozenset({descriptor_of(call.arguments[0])})
        if call.name in EPOLLS:
            epoll = f"{thread}/fdinfo/{descriptor_of(call.arguments[0])}"
            return in_epoll(self._read(epoll, _LIST_BYTES))
        if call.name in POLLS:
            return in_poll(self._memory(thread, call.arguments[0], poll_bytes(call)))
        set_address = call.arguments[1]
        return in_select(call, self._memory(thread, set_address, select_bytes(call)))

    def _threads(self, process: Process) -> Iterator[str]:
        """The folders of a process's threads."""
        folder = f"{self._root}/{process.pid}/task"
        try:
            with os.scandir(folder) as entries:
                names = [each.name for each in islice(entries, THREADS_AT_MOST)]
        except OSError:
            return iter(())
        return (f"{folder}/{name}" for name in names)

    def _link(self, thread: str, descriptor: int) -> str:
        """What a descriptor shows; nothing if it is not open, or not for us to see."""
        try:
            return os.readlink(f"{thread}/fd/{descriptor}")
        except OSError:
            return ""

    def _memory(self, thread: str, address: int, size: int) -> bytes:
        return self._read(f"{thread}/mem", size, address)

    def _read(self, path: str, size: int, offset: int = 0) -> bytes:
        """A piece of a file, or nothing if it cannot be had."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return b""
        try:
            return os.pread(descriptor, size, offset)
        except (OSError, OverflowError):  # it ended, or there is no such address
            return b""
        finally:
            os.close(descriptor)
