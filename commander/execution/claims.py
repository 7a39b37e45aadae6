"""Whose is it? To which command a process belongs that has lost its parent.

What is asked, in this order; the first that knows a running command decides:

1. **The session.** A process can leave a session but never enter one that exists.
2. **The tag** (``tags``). A process can lower its own but not raise it.
3. **The run id in its environment**, and only if it carries no tag: it was started
   before the tag was put on. The text of an environment can be forged, in favour of
   any command whose own can be read.
4. **The announced tag**, on the same condition. It can be forged too, and it may be
   that of another start, where two threads spawned at once.

Whom no command claims is a *stray*: the command that it came from is over, or it has
made itself unknowable. There is one doubt. A start is under way for some milliseconds
before its command is known here, and the tag comes some microseconds after the
process. So a process with the tag of such a start, or without any, waits to be claimed
until the starts that were under way when it was first seen are known, or for two
seconds. So does a sibling of roots with an announced tag only: were that believed at
once, a root in that moment could be taken for what another command has left, and be
killed with it.
"""

from __future__ import annotations

import enum
from typing import Final

import attrs

from commander.execution.environment import RUN_ID
from commander.execution.kernel import Kernel
from commander.execution.tags import Tags
from commander.execution.tree import ProcFiles
from commander.interfaces import Monotonic

__all__ = ["Claims", "Doubt", "Family"]

WAIT_SECONDS: Final = 2.0
"""Longest wait for a start that could explain a process; between its tag and its
command's being known here lies a turn of the reactor."""
STARTS_AT_MOST: Final = 10_000
"""Tags that are remembered as given out and not yet on a known command; so that
nobody who forgets to drop one of a failed start makes us remember more and more."""


@attrs.define(eq=False)
class Family:
    """A command's root, and the orphans that were claimed for it."""

    root: int
    run_id: str
    tag: int
    root_waited_for: bool = False
    """The root's id may be another's from then on."""
    doomed: bool = False
    """Everything of it is to be killed as soon as it is seen."""
    orphans: dict[int, None] = attrs.field(factory=dict)
    """Children of this process now, oldest first."""


class Doubt(enum.Enum):
    """The answers that name no command."""

    STRAY = enum.auto()
    """It belongs to nobody."""
    WAIT = enum.auto()
    """Ask again later."""


class Claims:
    """The running commands, and what tells a process of theirs.

    Args:
        tags: Where their tags come from.
        files: Tells what is in an environment.
        kernel: Tells sessions and tags.
        monotonic: Seconds; how long a process waits to be claimed.
    """

    def __init__(
        self, *, tags: Tags, files: ProcFiles, kernel: Kernel, monotonic: Monotonic
    ) -> None:
        self._tags = tags
        self._files = files
        self._kernel = kernel
        self._monotonic = monotonic
        self._by_session: dict[int, Family] = {}
        self._by_tag: dict[int, Family] = {}
        self._by_run: dict[str, Family] = {}
        self._starting: dict[int, None] = {}
        self._last_tag = 0
        self._waiting: dict[int, tuple[float, int]] = {}

    def new_tag(self) -> int:
        """A tag for a command that is about to be started."""
        self._last_tag = self._tags.new()
        self._starting[self._last_tag] = None
        if len(self._starting) > STARTS_AT_MOST:
            del self._starting[next(iter(self._starting))]
        return self._last_tag

    def add(self, family: Family) -> None:
        """The command runs: it can claim."""
        self._starting.pop(family.tag, None)
        self.forget(family.root)
        self._by_session[family.root] = family
        self._by_tag[family.tag] = family
        self._by_run[family.run_id] = family

    def remove(self, family: Family) -> None:
        """The command is over: it claims nothing any more."""
        if self._by_session.get(family.root) is family:
            del self._by_session[family.root]
        if self._by_run.get(family.run_id) is family:
            del self._by_run[family.run_id]
        self._by_tag.pop(family.tag, None)

    def drop_tag(self, tag: int) -> None:
        """The command was not started after all."""
        self._starting.pop(tag, None)

    @property
    def starting(self) -> bool:
        """Whether a tag was given out whose command is not known yet."""
        return bool(self._starting)

    @property
    def undecided(self) -> bool:
        """Whether processes wait to be claimed."""
        return bool(self._waiting)

    def forget(self, pid: int) -> None:
        """A process is gone that may have waited to be claimed."""
        self._waiting.pop(pid, None)

    def forget_old(self) -> None:
        """Forget who has waited so long that nobody asks any more."""
        limit = self._monotonic() - 2 * WAIT_SECONDS
        self._waiting = {
            pid: seen for pid, seen in self._waiting.items() if seen[0] > limit
        }

    def of_orphan(self, pid: int, session: int) -> Family | Doubt:
        """Whose a process is that this one has adopted.

        Args:
            pid: The process, which must not be a zombie.
            session: Where it is; not this process's own.
        """
        marks = self._kernel.marks(pid)
        if marks is None:
            return Doubt.WAIT
        tag = self._tags.of(marks)
        announced = self._tags.announced_at_most(marks)
        family = self._family_of(pid, session, tag, announced=announced)
        if family is None and self._may_be_starting(pid, tag):
            return Doubt.WAIT
        self._waiting.pop(pid, None)
        return Doubt.STRAY if family is None else family

    def of_sibling(self, pid: int, session: int, *, of_spawner: bool) -> Family | Doubt:
        """Whose a child of one of this process's other threads is.

        Roots of commands that are being started are such children. Those of other
        parts of the program are too, unless the thread is one that starts roots.

        Args:
            pid: The process, or zombie.
            session: Where it is; not this process's own.
            of_spawner: Whether the thread starts roots and nothing else.
        """
        marks = self._kernel.marks(pid)
        if marks is None:
            return Doubt.WAIT
        tag = self._tags.of(marks)
        if self._tags.announced_at_most(marks):
            # A child of another thread, or a root that gets its own tag in a moment;
            # unless it says itself that it is of a command that is known.
            family = self._family_by_run(pid)
            if family is None and (not of_spawner or self._explained(pid)[0]):
                return Doubt.WAIT
            family = family or self._family_of(pid, session, tag, announced=False)
            return family or Doubt.STRAY
        family = self._family_of(pid, session, tag, announced=False)
        if family is not None:
            return family
        known = tag not in self._starting
        return Doubt.STRAY if known or not self._explained(pid)[0] else Doubt.WAIT

    def _family_of(
        self, pid: int, session: int, tag: int | None, *, announced: bool
    ) -> Family | None:
        if tag in self._starting:
            # Its session may have the id of one that a command had before.
            return None
        family = self._by_session.get(session)
        if family is None and announced:
            family = self._family_by_run(pid)
        return family or self._by_tag.get(tag or 0)

    def _family_by_run(self, pid: int) -> Family | None:
        run_id = self._files.variable(pid, RUN_ID.encode()) or b""
        return self._by_run.get(run_id.decode(errors="replace"))

    def _may_be_starting(self, pid: int, tag: int | None) -> bool:
        """Whether a start is under way that explains an orphan."""
        if tag is not None and tag not in self._starting:
            return False
        explained, seconds = self._explained(pid)
        return explained and seconds < WAIT_SECONDS

    def _explained(self, pid: int) -> tuple[bool, float]:
        """Whether a start is under way that was when it was first seen; since when."""
        now = self._monotonic()
        since, last_tag = self._waiting.setdefault(pid, (now, self._last_tag))
        oldest = next(iter(self._starting), None)
        return oldest is not None and oldest <= last_tag, now - since
