"""A process that was spawned by us, as Twisted's process transport.

The protocol is called as Twisted calls it, with two differences that only matter to
those who look:

- The start is asynchronous. ``pid`` is None until ``makeConnection``. If the process
  could not be started the protocol gets ``processEnded`` with a ``SpawnFailed``, and
  nothing else.
- The exit is seen through a descriptor of the process (pidfd), whatever the number
  of processes, and without SIGCHLD. What stands in the pipes then is read before
  ``processExited``, so in the usual case a command has ended a moment after its exit:
  data, ``processExited``, ``childConnectionLost`` for each pipe, ``processEnded``.

A protocol that raises is logged, and the process goes on to its end: each protocol
gets exactly one ``processEnded``.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NoReturn

from twisted.internet.error import (
    ConnectionDone,
    ProcessDone,
    ProcessExitedAlready,
    ProcessTerminated,
)
from twisted.internet.interfaces import (
    IProcessProtocol,
    IProcessTransport,
    IReadDescriptor,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from commander.execution.reader import IDescriptorReactor, PipeReader
from commander.execution.writer import PipeWriter

__all__ = ["ExitReader", "SpawnFailed", "SpawnedProcess"]

_STDIN: Final = 0
_SIGNALLED: Final = (os.CLD_KILLED, os.CLD_DUMPED)
_CORE_DUMPED: Final = 0x80

_log: Final = Logger()


class SpawnFailed(Exception):  # noqa: N818 - says what happened, as Twisted's do
    """A process could not be started; nothing is left of it.

    Args:
        number: What the kernel said, as in ``errno``; ECANCELED if it was us.
        words: The cause, with the path that it is about.
    """

    def __init__(self, number: int, words: str) -> None:
        super().__init__(number, words)
        self.number = number
        self.words = words

    def __str__(self) -> str:
        return self.words


@implementer(IReadDescriptor)
class ExitReader:
    """Waits for the end of one process, and reaps it.

    Args:
        reactor: Says when the descriptor is readable: the process is a zombie then.
        pidfd: Of a child of ours; closed here in the end.
        exited: Called once, with how it ended.
    """

    def __init__(
        self,
        reactor: IDescriptorReactor,
        pidfd: int,
        exited: Callable[[ProcessDone | ProcessTerminated], None],
    ) -> None:
        self._reactor = reactor
        self._pidfd = pidfd
        self._exited = exited
        reactor.addReader(self)

    def signal(self, number: int) -> None:
        """Signal the process; never another that has its id by now.

        Raises:
            ProcessExitedAlready: It is gone.
            OSError: It refuses.
        """
        if self._pidfd < 0:
            raise ProcessExitedAlready
        try:
            signal.pidfd_send_signal(self._pidfd, number)
        except ProcessLookupError:
            raise ProcessExitedAlready from None

    def fileno(self) -> int:
        """The descriptor; -1 once it is closed."""
        return self._pidfd

    def logPrefix(self) -> str:
        """For log lines."""
        return "process"

    def doRead(self) -> None:
        """It ended, unless the event was meant for somebody else."""
        ending = self._reap()
        if ending is not None:
            self._close()
            self._exited(ending)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor has forgotten us: it stops, or takes us for somebody else."""
        if self._pidfd < 0:
            return
        if not reason.check(ConnectionDone):
            self._close()
            return
        self._reactor.addReader(self)
        self.doRead()

    def _reap(self) -> ProcessDone | ProcessTerminated | None:
        try:
            found = os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOHANG)
        except ChildProcessError:  # somebody else reaped it: we shall never know
            return ProcessTerminated()
        if found is None:
            return None
        number = found.si_status
        if found.si_code in _SIGNALLED:
            dumped = _CORE_DUMPED if found.si_code == os.CLD_DUMPED else 0
            return ProcessTerminated(None, number, number | dumped)
        status = number << 8
        return ProcessTerminated(number, None, status) if number else ProcessDone(0)

    def _close(self) -> None:
        self._reactor.removeReader(self)
        os.close(self._pidfd)
        self._pidfd = -1


@implementer(IProcessTransport)
class SpawnedProcess:
    """A process and our ends of its pipes.

    Args:
        reactor: Watches the pipes and the process.
        protocol: Is told what happens.

    Attributes:
        pid: The process id; None before the start and once the process was reaped.
        unwanted: It was killed before it began, so it need not begin.
    """

    def __init__(self, reactor: IDescriptorReactor, protocol: IProcessProtocol) -> None:
        self.pid: int | None = None
        self.unwanted = False
        self._reactor = reactor
        self._protocol = protocol
        self._readers: dict[int, PipeReader] = {}
        self._stdin: PipeWriter | None = None
        self._process: ExitReader | None = None
        self._early_signals: list[int] = []
        self._starting = True
        self._reason: Failure | None = None
        self._ended = False

    # --- the spawner's ---------------------------------------------------------

    def add_pipes(
        self, readers: Mapping[int, PipeReader], stdin: PipeWriter | None
    ) -> None:
        """Our ends, by what the process knows them by; before all else."""
        self._readers.update(readers)
        self._stdin = stdin

    def started(self, pid: int, pidfd: int) -> None:
        """The process runs."""
        self.pid = pid
        self._starting = False
        self._process = ExitReader(self._reactor, pidfd, self._exited)
        for number in self._early_signals:
            self._tell(self._process.signal, number)
        self._tell(self._protocol.makeConnection, self)
        for reader in self._readers.values():
            reader.start()
        if self._stdin is not None:
            self._stdin.start()

    def failed(self, error: SpawnFailed) -> None:
        """There is no process, and there will be none."""
        self._starting = False
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()
        if self._stdin is not None:
            self._tell(self._stdin.close)
            self._stdin = None
        self._reason = Failure(error)
        self._end_if_over()

    def pipe_ended(self, descriptor: int) -> None:
        """A pipe was closed, by whichever side."""
        if descriptor == _STDIN:
            self._stdin = None
        else:
            del self._readers[descriptor]
        self._tell(self._protocol.childConnectionLost, descriptor)
        self._end_if_over()

    # --- IProcessTransport -----------------------------------------------------

    def signalProcess(self, signalID: str | int) -> None:
        """Signal the process, or, before the start, as soon as it runs.

        Args:
            signalID: A number, or a name such as ``TERM``.

        Raises:
            ProcessExitedAlready: It was reaped.
            OSError: It refuses.
        """
        number = signalID
        if isinstance(number, str):
            number = signal.Signals[f"SIG{number}"]
        if self._starting:
            self._early_signals.append(number)
            self.unwanted = self.unwanted or number == signal.SIGKILL
        elif self._process is None:
            raise ProcessExitedAlready
        else:
            self._process.signal(number)

    def loseConnection(self) -> None:
        """Close all pipes; the protocol hears of it in a later turn."""
        self.closeStdin()
        for reader in self._readers.values():
            reader.lose()

    def closeChildFD(self, descriptor: int) -> None:
        """Close one pipe; nothing happens if it is closed, or never was."""
        if descriptor == _STDIN:
            self.closeStdin()
        elif descriptor in self._readers:
            self._readers[descriptor].lose()

    def closeStdin(self) -> None:
        """Close standard input once the process took all that was written.

        When the process is gone, what it did not take is thrown away.
        """
        if self._stdin is None:
            return
        if self._reason is None:
            self._stdin.lose()
        else:
            self._stdin.abort()

    def closeStdout(self) -> None:
        """Stop reading standard output."""
        self.closeChildFD(1)

    def closeStderr(self) -> None:
        """Stop reading standard error."""
        self.closeChildFD(2)

    def writeToChild(self, childFD: int, data: bytes) -> None:
        """Write to a pipe of the process.

        Raises:
            KeyError: It is not one that can be written to, or closed by now.
        """
        if childFD != _STDIN or self._stdin is None:
            raise KeyError(childFD)
        self._stdin.write(data)

    def write(self, data: bytes) -> None:
        """Write to standard input; lost if there is none."""
        if self._stdin is not None:
            self._stdin.write(data)

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Write to standard input; lost if there is none."""
        self.write(b"".join(data))

    def getHost(self) -> NoReturn:
        """A process has no address."""
        raise NotImplementedError

    def getPeer(self) -> NoReturn:
        """A process has no address."""
        raise NotImplementedError

    # --- producer and consumer, as Twisted's -----------------------------------

    def pauseProducing(self) -> None:
        """Read no output until ``resumeProducing``; a full pipe stops the process."""
        for reader in self._readers.values():
            reader.pause()

    def resumeProducing(self) -> None:
        """Read on."""
        for reader in self._readers.values():
            reader.resume()

    def stopProducing(self) -> None:
        """Close all pipes."""
        self.loseConnection()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Pause a producer while much of what it wrote to standard input waits."""
        if self._stdin is None:
            producer.stopProducing()
        else:
            self._stdin.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """It writes no more."""
        if self._stdin is not None:
            self._stdin.unregisterProducer()

    # --- own -------------------------------------------------------------------

    def _exited(self, ending: ProcessDone | ProcessTerminated) -> None:
        self.pid = None
        self._process = None
        at_their_end = [fd for fd, pipe in self._readers.items() if pipe.drain()]
        self._reason = Failure(ending)
        self._tell(self._protocol.processExited, self._reason)
        for descriptor in at_their_end:
            self._readers[descriptor].finish()
        self._end_if_over()

    def _end_if_over(self) -> None:
        open_pipes = self._readers or self._stdin is not None
        if self._reason is None or open_pipes or self._ended:
            return
        self._ended = True
        self._tell(self._protocol.processEnded, self._reason)
        # Each knows the other: without this both would stay until the next collection.
        del self._protocol

    def _tell(self, callback: Callable[..., object], *arguments: object) -> None:
        """Tell the protocol; what goes wrong there is not the process's fault."""
        try:
            callback(*arguments)
        except Exception:
            _log.failure("process_protocol_failed", Failure())
