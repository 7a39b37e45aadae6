"""From the first start to the first command: what the banner says works as printed."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.interaction.conftest import Launch, RunTwist, Server

pytestmark = pytest.mark.interaction
requirement = pytest.mark.requirement

ROOT = Path(__file__).resolve().parents[2]
COMMAND_SECONDS = 30.0
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
CLAUDE = '#!/bin/sh\nprintf "%s\\n" "$@"\n'


@pytest.fixture(scope="module")
def desk(launch: Launch) -> Iterator[Server]:
    """The first start of a server that was given no token."""
    with launch(token=None) as server:
        yield server


def banner_line(server: Server, program: str) -> str:
    (line,) = (
        line.strip()
        for line in server.stderr.splitlines()
        if line.startswith(f"  {program} ")
    )
    return line


def shown_token(server: Server) -> str:
    _, _, token = banner_line(server, "token:").partition(" ")
    return token


def pasted(line: str, home: Path, **variables: str) -> str:
    """What a shell prints that a line was pasted into."""
    return subprocess.run(
        ["/bin/sh", "-c", line],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(home), **variables},
        timeout=COMMAND_SECONDS,
        check=True,
    ).stdout


def uname_of(answer: str) -> str:
    result: dict[str, Any] = json.loads(answer)["result"]
    return str(result["structuredContent"]["stdout"])


def new_token(home: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "commander", "token", "new"],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(home)},
        timeout=COMMAND_SECONDS,
        check=True,
    )
    return done.stdout.strip()


def status_with(server: Server, token: str) -> int:
    body = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
    return server.post(body, Authorization=f"Bearer {token}").status


@needs_curl
def test_the_curl_line_of_the_banner_runs_a_command(desk: Server) -> None:
    answer = pasted(banner_line(desk, "curl"), desk.home)
    assert uname_of(answer).startswith(os.uname().sysname)


@requirement("A6")
def test_the_claude_line_of_the_banner_adds_url_and_header(
    desk: Server, tmp_path: Path
) -> None:
    claude = tmp_path / "claude"
    claude.write_text(CLAUDE)
    claude.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    words = pasted(banner_line(desk, "claude"), desk.home, PATH=path).splitlines()
    assert words == [
        *("mcp", "add", "--transport", "http", "commander", f"{desk.url}/mcp"),
        *("--header", f"Authorization: Bearer {shown_token(desk)}"),
    ]


@requirement("A5")
def test_only_a_digest_of_the_token_is_kept(desk: Server) -> None:
    state = desk.home / ".local/state/commander-mcp/token.sha256"
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    assert shown_token(desk) not in state.read_text()
    assert shown_token(desk) not in desk.stdout
    (shown,) = (one for one in desk.records("settings") if "MCP_AUTH_TOKEN" in one)
    assert (shown["source"], shown["MCP_AUTH_TOKEN"]) == ("generated", "generated")


@needs_curl
def test_a_second_start_keeps_the_token_and_does_not_show_it(
    desk: Server, launch: Launch, tmp_path: Path
) -> None:
    token = shown_token(desk)
    home = shutil.copytree(desk.home, tmp_path / "home")
    with launch(token=None, home=home) as again:
        assert token not in again.stderr
        assert re.search(r"commander-mcp'? token new", again.stderr)
        line = banner_line(again, "curl")
        answer = pasted(line, again.home, MCP_AUTH_TOKEN=token)
        assert uname_of(answer).startswith(os.uname().sysname)


def test_a_new_token_replaces_the_old_one_at_the_next_start(
    launch: Launch, tmp_path: Path
) -> None:
    old = new_token(tmp_path)
    with launch(token=None, home=tmp_path) as server:
        assert status_with(server, old) == 200
        new = new_token(tmp_path)
    with launch(token=None, home=tmp_path) as server:
        assert status_with(server, new) == 200
        assert status_with(server, old) == 401


def test_a_start_that_failed_does_not_use_the_token_up(
    launch: Launch, run_twist: RunTwist, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert run_twist("--port", port, home=tmp_path).returncode > 0
    with launch(token=None, home=tmp_path) as server:
        assert status_with(server, shown_token(server)) == 200


@needs_curl
def test_a_token_that_was_set_is_shown_as_its_variable(server: Server) -> None:
    assert server.token is not None
    assert server.token not in server.stderr
    line = banner_line(server, "curl")
    answer = pasted(line, server.home, MCP_AUTH_TOKEN=server.token)
    assert uname_of(answer).startswith(os.uname().sysname)
    assert '"Authorization: Bearer $MCP_AUTH_TOKEN"' in banner_line(server, "claude")
