"""Command lines and curl calls of the Go server work as they stand.

They are those of its README, INTEGRATION and Dockerfile, with a free port in place
of 3000 and a path of ours in place of ``${workspaceFolder}``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.interaction.conftest import Launch, Server

pytestmark = pytest.mark.interaction

CURL_SECONDS = 30.0


def allowed(server: Server) -> list[str]:
    facts = server.call("list_allowed_commands")["structuredContent"]
    commands: list[str] = facts["allowed_commands"]
    return commands


def setting(server: Server, name: str) -> object:
    """A setting as the start-up log shows it."""
    (value,) = (one[name] for one in server.records("settings") if name in one)
    return value


@pytest.mark.parametrize(
    "flags",
    [
        ["--http", "--host", "0.0.0.0", "--port", "PORT"],
        ["-http", "-port", "PORT"],
        ["-http", "-host", "127.0.0.1", "-port=PORT"],
    ],
)
def test_its_http_lines_start_the_server(launch: Launch, flags: list[str]) -> None:
    with launch(*flags) as server:
        assert server.run("echo hello")["stdout"] == "hello\n"


def test_its_log_level_is_accepted(launch: Launch) -> None:
    with launch("-log-level", "info", token=None) as server:
        assert setting(server, "MCP_LOG_LEVEL") == "info"


def test_its_list_of_allowed_commands_is_in_force(launch: Launch) -> None:
    flags = ("-allowed-commands", "git,npm,go,docker", "-log-level", "info")
    with launch(*flags) as server:
        assert allowed(server) == ["git", "npm", "go", "docker"]
        assert server.run("ls")["status"] == "denied"
        assert server.run("git --version; echo PWNED")["status"] == "denied"
        assert server.run("git --version")["exit_code"] == 0


def test_its_list_of_blocked_commands_is_in_force(launch: Launch) -> None:
    flags = ("-blocked-commands", "curl,wget,ssh", "-use-default-blocklist=false")
    with launch(*flags, "-timeout", "60s") as server:
        facts = server.call("list_blocked_commands")["structuredContent"]
        assert facts == {
            "blocked_commands": ["curl", "wget", "ssh"],
            "using_default_blocklist": False,
        }
        assert server.run("wget http://127.0.0.1")["status"] == "denied"
        assert server.run("dd --version")["exit_code"] == 0
        shell = server.call("get_shell_info")["structuredContent"]
        assert shell["default_timeout"] == "1m0s"


def test_its_log_directory_gets_the_daily_file(launch: Launch, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    with launch("-log-dir", str(logs), "-log-level", "info") as server:
        server.run("true")
    (daily,) = (logs / "go-mcp-commander").glob("go-mcp-commander-????-??-??.log")
    lines = daily.read_text().splitlines()
    events = [json.loads(line)["event"] for line in lines]
    assert events[-1] == "server_stopped"
    assert events.count("CMD_EXEC") == 1


def test_its_shell_setting_alone_keeps_the_argument(launch: Launch) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    with launch(env={"MCP_SHELL": bash}) as server:
        assert server.run("echo $BASH_VERSION")["stdout"] > "1"


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("curl {url}/health", '"healthy"'),
        (
            'curl -X POST {url}/ -H "Content-Type: application/json" '
            '-H "X-MCP-Auth-Token: {token}" '
            """-d '{{"jsonrpc":"2.0","method":"tools/list","id":1}}'""",
            '"list_blocked_commands"',
        ),
        (
            'curl -X POST {url}/ -H "Content-Type: application/json" '
            '-H "X-MCP-Auth-Token: {token}" '
            """-d '{{"jsonrpc":"2.0","method":"tools/call","params":{{"name":"""
            """"execute_command","arguments":{{"command":"echo hello"}}}},"id":2}}'""",
            '"stdout":"hello\\n"',
        ),
    ],
)
def test_its_curl_calls_are_answered(server: Server, line: str, expected: str) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", line.format(url=server.url, token=server.token)],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"]},
        timeout=CURL_SECONDS,
        check=True,
    )
    assert expected in done.stdout


def test_its_callers_get_an_error_for_every_status_but_zero(server: Server) -> None:
    """MCP clients are told instead what status 1 of grep answers."""
    call = {"command": "echo a | grep b"}
    plain = server.call("execute_command", call, "/")
    assert (plain["isError"], plain["structuredContent"]["exit_code"]) == (True, 1)
    result = server.call("execute_command", call, "/mcp")
    assert result["isError"] is False
    assert result["structuredContent"]["exit_code_meaning"] == "no line matched"
