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

from commander.commands import EndedBy, Outcome, StartFailed, Survivor
from commander.execution.groups import signal_name
from commander.execution.lifecycle import Ending, Lifecycle
from commander.execution.limits import ChildSetup
from commander.execution.memory_killer import MemoryKiller
from commander.execution.process_count import ProcessCount
from commander.execution.protocol import ChildTransport
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
    """

    def __init__(
        self,
        *,
        supervision: Supervision,
        run_id: str,
        tag: int,
        timeout_seconds: float,
        gone: Callable[[RunningCommand], None],
    ) -> None:
        self.finished: Deferred[Outcome | StartFailed] = Deferred()
        """Fires once, with the outcome or why there was no process; never fails."""
        self.output = CommandOutput(
            supervision.max_output_bytes, supervision.output_budget
        )
        """What was written so far; closed, with its counts, once it has ended."""
        self._supervision = supervision
        self._run_id = run_id
        self._gone = gone
        self._tag = tag
        self._started_at = supervision.monotonic()
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

    def end(self, ended_by: EndedBy, grace_seconds: float) -> None:
        """Begin to end the command; does nothing if it is ending already."""
        self._lifecycle.end(ended_by, grace_seconds)

    def cancel(self) -> None:
        """End it because nobody wants the outcome; it is told all the same."""
        self.end(EndedBy.CANCELLED, self._supervision.kill_grace_seconds)

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
        self._process = process
        self._started_at = self._supervision.monotonic()
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
        self.output.append(stream, data)
        self._output_came()

    def process_exited(self, exit_code: int | None, signal_number: int | None) -> None:
        """The shell ended."""
        self._lifecycle.process_exited(exit_code, signal_number)

    def pipes_closed(self) -> None:
        """No writer of the pipes is left, or we closed them."""
        self._lifecycle.pipes_closed()

    # --- ProcessControl --------------------------------------------------------

    def signal_tree(self, number: int) -> int:
        """Signal the command's processes, wherever they went."""
        return 0 if self._tree is None else self._tree.signal(number)

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
        self.end(EndedBy.PROCESS_LIMIT, self._supervision.kill_grace_seconds)

    def _output_came(self) -> None:
        self._lifecycle.output_received()
        limit = self._supervision.output_limit_bytes
        if limit is not None and self.output.total_bytes > limit:
            self.end(EndedBy.OUTPUT_LIMIT, self._supervision.kill_grace_seconds)

    def _finish(self, ending: Ending | StartFailed) -> None:
        if self._count is not None:
            self._count.stop()
        if self._tree is None:
            self._supervision.trees.drop_tag(self._tag)
        else:
            self._tree.release()
        self._supervision.setup.release(self._tag)
        self.output.finish()
        result = ending if isinstance(ending, StartFailed) else self._outcome_of(ending)
        self.output.close()
        self._gone(self)
        self.finished.callback(result)

    def _outcome_of(self, ending: Ending) -> Outcome:
        number = ending.signal_number
        killer = self._supervision.memory_killer
        return Outcome(
            exit_code=ending.exit_code,
            signal=None if number is None else signal_name(number),
            ended_by=killer.cause(ending.ended_by, number, self._victims),
            duration_seconds=self._supervision.monotonic() - self._started_at,
            stdout=self.output.stdout.window(),
            stderr=self.output.stderr.window(),
            background_processes=ending.background_processes,
            survivors=ending.survivors,
            reaped=ending.reaped,
            hint=killer.hint(ending.exit_code, self._victims),
        )
