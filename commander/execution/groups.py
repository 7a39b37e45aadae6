"""Signals to process groups, and the question whether anybody is left in one.

Every command leads a session and a group of its own, whose id is the shell's
process id. A zombie counts as gone: it holds nothing, and who must reap it is not
always there to do so (process 1 of a small container often does not).
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Final, Protocol

__all__ = ["GroupSignals", "PosixGroups", "signal_name"]

_PROC: Final = Path("/proc")
_GONE_STATES: Final = (b"Z", b"X", b"x")


class GroupSignals(Protocol):
    """How the executor reaches process groups."""

    def send(self, group: int, number: int) -> bool:
        """Signal a group. False if it does not exist (any more)."""

    def alive(self, group: int) -> bool:
        """Whether a process of the group is left that is not a zombie."""


class PosixGroups:
    """The groups of this machine."""

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
        try:
            return _has_live_member(group)
        except OSError:  # no /proc here: the kernel's word must do
            return True


def _has_live_member(group: int) -> bool:
    wanted = str(group).encode()
    with os.scandir(_PROC) as entries:
        pids = [entry.name for entry in entries if entry.name.isdigit()]
    return any(_is_live_member(pid, wanted) for pid in pids)


def _is_live_member(pid: str, wanted_group: bytes) -> bool:
    try:
        stat = Path(_PROC, pid, "stat").read_bytes()
    except OSError:  # it ended while we looked
        return False
    # pid (name) state ppid pgrp ...: the name may hold spaces and brackets
    state, _parent, group = stat[stat.rindex(b")") + 2 :].split(b" ", 3)[:3]
    return group == wanted_group and state not in _GONE_STATES


def signal_name(number: int) -> str:
    """The name of a signal, such as ``SIGKILL`` or ``SIG42`` for one without."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"
