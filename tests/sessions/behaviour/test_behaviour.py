"""What a client can count on, over whatever wire it came."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sessions.behaviour.clients import (
    WIRES,
    BareHttp,
    Client,
    Pending,
    Stdio,
    is_answered,
    reply_of,
)

requirement = pytest.mark.requirement


@pytest.fixture(params=list(WIRES))
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    client = WIRES[request.param](())
    yield client
    client.stop()


@pytest.fixture(params=[name for name in WIRES if name != "http, no session"])
def known(request: pytest.FixtureRequest) -> Iterator[Client]:
    """A client of which something is known beyond a request, or all stands in it."""
    client = WIRES[request.param](())
    yield client
    client.stop()


def facts(pending: Pending) -> Any:
    return reply_of(pending)["result"]["structuredContent"]


def progress(pending: Pending) -> list[Any]:
    return [
        one["params"]
        for one in pending.messages
        if one.get("method") == "notifications/progress"
    ]


def output(client: Client, pending: Pending) -> str:
    """What log messages told of standard output, to anybody on this wire."""
    if isinstance(client, Stdio):
        messages = client.server.client.messages()
    else:
        messages = pending.messages
    return "".join(
        one["params"]["data"]
        for one in messages
        if one.get("method") == "notifications/message"
        and one["params"]["logger"] == "stdout"
    )


# --- list, call, error -------------------------------------------------------------


@requirement("L18")
def test_tools_are_listed(client: Client) -> None:
    tools = reply_of(client.request("tools/list"))["result"]["tools"]
    assert tools[0]["name"] == "execute_command"
    assert len(tools) == 11


@requirement("T7")
def test_a_call_is_answered_when_its_command_has_ended(client: Client) -> None:
    pending = client.call("echo hello")
    assert not is_answered(pending)
    client.process.emit(1, b"hello\n")
    client.process.exit(0)
    client.pump()
    assert facts(pending)["stdout"] == "hello\n"
    assert reply_of(pending)["result"]["isError"] is False


@requirement("W2")
def test_a_command_that_fails_is_a_result(client: Client) -> None:
    pending = client.call("false")
    client.process.exit(3)
    client.pump()
    assert facts(pending)["exit_code"] == 3
    assert reply_of(pending)["result"]["isError"] is True


def test_a_command_of_many_seconds_is_answered_too(client: Client) -> None:
    pending = client.call("sleep 20")
    for _ in range(20):
        client.pump(1)
    client.process.exit(0)
    client.pump()
    assert facts(pending)["duration"] == "20s"


@requirement("M7", "M35", "M38")
@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("nothing/at/all", {}, -32601),
        ("tools/call", {"name": "nothing"}, -32602),
        ("tools/list", {"cursor": "x"}, -32602),
    ],
)
def test_a_bad_request_is_an_error_with_its_id(
    client: Client, method: str, params: dict[str, Any], code: int
) -> None:
    reply = reply_of(client.request(method, **params))
    assert reply["error"]["code"] == code
    assert isinstance(reply["id"], int)


@requirement("C10", "T12")
def test_garbage_is_answered_and_the_next_is_served(client: Client) -> None:
    assert reply_of(client.garbage())["error"]["code"] == -32700
    assert "result" in reply_of(client.request("tools/list"))


# --- while a call runs -------------------------------------------------------------


@requirement("M31", "W4")
def test_progress_is_told_to_who_asked_and_stops_with_the_reply(client: Client) -> None:
    """M31, 4.2."""
    pending = client.call(token=client._next + 1)
    for number in range(3):
        client.process.emit(1, b"line %d\n" % number)
        client.pump(1)
    client.process.exit(0)
    client.pump()
    told = progress(pending)
    assert [one["message"] for one in told] == ["line 0", "line 1", "line 2"]
    values = [one["progress"] for one in told]
    assert values == sorted(set(values))
    assert is_answered(pending)
    client.pump(60)
    assert progress(pending) == told


@requirement("W4")
def test_a_silent_command_still_makes_progress(client: Client) -> None:
    pending = client.call(token=client._next + 1)
    for _ in range(20):
        client.pump(1)
    assert [one["message"] for one in progress(pending)] == ["running for 15s"]
    client.process.exit(0)


@requirement("M31")
def test_nobody_hears_of_progress_who_did_not_ask(client: Client) -> None:
    pending = client.call()
    client.process.emit(1, b"line\n")
    for _ in range(20):
        client.pump(1)
    assert pending.messages == []
    client.process.exit(0)


@requirement("M30", "W5")
def test_output_is_told_to_who_asked_for_it(known: Client) -> None:
    """M30; 4.2, 5."""
    known.ask_for_logs("info")
    pending = known.call()
    for number in range(3):
        known.process.emit(1, b"line %d\n" % number)
        known.pump(1)
    known.process.exit(0)
    known.pump()
    assert output(known, pending) == facts(pending)["stdout"]
    assert is_answered(pending)


@requirement("M30", "L20", "W5")
@pytest.mark.parametrize("level", [None, "notice", "emergency"])
def test_output_is_told_to_nobody_else(client: Client, level: str | None) -> None:
    if level is not None:
        client.ask_for_logs(level)
    pending = client.call()
    client.process.emit(1, b"line\n")
    client.pump(1)
    client.process.exit(0)
    client.pump()
    assert output(client, pending) == ""


@requirement("M11")
def test_a_level_that_there_is_not_is_an_error(client: Client) -> None:
    if client.era == "modern":
        client.level = "loud"
        reply = reply_of(client.call())
    else:
        reply = reply_of(client.request("logging/setLevel", level="loud"))
    assert reply["error"]["code"] == -32602


def test_a_request_behind_a_long_call_does_not_wait_for_it(client: Client) -> None:
    long = client.call("sleep 100")
    method = "tools/list" if client.era == "modern" else "ping"
    assert "result" in reply_of(client.request(method))
    assert not is_answered(long)
    client.process.exit(0)
    client.pump()
    assert is_answered(long)


def test_two_calls_at_once_are_answered_each_with_its_own(client: Client) -> None:
    first, second = client.call("echo 1"), client.call("echo 2")
    client.pump(2)
    for process, text in reversed(
        list(zip(client.processes, (b"1\n", b"2\n"), strict=True))
    ):
        process.emit(1, text)
        process.exit(0)
        client.pump()
    assert facts(first)["stdout"] == "1\n"
    assert facts(second)["stdout"] == "2\n"


# --- wanting no reply --------------------------------------------------------------


@requirement("M23", "L15", "T8", "W6")
@pytest.mark.parametrize("after", [0.0, 2.0])
def test_a_cancelled_call_ends_its_command_and_is_answered_nothing(
    known: Client, after: float
) -> None:
    """M23, T8."""
    pending = known.call(token=known._next + 1)
    known.pump(after)
    before = pending.messages
    known.cancel(pending)
    known.process.emit(1, b"late\n")
    for _ in range(20):
        known.pump(1)
    assert known.process.signals[0] == signal.SIGTERM
    assert pending.messages == before
    assert "result" in reply_of(known.request("tools/list"))


@requirement("L16")
def test_a_cancelled_call_leaves_others_alone(known: Client) -> None:
    first, second = known.call("echo 1"), known.call("echo 2")
    known.cancel(first)
    known.pump(1)
    known.processes[1].exit(0)
    known.pump()
    assert known.processes[1].signals == []
    assert is_answered(second)


@requirement("L16", over="http")
def test_without_a_session_a_cancellation_cancels_nothing() -> None:
    """Ids that clients choose must not reach each other's calls."""
    client = BareHttp()
    pending = client.call()
    client.cancel(pending)
    client.pump(1)
    assert client.process.signals == []
    client.process.exit(0)
    client.pump()
    assert is_answered(pending)
    client.stop()


@requirement("M23", "L15", "T3", "W6")
@pytest.mark.parametrize("after", [0.0, 2.0])
def test_a_client_that_leaves_ends_what_only_it_could_hear(
    client: Client, after: float
) -> None:
    """4.2, 8: who may come back loses nothing; whose wire it was, is gone for good."""
    client.call()
    client.pump(after)
    client.leave()
    client.pump(1)
    if isinstance(client, Stdio):
        assert client.reactor.hasStopped
    elif client.era == "modern":
        assert client.process.signals == [signal.SIGTERM]
    else:
        assert client.process.signals == []
        client.process.exit(0)
    client.pump(1)


# --- a wire of bytes ---------------------------------------------------------------


@settings(max_examples=40)
@given(st.sampled_from(list(WIRES)), st.lists(st.integers(1, 60), min_size=1))
def test_it_does_not_matter_how_the_bytes_are_cut(wire: str, cuts: list[int]) -> None:
    client = WIRES[wire](cuts)
    listed = client.request("tools/list")
    running = client.call(token=client._next + 1)
    bad = client.request("nothing/at/all")
    client.process.emit(1, b"\xc3\xa9\n")
    client.pump(1)
    client.process.exit(0)
    client.pump()
    assert len(reply_of(listed)["result"]["tools"]) == 11
    assert progress(running)[0]["message"] == "\u00e9"
    assert facts(running)["stdout"] == "\u00e9\n"
    assert reply_of(bad)["error"]["code"] == -32601
    client.stop()
