"""What goes wrong around jobs of the real server: disks, patterns, input, terminals."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.interaction.speaking import ERAS, Speaker

if TYPE_CHECKING:
    from tests.interaction.conftest import Eventually, Launch, Server

pytestmark = pytest.mark.interaction

MODERN = ERAS[-1]
KEPT_BYTES = 64 * 1024
LINES = 300_000
"""Two megabytes: more than the small disk has, and much more than memory keeps."""
MEBIBYTE = 1024 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one MiB."""
    libc = ctypes.CDLL(None, use_errno=True)
    place = tmp_path / "disk"
    place.mkdir()
    target = os.fsencode(place)
    if libc.mount(b"tmpfs", target, b"tmpfs", 0, b"size=1m,mode=0700"):
        pytest.skip(f"cannot mount a tmpfs: {os.strerror(ctypes.get_errno())}")
    yield place
    assert libc.umount2(target, 0) == 0, os.strerror(ctypes.get_errno())


def used_bytes(place: Path) -> int:
    facts = os.statvfs(place)
    return (facts.f_blocks - facts.f_bfree) * facts.f_frsize


def shown_from(client: Speaker, job: str, cursor: int) -> Iterator[dict[str, Any]]:
    """All pages from a cursor on."""
    while True:
        page = client.call(
            "read_output", job_id=job, cursor=cursor, max_bytes=KEPT_BYTES, view="raw"
        )
        yield page
        if page["next_cursor"] == page["latest_cursor"]:
            return
        assert page["next_cursor"] > cursor
        cursor = page["next_cursor"]


# --- disks ---------------------------------------------------------------------------


def test_a_full_disk_leaves_what_memory_keeps_and_says_so(
    launch: Launch, small_disk: Path, eventually: Eventually
) -> None:
    env = {
        "MCP_SPOOL_DIR": str(small_disk / "spool"),
        "MCP_MAX_OUTPUT_BYTES": str(KEPT_BYTES),
        "MCP_MAX_FINISHED": "1",
    }
    with launch(env=env) as server:
        client = Speaker(server, MODERN)
        job = client.call("start_command", command=f"seq {LINES}", wait_seconds=30)
        assert (job["status"], job["exit_code"]) == ("exited", 0)
        assert "the disk is full" in job["spool_problem"]
        assert job["spool_problem"] in job["text"]
        whole = "".join(f"{number}\n" for number in range(1, LINES + 1))
        position, gone = 0, 0
        for page in shown_from(client, job["job_id"], 0):
            lost = page.get("evicted_bytes", 0)
            gone += lost
            first, _, last = page["output"].partition("\n[... ")
            assert whole.startswith(first, position)
            if lost:
                last = last.partition("...]\n")[2]
                assert whole.startswith(last, page["next_cursor"] - len(last))
                assert len(first) + lost + len(last) == page["next_cursor"] - position
            position = page["next_cursor"]
        assert position == len(whole)
        assert 0 < gone < len(whole) - KEPT_BYTES, "the disk has kept something"
        end = client.call("read_output", job_id=job["job_id"], tail_lines=1)
        assert end["output"] == f"{LINES}\n"
        # What is forgotten gives its room back, and the next job has all of it.
        other = client.call("start_command", command="seq 60000", wait_seconds=30)
        eventually(lambda: used_bytes(small_disk) < MEBIBYTE // 2, "there is room")
        third = client.call("start_command", command="seq 60000", wait_seconds=30)
        for each in (other, third):
            assert each["status"] == "exited"
        assert "spool_problem" not in third
        pages = shown_from(client, third["job_id"], 0)
        assert (
            "".join(page["output"] for page in pages) == whole[: third["next_cursor"]]
        )
        levels = {record["level"] for record in server.records()}
        assert levels.isdisjoint({"error", "critical"})
    assert used_bytes(small_disk) == 0


# --- patterns ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bomb",
    [
        "(a+)+$",
        "(a|aa)*b",
        "(a*)*(a*)*(a*)*c",
        "(.*)(.*)(.*)(.*)(.*)(.*)z",
        "(?:a{0,20}){0,20}b",
        "(" * 60 + "a" + ")" * 60,
        "a{1,1000}{1,1000}b",
        "(?=a+)b",
        "(",
    ],
)
def test_a_pattern_that_would_take_for_ever_holds_up_nobody(
    server: Server, bomb: str
) -> None:
    client = Speaker(server, MODERN)
    flood = (
        "for i in 1 2 3 4 5 6 7 8; do head -c 60000 /dev/zero | tr '\\0' a; echo; done"
    )
    job = client.call("start_command", command=flood, wait_seconds=30)["job_id"]
    with ThreadPoolExecutor(1) as pool:
        searching = pool.submit(
            Speaker(server, MODERN).call,
            "read_output",
            job_id=job,
            cursor=0,
            match=bomb,
        )
        pings = 0
        while not searching.done() or not pings:
            assert server.rpc("ping")["result"] == {}
            pings += 1
        found = searching.result()
    if found["is_error"]:
        assert '"match"' in found["error"]
    else:
        assert found["next_cursor"] > 0


# --- input ---------------------------------------------------------------------------


def test_a_megabyte_for_a_process_that_never_reads_waits_and_no_more_is_taken(
    server: Server, eventually: Eventually
) -> None:
    client = Speaker(server, MODERN)
    text = "x" * MEBIBYTE
    job = client.call(
        "start_command",
        command="exec sleep 1555",
        stdin=text,
        keep_stdin_open=True,
        wait_seconds=0,
    )["job_id"]

    def pending() -> int:
        facts = client.call("read_output", job_id=job)
        return int(facts.get("pending_input_bytes", 0))

    eventually(lambda: pending() == MEBIBYTE, "all of it waits")
    more = client.call("send_input", job_id=job, text=text, wait_seconds=0)
    assert (more["is_error"], more["status"]) == (True, "busy")
    assert more["retry_after_seconds"] > 0
    assert pending() == MEBIBYTE
    assert server.rpc("ping")["result"] == {}
    end = client.call("signal_job", job_id=job, signal="TERM")
    assert (end["status"], end["survivors"]) == ("killed", [])
    assert "pending_input_bytes" not in end
    assert not [one for one in server.descendants() if "1555" in one.cmdline()]


# --- terminals -----------------------------------------------------------------------


def test_a_terminal_that_is_hung_up_ends_whoever_is_left_on_it(
    server: Server, eventually: Eventually
) -> None:
    client = Speaker(server, MODERN)
    left = "sh -c \"trap '' HUP; exec sleep 1666\" & sleep 1666 & sleep 0.3; exit 3"
    job = client.call("start_command", command=left, tty=True, wait_seconds=30)
    assert (job["status"], job["exit_code"]) == ("exited", 3)
    eventually(
        lambda: not [one for one in server.descendants() if "1666" in one.cmdline()],
        "nobody is left",
    )


def test_a_program_that_hangs_its_own_terminal_up_can_still_be_ended(
    server: Server, eventually: Eventually
) -> None:
    """No descriptor of the terminal is left, and the server reads EIO."""
    client = Speaker(server, MODERN)
    command = "echo up; trap '' HUP; exec sleep 1777 <&- >&- 2>&-"
    job = client.call("start_command", command=command, tty=True, wait_seconds=1)
    assert job["status"] == "running"
    assert job["output"] == "up\n"
    sent = client.call("send_input", job_id=job["job_id"], text="x\n", wait_seconds=0)
    assert sent["status"] in ("running", "refused")
    end = client.call("signal_job", job_id=job["job_id"], signal="TERM")
    assert (end["status"], end["survivors"]) == ("killed", [])
    again = client.call("read_output", job_id=job["job_id"], cursor=0)
    assert again["output"].startswith("up\n")


# --- crowds --------------------------------------------------------------------------


def test_more_jobs_than_there_is_room_for_run_wait_and_are_refused(
    launch: Launch,
) -> None:
    with launch() as server:
        client = Speaker(server, MODERN)
        gate = server.home / "gate"
        command = f"while ! test -e {gate}; do sleep 0.2; done"
        jobs = [
            client.call("start_command", command=command, wait_seconds=0)
            for _ in range(96)
        ]
        states = [job["status"] for job in jobs]
        assert states == ["running"] * 32 + ["queued"] * 64
        refused = client.call("start_command", command=command, wait_seconds=0)
        assert (refused["is_error"], refused["status"]) == (True, "busy")
        assert refused["retry_after_seconds"] > 0
        gate.touch()
        with ThreadPoolExecutor(8) as pool:

            def ended(job: dict[str, Any]) -> tuple[str, int]:
                end = Speaker(server, MODERN).call(
                    "read_output", job_id=job["job_id"], wait_seconds=50, until="exit"
                )
                return end["status"], end["exit_code"]

            assert set(pool.map(ended, jobs)) == {("exited", 0)}
