"""Writing to a process: all of it, or until nobody reads."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator

import pytest
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IPushProducer
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from zope.interface import implementer

from commander.execution.reader import IDescriptorReactor
from commander.execution.seams import TerminalWish
from commander.execution.terminal import Terminal, open_terminal
from commander.execution.writer import PipeWriter, TerminalWriter, pending_bytes

STDIN = 0
SIZE = 1_000_000


@implementer(IPushProducer)
class Producer:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")

    def stopProducing(self) -> None:
        self.told.append("stop")


class Pipe:
    """A writer, and the end that a process would have."""

    def __init__(self) -> None:
        self.reactor = MemoryReactorClock()
        self.ended: list[int] = []
        self.reading, self.writing = os.pipe()
        os.set_blocking(self.reading, False)
        self.writer = PipeWriter(
            IDescriptorReactor(self.reactor, self.reactor),
            self.writing,
            ended=self.ended.append,
        )

    def turn(self) -> None:
        """One turn of a reactor, for this one descriptor."""
        self.reactor.advance(0)
        if self.writer not in self.reactor.getWriters():
            return
        poll = select.poll()
        poll.register(self.writing, select.POLLOUT)
        if poll.poll(0):
            reason = self.writer.doWrite()
            if reason is not None:
                self.reactor.removeWriter(self.writer)
                self.writer.connectionLost(Failure(reason))

    def take(self, size: int) -> bytes:
        return os.read(self.reading, size)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.writer.close()
    os.close(pipe.reading)


def test_what_is_written_arrives(pipe: Pipe) -> None:
    pipe.writer.start()
    pipe.writer.write(b"some")
    pipe.writer.writeSequence([b"th", b"ing"])
    pipe.turn()
    assert pipe.take(100) == b"something"


def test_writing_before_the_start_is_no_different(pipe: Pipe) -> None:
    pipe.writer.write(b"early")
    pipe.turn()
    pipe.writer.start()
    assert pipe.take(100) == b"early"


def test_losing_it_writes_the_rest_first(pipe: Pipe) -> None:
    pipe.writer.start()
    pipe.writer.write(bytes(100_000))
    pipe.writer.lose()
    taken = 0
    while STDIN not in pipe.ended:
        pipe.turn()
        taken += len(pipe.take(1_000_000))
    assert taken == 100_000
    assert pipe.writer.fileno() == -1
    assert pipe.take(1) == b""


def test_aborting_throws_the_rest_away(pipe: Pipe) -> None:
    pipe.writer.start()
    pipe.writer.write(b"never taken")
    pipe.writer.abort()
    pipe.writer.abort()
    assert pipe.ended == []
    pipe.turn()
    assert pipe.ended == [STDIN]
    assert pipe.take(100) == b""


def test_a_reader_that_closes_ends_it(pipe: Pipe) -> None:
    """The reactor reports that to who reads, although nothing can be read."""
    pipe.writer.start()
    assert pipe.writer in pipe.reactor.getReaders()
    pipe.writer.connectionLost(Failure(ConnectionDone()))
    pipe.writer.connectionLost(Failure(ConnectionLost()))
    assert pipe.ended == [STDIN]


def test_an_event_of_another_descriptor_does_not(pipe: Pipe) -> None:
    pipe.writer.start()
    pipe.writer.doRead()
    assert pipe.ended == []


def test_writing_to_a_process_that_closed_it_ends_it(pipe: Pipe) -> None:
    pipe.writer.start()
    other = os.dup(pipe.reading)
    os.close(pipe.reading)
    os.close(other)
    pipe.writer.write(b"x")
    pipe.turn()
    assert pipe.ended == [STDIN]
    pipe.reading = os.open(os.devnull, os.O_RDONLY)


@pytest.mark.parametrize("how", ["lose", "abort"])
def test_one_that_was_lost_before_the_start_says_so_after_it(
    pipe: Pipe, how: str
) -> None:
    getattr(pipe.writer, how)()
    pipe.turn()
    assert pipe.ended == []
    pipe.writer.start()
    pipe.turn()
    assert pipe.ended == [STDIN]


def test_closing_tells_nobody(pipe: Pipe) -> None:
    pipe.writer.start()
    pipe.writer.close()
    pipe.turn()
    assert pipe.ended == []


def test_a_producer_is_paused_while_much_waits(pipe: Pipe) -> None:
    producer = Producer()
    pipe.writer.start()
    pipe.writer.registerProducer(producer, True)
    pipe.writer.write(bytes(1_000_000))
    assert producer.told == ["pause"]
    while "resume" not in producer.told:
        pipe.turn()
        pipe.take(1_000_000)
    pipe.writer.close()
    assert producer.told == ["pause", "resume", "stop"]
    assert pipe.writer.fileno() == -1


# --- what is pending -----------------------------------------------------------------


def test_what_the_process_has_not_read_is_pending(pipe: Pipe) -> None:
    pipe.writer.start()
    pipe.writer.write(b"x" * SIZE)
    assert pipe.writer.pending_bytes == SIZE
    pipe.turn()
    pipe.turn()
    assert pipe.writer.pending_bytes == SIZE, "the pipe is full, and nobody reads"
    taken = len(pipe.take(1000))
    assert pipe.writer.pending_bytes == SIZE - taken
    pipe.writer.write(b"y" * 10)
    assert pending_bytes(pipe.writer) == SIZE - taken + 10
    pipe.writer.abort()
    assert pipe.writer.pending_bytes == 0


def test_one_that_is_finished_says_so_once(pipe: Pipe) -> None:
    pipe.writer.start()
    pipe.writer.finish()
    pipe.writer.finish()
    assert pipe.ended == [STDIN]


class Line:
    """A terminal with its writer."""

    def __init__(self) -> None:
        self.reactor = MemoryReactorClock()
        self.ended: list[int] = []
        self.terminal, self.master = open_terminal(TerminalWish())
        self.writer = TerminalWriter(
            IDescriptorReactor(self.reactor, self.reactor),
            os.dup(self.master),
            terminal=self.terminal,
            ended=self.ended.append,
        )

    def write(self, data: bytes) -> None:
        self.writer.write(data)
        self.turn()

    def turn(self) -> None:
        for writer in tuple(self.reactor.getWriters()):
            writer.doWrite()

    def read(self) -> bytes:
        return os.read(self.terminal.fileno(), 1000)


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    line.writer.start()
    yield line
    line.writer.close()
    line.terminal.close()
    os.close(line.master)


def test_a_terminals_writer_never_reads_what_is_for_its_reader(line: Line) -> None:
    line.writer.startReading()
    assert line.reactor.getReaders() == []
    line.write(b"shown\n")
    assert line.read() == b"shown\n"
    shown = b""
    while not shown.endswith(b"\n"):
        shown += os.read(line.master, 100)
    assert shown == b"shown\r\n"


def test_losing_it_tells_its_reader_the_end_and_closes_nothing(line: Line) -> None:
    for _ in range(2):
        line.writer.lose()
        line.turn()
        assert line.read() == b""
    line.write(b"still here\n")
    assert line.read() == b"still here\n"
    assert line.ended == []


def test_lines_that_were_not_read_are_pending(line: Line) -> None:
    line.write(b"one\ntwo\n")
    select.select([line.master], [], [])  # it is echoed once the terminal has it
    assert line.writer.pending_bytes == 8
    line.read()
    assert line.writer.pending_bytes == 4
    line.writer.write(b"three\n")
    assert line.writer.pending_bytes == 10
    line.terminal.close()
    assert line.writer.pending_bytes == 6
    line.writer.finish()
    assert line.writer.pending_bytes == 0
    assert line.ended == [STDIN]


def test_of_a_terminal_that_was_hung_up_only_our_part_is_pending() -> None:
    terminal, master = open_terminal(TerminalWish())
    reactor = MemoryReactorClock()
    writer = TerminalWriter(
        IDescriptorReactor(reactor, reactor),
        os.open(os.devnull, os.O_WRONLY),
        terminal=Terminal(terminal.path, terminal.fileno(), None),
        ended=lambda descriptor: None,
    )
    os.close(master)
    writer.write(b"x")
    assert writer.pending_bytes == 1
    writer.close()
    terminal.close()
