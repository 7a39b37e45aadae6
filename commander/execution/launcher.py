"""The argument list that puts a command into its own session and directory.

Twisted's ``spawnProcess`` starts a child in the server's process group and, for a
foreign directory, by a fork that copies the server's page tables. So the session
and the directory are made by small programs in front of the shell, which replace
themselves: the process id that Twisted knows is the shell's, and its group's.

Where ``setsid`` and an ``env`` with ``--chdir`` are not installed, this Python does
the same, at the price of its start-up time.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import Final

import attrs

__all__ = ["Launcher", "find_launcher"]

_PYTHON_LAUNCHER: Final = (
    "import os,sys;os.setsid();os.chdir(sys.argv[1]);os.execv(sys.argv[2],sys.argv[2:])"
)
_PROBE_SECONDS: Final = 5


@attrs.frozen(kw_only=True)
class Launcher:
    """How commands are put into a session and a directory."""

    name: str
    """For the start-up log: ``setsid`` or ``python``."""
    setsid: str | None = None
    env: str | None = None

    def arguments(self, directory: str, command: tuple[str, ...]) -> tuple[str, ...]:
        """The full argument list; its first element is the program's path."""
        if self.setsid is not None and self.env is not None:
            return (self.setsid, self.env, f"--chdir={directory}", *command)
        return (
            sys.executable,
            "-I",
            "-S",
            "-c",
            _PYTHON_LAUNCHER,
            directory,
            *command,
        )


def find_launcher() -> Launcher:
    """Look once, at start, for the programs; blocks for a few milliseconds."""
    setsid, env = shutil.which("setsid"), shutil.which("env")
    if setsid is not None and env is not None and _env_changes_directory(env):
        return Launcher(name="setsid", setsid=setsid, env=env)
    return Launcher(name="python")


def _env_changes_directory(env: str) -> bool:
    """Whether this ``env`` is one that knows ``--chdir`` (GNU, since 2018)."""
    try:
        probe = subprocess.run(  # noqa: S603 - fixed arguments
            [env, "--chdir=/", "true"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return probe.returncode == 0
