"""The log of one server's life, from start to SIGTERM, as an operator reads it.

Operators look for failed logins with the query ``401``, for refusals with
``blocked`` and for commands with ``CMD_EXEC``. Each must hit what it means, and
nothing else.
"""

from __future__ import annotations

import json
import os
import pty
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest

if TYPE_CHECKING:
    from tests.interaction.conftest import Eventually, Launch, Server

pytestmark = pytest.mark.interaction

WRONG_TOKEN: Final = "somebody-guessed-this"
ENV_VALUE: Final = "value-of-a-variable"
PRINTED: Final = "WHISPERED"
SECRET: Final = "hunter-two"
TOOLS: Final = ("list_allowed_commands", "list_blocked_commands", "get_shell_info")


@attrs.frozen(kw_only=True)
class Story:
    """What a server wrote in its life, and what its last client was told."""

    stdout: str
    stderr: str
    daily: str
    """The file under MCP_LOG_DIR."""
    last: Mapping[str, Any]
    token: str | None

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stdout.splitlines()]

    def events(self, *names: str) -> list[dict[str, Any]]:
        return [record for record in self.records if record["event"] in names]

    def lines_with(self, query: str) -> list[str]:
        return [line for line in self.stdout.splitlines() if query in line]

    def ending_of(self, command: str) -> dict[str, Any]:
        (record,) = (
            one for one in self.events("CMD_EXEC") if one["command"].startswith(command)
        )
        return record


@pytest.fixture(scope="module")
def story(
    launch: Launch, eventually: Eventually, tmp_path_factory: pytest.TempPathFactory
) -> Story:
    log_dir = tmp_path_factory.mktemp("log")
    env = {"MCP_SHUTDOWN_GRACE": "0s", "MCP_LOG_DIR": str(log_dir)}
    # At the root, so that no directory of this machine is in the records.
    with (
        launch(env=env, cwd=Path("/")) as server,
        ThreadPoolExecutor() as pool,
    ):
        live_an_ordinary_life(server)
        meet_one_event_of_each_kind(server)
        last = pool.submit(server.run, "sleep 600")
        eventually(lambda: "sleep 600" in server.stdout, "the last command runs")
        server.stop()
    (daily,) = log_dir.glob("*/*.log")
    return Story(
        # A setting's value may hold anything.
        stdout=server.stdout.replace(str(log_dir), "LOG_DIR"),
        stderr=server.stderr,
        daily=daily.read_text().replace(str(log_dir), "LOG_DIR"),
        last=last.result(),
        token=server.token,
    )


def live_an_ordinary_life(server: Server) -> None:
    server.request("GET", "/health")
    server.request("GET", "/nowhere")
    server.request("GET", "/mcp", None, {"X-MCP-Auth-Token": str(server.token)})
    server.rpc("initialize", {"protocolVersion": "2025-11-25"})
    server.post(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
    server.post(b"no message")
    server.rpc("ping")
    server.rpc("tools/list")
    for tool in TOOLS:
        server.call(tool)


def meet_one_event_of_each_kind(server: Server) -> None:
    server.post(b"{}", Authorization=f"Bearer {WRONG_TOKEN}")
    server.run("dd --version")
    whisper = f"echo {PRINTED.lower()} | tr a-z A-Z; exit 5"
    server.run(whisper, env={"NAME": ENV_VALUE})
    server.run("sleep 30", timeout="100ms")
    server.run("pwd", working_directory="/no/such")
    server.run(f"true --password {SECRET}; PASSWORD={SECRET} true")


# --- the three queries -------------------------------------------------------------


def test_the_query_for_failed_logins_finds_the_one(story: Story) -> None:
    (line,) = story.lines_with("401")
    record = json.loads(line)
    assert (record["status"], record["peer"]) == (401, "127.0.0.1")


def test_the_query_for_refusals_finds_the_one_with_its_reason(story: Story) -> None:
    (line,) = story.lines_with("blocked")
    record = json.loads(line)
    assert record["command"] == "dd --version"
    assert record["rule"]
    assert record["reason"]


def test_the_query_for_commands_finds_one_line_for_each(story: Story) -> None:
    lines = story.lines_with("CMD_EXEC")
    commands = [json.loads(line)["command"].split()[0] for line in lines]
    assert commands == ["echo", "sleep", "pwd", "true", "sleep"]


# --- the records of a command ------------------------------------------------------


def test_each_command_is_recorded_before_it_starts_and_once_when_it_ended(
    story: Story,
) -> None:
    seen = [
        (record["id"], record["event"])
        for record in story.events("CMD_START", "CMD_EXEC")
    ]
    ids = list(dict.fromkeys(number for number, _ in seen))
    for one in ids:
        events = [event for number, event in seen if number == one]
        assert events == ["CMD_START", "CMD_EXEC"]
        assert one.isalpha()
    assert len(ids) == 5


def test_an_ending_tells_all_that_an_audit_needs(story: Story) -> None:
    record = story.ending_of("echo")
    assert (record["exit_code"], record["ended_by"]) == (5, "exit")
    assert record["stdout_bytes"] == len(PRINTED) + 1
    assert record["stderr_bytes"] == 0
    assert record["directory"] == "/"
    assert record["principal"].startswith("token-")
    assert record["duration"] >= 0
    assert "signal" not in record


def test_a_command_that_took_too_long_is_recorded_as_such(story: Story) -> None:
    (record,) = (
        one for one in story.events("CMD_EXEC") if one.get("ended_by") == "timeout"
    )
    assert (record["command"], record["signal"]) == ("sleep 30", "SIGTERM")
    assert record["exit_code"] == -1


def test_a_command_that_failed_to_start_is_recorded_with_the_reason(
    story: Story,
) -> None:
    record = story.ending_of("pwd")
    assert record["status"] == "failed_to_start"
    assert "/no/such" in record["error"]


def test_a_command_that_ran_at_the_end_is_ended_recorded_and_answered(
    story: Story,
) -> None:
    (record,) = (
        one
        for one in story.events("CMD_EXEC")
        if one.get("ended_by") == "server_shutdown"
    )
    assert record["command"] == "sleep 600"
    assert story.last["ended_by"] == "server_shutdown"
    assert story.last["error"] == "command ended: the server is shutting down"


# --- what is never written ---------------------------------------------------------


def test_no_token_no_env_value_and_no_output_is_written(story: Story) -> None:
    written = story.stdout + story.stderr + story.daily
    assert story.token is not None
    for hidden in (story.token, WRONG_TOKEN, ENV_VALUE, PRINTED):
        assert hidden not in written


def test_secret_shapes_in_a_command_are_masked(story: Story) -> None:
    assert SECRET not in story.stdout + story.daily
    masked = "true --password ***; PASSWORD=*** true"
    assert story.ending_of("true")["command"] == masked


# --- form --------------------------------------------------------------------------


def test_every_line_is_a_flat_object_with_time_level_and_event(story: Story) -> None:
    for record in story.records:
        assert record["ts"].endswith("Z")
        assert record["level"] in ("info", "warn")
        assert record["event"]
        for value in record.values():
            items = value if isinstance(value, list) else [value]
            assert all(isinstance(item, str | int | float) for item in items)


def test_start_and_end_are_recorded_with_reason_and_uptime(story: Story) -> None:
    events = [record["event"] for record in story.records]
    assert events.count("server_started") == 1
    assert events[-1] == "server_stopped"
    assert story.records[-1]["reason"] == "SIGTERM"
    assert story.records[-1]["uptime_seconds"] > 0


def test_every_setting_is_recorded_with_the_source_that_won(story: Story) -> None:
    by_source = {one.pop("source"): one for one in story.events("settings")}
    assert by_source["environment"]["MCP_SHUTDOWN_GRACE"] == "0s"
    assert by_source["environment"]["MCP_AUTH_TOKEN"] == "set"
    assert by_source["default"]["MCP_DEFAULT_TIMEOUT"] == "30s"


def test_the_daily_file_holds_the_same_lines(story: Story) -> None:
    assert story.daily == story.stdout


# --- levels and terminals ----------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "events"),
    [("off", []), ("error", []), ("warn", ["auth_failed", "CMD_REFUSED"])],
)
def test_a_lower_level_is_quiet(launch: Launch, level: str, events: list[str]) -> None:
    with launch(env={"MCP_LOG_LEVEL": level}) as server:
        meet_one_event_of_each_kind(server)
        server.stop()
    assert [record["event"] for record in server.records()] == events


def test_the_level_access_adds_a_record_for_each_request(launch: Launch) -> None:
    with launch("--log-level=access") as server:
        server.request("GET", "/health?token=secret")
        server.request("GET", "/nowhere")
        server.rpc("ping")
        server.stop()
    seen = [(one["path"], one["status"]) for one in server.records("http_request")]
    assert seen[-3:] == [("/health", 200), ("/nowhere", 404), ("/mcp", 200)]


def test_a_person_at_a_terminal_reads_text(launch: Launch) -> None:
    controller, terminal = pty.openpty()
    try:
        with launch("--log-level=warn", stdout=terminal) as server:
            server.post(b"{}", Authorization=f"Bearer {WRONG_TOKEN}")
            server.stop()
        said = os.read(controller, 4096).decode()
    finally:
        os.close(controller)
        os.close(terminal)
    assert "auth_failed status=401 peer=127.0.0.1 reason=invalid" in said
