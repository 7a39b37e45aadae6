"""A group of its own for each command, so that the kernel bounds its processes.

A control group with the ``pids`` controller refuses to ``fork`` above ``pids.max``,
whoever descends from whom. The server makes one below its own group for a command,
moves the process in right after the spawn, and removes it when the command is over.
The name holds the server's process id, so that a successor can tell the groups of a
server that was killed.

Kernels mount controllers in two ways. In version 1 a sub-group needs nothing more.
In version 2 a group may not hold both processes and sub-groups, unless these are
*threaded*: such groups share all but a few controllers, ``pids`` among the few, with
the group above. So neither the server nor its neighbours have to move.

In most containers the tree is read-only, and below a desktop session it belongs to
root: then there are no such groups, and others must count.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

__all__ = ["CommandGroups", "OwnGroup", "find_group", "open_groups", "writable_group"]

_PROC: Final = Path("/proc/self")
_PREFIX: Final = "commander"
_STRAY: Final = re.compile(rf"{_PREFIX}-([0-9]+)-[0-9]+")
_PROBE_TAG: Final = 0
"""Of the group that is made to see whether it can be; no command has it."""


@attrs.frozen(kw_only=True)
class OwnGroup:
    """The control group that the server is in."""

    path: Path
    unified: bool
    """It is one of version 2, where one group serves all controllers."""


class CommandGroups:
    """The groups of one server's commands.

    Args:
        own: The group to make them in.
        max_processes: Of one command; threads count too.
    """

    def __init__(self, own: OwnGroup, max_processes: int) -> None:
        self._prefix = str(own.path / f"{_PREFIX}-{os.getpid()}-")
        self._threaded = own.unified
        self._max_processes = str(max_processes).encode()
        self._leaving: set[int] = set()

    def enter(self, tag: int, pid: int) -> None:
        """Make the group of a command and put its process in; in any thread.

        A process that is over already is no error.

        Raises:
            OSError: The process could not be put in; nothing is left of the group.
        """
        group = f"{self._prefix}{tag}"
        with contextlib.suppress(FileExistsError):  # left full by a dead server
            os.mkdir(group)
        try:
            if self._threaded:
                _write(f"{group}/cgroup.type", b"threaded")
            _write(f"{group}/pids.max", self._max_processes)
            _write(f"{group}/cgroup.procs", str(pid).encode())
        except ProcessLookupError:
            return
        except OSError:
            _removed(group)
            raise

    def remove(self, tag: int) -> None:
        """The command with this tag is over; in the reactor's thread.

        A group that the kernel still holds for busy is tried again with the next.
        """
        self._leaving.add(tag)
        for each in tuple(self._leaving):
            if _removed(f"{self._prefix}{each}"):
                self._leaving.discard(each)


def find_group(controller: str, proc: Path = _PROC) -> OwnGroup | None:
    """The server's group in the hierarchy that has a controller; None if unknown."""
    try:
        return _find(controller, proc)
    except (OSError, ValueError):
        return None


def writable_group(proc: Path = _PROC) -> OwnGroup | str:
    """Where groups for commands may be made, as far as can be seen; changes nothing.

    Args:
        proc: Where the kernel describes this process.

    Returns:
        The group, or why there is none.
    """
    found = find_group("pids", proc)
    if found is None or not _handed_down(found):
        return "the kernel's pids controller is not at hand"
    names = ["", "cgroup.procs", *(["cgroup.subtree_control"] if found.unified else [])]
    if not all(os.access(found.path / name, os.W_OK) for name in names):
        return "the server may not write its control group"
    return found


def open_groups(max_processes: int, own: OwnGroup) -> CommandGroups | str:
    """Make groups possible, remove those of dead servers, and try with one process.

    Takes some milliseconds.

    Returns:
        The groups, or why they do not work here.
    """
    _remove_strays(own.path)
    groups = CommandGroups(own, max_processes)
    try:
        if own.unified:
            _write(str(own.path / "cgroup.subtree_control"), b"+pids")
        _try(groups)
    except OSError as error:
        return f"a group cannot be used: {error.strerror}"
    return groups


def _try(groups: CommandGroups) -> None:
    """Put a process into a group: this takes more rights than to make one."""
    with subprocess.Popen(
        ["cat"],  # noqa: S607 - whichever it is, it ends when its input does
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    ) as probe:
        groups.enter(_PROBE_TAG, probe.pid)
    groups.remove(_PROBE_TAG)


def _find(controller: str, proc: Path) -> OwnGroup | None:
    paths = {}
    for line in (proc / "cgroup").read_text().splitlines():
        _number, names, path = line.split(":", 2)
        paths.update(dict.fromkeys(names.split(","), Path(path)))
    # The hierarchy of version 2 names no controllers; it has those that no other has.
    unified = controller not in paths
    own = paths.get("" if unified else controller)
    for root, point, kind, options in _mounts(proc):
        wanted = kind == "cgroup2" if unified else controller in options
        if wanted and own is not None and own.is_relative_to(root):
            return OwnGroup(path=point / own.relative_to(root), unified=unified)
    return None


def _handed_down(own: OwnGroup) -> bool:
    if not own.unified:
        return True
    try:
        return "pids" in (own.path / "cgroup.controllers").read_text().split()
    except OSError:
        return False


def _mounts(proc: Path) -> Iterator[tuple[str, Path, str, list[str]]]:
    """Of every mount: what is mounted, where, its kind and its options."""
    for line in (proc / "mountinfo").read_text().splitlines():
        place, _, system = line.partition(" - ")
        kind, _source, options = system.split(" ", 2)
        root, point = place.split(" ")[3:5]
        yield root, Path(point), kind, options.split(",")


def _remove_strays(own: Path) -> None:
    """Remove the empty groups of servers that are gone; full ones are left alone."""
    for group in own.iterdir():
        match = _STRAY.fullmatch(group.name)
        # A group with our own id was made by a predecessor: we have made none yet.
        if match and (int(match[1]) == os.getpid() or not _runs(match[1])):
            _removed(str(group))


def _runs(pid: str) -> bool:
    return Path("/proc", pid).exists()


def _removed(group: str) -> bool:
    """Whether a group is gone now."""
    try:
        os.rmdir(group)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _write(path: str, text: bytes) -> None:
    # Not as of ``short_calls``: the kernel may wait here for others who move processes.
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text)
    finally:
        os.close(descriptor)
