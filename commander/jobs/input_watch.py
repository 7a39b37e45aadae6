"""What is known of jobs that wait for input.

The evidence is the kernel's (``commander.execution.waiting``), and a picture of one
moment. It counts until something happens: output, input, or ``FRESH_SECONDS``. One
picture is not enough either, since a program that reads line by line is blocked for a
moment before each; so it takes two in a row, ``LOOK_SECONDS`` apart.

Looking at a process means to read what it wrote to its memory, and the kernel may hold
up who does: it is done in a thread of its own, by whoever asks, and the answer is there
when it is asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from commander.commands import Stdin
from commander.execution.running import RunningCommand
from commander.interfaces import Monotonic
from commander.jobs.job import Job
from commander.output.command import CommandOutput
from commander.output.decoding import StreamDecoder
from commander.output.lines import plain_line
from commander.output.ring import Gap

if TYPE_CHECKING:  # imported with the first look: many servers never have a job
    from commander.execution.waiting import Inputs, WaitingEvidence

__all__ = ["FRESH_SECONDS", "LOOK_SECONDS", "InputWatch", "prompt_of"]

LOOK_SECONDS: Final = 0.1
"""Between two looks at the same job, at least."""
FRESH_SECONDS: Final = 2.0
"""How long a picture counts."""
_PROMPT_BYTES: Final = 512
"""Of the end of the output, for its last line."""

Evidence: TypeAlias = "WaitingEvidence | None"
Aside = Callable[[Callable[[], Evidence]], Deferred[Evidence]]

_log: Final = Logger()


@attrs.define
class _Known:
    """What is known of one job."""

    looked_at: float = float("-inf")
    looking: bool = False
    seen: WaitingEvidence | None = None
    """In the last picture."""
    twice: bool = False
    """And in the one before it."""


class InputWatch:
    """Looks at jobs that can be written to.

    Args:
        monotonic: Says how old a picture is.
        aside: Looks where it may be held up.
    """

    def __init__(self, monotonic: Monotonic, aside: Aside) -> None:
        self._monotonic = monotonic
        self._aside = aside
        self._known: dict[Job, _Known] = {}

    def evidence(self, job: Job) -> Mapping[str, Any] | None:
        """What tells that a job waits for input, as facts; None if nothing does.

        Has it looked at again, if that is due; ask again for what is seen then.
        """
        running = job.running
        if running is None or job.request.stdin is Stdin.EMPTY:
            self._known.pop(job, None)
            return None
        known = self._known.setdefault(job, _Known())
        now = self._monotonic()
        if now - known.looked_at >= LOOK_SECONDS and not known.looking:
            self._look(job, running, known, now)
        happened = max(running.last_output_at, job.input_at)
        if not known.twice or known.seen is None:
            return None
        if known.looked_at < happened or now - known.looked_at > FRESH_SECONDS:
            return None
        return _facts(known.seen, running.output)

    def forget(self, job: Job) -> None:
        """A job is over."""
        self._known.pop(job, None)

    def _look(
        self, job: Job, running: RunningCommand, known: _Known, now: float
    ) -> None:
        from commander.execution.waiting import find_waiting

        known.looking = True
        ids = running.process_ids()
        # Descriptors can be closed while the thread looks, and be somebody else's.
        inputs = _inputs(running)

        def seen(evidence: Evidence) -> None:
            known.looking = False
            again = known.looked_at >= max(running.last_output_at, job.input_at)
            known.twice = again and known.seen is not None and evidence is not None
            known.seen, known.looked_at = evidence, now

        def failed(failure: Failure) -> None:
            known.looking = False
            known.seen, known.looked_at = None, now
            _log.failure("input_watch_failed", failure)

        self._aside(lambda: find_waiting(ids, inputs)).addCallbacks(seen, failed)


def _inputs(running: RunningCommand) -> Inputs:
    from commander.execution.waiting import Inputs, pipe_link, read_terminal

    terminal, stdin = running.terminal_descriptor, running.stdin_descriptor
    return Inputs(
        terminal=None if terminal is None else read_terminal(terminal),
        pipe=None if stdin is None else pipe_link(stdin),
    )


def prompt_of(output: CommandOutput) -> str:
    """The line at the end of the output that has not been ended; may be empty."""
    end = output.total_bytes
    decoder: dict[int, StreamDecoder] = {}
    line = ""
    for part in output.merged(max(0, end - _PROMPT_BYTES), end):
        if isinstance(part, Gap):
            line = ""
            continue
        stream = decoder.setdefault(part.stream, StreamDecoder())
        line += stream.decode(part.offset, part.data)
        line = line[line.rfind("\n") + 1 :]
    return plain_line(line.rpartition("\r")[2])


def _facts(evidence: WaitingEvidence, output: CommandOutput) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "process": evidence.name,
        "pid": evidence.pid,
        "blocked_in": evidence.blocked_in,
        "on": evidence.waits_on.value,
        "seen_in": evidence.seen_in.value,
        "prompt": prompt_of(output),
    }
    if evidence.echo is not None:
        facts["echo"] = evidence.echo
        facts["line_mode"] = evidence.canonical
    if evidence.others:
        facts["others"] = evidence.others
    return {name: fact for name, fact in facts.items() if fact != ""}
