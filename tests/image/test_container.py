"""The image keeps its promises in a container that may do next to nothing."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.image.conftest import Eventually, Launch
    from tests.image.engine import Container

pytestmark = pytest.mark.image

ROOT = Path(__file__).resolve().parents[2]
CLIENT_SECONDS = 120.0
PYTHON = "/opt/commander/bin/python"
"""The server's, in the image."""
BIG = 120_000
"""Bytes; Twisted would write a body above 100 kB into a file. Linux takes no variable
above 128 KiB."""
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    name: ("execute_command", {"command": command})
    for name, command in {
        "status": "cat /proc/self/status",
        "root": "touch /x",
        "owners": "stat -c %u ~ /work",
        "tmp": "echo kept >/tmp/file && cat /tmp/file",
        "env": "env",
        "tools": "command -v cc gcc pip; ls -d /opt/commander/lib/*/site-packages/pip",
    }.items()
}
CALLS["big"] = (
    "execute_command",
    {"command": "echo ${#A} ${#B}", "env": {"A": BIG * "a", "B": BIG * "b"}},
)


@pytest.fixture(scope="module")
def report(container: Container) -> dict[str, Any]:
    """What the official client saw, the facts of its results by the names of CALLS."""
    plan = {
        "url": f"http://127.0.0.1:{container.port}/mcp",
        "token": container.token,
        "mode": "auto",
        "directory": "/tmp",
        "steps": ["results", "overlap"],
        "calls": CALLS,
    }
    python = ROOT / ".venv-mcp2/bin/python"
    done = subprocess.run(
        [python, "-E", "-s", "-m", "tests.interaction.clients.py2"],
        input=json.dumps(plan),
        capture_output=True,
        text=True,
        timeout=CLIENT_SECONDS,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    report["results"] = {
        name: result["structuredContent"] for name, result in report["results"].items()
    }
    return report


# --- what the image says of itself ---------------------------------------------------


def test_its_configuration_is_what_orchestrators_rely_on(image: str) -> None:
    shown = subprocess.check_output(["podman", "image", "inspect", image])
    (facts,) = json.loads(shown)
    config = facts["Config"]

    assert config["Cmd"] == ["twist", "commander"]
    assert config["User"] == "10001:10001"
    assert list(config["ExposedPorts"]) == ["3000/tcp"]
    assert config["StopSignal"] == "SIGTERM"
    assert {"MCP_HTTP_HOST=0.0.0.0", "MCP_HTTP_PORT=3000"} <= set(config["Env"])
    assert facts["Healthcheck"]["Test"] == ["CMD", "commander-health"]
    assert config["Entrypoint"] == ["commander-entrypoint"]


# --- what commands can do -----------------------------------------------------------


def test_the_official_client_runs_commands_side_by_side(
    report: dict[str, Any],
) -> None:
    assert "execute_command" in report["tools"]
    assert report["overlap"] == ["a", "b"]


def test_commands_have_an_unprivileged_user_and_no_way_up(
    report: dict[str, Any],
) -> None:
    status = dict(
        line.split(":\t", 1)
        for line in report["results"]["status"]["stdout"].splitlines()
    )

    assert set(status["Uid"].split()) == set(status["Gid"].split()) == {"10001"}
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[name], 16) == 0, name
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


def test_the_root_file_system_is_read_only(report: dict[str, Any]) -> None:
    result = report["results"]["root"]

    assert result["exit_code"] == 1
    assert "Read-only file system" in result["stderr"]


def test_commands_own_their_directory_but_not_the_home_with_the_settings(
    report: dict[str, Any],
) -> None:
    assert report["results"]["owners"]["stdout"] == "0\n10001\n"


def test_commands_can_write_into_tmp(report: dict[str, Any]) -> None:
    assert report["results"]["tmp"]["stdout"] == "kept\n"


def test_a_large_request_needs_no_writable_directory(report: dict[str, Any]) -> None:
    assert report["results"]["big"]["stdout"] == f"{BIG} {BIG}\n"


def test_commands_do_not_inherit_the_token(
    container: Container, report: dict[str, Any]
) -> None:
    environment = report["results"]["env"]["stdout"]

    assert "HOME=/home/commander\n" in environment
    assert str(container.token) not in environment
    assert "MCP_" not in environment


def test_no_compiler_and_no_pip_of_ours_is_there(report: dict[str, Any]) -> None:
    assert report["results"]["tools"]["stdout"] == ""


def test_what_commands_leave_behind_is_reaped(
    container: Container, eventually: Eventually
) -> None:
    container.run("for _ in 1 2 3; do setsid sleep 0.2 & done")

    def only_the_server_is_left() -> bool:
        return [one.name() for one in container.processes()] == ["twist"]

    eventually(only_the_server_is_left, "no process is left, not even a zombie")


# --- what operators see -------------------------------------------------------------


def test_its_own_health_check_finds_it_healthy(container: Container) -> None:
    done = container.check_health()

    assert done.returncode == 0, done
    assert container.inspect()["State"]["Health"]["Status"] == "healthy"


def test_the_health_check_of_the_go_server_works_too(container: Container) -> None:
    url = f"http://localhost:{container.port}/health"
    line = f"wget --no-verbose --tries=1 --spider {url} || exit 1"

    assert container.exec("/bin/sh", "-c", line).returncode == 0
    assert container.exec("/bin/sh", "-c", line.replace("/h", "/no")).returncode == 1


def test_standard_output_has_json_lines_and_nothing_to_worry_about(
    container: Container,
) -> None:
    container.run("echo quiet")
    *_, last = container.records("CMD_EXEC")

    assert last["exit_code"] == 0
    assert container.logs().stderr == ""
    assert {one["level"] for one in container.records()} <= {"info", "access"}


def test_every_module_is_there_as_bytecode(container: Container) -> None:
    done = container.exec(PYTHON, "-v", "-c", "import commander.tap")

    assert done.returncode == 0
    assert re.search(r"# code object from .*\.pyc", done.stderr)
    assert re.findall(r"# code object from .*\.py'?$", done.stderr, re.MULTILINE) == []


def test_what_is_known_about_plugins_is_up_to_date(container: Container) -> None:
    # Twisted would log that it cannot write it anew.
    find = """
from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins
from twisted.python import log
log.addObserver(lambda event: print(log.textFromEventDict(event)))
print("commander" in [one.tapname for one in getPlugins(IServiceMaker)])
"""

    assert container.exec(PYTHON, "-c", find).stdout == "True\n"


def test_without_a_token_it_ends_at_once_and_says_so_in_one_line(
    launch: Launch,
) -> None:
    with launch(token=None) as container:
        assert container.wait() == 1
        assert container.logs().stdout == ""
        (line,) = container.logs().stderr.splitlines()
        assert "MCP_AUTH_TOKEN" in line
