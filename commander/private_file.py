"""Files that decide what the server does, and so must be nobody else's to write.

Such a file is read only if nobody but its owner and root can write it, and if its
owner is the server's user or root. The checks are made on the open descriptor: the
file that was checked is the file that is read.
"""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path
from typing import Final

import attrs

from commander.kinds import printable

__all__ = ["Unusable", "read_private_file"]

_WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH
_ROOT: Final = 0


@attrs.frozen
class Unusable:
    """Why a file was not read; a value, not an exception."""

    reason: str
    """One line that names no content, such as "it is not a regular file"."""
    is_missing: bool = False


def read_private_file(
    path: Path, *, user_id: int, most_bytes: int, shown: str | None = None
) -> bytes | Unusable:
    """The file's bytes, or why it must not be used.

    Args:
        path: The file. A symbolic link is followed: what counts is who owns and can
            write the file that it leads to.
        user_id: Who may own the file, beside root.
        most_bytes: A larger file is something else by mistake.
        shown: The path as its owner writes it to a shell.
    """
    # Not blocking: opening a named pipe would otherwise wait for its writer.
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    try:
        descriptor = os.open(path, flags)
        try:
            name = shown or shlex.quote(printable(str(path)))
            problem = _problem(os.fstat(descriptor), user_id, name)
            if problem is not None:
                return Unusable(problem)
            with open(descriptor, "rb", closefd=False) as file:
                content = file.read(most_bytes + 1)
        finally:
            os.close(descriptor)
    except (FileNotFoundError, NotADirectoryError) as error:
        return Unusable(f"it cannot be read ({error.strerror})", is_missing=True)
    except OSError as error:
        return Unusable(f"it cannot be read ({error.strerror})")
    if len(content) > most_bytes:
        return Unusable(f"it is larger than {most_bytes} bytes")
    return content


def _problem(status: os.stat_result, user_id: int, name: str) -> str | None:
    """Why what was opened must not be read, if there is a reason."""
    if not stat.S_ISREG(status.st_mode):
        return "it is not a regular file"
    if status.st_uid not in (user_id, _ROOT):
        return f"it belongs to user {status.st_uid}, not to user {user_id} or root"
    if status.st_mode & _WRITABLE_BY_OTHERS:
        return f"others can write it; run: chmod go-w {name}"
    return None
