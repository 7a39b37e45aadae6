"""Daily log files, at the path the Go server used.

A disk that is full or a directory that is gone must not end the server, nor cost a
system call on every record: after a failure the file is left alone until the next
day, or for a minute.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from typing import Final

__all__ = ["DailyFile"]

_NAME: Final = "go-mcp-commander"
_RETRY_SECONDS: Final = 60.0
"""By the clock's time of day, so it also ends if that clock was set back."""
_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW


class DailyFile:
    """``<log_dir>/go-mcp-commander/go-mcp-commander-YYYY-MM-DD.log``.

    The day is the local one. Directories are made with mode 0700 and files with
    0600: commands are nobody else's business. What exists keeps its mode.

    Args:
        log_dir: Made at the first write if it is missing.
        now: Seconds since the epoch.
    """

    def __init__(self, log_dir: str, now: Callable[[], float] = time.time) -> None:
        self._directory = os.path.join(log_dir, _NAME)
        self._now = now
        self._day = ""
        self._descriptor: int | None = None
        self._failed_at: float | None = None
        self._is_torn = False

    def write(self, line: str) -> None:
        """Append a line; a newline is put after it.

        Raises:
            OSError: The file could not be opened or written, now or less than a
                minute ago. The line is not kept; a later call tries again.
        """
        now = self._now()
        day = time.strftime("%Y-%m-%d", time.localtime(now))
        if day != self._day:
            self.close()
            self._day, self._failed_at, self._is_torn = day, None, False
        if self._failed_at is not None and 0 <= now - self._failed_at < _RETRY_SECONDS:
            raise OSError(f"{self._path} could not be written a short time ago")
        try:
            if self._descriptor is None:
                self._descriptor = self._open()
            self._append(self._descriptor, line)
            self._failed_at = None
        except OSError:
            self._failed_at = now
            self.close()
            raise

    def close(self) -> None:
        """Close the file; a later write opens it again."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with contextlib.suppress(OSError):  # it is closed even so
                os.close(descriptor)

    @property
    def _path(self) -> str:
        return os.path.join(self._directory, f"{_NAME}-{self._day}.log")

    def _open(self) -> int:
        for directory in (os.path.dirname(self._directory), self._directory):
            os.makedirs(directory, mode=0o700, exist_ok=True)
        return os.open(self._path, _FLAGS, mode=0o600)

    def _append(self, descriptor: int, line: str) -> None:
        """Write a whole line, and start a new one if the last write was cut short."""
        start = "\n" if self._is_torn else ""
        data = f"{start}{line}\n".encode()
        while data:
            data = data[os.write(descriptor, data) :]
            self._is_torn = bool(data)
