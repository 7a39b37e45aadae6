"""What a new process gets as its descriptors 0 to 3, and our ends of its pipes."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from typing import Final

import attrs

from commander.execution.seams import TerminalWish
from commander.execution.terminal import Terminal, open_terminal

__all__ = ["REPORT", "ChildDescriptors", "open_descriptors"]

REPORT: Final = 3
"""What a process writes to it is neither output nor waited for."""

_STDIN: Final = 0
_STDOUT: Final = 1
_STANDARD: Final = (0, 1, 2)
_OUTPUTS: Final = (1, 2, REPORT)
_THREE_PIPES: Final[Mapping[int, int | str]] = {0: "w", 1: "r", 2: "r"}
_WRITABLE: Final = 0o622
"""A command of another user must be able to open ``/dev/stdout``. To get at the pipe
takes ``/proc/PID/fd``, which has rules of its own."""
_FIRST_FREE: Final = 3
"""Copying to 0, 1, 2 and 3, one after the other, must not overwrite what comes next.
A source that is 3 itself is only overwritten once it was copied."""


@attrs.define
class ChildDescriptors:
    """The descriptors of one start, all close-on-exec; the owner closes them."""

    theirs: dict[int, int] = attrs.field(factory=dict)
    """What is to be copied for the process, by its number there. All above 2."""
    ours: dict[int, int] = attrs.field(factory=dict)
    """Our ends of the pipes, by the number of the other end in the process."""
    terminal: Terminal | None = None
    """In place of 0, 1 and 2; ours are two of its master then, for 0 and 1."""
    _until_spawn: list[int] = attrs.field(factory=list)

    def close_theirs(self) -> None:
        """The process has its copies, or there will be no process."""
        for descriptor in self._until_spawn:
            os.close(descriptor)
        self._until_spawn.clear()

    def close(self) -> None:
        """Close all that was opened."""
        self.close_theirs()
        for descriptor in self.ours.values():
            os.close(descriptor)
        self.ours.clear()
        if self.terminal is not None:
            self.terminal.close()

    def add_output(self, child: int) -> None:
        """A pipe that the process writes to."""
        reading, writing = _pipe()
        os.fchmod(writing, _WRITABLE)
        self.ours[child] = reading
        self.theirs[child] = writing
        self._until_spawn.append(writing)

    def add_input(self) -> None:
        """A pipe that the process reads."""
        reading, writing = _pipe()
        self.ours[_STDIN] = writing
        self.theirs[_STDIN] = reading
        self._until_spawn.append(reading)

    def add_terminal(self, wish: TerminalWish) -> None:
        """A terminal for all three."""
        self.terminal, self.ours[_STDOUT] = open_terminal(wish)
        # A reactor tells one owner of each descriptor.
        self.ours[_STDIN] = fcntl.fcntl(self.ours[_STDOUT], fcntl.F_DUPFD_CLOEXEC, 0)

    def add_copy(self, child: int, descriptor: int) -> None:
        """A descriptor of ours, which stays ours."""
        if descriptor < _FIRST_FREE:
            descriptor = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE)
            self._until_spawn.append(descriptor)
        self.theirs[child] = descriptor


def open_descriptors(
    wanted: Mapping[int, int | str] | None, terminal: TerminalWish | None = None
) -> ChildDescriptors:
    """Open the pipes of a process, or its terminal.

    Args:
        wanted: As ``childFDs`` of ``IReactorProcess``: for 0 a descriptor of ours or
            "w", for 1 and 2 one of ours or "r", for 3 "r". None for three pipes. A
            number that is missing will be closed.
        terminal: Stands for 0, 1 and 2, which cannot be wanted then.

    Raises:
        OSError: No descriptor is left, or no terminal.
        ValueError: Something else is wanted.
    """
    opened = ChildDescriptors()
    if wanted is None:
        wanted = _THREE_PIPES if terminal is None else {}
    try:
        if terminal is not None:
            opened.add_terminal(terminal)
        for child, how in wanted.items():
            if terminal is not None and child in _STANDARD:
                raise ValueError(f"childFDs: a terminal is the {child} of its process")
            if how == "r" and child in _OUTPUTS:
                opened.add_output(child)
            elif how == "w" and child == _STDIN:
                opened.add_input()
            elif isinstance(how, int) and child in _STANDARD:
                opened.add_copy(child, how)
            else:
                raise ValueError(f"childFDs: a process cannot have {how!r} as {child}")
    except BaseException:
        opened.close()
        raise
    return opened


def _pipe() -> tuple[int, int]:
    """A pipe with both ends above 2, even in a server that was started without."""
    ends = os.pipe2(os.O_CLOEXEC)
    if min(ends) >= _FIRST_FREE:
        return ends
    moved: list[int] = []
    try:
        for end in ends:
            moved.append(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE))
    except OSError:
        for end in moved:
            os.close(end)
        raise
    finally:
        for end in ends:
            os.close(end)
    return moved[0], moved[1]
