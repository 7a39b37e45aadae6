"""Process 1: signals that waited, and an exit status that is not the signal's own."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from commander.first_process import end_as_signalled, is_first_process, let_in

ENDING = """
import os, sys
from commander import first_process
first_process.os.getpid = lambda: {pid}
print("said")
first_process.end_as_signalled(15)
"""
WAITING = """
import os, signal, sys
from commander.first_process import let_in
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
os.kill(os.getpid(), signal.SIGTERM)
signal.signal(signal.SIGTERM, lambda *_: print("taken"))
print("there")
let_in([signal.SIGTERM])
print("goes on")
"""


def python(text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(("pid", "status"), [(1, 143), (2, 0)])
def test_it_ends_with_the_status_of_the_signal_and_loses_no_output(
    pid: int, status: int
) -> None:
    done = python(ENDING.format(pid=pid))

    assert (done.returncode, done.stdout) == (status, "said\n")


def test_a_signal_that_came_too_early_is_taken_as_soon_as_it_can() -> None:
    assert python(WAITING).stdout == "there\ntaken\ngoes on\n"


def test_nothing_waits_without_an_entry_point() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    let_in([signal.SIGTERM])
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before


def test_only_process_1_changes_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    registered: list[tuple[Callable[..., object], int]] = []
    monkeypatch.setattr(atexit, "register", lambda *call: registered.append(call))

    end_as_signalled(signal.SIGTERM)
    assert registered == []
    assert not is_first_process()

    monkeypatch.setattr(os, "getpid", lambda: 1)
    end_as_signalled(signal.SIGTERM)
    assert is_first_process()
    ((_, status),) = registered
    assert status == 143
