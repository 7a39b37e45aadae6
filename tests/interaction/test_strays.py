"""What a server that was killed leaves behind, and the next one ends."""

from __future__ import annotations

import contextlib
import http.client
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.interaction.processes import living_in

if TYPE_CHECKING:
    from tests.interaction.conftest import Eventually, Launch, Server

pytestmark = pytest.mark.interaction

KILLED = -signal.SIGKILL


@pytest.fixture
def in_background() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def begin(pool: ThreadPoolExecutor, server: Server, command: str) -> None:
    """Ask for a command whose answer will never come."""

    def run() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            server.run(command, timeout="10m")

    pool.submit(run)


def sleepers(home: Path, number: int) -> list[psutil.Process]:
    """Who sleeps for so many seconds, in this home."""
    found = []
    for process in living_in(home):
        with contextlib.suppress(psutil.Error):
            if process.cmdline() == ["sleep", str(number)]:
                found.append(process)
    return found


def test_a_server_ends_what_a_killed_one_left_behind(
    launch: Launch, in_background: ThreadPoolExecutor, eventually: Eventually
) -> None:
    command = "sleep 1197 & (setsid sleep 1197 &); trap '' TERM; sleep 1197; sleep 1197"
    with launch() as first:
        begin(in_background, first, command)
        eventually(lambda: len(sleepers(first.home, 1197)) == 3, "they sleep")
        assert first.stop(signal.SIGKILL) == KILLED
        assert len(sleepers(first.home, 1197)) == 3
        with launch() as second:
            assert living_in(first.home) == []
            (record,) = second.records("strays_ended")
            assert record["count"] >= 4
            assert "sleep" in record["names"]
            events = [each["event"] for each in second.records()]
            assert second.records("strays_left", "strays_unknown") == []
            assert events.index("server_started") < events.index("strays_ended")


def test_servers_side_by_side_do_not_touch_each_others_commands(
    launch: Launch, in_background: ThreadPoolExecutor, eventually: Eventually
) -> None:
    at_once = {"MCP_SHUTDOWN_GRACE": "0s"}
    with launch(env=at_once) as first:
        begin(in_background, first, "setsid sleep 1198")
        eventually(lambda: len(sleepers(first.home, 1198)) == 1, "it sleeps")
        (sleeper,) = sleepers(first.home, 1198)
        with launch(env=at_once) as second:
            begin(in_background, second, "sleep 1199")
            eventually(lambda: len(sleepers(second.home, 1199)) == 1, "it sleeps")
            with launch() as third:
                assert third.records("strays_ended") == []
            assert sleepers(first.home, 1198) == [sleeper]
            assert len(sleepers(second.home, 1199)) == 1
            assert second.records("strays_ended") == []


def test_who_has_wiped_its_environment_is_not_found(
    launch: Launch, in_background: ThreadPoolExecutor, eventually: Eventually
) -> None:
    """As SECURITY.md says."""
    with launch() as first:
        home = first.home
        begin(in_background, first, f"env -i HOME='{home}' setsid sleep 1196")
        eventually(lambda: len(sleepers(home, 1196)) == 1, "it sleeps")
        assert first.stop(signal.SIGKILL) == KILLED
        with launch() as second:
            second.records()
        (left,) = sleepers(home, 1196)
        left.kill()
        eventually(lambda: living_in(home) == [], "it is gone")


def test_a_command_cannot_name_another_owner_by_its_call(server: Server) -> None:
    look = 'printf %s "$COMMANDER_SERVER"'
    said = server.run(look, env={"COMMANDER_SERVER": "another"})["stdout"]
    assert said == server.run(look)["stdout"]
    assert said.split(".")[0] == str(server.process.pid)
