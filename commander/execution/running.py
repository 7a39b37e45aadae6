"""One running command: the object in which its transport, output, tree and life meet.

It holds no logic of its own beyond passing each event to who must know: output to
what keeps it, endings to the life cycle, the life cycle's wishes to the process tree.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from commander.commands import (
    EndedBy,
    Outcome,
    StartFailed,
    Stdin,
    Survivor,
    TerminalSize,
)
from commander.execution.command_input import CommandInput
from commander.execution.descriptors import REPORT
from commander.execution.groups import signal_name
from commander.execution.lifecycle import Ending, Lifecycle, Phase
from commander.execution.limits import ChildSetup
from commander.execution.memory_killer import MemoryKiller
from commander.execution.process_count import ProcessCount
from commander.execution.protocol import ChildTransport
from commander.execution.report import Receiver, Report
from commander.execution.seams import ProcessTree, ProcessTrees
from commander.execution.start_watch import is_exhaustion
from commander.execution.tags import announce_tag
from commander.interfaces import Monotonic
from commander.output.budget import MemoryBudget
from commander.output.command import CommandOutput

__all__ = ["RunningCommand", "Supervision"]


@attrs.frozen(kw_only=True)
class Supervision:
    """What watches over all commands of a server."""

    clock: IReactorTime
    monotonic: Monotonic
    trees: ProcessTrees
    setup: ChildSetup
    memory_killer: MemoryKiller
    output_budget: MemoryBudget
    kill_grace_seconds: float
    max_output_bytes: int
    """Kept of each stream."""
    output_limit_bytes: int | None
    """Written in all before the command is ended; None for no limit."""
    counted_processes: int | None
    """Processes a command may have where they must be counted; else None."""


class RunningCommand:
    """A command from the moment of its start to its outcome.

    Args:
        supervision: What watches over it.
        run_id: Stands in its environment.
        tag: Is put on its processes.
        timeout_seconds: From the spawn to the deadline.
        gone: Called once, when nothing of it is left, before ``finished`` fires.
        stdin: What it has as its standard input.
        report: Gets what it wrote to its descriptor 3, before ``finished`` fires;
            nothing if it was not started.

    Attributes:
        started_at: By the monotonic clock; when the start was asked for, and from the
            start on that.
    """

    def __init__(
        self,
        *,
        supervision: Supervision,
        run_id: str,
        tag: int,
        timeout_seconds: float,
        gone: Callable[[RunningCommand], None],
        stdin: Stdin = Stdin.EMPTY,
        report: Receiver | None = None,
    ) -> None:
        self.finished: Deferred[Outcome | StartFailed] = Deferred()
        """Fires once, with the outcome or why there was no process; never fails."""
        self.output = CommandOutput(
            supervision.max_output_bytes, supervision.output_budget
        )
        """What was written so far; closed, with its counts, once it has ended, unless
        somebody keeps it."""
        self._supervision = supervision
        self._run_id = run_id
        self._gone = gone
        self._tag = tag
        self.started_at = supervision.monotonic()
        self._last_output_at: float | None = None
        self._keeps_output = False
        self._exited = self._paused = False
        self._input = CommandInput(stdin)
        self._report = None if report is None else Report(report)
        self._victims = supervision.memory_killer.mark()
        self._starting: ChildTransport | None = None
        self._process: ChildTransport | None = None
        self._tree: ProcessTree | None = None
        self._count: ProcessCount | None = None
        self._lifecycle = Lifecycle(
            clock=supervision.clock,
            monotonic=supervision.monotonic,
            process=self,
            timeout_seconds=timeout_seconds,
            grace_seconds=supervision.kill_grace_seconds,
            finished=self._finish,
        )

    def starting(self, process: ChildTransport) -> None:
        """A start was asked for; whether it began is told by the other calls."""
        self._starting = process
        self._input.connect(process)

    # --- ending it -------------------------------------------------------------

    def end(
        self,
        ended_by: EndedBy,
        grace_seconds: float,
        number: int = signal.SIGTERM,
    ) -> None:
        """Begin to end the command; does nothing if it is ending already.

        Args:
            ended_by: What its outcome will say.
            grace_seconds: From the first signal to KILL.
            number: The first signal. A terminal's session gets SIGHUP too, since
                shells that talk to people ignore TERM.
        """
        self._lifecycle.end(ended_by, grace_seconds, number)

    def end_as_set(self, ended_by: EndedBy) -> None:
        """The same with TERM, and the grace that the server is set to."""
        self.end(ended_by, self._supervision.kill_grace_seconds)

    def cancel(self) -> None:
        """End it because nobody wants the outcome; it is told all the same."""
        self.end_as_set(EndedBy.CANCELLED)

    def signal(self, number: int) -> int:
        """Signal all its processes; how many. What they do then is theirs.

        Before the start the signal is kept until then, and nobody was signalled. If the
        shell dies by it, the outcome says CLIENT_SIGNAL.
        """
        return self._lifecycle.signal(number)

    def process_ids(self) -> tuple[int, ...]:
        """Its live processes, the shell first; none before the start and at the end."""
        return () if self._tree is None else self._tree.process_ids()

    # --- its output ------------------------------------------------------------

    def keep_output(self) -> None:
        """Leave ``output`` open at the end: it is the caller's now, who closes it."""
        self._keeps_output = True

    @property
    def last_output_at(self) -> float:
        """When the last output came, by the monotonic clock; the start if none did."""
        if self._last_output_at is None:
            return self.started_at
        return self._last_output_at

    def pause_output(self) -> None:
        """Leave the output in the pipes, which stops the command once they are full.

        Does nothing when the shell has exited. Then all that is left in them is read.
        """
        if self._starting is not None and not self._exited:
            self._paused = True
            self._starting.pauseProducing()

    def resume_output(self) -> None:
        """Read on; does nothing if it is read."""
        if self._starting is not None and self._paused:
            self._paused = False
            self._starting.resumeProducing()

    # --- its input -------------------------------------------------------------

    @property
    def input_open(self) -> bool:
        """Whether the command may still read what is written now."""
        return self._input.open

    @property
    def pending_input_bytes(self) -> int:
        """Written, and not read by the command yet; what stands in a pipe counts."""
        return self._input.pending_bytes

    def write_input(self, data: bytes) -> None:
        """Write to standard input; kept until the command reads it, without a bound.

        Dropped when the input is closed.
        """
        self._input.write(data)

    def close_input(self) -> None:
        """Tell the end of the input, after all that was written.

        A pipe is closed. A terminal gets its end-of-file character and stays open.
        """
        self._input.close()

    def resize(self, size: TerminalSize) -> None:
        """Give its terminal another size; without a terminal nothing happens."""
        self._input.resize(size)

    @property
    def terminal_descriptor(self) -> int | None:
        """Our end of its terminal, to ask for its modes; None if there is none (left).

        Only for this turn: it is closed with the terminal.
        """
        return self._input.terminal_descriptor

    @property
    def stdin_descriptor(self) -> int | None:
        """Our end of the pipe that is its standard input; None without one.

        Only for this turn, as well.
        """
        return self._input.pipe_descriptor

    # --- ProcessEvents ---------------------------------------------------------

    def process_spawning(self) -> None:
        """The process is spawned next, in this thread."""
        announce_tag(self._tag)

    def process_spawned(self, pid: int) -> None:
        """The process exists: bind it. Called in the thread that spawned it."""
        self._supervision.setup.apply(pid, self._tag)

    def process_started(self, process: ChildTransport) -> None:
        """The process runs: the deadline counts from here."""
        pid = process.pid
        if pid is None:
            raise ValueError("a started process has an id")
        if self._lifecycle.phase is Phase.GONE:
            self._end_late(pid)
            return
        self._process = process
        self._input.connect(process)
        self.started_at = self._supervision.monotonic()
        self._tree = self._supervision.trees.tree(
            pid=pid, run_id=self._run_id, tag=self._tag
        )
        self._count_processes(self._tree)
        self._lifecycle.started()

    def start_failed(self, reason: str, number: int | None = None) -> None:
        """There is no process."""
        self._lifecycle.start_failed(
            StartFailed(reason=reason, exhausted=is_exhaustion(number))
        )

    def output_buffers(self, stream: int, hint: int) -> Sequence[memoryview]:
        """Where the next bytes of a stream are to be read to."""
        return self.output.buffers(stream, hint)

    def output_filled(self, stream: int, count: int) -> None:
        """Bytes were read to there."""
        self.output.filled(stream, count)
        self._output_came()

    def output_received(self, stream: int, data: bytes) -> None:
        """Bytes of a stream came by another way."""
        if stream == REPORT:
            if self._report is not None:
                self._report.add(data)
            return
        self.output.append(stream, data)
        self._output_came()

    def input_closed(self) -> None:
        """The command has closed its input."""
        self._input.closed()

    def process_exited(self, exit_code: int | None, signal_number: int | None) -> None:
        """The shell ended."""
        self._exited = True
        self.resume_output()
        self._lifecycle.process_exited(exit_code, signal_number)

    def pipes_closed(self) -> None:
        """No writer of the pipes is left, or we closed them."""
        self._lifecycle.pipes_closed()

    # --- ProcessControl --------------------------------------------------------

    def signal_tree(self, number: int) -> int:
        """Signal the command's processes, wherever they went."""
        return 0 if self._tree is None else self._tree.signal(number)

    def ask_to_end(self, number: int) -> None:
        """Signal them all; a terminal is about to be lost, which is a signal too."""
        self.signal_tree(number)
        if self._input.kind is Stdin.TERMINAL:
            self.signal_tree(signal.SIGHUP)

    def left(self) -> int:
        """How many of them are left."""
        return 0 if self._tree is None else self._tree.left()

    def survivors(self) -> tuple[Survivor, ...]:
        """Which of them are left."""
        return () if self._tree is None else self._tree.survivors()

    def abandon(self) -> None:
        """The start took too long: whatever comes of it yet ends at once."""
        if self._starting is not None:
            self._starting.signalProcess(signal.SIGKILL)
            self._starting.loseConnection()

    def close_pipes(self) -> None:
        """Stop reading; a writer that is left gets SIGPIPE."""
        if self._process is not None:
            self._process.loseConnection()

    # --- own -------------------------------------------------------------------

    def _end_late(self, pid: int) -> None:
        """The start was given up, and succeeded: end what it has started by now."""
        tree = self._supervision.trees.tree(pid=pid, run_id=self._run_id, tag=self._tag)
        tree.signal(signal.SIGKILL)
        tree.release()
        self._supervision.setup.release(self._tag)

    def _count_processes(self, tree: ProcessTree) -> None:
        most = self._supervision.counted_processes
        if most is not None:
            self._count = ProcessCount(
                clock=self._supervision.clock,
                monotonic=self._supervision.monotonic,
                tree=tree,
                most=most,
                exceeded=self._too_many_processes,
            )

    def _too_many_processes(self) -> None:
        self.end_as_set(EndedBy.PROCESS_LIMIT)

    def _output_came(self) -> None:
        self._last_output_at = self._supervision.monotonic()
        self._lifecycle.output_received()
        limit = self._supervision.output_limit_bytes
        if limit is not None and self.output.total_bytes > limit:
            self.end_as_set(EndedBy.OUTPUT_LIMIT)

    def _finish(self, ending: Ending | StartFailed) -> None:
        if self._count is not None:
            self._count.stop()
        if self._tree is None:
            self._supervision.trees.drop_tag(self._tag)
        else:
            self._tree.release()
        self._supervision.setup.release(self._tag)
        self._input.finish()
        self.output.finish()
        result = ending if isinstance(ending, StartFailed) else self._outcome_of(ending)
        if not self._keeps_output:
            self.output.close()
        if self._report is not None and self._process is not None:
            self._report.deliver()
        self._gone(self)
        self.finished.callback(result)

    def _outcome_of(self, ending: Ending) -> Outcome:
        number = ending.signal_number
        killer = self._supervision.memory_killer
        return Outcome(
            exit_code=ending.exit_code,
            signal=None if number is None else signal_name(number),
            ended_by=killer.cause(ending.ended_by, number, self._victims),
            duration_seconds=self._supervision.monotonic() - self.started_at,
            stdout=self.output.stdout.window(),
            stderr=self.output.stderr.window(),
            background_processes=ending.background_processes,
            survivors=ending.survivors,
            reaped=ending.reaped,
            hint=killer.hint(ending.exit_code, self._victims),
        )
