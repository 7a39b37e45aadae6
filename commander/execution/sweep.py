"""The list of those whom this process has adopted: meet them, reap them, kill them.

The list is the children of the main thread, as the kernel keeps it. Others are on it
besides orphans of commands. Roots, where the main thread starts them: they are never
waited for here, their transport does that. And children of the program around us (a
test, an embedding), which are never touched. Those are all that are in our own
session, where no process of a command is; and all that were there at a time when no
command was running or being started.

By ``clone`` a root can make itself a sibling, which the kernel lists under the thread
that started the root. ``look_at_threads`` finds those.

An orphan that was not waited for keeps its id, and that of its group, from being
used again. Descendants are signalled after a look at when they started.

**Bounds.** Every piece of work has a time at which it stops and says so. Only reading
the list cannot stop, as who is new stands at its end; it takes about 1 us for each
orphan that lives in the background of a running command.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Final

from commander.execution.claims import Claims, Doubt, Family
from commander.execution.kernel import Kernel, signals_for
from commander.execution.tags import starts_roots
from commander.execution.tree import Children, Process, ProcFiles
from commander.interfaces import Monotonic

__all__ = ["SLICE_SECONDS", "Sweeper"]

SLICE_SECONDS: Final = 0.002
"""Longest piece of meeting, killing and reaping in one turn of the reactor."""
MET_AT_LEAST: Final = 16
"""Newcomers that are met in a reading of the list, whatever the time."""
THREADS_SECONDS: Final = 0.01
"""Shortest pause between two readings of the lists of the other threads."""


class Sweeper:
    """Knows who was adopted, and for which command.

    Args:
        claims: Tells whose a newcomer is.
        files: ``/proc``.
        kernel: System calls about processes.
        adopted: The list.
        monotonic: Seconds.
        condemned_one: Called when somebody is to be killed who was not before.
    """

    def __init__(
        self,
        *,
        claims: Claims,
        files: ProcFiles,
        kernel: Kernel,
        adopted: Children,
        monotonic: Monotonic,
        condemned_one: Callable[[], None],
    ) -> None:
        self._claims = claims
        self._files = files
        self._kernel = kernel
        self._adopted = adopted
        self._monotonic = monotonic
        self._condemned_one = condemned_one
        self._own = os.getpid()
        self._own_session = kernel.session(self._own)
        self._owners: dict[int, Family | None] = {}
        self._condemned: dict[int, None] = {}
        self._cycle: list[int] = []
        self._round: list[int] = []
        self._threads_read_at = float("-inf")
        self.siblings = False
        """Whether the last look found siblings of roots, or not all it could."""
        self._spared: set[int] = set()
        self.roots: dict[int, Family] = {}
        """Roots that nobody has waited for yet."""
        self.met = 0
        """Newcomers so far that were claimed, condemned or found dead."""

    @property
    def condemned(self) -> int:
        """How many are to be killed and not reaped yet."""
        return len(self._condemned)

    @property
    def has_work(self) -> bool:
        """Whether a command runs, or anybody is left of one."""
        return bool(
            self.roots or self._owners or self.siblings or self._claims.undecided
        )

    def spare(self, pid: int) -> None:
        """Never touch this child."""
        self._spared.add(pid)

    def spare_all(self) -> None:
        """Never touch those who are on the list now."""
        offset = 0
        while page := self._adopted.page(offset):
            self._spared.update(map(int, page.split()))
            offset += len(page)

    def root_is_there(self, family: Family) -> bool:
        """Whether the root's id still means the root: nobody has waited for it."""
        if family.root_waited_for:
            return False
        if self._kernel.is_child(family.root):
            return True
        family.root_waited_for = True
        if self.roots.get(family.root) is family:
            del self.roots[family.root]
        return False

    # --- who is there ----------------------------------------------------------

    def look(self, until: float) -> bool:
        """Meet who is new on the list; false if time did not suffice."""
        return self._read(self._adopted, self._meet, until)

    def look_at_threads(self, until: float) -> None:
        """Meet siblings of roots; seldom, unless there were some the last time."""
        now = self._monotonic()
        if not self.siblings and now - self._threads_read_at < THREADS_SECONDS:
            return
        self._threads_read_at = now
        met = self.met
        threads = [n for n in self._files.threads(self._own) if n != self._own]
        finished = all(self._look_at_thread(thread, until) for thread in threads)
        self.siblings = self.met != met or not finished

    def reap(self, pid: int) -> bool:
        """Wait for an orphan if it is a zombie; whether it is gone."""
        if not self._kernel.reap(pid):
            return False
        family = self._owners.pop(pid, None)
        if family is not None:
            family.orphans.pop(pid, None)
        self._condemned.pop(pid, None)
        return True

    def begin_round(self) -> None:
        """Look also at what does not show on the list; now and then."""
        self._claims.forget_old()
        self._spared = {pid for pid in self._spared if self._kernel.is_child(pid)}
        for family in tuple(self.roots.values()):
            if family.doomed:
                self.root_is_there(family)
        self._round = list(self._owners)

    def go_on_with_round(self, until: float) -> bool:
        """Reap the orphans that have ended by themselves; whether all were asked."""
        while self._round and self._monotonic() <= until:
            self.reap(self._round.pop())
        return not self._round

    def _read(
        self, children: Children, meet: Callable[[int, int], bool], until: float
    ) -> bool:
        """Meet who is new on a list; false if time did not suffice.

        When a zombie is taken off, all behind it move up: then the list is read from
        its beginning again. So once this is true, nobody was overlooked.
        """
        offset, first = 0, self.met
        while page := children.page(offset):
            moved = False
            for pid in map(int, page.split()):
                if pid in self._owners or pid in self.roots or pid in self._spared:
                    continue
                # Some in any case: to read a long list takes all the time there is.
                if self.met - first >= MET_AT_LEAST and self._monotonic() > until:
                    return False
                session = self._kernel.session(pid)
                if session is not None and session != self._own_session:
                    moved |= meet(pid, session)
            offset = 0 if moved else offset + len(page)
        return True

    def _meet(self, pid: int, session: int) -> bool:
        """Find out about an orphan; whether it was a zombie, and is gone now."""
        if self._reap_newcomer(pid):
            return True
        self._adopt(pid, self._claims.of_orphan(pid, session))
        return False

    def _look_at_thread(self, thread: int, until: float) -> bool:
        """Meet the siblings under one thread; false if time did not suffice."""
        of_spawner = starts_roots(thread)

        def meet(pid: int, session: int) -> bool:
            owner = self._claims.of_sibling(pid, session, of_spawner=of_spawner)
            if owner is not Doubt.WAIT and self._reap_newcomer(pid):
                return True
            self._adopt(pid, owner)
            return False

        try:
            children = self._files.open_children(thread)
        except OSError:  # the thread has ended: its children are another's now
            return True
        try:
            return self._read(children, meet, until)
        finally:
            children.close()

    def _reap_newcomer(self, pid: int) -> bool:
        if not self._kernel.reap(pid):
            return False
        self.met += 1
        self._claims.forget(pid)
        return True

    def _adopt(self, pid: int, owner: Family | Doubt) -> None:
        if owner is Doubt.WAIT:
            return
        self.met += 1
        family = owner if isinstance(owner, Family) else None
        self._owners[pid] = family
        if family is not None:
            family.orphans[pid] = None
        if family is None or family.doomed:
            self._condemned[pid] = None
            self._kill(pid)
            self._condemned_one()

    # --- ending them -----------------------------------------------------------

    def doom(self, family: Family) -> None:
        """Kill whoever of a command is there or comes; ``sweep`` does it."""
        family.doomed = True
        self._condemned.update(family.orphans)
        # They are next: those whom others have left may be many.
        self._cycle.extend(family.orphans)
        if family.orphans:
            self._condemned_one()

    def disown(self, family: Family) -> None:
        """Doom a command that is over: its orphans are strays from now on."""
        self.doom(family)
        for pid in family.orphans:
            self._owners[pid] = None
        family.orphans.clear()

    def sweep(self, until: float) -> bool:
        """Kill the condemned and who comes of them; false if time did not suffice.

        The list is read when all were visited whom the last reading gave, so that
        reading does not take the time to kill. Not everybody is dead afterwards: it
        takes the kernel a moment, and the children of who dies become newcomers.
        """
        finished = True
        if not self._cycle:
            finished = self._meet_all(until)
            self._cycle = list(self._condemned)
            until = max(until, self._monotonic() + SLICE_SECONDS)
        while self._cycle:
            pid = self._cycle.pop()
            if pid in self._condemned and not self.reap(pid):
                self._kill(pid)
            if self._monotonic() > until:
                return False
        return finished

    def _meet_all(self, until: float) -> bool:
        """Look until nobody is new; false if time did not suffice."""
        met = -1
        while met != self.met:
            met = self.met
            if self.siblings:
                self.look_at_threads(until)
            if not self.look(until):
                return False
        return True

    def signal_seen(self, process: Process, number: int) -> bool:
        """Signal a descendant, unless somebody else has its id by now."""
        return all(
            self._kernel.send_checked(process, each) for each in signals_for(number)
        )

    def _kill(self, pid: int) -> None:
        until = self._monotonic() + SLICE_SECONDS
        walk = self._files.below((pid,), lambda: self._monotonic() <= until)
        group = self._kernel.group(pid)
        if group is not None:
            self._kernel.send_group(group, signal.SIGKILL)
        for process in walk.found:
            self.signal_seen(process, signal.SIGKILL)
