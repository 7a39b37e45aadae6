"""Which limits are set, in which order, and what is an error; on a pretend kernel."""

from __future__ import annotations

import errno
import resource
from pathlib import Path

import pytest

from commander.execution import limits
from commander.execution.cgroups import CommandGroups
from commander.execution.limits import (
    ChildSetup,
    CommandLimits,
    ResourceLimit,
    resource_limits,
)

ALL = CommandLimits(
    cpu_seconds=10, memory_bytes=2**28, file_bytes=2**20, files=64, processes=20
)
FREE = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


@pytest.fixture(autouse=True)
def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server itself is bound by nothing."""
    monkeypatch.setattr(resource, "getrlimit", lambda which: FREE)


# --- which limits --------------------------------------------------------------


def test_no_limit_is_set_unless_wanted() -> None:
    assert resource_limits(CommandLimits()) == ()
    assert resource_limits(CommandLimits(), with_processes=True) == ()


def test_each_limit_is_that_of_the_kernel_that_it_names() -> None:
    found = resource_limits(ALL, with_processes=True)
    assert [(each.setting, each.option, each.soft, each.hard) for each in found] == [
        ("MCP_LIMIT_CPU_SECONDS", "cpu", 10, 11),
        ("MCP_LIMIT_MEMORY_BYTES", "as", 2**28, 2**28),
        ("MCP_LIMIT_FILE_BYTES", "fsize", 2**20, 2**20),
        ("MCP_LIMIT_FILES", "nofile", 64, 64),
        ("MCP_LIMIT_PROCESSES", "nproc", 20, 20),
    ]
    names = [f"RLIMIT_{each.option.upper()}" for each in found]
    assert [each.resource for each in found] == [
        getattr(resource, name) for name in names
    ]


def test_processes_are_not_limited_for_a_user_who_has_others() -> None:
    assert "nproc" not in [each.option for each in resource_limits(ALL)]


@pytest.mark.parametrize(
    ("own", "soft", "hard"), [(5, 5, 5), (10, 10, 10), (11, 10, 11), (12, 10, 11)]
)
def test_no_limit_is_looser_than_the_servers_own(
    monkeypatch: pytest.MonkeyPatch, own: int, soft: int, hard: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (1, own))
    (limit,) = resource_limits(CommandLimits(cpu_seconds=10))
    assert (limit.soft, limit.hard) == (soft, hard)


# --- setting them --------------------------------------------------------------


class Kernel:
    """Notes what is done to a process."""

    def __init__(self, proc: Path) -> None:
        self.done: list[str] = []
        self.refuse: dict[str, OSError] = {}
        self._proc = proc

    def starts(self, parent: str, *children: str) -> None:
        """A process with one thread has started others."""
        thread = self._proc / parent / "task" / parent
        thread.mkdir(parents=True)
        (thread / "children").write_text(" ".join(children))

    def score_of(self, process: str) -> Path:
        (self._proc / process).mkdir(exist_ok=True)
        return self._proc / process / "oom_score_adj"

    def note(self, what: str) -> None:
        self.done.append(what)
        if what in self.refuse:
            raise self.refuse[what]

    def prlimit(self, pid: int, which: int, both: tuple[int, int]) -> None:
        self.note(f"{which}={both[0]}:{both[1]}")

    def put_tag(self, pid: int, tag: int) -> None:
        self.note(f"tag={tag}")


class Groups(CommandGroups):
    """Notes who enters and who leaves."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def enter(self, tag: int, pid: int) -> None:
        self._kernel.note(f"enter {tag}")

    def remove(self, tag: int) -> None:
        self._kernel.note(f"remove {tag}")


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Kernel:
    kernel = Kernel(tmp_path)
    monkeypatch.setattr(resource, "prlimit", kernel.prlimit)
    monkeypatch.setattr(limits, "put_tag", kernel.put_tag)
    monkeypatch.setattr(limits, "_PROC", str(tmp_path))
    return kernel


ONE = ResourceLimit(setting="MCP_LIMIT_FILES", option="x", resource=7, soft=1, hard=2)


def test_limits_come_first_then_the_group_then_the_tag(kernel: Kernel) -> None:
    setup = ChildSetup((ONE,), groups=Groups(kernel))
    setup.apply(17, 5)
    assert kernel.done == ["7=1:2", "enter 5", "tag=5"]
    setup.release(5)
    assert kernel.done[3:] == ["remove 5"]


def test_without_a_group_there_is_nothing_to_leave(kernel: Kernel) -> None:
    setup = ChildSetup()
    setup.apply(17, 5)
    setup.release(5)
    assert kernel.done == ["tag=5"]


def test_a_process_that_is_over_already_is_no_error(kernel: Kernel) -> None:
    kernel.refuse["7=1:2"] = ProcessLookupError(errno.ESRCH, "No such process")
    ChildSetup((ONE,), groups=Groups(kernel)).apply(17, 5)
    assert "enter 5" not in kernel.done


def test_what_the_process_has_started_meanwhile_is_bound_as_well(
    kernel: Kernel,
) -> None:
    kernel.starts("17", "18", "19")
    kernel.starts("18", "20")
    kernel.starts("99", "100")
    scores = {pid: kernel.score_of(pid) for pid in ("17", "18", "19", "20", "99")}
    for score in scores.values():
        score.touch()
    ChildSetup((ONE,), groups=Groups(kernel)).apply(17, 5)
    assert kernel.done[:3] == ["7=1:2", "enter 5", "tag=5"]
    assert kernel.done[3:] == ["7=1:2", "enter 5", "tag=5"] * 3
    bound = [pid for pid, score in scores.items() if score.read_text() == "500"]
    assert bound == ["17", "18", "19", "20"]


def test_a_bomb_does_not_keep_the_thread_for_ever(kernel: Kernel) -> None:
    for pid in range(17, 117):
        kernel.starts(str(pid), str(pid + 1))
    ChildSetup((ONE,)).apply(17, 5)
    assert 2 < len(kernel.done) < 20


@pytest.mark.parametrize(
    ("step", "setting"),
    [("7=1:2", "MCP_LIMIT_FILES"), ("enter 5", "MCP_LIMIT_PROCESSES")],
)
def test_a_limit_that_cannot_be_set_is_named(
    kernel: Kernel, step: str, setting: str
) -> None:
    kernel.refuse[step] = PermissionError(errno.EPERM, "Operation not permitted")
    with pytest.raises(OSError, match=setting) as caught:
        ChildSetup((ONE,), groups=Groups(kernel)).apply(17, 5)
    assert caught.value.errno == errno.EPERM
    assert caught.value.strerror == f"{setting} cannot be set: Operation not permitted"


def test_a_cause_without_words_of_the_system_is_told_too(kernel: Kernel) -> None:
    kernel.refuse["7=1:2"] = OSError("odd")
    with pytest.raises(OSError, match="MCP_LIMIT_FILES cannot be set: odd"):
        ChildSetup((ONE,)).apply(17, 5)


def test_a_tag_that_cannot_be_put_on_is_done_without(kernel: Kernel) -> None:
    kernel.refuse["tag=5"] = PermissionError(errno.EPERM, "Operation not permitted")
    ChildSetup().apply(17, 5)


# --- who goes first when memory runs out ---------------------------------------


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ("0\n", "500"),
        ("-500\n", "0"),
        ("300\n", "800"),
        ("501\n", "1000"),
        ("1000\n", "1000"),
        ("", "500"),
        (None, "500"),
    ],
)
def test_a_command_goes_before_its_server(
    kernel: Kernel, own: str | None, expected: str
) -> None:
    if own is not None:
        kernel.score_of("self").write_text(own)
    score = kernel.score_of("17")
    score.touch()
    ChildSetup().apply(17, 5)
    assert score.read_text() == expected


def test_a_score_that_cannot_be_written_is_done_without(kernel: Kernel) -> None:
    ChildSetup().apply(17, 5)
    assert kernel.done == ["tag=5"]
