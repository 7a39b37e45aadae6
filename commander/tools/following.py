"""What a client hears of a command while it runs.

*Progress* is for the person in front of the client, and for the client's own patience:
the newest line of output, at most every ``PROGRESS_SECONDS`` and at least every
``HEARTBEAT_SECONDS``, also while the command waits for a slot. A command that ends in
the turn in which it prints makes none: its result is there as soon.

*Output* is all that comes from then on, as text, in the order in which both streams
were read, at the rate of a ``Subscription``. What could not be told is a marker in the
stream's own text, before the next piece of that stream or at its end.

A client that does not keep up holds the subscription and the alarm, so it costs the
place in the output and no data. The piece under way is told to its end; when the
command ends meanwhile, the marker for the rest is told all the same: one line, without
which nobody would know that there was more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import TracebackType
from typing import Final, Self

from twisted.internet.interfaces import IReactorTime

from commander.alarm import Alarm
from commander.durations import format_duration
from commander.execution.running import RunningCommand
from commander.interfaces import Monotonic
from commander.jobs.job import Job, JobHost
from commander.output.batching import OutputSpan, Subscription
from commander.output.command import CommandOutput
from commander.output.decoding import StreamDecoder, gap_marker
from commander.output.lines import NO_LINE, newest_line
from commander.output.order import STDERR, STDOUT
from commander.output.ring import Gap, HeadTailRing
from commander.tools.caller import Caller
from commander.tools.hidden import hidden

__all__ = ["HEARTBEAT_SECONDS", "PROGRESS_SECONDS", "Following", "following"]

HEARTBEAT_SECONDS: Final = 15.0
"""Proxies close what is silent after 30 seconds and more, clients give up after 60."""

PROGRESS_SECONDS: Final = 0.25
"""Nobody reads more than four lines a second."""

_NAMES: Final = {STDOUT: "stdout", STDERR: "stderr"}

_NOT_FOLLOWED: Final = nullcontext()


def following(job: Job, caller: Caller, host: JobHost) -> AbstractContextManager[None]:
    """Tell a caller of a job while it waits; a caller who wants nothing costs nothing.

    Args:
        job: It need not have started.
        caller: Who waits.
        host: What jobs live by.
    """
    if caller.wants_progress or caller.wants_output:
        return _telling(job, caller, host)
    return _NOT_FOLLOWED


@contextmanager
def _telling(job: Job, caller: Caller, host: JobHost) -> Iterator[None]:
    with Following(
        caller, clock=host.clock, monotonic=host.monotonic, secrets=job.secrets
    ) as told:

        def changed() -> None:
            if job.running is not None:
                job.forget(changed)
                told.started(job.running)

        job.on_change(changed)
        changed()
        try:
            yield
        finally:
            job.forget(changed)


class Following:
    """Tells one caller of one command; a context manager, over its whole call.

    Args:
        caller: Wants progress, or output, or both.
        clock: Keeps the timers.
        monotonic: Measures the time.
        secrets: What is not told; it may grow meanwhile.
    """

    def __init__(
        self,
        caller: Caller,
        *,
        clock: IReactorTime,
        monotonic: Monotonic,
        secrets: Sequence[str] = (),
    ) -> None:
        self._secrets = secrets
        self._caller = caller
        self._clock = clock
        self._monotonic = monotonic
        self._wants_output = caller.wants_output
        self._progress: _Progress | None = None
        self._told: _ToldOutput | None = None
        self._subscription: Subscription | None = None
        self._held = False
        self._stopped = False

    def __enter__(self) -> Self:
        """Begin: the command waits."""
        if self._caller.wants_progress:
            self._progress = _Progress(
                self._caller, self._clock, self._monotonic, self._secrets
            )
        self._caller.follow(self)
        self._caller.cancellation.on_cancel(self._stop)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """The command has ended, in whatever way: tell what is left, and stop."""
        told = self._told
        self._stop()
        if told is not None:
            told.finish()

    def started(self, running: RunningCommand) -> None:
        """There is output to follow from now on; what came before is not told."""
        if self._stopped:
            return
        output = running.output
        if self._wants_output:
            self._told = _ToldOutput(self._caller, output, self._secrets)
        if self._progress is not None:
            self._progress.started(output)
        self._subscription = output.subscribe(
            self._receive,
            clock=self._clock,
            monotonic=self._monotonic,
            start=output.total_bytes,
        )
        if self._held:
            self._subscription.pause()

    # --- Flow ------------------------------------------------------------------

    def pause(self) -> None:
        """Tell nothing more until ``resume``."""
        self._held = True
        if self._progress is not None:
            self._progress.hold()
        if self._subscription is not None:
            self._subscription.pause()

    def resume(self) -> None:
        """Go on with what has come since then."""
        self._held = False
        if self._progress is not None:
            self._progress.release()
        if self._subscription is not None:
            self._subscription.resume()

    # --- own -------------------------------------------------------------------

    def _receive(self, span: OutputSpan) -> None:
        if self._told is not None:
            self._told.tell(span)
        if self._progress is not None:
            self._progress.output_came()

    def _stop(self) -> None:
        """Tell nothing any more: the command has ended, or the client is gone."""
        self._stopped = True
        self._told = None
        self._caller.cancellation.forget(self._stop)
        self._caller.follow(None)
        if self._progress is not None:
            self._progress.stop()
        if self._subscription is not None:
            self._subscription.close()


class _Progress:
    """When to tell how far the command is, and with which words."""

    def __init__(
        self,
        caller: Caller,
        clock: IReactorTime,
        monotonic: Monotonic,
        secrets: Sequence[str],
    ) -> None:
        self._caller = caller
        self._secrets = secrets
        self._monotonic = monotonic
        self._alarm = Alarm(clock, monotonic)
        self._began = self._earliest = monotonic()
        self._latest = self._began + HEARTBEAT_SECONDS
        self._started_at = self._began
        self._output: CommandOutput | None = None
        self._line = NO_LINE
        self._news = False
        self._held = False
        self._arm()

    def started(self, output: CommandOutput) -> None:
        """The command waits no more."""
        self._output = output
        self._started_at = self._monotonic()

    def output_came(self) -> None:
        """There is something new to tell, as soon as it may be."""
        if not self._news:
            self._news = True
            self._arm()

    def hold(self) -> None:
        """Tell nothing until ``release``."""
        self._held = True
        self._alarm.disarm()

    def release(self) -> None:
        """Go on; what is overdue comes at once."""
        self._held = False
        self._arm()

    def stop(self) -> None:
        """Tell nothing any more."""
        self._held = True
        self._alarm.cancel()

    def _arm(self) -> None:
        if not self._held:
            due = self._earliest if self._news else self._latest
            self._alarm.set(due - self._monotonic(), self._report)

    def _report(self) -> None:
        now = self._monotonic()
        self._news = False
        self._earliest = now + PROGRESS_SECONDS
        self._latest = now + HEARTBEAT_SECONDS
        self._arm()
        milliseconds = int((now - self._began) * 1000)
        self._caller.progress(milliseconds, self._message(now))

    def _message(self, now: float) -> str:
        if self._output is None:
            return "waiting for a free slot"
        newest = newest_line(self._output)
        if newest.text and (newest.complete or not self._line.complete):
            self._line = newest
        running = format_duration(round(now - self._started_at))
        return hidden(self._line.text, self._secrets) or f"running for {running}"


class _ToldOutput:
    """The output, as far as the client was told of it."""

    def __init__(
        self, caller: Caller, output: CommandOutput, secrets: Sequence[str]
    ) -> None:
        self._caller = caller
        self._secrets = secrets
        self._output = output
        self._streams = {
            STDOUT: _ToldStream(output.stdout),
            STDERR: _ToldStream(output.stderr),
        }

    def tell(self, span: OutputSpan) -> None:
        """Tell what is there of a span; its gaps show where a stream goes on."""
        for part in self._output.merged(span.start, span.end):
            if not isinstance(part, Gap):
                text = self._streams[part.stream].text(part.offset, part.data)
                self._log(part.stream, text)

    def finish(self) -> None:
        """The output has ended: tell what is left of it."""
        for number, stream in self._streams.items():
            self._log(number, stream.rest())

    def _log(self, stream: int, text: str) -> None:
        if text:
            self._caller.log("info", _NAMES[stream], hidden(text, self._secrets))


class _ToldStream:
    """One stream's part of it."""

    def __init__(self, ring: HeadTailRing) -> None:
        self._ring = ring
        self._end = ring.total_bytes
        """The offset after the last byte that was told, or came before all of it."""
        self._decoder = StreamDecoder(self._end)
        self._newlines = ring.newlines
        """Among all bytes before it, told or not."""
        self._marked_bytes = 0

    def text(self, offset: int, data: bytes) -> str:
        """The text of a piece, behind a marker if there is a gap before it."""
        gap = offset > self._end
        lines = self._ring.newlines_before(offset) - self._newlines if gap else 0
        text = self._decoder.decode(offset, data)
        self._end = offset + len(data)
        self._newlines += lines + data.count(b"\n")
        return self._marker(lines) + text if gap else text

    def rest(self) -> str:
        """What is left when the stream has ended."""
        text = self.text(self._ring.total_bytes, b"") + self._decoder.finish()
        return text + self._marker(0)

    def _marker(self, lines: int) -> str:
        """For what was omitted since the last marker, if anything was."""
        omitted_bytes = self._decoder.omitted_bytes - self._marked_bytes
        self._marked_bytes += omitted_bytes
        return f"\n{gap_marker(omitted_bytes, lines)}\n" if omitted_bytes else ""
