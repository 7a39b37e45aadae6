"""A machine in memory: processes that fork, leave their session, exit and are killed.

It stands in for ``/proc``, for the kernel's calls and for the list of the adopted.
The server is this process, with its main thread and one thread that starts roots.
Nothing happens by itself; who is killed is dead at once.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Final

import attrs

from commander.execution.tree import Children, Process, ProcFiles

__all__ = ["MachineProcess", "MemoryMachine"]

_FIRST_PID: Final = 10_000_000
"""Above what a real machine has, this process included."""
_SERVER_SESSION: Final = 1
_UNLIMITED: Final = (-1, -1)
_PAGE_BYTES: Final = 64


@attrs.define(kw_only=True, eq=False)
class MachineProcess:
    """One process; a test may set its fields."""

    pid: int
    parent: int
    thread: int
    """Of the server, if that is the parent."""
    session: int
    group: int
    marks: tuple[int, int] = _UNLIMITED
    environment: dict[bytes, bytes] = attrs.field(factory=dict)
    name: str = "sh"
    started: int = 0
    zombie: bool = False
    stuck: bool = False
    """In the kernel: it takes no signal."""
    ignores: frozenset[int] = frozenset()
    signals: list[int] = attrs.field(factory=list)


@attrs.frozen
class _OpenList:
    page: Callable[[int], bytes]

    def close(self) -> None:
        """Nothing was opened."""


class MemoryMachine(ProcFiles):
    """Implements ``ProcFiles``, ``Kernel`` and ``Children`` over pretend processes.

    Attributes:
        own: This process, the server.
        spawner: Its thread that starts roots.
        processes: By id, zombies too, in the order in which their parents got them.
        reaped: Ids of zombies that the server has waited for.
        closed: Whether the list was given back.
        foreign: Whether limits of processes are another user's business.
    """

    def __init__(self) -> None:
        super().__init__("/nowhere")
        self.own = os.getpid()
        self.spawner = self.own + 1
        self.processes: dict[int, MachineProcess] = {}
        self.reaped: list[int] = []
        self.closed = False
        self._pids = iter(range(_FIRST_PID, 10 * _FIRST_PID))

    # --- what a test does ------------------------------------------------------

    def start_root(self, *, tag: int, run_id: str = "", **fields: object) -> int:
        """The spawner's thread starts a command, in a session of its own."""
        pid = next(self._pids)
        self._add(
            pid=pid,
            parent=self.own,
            thread=self.spawner,
            session=pid,
            group=pid,
            marks=(tag, tag),
            environment={b"COMMANDER_RUN": run_id.encode()},
        )
        return self.change(pid, **fields)

    def start_child(self, **fields: object) -> int:
        """The program around the server starts a process, in the server's session."""
        pid = next(self._pids)
        self._add(
            pid=pid,
            parent=self.own,
            thread=self.own,
            session=_SERVER_SESSION,
            group=_SERVER_SESSION,
        )
        return self.change(pid, **fields)

    def fork(self, parent: int, /, **fields: object) -> int:
        """A process starts another one, which inherits all there is to inherit."""
        old = self.processes[parent]
        pid = next(self._pids)
        self.processes[pid] = attrs.evolve(
            old,
            pid=pid,
            parent=parent,
            environment=dict(old.environment),
            started=pid,
            signals=[],
        )
        return self.change(pid, **fields)

    def change(self, pid: int, /, **fields: object) -> int:
        """Set fields of a process."""
        for name, value in fields.items():
            setattr(self.processes[pid], name, value)
        return pid

    def leave_session(self, pid: int) -> int:
        """A process becomes the leader of a session and group of its own."""
        return self.change(pid, session=pid, group=pid)

    def exit(self, pid: int) -> None:
        """A process ends; its children are adopted, at the end of the list."""
        self.processes[pid].zombie = True
        for child in self._children_of(pid):
            child.parent = child.thread = self.own
            self.processes[child.pid] = self.processes.pop(child.pid)

    def wait_for(self, pid: int) -> None:
        """The parent of a zombie waits for it: a transport, or any other process."""
        assert self.processes[pid].zombie  # noqa: S101 - a test's own mistake
        del self.processes[pid]

    @property
    def alive(self) -> set[int]:
        """Who is no zombie."""
        return {each.pid for each in self.processes.values() if not each.zombie}

    # --- ProcFiles -------------------------------------------------------------

    def process(self, pid: int) -> Process | None:
        """Who a process is."""
        found = self.processes.get(pid)
        if found is None:
            return None
        return Process(
            pid=pid,
            name=found.name,
            state="Z" if found.zombie else "S",
            parent=found.parent,
            group=found.group,
            session=found.session,
            threads=1,
            started=found.started,
        )

    def threads(self, pid: int) -> list[int]:
        """Two of the server, one of everybody else."""
        return [self.own, self.spawner] if pid == self.own else [pid]

    def children(self, pid: int) -> list[int]:
        """Of all threads."""
        return [child.pid for child in self._children_of(pid)]

    def children_of_thread(self, pid: int, thread: int) -> list[int]:
        """Of one thread, which makes a difference for the server only."""
        return [
            child.pid
            for child in self._children_of(pid)
            if pid != self.own or child.thread == thread
        ]

    def open_children(self, thread: int) -> Children:
        """Of one thread of the server."""
        return _OpenList(lambda offset: self._page(thread, offset))

    def variable(self, pid: int, name: bytes) -> bytes | None:
        """A zombie has no environment."""
        found = self.processes.get(pid)
        if found is None or found.zombie:
            return None
        return found.environment.get(name)

    # --- Kernel ----------------------------------------------------------------

    def session(self, pid: int) -> int | None:
        """The session of a process."""
        if pid == self.own:
            return _SERVER_SESSION
        found = self.processes.get(pid)
        return None if found is None else found.session

    def group(self, pid: int) -> int | None:
        """The group of a process."""
        if pid == self.own:
            return _SERVER_SESSION
        found = self.processes.get(pid)
        return None if found is None else found.group

    def marks(self, pid: int) -> tuple[int, int] | None:
        """What stands for the tag."""
        found = self.processes.get(pid)
        return None if found is None else found.marks

    def is_child(self, pid: int) -> bool:
        """Whether the server is the parent."""
        found = self.processes.get(pid)
        return found is not None and found.parent == self.own

    def reap(self, pid: int) -> bool:
        """Wait for a child of the server."""
        if not self.is_child(pid):
            return True
        if not self.processes[pid].zombie:
            return False
        del self.processes[pid]
        self.reaped.append(pid)
        return True

    def send(self, pid: int, number: int) -> bool:
        """Signal a process."""
        found = self.processes.get(pid)
        if found is None:
            return False
        found.signals.append(number)
        deadly = number in (signal.SIGKILL, signal.SIGTERM)
        if deadly and not (found.zombie or found.stuck or number in found.ignores):
            self.exit(pid)
        return True

    def send_group(self, group: int, number: int) -> bool:
        """Signal a group; whoever is left of it takes the signal."""
        members = [each.pid for each in self._group_members(group)]
        return any([self.send(pid, number) for pid in members])  # noqa: C419 - to all

    def send_checked(self, process: Process, number: int) -> bool:
        """Signal a process if it is the one that was seen."""
        found = self.processes.get(process.pid)
        if found is None or found.started != process.started:
            return False
        return self.send(process.pid, number)

    # --- Children --------------------------------------------------------------

    def page(self, offset: int) -> bytes:
        """Of the main thread's children."""
        return self._page(self.own, offset)

    def close(self) -> None:
        """Give the list back."""
        self.closed = True

    def _page(self, thread: int, offset: int) -> bytes:
        """A few numbers at a time, as the kernel gives some hundred."""
        pids = self.children_of_thread(self.own, thread)
        text = "".join(f"{pid} " for pid in pids)[offset:]
        return text[: _PAGE_BYTES - _PAGE_BYTES % len(f"{_FIRST_PID} ")].encode()

    def _add(self, **fields: object) -> None:
        process = MachineProcess(**fields)  # type: ignore[arg-type]  # as the class says
        process.started = process.pid
        self.processes[process.pid] = process

    def _children_of(self, pid: int) -> list[MachineProcess]:
        return [each for each in self.processes.values() if each.parent == pid]

    def _group_members(self, group: int) -> Iterator[MachineProcess]:
        return (each for each in list(self.processes.values()) if each.group == group)
