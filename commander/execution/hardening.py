"""Keeping other processes of the same user out of the server's memory.

A command runs as the server's user. Linux lets processes of one user read each
other's environment, memory and descriptors, unless the process says that it is not
to be dumped. Programs that it starts are dumpable again by their ``exec``.
"""

from __future__ import annotations

import ctypes
import os
from typing import Final

__all__ = ["keep_out_of_proc"]

_PR_SET_DUMPABLE: Final = 4


def keep_out_of_proc() -> bool:
    """Close ``/proc/PID/environ``, ``mem`` and ``fd`` to processes of the same user.

    Root still gets in, and so does who can read the environment of the process that
    started the server. False where the system has no such thing.
    """
    if os.uname().sysname != "Linux":
        return False
    try:
        return int(ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)) == 0
    except (OSError, AttributeError):
        return False
