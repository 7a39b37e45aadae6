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
from commander.execution.writer import PipeWriter

STDIN = 0


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
