"""How much memory something takes, as `tracemalloc` counts it.

It counts every allocation of the process. While a test runs, the tracer of coverage
allocates too: its tables of lines double now and then, by tens of kilobytes at once.
That is one jump in some try. What the code under test keeps, it keeps in every try.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

TRIES = 3


def memory_kept_by(make: Callable[[], object]) -> int:
    """The bytes still allocated after `make`, while its result lives.

    Returns:
        The least of ``TRIES``; what each has made is let go before the next. What
        only the first of them adds to is not seen: have each begin anew.
    """
    return min(_one_try(make) for _ in range(TRIES))


def _one_try(make: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        made = make()
        after, _ = tracemalloc.get_traced_memory()
        del made
    finally:
        tracemalloc.stop()
    return after - before
