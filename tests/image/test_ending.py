"""Process 1 is the server: its signals, its exit status, and whom it has to reap."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.image.engine import STOP_SECONDS, podman

if TYPE_CHECKING:
    from tests.image.conftest import Eventually, Figure, Launch
    from tests.image.engine import Container

pytestmark = pytest.mark.image

TERMINATED = 143
"""137 is what a KILL at the end of the stop timeout would give."""
INTERRUPTED = 130
GRACE_SECONDS = 20
"""``MCP_SHUTDOWN_GRACE``, if nobody sets it."""
STUBBORN = "trap '' TERM; while sleep 1; do :; done"


def timed_stop(container: Container) -> tuple[int, float]:
    """The exit status, and after how long."""
    began = time.monotonic()
    return container.stop(), time.monotonic() - began


def test_an_idle_server_ends_at_once(
    launch: Launch, eventually: Eventually, figure: Figure
) -> None:
    with launch(token="idle") as container:
        eventually(container.is_healthy, "/health answers")
        status, seconds = timed_stop(container)

        figure(f"stop of an idle container: {seconds:.2f} s")
        assert (status, container.records()[-1]["event"]) == (
            TERMINATED,
            "server_stopped",
        )
        assert seconds < GRACE_SECONDS


def test_a_signal_that_comes_before_the_server_is_there_ends_it_too(
    launch: Launch, figure: Figure
) -> None:
    with launch(token="early") as container:
        came_early = not container.records()
        status, seconds = timed_stop(container)

        figure(f"stop of a container that is starting: {seconds:.2f} s")
        assert came_early
        assert status == TERMINATED
        assert seconds < STOP_SECONDS


def test_an_interrupt_ends_it_with_its_own_status(
    launch: Launch, eventually: Eventually
) -> None:
    with launch(token="interrupted") as container:
        eventually(container.is_healthy, "/health answers")
        podman("kill", "--signal", "INT", container.name)

        assert container.wait() == INTERRUPTED


def test_a_command_that_ends_within_the_grace_is_answered(
    launch: Launch, eventually: Eventually, figure: Figure
) -> None:
    with launch(token="patient") as container, ThreadPoolExecutor() as pool:
        eventually(container.is_healthy, "/health answers")
        answer = pool.submit(container.run, "sleep 3; echo done")
        eventually(lambda: container.records("CMD_START"), "the command runs")
        status, seconds = timed_stop(container)

        figure(f"stop while a command needs 3 s: {seconds:.2f} s")
        assert answer.result()["stdout"] == "done\n"
        assert status == TERMINATED
        assert seconds < GRACE_SECONDS


def test_a_command_that_ignores_term_does_not_outlast_the_stop_timeout(
    launch: Launch, eventually: Eventually, figure: Figure
) -> None:
    with launch(token="stubborn") as container, ThreadPoolExecutor() as pool:
        eventually(container.is_healthy, "/health answers")
        answer = pool.submit(container.run, STUBBORN)
        eventually(lambda: container.records("CMD_START"), "the command runs")
        processes = container.processes()
        status, seconds = timed_stop(container)

        figure(f"stop while a command ignores TERM: {seconds:.2f} s")
        assert status == TERMINATED
        assert answer.result()["ended_by"] == "server_shutdown"
        (ended,) = container.records("CMD_EXEC")
        assert ended["ended_by"] == "server_shutdown"
        assert not [one for one in processes if psutil.pid_exists(one.pid)]
        assert container.records()[-1]["event"] == "server_stopped"


def test_the_same_container_starts_again(
    launch: Launch, eventually: Eventually
) -> None:
    with launch(token="again") as container:
        for _ in range(2):
            eventually(container.is_healthy, "/health answers")
            assert container.run("echo served")["stdout"] == "served\n"
            podman("restart", container.name)
        eventually(container.is_healthy, "/health answers")

        assert len(container.records("server_started")) == 3


def test_what_others_leave_here_is_ended_and_reaped(
    container: Container, eventually: Eventually
) -> None:
    """Nobody above the server would do it, and ids of processes are limited."""
    container.exec("sh", "-c", "setsid sleep 0.1 & setsid sleep 1000 & exit")
    assert len(container.processes()) > 1

    eventually(
        lambda: [one.name() for one in container.processes()] == ["twist"],
        "no process is left, not even a zombie",
    )
