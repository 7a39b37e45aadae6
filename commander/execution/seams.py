"""The seams inside the execution layer.

A process has three sides. The *transport* starts it and reads it; Twisted's process
interfaces describe that side, with two optional ones of ours, which a protocol may
provide and a transport may know. The *tree* is the process with all that it started;
it can be signalled and counted. The *life cycle* decides when.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from zope.interface import Interface

from commander.commands import Survivor

__all__ = [
    "IBufferedProcessProtocol",
    "IPreparingProcessProtocol",
    "ProcessTree",
    "ProcessTrees",
]


class IBufferedProcessProtocol(Interface):
    """A process protocol that says where output is to be read to.

    A transport that knows this interface calls these two in place of
    ``childDataReceived``; one that does not (Twisted's own) calls that. The idea is
    asyncio's ``BufferedProtocol``.
    """

    def child_buffers(descriptor: int, hint: int) -> Sequence[memoryview]:
        """Writable memory for the next read of a stream, in the order to fill it.

        At least one byte, and at most about ``hint`` bytes in all. The views are
        valid until the next call for the same stream.
        """

    def child_buffers_filled(descriptor: int, count: int) -> None:
        """The first ``count`` bytes of those buffers hold output now."""


class IPreparingProcessProtocol(Interface):
    """A process protocol that prepares its process, before and after the spawn.

    The first is called in *the thread that spawns*, the second there or in one that
    stands in for it.
    """

    def child_spawning() -> None:
        """The process is spawned next, and inherits what this thread has then."""

    def child_spawned(pid: int) -> None:
        """The process exists since some microseconds; nothing was read of it yet.

        Called once, before ``makeConnection``. If it raises ``OSError``, the process
        is killed and the start has failed.
        """


class ProcessTree(Protocol):
    """A command's process with everything that it started."""

    def signal(self, number: int) -> int:
        """Signal every process of the tree; how many were signalled."""

    def left(self) -> int:
        """How many processes are left that are no zombies; reaps those that are."""

    def survivors(self) -> tuple[Survivor, ...]:
        """Who is left, by id and name."""

    def release(self) -> None:
        """The command is over: forget it. A second call does nothing."""


class ProcessTrees(Protocol):
    """Where trees come from; one object for the server."""

    def new_tag(self) -> int:
        """A number for one command that its descendants can inherit; never repeated."""

    def drop_tag(self, tag: int) -> None:
        """The command that it was meant for did not start; ``tree`` is not asked."""

    def tree(self, *, pid: int, run_id: str, tag: int) -> ProcessTree:
        """The tree of a process that leads its session, from now until ``release``.

        Args:
            pid: The process; also the id of its session and group.
            run_id: Stands in its environment as ``COMMANDER_RUN``.
            tag: What ``new_tag`` gave and the start has put on it.
        """
