"""A server whose commands run as another user. Needs root."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from tests.interaction.conftest import Eventually, Launch, RunTwist, Server

pytestmark = [
    pytest.mark.interaction,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become other users"),
]

UID, GID = 61244, 61245
"""Of nobody, so that nobody else's processes are there."""
USER = f"--run-as={UID}:{GID}"


@pytest.fixture(scope="module")
def server(launch: Launch) -> Iterator[Server]:
    with launch(
        USER,
        "--limit-files=64",
        "--limit-processes=12",
        "--max-concurrent=12",
        cwd=Path("/"),
    ) as running:
        yield running


def processes_of_the_user() -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["uids", "status"])
        if process.info["uids"].real == UID
        and process.info["status"] != psutil.STATUS_ZOMBIE
    ]


def test_a_command_is_the_user_and_knows_it(server: Server) -> None:
    ended = server.run("id -u; id -g; id -G; echo $HOME $USER $LOGNAME")
    assert ended["stdout"].splitlines() == [
        *(str(UID), str(GID), str(GID)),
        f"/ {UID} {UID}",
    ]


def test_a_command_has_its_limits_from_the_beginning(server: Server) -> None:
    assert server.run("ulimit -n; ulimit -Hn")["stdout"].split() == ["64", "64"]
    bomb = "i=0; while [ $i -lt 30 ]; do sleep 5 & i=$((i+1)); done; echo all"
    ended = server.run(bomb)
    assert "fork" in ended["stderr"]
    assert "all" not in ended["stdout"]
    assert processes_of_the_user() == []


def test_a_command_can_open_its_own_output_again(server: Server) -> None:
    ended = server.run("echo one >/dev/stdout; echo two >/dev/stderr")
    assert (ended["stdout"], ended["stderr"]) == ("one\n", "two\n")


def test_a_callers_variables_reach_the_command(server: Server) -> None:
    env = {"A": 'it\'s "two"\nlines', "COMMANDER_RUN": "another"}
    ended = server.run('printf "%s|%s" "$A" "$COMMANDER_RUN"; env', env=env)
    value, _, rest = ended["stdout"].partition("|")
    assert value == env["A"]
    assert not rest.startswith("another")
    assert "COMMANDER_ENV_" not in rest


def test_a_directory_that_is_closed_to_the_user_is_told(
    server: Server, tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    answer = server.rpc(
        "tools/call",
        {
            "name": "execute_command",
            "arguments": {"command": "pwd", "working_directory": str(tmp_path)},
        },
    )
    assert f"may not be entered by {UID}" in str(answer)


def test_nothing_of_the_user_outlives_its_command(
    server: Server, eventually: Eventually
) -> None:
    escape = "(setsid sleep 60 >/dev/null 2>&1 &); env -i setsid sleep 60 & sleep 60"
    ended = server.run(escape, timeout="500ms")
    assert ended["ended_by"] == "timeout"
    eventually(lambda: processes_of_the_user() == [], "the user has no process")


def test_it_is_told_at_the_start_what_keeps_the_limits(server: Server) -> None:
    (record,) = server.records("limits")
    assert record["MCP_LIMIT_FILES"] == "RLIMIT_NOFILE"
    assert record["MCP_LIMIT_PROCESSES"] in (
        "a control group for each command",
        f"RLIMIT_NPROC, for all processes of {UID}:{GID} together",
    )


def test_a_server_in_a_directory_that_is_closed_to_the_user_does_not_start(
    run_twist: RunTwist, tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    ended = run_twist(USER, home=tmp_path)
    assert ended.returncode > 0
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f'commander: MCP_RUN_AS="{UID}:{GID}" cannot be used: ')
    assert "may not be entered" in line
