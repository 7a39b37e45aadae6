"""Limits as the kernel keeps them.

Most tests bind children that wait for a line until all is set, so that nothing depends
on who is faster. The last ones run commands as the server does; those sleep first.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
import pytest_twisted
from twisted.internet.task import Clock

from commander.commands import EndedBy, StartFailed, Survivor
from commander.execution.cgroups import (
    CommandGroups,
    find_group,
    open_groups,
    writable_group,
)
from commander.execution.limits import (
    ChildSetup,
    CommandLimits,
    ResourceLimit,
    resource_limits,
)
from commander.execution.memory_killer import MemoryKiller, VictimCount
from commander.execution.process_count import COUNT_SECONDS, ProcessCount
from commander.execution.tags import read_marks
from commander.execution.tree import ProcFiles

if TYPE_CHECKING:
    from tests.process.conftest import RealProcesses

pytestmark = pytest.mark.process

PATIENCE_SECONDS = 30
TAGS = itertools.count(10**6)
PYTHON = (sys.executable, "-I", "-S", "-c")


class Child:
    """A process that has been bound and not been let go yet."""

    def __init__(
        self, *command: str, setup: ChildSetup | None = None, cwd: Path | None = None
    ) -> None:
        self.tag = next(TAGS)
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", 'read go; exec "$@"', "sh", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            text=True,
            start_new_session=True,
        )
        self.pid = self.process.pid
        if setup is not None:
            setup.apply(self.pid, self.tag)

    def go(self) -> tuple[int, str]:
        """Let it run to its end; gives its status and what it wrote."""
        said, _ = self.process.communicate("go\n", timeout=PATIENCE_SECONDS)
        return self.process.returncode, said

    def end(self) -> None:
        """Kill its group, and wait for those of it that were handed to us."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.communicate()
        with contextlib.suppress(ChildProcessError):
            while True:
                os.waitpid(-self.pid, 0)


@pytest.fixture
def children() -> Iterator[list[Child]]:
    """Those whose groups are to be killed afterwards."""
    children: list[Child] = []
    yield children
    for child in children:
        child.end()


def bound(limits: CommandLimits) -> ChildSetup:
    return ChildSetup(resource_limits(limits))


# --- by process ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("loop", "numbers"),
    [
        ("while :; do :; done", {signal.SIGXCPU, signal.SIGKILL}),
        ("trap '' XCPU; while :; do :; done", {signal.SIGKILL}),
    ],
)
def test_a_busy_loop_ends_by_the_limit_of_processor_time(
    children: list[Child], loop: str, numbers: set[int]
) -> None:
    child = Child("/bin/sh", "-c", loop, setup=bound(CommandLimits(cpu_seconds=1)))
    children.append(child)
    status, _ = child.go()
    assert -status in numbers


def test_an_allocation_beyond_the_limit_fails() -> None:
    program = "len(bytearray(1 << 29)); print('had it')"
    setup = bound(CommandLimits(memory_bytes=1 << 28))
    assert Child(*PYTHON, program).go() == (0, "had it\n")
    status, said = Child(*PYTHON, program, setup=setup).go()
    assert status == 1
    assert "MemoryError" in said


def test_a_file_does_not_grow_beyond_the_limit(tmp_path: Path) -> None:
    setup = bound(CommandLimits(file_bytes=10_000))
    write = ("dd", "if=/dev/zero", "of=file", "bs=1000", "count=100")
    status, _ = Child(*write, setup=setup, cwd=tmp_path).go()
    assert -status == signal.SIGXFSZ
    assert (tmp_path / "file").stat().st_size == 10_000


def test_no_more_files_are_opened_than_the_limit() -> None:
    program = (
        "files = []\n"
        "try:\n"
        "    while True: files.append(open('/dev/null'))\n"
        "except OSError as error: print(error.errno, files[-1].fileno())"
    )
    setup = bound(CommandLimits(files=32))
    assert Child(*PYTHON, program, setup=setup).go() == (0, "24 31\n")


def test_what_a_command_starts_is_bound_too() -> None:
    setup = bound(CommandLimits(file_bytes=10_000, files=32))
    look = "ulimit -n; sh -c 'ulimit -n; ulimit -f'"
    _, said = Child("/bin/sh", "-c", look, setup=setup).go()
    assert said.split()[:2] == ["32", "32"]
    assert said.split()[2] != "unlimited"


def test_what_was_started_before_the_tag_gets_it_too() -> None:
    with subprocess.Popen(
        ["/bin/sh", "-c", "(sleep 97 & echo; wait) & wait"], stdout=subprocess.PIPE
    ) as shell:
        assert shell.stdout is not None
        shell.stdout.readline()
        tag = next(TAGS)
        ChildSetup().apply(shell.pid, tag)
        below = ProcFiles().below((shell.pid,), lambda: True).found
        assert len(below) == 2
        for process in below:
            assert read_marks(process.pid) == (tag, tag)
        # Both shells wait for it, and for each other.
        os.kill(below[-1].pid, signal.SIGKILL)


def test_a_command_goes_before_its_server_when_memory_runs_out() -> None:
    own = int(Path("/proc/self/oom_score_adj").read_text())
    look = "cat /proc/self/oom_score_adj; sh -c 'cat /proc/$$/oom_score_adj'"
    _, said = Child("/bin/sh", "-c", look, setup=ChildSetup()).go()
    assert said.split() == [str(min(1000, own + 500))] * 2


def test_a_command_carries_its_tag(children: list[Child]) -> None:
    child = Child("true", setup=ChildSetup())
    children.append(child)
    assert read_marks(child.pid) == (child.tag, child.tag)


def test_a_process_that_has_ended_is_no_error(children: list[Child]) -> None:
    limits = CommandLimits(cpu_seconds=9, files=32)
    zombie = Child("true")
    children.append(zombie)
    os.killpg(zombie.pid, signal.SIGKILL)
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    bound(limits).apply(zombie.pid, 1)
    zombie.end()
    bound(limits).apply(zombie.pid, 1)


# --- processes, by control group -----------------------------------------------

MOST = 8
# Bounded by itself, should the limit fail.
BOMB = f"i=0; while [ $i -lt {3 * MOST} ]; do sleep 60 & i=$((i+1)); done; echo all"


@pytest.fixture
def groups() -> CommandGroups:
    own = writable_group()
    if isinstance(own, str):
        pytest.skip(own)
    groups = open_groups(MOST, own)
    if isinstance(groups, str):
        pytest.skip(groups)
    return groups


def groups_left(tag: int) -> list[Path]:
    own = writable_group()
    assert not isinstance(own, str)
    return list(own.path.glob(f"commander-{os.getpid()}-{tag}"))


def test_a_control_group_lets_no_more_processes_be_made(
    groups: CommandGroups, children: list[Child]
) -> None:
    setup = ChildSetup(groups=groups)
    child = Child("/bin/sh", "-c", BOMB, setup=setup)
    children.append(child)
    assert child.process.stdin is not None
    child.process.stdin.write("go\n")
    child.process.stdin.flush()
    # dash ends itself when it cannot fork; what it made is still there.
    child.process.wait(PATIENCE_SECONDS)
    (group,) = groups_left(child.tag)
    assert int((group / "pids.current").read_text()) <= MOST
    assert int((group / "pids.events").read_text().split()[1]) > 0
    assert child.process.returncode != 0

    setup.release(child.tag)
    assert group.exists()
    child.end()
    other = Child("true", setup=setup)
    assert other.go()[0] == 0
    setup.release(other.tag)
    for _ in range(100):
        # The kernel lets go of killed processes when it comes to it.
        if not group.exists():
            break
        os.sched_yield()
        setup.release(other.tag)
    assert groups_left(other.tag) == []
    assert not group.exists()


def test_another_command_is_not_bound_by_it(
    groups: CommandGroups, children: list[Child]
) -> None:
    setup = ChildSetup(groups=groups)
    both = [Child("/bin/sh", "-c", "sleep 0 & wait; echo done", setup=setup)]
    both.append(Child("/bin/sh", "-c", "sleep 0 & wait; echo done", setup=setup))
    assert [child.go() for child in both] == [(0, "done\n")] * 2
    for child in both:
        setup.release(child.tag)


# --- processes, by counting ----------------------------------------------------


class Descendants:
    """A tree that is counted by its parents; enough for what stays in one."""

    def __init__(self, child: Child) -> None:
        self._root = psutil.Process(child.pid)

    def signal(self, number: int) -> int:
        raise NotImplementedError

    def left(self) -> int:
        return 1 + len(self._root.children(recursive=True))

    def process_ids(self) -> tuple[int, ...]:
        raise NotImplementedError

    def survivors(self) -> tuple[Survivor, ...]:
        raise NotImplementedError

    def release(self) -> None:
        raise NotImplementedError


def test_a_command_that_grows_too_large_is_counted_and_told(
    children: list[Child],
) -> None:
    child = Child("/bin/sh", "-c", f"{BOMB}; wait")
    children.append(child)
    clock = Clock()
    told: list[str] = []
    count = ProcessCount(
        clock=clock,
        monotonic=clock.seconds,
        tree=Descendants(child),
        most=MOST,
        exceeded=lambda: told.append("too many"),
    )
    clock.advance(COUNT_SECONDS)
    assert told == []
    assert child.process.stdin is not None
    assert child.process.stdout is not None
    child.process.stdin.write("go\n")
    child.process.stdin.flush()
    assert child.process.stdout.readline() == "all\n"
    clock.advance(COUNT_SECONDS)
    assert told == ["too many"]
    count.stop()


# --- commands, by each engine --------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_a_command_is_bound_by_the_limits_of_the_server(
    processes: RealProcesses, tmp_path: Path
) -> None:
    outcome = await processes.run(
        f"sleep 0.5; exec head -c 100000 /dev/zero >'{tmp_path}/file'",
        setup=bound(CommandLimits(file_bytes=10_000)),
    )
    assert outcome.signal == "SIGXFSZ"
    assert outcome.ended_by is EndedBy.EXIT
    assert (tmp_path / "file").stat().st_size == 10_000


@pytest_twisted.ensureDeferred
async def test_what_a_command_starts_at_once_is_bound_too(
    processes: RealProcesses,
) -> None:
    outcome = await processes.run(
        "sh -c 'sleep 0.5; ulimit -n; cat /proc/$$/oom_score_adj' & wait",
        setup=bound(CommandLimits(files=32)),
    )
    own = int(Path("/proc/self/oom_score_adj").read_text())
    assert outcome.stdout.head.split() == [b"32", b"%d" % min(1000, own + 500)]


@pytest_twisted.ensureDeferred
async def test_a_limit_that_cannot_be_set_fails_the_start_and_is_named(
    processes: RealProcesses,
) -> None:
    # More than the kernel lets anybody have.
    most = int(Path("/proc/sys/fs/nr_open").read_text())
    beyond = ResourceLimit(
        setting="MCP_LIMIT_FILES",
        option="nofile",
        resource=resource.RLIMIT_NOFILE,
        soft=most,
        hard=most + 1,
    )
    refused = processes.start("sleep 30", setup=ChildSetup((beyond,)))
    outcome = await refused.finished
    assert isinstance(outcome, StartFailed)
    assert "MCP_LIMIT_FILES cannot be set" in outcome.reason


@pytest_twisted.ensureDeferred
async def test_a_command_with_too_many_processes_is_ended(
    processes: RealProcesses,
) -> None:
    outcome = await processes.run(f"{BOMB}; wait", counted_processes=MOST)
    assert outcome.ended_by is EndedBy.PROCESS_LIMIT
    assert outcome.survivors == ()


@pytest_twisted.ensureDeferred
async def test_a_command_in_a_group_is_refused_processes_and_leaves_none(
    processes: RealProcesses, groups: CommandGroups
) -> None:
    setup = ChildSetup(groups=groups)
    outcome = await processes.run(f"sleep 0.5; {BOMB}; wait", setup=setup)
    assert b"fork" in outcome.stderr.head.lower()
    assert b"all" not in outcome.stdout.head
    # A group whose processes the kernel is still taking down goes with the next.
    await processes.run("true", setup=setup)
    own = writable_group()
    assert not isinstance(own, str)
    assert list(own.path.glob(f"commander-{os.getpid()}-*")) == []


# --- out of memory -------------------------------------------------------------


@pytest.fixture
def small_group() -> Iterator[Path]:
    """A control group with little memory, as far up as can be."""
    own = find_group("memory")
    if own is None:
        pytest.skip("the memory controller is not at hand")
    above = [path for path in own.path.parents if (path / "cgroup.procs").exists()]
    top = above[-1] if above else own.path
    if not os.access(top, os.W_OK):
        pytest.skip("no control group can be made here")
    group = top / f"commander-test-{os.getpid()}"
    group.mkdir()
    try:
        limit = group / ("memory.max" if own.unified else "memory.limit_in_bytes")
        if not limit.exists():
            pytest.skip("the memory controller is not handed down to this group")
        limit.write_text(str(32 << 20))
        yield group
    finally:
        group.rmdir()


def test_the_kernel_is_believed_that_it_killed_for_want_of_memory(
    small_group: Path,
) -> None:
    counts = [
        VictimCount(file=file)
        for name in ("memory.events", "memory.oom_control")
        if (file := small_group / name).exists()
    ]
    counts.append(VictimCount(file=Path("/proc/vmstat")))
    killers = [MemoryKiller(Clock().seconds, count) for count in counts]
    child = Child(*PYTHON, "len(bytearray(1 << 28))", setup=ChildSetup())
    (small_group / "cgroup.procs").write_text(str(child.pid))
    marks = [killer.mark() for killer in killers]
    status, _ = child.go()
    assert -status == signal.SIGKILL
    for killer, mark in zip(killers, marks, strict=True):
        assert killer.cause(EndedBy.EXIT, -status, mark) is EndedBy.OOM
