"""Counting the processes below this one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from commander.execution.census import CENSUS_SECONDS, count_processes
from commander.execution.tree import Process, ProcFiles, Walk


class Files(ProcFiles):
    """A kernel with these processes below any; a look at each takes a millisecond."""

    def __init__(self, clock: Clock, states: str) -> None:
        super().__init__()
        self._clock = clock
        self._states = states

    def lists_children(self, pid: int) -> bool:
        return True

    def below(self, pids: Iterable[int], in_time: Callable[[], bool]) -> Walk:
        assert list(pids) == [os.getpid()]
        found = []
        for number, state in enumerate(self._states):
            if not in_time():
                break
            self._clock.advance(0.001)
            found.append(process(number + 2, state))
        return Walk(found=tuple(found), unseen=len(self._states) - len(found))


def process(pid: int, state: str) -> Process:
    return Process(
        pid=pid,
        name="p",
        state=state,
        parent=1,
        group=1,
        session=1,
        threads=1,
        started=1,
    )


def test_zombies_do_not_count() -> None:
    clock = Clock()
    assert count_processes(clock.seconds, Files(clock, "SRZ")) == 2


def test_what_there_was_no_time_for_counts_unseen() -> None:
    clock = Clock()
    assert count_processes(clock.seconds, Files(clock, "Z" * 100)) == 95
    assert clock.seconds() == pytest.approx(CENSUS_SECONDS)


def test_a_kernel_that_lists_no_children_is_not_asked(tmp_path: Path) -> None:
    files = ProcFiles(str(tmp_path))
    assert count_processes(Clock().seconds, files) is None


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists children")
def test_real_children_are_counted() -> None:
    files = ProcFiles()
    before = count_processes(Clock().seconds, files)
    with subprocess.Popen(["sleep", "60"]) as child:
        after = count_processes(Clock().seconds, files)
        child.kill()
    assert before is not None
    assert after == before + 1
