"""Reading /proc: from a directory that looks like it, and from the real one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from commander.execution.tree import ChildrenFile, Process, ProcFiles

STAT = "{} ({}) {} {} {} {} 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 {} 0 {} 0 0 0 0\n"
LIMITS = (
    "Limit                     Soft Limit           Hard Limit           Units     \n"
    "Max cpu time              unlimited            unlimited            seconds   \n"
    "Max file locks            7                    4611686018427387904  locks     \n"
    "Max pending signals       96365                unlimited            signals   \n"
)
HEADLESS = (
    "import ctypes, threading, time\n"
    "threading.Thread(target=time.sleep, args=(97,)).start()\n"
    "print(flush=True)\n"
    "ctypes.CDLL(None).pthread_exit(None)\n"
)


class ProcDirectory:
    """A directory with the files of some processes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files = ProcFiles(str(root))

    def add(
        self,
        pid: int,
        *,
        name: str = "sh",
        state: str = "S",
        parent: int = 1,
        children: dict[int, list[int]] | None = None,
    ) -> None:
        threads = {pid: [], **(children or {})}
        for thread, pids in threads.items():
            folder = self.root / str(pid) / "task" / str(thread)
            folder.mkdir(parents=True)
            (folder / "children").write_text("".join(f"{each} " for each in pids))
        line = STAT.format(pid, name, state, parent, 3, 4, len(threads), 500 + pid)
        self.write(pid, "stat", line.encode())

    def write(self, pid: int, name: str, data: bytes) -> None:
        (self.root / str(pid) / name).write_bytes(data)


@pytest.fixture
def proc(tmp_path: Path) -> ProcDirectory:
    return ProcDirectory(tmp_path)


def always() -> bool:
    return True


def test_a_process_is_read_in_one_line(proc: ProcDirectory) -> None:
    proc.add(10, parent=2)
    assert proc.files.process(10) == Process(
        pid=10,
        name="sh",
        state="S",
        parent=2,
        group=3,
        session=4,
        threads=1,
        started=510,
    )


@pytest.mark.parametrize("name", ["a) Z 1 2 (b", "((", "))", " ", "x) S 1", "é"])
def test_a_name_with_brackets_and_spaces_is_read_rightly(
    proc: ProcDirectory, name: str
) -> None:
    proc.add(10, name=name, parent=2)
    process = proc.files.process(10)
    assert process is not None
    assert (process.name, process.state, process.parent) == (name, "S", 2)


@pytest.mark.parametrize("line", [b"", b"10 (sh) S 1 2", b"garbage", b"10 ) ("])
def test_a_line_that_breaks_off_is_a_process_that_is_gone(
    proc: ProcDirectory, line: bytes
) -> None:
    proc.add(10)
    proc.write(10, "stat", line)
    assert proc.files.process(10) is None


def test_a_zombie_is_dead_unless_other_threads_of_it_run(proc: ProcDirectory) -> None:
    proc.add(10, state="Z")
    proc.add(11, state="Z", children={12: []})
    proc.add(13, state="D")
    states = [proc.files.process(pid) for pid in (10, 11, 13)]
    assert [each is not None and each.alive for each in states] == [False, True, True]


def test_everything_about_a_process_that_is_gone_is_nothing(
    proc: ProcDirectory,
) -> None:
    assert proc.files.process(10) is None
    assert proc.files.children(10) == []
    assert proc.files.children_of_thread(10, 10) == []
    assert proc.files.threads(10) == []
    assert proc.files.variable(10, b"HOME") is None
    assert proc.files.limit(10, b"Max file locks") is None
    assert proc.files.below((10,), always).found == ()


def test_the_children_of_all_threads_are_a_processs_children(
    proc: ProcDirectory,
) -> None:
    proc.add(10, children={10: [11, 12], 20: [13]})
    proc.add(14, children={14: [15]})
    assert sorted(proc.files.children(10)) == [11, 12, 13]
    assert proc.files.children_of_thread(10, 20) == [13]
    assert proc.files.children(14) == [15]


def test_descendants_come_after_their_parents_and_once(proc: ProcDirectory) -> None:
    proc.add(10, children={10: [11, 12]})
    proc.add(11, children={11: [13, 10]})
    proc.add(12, children={12: [13]})
    proc.add(13)
    walk = proc.files.below((10,), always)
    assert [process.pid for process in walk.found] == [11, 12, 13]
    assert walk.unseen == 0


def test_a_walk_that_runs_out_of_time_says_how_many_it_knows_of(
    proc: ProcDirectory,
) -> None:
    proc.add(10, children={10: [11, 12, 13]})
    for pid in (11, 12, 13):
        proc.add(pid, children={pid: [pid + 10]})
        proc.add(pid + 10)
    answers = iter([True, True, False])
    walk = proc.files.below((10, 99), lambda: next(answers))
    assert len(walk.found) + walk.unseen == 3
    assert {process.pid for process in walk.found} <= {11, 12, 13}


def test_a_variable_is_found_by_its_whole_name(proc: ProcDirectory) -> None:
    proc.add(10)
    proc.write(10, "environ", b"XRUN=1\0RUN_=2\0RUN=3=4\0RUN=5\0")
    assert proc.files.variable(10, b"RUN") == b"3=4"
    assert proc.files.variable(10, b"UN") is None


def test_a_limit_is_read_with_and_without_a_bound(proc: ProcDirectory) -> None:
    proc.add(10)
    proc.write(10, "limits", LIMITS.encode())
    assert proc.files.limit(10, b"Max file locks") == (7, 1 << 62)
    assert proc.files.limit(10, b"Max cpu time") == (-1, -1)
    assert proc.files.limit(10, b"Max pending signals") == (96365, -1)
    assert proc.files.limit(10, b"Max nothing") is None


# --- the real one ------------------------------------------------------------------


def test_this_process_is_as_it_says() -> None:
    process = ProcFiles().process(os.getpid())
    assert process is not None
    assert process.alive
    assert (process.parent, process.group) == (os.getppid(), os.getpgrp())
    assert process.session == os.getsid(0)


def test_a_child_and_its_child_are_found() -> None:
    with subprocess.Popen(
        ["/bin/sh", "-c", "sleep 97 & echo; wait"], stdout=subprocess.PIPE
    ) as shell:
        assert shell.stdout is not None
        shell.stdout.readline()
        assert shell.pid in ProcFiles().children(os.getpid())
        (child,) = ProcFiles().below((shell.pid,), always).found
        assert child.parent == shell.pid
        assert ProcFiles().variable(child.pid, b"PATH") == os.environb[b"PATH"]
        os.kill(child.pid, signal.SIGKILL)


def test_a_process_whose_first_thread_is_dead_is_alive() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HEADLESS], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        for _ in range(1000):
            found = ProcFiles().process(process.pid)
            assert found is not None
            assert found.alive
            if found.state == "Z":
                break
            os.sched_yield()
        process.kill()


def test_the_open_list_of_children_is_always_of_now() -> None:
    children = ChildrenFile()
    with subprocess.Popen(["/bin/sleep", "97"]) as process:
        page = children.page(0)
        assert process.pid in map(int, page.split())
        assert children.page(len(page)) == b""
        process.kill()
    assert process.pid not in map(int, children.page(0).split())
    children.close()
    assert children.page(0) == b""
    children.close()


def test_where_the_kernel_lists_no_children_that_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        ChildrenFile(str(tmp_path))
