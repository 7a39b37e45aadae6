"""Whether the kernel's memory killer ended a command.

A process that it kills looks like any that got SIGKILL. But the kernel counts its
victims, for each control group and for the whole machine. A command died of it, as
far as can be told from outside, if SIGKILL ended the command, nobody here sent it,
and the count rose while the command ran.

The count of the server's own group takes some ten microseconds to read, and a reading
serves all commands that start within 10 ms of it. That of the machine stands in a long
list and has other people's victims in it; it is for where there is no other, and its
reading serves a second. At the end of a command it is always read anew. So a victim can
be taken for one of a command that started up to so long after it, if that command gets
a SIGKILL that nobody can explain.
"""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import Final

import attrs

from commander.commands import EndedBy
from commander.execution.cgroups import find_group
from commander.interfaces import Monotonic

__all__ = ["MemoryKiller", "VictimCount", "find_victim_count"]

_COUNT: Final = re.compile(rb"^oom_kill ([0-9]+)$", re.MULTILINE)
_MOST_BYTES: Final = 65536
_MACHINE: Final = Path("/proc/vmstat")
_MACHINE_SECONDS: Final = 1.0
_GROUP_SECONDS: Final = 0.01
_KILLED_CHILD: Final = 128 + signal.SIGKILL
"""What a shell ends with if SIGKILL ended its last program."""


@attrs.frozen(kw_only=True)
class VictimCount:
    """Where the kernel counts its victims."""

    file: Path
    fresh_seconds: float = 0.0
    """How long a reading serves, where reading is dear."""

    def read(self) -> int | None:
        """Victims so far; None if it is not told."""
        try:
            descriptor = os.open(self.file, os.O_RDONLY | os.O_CLOEXEC)
            try:
                match = _COUNT.search(os.read(descriptor, _MOST_BYTES))
            finally:
                os.close(descriptor)
        except OSError:
            return None
        return int(match[1]) if match else None


class MemoryKiller:
    """Judges endings by the kernel's count.

    Args:
        monotonic: Seconds; tells how old a reading is.
        count: Where to read; None if nowhere.
    """

    def __init__(self, monotonic: Monotonic, count: VictimCount | None) -> None:
        self._monotonic = monotonic
        self._count = count
        self._victims: int | None = None
        self._read_at = float("-inf")

    def mark(self) -> int | None:
        """The count at the start of a command, to be given back at its end."""
        if self._count is not None and (
            self._monotonic() - self._read_at >= self._count.fresh_seconds
        ):
            self._read()
        return self._victims

    def cause(
        self, ended_by: EndedBy, signal_number: int | None, mark: int | None
    ) -> EndedBy:
        """``OOM`` in place of ``EXIT`` if there is evidence for it.

        Args:
            ended_by: What the server knows: anything but ``EXIT`` is its own doing.
            signal_number: What ended the shell; None if it ended by itself.
            mark: From the start of the command.
        """
        if ended_by is not EndedBy.EXIT or signal_number != signal.SIGKILL:
            return ended_by
        return EndedBy.OOM if self._rose_since(mark) else ended_by

    def hint(self, exit_code: int | None, mark: int | None) -> str | None:
        """Words for a shell that outlived a killed program; no claim is made."""
        if exit_code != _KILLED_CHILD or not self._rose_since(mark):
            return None
        return (
            "exit code 137 is that of a killed program, and the kernel killed "
            "processes for want of memory while this command ran"
        )

    def _rose_since(self, mark: int | None) -> bool:
        self._read()
        return mark is not None and self._victims is not None and self._victims > mark

    def _read(self) -> None:
        if self._count is not None:
            self._victims = self._count.read()
            self._read_at = self._monotonic()


def find_victim_count() -> VictimCount | None:
    """The count of the server's own group, else that of the machine, if any."""
    group = find_group("memory")
    candidates = [VictimCount(file=_MACHINE, fresh_seconds=_MACHINE_SECONDS)]
    if group is not None:
        name = "memory.events" if group.unified else "memory.oom_control"
        own = VictimCount(file=group.path / name, fresh_seconds=_GROUP_SECONDS)
        candidates.insert(0, own)
    return next((each for each in candidates if each.read() is not None), None)
