"""Waiting for something to happen to a job, for a bounded time.

A wait ends when the job has finished; when there is new output, if that was waited
for; when the command waits for input; or when the time is over. It costs one timer and
nothing else: whether the command waits for input is looked at now and then, only of
those that can be written to, and only while nothing is printed.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from typing import Final

import attrs
from twisted.internet.defer import Deferred

from commander.alarm import Alarm
from commander.cancellation import Cancellation
from commander.commands import Stdin
from commander.jobs.job import Job, JobHost
from commander.output.batching import OutputSpan, Subscription

__all__ = ["QUIET_SECONDS", "SETTLE_SECONDS", "Until", "Wait", "WaitLimits"]

SETTLE_SECONDS: Final = 0.1
"""From the first new output to the end of the wait for it: a program that prints a
line seldom prints one alone, and each answer costs its reader a call."""
QUIET_SECONDS: Final = 0.2
"""Without output for so long, a command may wait for input; looked at so often."""


class Until(enum.Enum):
    """What a wait is for."""

    OUTPUT = "output"
    EXIT = "exit"


@attrs.frozen(kw_only=True)
class WaitLimits:
    """How long, and for what."""

    until: Until
    seconds: float | None
    """None for as long as it takes; zero: not at all."""
    cursor: int = 0
    """Merged offset; what lies behind it is new output."""


class Wait:
    """One wait for one job; ``done`` fires once.

    Args:
        job: What is waited for.
        limits: How long, and for what.
        host: What jobs live by.
        awaits_input: Whether the job's command waits for input, as far as is known;
            None if that does not end the wait.
        cancellation: Ends the wait at once; the job is not touched. None if nothing
            does.
    """

    def __init__(
        self,
        job: Job,
        limits: WaitLimits,
        host: JobHost,
        *,
        awaits_input: Callable[[Job], bool] | None = None,
        cancellation: Cancellation | None = None,
    ) -> None:
        self.done: Deferred[None] = Deferred()
        self._job = job
        self._limits = limits
        self._host = host
        self._awaits_input = awaits_input
        self._cancellation = cancellation
        self._alarm = Alarm(host.clock, host.monotonic)
        self._began = host.monotonic()
        seconds = math.inf if limits.seconds is None else limits.seconds
        self._until = self._began + seconds
        self._subscription: Subscription | None = None
        self._over = False
        if seconds <= 0 or job.finished:
            self._end()
            return
        job.on_change(self._changed)
        if cancellation is not None:
            cancellation.on_cancel(self._end)
        self._changed()

    def _changed(self) -> None:
        """The job is in another phase."""
        if self._job.finished:
            self._end()
        elif not self._over:
            self._follow()
            self._sleep()

    def _follow(self) -> None:
        """Hear of output, once there can be some."""
        kept = self._job.kept
        if (
            kept is None
            or self._subscription is not None
            or self._limits.until is not Until.OUTPUT
        ):
            return
        self._subscription = kept.output.subscribe(
            self._output_came,
            clock=self._host.clock,
            monotonic=self._host.monotonic,
            start=self._limits.cursor,
        )

    def _output_came(self, span: OutputSpan) -> None:
        """There is something to read; a little more may follow."""
        self._forget_output()
        self._until = min(self._until, self._host.monotonic() + SETTLE_SECONDS)
        self._sleep()

    def _sleep(self) -> None:
        rest = self._until - self._host.monotonic()
        if self._job.running is not None and self._can_ask:
            rest = min(rest, QUIET_SECONDS)
        if rest < math.inf:
            self._alarm.set(rest, self._look)

    @property
    def _can_ask(self) -> bool:
        asked = self._awaits_input is not None
        return asked and self._job.request.stdin is not Stdin.EMPTY

    def _look(self) -> None:
        if self._host.monotonic() >= self._until or self._asks():
            self._end()
        else:
            self._sleep()

    def _asks(self) -> bool:
        waited = self._host.monotonic() - self._began
        quiet = min(waited, self._job.idle_seconds) >= QUIET_SECONDS
        if self._awaits_input is None or not (self._can_ask and quiet):
            return False
        return self._awaits_input(self._job)

    def _forget_output(self) -> None:
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None

    def _end(self) -> None:
        if self._over:
            return
        self._over = True
        self._alarm.cancel()
        self._forget_output()
        self._job.forget(self._changed)
        if self._cancellation is not None:
            self._cancellation.forget(self._end)
        self.done.callback(None)
