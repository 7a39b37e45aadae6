"""Which server started a process, as a text in the environment of the process.

A process outlives the server that started it only if that server was killed. So that
the next server finds it, every command's environment names its *owner*: the process id
of the server and when it started, which together are never used twice in one *world*.
A world is one start of the machine, one namespace of process ids and one of times:
only within it do such numbers mean the same to everybody.

The text is no secret and no proof. A process may take it out of its environment, or
put another one in; whom that can hurt is the process itself.
"""

from __future__ import annotations

import functools
import os
import re
from typing import Final

import attrs

from commander.execution.tree import ProcFiles

__all__ = ["SERVER", "Owner", "namespace_of", "own_text", "owner_of", "this_process"]

SERVER: Final = "COMMANDER_SERVER"
"""Names the server that a process was started by, to the servers that come after."""

_TEXT: Final = re.compile(r"([1-9][0-9]{0,6})\.([0-9]{1,19})\.([!-~]{1,100})")
"""Ids of processes have seven digits at most, and a start is a signed number."""
_BOOT: Final = "sys/kernel/random/boot_id"


@attrs.frozen
class Owner:
    """A server, alive or over."""

    pid: int
    started: int
    """In clock ticks since the machine started."""
    world: str
    """Where these two numbers mean this server."""

    def __str__(self) -> str:
        return f"{self.pid}.{self.started}.{self.world}"

    def is_over(self, files: ProcFiles) -> bool:
        """Whether it has ended for certain; only for an owner of this world.

        Another user's process may be hidden from us. One that exists and cannot be
        looked at is taken for the owner.

        Args:
            files: Tell who has its id now.
        """
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:
            pass
        process = files.process(self.pid)
        if process is None:
            return False
        return process.started != self.started or not process.alive


def owner_of(text: str) -> Owner | None:
    """Read what ``Owner`` writes; None if it is anything else."""
    match = _TEXT.fullmatch(text)
    return Owner(int(match[1]), int(match[2]), match[3]) if match else None


def this_process(root: str = "/proc") -> Owner | None:
    """This process as an owner; None where the kernel does not tell enough.

    Args:
        root: Where ``/proc`` is mounted. If it is that of another namespace of
            process ids, its numbers are not ours.
    """
    own = os.getpid()
    process = ProcFiles(root).process(own)
    try:
        if process is None or int(os.readlink(f"{root}/self")) != own:
            return None
        with open(f"{root}/{_BOOT}", encoding="ascii") as file:
            boot = file.read().strip()
    except (OSError, ValueError):
        return None
    namespaces = [namespace_of(own, kind, root) for kind in ("pid", "time")]
    if not boot or not namespaces[0]:
        return None
    return Owner(own, process.started, ".".join((boot, *namespaces)))


def namespace_of(pid: int, kind: str, root: str = "/proc") -> str:
    """The number of a process's namespace; nothing if it is not for us to see.

    Args:
        pid: Whose.
        kind: As the kernel names it: ``pid``, ``time``.
        root: Where ``/proc`` is mounted.
    """
    try:
        link = os.readlink(f"{root}/{pid}/ns/{kind}")
    except OSError:  # it is gone, or another user's; or the kernel has no such kind
        return ""
    return link.removeprefix(f"{kind}:[").removesuffix("]")


def own_text() -> str | None:
    """What commands of this process carry as ``COMMANDER_SERVER``, if anything.

    Asked of the kernel once for a process: one that forks, as a daemon does, is
    another one afterwards.
    """
    return _text_of(os.getpid())


@functools.lru_cache(maxsize=1)
def _text_of(_pid: int) -> str | None:
    owner = this_process()
    return None if owner is None else str(owner)
