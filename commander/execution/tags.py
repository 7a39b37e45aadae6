"""A number on each process of a command, which what it starts inherits.

A process that leaves its session, its parent and its environment keeps its resource
limits. Linux has one that binds nothing, ``RLIMIT_LOCKS``: the kernel has not looked
at it since 2.4, but still keeps it, hands it on at every fork, and lets nobody raise
its hard value without ``CAP_SYS_RESOURCE``. The hard value is the tag.

**Numbers.** Each server draws a block of 2^40 numbers by lot and counts upwards in
it. Two servers on one machine, or one and its predecessor, share a block once in
four million; a thousand commands a second use one up in thirty years. A server that
itself carries a tag, as a command of another, draws a block below it: it could not
put on a higher one, and the outer server sees a number that it did not give.

**Upwards**, because a process may lower its own number. It then passes for a process
of a command that was started *before* its own, and is ended with that one at the
latest; and it can play this again with those only that were already running when it
began. Were the numbers to fall, it could move on to a newer command each time, and
live as long as the server is busy. A number that belongs to no running command hides
nobody.

**Twice.** The hard value is set from outside, right after the spawn: some
microseconds later on a quiet machine, milliseconds on a busy one. What the process
has started until then is looked for and gets the tag as well; but by then a daemon
may have lost its parent. So the server *announces* the tag, before the spawn, as the
soft value of its own limit, which a new process has from its first moment. A soft
value can be changed by anybody, and when two threads spawn within some microseconds
it may be the other's tag. So it counts for a process without a hard one only.
"""

from __future__ import annotations

import contextlib
import resource
import secrets
import threading
from typing import Final

from commander.execution.tree import ProcFiles

__all__ = ["Tags", "announce_tag", "put_tag", "read_marks", "starts_roots"]

_RLIMIT_LOCKS: Final = 10
"""The same on every architecture; Python has no name for it."""
_LIMITS_TITLE: Final = b"Max file locks"
_BLOCK_BITS: Final = 40
_MOST: Final = 1 << 62
"""Python and the kernel both take signed 64 bits."""

_tagging_threads: Final[set[int]] = set()


class Tags:
    """Gives out numbers, and knows them again; one object for a server.

    Args:
        own: The hard value that this process has itself; -1 for unlimited.
    """

    def __init__(self, own: int | None = None) -> None:
        self._own = resource.getrlimit(_RLIMIT_LOCKS)[1] if own is None else own
        most = _MOST if self._own < 0 else min(_MOST, self._own)
        blocks = max(2, most >> _BLOCK_BITS)
        self._block = 1 + secrets.randbelow(blocks - 1)
        self._next = self._block << _BLOCK_BITS

    def new(self) -> int:
        """A number that was never given before, higher than all that were."""
        self._next += 1
        return self._next

    def of(self, marks: tuple[int, int]) -> int | None:
        """The tag of a process, not always one of ours; None if it carries none.

        Args:
            marks: What ``read_marks`` told.
        """
        soft, hard = marks
        if hard != self._own:
            return hard
        return soft if soft >> _BLOCK_BITS == self._block else None

    def announced_at_most(self, marks: tuple[int, int]) -> bool:
        """Whether a process carries no tag of its own, at most an announced one.

        Args:
            marks: What ``read_marks`` told.
        """
        return marks[1] == self._own


def announce_tag(tag: int) -> None:
    """Let what this process starts from now on be born with a tag.

    To be called right before the spawn, in the thread that spawns; it must start
    nothing else, unless it is the main thread.
    """
    _tagging_threads.add(threading.get_native_id())
    _, own = resource.getrlimit(_RLIMIT_LOCKS)
    # Below a tag of its own that leaves no room it cannot, and does without.
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(_RLIMIT_LOCKS, (tag, own))


def put_tag(pid: int, tag: int) -> None:
    """Put the tag on a process, which must not have been waited for.

    What it has started before has no tag by this.

    Raises:
        OSError: It is gone, or it is another user's, or carries a lower tag.
    """
    resource.prlimit(pid, _RLIMIT_LOCKS, (tag, tag))


def starts_roots(thread: int) -> bool:
    """Whether a thread of this process has put a tag on what it has started."""
    return thread in _tagging_threads


def read_marks(pid: int, files: ProcFiles | None = None) -> tuple[int, int] | None:
    """The soft and the hard value of a process; None if the process is gone."""
    try:
        return resource.prlimit(pid, _RLIMIT_LOCKS)
    except ProcessLookupError:
        return None
    except OSError:
        # Another user's process: it may be looked at by the slow way only.
        return (files or ProcFiles()).limit(pid, _LIMITS_TITLE)
