"""Jobs in a container that may do next to nothing: output, terminals, input, ends."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

import psutil
import pytest

from tests.image.engine import ENGINE, HARDENED, STOP_SECONDS, podman

if TYPE_CHECKING:
    from tests.image.conftest import Eventually, Figure, Launch
    from tests.image.engine import Container

pytestmark = pytest.mark.image

PLACE: Final = "/var/spool/commander"
LONG: Final = "seq 1000000"
"""Prints several times what is kept in memory; each line tells which it is."""
MIDDLE: Final = 3_000_000
"""A place in its output that is neither in the beginning nor in the end."""
WITHOUT_VOLUMES: Final = (*HARDENED, "--image-volume=ignore")
TERMINATED: Final = 143
TOKEN: Final = "no-word-of-any-record"
"""The log writes stars in its place."""


def finished(container: Container, command: str, **arguments: object) -> str:
    """Run a job to its end; gives its handle."""
    started = container.call(
        "start_command", command=command, wait_seconds=30, **arguments
    )
    assert started["status"] == "exited", started
    handle: str = started["job_id"]
    return handle


def spooled(container: Container) -> list[str]:
    """The files without a name that the server has open."""
    first, *_ = container.processes()
    directory = f"/proc/{first.pid}/fd"
    links = [os.readlink(f"{directory}/{each}") for each in os.listdir(directory)]
    return [link for link in links if link.startswith(PLACE) and "(deleted)" in link]


# --- output --------------------------------------------------------------------------


def test_all_of_a_long_output_can_be_read_from_the_spool(container: Container) -> None:
    handle = finished(container, LONG)
    read = container.call("read_output", job_id=handle, cursor=MIDDLE)

    assert "evicted_bytes" not in read, read
    assert "spool_problem" not in read
    _, *lines, _ = read["output"].splitlines()
    numbers = list(map(int, lines))
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert len(numbers) > 1000


def test_what_is_spooled_has_no_name_and_lies_on_the_volume(
    container: Container,
) -> None:
    finished(container, LONG)

    assert spooled(container)
    (directory,) = container.exec("ls", f"{PLACE}/output").stdout.split()
    assert container.exec("ls", "-A", f"{PLACE}/output/{directory}").stdout == ""
    kind = container.exec("stat", "--file-system", "--format=%T", PLACE).stdout
    assert kind.strip() != "tmpfs"


def test_no_command_finds_what_another_one_printed(container: Container) -> None:
    finished(container, "seq 1000000; echo needle-$((6 * 7))")
    assert spooled(container)
    look = f"cat /proc/1/fd/* ; find {PLACE} -type f -exec cat {{}} +"
    result = container.run(f"{{ {look}; }} 2>&1 | grep --count needle-42")

    assert result["stdout"] == "0\n"


def test_without_the_volume_it_starts_and_says_what_is_missing(
    launch: Launch, eventually: Eventually
) -> None:
    with launch(token=TOKEN, options=WITHOUT_VOLUMES) as container:
        eventually(container.is_healthy, "/health answers")
        (missing,) = container.records("spool_missing")
        handle = finished(container, LONG)
        read = container.call("read_output", job_id=handle, cursor=MIDDLE)

        assert missing["level"] == "warn"
        assert f"MCP_SPOOL_DIR={PLACE}/output" in missing["reason"]
        assert read["evicted_bytes"] > 0


def test_a_place_that_an_operator_demands_must_be_there(launch: Launch) -> None:
    variables = {"MCP_SPOOL_DIR": f"{PLACE}/output"}
    with launch(token=TOKEN, options=WITHOUT_VOLUMES, variables=variables) as container:
        assert container.wait() == 1
        (line,) = container.logs().stderr.splitlines()
        assert "MCP_SPOOL_DIR" in line


def test_a_full_disk_is_told_and_the_job_goes_on(
    launch: Launch, eventually: Eventually
) -> None:
    options = (*HARDENED, "--tmpfs", f"{PLACE}:rw,size=1m,mode=1777")
    with launch(token=TOKEN, options=options) as container:
        eventually(container.is_healthy, "/health answers")
        handle = finished(container, LONG)
        read = container.call("read_output", job_id=handle, tail_lines=1)

        assert "disk" in read["spool_problem"]
        assert read["output"].strip().endswith("1000000")
        assert container.run("echo goes on")["stdout"] == "goes on\n"


# --- terminals and input -------------------------------------------------------------


def test_a_job_has_a_terminal_without_any_privilege(container: Container) -> None:
    look = "tty; id -u; stty size; grep CapEff /proc/self/status; test -t 0 && echo is"
    started = container.call(
        "start_command",
        command=look,
        tty=True,
        terminal_size="100x30",
        wait_seconds=30,
    )

    terminal, user, size, capabilities, is_terminal = started["output"].split("\n")[:5]
    assert terminal.startswith("/dev/pts/")
    assert (user, size, is_terminal) == ("10001", "30 100", "is")
    assert int(capabilities.split()[1], 16) == 0


@pytest.mark.parametrize("how", ["tty", "keep_stdin_open"])
def test_a_job_that_waits_for_input_is_seen_and_answered(
    container: Container, how: str
) -> None:
    started = container.call(
        "start_command",
        command="read -r name; echo hello $name",
        wait_seconds=10,
        **{how: True},
    )
    assert started["status"] == "waiting_for_input", started
    assert started["waiting_for_input"]
    answered = container.call(
        "send_input", job_id=started["job_id"], text="you\n", wait_seconds=30
    )

    assert answered["status"] == "exited"
    assert "hello you" in answered["output"]


# --- ends ----------------------------------------------------------------------------


def test_a_job_is_ended_with_the_server_and_its_end_is_in_the_log(
    launch: Launch, eventually: Eventually, figure: Figure
) -> None:
    with launch(token=TOKEN) as container:
        eventually(container.is_healthy, "/health answers")
        started = container.call(
            "start_command", command="trap '' TERM; sleep 1000 & wait", wait_seconds=0
        )
        assert started["status"] in {"queued", "running"}
        eventually(lambda: container.records("CMD_START"), "the job runs")
        processes = container.processes()
        began = time.monotonic()
        status = container.stop()
        seconds = time.monotonic() - began

        figure(f"stop while a job ignores TERM: {seconds:.2f} s")
        assert status == TERMINATED
        assert seconds < STOP_SECONDS
        (ended,) = container.records("CMD_EXEC")
        assert ended["ended_by"] == "server_shutdown"
        assert not [one for one in processes if psutil.pid_exists(one.pid)]
        assert container.records()[-1]["event"] == "server_stopped"


@pytest.mark.parametrize("how", ["TERM", "KILL"])
def test_a_server_that_starts_again_knows_no_job_and_leaves_no_output(
    launch: Launch, eventually: Eventually, how: str
) -> None:
    with launch(token=TOKEN) as container:
        eventually(container.is_healthy, "/health answers")
        lost = finished(container, LONG)
        podman("kill", "--signal", how, container.name)
        container.wait()
        podman("start", container.name)
        eventually(container.is_healthy, "/health answers again")
        known = finished(container, LONG)

        assert container.call("read_output", job_id=lost)["status"] == "lost"
        read = container.call("read_output", job_id=known, cursor=MIDDLE)
        assert "evicted_bytes" not in read
        directories = container.exec("ls", f"{PLACE}/output").stdout.split()
        assert len(directories) == 1


# --- the doctor ----------------------------------------------------------------------


def test_the_doctor_beside_the_server_tells_what_is_there(container: Container) -> None:
    told = container.exec("commander-mcp", "doctor").stdout

    assert "handed over by the entry point; the server is process 1" in told
    assert f"  spool              {PLACE}/output, 64MiB of a job, 1GiB of all" in told
    assert "  terminals          for commands that ask for one" in told
    assert "  waiting for input  told by the kernel" in told
    assert str(container.token) not in told


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "token              handed over by"),
        (("--init",), "start the container wi"),
    ],
)
def test_the_doctor_in_the_place_of_the_server_tells_of_an_init(
    image: str, options: tuple[str, ...], says: str
) -> None:
    words = ("run", "--rm", *ENGINE, *HARDENED, *options, "--env=MCP_AUTH_TOKEN=secret")
    told = podman(*words, image, "commander-mcp", "doctor").stdout

    assert says in told
    assert "secret" not in told
    assert ("! token" in told) == bool(options)
