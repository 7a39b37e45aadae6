"""The way down, step by step, on a clock that only goes when told to."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import msgspec
import pytest

from commander.settings import Settings
from commander.testing import HTTPHarness, MemoryServer
from commander.testing.http import HTTPConnection

PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
DELAY, GRACE, KILL_GRACE, CLOSE = 5.0, 20.0, 3.0, 1.0
MOMENT = 0.125
SETTINGS = Settings(
    drain_delay_seconds=DELAY,
    shutdown_grace_seconds=GRACE,
    kill_grace_seconds=KILL_GRACE,
    max_concurrent=1,
)
NO_DELAY = Settings(shutdown_grace_seconds=GRACE, kill_grace_seconds=KILL_GRACE)


class Stage:
    """A server, and what became of its stop."""

    def __init__(self, settings: Settings = SETTINGS) -> None:
        self.server = MemoryServer(settings)
        self.http = self.server.http
        self.stopped: list[object] = []

    def stop(self) -> None:
        """As twist does it at the first signal."""
        self.server.service.note_stop_reason("SIGTERM")
        self.server.service.stopService().addBoth(self.stopped.append)

    def run(self, command: str = "sleep 1000") -> HTTPConnection:
        """Ask for a command that ends when the test says so."""
        message = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {
                "name": "execute_command",
                "arguments": {"command": command, "timeout": "1h"},
            },
        }
        return self.http.begin(body=msgspec.json.encode(message))

    def pump(self, seconds: float) -> None:
        """Let time pass in small steps, as it does in a reactor."""
        # Sixteenths add up without an error.
        for _ in range(round(seconds * 16)):
            self.http.pump(1 / 16)

    def step(self) -> str:
        """What clients see of the shutdown."""
        health, call = self.http.connect(), self.http.connect()
        health.send(self.http.encode("GET", "/health"))
        call.send(self.http.encode(body=PING))
        statuses = health.responses()[0].status, call.responses()[0].status
        health.lose()
        call.lose()
        return {
            (200, 200): "serving",
            (503, 200): "leaving",
            (503, 503): "refusing",
        }[statuses]

    def signals(self) -> list[str]:
        """What the last process was sent."""
        return [signal.Signals(number).name for number in self.server.process.signals]


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A server with a delay and one slot."""
    yield from staged(Stage())


@pytest.fixture
def hasty() -> Iterator[Stage]:
    """A server without a delay."""
    yield from staged(Stage(NO_DELAY))


def staged(stage: Stage) -> Iterator[Stage]:
    yield stage
    stage.server.service.hurry()
    if stage.server.service.running:
        stage.stop()
    stage.pump(KILL_GRACE + 2 * CLOSE)
    assert stage.stopped == [None]
    assert stage.server.log.failures() == []
    assert stage.server.reactor.getDelayedCalls() == []


def result(connection: HTTPConnection) -> dict[str, object]:
    """The structured result of the one tool call that was answered."""
    (response,) = connection.responses()
    assert response.status == 200
    structured = response.json()["result"]["structuredContent"]
    assert isinstance(structured, dict)
    return structured


def test_the_steps_come_in_order_and_last_as_long_as_they_were_set(
    stage: Stage,
) -> None:
    asked = stage.run()
    assert stage.step() == "serving"
    stage.stop()
    assert stage.step() == "leaving"
    stage.pump(DELAY - MOMENT)
    assert stage.step() == "leaving"
    stage.pump(MOMENT)
    assert stage.step() == "refusing"
    stage.pump(GRACE - MOMENT)
    assert stage.signals() == []
    stage.server.process.ignore("SIGTERM")
    stage.pump(MOMENT)
    assert stage.signals() == ["SIGTERM"]
    stage.pump(KILL_GRACE - MOMENT)
    assert stage.signals() == ["SIGTERM"]
    assert asked.responses() == []
    stage.pump(2 * MOMENT)
    assert stage.signals() == ["SIGTERM", "SIGKILL"]
    assert result(asked)["ended_by"] == "server_shutdown"
    assert asked.closing
    assert stage.stopped == []
    asked.lose()
    assert stage.stopped == [None]


def test_a_command_that_is_ended_is_answered_and_written_down(hasty: Stage) -> None:
    asked = hasty.run()
    hasty.server.process.emit(1, b"so far\n")
    hasty.stop()
    hasty.pump(GRACE + 0.5)
    facts = result(asked)
    assert facts["status"] == "killed"
    assert facts["ended_by"] == "server_shutdown"
    assert facts["stdout"] == "so far\n"
    assert facts["error"] == "command ended: the server is shutting down"
    (record,) = hasty.server.log.named("CMD_EXEC")
    assert record["ended_by"].value == "server_shutdown"
    assert hasty.server.reactor.processes[0].live == 0
    asked.lose()


def test_a_command_that_ends_in_time_ends_the_wait(hasty: Stage) -> None:
    asked = hasty.run()
    hasty.stop()
    hasty.pump(GRACE / 2)
    hasty.server.process.exit()
    assert result(asked)["exit_code"] == 0
    assert hasty.signals() == []
    asked.lose()
    assert hasty.stopped == [None]


def start_job(stage: Stage) -> None:
    """Start a command that no call waits for."""
    params = {
        "name": "start_command",
        "arguments": {"command": "serve", "wait_seconds": 0},
    }
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    asked = stage.http.begin(body=msgspec.json.encode(message))
    assert result(asked)["status"] == "running"
    asked.lose()


def test_a_job_that_no_call_waits_for_may_finish_within_the_grace(
    hasty: Stage,
) -> None:
    start_job(hasty)
    hasty.stop()
    hasty.pump(GRACE / 2)
    assert hasty.signals() == []
    assert hasty.stopped == []
    hasty.server.process.exit()
    hasty.pump(MOMENT)
    assert hasty.stopped == [None]


def test_a_job_that_outlasts_the_grace_is_ended_waited_for_and_recorded(
    hasty: Stage,
) -> None:
    start_job(hasty)
    hasty.server.process.ignore("SIGTERM")
    hasty.stop()
    hasty.pump(GRACE + MOMENT)
    assert hasty.signals() == ["SIGTERM"]
    assert hasty.stopped == []
    hasty.pump(KILL_GRACE + MOMENT)
    assert hasty.signals() == ["SIGTERM", "SIGKILL"]
    assert hasty.stopped == [None]
    (record,) = hasty.server.log.named("CMD_EXEC")
    assert record["ended_by"].value == "server_shutdown"


def test_an_idle_server_stops_at_once(hasty: Stage) -> None:
    hasty.stop()
    assert hasty.stopped == [None]


def test_an_idle_server_with_a_delay_waits_for_the_load_balancer(stage: Stage) -> None:
    stage.stop()
    stage.pump(DELAY - MOMENT)
    assert stage.stopped == []
    stage.pump(2 * MOMENT)
    assert stage.stopped == [None]


def test_without_grace_commands_are_ended_at_once() -> None:
    stage = Stage(Settings(shutdown_grace_seconds=0.0))
    asked = stage.run()
    stage.stop()
    stage.pump(MOMENT)
    assert stage.signals() == ["SIGTERM"]
    stage.pump(MOMENT)
    assert result(asked)["ended_by"] == "server_shutdown"
    asked.lose()
    assert stage.stopped == [None]


def test_a_refused_call_says_when_to_come_back_and_why(hasty: Stage) -> None:
    asked = hasty.run()
    hasty.stop()
    refused = hasty.http.begin(body=PING)
    (response,) = refused.responses()
    assert response.status == 503
    assert response.headers["retry-after"] == "5"
    assert response.json()["error"]["message"] == "the server is shutting down"
    asked.lose()
    refused.lose()


def test_health_says_that_the_server_is_draining(stage: Stage) -> None:
    stage.stop()
    connection = stage.http.begin("GET", "/health")
    (response,) = connection.responses()
    assert response.body == b'{"status":"draining","server":"go-mcp-commander"}'
    connection.lose()


def test_a_stranger_does_not_learn_that_the_server_is_leaving(hasty: Stage) -> None:
    asked = hasty.run()
    hasty.stop()
    stranger = HTTPHarness(hasty.server.site, hasty.server.reactor, None)
    connection = stranger.begin(body=PING)
    assert [response.status for response in connection.responses()] == [401]
    asked.lose()
    connection.lose()


def test_a_command_that_waits_for_a_slot_is_refused_when_calls_are(
    stage: Stage,
) -> None:
    first, second = stage.run("first"), stage.run("second")
    stage.stop()
    stage.pump(DELAY - MOMENT)
    assert second.responses() == []
    stage.pump(2 * MOMENT)
    assert result(second)["status"] == "busy"
    assert result(second)["error"] == "the server is shutting down"
    stage.server.process.exit()
    assert result(first)["exit_code"] == 0
    assert len(stage.server.reactor.processes) == 1
    first.lose()
    second.lose()


def test_a_command_started_during_the_delay_is_served(stage: Stage) -> None:
    stage.stop()
    asked = stage.run()
    stage.server.process.exit()
    assert result(asked)["exit_code"] == 0
    asked.lose()


def test_each_answer_is_the_last_on_its_connection_once_the_server_leaves(
    stage: Stage,
) -> None:
    """Or a load balancer would send a request just when an idle one is closed."""
    kept, running = stage.http.begin(body=PING), stage.run()
    assert "connection" not in kept.responses()[0].headers
    assert not kept.closing
    stage.stop()
    for asked in (kept, stage.http.connect()):
        asked.send(stage.http.encode(body=PING))
        assert asked.responses()[-1].headers["connection"] == "close"
        assert asked.responses()[-1].status == 200
        assert asked.closing
        asked.lose()
    stage.server.process.exit()
    assert "connection" not in running.responses()[0].headers
    assert not running.closing
    running.lose()


def test_what_is_asked_for_behind_a_last_answer_does_not_run(stage: Stage) -> None:
    """The client is told so by the same header, and may ask elsewhere."""
    stage.stop()
    connection = stage.http.connect()
    connection.send(2 * stage.http.encode(body=PING))
    assert [response.status for response in connection.responses()] == [200]
    connection.lose()


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_a_load_balancer_is_told_from_the_signal_on(stage: Stage, path: str) -> None:
    running = stage.run()
    stage.stop()
    for seconds in (0.0, DELAY - MOMENT, MOMENT, GRACE - MOMENT):
        stage.pump(seconds)
        connection = stage.http.begin("GET", path)
        (response,) = connection.responses()
        assert (response.status, response.json()["status"]) == (503, "draining")
        connection.lose()
    running.lose()


def test_a_target_that_gets_nothing_any_more_ends_as_soon_as_its_calls_have(
    hasty: Stage,
) -> None:
    """The load balancer took it out before the signal came, so there is no delay."""
    first, second = hasty.run("first"), hasty.run("second")
    hasty.stop()
    hasty.server.reactor.processes[0].exit()
    hasty.pump(GRACE / 2)
    assert hasty.stopped == []
    hasty.server.reactor.processes[1].exit()
    assert [result(asked)["exit_code"] for asked in (first, second)] == [0, 0]
    first.lose()
    second.lose()
    assert hasty.stopped == [None]
    endings = hasty.server.log.named("CMD_EXEC")
    assert {record["ended_by"].value for record in endings} == {"exit"}
    assert len(endings) == 2


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_streams_and_sessions_are_refused_with_retry_after_as_calls_are(
    hasty: Stage, method: str
) -> None:
    asked = hasty.run()
    session = {"Mcp-Session-Id": "any", "Accept": "text/event-stream"}
    hasty.stop()
    refused = hasty.http.begin(method, "/mcp", headers=session)
    (response,) = refused.responses()
    assert (response.status, response.headers["retry-after"]) == (503, "5")
    asked.lose()
    refused.lose()


def test_every_ending_is_recorded_however_it_came(stage: Stage) -> None:
    """One ends by itself, one waits, one is ended; a fourth comes too late."""
    first, second = stage.run("first"), stage.run("second")
    stage.stop()
    stage.server.process.exit()
    assert result(first)["exit_code"] == 0
    third = stage.run("third")
    stage.pump(DELAY + MOMENT)
    late = stage.run("late")
    assert late.responses()[0].status == 503
    stage.pump(GRACE + MOMENT)
    assert result(second)["ended_by"] == "server_shutdown"
    assert result(third)["status"] == "busy"
    for connection in (first, second, third, late):
        connection.lose()
    log = stage.server.log
    endings = {one["command"]: one["ended_by"].value for one in log.named("CMD_EXEC")}
    assert endings == {"first": "exit", "second": "server_shutdown"}
    assert [record["command"] for record in log.named("CMD_BUSY")] == ["third"]


# --- a second signal ---------------------------------------------------------------


def test_a_second_signal_during_the_delay_ends_commands_now(stage: Stage) -> None:
    asked = stage.run()
    stage.stop()
    stage.pump(1)
    stage.server.service.hurry()
    stage.pump(MOMENT)
    assert result(asked)["ended_by"] == "server_shutdown"
    asked.lose()
    assert stage.stopped == [None]


def test_a_second_signal_during_the_grace_ends_commands_now(hasty: Stage) -> None:
    asked = hasty.run()
    hasty.stop()
    hasty.pump(1)
    assert hasty.signals() == []
    hasty.server.service.hurry()
    assert hasty.signals() == ["SIGTERM"]
    hasty.pump(MOMENT)
    assert result(asked)["ended_by"] == "server_shutdown"
    asked.lose()


def test_a_second_signal_does_not_shorten_the_way_from_term_to_kill(
    hasty: Stage,
) -> None:
    asked = hasty.run()
    hasty.server.process.ignore("SIGTERM")
    hasty.stop()
    hasty.server.service.hurry()
    hasty.pump(1)
    hasty.server.service.hurry()
    hasty.pump(KILL_GRACE - 1 - MOMENT)
    assert hasty.signals() == ["SIGTERM"]
    hasty.pump(2 * MOMENT)
    assert hasty.signals() == ["SIGTERM", "SIGKILL"]
    assert result(asked)["ended_by"] == "server_shutdown"
    assert asked.closing
    # Nor does it cut off the answer.
    assert hasty.stopped == []
    asked.lose()


def test_a_second_signal_while_connections_close_ends_the_wait(hasty: Stage) -> None:
    idle = hasty.http.connect()
    hasty.stop()
    assert idle.closing
    assert hasty.stopped == []
    hasty.server.service.hurry()
    assert hasty.stopped == [None]
    idle.lose()


def test_a_signal_before_the_stop_counts(stage: Stage) -> None:
    asked = stage.run()
    stage.server.service.hurry()
    stage.stop()
    stage.pump(MOMENT)
    assert result(asked)["ended_by"] == "server_shutdown"
    asked.lose()
    assert stage.stopped == [None]


def test_a_signal_after_the_stop_does_nothing(hasty: Stage) -> None:
    hasty.stop()
    hasty.server.service.hurry()
    assert hasty.stopped == [None]
    assert len(hasty.server.log.named("shutdown_hurried")) == 1


# --- connections -------------------------------------------------------------------


def test_an_idle_connection_is_closed(hasty: Stage) -> None:
    idle = hasty.http.begin("GET", "/health")
    hasty.stop()
    assert idle.closing
    idle.lose()
    assert hasty.stopped == [None]


def test_a_client_that_does_not_close_holds_up_nothing_for_longer_than_a_second(
    hasty: Stage,
) -> None:
    idle = hasty.http.connect()
    hasty.stop()
    hasty.pump(CLOSE - MOMENT)
    assert hasty.stopped == []
    hasty.pump(MOMENT)
    assert hasty.stopped == [None]
    idle.lose()


def test_a_request_whose_body_is_still_coming_holds_up_nothing(hasty: Stage) -> None:
    connection = hasty.http.connect()
    connection.send(hasty.http.encode(body=PING)[:-1])
    hasty.stop()
    assert connection.closing
    connection.lose()
    assert hasty.stopped == [None]


def test_a_client_that_left_does_not_save_its_command(hasty: Stage) -> None:
    hasty.run().lose()
    hasty.stop()
    hasty.pump(GRACE - MOMENT)
    assert hasty.signals() == []
    hasty.pump(2 * MOMENT)
    assert hasty.signals() == ["SIGTERM"]
    assert hasty.stopped == [None]
    assert len(hasty.server.log.named("CMD_EXEC")) == 1


# --- what is written down ----------------------------------------------------------


def test_the_stop_is_written_down_with_its_reason_and_the_uptime(
    hasty: Stage,
) -> None:
    hasty.pump(90)
    hasty.stop()
    log = hasty.server.log
    assert log.named("server_stopping") == [{"reason": "SIGTERM"}]
    (record,) = log.named("server_stopped")
    assert record["reason"] == "SIGTERM"
    assert record["uptime_seconds"] == pytest.approx(90, abs=0.01)
    names = [event["commander_event"] for event in log.events]
    assert names[-1] == "server_stopped"
