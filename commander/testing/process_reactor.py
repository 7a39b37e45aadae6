"""A reactor whose processes are in memory.

It starts a ``MemoryProcess`` wherever a real reactor would start a real one. It is
spawner and process trees at once; ``engine`` is both as the service wants them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from twisted.internet.interfaces import IProcessProtocol
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from zope.interface import implementer

from commander.commands import TerminalSize
from commander.execution.engine import ProcessEngine
from commander.execution.limits import ChildSetup
from commander.execution.memory_killer import MemoryKiller
from commander.execution.running import Supervision
from commander.execution.seams import ITerminalProcessProtocol, TerminalWish
from commander.output.budget import MemoryBudget
from commander.reactors import ICommanderReactor
from commander.testing.processes import MemoryProcess, MemoryTree

__all__ = ["ProcessReactor"]

_THREE_PIPES: Final[Mapping[int, int | str]] = {0: "w", 1: "r", 2: "r"}
_BUDGET_BYTES: Final = 64 * 1024 * 1024
_FIRST_PID: Final = (1 << 22) + 1
"""More than Linux gives out: what is done to such a process hits no real one."""


class _NoThreads:
    """A thread pool that does its work at once, in the thread that asks."""

    def start(self) -> None:
        """There is nothing to start."""

    def stop(self) -> None:
        """There is nothing to stop."""

    def callInThreadWithCallback(
        self,
        onResult: Callable[[bool, Any], None],
        func: Callable[..., Any],
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Do it, and say what came of it."""
        try:
            result = func(*args, **kwargs)
        except Exception:
            onResult(False, Failure())
        else:
            onResult(True, result)


@implementer(ICommanderReactor)
class ProcessReactor(MemoryReactorClock):
    """A reactor in memory whose processes are ``MemoryProcess``es.

    It is also the ``ProcessTrees`` of those processes. It has no threads: what is to
    be done in one is done at once.

    Attributes:
        processes: All that were started, in order.
        trees: All that were asked for, in order.
        spawn_error: If set, ``spawnProcess`` raises it.
        on_spawn: If set, called with each process before ``spawnProcess`` returns.
        starts_late: If true, a process starts only with ``start_late``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[MemoryProcess] = []
        self.trees: list[MemoryTree] = []
        self.spawn_error: OSError | None = None
        self.on_spawn: Any = None
        self.starts_late = False
        self._late: list[tuple[IProcessProtocol, MemoryProcess]] = []
        self._pids = itertools.count(_FIRST_PID)
        self._tags = itertools.count(1)

    @property
    def engine(self) -> ProcessEngine:
        """This reactor as spawner and trees."""
        return ProcessEngine(spawner=self, trees=self, described={"spawner": "memory"})

    def getThreadPool(self) -> Any:
        """One without threads."""
        return _NoThreads()

    def callInThread(
        self, callable: Callable[..., Any], *args: object, **kwargs: object
    ) -> None:
        """Call it at once."""
        callable(*args, **kwargs)

    def callFromThread(
        self, callable: Callable[..., Any], *args: object, **kwargs: object
    ) -> None:
        """Call it in the next turn."""
        self.callLater(0, callable, *args, **kwargs)

    def suggestThreadPoolSize(self, size: int) -> None:
        """There are none, and there will be none."""

    def spawnProcess(
        self,
        processProtocol: IProcessProtocol,
        executable: bytes | str,
        args: Sequence[bytes | str] = (),
        env: Mapping[Any, Any] | None = None,
        path: bytes | str | None = None,
        uid: int | None = None,
        gid: int | None = None,
        usePTY: bool = False,
        childFDs: Mapping[int, int | str] | None = None,
    ) -> MemoryProcess:
        """Start a process in memory."""
        if self.spawn_error is not None:
            raise self.spawn_error
        process = MemoryProcess(
            self,
            processProtocol,
            next(self._pids),
            args,
            env or {},
            path,
            _THREE_PIPES if childFDs is None and not usePTY else childFDs or {},
            _terminal_size(processProtocol) if usePTY else None,
        )
        self.processes.append(process)
        if self.starts_late:
            process.pid = None
            process.late = True
            self._late.append((processProtocol, process))
        else:
            self._start(processProtocol, process)
        return process

    def start_late(self, failure: Exception | None = None) -> None:
        """Start the process that waits longest, or fail its start."""
        protocol, process = self._late.pop(0)
        process.late = False
        if failure is None:
            process.pid = process.group
            self._start(protocol, process)
        else:
            protocol.processEnded(Failure(failure))

    def supervision(self, **changes: Any) -> Supervision:
        """What watches over commands here, with the limits of the defaults.

        Args:
            **changes: Other values for its fields.
        """
        fields: dict[str, Any] = {
            "clock": self,
            "monotonic": self.seconds,
            "trees": self,
            "setup": ChildSetup(),
            "memory_killer": MemoryKiller(self.seconds, None),
            "output_budget": MemoryBudget(_BUDGET_BYTES),
            "kill_grace_seconds": 5.0,
            "max_output_bytes": 1000,
            "output_limit_bytes": None,
            "counted_processes": None,
        }
        return Supervision(**(fields | changes))

    def new_tag(self) -> int:
        """A number."""
        return next(self._tags)

    def drop_tag(self, tag: int) -> None:
        """Nothing was kept."""

    def tree(self, *, pid: int, run_id: str, tag: int) -> MemoryTree:
        """The tree of a process that was started here."""
        process = next(each for each in self.processes if each.group == pid)
        self.trees.append(MemoryTree(process))
        return self.trees[-1]

    def _start(self, protocol: IProcessProtocol, process: MemoryProcess) -> None:
        protocol.makeConnection(process)
        if self.on_spawn is not None:
            self.on_spawn(process)


def _terminal_size(protocol: IProcessProtocol) -> TerminalSize:
    wishing = ITerminalProcessProtocol(protocol, None)
    wish = TerminalWish() if wishing is None else wishing.terminal
    return TerminalSize(columns=wish.size.columns, rows=wish.size.rows)
