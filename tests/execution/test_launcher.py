"""How a command gets its session and directory."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from commander.execution.launcher import Launcher, find_launcher

COMMAND = ("/bin/sh", "-c", "echo $$; pwd; ps -o pid=,pgid=,sid= -p $$")


def test_setsid_and_env_stand_before_the_shell() -> None:
    launcher = Launcher(name="setsid", setsid="/usr/bin/setsid", env="/usr/bin/env")
    assert launcher.arguments("/srv", ("/bin/sh", "-c", "true")) == (
        "/usr/bin/setsid",
        "/usr/bin/env",
        "--chdir=/srv",
        "/bin/sh",
        "-c",
        "true",
    )


@pytest.mark.parametrize("launcher", [find_launcher(), Launcher(name="python")])
def test_the_shell_leads_its_session_and_stands_in_its_directory(
    launcher: Launcher, tmp_path: Path
) -> None:
    arguments = launcher.arguments(str(tmp_path), COMMAND)
    child = subprocess.run(arguments, capture_output=True, text=True, check=True)
    pid, directory, ids = child.stdout.splitlines()
    assert directory == str(tmp_path.resolve())
    assert ids.split() == [pid, pid, pid]


def test_without_the_programs_python_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    found = find_launcher()
    assert found.name == "python"
    assert found.arguments("/", ("/bin/sh",))[0] == sys.executable


def test_an_env_that_cannot_change_directory_is_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old = tmp_path / "env"
    old.write_text("#!/bin/sh\necho no such option >&2; exit 1\n")
    old.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(tmp_path / name))
    assert find_launcher().name == "python"
    os.unlink(old)
    assert find_launcher().name == "python"
