"""The life of a server on standard input and output."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock

from commander.alarm import Alarm
from commander.stdio import front as module
from commander.stdio.descriptors import Wire
from commander.stdio.front import StdioFront


class FakeProtocol:
    """What the front asks of a protocol."""

    def __init__(self) -> None:
        self.ended: Deferred[None] = Deferred()
        self.closed: Deferred[None] = Deferred()
        self.closings = 0

    def close(self) -> None:
        self.closings += 1

    def when_idle(self) -> Deferred[None]:
        idle: Deferred[None] = Deferred()
        idle.callback(None)
        return idle


class FakeStandardIO:
    """Stands for Twisted's, which would read real descriptors."""

    def __init__(self, protocol: FakeProtocol, **descriptors: Any) -> None:
        self.protocol = protocol
        self.descriptors = descriptors

    def loseConnection(self) -> None:
        self.protocol.closed.callback(None)


class Stage:
    """A front on a fake clock, over a pair of pipes."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.reactor = MemoryReactorClock()
        self.protocol = FakeProtocol()
        self.parent = 4000
        self.reasons: list[str] = []
        self.front = StdioFront(
            reactor=self.reactor,  # type: ignore[arg-type]  # no process is started here
            alarm=Alarm(self.reactor, self.reactor.seconds),
            protocol=self.protocol,  # type: ignore[arg-type]  # a fake
            wire=wire,
            parent=lambda: self.parent,
        )


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(module, "StandardIO", FakeStandardIO)
    reading, writing = os.pipe()
    kept = os.dup(reading)
    yield Stage(Wire(reading=reading, writing=writing, found=((kept, True),)))
    os.close(reading)
    os.close(writing)


def test_the_end_of_the_clients_input_ends_the_server_once(stage: Stage) -> None:
    stage.front.open()
    stage.front.start(stage.reasons.append)
    stage.protocol.ended.callback(None)
    stage.parent = 1
    stage.reactor.advance(10)
    assert stage.reasons == ["the client closed its end"]
    stage.front.close()


def test_a_client_that_died_is_noticed_though_its_pipe_is_held(stage: Stage) -> None:
    stage.front.start(stage.reasons.append)
    stage.reactor.pump([2.0, 2.0])
    assert stage.reasons == []
    stage.parent = 1
    stage.reactor.advance(2.0)
    assert stage.reasons == ["the client's process is gone"]
    stage.front.close()


def test_closing_gives_the_wire_back_and_leaves_no_timer(stage: Stage) -> None:
    stage.front.start(stage.reasons.append)
    os.set_blocking(stage.wire.reading, False)
    closed: list[object] = []
    stage.front.close().addCallback(closed.append)
    assert closed == [None]
    assert stage.protocol.closings == 1
    assert os.get_blocking(stage.wire.reading) is True
    assert stage.reactor.getDelayedCalls() == []


def test_a_front_that_never_started_can_be_closed(stage: Stage) -> None:
    closed: list[object] = []
    stage.front.close().addCallback(closed.append)
    assert closed == [None]


def test_it_is_idle_when_its_protocol_is(stage: Stage) -> None:
    assert stage.front.when_idle().called
    assert stage.front.address == "stdio"
    stage.front.close()
