"""Signals to process groups, and the question whether anybody is left in one.

Every command leads a session and a group of its own, whose id is the shell's
process id. A zombie counts as gone: it holds nothing, and who must reap it is not
always there to do so (process 1 of a small container often does not).
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Final, Protocol

from commander.interfaces import Monotonic

__all__ = ["GroupSignals", "PosixGroups", "signal_name"]

_PROC: Final = Path("/proc")
SCAN_SECONDS: Final = 0.02
"""As often as one command polls."""
_GONE_STATES: Final = (b"Z", b"X", b"x")


class GroupSignals(Protocol):
    """How the executor reaches process groups."""

    def send(self, group: int, number: int) -> bool:
        """Signal a group. False if it does not exist (any more)."""

    def alive(self, group: int) -> bool:
        """Whether a process of the group is left that is not a zombie."""


class PosixGroups:
    """The groups of this machine.

    Whether a group has a member that is no zombie takes a look at every process. When
    many commands end at once, many ask. So a look serves all who ask within
    ``SCAN_SECONDS``, but only to say that a group lives: that one is gone is never
    said from memory, or a process that just began could be overlooked.

    Args:
        monotonic: Tells how old a look is.
    """

    def __init__(self, monotonic: Monotonic = time.monotonic) -> None:
        self._monotonic = monotonic
        self._seen: frozenset[bytes] = frozenset()
        self._seen_at = -SCAN_SECONDS

    def send(self, group: int, number: int) -> bool:
        """Signal a group; a member of another user that refuses it is no error."""
        try:
            os.killpg(group, number)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True

    def alive(self, group: int) -> bool:
        """One system call in the usual case that the group is gone."""
        if not self.send(group, 0):
            return False
        wanted = str(group).encode()
        now = self._monotonic()
        if wanted in self._seen and now - self._seen_at < SCAN_SECONDS:
            return True
        try:
            self._seen, self._seen_at = _live_groups(), now
        except OSError:  # no /proc here: the kernel's word must do
            return True
        return wanted in self._seen


def _live_groups() -> frozenset[bytes]:
    """Every group with a member that is no zombie."""
    with os.scandir(_PROC) as entries:
        pids = [entry.name for entry in entries if entry.name.isdigit()]
    return frozenset(filter(None, map(_live_group, pids)))


def _live_group(pid: str) -> bytes | None:
    """The group of a process, or None for one that is gone."""
    try:
        stat = Path(_PROC, pid, "stat").read_bytes()
    except OSError:  # it ended while we looked
        return None
    # pid (name) state ppid pgrp ...: the name may hold spaces and brackets
    state, _parent, group = stat[stat.rindex(b")") + 2 :].split(b" ", 3)[:3]
    return None if state in _GONE_STATES else group


def signal_name(number: int) -> str:
    """The name of a signal, such as ``SIGKILL`` or ``SIG42`` for one without."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"
