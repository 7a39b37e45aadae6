"""Terminals for commands: made here, opened once more by the command itself.

A session gets its terminal when its leader opens one and has none. ``posix_spawn``
makes the session first and carries out the file actions then, in glibc and musl alike,
so it is enough that one of these opens the terminal by its path; no fork is needed, and
interrupts, job control and hang-up work as on any other terminal.

Both ends are ours in the beginning. The *master* is read and written. The other end
stays open here until the process has ended: as long as somebody has it the master tells
no end, so a command may close its own and come back to ``/dev/tty`` later. It is closed
then, and whatever the command printed is read before the end is.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct
import termios
from typing import Final

import attrs

from commander.commands import TerminalSize
from commander.execution.seams import TerminalWish

__all__ = ["Terminal", "open_terminal"]

_DISABLED: Final = b"\0"
"""Stands in place of a control character that a terminal does not have."""
_IUTF8: Final = 0x4000
"""Erase takes whole characters off a line (``asm-generic/termbits.h``)."""
_INPUT_MODES: Final = 0
_CONTROL_CHARACTERS: Final = 6
_LARGEST: Final = 0xFFFF
_WORDS: Final = {
    errno.ENOSPC: "all terminals are in use (kernel.pty.max)",
    errno.ENOENT: "there is no /dev/ptmx, or no /dev/pts",
}


@attrs.define(eq=False)
class Terminal:
    """Our copy of the command's end of a terminal."""

    path: bytes
    _descriptor: int
    _owner: int | None

    def fileno(self) -> int:
        """The descriptor; -1 once it is closed."""
        return self._descriptor

    def hand_over(self) -> None:
        """Make it its owner's; the process has opened it.

        Not before, as a server that is no root could not open it any more. One that may
        not give it away keeps it: then only opening it by its path is refused.
        """
        if self._owner is not None:
            with contextlib.suppress(OSError):
                os.fchown(self._descriptor, self._owner, -1)

    def resize(self, size: TerminalSize) -> None:
        """Give it another size; who is in the foreground gets SIGWINCH if it is one."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):  # it was hung up
                _set_size(self._descriptor, size)

    def end_of_file(self) -> bytes:
        """What its reader takes for the end, at the beginning of a line.

        Nothing if there is no such character, as its programs may have arranged.
        """
        if self._descriptor < 0:
            return b""
        try:
            characters = termios.tcgetattr(self._descriptor)[_CONTROL_CHARACTERS]
        except termios.error:  # it was hung up
            return b""
        character = bytes(characters[termios.VEOF])
        return b"" if character == _DISABLED else character

    def close(self) -> None:
        """Close it; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def open_terminal(wish: TerminalWish) -> tuple[Terminal, int]:
    """Make a terminal.

    Returns:
        It, and the master; both are the caller's to close.

    Raises:
        OSError: There is none to be had, and why.
    """
    try:
        master, descriptor = os.openpty()
    except OSError as error:
        raise _no_terminal(error) from None
    try:
        path = os.fsencode(os.ttyname(descriptor))
        _set_size(descriptor, wish.size)
        modes = termios.tcgetattr(descriptor)
        modes[_INPUT_MODES] |= _IUTF8
        termios.tcsetattr(descriptor, termios.TCSANOW, modes)
    except (OSError, termios.error) as error:
        os.close(master)
        os.close(descriptor)
        raise _no_terminal(error) from None
    return Terminal(path, descriptor, wish.owner), master


def _no_terminal(error: Exception) -> OSError:
    number, words = error.args[:2]
    return OSError(number, f"no terminal can be made: {_WORDS.get(number, words)}")


def _set_size(descriptor: int, size: TerminalSize) -> None:
    rows, columns = (min(max(0, each), _LARGEST) for each in (size.rows, size.columns))
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))
