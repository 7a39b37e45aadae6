"""The server's environment is closed to commands of the same user."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from commander.execution.hardening import keep_out_of_proc

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import ctypes, os, subprocess
from commander.execution.hardening import keep_out_of_proc
PR_GET_DUMPABLE = 3
before = ctypes.CDLL(None).prctl(PR_GET_DUMPABLE)
assert keep_out_of_proc()
after = ctypes.CDLL(None).prctl(PR_GET_DUMPABLE)
environ = subprocess.run(["cat", f"/proc/{os.getpid()}/environ"], capture_output=True)
print(before, after, b"t0ken" in environ.stdout)
"""


@pytest.mark.process
def test_the_environment_is_closed_to_children_of_the_same_user() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), "TOKEN": "t0ken"},
        capture_output=True,
        text=True,
        check=True,
    )
    # Root reads everything; there the kernel's flag has to do.
    assert done.stdout.split() == ["1", "0", str(os.geteuid() == 0)]


def test_elsewhere_than_on_linux_it_says_that_it_is_not_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Darwin:
        sysname = "Darwin"

    monkeypatch.setattr(os, "uname", Darwin)
    assert keep_out_of_proc() is False


@pytest.mark.parametrize("library", [object(), None])
def test_a_system_without_the_call_is_not_an_error(
    monkeypatch: pytest.MonkeyPatch, library: object
) -> None:
    def load(name: None) -> object:
        if library is None:
            raise OSError
        return library

    monkeypatch.setattr(ctypes, "CDLL", load)
    assert keep_out_of_proc() is False
