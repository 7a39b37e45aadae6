"""Landlock: what a thread, and all that it starts, may do with files from now on.

Three system calls, which the C library has no functions for. A *ruleset* names the
rights that it handles: those are gone for who is restricted by it, except below the
directories, or on the files, that it allows them for. A thread that has restricted
itself can never undo it, and what it starts inherits it; threads that were there
before stay as they are. No command pays for it: the rules hang on open inodes, not on
paths that would be compared.

Kernels know more rights with each version of Landlock. A right that this kernel does
not know is not handled, so what it stands for stays free. There is one exception:
``REFER``, a link or a move into another directory, is refused by every ruleset that
does not allow it, and a kernel with version 1 cannot be told to allow it.
"""

from __future__ import annotations

import contextlib
import ctypes
import enum
import errno
import os
import stat
import struct
from typing import Final

from commander.execution.hardening import forbid_new_privileges

__all__ = ["WRITING", "Right", "Ruleset", "known_rights", "landlock_version"]

_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
_ASK_VERSION: Final = 1
_PATH_BENEATH: Final = 1
_RULE: Final = struct.Struct("=Qi")
"""Allowed rights and the descriptor, without padding, as the kernel declares it."""
_HANDLED: Final = struct.Struct("=Q")


class Right(enum.IntFlag):
    """What can be done with files; the numbers are the kernel's."""

    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    REMOVE_DIR = 1 << 4
    REMOVE_FILE = 1 << 5
    MAKE_CHAR = 1 << 6
    MAKE_DIR = 1 << 7
    MAKE_REG = 1 << 8
    MAKE_SOCK = 1 << 9
    MAKE_FIFO = 1 << 10
    MAKE_BLOCK = 1 << 11
    MAKE_SYM = 1 << 12
    REFER = 1 << 13
    """To link or move files into another directory."""
    TRUNCATE = 1 << 14


NO_RIGHT: Final = Right(0)
WRITING: Final = (
    Right.WRITE_FILE
    | Right.REMOVE_DIR
    | Right.REMOVE_FILE
    | Right.MAKE_CHAR
    | Right.MAKE_DIR
    | Right.MAKE_REG
    | Right.MAKE_SOCK
    | Right.MAKE_FIFO
    | Right.MAKE_BLOCK
    | Right.MAKE_SYM
    | Right.TRUNCATE
)
"""All that changes files and directories, and that Landlock knows."""
_OF_FILES: Final = Right.EXECUTE | Right.WRITE_FILE | Right.TRUNCATE
"""The kernel takes no other for a rule that is about a file."""
_SINCE: Final = {Right.REFER: 2, Right.TRUNCATE: 3}
"""The version that brought a right; all others are as old as Landlock."""
_WHY_NOT: Final = {
    errno.ENOSYS: "this kernel has no Landlock",
    errno.EOPNOTSUPP: "Landlock was not enabled when this kernel was booted",
    errno.EPERM: "something around the server, such as a seccomp profile, forbids it",
}


def landlock_version() -> int | str:
    """The version of the kernel's Landlock, from 1, or why there is none."""
    if os.uname().sysname != "Linux":
        return "this is not Linux"
    try:
        return _call(_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_VERSION)
    except OSError as error:
        return _WHY_NOT.get(error.errno or 0, str(error.strerror))


def known_rights(version: int) -> Right:
    """All rights that a kernel with this version knows."""
    known = NO_RIGHT
    for right in Right:
        if version >= _SINCE.get(right, 1):
            known |= right
    return known


class Ruleset:
    """Rules that the kernel holds ready; the owner closes it.

    Args:
        handled: What is forbidden but for ``allow``; only rights that the kernel
            knows, and at least one.

    Raises:
        OSError: The kernel does not take it.
    """

    def __init__(self, handled: Right) -> None:
        attributes = _HANDLED.pack(handled)
        self._handled = handled
        self._descriptor = _call(
            _CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0
        )

    def fileno(self) -> int:
        """The descriptor, closed on exec."""
        return self._descriptor

    def allow(self, path: str, rights: Right) -> None:
        """Allow something with a file, or with everything in and below a directory.

        What the ruleset does not handle is left out, as is what is no right of files
        if the path is that of a file. Symbolic links are followed now and not later.

        Raises:
            OSError: The path does not exist or cannot be reached.
        """
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            rights &= self._handled
            if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
                rights &= _OF_FILES
            if rights:
                rule = _RULE.pack(rights, descriptor)
                _call(_ADD_RULE, self._descriptor, _PATH_BENEATH, rule, 0)
        finally:
            os.close(descriptor)

    def restrict(self) -> None:
        """Put the rules in force for this thread and what it starts, for good.

        Raises:
            OSError: The kernel refused; the thread is as it was.
        """
        # The kernel demands it of whoever is not root. It belongs to the thread.
        forbid_new_privileges()
        _call(_RESTRICT_SELF, self._descriptor, 0)

    def close(self) -> None:
        """Give it up; what is restricted stays so. A second call does nothing."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = -1


def _call(number: int, *arguments: object) -> int:
    """A system call whose result is not negative.

    Raises:
        OSError: It was.
    """
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    # As wide as a register: the kernel looks at all of it.
    wide = [
        ctypes.c_long(each) if isinstance(each, int) else each for each in arguments
    ]
    result = int(library.syscall(ctypes.c_long(number), *wide))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
