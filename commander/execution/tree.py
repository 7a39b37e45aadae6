"""Reading ``/proc``: who a process is, and what it has started.

A process may vanish between two reads, and its id may then be another's. So every
answer is a value, or None or nothing for a process that is gone; and a process is
known by its id together with the time at which it started.

A process that is dead and not waited for yet, a zombie, still has its files. One
trap: a process whose first thread has ended shows as a zombie while its other
threads run.

The kernel lists the children of each *thread* apart. That makes two uses cheap. The
children of a foreign process are those of all its threads. And the processes that
this one adopted hang off its main thread, whatever thread started the commands.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, Protocol

import attrs

from commander.execution.short_calls import read_file

__all__ = ["Children", "ChildrenFile", "ProcFiles", "Process", "Walk"]

_DEAD: Final = "ZXx"
_ONE_THREAD_LINKS: Final = 3
"""Links of the directory ``task``: ``.``, ``..`` and one for each thread."""
_STAT_BYTES: Final = 4096
_LIST_BYTES: Final = 4096
_ENVIRON_BYTES: Final = 2 * 1024 * 1024
"""More than a command's environment can be; see ``checks``."""


class Children(Protocol):
    """A list of children that is read page by page."""

    def page(self, offset: int) -> bytes:
        """What stands there from a byte on, whole numbers; nothing at the end."""

    def close(self) -> None:
        """Give it back: it is empty from then on."""


@attrs.frozen(kw_only=True)
class Process:
    """What the kernel tells of a process in one read."""

    pid: int
    name: str
    """At most 15 characters."""
    state: str
    parent: int
    group: int
    session: int
    threads: int
    started: int
    """In clock ticks since the machine started."""

    @property
    def alive(self) -> bool:
        """Whether any thread of it still runs; false for a zombie."""
        return self.state not in _DEAD or self.threads > 1


@attrs.frozen(kw_only=True)
class Walk:
    """The processes below some others, as far as time allowed to look."""

    found: tuple[Process, ...]
    """Parents before their children."""
    unseen: int
    """Processes that are known to exist and were not looked at any more."""


class ProcFiles:
    """The files of other processes.

    Args:
        root: Where ``/proc`` is mounted.
    """

    def __init__(self, root: str = "/proc") -> None:
        self._root = root

    def process(self, pid: int) -> Process | None:
        """Who a process is; about 10 us."""
        line = self._read(f"{pid}/stat", _STAT_BYTES)
        # pid (name) state ...: the name may hold spaces and brackets
        opening, closing = line.find(b"("), line.rfind(b")")
        fields = line[closing + 2 :].split()
        if not 0 < opening < closing or len(fields) < 20:
            return None
        return Process(
            pid=pid,
            name=line[opening + 1 : closing].decode(errors="replace"),
            state=fields[0].decode(),
            parent=int(fields[1]),
            group=int(fields[2]),
            session=int(fields[3]),
            threads=int(fields[17]),
            started=int(fields[19]),
        )

    def lists_children(self, pid: int) -> bool:
        """Whether the kernel tells the children of a process's main thread."""
        return os.path.exists(f"{self._root}/{pid}/task/{pid}/children")

    def children(self, pid: int) -> list[int]:
        """What all threads of a process have started or adopted, zombies too."""
        return [
            child
            for thread in self._threads_with_children(pid)
            for child in self.children_of_thread(pid, thread)
        ]

    def children_of_thread(self, pid: int, thread: int) -> list[int]:
        """What one thread of a process has started or adopted, zombies too."""
        data = self._read(f"{pid}/task/{thread}/children", _LIST_BYTES, whole=True)
        return [int(child) for child in data.split()]

    def open_children(self, thread: int) -> Children:
        """The children of a thread of this process, to be read now and closed.

        Raises:
            OSError: There is no such thread, or the kernel lists no children.
        """
        return ChildrenFile(self._root, thread)

    def threads(self, pid: int) -> list[int]:
        """The ids of a process's threads."""
        try:
            return [int(name) for name in os.listdir(f"{self._root}/{pid}/task")]
        except OSError:
            return []

    def below(self, pids: Iterable[int], in_time: Callable[[], bool]) -> Walk:
        """Everything that these processes have started and that still descends.

        Args:
            pids: Where to begin; not part of the answer.
            in_time: Asked before each process; false ends the walk.
        """
        tops = frozenset(pids)
        waiting, seen = deque(tops), set(tops)
        found = []
        while waiting and in_time():
            pid = waiting.popleft()
            if pid not in tops:
                process = self.process(pid)
                if process is None:
                    continue
                found.append(process)
            new = [child for child in self.children(pid) if child not in seen]
            seen.update(new)
            waiting.extend(new)
        return Walk(found=tuple(found), unseen=len(set(waiting).difference(tops)))

    def variable(self, pid: int, name: bytes) -> bytes | None:
        """A variable of the environment that a process was started with."""
        data = self._read_environment(pid)
        wanted = name + b"="
        for entry in data.split(b"\0"):
            if entry.startswith(wanted):
                return entry[len(wanted) :]
        return None

    def limit(self, pid: int, title: bytes) -> tuple[int, int] | None:
        """The soft and the hard value of a resource limit; -1 is unlimited.

        Args:
            pid: Whose; anybody may ask for any process.
            title: As in ``/proc/PID/limits``, such as ``Max file locks``.
        """
        for line in self._read(f"{pid}/limits", _STAT_BYTES).splitlines():
            if line.startswith(title):
                soft, hard = line[len(title) :].split()[:2]
                return _limit(soft), _limit(hard)
        return None

    def _threads_with_children(self, pid: int) -> list[int]:
        """All threads; a process that has one only is not listed to know it."""
        try:
            links = os.stat(f"{self._root}/{pid}/task").st_nlink
        except OSError:
            return []
        return [pid] if links == _ONE_THREAD_LINKS else self.threads(pid)

    def _read(self, path: str, size: int, *, whole: bool = False) -> bytes:
        """The beginning of a file, or nothing if there is none.

        Args:
            path: Below the root.
            size: Bytes to read at once.
            whole: Read on to the end: lists come a page of memory at a time.
        """
        try:
            return read_file(f"{self._root}/{path}", size, whole=whole)
        except OSError:  # there is none, or it ended while we read
            return b""

    def _read_environment(self, pid: int) -> bytes:
        """It lies in the memory of the process, which may make us wait for it."""
        try:
            with open(f"{self._root}/{pid}/environ", "rb") as file:
                return file.read(_ENVIRON_BYTES)
        except OSError:
            return b""


def _limit(text: bytes) -> int:
    return -1 if text == b"unlimited" else int(text)


class ChildrenFile:
    """The children of one thread of this process, read again and again.

    To read a file of ``/proc`` that is open already costs a tenth of opening it: 0.7
    against 6 us. The descriptor is this object's until ``close``.

    Args:
        root: Where ``/proc`` is mounted.
        thread: By default the main one, on whose list the adopted are.

    Raises:
        OSError: There is no such file.
    """

    def __init__(self, root: str = "/proc", thread: int | None = None) -> None:
        own = os.getpid()
        self._descriptor = os.open(
            f"{root}/{own}/task/{thread or own}/children", os.O_RDONLY | os.O_CLOEXEC
        )

    def page(self, offset: int) -> bytes:
        """Some 500 numbers at most.

        Offsets hold as long as nobody is taken off the list; who is new stands at its
        end.
        """
        if self._descriptor < 0:
            return b""
        try:
            return os.pread(self._descriptor, _STAT_BYTES, offset)
        except OSError:  # the thread has ended
            return b""

    def close(self) -> None:
        """Give the descriptor back; the list is empty from then on."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
