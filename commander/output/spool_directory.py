"""The place of spooled output on disk: a private directory, and files without a name.

Each running server has one directory of its own in the one that the operator names::

    MCP_SPOOL_DIR/                     made with mode 0700 if it is missing
        commander-spool-6b0e.../       mode 0700, of one server, locked by it

The lock is ``flock`` on the directory itself, so there is no moment in which it exists
without the thing to lock. The kernel frees it with the last descriptor, however the
server ended; who starts next removes what it can lock. A server that starts may lose
its new directory to such a sweep before it has locked it: then it makes another.

A file loses its name right after it was opened. So it is gone with its descriptor,
even after SIGKILL, and no path leads to it. Other users are kept out by modes besides.
A command that runs as the server's own user can reach it where the server could not
close its ``/proc/PID/fd`` (``commander.execution.hardening``), as it can reach all
else of that user.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import shlex
import stat
import threading
from pathlib import Path
from typing import Final

from commander.errors import StartError
from commander.kinds import printable

__all__ = ["PREFIX", "SpoolDirectory"]

PREFIX: Final = "commander-spool-"
"""Names of the servers' directories begin so; what else lies beside is left alone."""

CLAIM_TRIES: Final = 10
"""A second one is needed only when two servers start in the same millisecond."""

_NAME_BYTES: Final = 8
_PRIVATE: Final = 0o700
_ROOT: Final = 0
_WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH
_FOLLOWED: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_OPENED: Final = _FOLLOWED | os.O_NOFOLLOW
_CREATED: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class SpoolDirectory:
    """This server's directory; made, locked and cleared of predecessors at once.

    It blocks: make it at start, and call the rest from threads.

    Args:
        path: What the operator named. Its parent must exist.

    Raises:
        StartError: It cannot be used; the text says why.
    """

    def __init__(self, path: Path) -> None:
        shown = f"MCP_SPOOL_DIR={shlex.quote(printable(str(path)))}"
        self._parent = _open_parent(path, shown)
        try:
            _sweep(self._parent)
            self._name, self._descriptor = _claim(self._parent)
        except OSError as error:
            os.close(self._parent)
            raise StartError(
                f"{shown}: output cannot be kept there ({error.strerror})"
            ) from None
        self._lock = threading.Lock()
        self._closed = False

    def create(self) -> int:
        """Open a new file that has no name; the caller closes the descriptor.

        Raises:
            OSError: It cannot be made.
        """
        with self._lock:
            if self._closed:
                raise OSError(errno.ENOENT, "the spool is closed")
            name = secrets.token_hex(_NAME_BYTES)
            created = os.open(name, _CREATED, 0o600, dir_fd=self._descriptor)
            try:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=self._descriptor)
            except OSError:
                os.close(created)
                raise
            return created

    def close(self) -> None:
        """Remove the directory; a second call does nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            with contextlib.suppress(OSError):
                _remove(self._parent, self._name, self._descriptor)
            os.close(self._descriptor)
            os.close(self._parent)


def _open_parent(path: Path, shown: str) -> int:
    """Open what the operator named, made if need be, if it can be trusted."""
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, _PRIVATE)
        descriptor = os.open(path, _flags_for(path, shown))
    except NotADirectoryError:
        raise StartError(f"{shown}: it is not a directory") from None
    except OSError as error:
        raise StartError(
            f"{shown}: it cannot be made or opened ({error.strerror}); its parent has "
            "to be there"
        ) from None
    problem = _problem(os.fstat(descriptor))
    if problem is not None:
        os.close(descriptor)
        raise StartError(f"{shown}: {problem}")
    return descriptor


def _flags_for(path: Path, shown: str) -> int:
    """How to open it: a link is followed only if nobody else can turn it."""
    status = os.lstat(path)
    if not stat.S_ISLNK(status.st_mode):
        return _OPENED
    if status.st_uid not in (os.geteuid(), _ROOT):
        raise StartError(
            f"{shown}: it is a symbolic link that belongs to user {status.st_uid}"
        )
    return _FOLLOWED


def _problem(status: os.stat_result) -> str | None:
    """Why others could meddle with what lies in a directory, if they could."""
    if status.st_uid not in (os.geteuid(), _ROOT):
        return f"it belongs to user {status.st_uid}, not to the server's user or root"
    # In a sticky one, such as /tmp, nobody can rename or remove what is others'.
    if status.st_mode & _WRITABLE_BY_OTHERS and not status.st_mode & stat.S_ISVTX:
        return "others can write it; run: chmod go-w on it"
    return None


def _claim(parent: int) -> tuple[str, int]:
    """Make a directory and lock it; its name and its descriptor."""
    for _ in range(CLAIM_TRIES):
        name = PREFIX + secrets.token_hex(_NAME_BYTES)
        os.mkdir(name, _PRIVATE, dir_fd=parent)
        descriptor = _lock_named(parent, name)
        if descriptor is not None:
            os.fchmod(descriptor, _PRIVATE)
            return name, descriptor
    raise OSError(errno.EBUSY, "what is made there is locked or removed by somebody")


def _lock_named(parent: int, name: str) -> int | None:
    """Open and lock a directory; None if that is another's now, or gone.

    Raises:
        OSError: It cannot be opened or locked for another reason.
    """
    try:
        descriptor = os.open(name, _OPENED, dir_fd=parent)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Between the two calls it may have been removed, with the lock free again.
        named = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except (BlockingIOError, FileNotFoundError):
        os.close(descriptor)
        return None
    except OSError:
        os.close(descriptor)
        raise
    if os.path.samestat(named, os.fstat(descriptor)):
        return descriptor
    os.close(descriptor)
    return None


def _sweep(parent: int) -> None:
    """Remove the directories of servers that are dead."""
    for name in os.listdir(parent):
        if name.startswith(PREFIX):
            with contextlib.suppress(OSError):
                _sweep_one(parent, name)


def _sweep_one(parent: int, name: str) -> None:
    status = os.stat(name, dir_fd=parent, follow_symlinks=False)
    if status.st_uid != os.geteuid():
        return
    descriptor = _lock_named(parent, name)
    if descriptor is not None:
        try:
            _remove(parent, name, descriptor)
        finally:
            os.close(descriptor)


def _remove(parent: int, name: str, descriptor: int) -> None:
    for file in os.listdir(descriptor):
        with contextlib.suppress(OSError):
            os.unlink(file, dir_fd=descriptor)
    os.rmdir(name, dir_fd=parent)
