"""A spawned process as Twisted's transport: who is told what, when, and how often."""

from __future__ import annotations

import errno
import os
import signal
import weakref
from collections.abc import Callable, Iterator
from typing import cast

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.error import (
    ConnectionDone,
    ConnectionLost,
    ProcessDone,
    ProcessExitedAlready,
    ProcessTerminated,
)
from twisted.internet.interfaces import (
    IProcessTransport,
    IReactorFDSet,
    IReactorTime,
    IReadDescriptor,
)
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from commander.commands import TerminalSize
from commander.execution.exit_reader import ExitReader
from commander.execution.reader import IDescriptorReactor, PipeReader, ReadShares
from commander.execution.seams import IConversation, TerminalWish
from commander.execution.terminal import open_terminal
from commander.execution.transport import SpawnedProcess, SpawnFailed
from commander.execution.writer import PipeWriter, TerminalWriter

PID = 4242
HUNG_UP = Failure(ConnectionDone())


@attrs.frozen
class Status:
    """What waitid tells."""

    si_code: int
    si_status: int


class Kernel:
    """Tells how the process ended, and takes the signals for it."""

    def __init__(self) -> None:
        self.status: Status | None = None
        self.reaped_by_another = False
        self.signals: list[int] = []
        self.refusal: OSError | None = None

    def waitid(self, kind: int, descriptor: int, options: int) -> Status | None:
        assert options & os.WNOHANG
        if self.reaped_by_another:
            raise ChildProcessError(errno.ECHILD, "No child processes")
        return self.status

    def send(self, descriptor: int, number: int) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.signals.append(number)


class Recorder(ProcessProtocol):
    """Notes every call; raises in those that are named."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.reasons: list[Failure] = []
        self.raises: set[str] = set()
        self.reactions: dict[str, Callable[[], None]] = {}

    def _called(self, *call: object) -> None:
        self.calls.append(call)
        name = str(call[0])
        self.reactions.get(name, lambda: None)()
        if name in self.raises:
            raise RuntimeError(name)

    def connectionMade(self) -> None:
        self._called("made")

    def childDataReceived(
        self,
        childFD: int,
        data: bytes,
    ) -> None:
        self._called("data", childFD, data)

    def childConnectionLost(self, childFD: int) -> None:
        self._called("lost", childFD)

    def processExited(self, reason: Failure) -> None:
        self.reasons.append(reason)
        self._called("exited")

    def processEnded(self, reason: Failure) -> None:
        self.reasons.append(reason)
        self._called("ended")

    @property
    def names(self) -> list[str]:
        return [str(call[0]) for call in self.calls]


class Case:
    """A transport with two pipes, and with standard input if that is wanted."""

    def __init__(self, kernel: Kernel, *, stdin: bool = False) -> None:
        self.kernel = kernel
        self.clock = MemoryReactorClock()
        self.reactor = IDescriptorReactor(self.clock, self.clock)
        self.protocol = Recorder()
        self.process = SpawnedProcess(self.reactor, self.protocol)
        self.readers: dict[int, PipeReader] = {}
        self.writing: dict[int, int] = {}
        self.reading_stdin = -1
        shares = ReadShares()
        for child in (1, 2):
            reading, self.writing[child] = os.pipe()
            self.readers[child] = PipeReader(
                self.reactor,
                reading,
                protocol=self.protocol,
                buffered=None,
                child_descriptor=child,
                shares=shares,
                ended=self.process.pipe_ended,
            )
        self.stdin: PipeWriter | None = None
        if stdin:
            self.reading_stdin, writing = os.pipe()
            self.stdin = PipeWriter(
                self.reactor, writing, ended=self.process.pipe_ended
            )
        self.process.add_pipes(self.readers, self.stdin)

    def report(self) -> PipeReader:
        """A pipe that nobody waits for, beside the others."""
        reading, self.writing[3] = os.pipe()
        self.readers[3] = PipeReader(
            self.reactor,
            reading,
            protocol=self.protocol,
            buffered=None,
            child_descriptor=3,
            shares=ReadShares(),
            ended=self.process.pipe_ended,
        )
        self.process.add_pipes(self.readers, self.stdin)
        return self.readers[3]

    def start(self) -> None:
        self.process.started(PID, os.open(os.devnull, os.O_RDONLY))

    def write(self, child: int, data: bytes) -> None:
        """The process writes, and the reactor sees it."""
        os.write(self.writing[child], data)
        self.readers[child].doRead()

    def hang_up(self, *children: int) -> None:
        """The process closes its ends; the reactor has not seen it yet."""
        for child in children:
            os.close(self.writing.pop(child))

    def exit(self, code: int = 0) -> None:
        """The process ends; the reactor sees that before it sees the pipes."""
        self.kernel.status = Status(os.CLD_EXITED, code)
        self.exit_reader.doRead()
        self.turn()

    @property
    def exit_reader(self) -> ExitReader:
        found = [r for r in self.clock.getReaders() if isinstance(r, ExitReader)]
        return found[0]

    def turn(self) -> None:
        self.clock.advance(0)

    def close(self) -> None:
        for reader in self.clock.getReaders():
            reader.connectionLost(Failure(ConnectionLost()))
        for reader in self.readers.values():
            reader.close()
        if self.stdin is not None:
            self.stdin.close()
            os.close(self.reading_stdin)
        self.hang_up(*self.writing)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    kernel = Kernel()
    monkeypatch.setattr(os, "waitid", kernel.waitid)
    monkeypatch.setattr(signal, "pidfd_send_signal", kernel.send)
    return kernel


@pytest.fixture
def case(kernel: Kernel) -> Iterator[Case]:
    case = Case(kernel)
    yield case
    case.close()


@pytest.fixture
def with_stdin(kernel: Kernel) -> Iterator[Case]:
    case = Case(kernel, stdin=True)
    yield case
    case.close()


@pytest.fixture
def logged() -> Iterator[list[LogEvent]]:
    """Every event that is logged."""
    events: list[LogEvent] = []
    observer = cast("ILogObserver", events.append)
    globalLogPublisher.addObserver(observer)
    yield events
    globalLogPublisher.removeObserver(observer)


def test_it_is_a_process_transport(case: Case) -> None:
    assert verifyObject(IProcessTransport, case.process)
    assert verifyObject(IConversation, case.process)
    case.start()
    assert verifyObject(IReadDescriptor, case.exit_reader)
    assert case.exit_reader.logPrefix() == "process"
    with pytest.raises(NotImplementedError):
        case.process.getHost()
    with pytest.raises(NotImplementedError):
        case.process.getPeer()


def test_the_usual_end_is_told_in_one_turn_and_in_order(case: Case) -> None:
    pids = [case.process.pid]
    case.start()
    pids.append(case.process.pid)
    case.write(1, b"a")
    os.write(case.writing[1], b"b")
    os.write(case.writing[2], b"c")
    case.hang_up(1, 2)
    case.protocol.reactions["exited"] = lambda: pids.append(case.process.pid)
    case.exit()
    assert case.protocol.calls == [
        ("made",),
        ("data", 1, b"a"),
        ("data", 1, b"b"),
        ("data", 2, b"c"),
        ("exited",),
        ("lost", 1),
        ("lost", 2),
        ("ended",),
    ]
    assert pids == [None, PID, None]
    assert case.clock.getReaders() == []


def test_both_endings_have_one_reason(case: Case) -> None:
    case.start()
    case.hang_up(1, 2)
    case.exit()
    exited, ended = case.protocol.reasons
    assert exited is ended
    assert exited.check(ProcessDone)


def test_a_process_that_has_ended_does_not_keep_its_protocol(case: Case) -> None:
    """The two know each other: what hangs off a command would wait for a collection."""
    case.start()
    case.hang_up(1, 2)
    case.exit()
    kept = weakref.ref(case.protocol)
    case.protocol = Recorder()
    case.readers.clear()
    assert kept() is None


def test_pipes_that_close_before_the_exit_are_told_before_it(case: Case) -> None:
    case.start()
    case.hang_up(1, 2)
    for reader in tuple(case.readers.values()):
        reader.doRead()
    assert case.protocol.names == ["made", "lost", "lost"]
    case.exit()
    assert case.protocol.names == ["made", "lost", "lost", "exited", "ended"]


def test_a_pipe_that_another_process_holds_keeps_the_end_away(case: Case) -> None:
    case.start()
    case.hang_up(2)
    case.exit()
    assert case.protocol.names == ["made", "exited", "lost"]
    case.write(1, b"still here")
    case.hang_up(1)
    case.readers[1].doRead()
    assert case.protocol.names[3:] == ["data", "lost", "ended"]


def test_losing_the_connection_ends_it(case: Case) -> None:
    case.start()
    case.exit()
    case.process.loseConnection()
    case.process.loseConnection()
    assert case.protocol.names == ["made", "exited"]
    case.turn()
    assert case.protocol.names == ["made", "exited", "lost", "lost", "ended"]


def test_losing_the_connection_before_the_exit_waits_for_the_exit(case: Case) -> None:
    case.start()
    case.process.loseConnection()
    case.turn()
    assert case.protocol.names == ["made", "lost", "lost"]
    case.exit()
    assert case.protocol.names[3:] == ["exited", "ended"]


@pytest.mark.parametrize("when", ["made", "data", "exited", "lost", "ended"])
def test_losing_it_from_within_any_call_ends_it_once(case: Case, when: str) -> None:
    case.protocol.reactions[when] = case.process.loseConnection
    case.start()
    if when != "made":
        case.write(1, b"x")
    case.hang_up(1, 2)
    case.exit()
    case.turn()
    assert case.protocol.names[-1] == "ended"
    assert sorted(case.protocol.names).count("lost") == 2
    assert case.protocol.names.count("ended") == 1


def test_pipes_can_be_closed_one_by_one(case: Case) -> None:
    case.start()
    case.process.closeStdout()
    case.turn()
    assert case.protocol.calls[1:] == [("lost", 1)]
    case.process.closeStderr()
    case.process.closeChildFD(2)
    case.process.closeChildFD(7)
    case.turn()
    assert case.protocol.calls[1:] == [("lost", 1), ("lost", 2)]


@pytest.mark.parametrize(
    ("status", "exit_code", "number", "raw"),
    [
        (Status(os.CLD_EXITED, 3), 3, None, 3 << 8),
        (Status(os.CLD_KILLED, signal.SIGTERM), None, signal.SIGTERM, 15),
        (Status(os.CLD_DUMPED, signal.SIGSEGV), None, signal.SIGSEGV, 11 | 0x80),
    ],
)
def test_the_reason_tells_how_it_ended(
    case: Case, status: Status, exit_code: int | None, number: int | None, raw: int
) -> None:
    case.start()
    case.kernel.status = status
    case.exit_reader.doRead()
    case.turn()
    ending = case.protocol.reasons[0].value
    assert isinstance(ending, ProcessTerminated)
    assert (ending.exitCode, ending.signal, ending.status) == (exit_code, number, raw)
    assert os.waitstatus_to_exitcode(raw) == (exit_code or -(number or 0))


def test_an_end_that_somebody_else_saw_is_an_end_all_the_same(case: Case) -> None:
    case.start()
    case.hang_up(1, 2)
    case.kernel.reaped_by_another = True
    case.exit_reader.doRead()
    case.turn()
    ending = case.protocol.reasons[0].value
    assert isinstance(ending, ProcessTerminated)
    assert (ending.exitCode, ending.signal) == (None, None)
    assert case.protocol.names[-1] == "ended"


def test_an_event_that_tells_of_no_end_is_nothing(case: Case) -> None:
    case.start()
    case.exit_reader.doRead()
    case.turn()
    assert case.protocol.names == ["made"]
    assert case.exit_reader in case.clock.getReaders()


def test_a_hang_up_that_was_meant_for_another_descriptor_is_nothing(case: Case) -> None:
    case.start()
    reader = case.exit_reader
    case.clock.removeReader(reader)  # as the reactor does first
    reader.connectionLost(HUNG_UP)
    assert case.exit_reader is reader
    case.kernel.status = Status(os.CLD_EXITED, 0)
    reader.connectionLost(HUNG_UP)
    reader.connectionLost(HUNG_UP)
    case.turn()
    assert case.protocol.names == ["made", "exited"]
    reader.connectionLost(HUNG_UP)
    assert case.protocol.names == ["made", "exited"]


def test_an_end_is_seen_although_the_clock_was_set_back(case: Case) -> None:
    case.start()
    case.hang_up(1, 2)
    case.kernel.status = Status(os.CLD_EXITED, 0)
    reader = case.exit_reader
    reader.doRead()
    reader.doRead()
    assert case.protocol.names[-1] == "ended"
    case.turn()
    assert case.protocol.names.count("ended") == 1


def test_no_pipe_is_closed_while_the_reactor_may_have_its_event(case: Case) -> None:
    """Its number could be a new connection's by the time that the event is handled."""
    case.start()
    case.hang_up(1, 2)
    case.kernel.status = Status(os.CLD_EXITED, 0)
    case.exit_reader.doRead()
    assert min(reader.fileno() for reader in case.readers.values()) >= 0
    case.turn()
    assert {reader.fileno() for reader in case.readers.values()} == {-1}
    assert case.protocol.names[-1] == "ended"


def test_an_event_to_write_was_meant_for_another_descriptor(case: Case) -> None:
    """A pipe to write to was closed, and its number given out, in the same turn."""
    case.start()
    for reader in (case.exit_reader, case.readers[1]):
        reader.doWrite()
        assert reader in case.clock.getReaders()
    case.hang_up(1, 2)
    case.exit()
    assert case.protocol.names[-1] == "ended"


def test_when_the_reactor_stops_the_process_is_let_go(case: Case) -> None:
    case.start()
    reader = case.exit_reader
    reader.doRead()
    reader.connectionLost(Failure(ConnectionLost()))
    case.turn()
    assert reader.fileno() == -1
    assert case.protocol.names == ["made"]
    with pytest.raises(ProcessExitedAlready):
        case.process.signalProcess("KILL")


def test_signals_go_by_name_or_number(case: Case) -> None:
    case.start()
    case.process.signalProcess("TERM")
    case.process.signalProcess(signal.SIGUSR1)
    assert case.kernel.signals == [signal.SIGTERM, signal.SIGUSR1]
    with pytest.raises(KeyError):
        case.process.signalProcess("NONSENSE")


def test_a_signal_after_the_exit_is_refused(case: Case) -> None:
    case.start()
    case.exit()
    with pytest.raises(ProcessExitedAlready):
        case.process.signalProcess("KILL")


def test_a_signal_to_one_that_is_gone_unseen_is_refused_too(case: Case) -> None:
    case.start()
    case.kernel.refusal = ProcessLookupError(errno.ESRCH, "No such process")
    with pytest.raises(ProcessExitedAlready):
        case.process.signalProcess("KILL")


def test_a_signal_that_the_kernel_refuses_is_an_error(case: Case) -> None:
    case.start()
    case.kernel.refusal = PermissionError(errno.EPERM, "Operation not permitted")
    with pytest.raises(PermissionError):
        case.process.signalProcess("KILL")


def test_signals_before_the_start_are_sent_at_the_start(case: Case) -> None:
    case.process.signalProcess("INT")
    unwanted = [case.process.unwanted]
    case.process.signalProcess("KILL")
    case.process.signalProcess("TERM")
    unwanted.append(case.process.unwanted)
    assert unwanted == [False, True]
    case.start()
    expected = [signal.SIGINT, signal.SIGKILL, signal.SIGTERM]
    assert case.kernel.signals == expected


def test_a_signal_that_is_refused_at_the_start_does_not_stop_it(
    case: Case, logged: list[LogEvent]
) -> None:
    case.process.signalProcess(9999)
    case.kernel.refusal = OSError(errno.EINVAL, "Invalid argument")
    case.start()
    assert case.protocol.names == ["made"]
    assert [event["log_failure"].type for event in logged] == [OSError]


def test_losing_the_connection_before_the_start_is_told_after_it(case: Case) -> None:
    case.process.loseConnection()
    case.turn()
    assert case.protocol.names == []
    case.start()
    assert case.protocol.names == ["made"]
    case.turn()
    assert case.protocol.names == ["made", "lost", "lost"]


def test_a_start_that_failed_is_only_an_end(with_stdin: Case) -> None:
    error = SpawnFailed(errno.ENOENT, "no such program")
    with_stdin.process.loseConnection()
    with_stdin.process.failed(error)
    with_stdin.turn()
    assert with_stdin.protocol.calls == [("ended",)]
    assert with_stdin.protocol.reasons[0].value is error
    assert (error.number, str(error)) == (errno.ENOENT, "no such program")
    assert with_stdin.process.pid is None
    assert with_stdin.clock.getReaders() == with_stdin.clock.getWriters() == []
    with pytest.raises(ProcessExitedAlready):
        with_stdin.process.signalProcess("TERM")


def test_pausing_stops_both_pipes_and_resuming_goes_on(case: Case) -> None:
    case.start()
    case.process.pauseProducing()
    assert case.clock.getReaders() == [case.exit_reader]
    case.process.resumeProducing()
    assert set(case.clock.getReaders()) == {case.exit_reader, *case.readers.values()}


def test_output_of_a_paused_process_waits_beyond_its_exit(case: Case) -> None:
    case.start()
    case.process.pauseProducing()
    os.write(case.writing[1], b"kept")
    case.hang_up(1, 2)
    case.exit()
    assert case.protocol.names == ["made", "exited"]
    case.process.resumeProducing()
    for reader in tuple(case.readers.values()):
        reader.doRead()
        reader.doRead()
    assert ("data", 1, b"kept") in case.protocol.calls
    assert case.protocol.names[-1] == "ended"


def test_to_stop_producing_is_to_lose_the_connection(case: Case) -> None:
    case.start()
    case.process.stopProducing()
    case.turn()
    assert case.protocol.names == ["made", "lost", "lost"]


def test_standard_input_is_written_and_closed(with_stdin: Case) -> None:
    with_stdin.start()
    with_stdin.process.write(b"a")
    with_stdin.process.writeSequence([b"b", b"c"])
    with_stdin.process.writeToChild(0, b"d")
    assert with_stdin.stdin is not None
    with_stdin.stdin.doWrite()
    assert os.read(with_stdin.reading_stdin, 10) == b"abcd"
    with_stdin.process.closeChildFD(0)
    with_stdin.stdin.connectionLost(Failure(ConnectionDone()))
    assert with_stdin.protocol.calls[1:] == [("lost", 0)]
    with_stdin.process.closeStdin()
    with_stdin.process.write(b"lost")
    with pytest.raises(KeyError):
        with_stdin.process.writeToChild(0, b"x")


def test_an_output_cannot_be_written_to(with_stdin: Case) -> None:
    with pytest.raises(KeyError):
        with_stdin.process.writeToChild(1, b"x")


def test_input_that_a_dead_process_did_not_take_holds_up_nothing(
    with_stdin: Case,
) -> None:
    with_stdin.start()
    with_stdin.process.write(bytes(1_000_000))
    with_stdin.exit()
    assert with_stdin.protocol.names == ["made", "exited"]
    with_stdin.process.loseConnection()
    with_stdin.turn()
    assert with_stdin.protocol.names[-1] == "ended"


def test_a_producer_writes_to_standard_input_or_is_stopped(with_stdin: Case) -> None:
    told: list[str] = []

    class Producer:
        def stopProducing(self) -> None:
            told.append("stop")

    with_stdin.start()
    with_stdin.process.registerProducer(Producer(), True)
    with_stdin.process.unregisterProducer()
    assert told == []
    assert with_stdin.stdin is not None
    with_stdin.stdin.abort()
    with_stdin.turn()
    with_stdin.process.registerProducer(Producer(), True)
    with_stdin.process.unregisterProducer()
    assert told == ["stop"]


@pytest.mark.parametrize("where", ["made", "data", "exited", "lost", "ended"])
def test_a_protocol_that_raises_is_logged_and_ends_all_the_same(
    case: Case, where: str, logged: list[LogEvent]
) -> None:
    case.protocol.raises.add(where)
    case.start()
    case.write(1, b"x")
    case.hang_up(1, 2)
    case.exit()
    assert set(case.protocol.names) == {"made", "data", "exited", "lost", "ended"}
    assert case.protocol.names.count("ended") == 1
    raised = {event["log_failure"].type for event in logged}
    assert raised == {RuntimeError}


STEPS = ("lose", "read", "hang up", "exit", "turn", "signal", "pause", "resume")


@given(
    before=st.lists(st.sampled_from(("lose", "signal", "turn", "pause"))),
    started=st.booleans(),
    after=st.lists(st.sampled_from(STEPS), max_size=12),
    raises=st.sets(st.sampled_from(("made", "data", "exited", "lost", "ended"))),
)
def test_whatever_happens_in_whatever_order_it_ends_exactly_once(
    before: list[str], started: bool, after: list[str], raises: set[str]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        kernel = Kernel()
        patch.setattr(os, "waitid", kernel.waitid)
        patch.setattr(signal, "pidfd_send_signal", kernel.send)
        case = Case(kernel, stdin=True)
        try:
            case.protocol.raises = raises
            for step in before:
                take(case, step)
            if started:
                case.start()
            else:
                case.process.failed(SpawnFailed(errno.EAGAIN, "none left"))
            for step in (*after, "resume", "hang up", "exit", "lose", "turn"):
                take(case, step)
            names = case.protocol.names
            assert names.count("ended") == 1
            assert names[-1] == "ended"
            assert names.count("exited") == names.count("made") == int(started)
            assert names.count("lost") == (3 if started else 0)
            assert case.clock.getReaders() == case.clock.getWriters() == []
            assert case.clock.getDelayedCalls() == []
        finally:
            case.close()


def take(case: Case, step: str) -> None:
    """One thing that can happen, if it can happen now."""
    if step == "lose":
        case.process.loseConnection()
    elif step == "turn":
        case.turn()
        for writer in case.clock.getWriters():
            reason = writer.doWrite()
            if reason is not None:
                writer.connectionLost(Failure(reason))
    elif step == "signal":
        try:
            case.process.signalProcess("TERM")
        except ProcessExitedAlready:
            assert case.process.pid is None
    elif step == "pause":
        case.process.pauseProducing()
    elif step == "resume":
        case.process.resumeProducing()
    elif step == "read":
        for reader in case.clock.getReaders():
            reader.doRead()
    elif step == "hang up":
        case.hang_up(*case.writing)
    elif case.process.pid is not None:
        case.exit()


def test_a_reactor_that_does_both_is_what_is_needed() -> None:
    assert IDescriptorReactor.extends(IReactorFDSet)
    assert IDescriptorReactor.extends(IReactorTime)


# --- a pipe beside the output --------------------------------------------------------


def test_a_pipe_above_2_is_read_and_not_waited_for(case: Case) -> None:
    report = case.report()
    case.start()
    case.write(3, b"a")
    os.write(case.writing[3], b"b")
    case.hang_up(1, 2)
    case.exit()
    assert case.protocol.calls == [
        ("made",),
        ("data", 3, b"a"),
        ("data", 3, b"b"),
        ("exited",),
        ("lost", 1),
        ("lost", 2),
        ("lost", 3),
        ("ended",),
    ]
    assert report.fileno() == -1
    assert case.clock.getReaders() == []


def test_what_comes_to_it_until_the_end_is_read(case: Case) -> None:
    case.report()
    case.start()
    case.hang_up(2)
    case.exit()
    os.write(case.writing[3], b"late")
    case.process.pauseProducing()
    case.process.resumeProducing()
    case.hang_up(1)
    case.readers[1].doRead()
    assert case.protocol.calls[-4:] == [
        ("lost", 1),
        ("data", 3, b"late"),
        ("lost", 3),
        ("ended",),
    ]


def test_it_may_end_with_or_before_the_others(case: Case) -> None:
    case.report()
    case.start()
    case.hang_up(1, 2, 3)
    case.readers[3].doRead()
    case.exit()
    assert case.protocol.names == ["made", "lost", "exited", "lost", "lost", "ended"]


def test_one_that_was_lost_with_the_others_is_told_once(case: Case) -> None:
    case.report()
    case.start()
    case.exit()
    case.process.loseConnection()
    case.turn()
    assert case.protocol.names == ["made", "exited", "lost", "lost", "lost", "ended"]


def test_the_end_forgets_it_too(case: Case) -> None:
    case.report()
    case.start()
    case.hang_up(1, 2)
    case.exit()
    kept = weakref.ref(case.protocol)
    case.protocol = Recorder()
    case.readers.clear()
    assert kept() is None


# --- a terminal ----------------------------------------------------------------------


class TerminalCase:
    """A transport with a terminal; the process has its end a second time."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.clock = MemoryReactorClock()
        self.protocol = Recorder()
        reactor = IDescriptorReactor(self.clock, self.clock)
        self.process = SpawnedProcess(reactor, self.protocol)
        self.terminal, self.master = open_terminal(TerminalWish())
        self.theirs = os.open(self.terminal.path, os.O_RDWR | os.O_NOCTTY)
        self.reader = PipeReader(
            reactor,
            self.master,
            protocol=self.protocol,
            buffered=None,
            child_descriptor=1,
            shares=ReadShares(),
            ended=self.process.pipe_ended,
        )
        self.writer = TerminalWriter(
            reactor,
            os.dup(self.master),
            terminal=self.terminal,
            ended=self.process.pipe_ended,
        )
        self.process.add_pipes({1: self.reader}, self.writer, self.terminal)

    def start(self) -> None:
        self.process.started(PID, os.open(os.devnull, os.O_RDONLY))

    def hang_up(self) -> None:
        """The process closes its end."""
        if self.theirs >= 0:
            os.close(self.theirs)
            self.theirs = -1

    def exit(self) -> None:
        self.kernel.status = Status(os.CLD_EXITED, 0)
        found = [r for r in self.clock.getReaders() if isinstance(r, ExitReader)]
        found[0].doRead()
        self.clock.advance(0)

    def close(self) -> None:
        for reader in self.clock.getReaders():
            reader.connectionLost(Failure(ConnectionLost()))
        self.reader.close()
        self.writer.close()
        self.terminal.close()
        self.hang_up()


@pytest.fixture
def line(kernel: Kernel) -> Iterator[TerminalCase]:
    line = TerminalCase(kernel)
    yield line
    line.close()


def test_a_terminal_ends_with_its_process_in_one_turn(line: TerminalCase) -> None:
    line.start()
    os.write(line.theirs, b"last")
    line.hang_up()
    line.exit()
    assert line.protocol.calls == [
        ("made",),
        ("data", 1, b"last"),
        ("exited",),
        ("lost", 1),
        ("lost", 0),
        ("ended",),
    ]
    assert line.clock.getReaders() == line.clock.getWriters() == []
    assert line.terminal.fileno() == -1


def test_a_process_may_close_its_end_and_come_back(line: TerminalCase) -> None:
    line.start()
    line.hang_up()
    line.reader.doRead()
    assert line.protocol.names == ["made"]
    line.theirs = os.open(line.terminal.path, os.O_RDWR | os.O_NOCTTY)
    os.write(line.theirs, b"back")
    line.reader.doRead()
    assert line.protocol.calls[1:] == [("data", 1, b"back")]


def test_somebody_who_still_has_the_terminal_keeps_the_end_away(
    line: TerminalCase,
) -> None:
    line.start()
    line.exit()
    assert line.protocol.names == ["made", "exited"]
    line.process.loseConnection()
    line.clock.advance(0)
    assert sorted(line.protocol.names[2:4]) == ["lost", "lost"]
    assert line.protocol.names[4:] == ["ended"]


def test_losing_it_closes_all_our_ends_whatever_waits(line: TerminalCase) -> None:
    line.start()
    line.process.write(b"x")
    line.process.loseConnection()
    assert line.reader.fileno() == line.writer.fileno() == -1
    assert line.terminal.fileno() == -1
    assert os.read(line.theirs, 10) == b"", "it is hung up"
    line.clock.advance(0)
    assert sorted(line.protocol.calls[1:]) == [("lost", 0), ("lost", 1)]
    line.process.loseConnection()
    line.exit()
    assert line.protocol.names[3:] == ["exited", "ended"]


def test_closing_its_input_tells_the_end_and_nothing_is_lost(
    line: TerminalCase,
) -> None:
    line.start()
    line.process.closeStdin()
    for writer in tuple(line.clock.getWriters()):
        writer.doWrite()
    assert os.read(line.theirs, 10) == b""
    assert line.protocol.names == ["made"]


def test_a_terminal_that_was_not_opened_by_anybody_is_closed(
    line: TerminalCase,
) -> None:
    line.process.failed(SpawnFailed(errno.EAGAIN, "no"))
    assert line.protocol.names == ["ended"]
    assert line.reader.fileno() == line.writer.fileno() == -1
    assert line.terminal.fileno() == -1


def test_its_size_and_its_modes_are_within_reach_as_long_as_it_is_there(
    line: TerminalCase,
) -> None:
    line.process.resize(TerminalSize(columns=7, rows=8))
    assert os.get_terminal_size(line.theirs) == (7, 8)
    assert line.process.terminal_descriptor() == line.master
    line.start()
    line.process.write(b"typed\n")
    assert line.process.pending_input() == 6
    line.process.loseConnection()
    assert line.process.terminal_descriptor() is None
    assert line.process.pending_input() == 0
    line.clock.advance(0)
    assert line.process.terminal_descriptor() is None
    assert line.process.pending_input() == 0


def test_pipes_are_no_terminal(with_stdin: Case) -> None:
    with_stdin.process.resize(TerminalSize())
    assert with_stdin.process.terminal_descriptor() is None
    with_stdin.process.write(b"abc")
    assert with_stdin.process.pending_input() == 3
