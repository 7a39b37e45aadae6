"""Both official Python clients list the tools and run commands through them.

``make test`` puts each into an environment of its own beside ours.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.interaction.conftest import Server

pytestmark = pytest.mark.interaction

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = Path(__file__).with_name("clients")
MEBIBYTE = 1024 * 1024
CLIENT_SECONDS = 60.0
CALLS: dict[str, tuple[str, dict[str, str]]] = {
    "works": ("execute_command", {"command": "uname -a"}),
    "fails": ("execute_command", {"command": "echo no >&2; exit 3"}),
    "times out": ("execute_command", {"command": "sleep 60", "timeout": "1s"}),
    "floods": ("execute_command", {"command": f"yes | head -c {64 * MEBIBYTE}"}),
    "denied": ("execute_command", {"command": "dd --version"}),
    "unknown": ("execute_comand", {"command": "true"}),
    "info": ("get_shell_info", {}),
}


@pytest.fixture(scope="module", params=["1.x", "2.x auto", "2.x legacy"])
def report(
    request: pytest.FixtureRequest,
    server: Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """What a client saw, its results by the names of ``CALLS``."""
    version, _, mode = request.param.partition(" ")
    plan = {
        "url": f"{server.url}/mcp",
        "token": server.token,
        "mode": mode,
        "directory": str(tmp_path_factory.mktemp("overlap")),
        "calls": list(CALLS.values()),
    }
    script = CLIENTS / f"py{version[0]}.py"
    done = subprocess.run(
        [client_python(version[0]), "-I", str(script)],
        input=json.dumps(plan),
        capture_output=True,
        text=True,
        timeout=CLIENT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["client"].startswith(version[0])
    report["results"] = dict(zip(CALLS, report["results"], strict=True))
    return report


def client_python(major: str) -> str:
    """The Python of the environment with this major version of the client."""
    python = os.environ.get(
        f"COMMANDER_MCP{major}_PYTHON", str(ROOT / f".venv-mcp{major}/bin/python")
    )
    if not Path(python).exists():
        pytest.skip(f"no client {major}.x at {python}: run `make venv-clients`")
    return python


def facts_of(report: dict[str, Any], call: str) -> dict[str, Any]:
    """A result's facts, which are the same in its text."""
    result = report["results"][call]
    facts: dict[str, Any] = result["structuredContent"]
    assert json.loads(result["content"][0]["text"]) == facts
    return facts


def test_the_client_agrees_on_a_version_of_the_handshake_era(
    report: dict[str, Any],
) -> None:
    """Mode auto asks for 2026-07-28 first, is refused, and falls back."""
    assert report["protocol"] == "2025-11-25"
    assert report["server"] == "go-mcp-commander"


def test_the_client_lists_the_tools(report: dict[str, Any]) -> None:
    assert report["tools"] == [
        "execute_command",
        "check_command",
        "list_allowed_commands",
        "list_blocked_commands",
        "get_shell_info",
    ]


def test_a_command_runs(report: dict[str, Any]) -> None:
    facts = facts_of(report, "works")
    assert facts["stdout"].split()[:2] == [os.uname().sysname, os.uname().nodename]
    assert facts["exit_code"] == 0
    assert report["results"]["works"]["isError"] is False


def test_a_failing_command_is_an_error_with_its_status(report: dict[str, Any]) -> None:
    facts = facts_of(report, "fails")
    assert (facts["exit_code"], facts["stderr"]) == (3, "no\n")
    assert facts["ended_by"] == "exit"
    assert report["results"]["fails"]["isError"] is True


def test_a_command_that_takes_too_long_is_ended(report: dict[str, Any]) -> None:
    facts = facts_of(report, "times out")
    assert facts["error"] == "command timed out after 1s"
    assert (facts["exit_code"], facts["signal"]) == (-1, "SIGTERM")
    assert (facts["ended_by"], facts["timed_out"]) == ("timeout", True)
    assert report["results"]["times out"]["isError"] is True


def test_a_flood_of_output_is_cut_and_counted_to_the_byte(
    report: dict[str, Any],
) -> None:
    facts = facts_of(report, "floods")
    omitted = 63 * MEBIBYTE
    marker = f"[... {omitted:,} bytes, {omitted // 2:,} lines omitted ...]"
    head, _, tail = facts["stdout"].partition(f"\n{marker}\n")
    assert len(head) + len(tail) == MEBIBYTE
    assert set(head + tail) == {"y", "\n"}
    assert (facts["truncated"], facts["stdout_omitted_bytes"]) == (True, omitted)
    assert (facts["exit_code"], facts["stderr"]) == (0, "")


def test_a_command_on_the_blocklist_is_denied_with_its_rule(
    report: dict[str, Any],
) -> None:
    facts = facts_of(report, "denied")
    assert facts["error"].startswith("Command validation failed: ")
    assert (facts["status"], facts["exit_code"]) == ("denied", -1)
    assert facts["rule_id"]
    assert report["results"]["denied"]["isError"] is True


def test_an_unknown_tool_is_refused_with_the_nearest_name(
    report: dict[str, Any],
) -> None:
    error = report["results"]["unknown"]["error"]
    assert error["code"] == -32602
    assert "did you mean execute_command?" in error["message"]


def test_a_tool_without_arguments_answers(report: dict[str, Any]) -> None:
    assert facts_of(report, "info")["default_timeout"] == "30s"


def test_a_long_command_does_not_delay_other_requests(report: dict[str, Any]) -> None:
    """A ping and a short command were answered before the long one could end."""
    assert report["overlap"] == ["short", "long"]
