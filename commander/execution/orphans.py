"""Commands with everything they have started, found by adoption.

Linux gives a process whose parent has died to its nearest living ancestor that has
asked for such orphans: this process, a *subreaper*. So nothing that a command starts
can get away by leaving its session, its parent or its environment. It stays below
the root of its command, or it becomes a child of this process. ``claims`` reads the
marks of its command on it; ``sweep`` keeps the list of the adopted.

**Killing.** A process that forks, changes its session and exits for ever is faster
than any list of it. But every hop makes a new child of ours, and nobody else takes
one off the list. So a command that is killed is *doomed*: the list is read, and who
is new and belongs to it is killed, until nobody is new; and again a millisecond
later, until nobody is left.

**Who has no command** is killed when it is seen. While commands run the list is read
once a second, and at every end of a command. What cannot be killed is looked at ever
more rarely, once a second in the end, until it is gone. The one timer for all this
ends by itself when there is nobody to look after, a second late at most. Process 1
of a container has nobody above it: there the timer never ends, and who has no command
is never spared. That is what others leave behind, with ``docker exec`` say.

**Bounds.** Slices of ``sweep.SLICE_SECONDS``, with at least as long a pause. A walk
over the descendants of a command stops after ``WALK_SECONDS``: of a larger tree, what
is in no group with the rest gets no TERM, and is counted by what is known of it.
"""

from __future__ import annotations

import signal
import time
from typing import Final

from twisted.internet.interfaces import IReactorTime

from commander.alarm import Alarm
from commander.commands import Survivor
from commander.execution.claims import Claims, Family
from commander.execution.kernel import Kernel, KernelCalls, signals_for
from commander.execution.sweep import SLICE_SECONDS, Sweeper
from commander.execution.tags import Tags
from commander.execution.tree import (
    Children,
    ChildrenFile,
    Process,
    ProcFiles,
    Walk,
)
from commander.interfaces import Monotonic

__all__ = ["SubreaperTree", "SubreaperTrees"]

LOOK_SECONDS: Final = 1.0
"""How often zombies are reaped and strays ended while commands run."""
BUSY_MET: Final = 100
BUSY_SECONDS: Final = 0.02
"""How often after a look that met more than this many since the one before: what
forks and exits for ever leaves thousands of zombies a second, and ids are few."""
IDLE_SECONDS: Final = 10.0
"""How often process 1 looks when no command runs."""
SWEEP_SECONDS: Final = 0.001
"""Shortest pause between two slices of killing."""
WALK_SECONDS: Final = 0.005
"""Longest walk over the descendants of one command."""
REST: Final = 3
"""An answer to how many are left holds for as many times as long as it took."""
SURVIVORS_AT_MOST: Final = 20
"""Of these the names are told."""


class SubreaperTree:
    """One command's processes; made by ``SubreaperTrees.tree``.

    Args:
        trees: Is told when there is somebody to kill.
        family: Who they are.
        sweeper: The adopted.
        claims: Knows the command until it is released.
        files: ``/proc``.
        kernel: System calls about processes.
        monotonic: Seconds.
    """

    def __init__(
        self,
        *,
        family: Family,
        sweeper: Sweeper,
        claims: Claims,
        files: ProcFiles,
        kernel: Kernel,
        monotonic: Monotonic,
    ) -> None:
        self._family = family
        self._sweeper = sweeper
        self._claims = claims
        self._files = files
        self._kernel = kernel
        self._monotonic = monotonic
        self._remembered = 0
        self._remembered_until = float("-inf")

    def signal(self, number: int) -> int:
        """Signal every process once; stopped ones are continued, or TERM would wait.

        With SIGKILL, whatever of the command is seen from now on is killed too. To
        kill again is of use as long as the root lives.
        """
        killing = number == signal.SIGKILL
        if killing and self._family.doomed and not self._live_root():
            return 0
        until = self._monotonic() + WALK_SECONDS
        self._sweeper.look_at_threads(until)
        self._sweeper.look(until)
        walk, count = self._walk(), len(self._family.orphans) + self._live_root()
        groups = self._signal_root(number)
        until = self._monotonic() + WALK_SECONDS
        if killing:
            self._sweeper.doom(self._family)
            self._sweeper.sweep(self._monotonic() + SLICE_SECONDS)
        else:
            self._signal_orphans(number, groups, until)
        for process in walk.found:
            if process.group not in groups and self._monotonic() <= until:
                self._sweeper.signal_seen(process, number)
        return count + len(walk.found)

    def left(self) -> int:
        """How many live; adopted zombies are reaped. Zero is exact.

        To be asked in the turn in which the root was waited for, if not before: from
        then on the root's id, which may become another's, is not used. Who asks again
        soon after an answer that took long gets the same, if it was not zero.
        """
        began = self._monotonic()
        root = self._live_root()
        if began < self._remembered_until:
            return self._remembered
        self._remembered = self._count(root, began + SLICE_SECONDS)
        if self._remembered:
            now = self._monotonic()
            self._remembered_until = now + REST * (now - began)
        return self._remembered

    def survivors(self) -> tuple[Survivor, ...]:
        """Who is left, at most ``SURVIVORS_AT_MOST``."""
        return tuple(
            Survivor(pid=process.pid, name=process.name)
            for process in self._live()[:SURVIVORS_AT_MOST]
        )

    def process_ids(self) -> tuple[int, ...]:
        """Who lives, as far as a walk comes; takes some 20 us for each."""
        return tuple(process.pid for process in self._live())

    def release(self) -> None:
        """Forget the command; what is left of it is killed and watched till gone."""
        self._sweeper.root_is_there(self._family)
        self._claims.remove(self._family)
        self._sweeper.disown(self._family)

    def _signal_root(self, number: int) -> set[int]:
        """Signal the root with its group; the group, if it leads one by now."""
        root = self._family.root
        if not self._sweeper.root_is_there(self._family):
            return set()
        if self._kernel.group(root) == root:
            self._send_to_group(root, number)
            return {root}
        # It runs before a launcher's setsid, in our own group.
        for each in signals_for(number):
            self._kernel.send(root, each)
        return set()

    def _signal_orphans(self, number: int, groups: set[int], until: float) -> None:
        """Signal the groups of the orphans, as many as time allows; note which."""
        for pid in self._family.orphans:
            group = self._kernel.group(pid)
            if group is not None and group not in groups:
                if self._monotonic() > until:
                    return
                self._send_to_group(group, number)
                groups.add(group)

    def _send_to_group(self, group: int, number: int) -> None:
        for each in signals_for(number):
            self._kernel.send_group(group, each)

    def _live_root(self) -> int:
        if not self._sweeper.root_is_there(self._family):
            return 0
        process = self._files.process(self._family.root)
        return int(process is not None and process.alive)

    def _live(self) -> list[Process]:
        self._sweeper.look(self._monotonic() + SLICE_SECONDS)
        tops = map(self._files.process, self._tops())
        return [
            process
            for process in (*tops, *self._walk().found)
            if process is not None and process.alive
        ]

    def _count(self, root: int, until: float) -> int:
        """Who lives: the root or not, the orphans, and what descends from them."""
        if self._family.doomed:
            self._sweeper.look_at_threads(until)
        while in_time := self._sweeper.look(until):
            # Whoever was a zombie may have left a child after the look.
            if not self._reap_orphans(until):
                break
        count = root + len(self._family.orphans)
        if not in_time:
            return max(1, count)
        if count:
            walk = self._walk()
            count += walk.unseen + sum(process.alive for process in walk.found)
        return count

    def _reap_orphans(self, until: float) -> int:
        """Reap those that are zombies, as time allows; how many were."""
        reaped = 0
        for pid in tuple(self._family.orphans):
            if self._monotonic() > until:
                break
            reaped += self._sweeper.reap(pid)
        return reaped

    def _tops(self) -> tuple[int, ...]:
        """The children of this process that all of the command descend from."""
        there = self._sweeper.root_is_there(self._family)
        return (*((self._family.root,) if there else ()), *self._family.orphans)

    def _walk(self) -> Walk:
        until = self._monotonic() + WALK_SECONDS
        return self._files.below(self._tops(), lambda: self._monotonic() <= until)


class SubreaperTrees:
    """All trees of this process, which has become a subreaper before.

    There can be one only in a process: what another one claims is a stray here.

    Args:
        clock: Where the one timer is made.
        monotonic: Seconds.
        tags: Where tags come from.
        files: ``/proc``.
        kernel: System calls about processes.
        adopted: The children of the main thread; closed by ``close``.
        first_process: Whether this is process 1, which gets the orphans of others too
            and is alone in reaping them.

    Raises:
        OSError: The kernel does not list children (no CONFIG_PROC_CHILDREN).
    """

    def __init__(
        self,
        *,
        clock: IReactorTime,
        monotonic: Monotonic = time.monotonic,
        tags: Tags | None = None,
        files: ProcFiles | None = None,
        kernel: Kernel | None = None,
        adopted: Children | None = None,
        first_process: bool = False,
    ) -> None:
        self._monotonic = monotonic
        self._first_process = first_process
        self._files = files or ProcFiles()
        self._kernel = kernel or KernelCalls(self._files)
        self._adopted = adopted or ChildrenFile()
        self._alarm = Alarm(clock, monotonic)
        self._due = float("inf")
        self._pause = SWEEP_SECONDS
        self._next_round = 0.0
        self._met = 0
        self._claims = Claims(
            tags=tags or Tags(),
            files=self._files,
            kernel=self._kernel,
            monotonic=monotonic,
        )
        self._sweeper = Sweeper(
            claims=self._claims,
            files=self._files,
            kernel=self._kernel,
            adopted=self._adopted,
            monotonic=monotonic,
            condemned_one=self._go_on_soon,
        )
        if first_process:
            self._wake(IDLE_SECONDS)

    def new_tag(self) -> int:
        """A number for one command that its descendants can inherit; never repeated."""
        if not (self._has_work or self._claims.starting):
            self._sweeper.spare_all()
        return self._claims.new_tag()

    def drop_tag(self, tag: int) -> None:
        """The command that it was meant for was not started."""
        self._claims.drop_tag(tag)

    def tree(self, *, pid: int, run_id: str, tag: int) -> SubreaperTree:
        """The tree of a root that was started just now.

        A root that the main thread started has to be told here in the same turn of
        the reactor, or it is taken for an orphan.
        """
        family = Family(root=pid, run_id=run_id, tag=tag)
        self._sweeper.roots[pid] = family
        self._claims.add(family)
        self._wake(LOOK_SECONDS)
        return SubreaperTree(
            family=family,
            sweeper=self._sweeper,
            claims=self._claims,
            files=self._files,
            kernel=self._kernel,
            monotonic=self._monotonic,
        )

    def spare(self, pid: int) -> None:
        """Never touch this child, though it is in a session of its own.

        Needed only for who was started while commands run or are being started.
        """
        self._sweeper.spare(pid)

    def close(self) -> None:
        """Look at nothing any more: no timer and no descriptor is left."""
        self._alarm.cancel()
        self._due = float("-inf")  # nothing is sooner: no timer is made any more
        self._adopted.close()

    @property
    def _has_work(self) -> bool:
        return self._first_process or self._sweeper.has_work

    def _go_on_soon(self) -> None:
        self._pause = SWEEP_SECONDS
        self._wake(SWEEP_SECONDS)

    def _wake(self, seconds: float) -> None:
        """Look in this many seconds at the latest."""
        due = self._monotonic() + seconds
        if due < self._due:
            self._due = due
            self._alarm.set(seconds, self._tick)

    def _tick(self) -> None:
        began = self._monotonic()
        self._due = float("inf")
        sweeper, condemned, met = self._sweeper, self._sweeper.condemned, self._met
        if began >= self._next_round:
            self._next_round = began + LOOK_SECONDS
            sweeper.look_at_threads(began + SLICE_SECONDS)
            sweeper.begin_round()
        if not self._has_work:
            return
        until = self._monotonic() + SLICE_SECONDS
        finished = sweeper.sweep(until) and sweeper.go_on_with_round(until)
        self._met = sweeper.met
        if sweeper.condemned < condemned:
            self._pause = SWEEP_SECONDS
        spent = self._monotonic() - began
        if not finished or sweeper.siblings:
            self._wake(max(SWEEP_SECONDS, spent))
        elif sweeper.condemned:
            self._wake(max(self._pause, spent))
            self._pause = min(2 * self._pause, LOOK_SECONDS)
        elif sweeper.has_work:
            self._wake(BUSY_SECONDS if self._met - met > BUSY_MET else LOOK_SECONDS)
        elif self._first_process:
            self._wake(IDLE_SECONDS)
