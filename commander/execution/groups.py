"""Process groups, for systems on which a whole tree cannot be followed.

Every command leads a session and a group of its own, whose id is the shell's
process id. A process that leaves the group is not found. A zombie counts as gone: it
holds nothing, and who must reap it is not always there to do so (process 1 of a small
container often does not).

The id of a group cannot be reused while it has a member. Between the last member's
end and our next look the kernel would have to go round all process ids.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from typing import Final, Protocol

from commander.commands import Survivor
from commander.execution.kernel import KernelCalls, signals_for
from commander.execution.tags import Tags
from commander.execution.tree import ProcFiles
from commander.interfaces import Monotonic

__all__ = ["GroupSignals", "GroupTree", "GroupTrees", "PosixGroups", "signal_name"]

SCAN_SECONDS: Final = 0.02
"""As often as one command looks in the long run."""


class GroupSignals(Protocol):
    """How process groups are reached."""

    def send(self, group: int, number: int) -> bool:
        """Signal a group. False if it does not exist (any more)."""

    def members(self, group: int) -> tuple[Survivor, ...]:
        """Who is left of a group and is no zombie."""


class PosixGroups:
    """The groups of this machine.

    Whether a group has a member that is no zombie takes a look at every process. When
    many commands end at once, many ask. So a look serves all who ask within
    ``SCAN_SECONDS``, but only to say that a group lives: that one is gone is never
    said from memory, or a process that just began could be overlooked.

    Args:
        monotonic: Tells how old a look is.
        proc: Where ``/proc`` is mounted.
    """

    def __init__(
        self, monotonic: Monotonic = time.monotonic, proc: str = "/proc"
    ) -> None:
        self._monotonic = monotonic
        self._proc = proc
        self._files = ProcFiles(proc)
        self._kernel = KernelCalls(self._files)
        self._seen: Mapping[int, tuple[Survivor, ...]] = {}
        self._seen_at = -SCAN_SECONDS

    def send(self, group: int, number: int) -> bool:
        """Signal a group; a member of another user that refuses it is no error."""
        return self._kernel.send_group(group, number)

    def alive(self, group: int) -> bool:
        """Whether a process of the group is left that is not a zombie."""
        return bool(self.members(group))

    def members(self, group: int) -> tuple[Survivor, ...]:
        """One system call in the usual case that the group is gone."""
        if not self.send(group, 0):
            return ()
        now = self._monotonic()
        if group in self._seen and now - self._seen_at < SCAN_SECONDS:
            return self._seen[group]
        try:
            self._seen, self._seen_at = self._look(), now
        except OSError:  # no /proc here: the kernel's word must do
            return (Survivor(pid=group, name=""),)
        return self._seen.get(group, ())

    def _look(self) -> Mapping[int, tuple[Survivor, ...]]:
        """Every group with a member that is no zombie."""
        pids = [int(name) for name in os.listdir(self._proc) if name.isdigit()]
        groups: dict[int, tuple[Survivor, ...]] = {}
        for process in filter(None, map(self._files.process, pids)):
            if process.alive:
                member = Survivor(pid=process.pid, name=process.name)
                groups[process.group] = (*groups.get(process.group, ()), member)
        return groups


class GroupTree:
    """A command's process group.

    Args:
        root: The process that leads it, or will when its launcher has run.
        groups: How it is reached.
        kernel: Reaches the one process before that.
    """

    def __init__(self, root: int, groups: GroupSignals, kernel: KernelCalls) -> None:
        self._root = root
        self._groups = groups
        self._kernel = kernel

    def signal(self, number: int) -> int:
        """Signal the group; how many is not told: one, or zero for none."""
        return max(int(self._send(each)) for each in signals_for(number))

    def left(self) -> int:
        """How many of the group live; a root that has no group yet is one."""
        return len(self._groups.members(self._root)) or int(self._has_no_group_yet())

    def process_ids(self) -> tuple[int, ...]:
        """Who of the group lives; a root that has no group yet is alone."""
        members = tuple(each.pid for each in self._groups.members(self._root))
        return members or ((self._root,) if self._has_no_group_yet() else ())

    def survivors(self) -> tuple[Survivor, ...]:
        """Who of the group lives."""
        return self._groups.members(self._root)

    def release(self) -> None:
        """There is nothing to forget."""

    def _send(self, number: int) -> bool:
        if self._groups.send(self._root, number):
            return True
        return self._has_no_group_yet() and self._kernel.send(self._root, number)

    def _has_no_group_yet(self) -> bool:
        """Whether it runs between its spawn and the launcher's ``setsid``."""
        there = self._kernel.is_child(self._root)
        return there and self._kernel.group(self._root) != self._root


class GroupTrees:
    """Trees that are process groups; for where there is nothing better.

    Args:
        groups: How groups are reached.
        kernel: Reaches single processes.
    """

    def __init__(
        self, groups: GroupSignals | None = None, kernel: KernelCalls | None = None
    ) -> None:
        self._groups = groups or PosixGroups()
        self._kernel = kernel or KernelCalls()
        self._tags = Tags()

    def new_tag(self) -> int:
        """A number that is never repeated; nothing is found by it."""
        return self._tags.new()

    def drop_tag(self, tag: int) -> None:
        """There is nothing to forget."""

    def tree(self, *, pid: int, run_id: str, tag: int) -> GroupTree:
        """The group of a process that leads one, or will in a moment."""
        return GroupTree(pid, self._groups, self._kernel)

    def close(self) -> None:
        """There is nothing to stop."""


def signal_name(number: int) -> str:
    """The name of a signal, such as ``SIGKILL`` or ``SIG42`` for one without."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"
