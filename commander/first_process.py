"""What is different for process 1 of a container, or of any namespace of processes.

To it the kernel delivers only signals that it has a handler for. That protects the
server: no command can kill, stop or crash it by a signal. And it has two costs, paid
here. A signal that comes before the handlers is dropped, unless it is blocked, as
``commander.entrypoint`` does it. And who means to end by a signal, as Twisted does
after TERM, goes on instead and ends with status 0.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
from collections.abc import Iterable
from typing import Final

__all__ = ["end_as_signalled", "is_first_process", "let_in"]

_SIGNALLED: Final = 128
"""What shells and container engines add to a signal's number for an exit status."""


def is_first_process() -> bool:
    """Whether nobody above this process would reap or end it."""
    return os.getpid() == 1


def let_in(signals: Iterable[signal.Signals]) -> None:
    """Take signals that were blocked until there were handlers; now, if any wait."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)


def end_as_signalled(number: int) -> None:
    """See to it that the interpreter ends with the status that a signal gives.

    Only for process 1: any other is ended by the signal itself.
    """
    if is_first_process():
        atexit.register(_exit_with, _SIGNALLED + number)


def _exit_with(status: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)
