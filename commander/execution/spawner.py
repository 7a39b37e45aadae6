"""Starting processes from a few threads, so that the reactor never waits for one.

The kernel holds up whoever spawns until the child has executed its program. On busy
processors that is milliseconds: the child must first get its turn. So the reactor's
thread only prepares a start, and threads of the spawner do the waiting; see
``spawn_threads``.

The threads live as long as the spawner, because to the kernel a child hangs off the
thread that started it. When that thread ends, its children pass to another one, a
signal that a child asked for on its parent's death is sent, and
``/proc/PID/task/TID/children`` lists them elsewhere: there, under the main thread,
are the orphans that were adopted. So ``stop`` is for when no process is left.

A start goes through four hands: ``spawnProcess`` prepares it, a thread spawns it,
``_deliver`` brings it back to the reactor's thread, and the transport takes over.
Threads report through a queue and one eventfd. Whatever happens, a start comes back
exactly once, as a process or as a ``SpawnFailed``.
"""

from __future__ import annotations

import errno
import os
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from twisted.internet.interfaces import (
    IProcessProtocol,
    IReactorProcess,
    IReactorTime,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from commander.execution.descriptors import (
    REPORT,
    ChildDescriptors,
    open_descriptors,
)
from commander.execution.doorbell import Doorbell
from commander.execution.launcher import refuse_unsupported
from commander.execution.native import Bindings
from commander.execution.outside import Outside
from commander.execution.reader import IDescriptorReactor, PipeReader, ReadShares
from commander.execution.seams import (
    IBufferedProcessProtocol,
    IPreparingProcessProtocol,
    ITerminalProcessProtocol,
    TerminalWish,
)
from commander.execution.spawn_threads import SpawnThreads
from commander.execution.starts import Start
from commander.execution.terminal import Terminal
from commander.execution.transport import SpawnedProcess, SpawnFailed
from commander.execution.writer import PipeWriter, TerminalWriter

__all__ = ["ThreadedSpawner"]

THREADS: Final = 4
"""Two per processor of a small machine: where one is not enough, while it waits for its
child's first turn, another child has its turn."""
STOP_SECONDS: Final = 1.0
"""For threads to end. They idle, unless a program lies on a file system that hangs."""

_STDIN: Final = 0
_log: Final = Logger()


@implementer(IPreparingProcessProtocol)
class _PreparedOutside:
    """Prepares a process where what it takes is not forbidden."""

    def __init__(self, preparing: IPreparingProcessProtocol, outside: Outside) -> None:
        self._preparing = preparing
        self._outside = outside

    def child_spawning(self) -> None:
        """In this thread: what is inherited comes from it."""
        self._preparing.child_spawning()

    def child_spawned(self, pid: int) -> None:
        """In the other thread."""
        self._outside.do(lambda: self._preparing.child_spawned(pid))


@implementer(IReactorProcess)
class ThreadedSpawner:
    """Starts processes without holding up the reactor.

    Every process leads a session and a group of its own, with no signal ignored or
    blocked and no descriptor that was not asked for.

    Args:
        reactor: Watches the processes; must provide ``IReactorFDSet`` too.
        bindings: How the C library is called.
        threads: How many starts may wait for the kernel at once.
        thread_started: Called once in each thread before its first start, for
            instance to restrict what its children may do.
        outside: Prepares new processes, if the threads themselves may not; started
            and stopped with them.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        *,
        bindings: Bindings,
        threads: int = THREADS,
        thread_started: Callable[[], None] | None = None,
        outside: Outside | None = None,
    ) -> None:
        self._reactor: Final = IDescriptorReactor(reactor, reactor)
        self._bindings = bindings
        self._threads = SpawnThreads(
            reactor, count=threads, do=self._do, thread_started=thread_started
        )
        self._outside = outside
        self._under_way: set[Start] = set()
        self._done: deque[Start] = deque()
        self._doorbell: Doorbell | None = None
        self._stopping = False
        self._closed = False
        self._lock = threading.Lock()
        """Held to put a start into ``_done``, and to close that door for good."""
        self._shares = ReadShares()

    def start(self) -> None:
        """Start the threads, and wait for each to be ready: less than a millisecond.

        Raises:
            Exception: What ``thread_started`` raised; no thread is left.
            RuntimeError: No thread can be started, or this was called before.
        """
        if self._doorbell is not None or self._stopping:
            raise RuntimeError("a spawner starts once")
        self._doorbell = Doorbell(self._reactor, self._deliver)
        if self._outside is not None:
            self._outside.start()
        try:
            self._threads.start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the threads; starts that still wait fail. A second call does nothing.

        Takes up to ``STOP_SECONDS`` if a thread is stuck in the kernel. What such a
        start may still bring forth is killed when it comes.
        """
        if self._stopping:
            return
        self._stopping = True
        self._threads.stop(STOP_SECONDS)
        if self._outside is not None:
            self._outside.stop()
        with self._lock:
            self._closed = True
        self._deliver()
        for stuck in tuple(self._under_way):
            self._under_way.discard(stuck)
            stuck.abandon(_stopped())
        if self._doorbell is not None:
            self._doorbell.close()

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
    ) -> SpawnedProcess:
        """Begin to start a process; see ``commander.execution.transport``.

        With ``usePTY`` it has a terminal for its 0, 1 and 2, as its protocol says.

        Raises:
            OSError: No pipe or terminal can be made, or the spawner does not run.
            ValueError: An argument that is not supported, or a null byte in a text.
        """
        refuse_unsupported(uid=uid, gid=gid)
        if usePTY not in (False, True):
            raise ValueError("usePTY: a terminal that is there is not supported")
        if self._doorbell is None or self._stopping:
            raise OSError(errno.ESHUTDOWN, "the spawner does not run")
        program = _encoded(executable)
        directory = _encoded(path) if path else None
        wish = _terminal_wish(processProtocol) if usePTY else None
        descriptors = open_descriptors(childFDs, wish)
        terminal = descriptors.terminal
        try:
            prepared = self._bindings.prepare(
                program,
                arguments=list(map(_encoded, args)),
                environment=_environment(env),
                directory=directory,
                descriptors=descriptors.theirs,
                terminal=None if terminal is None else terminal.path,
            )
        except BaseException:
            descriptors.close()
            raise
        start = Start(
            process=self._process(processProtocol, descriptors),
            prepared=prepared,
            descriptors=descriptors,
            subject=(program, directory),
            preparing=self._preparing(processProtocol),
        )
        self._under_way.add(start)
        self._threads.put(start)
        return start.process

    def _process(
        self, protocol: IProcessProtocol, descriptors: ChildDescriptors
    ) -> SpawnedProcess:
        """A transport with our ends of the pipes."""
        process = SpawnedProcess(self._reactor, protocol)
        buffered = IBufferedProcessProtocol(protocol, None)
        stdin: PipeWriter | None = None
        readers: dict[int, PipeReader] = {}
        for child, descriptor in descriptors.ours.items():
            if child == _STDIN:
                stdin = self._writer(process, descriptor, descriptors.terminal)
                continue
            readers[child] = PipeReader(
                self._reactor,
                descriptor,
                protocol=protocol,
                buffered=None if child == REPORT else buffered,
                child_descriptor=child,
                shares=self._shares,
                ended=process.pipe_ended,
            )
        process.add_pipes(readers, stdin, descriptors.terminal)
        return process

    def _writer(
        self, process: SpawnedProcess, descriptor: int, terminal: Terminal | None
    ) -> PipeWriter:
        ended = process.pipe_ended
        if terminal is None:
            return PipeWriter(self._reactor, descriptor, ended=ended)
        return TerminalWriter(self._reactor, descriptor, terminal=terminal, ended=ended)

    def _preparing(
        self, protocol: IProcessProtocol
    ) -> IPreparingProcessProtocol | None:
        preparing = IPreparingProcessProtocol(protocol, None)
        if preparing is None or self._outside is None:
            return preparing
        return _PreparedOutside(preparing, self._outside)

    def _deliver(self) -> None:
        """Hand over what the threads have done; in the reactor's thread."""
        while self._done:
            start = self._done.popleft()
            self._under_way.discard(start)
            try:
                start.settle()
            except Exception:  # one start must not take the others with it
                _log.failure("process_start_lost", Failure())

    # --- in the threads --------------------------------------------------------

    def _do(self, start: Start) -> None:
        if self._stopping:
            start.error = _stopped()
        else:
            start.spawn()
        if not self._report(start):
            start.undo()

    def _report(self, start: Start) -> bool:
        with self._lock:
            if self._closed or self._doorbell is None:
                return False
            self._done.append(start)
            self._doorbell.ring()
            return True


def _terminal_wish(protocol: IProcessProtocol) -> TerminalWish:
    wishing = ITerminalProcessProtocol(protocol, None)
    wish: TerminalWish = TerminalWish() if wishing is None else wishing.terminal
    return wish


def _environment(env: Mapping[Any, Any] | None) -> list[bytes]:
    """``NAME=value`` of each; as with Twisted, None stands for our environment."""
    pairs: Mapping[Any, Any] = os.environb if env is None else env
    try:
        names = b"".join(pairs)
    except TypeError:
        pairs = {_encoded(name): _encoded(value) for name, value in pairs.items()}
        names = b"".join(pairs)
    if b"=" in names:
        raise ValueError("a name in the environment holds =")
    return list(map(b"=".join, pairs.items()))


def _encoded(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else os.fsencode(text)


def _stopped() -> SpawnFailed:
    return SpawnFailed(errno.ECANCELED, "the server stops")
