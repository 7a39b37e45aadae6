"""What a client learns of a command, over whatever wire, and what becomes of it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from commander.settings import Settings
from tests.sessions.behaviour.clients import WIRES, Client, is_answered, reply_of

requirement = pytest.mark.requirement


@pytest.fixture(params=list(WIRES))
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    client = WIRES[request.param]()
    yield client
    client.stop()


@pytest.fixture(params=[name for name in WIRES if name != "http, no session"])
def known(request: pytest.FixtureRequest) -> Iterator[Client]:
    """A client that can cancel."""
    client = WIRES[request.param]()
    yield client
    client.stop()


@requirement("W2")
@pytest.mark.parametrize(
    ("command", "status", "is_error"),
    [("true", 0, False), ("make", 2, True), ("grep x y", 1, False)],
)
def test_text_and_structure_say_the_same_and_a_failure_is_an_error(
    client: Client, command: str, status: int, is_error: bool
) -> None:
    pending = client.call(command)
    client.process.emit(1, b"\xc3\xa9\n")
    client.process.exit(status)
    client.pump()
    result = reply_of(pending)["result"]
    assert result["isError"] is is_error
    (block,) = result["content"]
    facts = result["structuredContent"]
    assert msgspec.json.decode(block["text"]) == facts
    assert (facts["stdout"], facts["exit_code"]) == ("\u00e9\n", status)
    assert ("exit_code_meaning" in facts) is (command == "grep x y")


@requirement("W2")
def test_a_command_that_is_not_run_is_an_error(client: Client) -> None:
    result = reply_of(client.call("shutdown now"))["result"]
    assert result["isError"] is True
    assert result["structuredContent"]["status"] == "denied"
    assert client.processes == []


@requirement("M38")
@pytest.mark.parametrize("arguments", [{}, {"command": 5}, {"command": "x", "y": 1}])
def test_an_argument_that_does_not_fit_is_a_result(
    client: Client, arguments: dict[str, Any]
) -> None:
    pending = client.request("tools/call", name="execute_command", arguments=arguments)
    assert reply_of(pending)["result"]["isError"] is True
    assert client.processes == []


@requirement("W3")
def test_only_what_runs_a_command_is_said_to_change_anything(client: Client) -> None:
    tools = reply_of(client.request("tools/list"))["result"]["tools"]
    hints = {tool["name"]: tool["annotations"] for tool in tools}
    for name in ("execute_command", "start_command", "send_input"):
        running = hints.pop(name)
        assert (running["readOnlyHint"], running["destructiveHint"]) == (False, True)
        assert (running["idempotentHint"], running["openWorldHint"]) == (False, True)
    ending = hints.pop("signal_job")
    assert (ending["destructiveHint"], ending["idempotentHint"]) == (True, True)
    opening = hints.pop("open_shell")
    assert (opening["readOnlyHint"], opening["destructiveHint"]) == (False, False)
    assert {hint["readOnlyHint"] for hint in hints.values()} == {True}
    assert all(tool["title"] for tool in tools)


@requirement("W6")
def test_a_cancelled_command_that_stays_is_killed(known: Client) -> None:
    pending = known.call()
    known.process.ignore("SIGTERM")
    known.cancel(pending)
    known.pump(Settings().kill_grace_seconds)
    known.pump(1)
    assert known.process.signals[0] == signal.SIGTERM
    assert known.process.signals[-1] == signal.SIGKILL
    assert not is_answered(pending)


@requirement("W4")
def test_much_output_is_little_progress(client: Client) -> None:
    pending = client.call(token=client._next + 1)
    for number in range(100):
        client.process.emit(1, b"line %d\n" % number)
        client.pump(0.02)
    told = [one["params"] for one in pending.messages]
    assert 4 <= len(told) <= 9
    assert told[-1]["message"].startswith("line ")
    assert "total" not in told[-1]
    client.process.exit(0)
