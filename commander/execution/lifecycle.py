"""The life of one command, from its start to the moment nothing of it is left.

The machine knows no transport, no bytes and no process ids. It is told what happened,
it signals the command's tree, it owns the command's one timer, and it reports one
``Ending``, or one ``StartFailed``. "Empty" is a tree with no live process in it;
"done" is the shell's exit reported, the tree empty and the pipes closed.

=========== ================== ================ ======================================
phase       the shell exits    ``end`` called   the timer fires
=========== ================== ================ ======================================
STARTING    -                  noted; start     start overdue: abandon it; GONE with
                               bound <= grace   ``StartFailed``
RUNNING     SETTLING           first signal;    deadline: as ``end(TIMEOUT)``
                               TERMINATING
SETTLING    -                  ignored          linger over and not empty: count them,
                                                TERM; TERMINATING
TERMINATING stays; looks       ignored          grace over: KILL; KILLING
KILLING     stays; looks       ignored          KILL again; looked long enough: GONE
GONE        ignored            ignored          there is no timer
=========== ================== ================ ======================================

``started`` leads from STARTING to RUNNING, where the deadline counts from, or through
it to TERMINATING if ``end`` was called before. ``start_failed`` leads to GONE. When a
look finds the command done it is GONE, from SETTLING, TERMINATING and KILLING alike.

``signal`` changes no phase. In STARTING it is kept for ``started``; from KILLING on
there is nothing that it could add. If a shell that nobody has begun to end dies by a
signal that was sent so, its ending carries CLIENT_SIGNAL.

The exit is looked at when it is reported, and so are the pipes: a command that leaves
nothing behind is GONE in the turn in which both come, without a timer. Nobody tells a
grandparent that a grandchild died; so as long as the tree is not empty it is looked
at by the timer. Pipes that stay open though the tree is empty are held by somebody
out of reach, or hold output that is still to be read: they are closed when they have
been quiet for some looks, or after ``DRAIN_LOOKS`` in any case.
"""

from __future__ import annotations

import enum
import signal
import sys
from collections.abc import Callable
from typing import Final, Protocol

import attrs
from twisted.internet.interfaces import IReactorTime

from commander.alarm import Alarm
from commander.commands import EndedBy, StartFailed, Survivor
from commander.durations import format_duration
from commander.interfaces import Monotonic

__all__ = ["Ending", "Lifecycle", "Phase", "ProcessControl"]

LINGER_SECONDS: Final = 0.05
"""How long what a shell did not wait for may take to end by itself, such as the
``tee`` of ``> >(tee log)``."""
LEFTOVER_GRACE_SECONDS: Final = 0.1
"""From TERM to KILL for processes that a command left in the background."""
FIRST_LOOK_SECONDS: Final = 0.001
"""From a signal, or an exit that leaves processes behind, to the first look at them;
each one later takes twice as long."""
LOOK_SECONDS: Final = 0.02
"""Longest pause between two looks, and the one between looks at open pipes."""
QUIET_LOOKS: Final = 3
"""Looks without new output after which an open pipe is given up. More than one, so
that a reactor that was late with its timers reads the pipes in between."""
DRAIN_LOOKS: Final = 50
"""Longest wait for the pipes of an empty tree: one second. In looks, because between
two of them the reactor reads each pipe once: what a full pipe holds is read within a
few turns, and on a slow reactor a second can be fewer."""
KILLED_SECONDS: Final = 0.8
"""How long after KILL, or after the last sign that it works, a process counts as
stuck in the kernel. The promise is an answer a second after the grace."""
KILLED_LOOKS: Final = 6
"""At least this often is looked before that is said, on a slow reactor too."""

_SIGNALS: Final = signal.valid_signals()


class Phase(enum.Enum):
    """Where a command is in its life."""

    STARTING = "starting"
    RUNNING = "running"
    SETTLING = "settling"
    """The shell ended by itself; its output or its children have not ended yet."""
    TERMINATING = "terminating"
    KILLING = "killing"
    GONE = "gone"


class ProcessControl(Protocol):
    """What the machine can do to the command that it watches."""

    def signal_tree(self, number: int) -> int:
        """Signal every process of the command; how many. None left is no error."""

    def ask_to_end(self, number: int) -> None:
        """Signal every process that it is to end; KILL follows."""

    def left(self) -> int:
        """How many processes live. Zero is exact, and remains so."""

    def survivors(self) -> tuple[Survivor, ...]:
        """Who is left."""

    def close_pipes(self) -> None:
        """Stop reading; nothing is received afterwards. Closed ones are no error."""

    def abandon(self) -> None:
        """The start is not wanted any more: end the process if it ever comes.

        May be answered by ``start_failed``, at once or later, or not at all.
        """


@attrs.frozen(kw_only=True)
class Ending:
    """How a life ended, as the machine saw it."""

    ended_by: EndedBy
    exit_code: int | None
    signal_number: int | None
    background_processes: int
    """Processes that outlived a shell which ended by itself, and that were ended."""
    survivors: tuple[Survivor, ...] = ()
    """Processes that could not be ended."""
    reaped: bool
    """False if the shell's end was not reported in time."""


class Lifecycle:
    """One command's life; see the module for the table.

    Args:
        clock: Where the one timer is made.
        monotonic: Seconds; decides when a deadline has passed.
        process: The process, whose start was asked for just now.
        timeout_seconds: For the start; and from ``started`` to the deadline.
        grace_seconds: From TERM to KILL at the deadline.
        finished: Called once, with no timer left, and the pipes closed if the process
            was started.
    """

    def __init__(
        self,
        *,
        clock: IReactorTime,
        monotonic: Monotonic,
        process: ProcessControl,
        timeout_seconds: float,
        grace_seconds: float,
        finished: Callable[[Ending | StartFailed], None],
    ) -> None:
        self._monotonic = monotonic
        self._process = process
        self._timeout_seconds = timeout_seconds
        self._grace_seconds = grace_seconds
        self._finished = finished
        self._alarm = Alarm(clock, monotonic)
        self.phase = Phase.STARTING
        self._ended_by = EndedBy.EXIT
        self._first_signal: int = signal.SIGTERM
        self._client_signals: dict[int, None] = {}
        self._exit: tuple[int | None, int | None] | None = None
        self._pipes_open = True
        self._empty = False
        self._background_processes = 0
        self._fewest_left = sys.maxsize
        self._next_phase_at = 0.0
        self._pause = FIRST_LOOK_SECONDS
        self._drain_looks = self._quiet_looks = self._kill_looks = 0
        self._alarm.set(timeout_seconds, self._start_overdue)

    # --- what happens ----------------------------------------------------------

    def started(self) -> None:
        """The process runs: the deadline counts from here."""
        if self.phase is not Phase.STARTING:
            return
        self.phase = Phase.RUNNING
        for number in self._client_signals:
            self._process.signal_tree(number)
        if self._ended_by is EndedBy.EXIT:
            self._alarm.set(self._timeout_seconds, self._deadline_passed)
        else:
            self._terminate(self._grace_seconds, self._first_signal)

    def start_failed(self, failure: StartFailed) -> None:
        """There is no process and there will be none."""
        if self.phase is Phase.STARTING:
            self._gone(failure)

    def end(
        self,
        ended_by: EndedBy,
        grace_seconds: float,
        number: int = signal.SIGTERM,
    ) -> None:
        """Begin the kill ladder; only the first call counts.

        Args:
            ended_by: The reason that the ending will carry; not ``EXIT``.
            grace_seconds: From the first signal to KILL.
            number: The first signal.

        Raises:
            ValueError: No signal has this number.
        """
        _check(number)
        if self._ended_by is not EndedBy.EXIT:
            return
        if self.phase is Phase.RUNNING:
            self._ended_by = ended_by
            self._terminate(grace_seconds, number)
        elif self.phase is Phase.STARTING:
            self._ended_by = ended_by
            self._grace_seconds = grace_seconds
            self._first_signal = number
            if grace_seconds < self._timeout_seconds:
                self._alarm.set(grace_seconds, self._start_overdue)

    def signal(self, number: int) -> int:
        """Signal the tree for a client, and let it live on if it does.

        Before the start the signal is kept; each counts once then.

        Args:
            number: Any signal.

        Returns:
            How many processes were signalled.

        Raises:
            ValueError: No signal has this number.
        """
        _check(number)
        if self.phase in (Phase.KILLING, Phase.GONE):
            return 0
        self._client_signals[number] = None
        if self.phase is Phase.STARTING:
            return 0
        return self._process.signal_tree(number)

    def output_received(self) -> None:
        """Bytes came in: the pipes are not quiet."""
        self._quiet_looks = 0

    def process_exited(self, exit_code: int | None, signal_number: int | None) -> None:
        """The shell ended, with either a code or a signal, and was waited for."""
        if self._exit is not None or self.phase in (Phase.STARTING, Phase.GONE):
            return
        self._exit = (exit_code, signal_number)
        if self.phase is Phase.RUNNING:
            self.phase = Phase.SETTLING
            if signal_number in self._client_signals:
                self._ended_by = EndedBy.CLIENT_SIGNAL
            self._next_phase_at = self._monotonic() + LINGER_SECONDS
        self._look()

    def pipes_closed(self) -> None:
        """Every writer of the output is gone, or we closed the pipes ourselves."""
        self._pipes_open = False
        if self._exit is not None and self._empty and self.phase is not Phase.GONE:
            self._done()

    # --- what the timer does ---------------------------------------------------

    def _start_overdue(self) -> None:
        if self._ended_by is EndedBy.EXIT:
            limit = format_duration(self._timeout_seconds)
            reason = f"the process did not start within the timeout of {limit}"
        else:
            reason = f"ended before the process had started: {self._ended_by.value}"
        # First, so that what comes of it is ignored.
        self.phase = Phase.GONE
        self._process.abandon()
        self._gone(StartFailed(reason=reason))

    def _deadline_passed(self) -> None:
        # A server that was stopped or held up finds deadline and exit in the same
        # turn, and timers come first: one turn more, and the exit is known.
        self._alarm.set(0, self._deadline_stands)

    def _deadline_stands(self) -> None:
        self.end(EndedBy.TIMEOUT, self._grace_seconds)

    def _look(self) -> None:
        """Look at the tree and the pipes, and go one step on if it is time."""
        left = self._fewest_left
        if self._exit is not None and not self._empty:
            left = self._process.left()
            self._empty = left == 0
        now = self._monotonic()
        if self._empty:
            self._drain()
        elif self.phase is Phase.KILLING:
            self._kill_again(left, now)
        elif now < self._next_phase_at:
            self._look_later(now)
        elif self.phase is Phase.SETTLING:
            self._background_processes = left
            self._terminate(LEFTOVER_GRACE_SECONDS, signal.SIGTERM)
        else:
            self._kill(now)

    def _drain(self) -> None:
        """The tree is empty: only the pipes may still hold the command up."""
        quiet = self._quiet_looks > QUIET_LOOKS or self._drain_looks >= DRAIN_LOOKS
        if quiet or not self._pipes_open:
            self._done()
            return
        self._drain_looks += 1
        self._quiet_looks += 1
        self._alarm.set(LOOK_SECONDS, self._look)

    def _terminate(self, grace_seconds: float, number: int) -> None:
        self.phase = Phase.TERMINATING
        self._process.ask_to_end(number)
        now = self._monotonic()
        self._next_phase_at = now + grace_seconds
        self._pause = FIRST_LOOK_SECONDS
        self._look_later(now)

    def _kill(self, now: float) -> None:
        self.phase = Phase.KILLING
        self._process.signal_tree(signal.SIGKILL)
        self._next_phase_at = now + KILLED_SECONDS
        self._pause = FIRST_LOOK_SECONDS
        self._look_later(now)

    def _kill_again(self, left: int, now: float) -> None:
        """What was hidden a moment ago can be seen now; but not for ever."""
        self._kill_looks += 1
        if left < self._fewest_left:
            self._fewest_left = left
            self._next_phase_at = now + KILLED_SECONDS
        if now >= self._next_phase_at and self._kill_looks >= KILLED_LOOKS:
            self._done()
            return
        self._process.signal_tree(signal.SIGKILL)
        self._look_later(now)

    def _look_later(self, now: float) -> None:
        rest = max(0.0, self._next_phase_at - now)
        if self.phase is Phase.TERMINATING and self._exit is None:
            self._alarm.set(rest, self._look)  # the exit will be reported
            return
        pause, self._pause = self._pause, min(2 * self._pause, LOOK_SECONDS)
        if self.phase is not Phase.KILLING:
            pause = min(pause, rest)
        self._alarm.set(pause, self._look)

    def _done(self) -> None:
        # First, so that what closing the pipes brings about is ignored.
        self.phase = Phase.GONE
        self._process.close_pipes()
        exit_code, signal_number = self._exit or (None, None)
        self._gone(
            Ending(
                ended_by=self._ended_by,
                exit_code=exit_code,
                signal_number=signal_number,
                background_processes=self._background_processes,
                survivors=() if self._empty else self._process.survivors(),
                reaped=self._exit is not None,
            )
        )

    def _gone(self, result: Ending | StartFailed) -> None:
        self.phase = Phase.GONE
        self._alarm.cancel()
        self._finished(result)


def _check(number: int) -> None:
    """Refuse what the kernel would, before it is kept for later."""
    if number not in _SIGNALS:
        raise ValueError(f"no signal has the number {number}")
