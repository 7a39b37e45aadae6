"""Limits that the kernel keeps, put on a command right after its spawn.

The server sets them from outside, in the thread that spawned the process: a program
in front of the shell that did it would double the time to start. So the process runs
without for some microseconds, on a busy machine milliseconds. What it has started in
them is looked for and bound as well; what has also lost its parent by then keeps the
server's own limits. Limits stop accidents; against intent there are containers.

The kernel counts processor time, memory and descriptors for each process. A command
of ten processes may take ten times as much.
"""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

from commander.execution.cgroups import CommandGroups
from commander.execution.short_calls import write_file
from commander.execution.tags import put_tag
from commander.execution.tree import ProcFiles

__all__ = [
    "LIMIT_PROCESSES",
    "ChildSetup",
    "CommandLimits",
    "ResourceLimit",
    "resource_limits",
]

LIMIT_PROCESSES: Final = "MCP_LIMIT_PROCESSES"
_CPU_GRACE_SECONDS: Final = 1
"""From SIGXCPU, which a program may catch to tidy up, to SIGKILL."""
_OOM_ABOVE_SERVER: Final = 500
_OOM_MOST: Final = 1000
_ROUNDS: Final = 8
"""Looks for what was started before its parent was bound. Each finds who was started
during the one before; more than two are needed by fork bombs only."""
_PROC: Final = "/proc"


@attrs.frozen(kw_only=True)
class CommandLimits:
    """What a command may use; None is what the server itself may use."""

    cpu_seconds: int | None = None
    """Processor time of each process: SIGXCPU, and a second later SIGKILL."""
    memory_bytes: int | None = None
    """Address space of each process: beyond it, allocations fail."""
    file_bytes: int | None = None
    """Size of a file that a process writes: SIGXFSZ."""
    files: int | None = None
    """Descriptors of each process: beyond it, opening fails."""
    processes: int | None = None
    """Processes of the whole command; not kept here but for a user of its own."""


@attrs.frozen(kw_only=True)
class ResourceLimit:
    """One limit as the kernel takes it."""

    setting: str
    option: str
    """Of the program ``prlimit``."""
    resource: int
    soft: int
    hard: int


def resource_limits(
    limits: CommandLimits, *, with_processes: bool = False
) -> tuple[ResourceLimit, ...]:
    """The limits that are set, none looser than what binds the server already.

    Args:
        limits: As the operator wants them.
        with_processes: Include that of processes. The kernel counts all those of a
            user together: no use without a user for commands only.
    """
    cpu, files, processes = limits.cpu_seconds, limits.files, limits.processes
    table = (
        ("MCP_LIMIT_CPU_SECONDS", "cpu", resource.RLIMIT_CPU, cpu),
        ("MCP_LIMIT_MEMORY_BYTES", "as", resource.RLIMIT_AS, limits.memory_bytes),
        ("MCP_LIMIT_FILE_BYTES", "fsize", resource.RLIMIT_FSIZE, limits.file_bytes),
        ("MCP_LIMIT_FILES", "nofile", resource.RLIMIT_NOFILE, files),
        (
            LIMIT_PROCESSES,
            "nproc",
            resource.RLIMIT_NPROC,
            processes if with_processes else None,
        ),
    )
    return tuple(
        _limit(setting, option, which, most)
        for setting, option, which, most in table
        if most is not None
    )


def _limit(setting: str, option: str, which: int, most: int) -> ResourceLimit:
    hard = most + (_CPU_GRACE_SECONDS if which == resource.RLIMIT_CPU else 0)
    _, own = resource.getrlimit(which)
    if own != resource.RLIM_INFINITY:
        hard = min(hard, own)
    return ResourceLimit(
        setting=setting,
        option=option,
        resource=which,
        soft=min(most, hard),
        hard=hard,
    )


class ChildSetup:
    """What is done to every new process; one object for the server.

    Args:
        limits: Those that are to be set here; none if a launcher sets them.
        groups: Where commands get a group of their own, to bound their processes.
    """

    def __init__(
        self,
        limits: tuple[ResourceLimit, ...] = (),
        *,
        groups: CommandGroups | None = None,
    ) -> None:
        self._limits = limits
        self._groups = groups
        self._files = ProcFiles(_PROC)
        own = _own_oom_score()
        self._oom_score = str(min(own + _OOM_ABOVE_SERVER, _OOM_MOST)).encode()

    def apply(self, pid: int, tag: int) -> None:
        """Bind a process that was spawned just now, and what it has started already.

        May be called in any thread, while the process was not waited for. A process
        that is over already is no error. That the tag, or the kernel's choice when
        memory runs out, cannot be set is none either: the command then is as safe as
        on a system without them.

        Raises:
            OSError: A limit cannot be set; ``strerror`` names it.
        """
        self._bind(pid, tag)
        for early in self._started_by(pid):
            self._bind(early, tag)

    def release(self, tag: int) -> None:
        """The command with this tag is over, or was never started."""
        if self._groups is not None:
            self._groups.remove(tag)

    def _bind(self, pid: int, tag: int) -> None:
        for limit in self._limits:
            try:
                resource.prlimit(pid, limit.resource, (limit.soft, limit.hard))
            except ProcessLookupError:
                return
            except OSError as error:
                raise _named(limit.setting, error) from None
        if self._groups is not None:
            try:
                self._groups.enter(tag, pid)
            except OSError as error:
                raise _named(LIMIT_PROCESSES, error) from None
        with contextlib.suppress(OSError):
            put_tag(pid, tag)
        with contextlib.suppress(OSError):
            self._prefer_when_memory_runs_out(pid)

    def _started_by(self, pid: int) -> Iterator[int]:
        """The descendants of a process; each is to be bound before the next."""
        seen = {pid}
        for _ in range(_ROUNDS):
            found = {child for each in seen for child in self._files.children(each)}
            new = found - seen
            if not new:
                return
            yield from new
            seen |= new

    def _prefer_when_memory_runs_out(self, pid: int) -> None:
        write_file(f"{_PROC}/{pid}/oom_score_adj", self._oom_score)


def _own_oom_score() -> int:
    try:
        return int(Path(_PROC, "self/oom_score_adj").read_text())
    except (OSError, ValueError):
        return 0


def _named(setting: str, error: OSError) -> OSError:
    why = error.strerror or str(error)
    return OSError(error.errno, f"{setting} cannot be set: {why}")
