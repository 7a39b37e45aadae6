"""The signals of the operating system, and what each asks of the server.

* TERM, INT: the first is an orderly end, as ``twist`` does it; the second ends what
  runs at once.
* HUP: read the tokens file again. It never ends the server, with one exception, for
  which the signal was made: the terminal that the server was started on is gone. Who
  closes a window wants an end, in order, with the commands.

A handler may run between any two steps of the program, so it only asks the reactor to
call: that is safe from a handler, and wakes the reactor.
"""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import Any, Final

from commander.first_process import end_as_signalled, let_in
from commander.running_service import CommanderService

__all__ = ["Signals", "has_terminal"]

_TERMINAL: Final = "/dev/tty"
_ENDING: Final = (signal.SIGTERM, signal.SIGINT)


def has_terminal() -> bool:
    """Whether this process has a terminal that controls it and is still there."""
    try:
        os.close(os.open(_TERMINAL, os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


class Signals:
    """Handles signals from the time on that the reactor runs.

    Args:
        reactor: Where ``twist`` has installed its handlers.
        service: What is to be ended, hurried or reloaded.
        ends_with_terminal: Whether a terminal that goes away ends the server. Under
            nohup, where HUP is ignored, it does not in any case.
    """

    def __init__(
        self, reactor: Any, service: CommanderService, *, ends_with_terminal: bool
    ) -> None:
        self._reactor = reactor
        self._service = service
        self._ends_with_terminal = ends_with_terminal
        self._handlers_before: dict[int, Any] = {}
        self._is_ending = False

    def watch(self) -> None:
        """Install the handlers, each of which calls that of ``twist`` in its turn."""
        if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN or not has_terminal():
            self._ends_with_terminal = False
        handlers = dict.fromkeys(_ENDING, self._end)
        handlers[signal.SIGHUP] = self._hang_up
        for number, handler in handlers.items():
            self._handlers_before[number] = signal.signal(number, handler)
        let_in(handlers)

    def _end(self, number: int, frame: FrameType | None) -> None:
        if self._is_ending:
            self._reactor.callFromThread(self._service.hurry)
            return
        self._is_ending = True
        self._service.note_stop_reason(signal.Signals(number).name)
        before = self._handlers_before[number]
        if callable(before):
            end_as_signalled(number)  # Twisted means to, and cannot as process 1
            before(number, frame)
        else:
            self._reactor.callFromThread(self._reactor.stop)

    def _hang_up(self, number: int, frame: FrameType | None) -> None:
        if not self._ends_with_terminal or has_terminal():
            self._reactor.callFromThread(self._service.hang_up)
        elif not self._is_ending:  # the shell and the kernel both send one
            self._end(number, frame)
