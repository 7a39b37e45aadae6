"""Finding the processes that a test started, by the home directory that they have."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil


def living_in(home: Path) -> list[psutil.Process]:
    """Every process whose home directory this is, in whatever session or group."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if (
                process.environ().get("HOME") == str(home)
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                found.append(process)
    return found
