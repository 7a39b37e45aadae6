"""The seams inside the execution layer.

A process has three sides. The *transport* starts it and reads it; Twisted's process
interfaces describe that side, with optional ones of ours, which a protocol may provide
and a transport may know, or the other way round. The *tree* is the process with all
that it started; it can be signalled and counted. The *life cycle* decides when.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import attrs
from zope.interface import Attribute, Interface

from commander.commands import Survivor, TerminalSize

__all__ = [
    "IBufferedProcessProtocol",
    "IConversation",
    "IPreparingProcessProtocol",
    "ITerminalProcessProtocol",
    "ProcessTree",
    "ProcessTrees",
    "TerminalWish",
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


@attrs.frozen(kw_only=True)
class TerminalWish:
    """The terminal that a process is to have."""

    size: TerminalSize = attrs.field(factory=TerminalSize)
    owner: int | None = None
    """The user whose terminal it is once the process has it; None for the server's."""


class ITerminalProcessProtocol(Interface):
    """A process protocol that says what terminal its process is to have.

    A spawner that knows this interface looks at it when it is called with ``usePTY``;
    for other protocols the terminal is as the defaults of ``TerminalWish`` say.
    """

    terminal = Attribute("A ``TerminalWish``.")


class IConversation(Interface):
    """A process transport that tells more of its input than Twisted's do."""

    def pending_input() -> int:
        """Bytes that were written and not read by the process yet."""

    def terminal_descriptor() -> int | None:
        """Our end of the terminal, for as long as it is open; None for pipes."""

    def stdin_descriptor() -> int | None:
        """Our end of the pipe that is standard input; None for terminals, or closed."""

    def resize(size: TerminalSize) -> None:
        """Give the terminal another size; without one nothing happens."""


class ProcessTree(Protocol):
    """A command's process with everything that it started."""

    def signal(self, number: int) -> int:
        """Signal every process of the tree; how many were signalled."""

    def left(self) -> int:
        """How many processes are left that are no zombies; reaps those that are."""

    def process_ids(self) -> tuple[int, ...]:
        """Those that live, parents before their children, as far as time allows."""

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
