"""Whatever keeps the server from starting is one line on standard error."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from subprocess import CompletedProcess
from typing import TYPE_CHECKING

import attrs
import pytest

if TYPE_CHECKING:
    from tests.interaction.conftest import RunTwist

pytestmark = pytest.mark.interaction

TOKEN = "correct-horse-battery-staple"


@attrs.frozen
class Start:
    """A start that must fail."""

    flags: Sequence[str] = ()
    env: Mapping[str, str] = attrs.field(factory=dict)
    mcp_env: str | None = None
    """What ``~/.mcp_env`` holds."""
    mode: int = 0o600
    says: tuple[str, ...] = ()
    """What the line tells, among other things."""


def by_flag(flag: str, text: str, accepted: str) -> Start:
    return Start([f"--{flag}={text}"], says=(f'--{flag}="{text}"', accepted))


def by_variable(name: str, text: str, accepted: str) -> Start:
    return Start(env={name: text}, says=(f'{name}="{text}" (environment)', accepted))


# Every kind of value, by a flag or a variable: here it counts that one line comes out.
BAD_VALUES = {
    "a duration by flag": by_flag("timeout", "0s", "greater than zero"),
    "a duration": by_variable("MCP_DEFAULT_TIMEOUT", "-5s", "a duration such as"),
    "a duration or zero": by_variable("MCP_DRAIN_DELAY", "5 s", "or 0"),
    "a word": by_variable("MCP_LOG_LEVEL", "loud", "off or error or warn"),
    "a word by flag": by_flag("log-commands", "none", "full or masked"),
    "whole seconds": by_variable("MCP_LIMIT_CPU_SECONDS", "1.5", "whole seconds"),
    "a user": by_flag("run-as", "a:b", "a user's name"),
    "a size": by_flag("max-body-bytes", "4MB", "a size such as"),
    "a count": by_variable("MCP_MAX_CONCURRENT", "0", "a whole number from 1"),
    "a port": by_flag("port", "65536", "a port from 1 to 65535"),
    "a switch": by_variable("MCP_OUTPUT_SCHEMA", "maybe", "true or false"),
    "a path": by_flag("shell", "sh", "an absolute path"),
    "a shell": by_variable("MCP_SHELL", "/etc/passwd", "an executable file"),
    "commands": by_variable("MCP_ALLOWED_COMMANDS", ",", "one or more commands"),
    "origins": by_flag("allowed-origins", "evil", "origins such as"),
    "a text": by_flag("host", " ", "printable characters"),
}
PROBLEMS = {
    **BAD_VALUES,
    "a token that no header can carry": Start(
        env={"MCP_AUTH_TOKEN": "two words"}, says=("MCP_AUTH_TOKEN", "without spaces")
    ),
    "a default above the maximum": Start(
        ["--timeout=2h"], says=('--timeout="2h0m0s"', 'MCP_MAX_TIMEOUT="1h0m0s"')
    ),
    "all addresses without a token": Start(
        ["--host", "0.0.0.0"], says=("MCP_AUTH_TOKEN is required", "0.0.0.0")
    ),
    "no auth on all addresses": Start(
        ["--no-auth", "--host=0.0.0.0"], says=("--no-auth", "loopback only")
    ),
    "no endpoint": Start(
        ["--listen", "nonsense"], {"MCP_AUTH_TOKEN": TOKEN}, says=("--listen=nonsense",)
    ),
    "no known endpoint": Start(
        ["--listen", "carrier:pigeon"],
        {"MCP_AUTH_TOKEN": TOKEN},
        says=("--listen=carrier:pigeon",),
    ),
    "a foreign address": Start(
        ["--host", "192.0.2.1"], {"MCP_AUTH_TOKEN": TOKEN}, says=("cannot listen",)
    ),
    "a tokens file that is not there": Start(
        ["--host=0.0.0.0"],
        {"MCP_AUTH_TOKENS_FILE": "/no/such"},
        says=('MCP_AUTH_TOKENS_FILE="/no/such"', "cannot be read (No such file"),
    ),
    "a tokens file that is something else": Start(
        env={"MCP_AUTH_TOKENS_FILE": "/etc/passwd"},
        says=('MCP_AUTH_TOKENS_FILE="/etc/passwd"', "line 1: the name"),
    ),
    "a tokens file, to be checked only": Start(
        ["--check-config"],
        {"MCP_AUTH_TOKENS_FILE": "/etc/passwd"},
        says=("MCP_AUTH_TOKENS_FILE", "line 1: the name"),
    ),
    "a workspace that is not there": Start(
        env={"MCP_WORKSPACE": "/no/such"}, says=("MCP_WORKSPACE", "/no/such is not")
    ),
    "a sandbox with nothing to hold": Start(
        ["--sandbox=require"], says=("MCP_SANDBOX", "nothing to hold")
    ),
    "a sandbox that an entry opens": Start(
        ["--sandbox=require", "--allowed-commands=ls,python3 -m json.tool"],
        says=("MCP_SANDBOX", "anything: python3 -m json.tool"),
    ),
    "a user that does not exist": Start(
        ["--run-as=no-such-user"], says=('MCP_RUN_AS="no-such-user"', "no such user")
    ),
    "a budget that is too small": Start(
        env={"MCP_MEMORY_BUDGET_BYTES": "8KiB"},
        says=("MCP_MEMORY_BUDGET_BYTES", "MCP_MAX_CONCURRENT"),
    ),
    "a limit under which nothing runs": Start(
        ["--limit-memory-bytes=1MiB"], says=("--limit-memory-bytes", "at least 16MiB")
    ),
    "an unknown flag": Start(["--frobnicate"], says=("frobnicate",)),
    "a word that is no flag": Start(["frobnicate"], says=("'frobnicate'",)),
    "a flag without its value": Start(["-port"], says=("--port lacks its value",)),
    "~/.mcp_env that others can write": Start(
        mcp_env="MCP_LOG_LEVEL=debug", mode=0o666, says=(".mcp_env", "chmod go-w")
    ),
    "~/.mcp_env that is no list of settings": Start(
        mcp_env="\nMCP_LOG_LEVEL debug", says=(".mcp_env line 2", "NAME=VALUE")
    ),
    "~/.mcp_env with a bad value": Start(
        mcp_env="MCP_LOG_LEVEL=loud", says=('MCP_LOG_LEVEL="loud" (~/.mcp_env)',)
    ),
    "~/.mcp_env with a bad secret": Start(
        mcp_env="MCP_AUTH_TOKEN=two words", says=("MCP_AUTH_TOKEN (~/.mcp_env)",)
    ),
}


@pytest.fixture(scope="module")
def ended(
    run_twist: RunTwist, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Future[CompletedProcess[str]]]:
    """Every start of ``PROBLEMS``, as many at once as there are processors."""

    def home_for(start: Start) -> Path:
        home = tmp_path_factory.mktemp("home")
        if start.mcp_env is not None:
            (home / ".mcp_env").write_text(start.mcp_env)
            (home / ".mcp_env").chmod(start.mode)
        return home

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return {
            name: pool.submit(
                run_twist, *start.flags, env=start.env, home=home_for(start)
            )
            for name, start in PROBLEMS.items()
        }


def assert_one_line(ended: CompletedProcess[str], *says: str) -> None:
    assert ended.returncode > 0
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith("commander: ")
    for text in says:
        assert text in line


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_start_problem_is_one_line_and_a_status(
    ended: Mapping[str, Future[CompletedProcess[str]]], problem: str
) -> None:
    done = ended[problem].result()
    assert_one_line(done, *PROBLEMS[problem].says)
    assert "two words" not in done.stderr


@pytest.mark.parametrize("spelling", ["--port", "--listen"])
def test_a_port_that_is_taken_is_one_line(
    run_twist: RunTwist, measured: Mapping[str, str], tmp_path: Path, spelling: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        flags = {
            "--port": ["--port", port],
            "--listen": ["--listen", f"tcp:{port}:interface=127.0.0.1"],
        }
        done = run_twist(*flags[spelling], env=measured, home=tmp_path)
    assert_one_line(done, "cannot listen", port, "in use")


def test_a_state_file_that_others_can_write_is_one_line(
    run_twist: RunTwist, tmp_path: Path
) -> None:
    state = tmp_path / ".local/state/commander-mcp/token.sha256"
    state.parent.mkdir(parents=True)
    state.write_text("0" * 64)
    state.chmod(0o666)
    assert_one_line(run_twist(home=tmp_path), str(state), "0600")


# --- what ends by itself because it was asked to -----------------------------------


def test_check_config_prints_values_with_their_sources_and_no_secret(
    run_twist: RunTwist, measured: Mapping[str, str], tmp_path: Path
) -> None:
    (tmp_path / ".mcp_env").write_text("MCP_KILL_GRACE=7s\nMCP_LOG_LEVEL=off\n")
    env = {**measured, "MCP_AUTH_TOKEN": TOKEN, "MCP_LOG_LEVEL": "error"}
    done = run_twist("-check-config", "-port", "3999", env=env, home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["MCP_HTTP_PORT", "flag", "3999"] in rows
    assert ["MCP_LOG_LEVEL", "environment", "error"] in rows
    assert ["MCP_KILL_GRACE", "~/.mcp_env", "7s"] in rows
    assert ["MCP_DEFAULT_TIMEOUT", "default", "30s"] in rows
    assert ["MCP_AUTH_TOKEN", "environment", "set"] in rows
    assert TOKEN not in done.stdout


def test_check_config_tells_what_would_keep_the_server_from_starting(
    run_twist: RunTwist, tmp_path: Path
) -> None:
    done = run_twist("--check-config", "--host", "0.0.0.0", home=tmp_path)
    assert_one_line(done, "MCP_AUTH_TOKEN is required")


def test_check_config_starts_nothing(run_twist: RunTwist, tmp_path: Path) -> None:
    assert run_twist("--check-config", home=tmp_path).returncode == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("flag", "says"),
    [("--version", "commander "), ("-version", "commander "), ("--help", "--timeout=")],
)
def test_version_and_help_are_printed_without_a_start(
    run_twist: RunTwist,
    measured: Mapping[str, str],
    tmp_path: Path,
    flag: str,
    says: str,
) -> None:
    done = run_twist(flag, env=measured, home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert says in done.stdout
