"""Jobs of the real server, as agents use them: in both eras, and across breaks."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import shlex
import signal
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.interaction.cable import cable_to
from tests.interaction.processes import living_in
from tests.interaction.speaking import ERAS, Speaker

if TYPE_CHECKING:
    from tests.interaction.conftest import Eventually, Launch, Server

pytestmark = [pytest.mark.interaction, pytest.mark.parametrize("era", ERAS)]

PYTHON = shlex.quote(sys.executable)
MEBIBYTE = 1024 * 1024
Json = dict[str, Any]


def sleepers(home: Path, number: int) -> list[psutil.Process]:
    """Who sleeps for so many seconds, in this home."""
    found = []
    for process in living_in(home):
        with contextlib.suppress(psutil.Error):
            if process.cmdline() == ["sleep", str(number)]:
                found.append(process)
    return found


# --- what agents do ----------------------------------------------------------------


def test_a_dev_server_runs_until_it_is_ended(server: Server, era: str) -> None:
    client = Speaker(server, era)
    serving = f"{PYTHON} -u -m http.server 0 --bind 127.0.0.1"
    job = client.call("start_command", command=serving, label="dev", wait_seconds=0)
    assert job["status"] == "running"
    page = client.call("read_output", job_id=job["job_id"], wait_seconds=20)
    port = re.search(r"port (\d+)", page["output"])
    assert port is not None, page
    with urllib.request.urlopen(f"http://127.0.0.1:{port[1]}/", timeout=10) as answer:
        assert answer.status == 200
    listed = client.call("list_jobs", state="running")["jobs"]
    assert [row["label"] for row in listed if row["job_id"] == job["job_id"]] == ["dev"]
    end = client.call("signal_job", job_id=job["job_id"], signal="INT")
    assert (end["status"], end["ended_by"], end["survivors"]) == (
        "killed",
        "client_signal",
        [],
    )
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port[1]}/", timeout=10)


def test_a_person_is_talked_to_in_a_terminal(server: Server, era: str) -> None:
    client = Speaker(server, era)
    job = client.call(
        "start_command", command=f"{PYTHON} -q", tty=True, wait_seconds=20
    )
    assert job["status"] == "waiting_for_input", job
    assert job["waiting_for_input"]["prompt"] == ">>>"
    job_id = job["job_id"]
    answer = client.call("send_input", job_id=job_id, text="6 * 7\n", wait_seconds=20)
    assert "42" in answer["output"].splitlines()
    assert answer["status"] == "waiting_for_input"
    end = client.call("send_input", job_id=job_id, keys=["ctrl-d"], wait_seconds=20)
    assert (end["status"], end["exit_code"]) == ("exited", 0)


def test_a_password_is_asked_for_and_shown_nowhere(server: Server, era: str) -> None:
    client = Speaker(server, era)
    command = "stty -echo; printf 'Password: '; read p; echo; echo \"it is $p\"; exit 3"
    job = client.call("start_command", command=command, tty=True, wait_seconds=20)
    asked = job["waiting_for_input"]
    assert (asked["prompt"], asked["echo"]) == ("Password:", False)
    end = client.call(
        "send_input",
        job_id=job["job_id"],
        text=f"swordfish-{era}\n",
        secret=True,
        wait_seconds=20,
    )
    assert (end["exit_code"], end["output"]) == (3, "\nit is [secret]\n")
    assert f"swordfish-{era}" not in server.stdout


def test_a_shell_keeps_its_directory_and_variables(server: Server, era: str) -> None:
    shell_id = Speaker(server, era).call("open_shell", working_directory="/")[
        "shell_id"
    ]
    client = Speaker(server, era)
    moved = client.call(
        "start_command", shell_id=shell_id, command="cd usr && export MOOD='so so'"
    )
    assert (moved["cwd"], moved["shell_cwd"]) == ("/", "/usr")
    told = client.call("start_command", shell_id=shell_id, command='pwd; echo "$MOOD"')
    assert told["output"] == "/usr\nso so\n"
    assert client.call("signal_job", job_id=shell_id)["status"] == "closed"
    gone = client.call("start_command", shell_id=shell_id, command="pwd")
    assert (gone["is_error"], gone["status"]) == (True, "expired")


def test_the_output_of_a_build_is_there_for_who_comes_back(
    server: Server, era: str
) -> None:
    gate = server.home / f"gate-of-the-build-{era}"
    command = f"echo begun; until test -e {gate}; do sleep 0.05; done; echo built"
    job = Speaker(server, era).call("start_command", command=command, wait_seconds=0)
    again = Speaker(server, era)
    gate.touch()
    end = again.call(
        "read_output", job_id=job["job_id"], cursor=0, until="exit", wait_seconds=20
    )
    assert (end["status"], end["output"]) == ("exited", "begun\nbuilt\n")


def test_the_same_key_is_the_same_process(
    server: Server, era: str, eventually: Eventually
) -> None:
    seconds = 1301 + ERAS.index(era)
    asked = {
        "command": f"exec sleep {seconds}",
        "idempotency_key": f"key-{era}",
        "wait_seconds": 0,
    }
    with ThreadPoolExecutor() as pool:
        calls = [
            pool.submit(Speaker(server, era).call, "start_command", **asked)
            for _ in range(4)
        ]
        job_ids = {call.result()["job_id"] for call in calls}
    (job_id,) = job_ids
    eventually(lambda: sleepers(server.home, seconds), "it sleeps")
    assert len(sleepers(server.home, seconds)) == 1
    end = Speaker(server, era).call("signal_job", job_id=job_id)
    assert end["processes_ended"] == 1
    assert sleepers(server.home, seconds) == []


# --- what goes wrong ---------------------------------------------------------------


def test_a_timeout_leaves_nothing_of_what_left_the_session(
    server: Server, era: str
) -> None:
    seconds = 1311 + ERAS.index(era)
    sleep = f"sleep {seconds}"
    client = Speaker(server, era)
    end = client.call(
        "start_command",
        command=f"setsid {sleep} & (setsid {sleep} &); {sleep}",
        timeout="1s",
        wait_seconds=30,
    )
    assert (end["status"], end["ended_by"]) == ("killed", "timeout")
    assert end["error"] == "command timed out after 1s"
    assert "survivors" not in end
    assert sleepers(server.home, seconds) == []


def test_endless_output_takes_no_more_memory_than_some(
    launch: Launch, era: str
) -> None:
    with launch() as server:
        client = Speaker(server, era)
        memory = psutil.Process(server.process.pid).memory_info
        job = client.call("start_command", command="yes", timeout="2s", wait_seconds=1)
        before, cursor = memory().rss, job["latest_cursor"]
        end = client.call(
            "read_output", job_id=job["job_id"], until="exit", wait_seconds=30
        )
        assert end["ended_by"] == "timeout"
        assert end["latest_cursor"] - cursor > 32 * MEBIBYTE
        assert end["evicted_bytes"] > 0
        assert memory().rss - before < 16 * MEBIBYTE


def test_the_end_of_the_server_ends_all_jobs_and_records_how(
    launch: Launch, era: str
) -> None:
    env = {"MCP_SHUTDOWN_GRACE": "0s", "MCP_KILL_GRACE": "500ms"}
    with launch(env=env) as server:
        client = Speaker(server, era)
        commands = [
            "sleep 1321",
            "trap '' TERM; sleep 1321; sleep 1321",
            "setsid sleep 1321",
        ]
        for command in commands:
            client.call("start_command", command=command, wait_seconds=0)
        assert server.stop() == -signal.SIGTERM
        assert server.descendants() == []
        ended = {one["command"]: one["ended_by"] for one in server.records("CMD_EXEC")}
        assert ended == dict.fromkeys(commands, "server_shutdown")


def test_a_job_of_a_killed_server_is_lost_and_what_is_left_of_it_ended(
    launch: Launch, era: str, eventually: Eventually
) -> None:
    with launch() as first:
        client = Speaker(first, era)
        job = client.call(
            "start_command", command="setsid sleep 1331 & sleep 1331", wait_seconds=0
        )
        eventually(lambda: len(sleepers(first.home, 1331)) == 2, "they sleep")
        assert first.stop(signal.SIGKILL) == -signal.SIGKILL
        with launch() as second:
            assert living_in(first.home) == []
            client = Speaker(second, era)
            answer = client.call("read_output", job_id=job["job_id"])
            assert (answer["is_error"], answer["status"]) == (True, "lost")
            assert "a server that has ended since" in answer["text"]
            other = client.call("read_output", job_id=job["job_id"][:-2] + "xx")
            assert other["status"] == "unknown"
            assert client.call("list_jobs")["jobs"] == []


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "spool"
    assert list((tmp_path / "spool").iterdir()) == []


def spooled(server: Server) -> bytes:
    """What a job's file on disk holds so far: it has no name, and only root sees it."""
    descriptors = f"/proc/{server.process.pid}/fd"
    for number in os.listdir(descriptors):
        path = f"{descriptors}/{number}"
        with contextlib.suppress(OSError):  # closed meanwhile
            name = os.readlink(path)
            if "/commander-spool-" in name and name.endswith("(deleted)"):
                with open(path, "rb") as file:
                    return file.read().partition(b"\0")[0]
    raise AssertionError("there is no file")


def test_output_read_across_broken_connections_is_all_of_it(
    launch: Launch, spool: Path, era: str
) -> None:
    expected = "".join(f"{number}\n" for number in range(1, 100_001))
    env = {"MCP_SPOOL_DIR": str(spool), "MCP_MAX_OUTPUT_BYTES": "10000"}
    with launch(env=env) as server, cable_to(server.port) as cable:
        client = Speaker(server, era, cable.port)
        gate = server.home / "gate"
        command = f"seq 100000; until test -e {gate}; do sleep 0.05; done"
        job_id = client.call("start_command", command=command, wait_seconds=1)["job_id"]
        text, cursor, cuts = "", 0, 0
        while cursor < len(expected):
            if cuts < 3 and cursor > cuts * len(expected) // 3:
                cuts += 1
                with ThreadPoolExecutor() as pool:
                    waiting = pool.submit(
                        client.call,
                        "read_output",
                        job_id=job_id,
                        cursor=cursor,
                        until="exit",
                        wait_seconds=30,
                    )
                    wait_for_a_call(server)
                    cable.cut()
                    with pytest.raises((OSError, http.client.HTTPException)):
                        waiting.result()
                client = Speaker(server, era, cable.port)
            page = client.call(
                "read_output",
                job_id=job_id,
                cursor=cursor,
                view="raw",
                max_bytes=65536,
            )
            text, cursor = text + page["output"], page["next_cursor"]
        assert cuts == 3
        assert text == expected
        if os.geteuid() == 0:
            on_disk = spooled(server)
            assert len(on_disk) > MEBIBYTE // 4
            assert expected.encode().startswith(on_disk)
        gate.touch()
        end = client.call("read_output", job_id=job_id, until="exit", wait_seconds=20)
        assert end["status"] == "exited"


def wait_for_a_call(server: Server) -> None:
    """Until a client's connection is open; its call is on its way then."""
    connections = psutil.Process(server.process.pid).net_connections
    while not [one for one in connections() if one.status == "ESTABLISHED"]:
        pass


def test_who_hangs_up_ends_its_job_in_one_era_and_not_in_the_other(
    server: Server, era: str, eventually: Eventually
) -> None:
    seconds = 1341 + ERAS.index(era)
    client = Speaker(server, era)
    call = client.listening(
        "start_command", command=f"echo; exec sleep {seconds}", wait_seconds=60
    )
    with call as messages:
        assert next(messages)["method"] == "notifications/progress"
    row = next(
        row
        for row in client.call("list_jobs", limit=100)["jobs"]
        if str(seconds) in row["command"]
    )
    if era == ERAS[0]:
        assert row["status"] == "running"
        eventually(lambda: sleepers(server.home, seconds), "it sleeps on")
        client.call("signal_job", job_id=row["job_id"], signal="KILL")
    eventually(lambda: not sleepers(server.home, seconds), "nobody sleeps")
    end = client.call("read_output", job_id=row["job_id"], until="exit", wait_seconds=9)
    assert end["ended_by"] == ("client_signal" if era == ERAS[0] else "cancelled")


@pytest.mark.parametrize(
    ("command", "shown", "cleaned"),
    [
        (r"printf '\377'", "\N{REPLACEMENT CHARACTER}", {"invalid_bytes": 1}),
        (
            r"yes 12345 | head -n 300000 | tr '\n' '\r'",
            "12345",
            {"cr_rewrites": 27305},
        ),
        (
            "head -c 5000000 /dev/zero | tr '\\0' x",
            "x" * 1450,
            {"long_lines_cut": 1},
        ),
    ],
    ids=["no UTF-8", "frames", "a long line"],
)
def test_odd_output_is_shown_short_and_counted(
    server: Server, era: str, command: str, shown: str, cleaned: Json
) -> None:
    client = Speaker(server, era)
    job = client.call("start_command", command=command, wait_seconds=30)
    assert job["status"] == "exited"
    page = client.call(
        "read_output", job_id=job["job_id"], cursor=0, max_bytes=16384 * 10
    )
    assert page["output"].startswith(shown)
    assert len(page["output"]) < 3000
    assert page["cleaned"].keys() == cleaned.keys()
    assert all(page["cleaned"][name] > 0 for name in cleaned)


# --- calls that would outlast their client -----------------------------------------


@pytest.fixture(scope="module")
def yielding(launch: Launch) -> Iterator[Server]:
    with launch(env={"MCP_EXECUTE_YIELD": "500ms"}) as server:
        yield server


def gated(server: Server, name: str) -> tuple[Path, str]:
    gate = server.home / name
    return gate, f"echo begun; until test -e {gate}; do sleep 0.05; done; echo ended"


def test_a_long_call_is_answered_with_a_job(yielding: Server, era: str) -> None:
    client = Speaker(yielding, era)
    gate, command = gated(yielding, f"gate-{era}")
    answer = client.call("execute_command", command=command)
    assert (answer["status"], answer["exit_code"]) == ("running", None)
    assert answer["stdout"] == "begun\n"
    gate.touch()
    end = client.call(
        "read_output", job_id=answer["job_id"], until="exit", wait_seconds=20
    )
    assert (end["exit_code"], end["output"]) == (0, "begun\nended\n")


def test_a_call_that_shows_progress_is_answered_with_the_result(
    yielding: Server, era: str
) -> None:
    client = Speaker(yielding, era)
    told, answer = client.follow("execute_command", command="echo a; sleep 1.5; echo b")
    assert (answer["exit_code"], answer["stdout"]) == (0, "a\nb\n")
    assert {one["method"] for one in told} == {"notifications/progress"}


def test_callers_without_mcp_get_the_result(yielding: Server, era: str) -> None:
    arguments = {"command": f"sleep 1.5; echo {era}"}
    result = yielding.call("execute_command", arguments, path="/")
    assert result["structuredContent"]["stdout"] == f"{era}\n"


def test_the_operator_can_have_all_calls_wait(launch: Launch, era: str) -> None:
    with launch(env={"MCP_EXECUTE_YIELD": "0"}) as server:
        client = Speaker(server, era)
        answer = client.call("execute_command", command="sleep 1; echo end")
        assert (answer["exit_code"], answer["stdout"]) == (0, "end\n")
