"""Where groups for commands can be made, and their life, on a pretend file system.

The kernel's own behaviour is looked at in ``tests/process``.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from commander.execution import cgroups
from commander.execution.cgroups import (
    CommandGroups,
    OwnGroup,
    find_group,
    open_groups,
    writable_group,
)

MOUNTS_V1 = (
    "30 20 0:25 / {at} ro,nosuid shared:9 - tmpfs tmpfs ro,mode=755\n"
    "31 30 0:26 / {at}/memory rw,relatime - cgroup cgroup rw,memory\n"
    "32 30 0:27 {root} {at}/pids rw,relatime - cgroup cgroup rw,pids\n"
    "33 30 0:28 / {at}/unified rw - cgroup2 cgroup2 rw\n"
)
OWN_V1 = "8:pids:/a/b\n4:cpu,memory:/m\n1:name=systemd:/s\n0::/u\n"
MOUNTS_V2 = "40 20 0:30 {root} {at} rw,relatime shared:4 - cgroup2 cgroup rw\n"
OWN_V2 = "0::/a/b\n"


class Machine:
    """What the kernel tells the server of its groups, and the groups."""

    def __init__(self, path: Path) -> None:
        self.proc = path / "proc"
        self.at = path / "cgroup"
        self.proc.mkdir()

    def says(self, own: str, mounts: str, root: str = "/") -> None:
        (self.proc / "cgroup").write_text(own)
        (self.proc / "mountinfo").write_text(mounts.format(at=self.at, root=root))

    def group(self, path: str, **files: str) -> Path:
        group = self.at / path
        group.mkdir(parents=True)
        (group / "cgroup.procs").touch()
        for name, text in files.items():
            (group / f"cgroup.{name}").write_text(text)
        return group


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


# --- finding the server's group ------------------------------------------------


def test_a_controller_of_version_1_has_a_hierarchy_of_its_own(machine: Machine) -> None:
    machine.says(OWN_V1, MOUNTS_V1)
    pids = OwnGroup(path=machine.at / "pids/a/b", unified=False)
    assert find_group("pids", machine.proc) == pids
    memory = OwnGroup(path=machine.at / "memory/m", unified=False)
    assert find_group("memory", machine.proc) == memory


def test_a_controller_that_no_hierarchy_names_is_in_that_of_version_2(
    machine: Machine,
) -> None:
    machine.says(OWN_V2, MOUNTS_V2)
    assert find_group("pids", machine.proc) == OwnGroup(
        path=machine.at / "a/b", unified=True
    )


@pytest.mark.parametrize(
    ("own", "mounts", "expected"),
    [(OWN_V1, MOUNTS_V1, "pids/b"), (OWN_V2, MOUNTS_V2, "b")],
)
def test_a_container_sees_its_part_of_the_hierarchy(
    machine: Machine, own: str, mounts: str, expected: str
) -> None:
    machine.says(own, mounts, root="/a")
    found = find_group("pids", machine.proc)
    assert found is not None
    assert found.path == machine.at / expected


@pytest.mark.parametrize(
    ("own", "mounts", "root"),
    [
        ("", MOUNTS_V2, "/"),
        (OWN_V2, "", "/"),
        (OWN_V2, MOUNTS_V1.replace("cgroup2", "other"), "/"),
        (OWN_V2, MOUNTS_V2, "/elsewhere"),
        ("nonsense\n", MOUNTS_V2, "/"),
        (OWN_V2, "nonsense\n", "/"),
    ],
)
def test_what_cannot_be_understood_is_no_group(
    machine: Machine, own: str, mounts: str, root: str
) -> None:
    machine.says(own, mounts, root)
    assert find_group("pids", machine.proc) is None
    assert writable_group(machine.proc) == "the kernel's pids controller is not at hand"


def test_a_system_without_control_groups_has_no_group(machine: Machine) -> None:
    assert find_group("pids", machine.proc) is None


# --- whether it may be written -------------------------------------------------


def test_a_group_of_version_2_must_have_been_handed_the_controller(
    machine: Machine,
) -> None:
    machine.says(OWN_V2, MOUNTS_V2)
    assert "not at hand" in str(writable_group(machine.proc))
    group = machine.group("a/b", controllers="cpu memory", subtree_control="")
    assert "not at hand" in str(writable_group(machine.proc))
    (group / "cgroup.controllers").write_text("cpu pids memory\n")
    assert writable_group(machine.proc) == OwnGroup(path=group, unified=True)


@pytest.mark.parametrize("closed", ["b", "cgroup.procs", "cgroup.subtree_control"])
def test_a_group_that_belongs_to_another_is_told(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, closed: str
) -> None:
    machine.says(OWN_V2, MOUNTS_V2)
    machine.group("a/b", controllers="pids", subtree_control="")
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != closed)
    assert "may not write" in str(writable_group(machine.proc))


def test_version_1_takes_a_writable_group_only(machine: Machine) -> None:
    machine.says(OWN_V1, MOUNTS_V1)
    assert "may not write" in str(writable_group(machine.proc))
    group = machine.group("pids/a/b")
    assert writable_group(machine.proc) == OwnGroup(path=group, unified=False)


# --- the life of a group -------------------------------------------------------


class Writes:
    """Takes what would be written to the files of groups."""

    def __init__(self) -> None:
        self.done: list[tuple[str, bytes]] = []
        self.refuse: dict[str, OSError] = {}

    def __call__(self, path: str, text: bytes) -> None:
        name = Path(path).name
        self.done.append((name, text))
        if name in self.refuse:
            raise self.refuse[name]


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> Writes:
    writes = Writes()
    monkeypatch.setattr(cgroups, "_write", writes)
    return writes


def groups_in(path: Path, unified: bool = False) -> CommandGroups:
    return CommandGroups(OwnGroup(path=path, unified=unified), 10)


def test_a_command_gets_a_group_before_its_process_is_moved_in(
    tmp_path: Path, writes: Writes
) -> None:
    groups_in(tmp_path).enter(7, 123)
    assert [group.name for group in tmp_path.iterdir()] == [
        f"commander-{os.getpid()}-7"
    ]
    assert writes.done == [("pids.max", b"10"), ("cgroup.procs", b"123")]


def test_a_group_of_version_2_is_made_threaded_first(
    tmp_path: Path, writes: Writes
) -> None:
    groups_in(tmp_path, unified=True).enter(7, 123)
    assert writes.done[0] == ("cgroup.type", b"threaded")


def test_the_group_goes_with_the_command(tmp_path: Path, writes: Writes) -> None:
    groups = groups_in(tmp_path)
    groups.enter(7, 123)
    groups.remove(7)
    groups.remove(7)
    groups.remove(8)
    assert list(tmp_path.iterdir()) == []


def test_a_group_that_is_busy_is_tried_again_with_the_next(
    tmp_path: Path, writes: Writes
) -> None:
    groups = groups_in(tmp_path)
    groups.enter(7, 123)
    (busy,) = tmp_path.iterdir()
    (busy / "process").touch()
    groups.remove(7)
    assert busy.exists()
    (busy / "process").unlink()
    groups.remove(8)
    assert not busy.exists()


def test_a_process_that_is_over_already_is_no_error(
    tmp_path: Path, writes: Writes
) -> None:
    writes.refuse["cgroup.procs"] = ProcessLookupError()
    groups = groups_in(tmp_path)
    groups.enter(7, 123)
    groups.remove(7)
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_leaves_no_group(tmp_path: Path, writes: Writes) -> None:
    writes.refuse["cgroup.procs"] = PermissionError(1, "not permitted")
    with pytest.raises(PermissionError):
        groups_in(tmp_path).enter(7, 123)
    assert list(tmp_path.iterdir()) == []


def test_a_group_that_a_dead_server_left_full_is_used(
    tmp_path: Path, writes: Writes
) -> None:
    groups_in(tmp_path).enter(7, 123)
    groups_in(tmp_path).enter(7, 124)
    assert writes.done[-1] == ("cgroup.procs", b"124")


# --- opening -------------------------------------------------------------------


def test_groups_are_tried_with_a_process_and_nothing_is_left(
    tmp_path: Path, writes: Writes
) -> None:
    groups = open_groups(10, OwnGroup(path=tmp_path, unified=True))
    assert isinstance(groups, CommandGroups)
    assert writes.done[0] == ("cgroup.subtree_control", b"+pids")
    assert writes.done[-1][0] == "cgroup.procs"
    assert list(tmp_path.iterdir()) == []


def test_groups_that_do_not_work_are_told_with_the_cause(
    tmp_path: Path, writes: Writes
) -> None:
    writes.refuse["cgroup.procs"] = PermissionError(1, "Operation not permitted")
    assert open_groups(10, OwnGroup(path=tmp_path, unified=False)) == (
        "a group cannot be used: Operation not permitted"
    )


def test_only_empty_groups_of_dead_servers_are_removed(
    tmp_path: Path, writes: Writes
) -> None:
    # Process ids end below 2^22.
    dead, own = 2**22 + 1, os.getpid()
    kept = [
        f"commander-{os.getppid()}-1",
        "commander-x-1",
        "other",
        f"commander-{dead}",
    ]
    for name in (f"commander-{dead}-1", f"commander-{own}-1", *kept):
        (tmp_path / name).mkdir()
    full = tmp_path / f"commander-{dead}-2"
    full.mkdir()
    (full / "process").touch()

    open_groups(10, OwnGroup(path=tmp_path, unified=False))

    assert {path.name for path in tmp_path.iterdir()} == {*kept, full.name}
