"""Reading a pipe: turn by turn, into the protocol's memory, and to the end once."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from typing import cast

import pytest
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer
from zope.interface.verify import verifyObject

from commander.execution.reader import (
    FULL_TURNS,
    LARGE_READ_BYTES,
    LEAST_TURN_BYTES,
    SMALL_READ_BYTES,
    TURN_BYTES,
    IDescriptorReactor,
    PipeReader,
    ReadShares,
)
from commander.execution.seams import IBufferedProcessProtocol

CHILD = 1
HUNG_UP = Failure(ConnectionDone())
REACTOR_STOPS = Failure(ConnectionLost())


class Plain(ProcessProtocol):
    """Keeps what it gets, and calls ``after`` with itself each time."""

    def __init__(self) -> None:
        self.reads: list[bytes] = []
        self.after: Callable[[], None] = lambda: None

    def childDataReceived(
        self,
        childFD: int,
        data: bytes,
    ) -> None:
        assert childFD == CHILD
        self.reads.append(data)
        self.after()


@implementer(IBufferedProcessProtocol)
class Buffered(Plain):
    """The same, with memory of its own: at most ``room`` bytes, in two parts."""

    def __init__(self, room: int = LARGE_READ_BYTES) -> None:
        super().__init__()
        self.room = room
        self.hints: list[int] = []
        self._memory = bytearray(LARGE_READ_BYTES)

    def child_buffers(self, descriptor: int, hint: int) -> Sequence[memoryview]:
        self.hints.append(hint)
        size = min(hint, self.room)
        view = memoryview(self._memory)
        return [view[: size // 2], view[size // 2 : size]]

    def child_buffers_filled(self, descriptor: int, count: int) -> None:
        self.childDataReceived(descriptor, bytes(self._memory[:count]))


class Pipe:
    """A reader, and the end that a process would have."""

    def __init__(self, protocol: Plain, shares: ReadShares | None = None) -> None:
        self.protocol = protocol
        self.reactor = MemoryReactorClock()
        self.ended: list[int] = []
        self.reading, self.writing = os.pipe()
        self.shares = shares or ReadShares()
        self.reader = PipeReader(
            IDescriptorReactor(self.reactor, self.reactor),
            self.reading,
            protocol=protocol,
            buffered=IBufferedProcessProtocol(protocol, None),
            child_descriptor=CHILD,
            shares=self.shares,
            ended=self.ended.append,
        )

    def fill(self, size: int) -> None:
        """Have so much standing in the pipe."""
        if size > fcntl.fcntl(self.writing, fcntl.F_GETPIPE_SZ):
            fcntl.fcntl(self.writing, fcntl.F_SETPIPE_SZ, size)
        assert os.write(self.writing, bytes(size)) == size

    def hang_up(self) -> None:
        os.close(self.writing)
        self.writing = -1

    @property
    def watched(self) -> bool:
        return self.reader in self.reactor.getReaders()

    def close(self) -> None:
        self.reader.close()
        if self.writing >= 0:
            self.hang_up()


@pytest.fixture(params=[Plain, Buffered])
def pipe(request: pytest.FixtureRequest) -> Iterator[Pipe]:
    pipe = Pipe(request.param())
    yield pipe
    pipe.close()


@pytest.fixture
def buffered() -> Iterator[Pipe]:
    pipe = Pipe(Buffered())
    yield pipe
    pipe.close()


@pytest.fixture
def logged() -> Iterator[list[LogEvent]]:
    """Every event that is logged."""
    events: list[LogEvent] = []
    observer = cast("ILogObserver", events.append)
    globalLogPublisher.addObserver(observer)
    yield events
    globalLogPublisher.removeObserver(observer)


def test_it_is_a_read_descriptor(pipe: Pipe) -> None:
    assert verifyObject(IReadDescriptor, pipe.reader)
    assert pipe.reader.fileno() == pipe.reading
    assert pipe.reader.logPrefix() == "process"


def test_it_watches_from_the_start_on(pipe: Pipe) -> None:
    assert not pipe.watched
    pipe.reader.start()
    assert pipe.watched


def test_output_reaches_the_protocol(pipe: Pipe) -> None:
    pipe.reader.start()
    os.write(pipe.writing, b"some")
    pipe.reader.doRead()
    os.write(pipe.writing, b"thing")
    pipe.reader.doRead()
    assert pipe.protocol.reads == [b"some", b"thing"]


def test_an_event_without_output_is_nothing(pipe: Pipe) -> None:
    pipe.reader.start()
    pipe.reader.doRead()
    assert pipe.protocol.reads == []
    assert pipe.watched


def test_the_end_is_told_once(pipe: Pipe) -> None:
    pipe.reader.start()
    pipe.hang_up()
    pipe.reader.doRead()
    pipe.reader.connectionLost(HUNG_UP)
    pipe.reader.lose()
    pipe.reactor.advance(1)
    assert pipe.ended == [CHILD]
    assert not pipe.watched
    assert pipe.reader.fileno() == -1


def test_a_hang_up_ends_it_after_all_output(pipe: Pipe) -> None:
    pipe.reader.start()
    os.write(pipe.writing, b"last words")
    pipe.hang_up()
    pipe.reader.connectionLost(HUNG_UP)
    assert pipe.protocol.reads == [b"last words"]
    assert pipe.ended == [CHILD]


def test_a_hang_up_that_was_meant_for_another_descriptor_is_not_believed(
    pipe: Pipe,
) -> None:
    pipe.reader.start()
    pipe.reactor.removeReader(pipe.reader)  # as the reactor does first
    pipe.reader.connectionLost(HUNG_UP)
    assert pipe.ended == []
    assert pipe.watched


def test_when_the_reactor_stops_the_pipe_is_closed_unread(pipe: Pipe) -> None:
    pipe.reader.start()
    os.write(pipe.writing, b"too late")
    pipe.reader.connectionLost(REACTOR_STOPS)
    assert pipe.protocol.reads == []
    assert pipe.ended == [CHILD]


def test_losing_it_closes_at_once_and_tells_later(pipe: Pipe) -> None:
    pipe.reader.start()
    pipe.reader.lose()
    pipe.reader.lose()
    with pytest.raises(BrokenPipeError):
        os.write(pipe.writing, b"x")
    assert pipe.ended == []
    pipe.reactor.advance(0)
    assert pipe.ended == [CHILD]


def test_one_that_was_lost_before_the_start_says_so_after_it(pipe: Pipe) -> None:
    pipe.reader.lose()
    pipe.reactor.advance(1)
    assert pipe.ended == []
    pipe.reader.start()
    assert not pipe.watched
    pipe.reactor.advance(0)
    assert pipe.ended == [CHILD]


def test_closing_tells_nobody(pipe: Pipe) -> None:
    pipe.reader.start()
    pipe.reader.close()
    pipe.reader.finish()
    pipe.reactor.advance(1)
    assert pipe.ended == []


def test_a_paused_one_leaves_the_output_in_the_pipe(pipe: Pipe) -> None:
    pipe.reader.start()
    pipe.reader.pause()
    os.write(pipe.writing, b"later")
    assert pipe.reader not in pipe.reactor.getReaders()
    assert not pipe.reader.drain()
    pipe.reader.doRead()  # an event of this turn that was found before the pause
    assert pipe.protocol.reads == []
    pipe.reader.resume()
    assert pipe.watched
    pipe.reader.doRead()
    assert pipe.protocol.reads == [b"later"]


def test_pausing_before_the_start_holds(pipe: Pipe) -> None:
    pipe.reader.pause()
    pipe.reader.start()
    assert not pipe.watched


def test_resuming_before_the_start_does_not_start_it(pipe: Pipe) -> None:
    pipe.reader.pause()
    pipe.reader.resume()
    assert not pipe.watched


def test_pause_and_resume_of_a_closed_one_do_nothing(pipe: Pipe) -> None:
    pipe.reader.start()
    pipe.reader.close()
    pipe.reader.pause()
    pipe.reader.resume()
    assert not pipe.watched


def test_a_pause_within_a_turn_ends_the_turn(pipe: Pipe) -> None:
    pipe.reader.start()
    pipe.protocol.after = pipe.reader.pause
    pipe.fill(3 * SMALL_READ_BYTES)
    pipe.reader.doRead()
    assert list(map(len, pipe.protocol.reads)) == [SMALL_READ_BYTES]


def test_losing_it_within_a_turn_ends_the_turn(pipe: Pipe) -> None:
    pipe.reader.start()
    pipe.protocol.after = pipe.reader.lose
    pipe.fill(3 * SMALL_READ_BYTES)
    pipe.reader.doRead()
    assert len(pipe.protocol.reads) == 1
    pipe.reactor.advance(0)
    assert pipe.ended == [CHILD]


def test_losing_it_while_it_is_drained_tells_once(pipe: Pipe) -> None:
    pipe.reader.start()
    pipe.protocol.after = pipe.reader.lose
    os.write(pipe.writing, b"last")
    pipe.hang_up()
    assert not pipe.reader.drain()
    pipe.reactor.advance(0)
    assert pipe.ended == [CHILD]


def test_draining_reads_to_the_end_and_leaves_the_telling_to_the_owner(
    pipe: Pipe,
) -> None:
    pipe.reader.start()
    os.write(pipe.writing, b"last words")
    pipe.hang_up()
    assert pipe.reader.drain()
    assert pipe.protocol.reads == [b"last words"]
    assert pipe.ended == []
    pipe.reader.finish()
    assert pipe.ended == [CHILD]


def test_draining_a_pipe_that_somebody_holds_is_not_the_end(pipe: Pipe) -> None:
    pipe.reader.start()
    os.write(pipe.writing, b"so far")
    assert not pipe.reader.drain()
    assert pipe.protocol.reads == [b"so far"]
    assert pipe.watched


def test_a_protocol_that_raises_is_logged_and_loses_this_pipe(
    pipe: Pipe, logged: list[LogEvent]
) -> None:
    def fail() -> None:
        raise RuntimeError("full")

    pipe.protocol.after = fail
    pipe.reader.start()
    os.write(pipe.writing, b"x")
    pipe.reader.doRead()
    assert pipe.ended == [CHILD]
    assert [event["log_failure"].type for event in logged] == [RuntimeError]


def test_a_protocol_that_names_no_memory_is_not_taken_for_the_end(
    buffered: Pipe, logged: list[LogEvent]
) -> None:
    """A read of nothing returns nothing, as the end of the pipe does."""
    assert isinstance(buffered.protocol, Buffered)
    buffered.protocol.room = 0
    buffered.reader.start()
    os.write(buffered.writing, b"x")
    buffered.reader.doRead()
    assert [event["log_failure"].type for event in logged] == [ValueError]


def test_little_memory_is_filled_again_and_again(buffered: Pipe) -> None:
    assert isinstance(buffered.protocol, Buffered)
    buffered.protocol.room = 10
    buffered.reader.start()
    os.write(buffered.writing, b"0123456789" * 2 + b"end")
    buffered.reader.doRead()
    assert buffered.protocol.reads == [b"0123456789", b"0123456789", b"end"]


def test_a_pipe_that_is_found_full_is_made_larger(buffered: Pipe) -> None:
    buffered.reader.start()
    for _ in range(FULL_TURNS):
        assert pipe_bytes(buffered) == SMALL_READ_BYTES
        buffered.fill(SMALL_READ_BYTES)
        buffered.reader.doRead()
    assert pipe_bytes(buffered) == LARGE_READ_BYTES
    buffered.fill(LARGE_READ_BYTES)
    buffered.protocol.reads.clear()
    buffered.reader.doRead()
    assert list(map(len, buffered.protocol.reads)) == [LARGE_READ_BYTES]


def test_one_that_is_found_full_now_and_then_is_not(buffered: Pipe) -> None:
    buffered.reader.start()
    for size in (SMALL_READ_BYTES, 1, SMALL_READ_BYTES, 1):
        buffered.fill(size)
        buffered.reader.doRead()
    assert pipe_bytes(buffered) == SMALL_READ_BYTES


def test_a_pipe_that_cannot_grow_is_read_on(
    buffered: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*arguments: object) -> int:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    buffered.reader.start()
    monkeypatch.setattr(fcntl, "fcntl", refused)
    for _ in range(FULL_TURNS + 1):
        os.write(buffered.writing, bytes(SMALL_READ_BYTES))
        buffered.reader.doRead()
    assert sum(map(len, buffered.protocol.reads)) == 3 * SMALL_READ_BYTES


def test_a_turn_ends_when_its_bytes_are_read(pipe: Pipe) -> None:
    pipe.reader.start()
    pipe.fill(TURN_BYTES)
    pipe.protocol.after = lambda: top_up(pipe)
    pipe.reader.doRead()
    assert sum(map(len, pipe.protocol.reads)) == TURN_BYTES
    pipe.protocol.reads.clear()
    assert not pipe.reader.drain()
    assert sum(map(len, pipe.protocol.reads)) == TURN_BYTES


def test_readers_that_flood_share_a_turn() -> None:
    shares = ReadShares()
    pipes = [Pipe(Buffered(), shares) for _ in range(4)]
    for pipe in pipes:
        pipe.protocol.after = lambda pipe=pipe: top_up(pipe)  # type: ignore[misc]  # bound per turn
        pipe.reader.start()
        pipe.fill(TURN_BYTES)
        pipe.reader.doRead()
    assert shares.flooding == len(pipes)
    for pipe in pipes:
        pipe.protocol.reads.clear()
        pipe.reader.doRead()
        assert sum(map(len, pipe.protocol.reads)) == TURN_BYTES // len(pipes)
    for number, pipe in enumerate(pipes, start=1):
        pipe.close()
        assert shares.flooding == len(pipes) - number


def test_one_that_stops_flooding_gives_its_share_back(buffered: Pipe) -> None:
    buffered.reader.start()
    buffered.fill(TURN_BYTES)
    buffered.reader.doRead()
    assert buffered.shares.flooding == 1
    buffered.fill(10)
    buffered.reader.doRead()
    assert buffered.shares.flooding == 0


def test_a_share_is_never_less_than_a_small_pipe() -> None:
    shares = ReadShares()
    shares.flooding = 10_000
    assert shares.bytes_a_turn() == LEAST_TURN_BYTES


def pipe_bytes(pipe: Pipe) -> int:
    return fcntl.fcntl(pipe.writing, fcntl.F_GETPIPE_SZ)


def top_up(pipe: Pipe) -> None:
    """Write about as much as was read last, as a process would that floods."""
    os.set_blocking(pipe.writing, False)
    os.write(pipe.writing, bytes(len(pipe.protocol.reads[-1])))


@pytest.mark.parametrize("protocol", [Plain, Buffered])
def test_a_terminal_that_nobody_has_open_is_at_its_end(
    protocol: type[Plain],
) -> None:
    """What was written before is read; the kernel says EIO then."""
    pipe = Pipe(protocol())
    pipe.reader.close()
    os.close(pipe.writing)
    pipe.reading, pipe.writing = os.openpty()
    pipe.reader = PipeReader(
        IDescriptorReactor(pipe.reactor, pipe.reactor),
        pipe.reading,
        protocol=pipe.protocol,
        buffered=IBufferedProcessProtocol(pipe.protocol, None),
        child_descriptor=CHILD,
        shares=pipe.shares,
        ended=pipe.ended.append,
    )
    pipe.reader.start()
    os.write(pipe.writing, b"last\n")
    pipe.hang_up()
    assert pipe.reader.drain()
    assert b"".join(pipe.protocol.reads) == b"last\r\n"
    assert pipe.ended == []
    pipe.reader.finish()
    assert pipe.ended == [CHILD]
    pipe.close()


@pytest.mark.parametrize("protocol", [Plain, Buffered])
def test_another_error_of_a_read_is_logged_and_the_end(
    protocol: type[Plain], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> bytes:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    events: list[LogEvent] = []
    observer = cast("ILogObserver", events.append)
    globalLogPublisher.addObserver(observer)
    pipe = Pipe(protocol())
    monkeypatch.setattr(os, "read", fail)
    monkeypatch.setattr(os, "readv", fail)
    try:
        pipe.reader.start()
        pipe.reader.doRead()
    finally:
        globalLogPublisher.removeObserver(observer)
    assert pipe.ended == [CHILD]
    assert any("process_output_lost" in str(event) for event in events)
    pipe.close()
