"""What the server renounces, seen from children that it starts afterwards.

None of it can be undone, so it happens in processes of its own.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from commander.execution import hardening
from commander.execution.hardening import (
    become_subreaper,
    forbid_new_privileges,
    harden,
    hardening_offered,
    keep_out_of_proc,
)

ROOT = Path(__file__).resolve().parents[2]
PRELUDE = """
import ctypes, os, subprocess, threading
from commander.execution.hardening import *
def facts():
    status = open("/proc/thread-self/status").read()
    subreaper = ctypes.c_int()
    ctypes.CDLL(None).prctl(37, ctypes.byref(subreaper))
    dumpable = ctypes.CDLL(None).prctl(3)
    privileges = status.split("NoNewPrivs:")[1].split()[0]
    return f"{dumpable}{privileges}{subreaper.value}"
"""


def told_by(program: str, **env: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + program],
        env={"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.split()


@pytest.mark.process
@pytest.mark.parametrize(
    ("call", "facts"),
    [
        ("keep_out_of_proc()", "000"),
        ("forbid_new_privileges()", "110"),
        ("become_subreaper()", "101"),
        ("harden().missing == ()", "011"),
    ],
)
def test_each_protection_is_put_in_force_and_no_other(call: str, facts: str) -> None:
    assert told_by(f"print(facts(), {call}, facts())") == ["100", "True", facts]


@pytest.mark.process
def test_asking_what_is_offered_changes_nothing() -> None:
    program = "print(hardening_offered().missing == (), facts())"
    assert told_by(program) == ["True", "100"]


@pytest.mark.process
def test_threads_and_children_that_come_later_have_no_new_privileges() -> None:
    program = """
harden()
def child():
    status = open("/proc/thread-self/status").read()
    print(status.split("NoNewPrivs:")[1].split()[0])
    subprocess.run(["sed", "-n", "s/NoNewPrivs:[^0-9]*//p", "/proc/self/status"])
for thread in [threading.Thread(target=child) for _ in range(3)]:
    thread.start()
    thread.join()
"""
    assert told_by(program) == ["1"] * 6


@pytest.mark.process
def test_a_thread_that_ran_before_is_told() -> None:
    program = """
stop = threading.Event()
thread = threading.Thread(target=stop.wait)
thread.start()
print(*harden().missing)
stop.set()
"""
    told = " ".join(told_by(program))
    assert told == "setuid programs have their effect in 1 older thread(s)"


@pytest.mark.process
def test_the_environment_is_closed_to_children_of_the_same_user() -> None:
    program = """
harden()
read = subprocess.run(["cat", f"/proc/{os.getpid()}/environ"], capture_output=True)
print(b"t0ken" in read.stdout)
"""
    # Root with all capabilities reads everything.
    expected = os.geteuid() == 0 and _may_trace()
    assert told_by(program, TOKEN="t0ken") == [str(expected)]


def _may_trace() -> bool:
    status = Path("/proc/self/status").read_text()
    return bool(int(status.split("CapEff:")[1].split()[0], 16) >> 19 & 1)


def test_elsewhere_than_on_linux_it_is_told_that_nothing_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Darwin:
        sysname = "Darwin"

    monkeypatch.setattr(os, "uname", Darwin)

    assert not keep_out_of_proc()
    assert not forbid_new_privileges()
    assert not become_subreaper()
    for result in (harden(), hardening_offered()):
        assert not result.memory_closed
        assert not result.no_new_privileges
        assert not result.subreaper
        assert len(result.missing) == 3
        assert all("(not on this system)" in line for line in result.missing)


@pytest.mark.parametrize("library", [object(), None])
def test_a_system_without_the_call_is_not_an_error(
    monkeypatch: pytest.MonkeyPatch, library: object
) -> None:
    def load(name: None, use_errno: bool) -> object:
        if library is None:
            raise OSError
        return library

    monkeypatch.setattr(ctypes, "CDLL", load)

    assert "no prctl" in harden().missing[0]


def test_one_refusal_does_not_keep_the_others_from_holding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Library:
        def prctl(self, option: int, *arguments: object) -> int:
            return -1 if option == 38 else 0

    monkeypatch.setattr(ctypes, "CDLL", lambda name, use_errno: Library())
    monkeypatch.setattr(ctypes, "get_errno", lambda: 22)

    result = harden()

    assert (result.memory_closed, result.subreaper) == (True, True)
    assert not result.no_new_privileges
    (line,) = result.missing
    assert "sudo" in line
    assert "Invalid argument" in line


def test_where_threads_cannot_be_counted_none_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Library:
        def prctl(self, option: int, *arguments: object) -> int:
            return 0

    monkeypatch.setattr(ctypes, "CDLL", lambda name, use_errno: Library())
    monkeypatch.setattr(hardening, "_THREADS", tmp_path / "gone")

    assert harden().missing == ()
