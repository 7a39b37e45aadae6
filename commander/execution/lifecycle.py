"""The life of one command, from the spawn to the moment nothing of it is left.

The machine knows no transport and no bytes. It is told what happened, it signals
the process group, it owns the command's one timer, and it reports one ``Ending``.

=========== ===================== ======================= ========================
phase       the shell exits       ``end`` is asked for    the timer fires
=========== ===================== ======================= ========================
RUNNING     SETTLING              TERM; TERMINATING       deadline: as ``end``
TERMINATING stays; polls          ignored                 group gone: GONE;
                                                          grace over: KILL; KILLING
KILLING     stays; polls          ignored                 group gone or time over:
                                                          close the pipes; GONE
SETTLING    -                     ignored                 all quiet: GONE; processes
                                                          left: TERM, then KILL
GONE        ignored               ignored                 there is no timer
=========== ===================== ======================= ========================

After the shell has exited its output may still stand in the pipes, and processes
that it left behind may hold them open for ever. So the machine waits for both the
end of the pipes and the end of the group, and for neither longer than a bound. It
polls, because nobody tells a grandparent that a grandchild died; in the usual case
both are over when the exit is reported and no poll happens.

The group id cannot be reused while a member of the group lives. Between the last
member's end and our next look the kernel would have to go round all process ids.
"""

from __future__ import annotations

import enum
import signal
from collections.abc import Callable
from typing import Final, Protocol

import attrs
from twisted.internet.interfaces import IReactorTime

from commander.alarm import Alarm
from commander.commands import EndedBy
from commander.interfaces import Monotonic

__all__ = ["Ending", "Lifecycle", "Phase", "ProcessControl"]

POLL_SECONDS: Final = 0.02
"""How often the group is looked at once the shell has exited."""
QUIET_POLLS: Final = 3
"""Polls without new output after which an open pipe is given up. More than one, so
that a reactor that was late with its timers reads the pipes in between."""
LEFTOVER_GRACE_SECONDS: Final = 0.1
"""From TERM to KILL for processes that a command left in the background."""
SETTLE_POLLS: Final = 50
"""Longest wait for the pipes after the shell exited: one second. In polls, because
between two of them the reactor reads each pipe once: what a full pipe holds is read
within a few turns, and on a slow reactor a second can be fewer."""
REAP_POLLS: Final = 40
"""Longest wait for the kernel after KILL: 0.8 s; the promise is an answer within
deadline, grace and one second."""


class Phase(enum.Enum):
    """Where a command is in its life."""

    RUNNING = "running"
    TERMINATING = "terminating"
    KILLING = "killing"
    SETTLING = "settling"
    GONE = "gone"


class ProcessControl(Protocol):
    """What the machine can do to the process that it watches."""

    def signal_group(self, number: int) -> None:
        """Send a signal to every process of the group; none left is no error."""

    def group_alive(self) -> bool:
        """Whether any process of the group is left, the shell included."""

    def close_pipes(self) -> None:
        """Stop reading; nothing is received afterwards. May be called twice."""


@attrs.frozen(kw_only=True)
class Ending:
    """How a life ended, as the machine saw it."""

    ended_by: EndedBy
    exit_code: int | None
    signal_number: int | None
    background_ended: bool
    """Processes of the group outlived the shell and were ended."""
    reaped: bool
    """False if the kernel did not report the shell's end in time."""


class Lifecycle:
    """One command's life; see the module for the table.

    Args:
        clock: Where the one timer is made.
        monotonic: Seconds; decides when a deadline has passed.
        process: The process, already started.
        timeout_seconds: From now to the deadline.
        grace_seconds: From TERM to KILL at the deadline.
        finished: Called once, with the pipes closed and no timer left.
    """

    def __init__(
        self,
        *,
        clock: IReactorTime,
        monotonic: Monotonic,
        process: ProcessControl,
        timeout_seconds: float,
        grace_seconds: float,
        finished: Callable[[Ending], None],
    ) -> None:
        self._monotonic = monotonic
        self._process = process
        self._grace_seconds = grace_seconds
        self._finished = finished
        self._alarm = Alarm(clock, monotonic)
        self.phase = Phase.RUNNING
        self._ended_by = EndedBy.EXIT
        self._exit: tuple[int | None, int | None] | None = None
        self._pipes_open = True
        self._quiet_polls = 0
        self._background_ended = False
        self._kill_at = 0.0
        self._polls_left = 0
        self._alarm.set(timeout_seconds, self._deadline_passed)

    def end(self, ended_by: EndedBy, grace_seconds: float) -> None:
        """Begin the kill ladder; only the first call counts.

        Args:
            ended_by: The reason that the ending will carry.
            grace_seconds: From TERM to KILL.
        """
        if self.phase is not Phase.RUNNING:
            return
        self._ended_by = ended_by
        self.phase = Phase.TERMINATING
        self._process.signal_group(signal.SIGTERM)
        self._kill_at = self._monotonic() + grace_seconds
        self._alarm.set(grace_seconds, self._poll)

    def output_received(self) -> None:
        """Bytes came in: the pipes are not quiet."""
        self._quiet_polls = 0

    def process_exited(self, exit_code: int | None, signal_number: int | None) -> None:
        """The shell ended, with either a code or a signal."""
        if self._exit is not None or self.phase is Phase.GONE:
            return
        self._exit = (exit_code, signal_number)
        self._quiet_polls = 0
        now = self._monotonic()
        if self.phase is Phase.RUNNING:
            self.phase = Phase.SETTLING
            self._kill_at = now + LEFTOVER_GRACE_SECONDS
        if self.phase is not Phase.KILLING:
            self._polls_left = SETTLE_POLLS
        self._alarm.set(POLL_SECONDS, self._poll)

    def pipes_closed(self) -> None:
        """Every writer of the output is gone, or we closed the pipes ourselves."""
        if self.phase is Phase.GONE:
            return
        self._pipes_open = False
        if self._exit is not None:
            self._poll()

    def _deadline_passed(self) -> None:
        # A server that was stopped or held up finds deadline and exit in the same
        # turn, and timers come first: one turn more, and the exit is known.
        self._alarm.set(0, self._deadline_stands)

    def _deadline_stands(self) -> None:
        self.end(EndedBy.TIMEOUT, self._grace_seconds)

    def _poll(self) -> None:
        """Look at the group and the pipes, and go one step on if it is time."""
        if self.phase is Phase.GONE:
            return
        now = self._monotonic()
        left = self._process.group_alive()
        self._quiet_polls += 1
        self._polls_left -= 1
        done = self._exit is not None and not left and self._output_complete()
        if done or (self.phase is Phase.KILLING and self._polls_left <= 0):
            self._gone()
            return
        if left and self.phase is Phase.SETTLING:
            self._end_leftovers()
        if left and self.phase is not Phase.KILLING and now >= self._kill_at:
            self._kill()
        self._alarm.set(POLL_SECONDS, self._poll)

    def _output_complete(self) -> bool:
        """Whether nothing more is to be expected from the pipes."""
        return (
            not self._pipes_open
            or self._quiet_polls > QUIET_POLLS
            or self._polls_left <= 0
        )

    def _end_leftovers(self) -> None:
        """The shell ended by itself and its group did not: ask the rest, once."""
        if not self._background_ended:
            self._background_ended = True
            self._process.signal_group(signal.SIGTERM)

    def _kill(self) -> None:
        self.phase = Phase.KILLING
        self._process.signal_group(signal.SIGKILL)
        self._polls_left = REAP_POLLS

    def _gone(self) -> None:
        self.phase = Phase.GONE
        self._alarm.cancel()
        self._process.close_pipes()
        exit_code, signal_number = self._exit or (None, None)
        self._finished(
            Ending(
                ended_by=self._ended_by,
                exit_code=exit_code,
                signal_number=signal_number,
                background_ended=self._background_ended,
                reaped=self._exit is not None,
            )
        )
