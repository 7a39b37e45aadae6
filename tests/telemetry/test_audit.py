"""The records of commands and logins, and the queries that find them."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import attrs
import pytest

from commander.commands import (
    Busy,
    Cancelled,
    CommandRequest,
    EndedBy,
    Outcome,
    OutputWindow,
    StartFailed,
    Trace,
)
from commander.interfaces import AuditedCommand, CommandAudit
from commander.principals import ANONYMOUS
from commander.settings import Settings
from commander.telemetry.audit import LogAccess, LogAudit
from commander.telemetry.logging import StructuredLog, observer_factory

REQUEST = CommandRequest(
    command="API_TOKEN=hunter2 make all",
    working_directory="/srv/app",
    timeout_seconds=90,
    env={"TOKEN": "value-of-env"},
)
COMMAND = AuditedCommand(id="kfhgab", request=REQUEST, principal=ANONYMOUS)
ENDED = Outcome(
    exit_code=2,
    ended_by=EndedBy.EXIT,
    duration_seconds=1.23456,
    queued_seconds=0.5,
    stdout=OutputWindow(head=b"text of output", total_bytes=14012),
    stderr=OutputWindow(total_bytes=401),
)
KILLED = Outcome(
    exit_code=None,
    signal="SIGKILL",
    ended_by=EndedBy.TIMEOUT,
    duration_seconds=90.0,
    stdout=OutputWindow(),
    stderr=OutputWindow(),
    background_processes=2,
)
ABOUT = {
    "id": "kfhgab",
    "principal": "anonymous",
    "command": "API_TOKEN=*** make all",
    "directory": "/srv/app",
    "timeout": "1m30s",
}


class Log:
    """A log in memory with everything that writes to it."""

    def __init__(self, *, level: str = "info", mode: str = "masked") -> None:
        self._stream = io.StringIO()
        observer = observer_factory(Settings(log_level=level))(self._stream)
        log = StructuredLog("commander", observer)
        self.audit: CommandAudit = LogAudit(log, mode)
        self.access = LogAccess(log)

    @property
    def lines(self) -> list[str]:
        return self._stream.getvalue().splitlines()

    @property
    def record(self) -> dict[str, Any]:
        """The only record, without its time."""
        [line] = self.lines
        record: dict[str, Any] = json.loads(line)
        del record["ts"]
        return record

    def write_everything(self) -> None:
        """One record of each kind."""
        self.audit.started(COMMAND)
        self.audit.ended(COMMAND, ENDED)
        self.audit.ended(COMMAND, KILLED)
        self.audit.failed(COMMAND, StartFailed(reason="no such directory: /srv/app"))
        self.audit.busy(
            COMMAND, Busy(reason="no slot is free", retry_after_seconds=401)
        )
        self.audit.cancelled(COMMAND, Cancelled(queued_seconds=0.401))
        self.audit.refused(COMMAND, rule_id="not-allowed", reason="not in the list")
        self.access.login_failed("192.0.2.7", reason="invalid")
        self.access.logins_failed(401, most_from="192.0.2.7", seconds=60.0)
        self.access.connection_refused("192.0.2.7", limit=401)
        self.access.request(
            peer="192.0.2.7",
            method="POST",
            path="/mcp",
            status=429,
            sent_bytes=401,
            duration_seconds=0.401,
        )
        self.access.request(
            peer="192.0.2.7",
            method="POST",
            path="/mcp",
            status=401,
            sent_bytes=401,
            duration_seconds=0.401,
        )


def test_a_start_tells_who_runs_what_where_and_how_long() -> None:
    log = Log()

    log.audit.started(COMMAND)

    assert log.record == {"level": "info", "event": "CMD_START", **ABOUT}


def test_an_end_tells_how_it_ended_and_how_much_it_wrote() -> None:
    log = Log()

    log.audit.ended(COMMAND, ENDED)

    assert log.record == {
        "level": "info",
        "event": "CMD_EXEC",
        **ABOUT,
        "exit_code": 2,
        "ended_by": "exit",
        "duration": 1.235,
        "queued": 0.5,
        "stdout_bytes": 14012,
        "stderr_bytes": 401,
    }


def test_a_kill_tells_the_signal_and_the_exit_code_of_the_tools_result() -> None:
    log = Log()

    log.audit.ended(COMMAND, KILLED)

    assert log.record["signal"] == "SIGKILL"
    assert log.record["ended_by"] == "timeout"
    assert log.record["background_processes"] == 2
    assert log.record["exit_code"] == -1


def test_a_command_that_did_not_start_ends_with_the_reason() -> None:
    log = Log()

    log.audit.failed(COMMAND, StartFailed(reason="token=abc: no"))

    assert log.record == {
        "level": "info",
        "event": "CMD_EXEC",
        **ABOUT,
        "status": "failed_to_start",
        "error": "token=*** no",
        "exit_code": -1,
        "ended_by": "failed_to_start",
        "duration": 0.0,
        "queued": 0.0,
        "stdout_bytes": 0,
        "stderr_bytes": 0,
    }


def test_a_refusal_tells_rule_and_reason() -> None:
    log = Log()

    log.audit.refused(
        COMMAND,
        rule_id="not-allowed",
        reason="`API_TOKEN=hunter2` is no command",
    )

    assert log.record == {
        "level": "warn",
        "event": "CMD_REFUSED",
        "message": "command blocked",
        **ABOUT,
        "rule": "not-allowed",
        "reason": "`API_TOKEN=***` is no command",
    }


def test_a_busy_server_tells_when_to_come_back() -> None:
    log = Log()

    log.audit.busy(COMMAND, Busy(reason="full", retry_after_seconds=5))

    assert log.record == {
        "level": "warn",
        "event": "CMD_BUSY",
        **ABOUT,
        "reason": "full",
        "retry_after_seconds": 5,
    }


def test_a_command_that_was_cancelled_in_the_queue_tells_how_long_it_waited() -> None:
    log = Log()

    log.audit.cancelled(COMMAND, Cancelled(queued_seconds=3.14159))

    assert log.record == {
        "level": "info",
        "event": "CMD_CANCELLED",
        **ABOUT,
        "queued": 3.142,
    }


def test_a_command_without_a_directory_has_no_such_key() -> None:
    log = Log()
    request = CommandRequest(command="ls", timeout_seconds=0.5)

    log.audit.started(AuditedCommand(id="kfhgab", request=request, principal=ANONYMOUS))

    assert "directory" not in log.record
    assert log.record["timeout"] == "500ms"


@pytest.mark.parametrize("trace_id", ["4010" * 8, "401401" * 5 + "44", "a" * 32])
def test_a_trace_id_is_told_and_no_query_for_a_status_finds_it(trace_id: str) -> None:
    log = Log()
    trace = Trace(trace_id=trace_id, parent="01-parent", state="a=1")
    request = attrs.evolve(REQUEST, trace=trace)

    log.audit.started(attrs.evolve(COMMAND, request=request))

    assert log.record == {
        "level": "info",
        "event": "CMD_START",
        **ABOUT,
        "trace_id": trace_id,
    }
    assert "401" not in log.lines[0]


def test_in_full_mode_commands_and_reasons_are_as_they_came() -> None:
    log = Log(mode="full")

    log.audit.refused(COMMAND, rule_id="r", reason="token=abc")

    assert log.record["command"] == REQUEST.command
    assert log.record["reason"] == "token=abc"


def test_in_hash_mode_no_word_of_the_command_is_shown() -> None:
    log = Log(mode="hash")

    log.audit.started(COMMAND)

    assert re.fullmatch("sha256:[a-p]{64}", log.record["command"])


def test_a_failed_login_tells_the_peer_and_what_was_wrong() -> None:
    log = Log()

    log.access.login_failed("192.0.2.7", reason="missing")

    assert log.record == {
        "level": "warn",
        "event": "auth_failed",
        "status": 401,
        "peer": "192.0.2.7",
        "reason": "missing",
    }


def test_an_expired_token_tells_whose_it_is() -> None:
    log = Log()

    log.access.login_failed("192.0.2.7", reason="expired", principal="ci")

    assert (log.record["reason"], log.record["principal"]) == ("expired", "ci")


def test_many_failed_logins_tell_their_number_in_one_record() -> None:
    log = Log()

    log.access.logins_failed(990, most_from="192.0.2.7", seconds=60.0)

    assert log.record == {
        "level": "warn",
        "event": "auth_failed",
        "status": 401,
        "peer": "192.0.2.7",
        "reason": "too_many",
        "count": 990,
        "seconds": 60.0,
    }


def test_a_connection_too_many_tells_the_peer_and_the_limit() -> None:
    log = Log()

    log.access.connection_refused("192.0.2.7", limit=512)

    assert log.record == {
        "level": "warn",
        "event": "connection_refused",
        "peer": "192.0.2.7",
        "MCP_MAX_CONNECTIONS": 512,
    }


def test_a_request_is_written_at_access_without_its_query() -> None:
    log = Log(level="access")

    log.access.request(
        peer="192.0.2.7",
        method="POST",
        path=f"/{'x' * 200}?token=abc",
        status=404,
        sent_bytes=26,
        duration_seconds=0.00123,
    )

    assert log.record == {
        "level": "access",
        "event": "http_request",
        "method": "POST",
        "path": f"/{'x' * 199}… (201 characters in all)",
        "status": 404,
        "bytes": 26,
        "duration": 0.001,
        "peer": "192.0.2.7",
    }


@pytest.mark.parametrize(
    ("query", "events"),
    [
        ("401", ["auth_failed", "auth_failed"]),
        ("blocked", ["CMD_REFUSED"]),
        ("CMD_EXEC", ["CMD_EXEC", "CMD_EXEC", "CMD_EXEC"]),
    ],
)
def test_each_query_of_the_operator_finds_what_it_means_and_nothing_else(
    query: str, events: list[str]
) -> None:
    log = Log()

    log.write_everything()

    found = [json.loads(line)["event"] for line in log.lines if re.search(query, line)]
    assert found == events


@pytest.mark.parametrize("mode", ["full", "masked", "hash"])
def test_neither_output_nor_values_of_env_are_ever_logged(mode: str) -> None:
    log = Log(level="debug", mode=mode)

    log.write_everything()

    text = "\n".join(log.lines)
    assert len(log.lines) == 10
    assert "text of output" not in text
    assert "value-of-env" not in text
    assert ("hunter2" in text) == (mode == "full")
