"""What a server's reactor tells of itself while it serves.

Records are appended to a file, so that nobody has to ask the server for them and
whoever reads it can choose the time that it is about. Times are the machine's
monotonic clock, which all processes share.
"""

from __future__ import annotations

import gc
import json
import os
import struct
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import attrs

__all__ = ["Census", "Lateness", "children", "lateness_ms", "resident_kib"]

INTERVAL_SECONDS: Final = 0.005
CENSUS_SECONDS: Final = 1.0
_RECORD: Final = struct.Struct("dd")


@attrs.define
class Lateness:
    """How long after its time a timer of 5 ms fires, again and again."""

    reactor: Any
    path: Path
    _due: float = 0.0
    _file: Any = None

    def start(self) -> None:
        self._file = open(self.path, "wb", buffering=0)  # noqa: SIM115 - kept open
        self._set()

    def _set(self) -> None:
        self._due = time.monotonic() + INTERVAL_SECONDS
        self.reactor.callLater(INTERVAL_SECONDS, self._fired)

    def _fired(self) -> None:
        now = time.monotonic()
        self._file.write(_RECORD.pack(now, now - self._due))
        self._set()


def lateness_ms(path: Path, begin: float, end: float) -> list[float]:
    """What was recorded between two times, in order of size."""
    records = path.read_bytes()
    whole = records[: len(records) // _RECORD.size * _RECORD.size]
    return sorted(
        late * 1e3 for at, late in _RECORD.iter_unpack(whole) if begin <= at <= end
    )


@attrs.define
class Census:
    """What the process holds, once a second, one JSON object a line.

    Counted from within, because a server that protects its memory does not let
    others of its user look.
    """

    reactor: Any
    path: Path
    _file: Any = None

    def start(self) -> None:
        self._file = open(self.path, "w", buffering=1)  # noqa: SIM115 - kept open
        self._count()

    def _count(self) -> None:
        self._file.write(json.dumps(self._counts()) + "\n")
        self.reactor.callLater(CENSUS_SECONDS, self._count)

    def _counts(self) -> dict[str, float]:
        processes, timers = children(), self.reactor.getDelayedCalls()
        if not processes:
            # Nothing runs: what is unreachable shall not count, nor hold memory.
            gc.collect()
        return {
            "at": time.monotonic(),
            "resident_kib": resident_kib(),
            "descriptors": len(os.listdir("/proc/self/fd")),
            "threads": len(os.listdir("/proc/self/task")),
            "children": len(processes),
            "zombies": sum(map(_is_zombie, processes)),
            "timers": len(timers),
            "readers": len(self.reactor.getReaders()),
            "objects": len(gc.get_objects()),
        }


def children() -> Sequence[str]:
    found: list[str] = []
    for task in os.listdir("/proc/self/task"):
        try:
            found += Path(f"/proc/self/task/{task}/children").read_text().split()
        except OSError:  # the thread ended
            continue
    return found


def _is_zombie(pid: str) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False
    return stat[stat.rindex(b")") + 2 :].startswith(b"Z")


def resident_kib() -> int:
    pages = int(Path("/proc/self/statm").read_bytes().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024
