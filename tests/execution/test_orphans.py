"""Trees by adoption: who is found, who is spared, and that everything ends."""

from __future__ import annotations

import itertools
import os
import signal
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
)
from twisted.internet.task import Clock

from commander.commands import Survivor
from commander.execution.claims import WAIT_SECONDS
from commander.execution.orphans import (
    IDLE_SECONDS,
    LOOK_SECONDS,
    SURVIVORS_AT_MOST,
    SubreaperTree,
    SubreaperTrees,
)
from commander.execution.sweep import SLICE_SECONDS
from commander.execution.tags import Tags
from commander.testing.machine import MemoryMachine

UNTAGGED = (-1, -1)
TERM = [signal.SIGTERM, signal.SIGCONT]


class Scene:
    """Trees on a machine in memory, with a clock that stands still."""

    def __init__(
        self,
        machine: MemoryMachine | None = None,
        step: float = 0.0,
        *,
        first_process: bool = False,
    ) -> None:
        self.machine = machine or MemoryMachine()
        self.clock = Clock()
        self._asked = 0.0
        self._step = step
        self._runs = itertools.count()
        self.trees = SubreaperTrees(
            clock=self.clock,
            monotonic=self.seconds,
            tags=Tags(own=-1),
            files=self.machine,
            kernel=self.machine,
            adopted=self.machine,
            first_process=first_process,
        )

    def seconds(self) -> float:
        """The time, which takes a step each time that somebody asks."""
        self._asked += self._step
        return self.clock.seconds() + self._asked

    def start(self, **fields: Any) -> tuple[int, SubreaperTree]:
        """Start a command: its root and its tree."""
        tag, run_id = self.trees.new_tag(), f"run{next(self._runs)}"
        root = self.machine.start_root(tag=tag, run_id=run_id, **fields)
        return root, self.trees.tree(pid=root, run_id=run_id, tag=tag)

    def daemon(self, parent: int, **fields: Any) -> int:
        """A process of a command leaves session and parent, as a daemon does."""
        middle = self.machine.fork(parent)
        self.machine.leave_session(middle)
        daemon = self.machine.fork(middle)
        self.machine.leave_session(daemon)
        self.machine.change(daemon, **fields)
        self.machine.exit(middle)
        self.machine.wait_for(middle)
        return daemon

    def end(self, root: int) -> None:
        """A root exits, and its transport waits for it."""
        if not self.machine.processes[root].zombie:
            self.machine.exit(root)
        self.machine.wait_for(root)

    def pass_time(self, seconds: float) -> None:
        """Let time pass in small steps."""
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end:
            self.clock.advance(0.001)

    def signals(self, pid: int) -> list[int]:
        return self.machine.processes[pid].signals


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_command_that_leaves_nothing_behind_is_over(scene: Scene) -> None:
    root, tree = scene.start()
    assert tree.left() == 1
    scene.end(root)
    assert tree.left() == 0
    assert tree.survivors() == ()
    assert tree.process_ids() == ()


def test_everything_of_a_command_is_counted_but_zombies(scene: Scene) -> None:
    root, tree = scene.start()
    child = scene.machine.fork(root)
    scene.machine.fork(child)
    scene.daemon(root)
    scene.machine.exit(scene.machine.fork(root))
    assert tree.left() == 4
    assert len(tree.process_ids()) == 4
    assert tree.process_ids()[0] == root
    assert set(tree.process_ids()) == set(scene.machine.alive)


def test_term_reaches_everything_and_wakes_who_is_stopped(scene: Scene) -> None:
    root, tree = scene.start(ignores={signal.SIGTERM})
    child = scene.machine.fork(root)
    grandchild = scene.machine.leave_session(scene.machine.fork(child))
    daemon = scene.daemon(root)
    assert tree.signal(signal.SIGTERM) == 4
    for pid in (root, child, grandchild, daemon):
        assert scene.signals(pid) == TERM, scene.machine.processes[pid]
    assert len(scene.machine.alive) == 4


def test_kill_leaves_nothing_alive_and_no_zombie(scene: Scene) -> None:
    root, tree = scene.start(ignores={signal.SIGTERM})
    scene.machine.fork(scene.machine.leave_session(scene.machine.fork(root)))
    scene.machine.fork(scene.daemon(root))
    tree.signal(signal.SIGKILL)
    scene.end(root)
    assert tree.left() == 0
    assert scene.machine.processes == {}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"environment": {}},
        {"marks": UNTAGGED},
        {"environment": {}, "marks": UNTAGGED, "session": None},
    ],
    ids=["all marks", "tag", "run id", "session"],
)
def test_one_mark_is_enough_to_know_an_orphan(
    scene: Scene, fields: dict[str, Any]
) -> None:
    root, tree = scene.start()
    session = {"session": root} if "session" in fields else {}
    daemon = scene.daemon(root, **{**fields, **session})
    assert tree.left() == 2
    assert scene.signals(daemon) == []


def test_an_announced_tag_counts_for_who_has_no_other(scene: Scene) -> None:
    root, tree = scene.start()
    tag, _ = scene.machine.processes[root].marks
    daemon = scene.daemon(root, environment={}, marks=(tag, -1))
    assert tree.left() == 2
    assert scene.signals(daemon) == []


def test_the_tag_counts_more_than_the_environment(scene: Scene) -> None:
    root, tree = scene.start()
    _, other = scene.start()
    scene.daemon(root, environment={b"COMMANDER_RUN": b"run1"})
    assert tree.left() == 2
    assert other.left() == 1


def test_the_session_counts_more_than_the_tag(scene: Scene) -> None:
    root, tree = scene.start()
    other_root, other = scene.start()
    scene.daemon(root, session=root, marks=scene.machine.processes[other_root].marks)
    assert tree.left() == 2
    assert other.left() == 1


@pytest.mark.parametrize("marks", [UNTAGGED, (7, 7)], ids=["untagged", "lowered"])
def test_an_orphan_that_nobody_claims_ends_at_once(
    scene: Scene, marks: tuple[int, int]
) -> None:
    root, tree = scene.start()
    daemon = scene.daemon(root, environment={}, marks=marks)
    assert tree.left() == 1
    assert daemon not in scene.machine.alive
    scene.pass_time(0.01)
    assert daemon not in scene.machine.processes


def test_an_orphan_of_a_command_that_is_over_ends_at_once(scene: Scene) -> None:
    root, tree = scene.start(stuck=True)
    child = scene.machine.fork(root, stuck=False)
    scene.machine.leave_session(child)
    tree.release()
    _, other = scene.start()
    scene.machine.fork(child)
    scene.machine.exit(child)
    scene.machine.exit(root)
    other.left()
    scene.pass_time(0.01)
    assert len(scene.machine.alive) == 1


def test_the_end_of_one_command_does_not_touch_another(scene: Scene) -> None:
    roots, trees = zip(*(scene.start() for _ in range(3)), strict=True)
    daemons = [scene.daemon(root, environment={}) for root in roots]
    trees[1].signal(signal.SIGTERM)
    trees[1].signal(signal.SIGKILL)
    scene.end(roots[1])
    assert trees[1].left() == 0
    trees[1].release()
    scene.pass_time(3 * LOOK_SECONDS)
    for each in (roots[0], roots[2], daemons[0], daemons[2]):
        assert scene.signals(each) == []
    assert [trees[0].left(), trees[2].left()] == [2, 2]


# --- who is not of a command -------------------------------------------------------


def test_children_in_our_own_session_are_neither_ended_nor_waited_for(
    scene: Scene,
) -> None:
    root, tree = scene.start()
    child, dead = scene.machine.start_child(), scene.machine.start_child()
    scene.machine.exit(dead)
    scene.pass_time(3 * LOOK_SECONDS)
    tree.signal(signal.SIGKILL)
    scene.end(root)
    assert tree.left() == 0
    tree.release()
    scene.pass_time(LOOK_SECONDS)
    assert scene.signals(child) == []
    assert set(scene.machine.processes) == {child, dead}


def test_children_that_were_there_before_any_command_are_spared(scene: Scene) -> None:
    first = scene.machine.start_child(session=5, group=5)
    for _ in range(2):
        root, tree = scene.start()
        scene.pass_time(2 * LOOK_SECONDS)
        scene.end(root)
        assert tree.left() == 0
        tree.release()
        scene.pass_time(2 * LOOK_SECONDS)
        # The second one comes when no command runs any more.
        second = scene.machine.start_child(session=6, group=6)
    scene.pass_time(2 * LOOK_SECONDS)
    assert scene.signals(first) == scene.signals(second) == []


def test_a_child_in_its_own_session_beside_commands_has_to_be_announced(
    scene: Scene,
) -> None:
    scene.start()
    spared, other = (scene.machine.start_child(session=n, group=n) for n in (5, 6))
    scene.trees.spare(spared)
    scene.pass_time(2 * LOOK_SECONDS)
    assert spared in scene.machine.alive
    assert other not in scene.machine.processes


def test_the_id_of_a_spared_child_that_ended_spares_nobody_else(scene: Scene) -> None:
    scene.start()
    child = scene.machine.start_child(session=5, group=5)
    scene.trees.spare(child)
    scene.machine.exit(child)
    scene.machine.wait_for(child)
    scene.pass_time(2 * LOOK_SECONDS)
    scene.machine.processes[child] = scene.machine.processes[
        scene.machine.start_child(session=5, group=5)
    ]
    scene.machine.processes[child].pid = child
    scene.pass_time(2 * LOOK_SECONDS)
    assert child not in scene.machine.alive


def test_a_root_that_the_main_thread_started_is_not_waited_for_here(
    scene: Scene,
) -> None:
    root, tree = scene.start(thread=os.getpid())
    scene.pass_time(2 * LOOK_SECONDS)
    tree.signal(signal.SIGKILL)
    scene.pass_time(2 * LOOK_SECONDS)
    assert scene.machine.processes[root].zombie
    scene.end(root)
    assert tree.left() == 0


def test_the_id_of_a_root_is_not_used_once_it_was_waited_for(scene: Scene) -> None:
    root, tree = scene.start()
    scene.end(root)
    assert tree.left() == 0
    # The id comes round: it is that of another command's root now.
    tag = scene.trees.new_tag()
    other = scene.machine.start_root(tag=tag)
    scene.machine.processes[root] = scene.machine.processes.pop(other)
    scene.machine.processes[root].pid = scene.machine.leave_session(root)
    for known in (False, True):
        if known:
            scene.trees.tree(pid=root, run_id="other", tag=tag)
        tree.signal(signal.SIGTERM)
        tree.signal(signal.SIGKILL)
        assert tree.left() == 0
    tree.release()
    assert scene.signals(root) == []


# --- starts under way --------------------------------------------------------------


@pytest.mark.parametrize("tagged", [True, False])
def test_an_orphan_of_a_start_under_way_is_left_alone_until_it_is_known(
    scene: Scene, tagged: bool
) -> None:
    scene.start()
    tag = scene.trees.new_tag()
    root = scene.machine.start_root(tag=tag, run_id="late")
    daemon = scene.daemon(root)
    if not tagged:
        scene.machine.change(daemon, marks=UNTAGGED)
    scene.pass_time(LOOK_SECONDS + 0.1)
    assert scene.signals(daemon) == []
    tree = scene.trees.tree(pid=root, run_id="late", tag=tag)
    assert tree.left() == 2


def test_an_orphan_of_a_start_that_failed_ends(scene: Scene) -> None:
    scene.start()
    tag = scene.trees.new_tag()
    root = scene.machine.start_root(tag=tag)
    daemon = scene.daemon(root)
    scene.pass_time(LOOK_SECONDS + 0.1)
    scene.trees.drop_tag(tag)
    scene.pass_time(LOOK_SECONDS)
    assert daemon not in scene.machine.processes


def test_an_orphan_does_not_wait_for_a_start_for_ever(scene: Scene) -> None:
    scene.start()
    scene.trees.new_tag()
    root, _ = scene.start()
    daemon = scene.daemon(root, marks=UNTAGGED, environment={})
    scene.pass_time(WAIT_SECONDS + 2 * LOOK_SECONDS)
    assert daemon not in scene.machine.processes


def test_a_start_that_came_later_is_no_reason_to_wait(scene: Scene) -> None:
    root, _ = scene.start()
    early = scene.trees.new_tag()
    daemon = scene.daemon(root, marks=UNTAGGED, environment={})
    scene.pass_time(LOOK_SECONDS + 0.1)
    assert scene.signals(daemon) == []
    scene.trees.new_tag()
    scene.trees.drop_tag(early)
    scene.pass_time(LOOK_SECONDS)
    assert daemon not in scene.machine.processes


# --- siblings of roots -------------------------------------------------------------


def sibling(scene: Scene, root: int, **fields: Any) -> int:
    """A root makes a process that has its own parent, and changes its session."""
    pid = scene.machine.leave_session(scene.machine.fork(root, **fields))
    return scene.machine.change(pid, parent=os.getpid())


def test_a_sibling_of_its_root_is_killed_with_its_command(scene: Scene) -> None:
    root, tree = scene.start()
    made = sibling(scene, root)
    other_root, _ = scene.start()
    others = sibling(scene, other_root)
    tree.signal(signal.SIGKILL)
    scene.end(root)
    assert tree.left() == 0
    assert made not in scene.machine.processes
    assert scene.signals(others) == []


def test_a_sibling_that_outlives_its_command_is_found_by_the_next_look(
    scene: Scene,
) -> None:
    root, tree = scene.start()
    alive, dead = sibling(scene, root), sibling(scene, root)
    scene.machine.exit(dead)
    scene.end(root)
    assert tree.left() == 0
    tree.release()
    scene.pass_time(LOOK_SECONDS + 0.1)
    assert not {alive, dead} & set(scene.machine.processes)


@pytest.mark.parametrize("over_when_seen", [False, True])
@pytest.mark.parametrize("zombie", [False, True])
def test_a_root_that_was_born_with_the_tag_of_another_start_is_left_alone(
    scene: Scene,
    monkeypatch: pytest.MonkeyPatch,
    *,
    over_when_seen: bool,
    zombie: bool,
) -> None:
    """Two threads announced at once, and its own tag is not on it yet."""
    monkeypatch.setattr("commander.execution.sweep.starts_roots", lambda _: True)
    other_root, other = scene.start()
    announced, _ = scene.machine.processes[other_root].marks
    tag = scene.trees.new_tag()
    root = scene.machine.start_root(tag=tag, run_id="late", marks=(announced, -1))
    if zombie:
        scene.machine.exit(root)
    if not over_when_seen:
        scene.pass_time(LOOK_SECONDS + 0.1)
    scene.end(other_root)
    assert other.left() == 0
    other.release()
    scene.pass_time(2 * LOOK_SECONDS)
    assert scene.signals(root) == []
    scene.machine.change(root, marks=(tag, tag))
    tree = scene.trees.tree(pid=root, run_id="late", tag=tag)
    assert tree.left() == (0 if zombie else 1)


def test_an_early_sibling_goes_by_its_environment_whatever_is_being_started(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what hops fast enough would wait for ever on a busy server."""
    monkeypatch.setattr("commander.execution.sweep.starts_roots", lambda _: True)
    root, tree = scene.start()
    announced, _ = scene.machine.processes[root].marks
    early = sibling(scene, root, marks=(announced, -1))
    scene.trees.new_tag()
    tree.signal(signal.SIGKILL)
    scene.end(root)
    assert tree.left() == 0
    assert early not in scene.machine.processes


def test_an_early_daemon_with_the_tag_of_another_start_goes_by_its_environment(
    scene: Scene,
) -> None:
    other_root, other = scene.start()
    announced, _ = scene.machine.processes[other_root].marks
    root, tree = scene.start()
    daemon = scene.daemon(root, marks=(announced, -1))
    assert (other.left(), tree.left()) == (1, 2)
    scene.end(other_root)
    assert other.left() == 0
    other.release()
    scene.pass_time(2 * LOOK_SECONDS)
    assert scene.signals(daemon) == []


def test_a_child_of_another_thread_with_an_announced_tag_is_left_alone(
    scene: Scene,
) -> None:
    """Whoever this process starts inherits it, also from threads that are not ours."""
    root, tree = scene.start()
    announced, _ = scene.machine.processes[root].marks
    child = scene.machine.start_root(tag=0, marks=(announced, -1))
    scene.pass_time(LOOK_SECONDS + 0.1)
    scene.end(root)
    assert tree.left() == 0
    tree.release()
    scene.pass_time(2 * LOOK_SECONDS)
    assert scene.signals(child) == []


def test_roots_of_starts_under_way_and_children_of_other_threads_are_left_alone(
    scene: Scene,
) -> None:
    _, tree = scene.start()
    coming = scene.machine.start_root(tag=scene.trees.new_tag())
    foreign = scene.machine.start_root(tag=-1)
    tree.signal(signal.SIGKILL)
    scene.pass_time(4 * LOOK_SECONDS)
    assert scene.signals(coming) == scene.signals(foreign) == []


# --- the timer ---------------------------------------------------------------------


def test_zombies_of_a_running_command_are_reaped_within_a_second(scene: Scene) -> None:
    root, tree = scene.start()
    daemons = [scene.daemon(root) for _ in range(3)]
    assert tree.left() == 4
    scene.machine.exit(daemons[1])
    scene.pass_time(LOOK_SECONDS + 0.01)
    assert scene.machine.reaped == [daemons[1]]
    assert scene.signals(root) == []


def test_the_timer_ends_by_itself_when_no_command_runs(scene: Scene) -> None:
    root, tree = scene.start()
    scene.end(root)
    tree.left()
    tree.release()
    scene.pass_time(LOOK_SECONDS + 0.01)
    assert scene.clock.getDelayedCalls() == []


def test_closing_leaves_no_timer_whatever_comes_after(scene: Scene) -> None:
    root, tree = scene.start(stuck=True)
    scene.daemon(root)
    scene.trees.close()
    assert scene.clock.getDelayedCalls() == []
    assert scene.machine.closed
    tree.signal(signal.SIGKILL)
    tree.release()
    assert scene.clock.getDelayedCalls() == []


def test_what_could_not_be_killed_is_told_and_watched_until_it_is_gone(
    scene: Scene,
) -> None:
    root, tree = scene.start()
    stuck = scene.daemon(root, stuck=True, name="dd")
    tree.signal(signal.SIGKILL)
    scene.end(root)
    scene.pass_time(0.5)
    assert tree.left() == 1
    assert tree.survivors() == (Survivor(pid=stuck, name="dd"),)
    tree.release()
    tries = len(scene.signals(stuck))
    scene.pass_time(20.0)
    assert len(scene.signals(stuck)) - tries < 100
    scene.machine.change(stuck, stuck=False)
    scene.pass_time(2 * LOOK_SECONDS)
    assert scene.machine.processes == {}
    assert scene.clock.getDelayedCalls() == []


def test_a_root_that_could_not_be_killed_is_waited_for_by_its_transport_only(
    scene: Scene,
) -> None:
    root, tree = scene.start(stuck=True)
    tree.signal(signal.SIGKILL)
    tree.release()
    scene.pass_time(3 * LOOK_SECONDS)
    assert scene.clock.getDelayedCalls() != []
    scene.end(root)
    scene.pass_time(2 * LOOK_SECONDS)
    assert scene.machine.reaped == []
    assert scene.clock.getDelayedCalls() == []


def test_releasing_twice_does_nothing(scene: Scene) -> None:
    root, tree = scene.start()
    scene.end(root)
    tree.release()
    tree.release()


def test_survivors_are_told_by_name_up_to_a_number(scene: Scene) -> None:
    root, tree = scene.start(stuck=True)
    for _ in range(SURVIVORS_AT_MOST + 5):
        scene.daemon(root)
    assert len(tree.survivors()) == SURVIVORS_AT_MOST
    assert tree.survivors()[0].pid == root


# --- fast ones and many ------------------------------------------------------------


class HoppingMachine(MemoryMachine):
    """Whoever looks at the list makes the hopper hop: it is gone when they have read.

    It hops no further once the look is followed by a signal quickly enough.
    """

    def __init__(self, hops: int) -> None:
        super().__init__()
        self.hopper = 0
        self.hops = hops

    def page(self, offset: int) -> bytes:
        text = super().page(offset)
        if self.hops and self.hopper in self.alive:
            self.hops -= 1
            old, self.hopper = self.hopper, self.fork(self.hopper)
            self.leave_session(self.hopper)
            self.exit(old)
        return text


def test_a_hopper_is_never_counted_as_gone() -> None:
    machine = HoppingMachine(hops=40)
    scene = Scene(machine, step=0.00001)
    root, tree = scene.start()
    machine.hopper = scene.daemon(root)
    scene.end(root)
    while machine.hops:
        assert tree.left() > 0
    assert tree.left() == 1


def test_a_hopper_is_killed_and_its_trail_is_reaped() -> None:
    machine = HoppingMachine(hops=300)
    scene = Scene(machine, step=0.00001)
    root, tree = scene.start()
    machine.hopper = scene.daemon(root)
    tree.signal(signal.SIGKILL)
    scene.end(root)
    scene.pass_time(1.0)
    assert tree.left() == 0
    assert machine.processes == {}


def test_ten_thousand_zombies_are_reaped_in_slices() -> None:
    scene = Scene(step=0.00001)
    root, _ = scene.start()
    tag, _ = scene.machine.processes[root].marks
    for _ in range(10_000):
        pid = scene.machine.start_child(session=77, group=77, marks=(tag, tag))
        scene.machine.processes[pid].zombie = True
    longest = 0.0
    while len(scene.machine.reaped) < 10_000:
        before = scene.seconds()
        scene.clock.advance(0.001)
        longest = max(longest, scene.seconds() - before - 0.001)
        assert scene.clock.seconds() < 3 * LOOK_SECONDS
    assert longest < 2 * SLICE_SECONDS


class AnyLives(RuleBasedStateMachine):
    """Commands fork, hide, exit and are killed in any order."""

    commands = Bundle("commands")

    def __init__(self) -> None:
        super().__init__()
        self.scene = Scene()
        self.machine = self.scene.machine
        self.trees: dict[int, SubreaperTree] = {}
        self.members: dict[int, set[int]] = {}
        self.ours = {self.machine.start_child(), self.machine.start_child()}

    @rule(target=commands)
    def start(self) -> int:
        root, tree = self.scene.start()
        self.trees[root] = tree
        self.members[root] = {root}
        return root

    @rule(
        root=commands,
        pick=st.integers(0, 99),
        leave=st.booleans(),
        wipe=st.booleans(),
    )
    def fork(self, root: int, pick: int, leave: bool, wipe: bool) -> None:
        alive = sorted(self.members[root] & self.machine.alive)
        if alive:
            pid = self.machine.fork(alive[pick % len(alive)])
            self.members[root].add(pid)
            if leave:
                self.machine.leave_session(pid)
            if wipe:
                self.machine.change(pid, environment={})

    @rule(root=commands, pick=st.integers(0, 99))
    def one_exits(self, root: int, pick: int) -> None:
        alive = sorted(self.members[root] & self.machine.alive - {root})
        if alive:
            self.machine.exit(alive[pick % len(alive)])

    @rule(seconds=st.sampled_from([0.001, 0.02, 1.0]))
    def time_passes(self, seconds: float) -> None:
        self.scene.pass_time(seconds)

    @rule(root=commands)
    def asks(self, root: int) -> None:
        left = self.trees[root].left()
        assert left == len(self.members[root] & self.machine.alive)

    @rule(root=consumes(commands), term=st.booleans())
    def ends(self, root: int, term: bool) -> None:
        tree = self.trees.pop(root)
        if term:
            tree.signal(signal.SIGTERM)
        if root in self.machine.alive:
            self.machine.exit(root)
        self.scene.end(root)
        if tree.left():
            tree.signal(signal.SIGKILL)
        assert tree.left() == 0
        tree.release()
        assert not self.members.pop(root) & set(self.machine.processes)

    @invariant()
    def nobody_else_is_touched(self) -> None:
        of_running = set().union(*self.members.values())
        for pid in of_running | self.ours:
            if pid in self.machine.processes:
                assert self.machine.processes[pid].signals == []
        assert self.ours <= self.machine.alive

    def teardown(self) -> None:
        for root in list(self.trees):
            self.ends(root, term=False)
        self.scene.pass_time(2 * LOOK_SECONDS)
        assert set(self.machine.processes) == self.ours
        assert self.scene.clock.getDelayedCalls() == []


AnyLives.TestCase.settings = settings(max_examples=50, stateful_step_count=20)
TestAnyLives: Any = AnyLives.TestCase


# --- process 1 -----------------------------------------------------------------------


def stranger(scene: Scene) -> int:
    """Whom `docker exec` or the like has left to process 1."""
    return scene.machine.leave_session(scene.machine.start_child())


def test_process_1_ends_and_reaps_strangers_though_no_command_runs() -> None:
    scene = Scene(first_process=True)
    alive, dead = stranger(scene), stranger(scene)
    scene.machine.exit(dead)
    scene.pass_time(IDLE_SECONDS + 0.1)
    assert not {alive, dead} & set(scene.machine.processes)


def test_process_1_spares_nobody_when_a_command_comes() -> None:
    scene = Scene(first_process=True)
    pid = stranger(scene)
    scene.start()
    scene.pass_time(2 * LOOK_SECONDS)
    assert pid not in scene.machine.processes


def test_any_other_process_spares_who_was_there_before_its_commands(
    scene: Scene,
) -> None:
    pid = stranger(scene)
    scene.start()
    scene.pass_time(IDLE_SECONDS)
    assert scene.signals(pid) == []


def test_process_1_looks_until_it_is_closed() -> None:
    scene = Scene(first_process=True)
    for _ in range(3):
        scene.clock.advance(IDLE_SECONDS)
        assert scene.clock.getDelayedCalls()
    scene.trees.close()
    assert scene.clock.getDelayedCalls() == []


def test_what_stops_a_command_is_not_undone(scene: Scene) -> None:
    root, tree = scene.start(ignores={signal.SIGSTOP, signal.SIGUSR1})
    child = scene.machine.fork(root)
    daemon = scene.daemon(root)
    for number in (signal.SIGSTOP, signal.SIGUSR1):
        assert tree.signal(number) == 3
    for pid in (root, child, daemon):
        assert scene.signals(pid) == [signal.SIGSTOP, signal.SIGUSR1]
