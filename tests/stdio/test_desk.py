"""The whole server on pipes: clients that read slowly, close half, or send a flood."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from commander.settings import Settings
from commander.testing import MemoryDesk
from tests.sessions.kit import modern, note, now, request

requirement = pytest.mark.requirement


@pytest.fixture
def desk() -> Iterator[MemoryDesk]:
    with MemoryDesk() as desk:
        yield desk
    assert desk.log.failures() == []
    assert desk.reactor.getDelayedCalls() == []


def call(request_id: int, **meta: Any) -> dict[str, Any]:
    return request(
        request_id,
        "tools/call",
        name="execute_command",
        arguments={"command": "make"},
        _meta=meta,
    )


def ids(desk: MemoryDesk) -> list[Any]:
    return [one["id"] for one in desk.client.messages() if "method" not in one]


def test_a_client_that_does_not_read_is_not_read_from_until_it_does(
    desk: MemoryDesk,
) -> None:
    """What it is owed stays bounded, and nothing of it is lost."""
    desk.client.reading = False
    number = 0
    while not desk.client.unsent:
        number += 1
        desk.client.send_message(request(number, "tools/list"))
    for _ in range(3):
        desk.pump(1)
    assert desk.client.received() == b""
    (writer,) = desk.reactor.writers
    assert len(writer.dataBuffer) + writer._tempDataLen < 128 * 1024
    desk.client.reading = True
    desk.pump()
    assert ids(desk) == list(range(1, number + 1))


def test_a_slow_client_is_told_of_output_at_its_own_pace(desk: MemoryDesk) -> None:
    desk.client.send_message(request(1, "logging/setLevel", level="info"))
    desk.client.send_message(call(2))
    desk.client.reading = False
    for _ in range(100):
        desk.process.emit(1, b"x" * 10_000 + b"\n")
        desk.pump(0.1)
    (writer,) = desk.reactor.writers
    assert len(writer.dataBuffer) + writer._tempDataLen < 64 * 1024 + 2 * 64 * 1024
    desk.client.reading = True
    for _ in range(30):
        desk.pump(0.1)
    desk.process.exit(0)
    desk.pump()
    told = "".join(
        one["params"]["data"]
        for one in desk.client.messages()
        if one.get("method") == "notifications/message"
    )
    assert told.count("x") == 1_000_000
    assert ids(desk) == [1, 2]


@requirement("T13")
def test_no_token_is_asked_for_though_one_is_set() -> None:
    with MemoryDesk(Settings(auth_token="never-said-on-a-line")) as desk:
        desk.client.send_message(request(1, "ping"))
        assert ids(desk) == [1]


@requirement("T3")
def test_the_end_of_input_lets_the_last_answers_out(desk: MemoryDesk) -> None:
    desk.client.send_message(call(1))
    desk.client.close_input()
    assert desk.reactor.hasStopped
    desk.process.exit(0)
    desk.pump()
    assert ids(desk) == [1]


def test_a_server_that_stops_waits_for_a_client_that_reads_late() -> None:
    """A producer that is held back must not keep the wire from closing."""
    desk = MemoryDesk()
    desk.client.reading = False
    desk.client.send_message(call(1))
    desk.process.emit(1, b"\x01" * 400_000)  # long as JSON
    desk.process.exit(0)
    desk.pump(0.1)
    stopped: list[Any] = []
    desk.service.stopService().addBoth(stopped.append)
    desk.pump(0.5)
    assert stopped == []
    desk.client.reading = True
    desk.pump()
    assert stopped == [None]
    assert ids(desk) == [1]
    desk.client.close()
    assert desk.reactor.getDelayedCalls() == []


def test_a_server_that_stops_does_not_wait_for_ever_for_one_that_does_not_read() -> (
    None
):
    desk = MemoryDesk()
    desk.client.reading = False
    desk.client.send_message(call(1))
    desk.process.emit(1, b"\x01" * 400_000)  # long as JSON
    desk.process.exit(0)
    desk.pump(0.1)
    desk.stop()
    assert desk.log.named("server_stopped")


@requirement("T3")
def test_a_client_that_reads_no_more_ends_the_server(desk: MemoryDesk) -> None:
    desk.client.close_output()
    desk.client.send_message(request(1, "ping"))
    assert desk.reactor.hasStopped


@requirement("T10")
def test_subscriptions_end_with_the_server(desk: MemoryDesk) -> None:
    """T10."""
    desk.client.send_message(modern(5, "subscriptions/listen", notifications={}))
    desk.stop()
    told = [one.get("method", one.get("id")) for one in desk.client.messages()]
    assert told == [
        "notifications/subscriptions/acknowledged",
        "notifications/cancelled",
        5,
    ]


def test_ten_thousand_lines_are_served(desk: MemoryDesk) -> None:
    line = b'{"jsonrpc":"2.0","id":%d,"method":"ping"}\n'
    desk.client.send(b"".join(line % number for number in range(10_000)))
    assert ids(desk) == list(range(10_000))


@requirement("T8")
def test_a_call_that_waits_for_a_slot_can_be_cancelled() -> None:
    with MemoryDesk(Settings(max_concurrent=1)) as desk:
        for number in (1, 2):
            desk.client.send_message(call(number))
        desk.client.send_message(note("notifications/cancelled", requestId=2))
        desk.process.exit(0)
        desk.pump(1)
        assert ids(desk) == [1]
        assert len(desk.reactor.processes) == 1
        assert not now(desk.process.signals)


def test_a_cancelled_command_ends_though_nobody_reads(desk: MemoryDesk) -> None:
    desk.client.send_message(call(1))
    desk.client.reading = False
    desk.client.send_message(note("notifications/cancelled", requestId=1))
    desk.pump(0.1)
    assert desk.process.signals == [signal.SIGTERM]
