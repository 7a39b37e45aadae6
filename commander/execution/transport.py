"""A process that was spawned by us, as Twisted's process transport.

The protocol is called as Twisted calls it, with two differences that only matter to
those who look:

- The start is asynchronous. ``pid`` is None until ``makeConnection``. If the process
  could not be started the protocol gets ``processEnded`` with a ``SpawnFailed``, and
  nothing else.
- The exit is seen through a descriptor of the process (pidfd). What stands in the
  pipes then is read before ``processExited``, so in the usual case a command has ended
  a moment after its exit: data, ``processExited``, ``childConnectionLost`` for each
  pipe, ``processEnded``.

A terminal is one pipe for input and output: when its output ends, so does its input. A
pipe with a number above 2 is read like the others, but nobody waits for its end.

A protocol that raises is logged, and the process goes on to its end: each protocol
gets exactly one ``processEnded``.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NoReturn

from twisted.internet.error import (
    ProcessDone,
    ProcessExitedAlready,
    ProcessTerminated,
)
from twisted.internet.interfaces import IProcessProtocol, IProcessTransport
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from commander.commands import TerminalSize
from commander.execution.exit_reader import ExitReader
from commander.execution.reader import IDescriptorReactor, PipeReader
from commander.execution.seams import IConversation
from commander.execution.terminal import Terminal
from commander.execution.writer import PipeWriter

__all__ = ["SpawnFailed", "SpawnedProcess"]

_STDIN: Final = 0
_STDOUT: Final = 1
_STDERR: Final = 2

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


@implementer(IProcessTransport, IConversation)
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
        self._terminal: Terminal | None = None
        self._process: ExitReader | None = None
        self._early_signals: list[int] = []
        self._starting = True
        self._reason: Failure | None = None
        self._ended = False

    # --- the spawner's ---------------------------------------------------------

    def add_pipes(
        self,
        readers: Mapping[int, PipeReader],
        stdin: PipeWriter | None,
        terminal: Terminal | None = None,
    ) -> None:
        """Our ends, by what the process knows them by; before all else."""
        self._readers.update(readers)
        self._stdin = stdin
        self._terminal = terminal

    def started(self, pid: int, pidfd: int) -> None:
        """The process runs."""
        self.pid = pid
        self._starting = False
        self._process = ExitReader(self._reactor, pidfd, self._exited)
        if self._terminal is not None:
            self._terminal.hand_over()
        for number in self._early_signals:
            self._tell(self._signal_early, self._process, number)
        self._tell(self._protocol.makeConnection, self)
        for reader in self._readers.values():
            reader.start()
        if self._stdin is not None:
            self._stdin.start()

    def failed(self, error: SpawnFailed) -> None:
        """There is no process, and there will be none."""
        self._starting = False
        self._close_terminal()
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
        if self._ended:
            return  # nobody waited for this one
        if descriptor == _STDIN:
            self._stdin = None
        else:
            del self._readers[descriptor]
        self._tell(self._protocol.childConnectionLost, descriptor)
        if self._terminal is not None and descriptor == _STDOUT:
            self._finish_stdin()
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
        """Close all pipes; the protocol hears of it in a later turn.

        Without its master a terminal is hung up: its session gets SIGHUP.
        """
        if self._terminal is None:
            self.closeStdin()
        elif self._stdin is not None:
            self._stdin.abort()
        self._close_terminal()
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

        When the process is gone, what it did not take is thrown away. A terminal stays
        open: whoever reads it then is told the end.
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

    # --- IConversation ---------------------------------------------------------

    def pending_input(self) -> int:
        """Bytes that were written and not read by the process yet."""
        return 0 if self._stdin is None else self._stdin.pending_bytes

    def terminal_descriptor(self) -> int | None:
        """The master of the terminal, until it is closed."""
        reader = self._readers.get(_STDOUT)
        if self._terminal is None or reader is None or reader.fileno() < 0:
            return None
        return reader.fileno()

    def stdin_descriptor(self) -> int | None:
        """The pipe that is standard input, until it is closed."""
        if self._stdin is None or self._terminal is not None:
            return None
        descriptor = self._stdin.fileno()
        return descriptor if descriptor >= 0 else None

    def resize(self, size: TerminalSize) -> None:
        """Give the terminal another size, until the process has exited."""
        if self._terminal is not None:
            self._terminal.resize(size)

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
        self._close_terminal()  # nobody could read its end as long as we have it
        at_their_end = [pipe for pipe in self._readers.values() if pipe.drain()]
        self._reason = Failure(ending)
        self._tell(self._protocol.processExited, self._reason)
        for pipe in at_their_end:
            pipe.finish()
        self._end_if_over()

    def _signal_early(self, process: ExitReader, number: int) -> None:
        with contextlib.suppress(ProcessExitedAlready):  # it was quicker
            process.signal(number)

    def _finish_stdin(self) -> None:
        if self._stdin is not None:
            self._stdin.finish()

    def _close_terminal(self) -> None:
        if self._terminal is not None:
            self._terminal.close()

    def _end_if_over(self) -> None:
        waited_for = self._stdin is not None or (
            self._readers and min(self._readers) <= _STDERR
        )
        if self._reason is None or waited_for or self._ended:
            return
        self._ended = True
        for descriptor, reader in self._readers.items():
            reader.resume()
            reader.drain()
            reader.close()
            self._tell(self._protocol.childConnectionLost, descriptor)
        self._readers.clear()
        self._tell(self._protocol.processEnded, self._reason)
        # Each knows the other: without this both would stay until the next collection.
        del self._protocol

    def _tell(self, callback: Callable[..., object], *arguments: object) -> None:
        """Tell the protocol; what goes wrong there is not the process's fault."""
        try:
            callback(*arguments)
        except Exception:
            _log.failure("process_protocol_failed", Failure())
