"""The argument list that puts a command into its own session and directory.

Twisted's ``spawnProcess`` starts a child in the server's process group and, for a
foreign directory, by a fork that copies the server's page tables. So the session
and the directory are made by small programs in front of the shell, which replace
themselves: the process id that Twisted knows is the shell's, and its group's.

Where ``setsid`` and an ``env`` with ``--chdir`` are not installed, this Python does
the same, at the price of its start-up time. It does so too where a sandbox is to hold:
it restricts itself before it becomes the shell.

This is the fallback for systems where ``commander.execution.spawner`` cannot work.
What goes wrong in the programs in front, such as a directory that is gone, is seen as
their exit code and their words on standard error, not as a start that failed.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs
from twisted.internet.interfaces import (
    IProcessProtocol,
    IProcessTransport,
    IReactorProcess,
)
from zope.interface import implementer

from commander.execution.landlock import Ruleset
from commander.execution.seams import IPreparingProcessProtocol

__all__ = ["LaunchedSpawner", "Launcher", "find_launcher", "refuse_unsupported"]

_PYTHON_LAUNCHER: Final = (
    "import os,sys;os.setsid();os.chdir(sys.argv[1]);os.execv(sys.argv[2],sys.argv[2:])"
)
_RULES: Final = 4
"""The descriptor at which the launcher finds them; 0 to 3 are the command's."""
_RESTRICTING_LAUNCHER: Final = (
    "import ctypes,os,sys;os.setsid();os.chdir(sys.argv[1]);c=ctypes.CDLL(None);"
    # As Ruleset.restrict does it: no new privileges, then the rules.
    "c.prctl(38,1,0,0,0);"
    f"c.syscall(446,{_RULES},0)==0 or "
    "sys.exit('commander: the kernel refused the rules of MCP_SANDBOX');"
    f"os.close({_RULES});os.execv(sys.argv[2],sys.argv[2:])"
)
_PROBE_SECONDS: Final = 5
_NO_TERMINALS: Final = (
    "a command can have a terminal only where the server can call posix_spawn"
)


@attrs.frozen(kw_only=True)
class Launcher:
    """How commands are put into a session and a directory."""

    name: str
    """For the start-up log: ``setsid`` or ``python``."""
    setsid: str | None = None
    env: str | None = None
    ruleset: Ruleset | None = None
    """Put in force before the command; only Python can do that."""

    def arguments(self, directory: str, command: tuple[str, ...]) -> tuple[str, ...]:
        """The full argument list; its first element is the program's path."""
        if self.setsid is not None and self.env is not None:
            return (self.setsid, self.env, f"--chdir={directory}", *command)
        code = _PYTHON_LAUNCHER if self.ruleset is None else _RESTRICTING_LAUNCHER
        return (sys.executable, "-I", "-S", "-c", code, directory, *command)

    def descriptors(
        self, wanted: Mapping[int, int | str] | None
    ) -> Mapping[int, int | str] | None:
        """What the launcher has open, as ``childFDs``: the command's, and its own."""
        if self.ruleset is None:
            return wanted
        theirs = {0: "w", 1: "r", 2: "r"} if wanted is None else wanted
        return {**theirs, _RULES: self.ruleset.fileno()}


def find_launcher(ruleset: Ruleset | None = None) -> Launcher:
    """Look once, at start, for the programs; blocks for a few milliseconds.

    Args:
        ruleset: What binds every command; the caller closes it.
    """
    if ruleset is not None:
        return Launcher(name="python", ruleset=ruleset)
    setsid, env = shutil.which("setsid"), shutil.which("env")
    if setsid is not None and env is not None and _env_changes_directory(env):
        return Launcher(name="setsid", setsid=setsid, env=env)
    return Launcher(name="python")


def refuse_unsupported(*, uid: int | None, gid: int | None) -> None:
    """Refuse what ``spawnProcess`` has arguments for and our spawners cannot do.

    Raises:
        ValueError: It names the argument.
    """
    for name, value in (("uid", uid), ("gid", gid)):
        if value is not None:
            raise ValueError(f"{name} is not supported")


@implementer(IReactorProcess)
class LaunchedSpawner:
    """Twisted's way to start a process, with the launcher in front of it.

    Args:
        reactor: Starts the process. It is never given a directory: that makes it fork.
        launcher: Makes the session and changes the directory.
    """

    def __init__(self, reactor: IReactorProcess, launcher: Launcher) -> None:
        self._reactor = reactor
        self._launcher = launcher

    def spawnProcess(
        self,
        processProtocol: IProcessProtocol,
        executable: bytes | str,
        args: Sequence[bytes | str] = (),
        env: Mapping[Any, Any] | None = None,
        path: bytes | str | None = None,
        uid: int | None = None,
        gid: int | None = None,
        usePTY: bool = False,
        childFDs: Mapping[int, int | str] | None = None,
    ) -> IProcessTransport:
        """Start a process; it gets ``executable`` for its own name, too.

        Raises:
            OSError: The kernel refused; or a terminal is wanted, which would take a
                fork.
            ValueError: An argument that is not supported.
        """
        refuse_unsupported(uid=uid, gid=gid)
        if usePTY:
            raise OSError(errno.ENOTSUP, _NO_TERMINALS)
        command = tuple(map(os.fsdecode, (executable, *args[1:])))
        arguments = self._launcher.arguments(os.fsdecode(path or "."), command)
        preparing = IPreparingProcessProtocol(processProtocol, None)
        if preparing is not None:
            preparing.child_spawning()
        return self._reactor.spawnProcess(
            processProtocol,
            arguments[0],
            list(map(os.fsencode, arguments)),
            env=env,
            childFDs=self._launcher.descriptors(childFDs),
        )


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
