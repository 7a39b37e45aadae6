"""When CPython looks for reference cycles that nobody uses: not during the start.

The collector runs each time that so many more objects were made than given back. A
start makes some hundred thousand, and all but a few of them live as long as the
process: it looks at them again and again, and finds nothing. So it is off meanwhile.
What is there when it comes on is *frozen*: it is never looked at again, so each later
collection costs what the requests have made, not what the modules have.

The price is that cycles that the start gave up stay in memory.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

__all__ = ["nothing_collected"]


@contextlib.contextmanager
def nothing_collected() -> Iterator[None]:
    """Collect nothing meanwhile, and freeze what is there at the end.

    Where somebody else has switched the collector off, it stays off.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        # First, or the next object that is made has it look at all of them.
        gc.freeze()
        if was_enabled:
            gc.enable()
