"""How many processes there are below this one."""

from __future__ import annotations

import os
from typing import Final

from commander.execution.tree import ProcFiles
from commander.interfaces import Monotonic

__all__ = ["CENSUS_SECONDS", "count_processes"]

CENSUS_SECONDS: Final = 0.005
"""Some 200 processes can be looked at in this time."""


def count_processes(monotonic: Monotonic, files: ProcFiles) -> int | None:
    """Those of commands and all that they started; zombies are none.

    Args:
        monotonic: Ends the count after ``CENSUS_SECONDS``: of those that were not
            looked at by then only the ones that are known to exist are counted.
        files: Where they are listed.

    Returns:
        None where the kernel lists no children.
    """
    own = os.getpid()
    if not files.lists_children(own):
        return None
    end = monotonic() + CENSUS_SECONDS
    walk = files.below([own], lambda: monotonic() < end)
    return sum(process.alive for process in walk.found) + walk.unseen
