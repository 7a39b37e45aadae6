"""Process groups of this machine, for where trees cannot be followed."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from commander.commands import Survivor
from commander.execution.groups import GroupTree, GroupTrees, PosixGroups, signal_name
from commander.execution.kernel import KernelCalls


@pytest.fixture
def leader() -> Iterator[subprocess.Popen[bytes]]:
    """A process that leads a group of its own."""
    with subprocess.Popen(["/bin/sleep", "97"], start_new_session=True) as child:
        yield child
        child.kill()


def test_a_group_that_is_gone_is_neither_alive_nor_signalled(
    leader: subprocess.Popen[bytes],
) -> None:
    leader.kill()
    leader.wait()
    assert PosixGroups().send(leader.pid, signal.SIGTERM) is False
    assert PosixGroups().alive(leader.pid) is False


def test_a_zombie_counts_as_gone(leader: subprocess.Popen[bytes]) -> None:
    leader.kill()
    os.waitid(os.P_PID, leader.pid, os.WEXITED | os.WNOWAIT)
    assert PosixGroups().send(leader.pid, 0) is True
    assert PosixGroups().alive(leader.pid) is False


def test_a_running_group_is_alive_until_it_is_signalled(
    leader: subprocess.Popen[bytes],
) -> None:
    assert PosixGroups().alive(leader.pid) is True
    assert PosixGroups().send(leader.pid, signal.SIGKILL) is True
    assert leader.wait() == -signal.SIGKILL


def test_members_are_told_by_name(tmp_path: Path) -> None:
    odd = tmp_path / "a) Z (b"
    odd.symlink_to("/bin/sleep")
    with subprocess.Popen([odd, "97"], start_new_session=True) as child:
        members = PosixGroups().members(child.pid)
        assert members == (Survivor(pid=child.pid, name="a) Z (b"),)
        child.kill()


def test_where_there_is_no_proc_the_kernels_word_counts(tmp_path: Path) -> None:
    groups = PosixGroups(proc=str(tmp_path / "none"))
    assert groups.alive(os.getpgrp()) is True


def test_a_group_of_another_user_exists_though_it_may_not_be_signalled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(group: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "killpg", refuse)
    assert PosixGroups().send(12345, signal.SIGTERM) is True


def test_signals_have_names_even_the_nameless() -> None:
    assert signal_name(signal.SIGKILL) == "SIGKILL"
    assert signal_name(signal.SIGRTMIN + 3) == f"SIG{signal.SIGRTMIN + 3}"


def test_one_look_serves_all_who_ask_but_never_says_that_a_group_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = []
    living = {1, 2}

    def look(groups: PosixGroups) -> dict[int, tuple[Survivor, ...]]:
        looks.append(groups)
        return {group: (Survivor(pid=group, name="sh"),) for group in living}

    now = [0.0]
    groups = PosixGroups(lambda: now[0])
    monkeypatch.setattr(PosixGroups, "_look", look)
    monkeypatch.setattr(PosixGroups, "send", lambda self, group, number: True)
    assert groups.alive(1)
    assert groups.alive(2)
    assert len(looks) == 1
    living.add(3)
    assert groups.alive(3)
    assert len(looks) == 2
    living.clear()
    now[0] = 0.02
    assert not groups.alive(1)
    assert len(looks) == 3


# --- trees -------------------------------------------------------------------------


@attrs.define
class FakeGroups:
    """Groups that are what a test says."""

    living: dict[int, tuple[Survivor, ...]] = attrs.field(factory=dict)
    sent: list[tuple[int, int]] = attrs.field(factory=list)

    def send(self, group: int, number: int) -> bool:
        self.sent.append((group, number))
        return group in self.living

    def members(self, group: int) -> tuple[Survivor, ...]:
        return self.living.get(group, ())


class FakeKernel(KernelCalls):
    """One process that may not have a group yet."""

    def __init__(self, group: int | None) -> None:
        super().__init__()
        self._group = group
        self.sent: list[tuple[int, int]] = []

    def is_child(self, pid: int) -> bool:
        return self._group is not None

    def group(self, pid: int) -> int | None:
        return self._group

    def send(self, pid: int, number: int) -> bool:
        self.sent.append((pid, number))
        return True


MEMBERS = (Survivor(pid=7, name="sh"), Survivor(pid=8, name="sleep"))


def test_a_tree_is_the_group_of_its_root() -> None:
    groups = FakeGroups({7: MEMBERS})
    trees = GroupTrees(groups, FakeKernel(7))
    tree = trees.tree(pid=7, run_id="run", tag=trees.new_tag())
    assert tree.left() == 2
    assert tree.survivors() == MEMBERS
    assert tree.process_ids() == (7, 8)
    assert tree.signal(signal.SIGTERM) == 1
    assert tree.signal(signal.SIGKILL) == 1
    assert groups.sent == [
        (7, signal.SIGTERM),
        (7, signal.SIGCONT),
        (7, signal.SIGKILL),
    ]
    tree.release()
    trees.close()


def test_a_root_that_leads_no_group_yet_is_signalled_alone() -> None:
    kernel = FakeKernel(3)
    tree = GroupTree(7, FakeGroups(), kernel)
    assert tree.left() == 1
    assert tree.process_ids() == (7,)
    assert tree.signal(signal.SIGKILL) == 1
    assert kernel.sent == [(7, signal.SIGKILL)]


def test_a_root_that_is_gone_is_not_signalled() -> None:
    kernel = FakeKernel(None)
    tree = GroupTree(7, FakeGroups(), kernel)
    assert tree.left() == 0
    assert tree.process_ids() == ()
    assert tree.signal(signal.SIGTERM) == 0
    assert kernel.sent == []


def test_tags_are_never_repeated() -> None:
    trees = GroupTrees(FakeGroups())
    first = trees.new_tag()
    trees.drop_tag(first)
    assert trees.new_tag() != first
