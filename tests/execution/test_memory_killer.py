"""A command died for want of memory only if the kernel says so."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from commander.commands import EndedBy
from commander.execution import memory_killer
from commander.execution.cgroups import OwnGroup
from commander.execution.memory_killer import (
    MemoryKiller,
    VictimCount,
    find_victim_count,
)

EVENTS = "low 0\nhigh 0\nmax 7\noom 3\noom_kill {}\noom_group_kill 0\n"


class Kernel:
    """A file in which a test counts victims."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.victims = 0
        self.write()

    def write(self) -> None:
        self.file.write_text(EVENTS.format(self.victims))

    def kill(self) -> None:
        self.victims += 1
        self.write()


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    return Kernel(tmp_path / "memory.events")


def killer(kernel: Kernel, clock: Clock, fresh_seconds: float = 0.0) -> MemoryKiller:
    count = VictimCount(file=kernel.file, fresh_seconds=fresh_seconds)
    return MemoryKiller(clock.seconds, count)


def test_a_kill_that_the_kernel_counted_is_named(kernel: Kernel) -> None:
    judge = killer(kernel, Clock())
    mark = judge.mark()
    kernel.kill()
    assert judge.cause(EndedBy.EXIT, signal.SIGKILL, mark) is EndedBy.OOM


def test_a_kill_that_it_did_not_count_is_not(kernel: Kernel) -> None:
    kernel.kill()
    judge = killer(kernel, Clock())
    mark = judge.mark()
    assert judge.cause(EndedBy.EXIT, signal.SIGKILL, mark) is EndedBy.EXIT


@pytest.mark.parametrize(
    ("ended_by", "number"),
    [
        (EndedBy.EXIT, None),
        (EndedBy.EXIT, signal.SIGTERM),
        (EndedBy.TIMEOUT, signal.SIGKILL),
        (EndedBy.SERVER_SHUTDOWN, signal.SIGKILL),
    ],
)
def test_an_ending_of_another_kind_stays_what_it_was(
    kernel: Kernel, ended_by: EndedBy, number: int | None
) -> None:
    judge = killer(kernel, Clock())
    mark = judge.mark()
    kernel.kill()
    assert judge.cause(ended_by, number, mark) is ended_by


def test_a_victim_before_the_start_is_no_evidence(kernel: Kernel) -> None:
    judge = killer(kernel, Clock())
    first = judge.mark()
    kernel.kill()
    second = judge.mark()
    assert judge.cause(EndedBy.EXIT, signal.SIGKILL, second) is EndedBy.EXIT
    assert judge.cause(EndedBy.EXIT, signal.SIGKILL, first) is EndedBy.OOM


def test_a_reading_that_is_dear_serves_for_a_while(kernel: Kernel) -> None:
    clock = Clock()
    judge = killer(kernel, clock, fresh_seconds=1.0)
    judge.mark()
    kernel.kill()
    clock.advance(0.9)
    assert judge.mark() == 0
    clock.advance(0.1)
    assert judge.mark() == 1


def test_the_judgement_never_rests_on_an_old_reading(kernel: Kernel) -> None:
    judge = killer(kernel, Clock(), fresh_seconds=1.0)
    mark = judge.mark()
    kernel.kill()
    assert judge.cause(EndedBy.EXIT, signal.SIGKILL, mark) is EndedBy.OOM


def test_a_shell_that_outlived_its_killed_program_gets_a_hint(kernel: Kernel) -> None:
    judge = killer(kernel, Clock())
    mark = judge.mark()
    assert judge.hint(137, mark) is None
    kernel.kill()
    assert judge.hint(1, mark) is None
    assert judge.hint(None, mark) is None
    assert "for want of memory" in (judge.hint(137, mark) or "")


@pytest.mark.parametrize(
    "text", ["", "oom_kill_disable 0\nunder_oom 0\n", "oom_kill x"]
)
def test_without_a_count_there_is_no_evidence(kernel: Kernel, text: str) -> None:
    judge = killer(kernel, Clock())
    kernel.file.write_text(text)
    mark = judge.mark()
    assert mark is None
    kernel.kill()
    assert judge.cause(EndedBy.EXIT, signal.SIGKILL, mark) is EndedBy.EXIT


def test_a_count_that_goes_away_is_no_evidence(kernel: Kernel) -> None:
    judge = killer(kernel, Clock())
    mark = judge.mark()
    kernel.file.unlink()
    assert judge.cause(EndedBy.EXIT, signal.SIGKILL, mark) is EndedBy.EXIT


def test_a_machine_that_does_not_count_has_no_evidence() -> None:
    judge = MemoryKiller(Clock().seconds, None)
    mark = judge.mark()
    assert judge.cause(EndedBy.EXIT, signal.SIGKILL, mark) is EndedBy.EXIT
    assert judge.hint(137, mark) is None


@pytest.mark.parametrize(
    ("unified", "name"), [(True, "memory.events"), (False, "memory.oom_control")]
)
def test_the_servers_own_group_is_asked_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, unified: bool, name: str
) -> None:
    machine = tmp_path / "vmstat"
    machine.write_text("nr_free_pages 1\noom_kill 4\n")
    own = OwnGroup(path=tmp_path, unified=unified)
    monkeypatch.setattr(memory_killer, "_MACHINE", machine)
    monkeypatch.setattr(memory_killer, "find_group", lambda controller: own)

    found = find_victim_count()
    assert found is not None
    assert (found.file, found.read()) == (machine, 4)
    assert found.fresh_seconds == 1.0

    (tmp_path / name).write_text(EVENTS.format(2))
    found = find_victim_count()
    assert found == VictimCount(file=tmp_path / name, fresh_seconds=0.01)
    assert found.read() == 2


def test_where_nobody_counts_none_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(memory_killer, "_MACHINE", tmp_path / "gone")
    monkeypatch.setattr(memory_killer, "find_group", lambda controller: None)
    assert find_victim_count() is None
