"""What a container may use comes to an end, and the server goes on."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from tests.image.conftest import Eventually, Figure, Launch
    from tests.image.engine import Container

pytestmark = pytest.mark.image

MEBIBYTE: Final = 2**20
TOO_MUCH: Final = f"exec python3 -c 'print(len(b\"x\" * {900 * MEBIBYTE}))'"
NEARLY_ALL: Final = "for each in $(seq 235); do sleep 60 & done; wait"
"""Of the 256 processes and threads that the container may have."""
A_FEW_MORE: Final = 25
REFUSAL: Final = (
    "cannot start a process: no more processes can be made: the limit of the "
    "container, or of the user, is reached"
)
SMALL: Final = (
    *("--read-only", "--read-only-tmpfs=false"),
    *("--tmpfs", "/tmp:rw,size=64m,mode=1777"),
    *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
    *("--memory", "512m", "--cpus", "0.25"),
)
"""The smallest task of Fargate."""
FLOODS: Final = 32
FLOOD_SECONDS: Final = 25
HEALTH_SECONDS: Final = 5.0
"""What the health check of the image waits for an answer."""


def test_a_command_that_takes_all_memory_is_ended_and_not_the_server(
    container: Container,
) -> None:
    first, *_ = container.processes()
    result = container.run(TOO_MUCH)

    assert result["ended_by"] == "oom", result
    assert container.processes()[0] == first
    assert container.run("echo goes on")["stdout"] == "goes on\n"


def test_too_many_processes_are_refused_in_words_and_the_server_goes_on(
    launch: Launch, eventually: Eventually
) -> None:
    with launch(token="many") as container, ThreadPoolExecutor(FLOODS) as pool:
        eventually(container.is_healthy, "/health answers")
        many = pool.submit(container.run, NEARLY_ALL, timeout="10s")
        eventually(lambda: len(container.processes()) > 235, "they are many")
        calls = [pool.submit(container.run, "sleep 2") for _ in range(A_FEW_MORE)]
        healthy = container.is_healthy()
        results = [call.result() for call in calls]
        refused = [one for one in results if one.get("status") == "failed_to_start"]

        assert 0 < len(refused) < A_FEW_MORE
        assert {one["error"] for one in refused} == {REFUSAL}
        assert healthy
        assert many.result()["ended_by"] == "timeout"
        assert container.run("echo goes on")["stdout"] == "goes on\n"
        eventually(lambda: len(container.processes()) == 1, "all have ended")


def test_floods_on_the_smallest_machine_leave_it_healthy(
    launch: Launch, eventually: Eventually, figure: Figure
) -> None:
    began = time.monotonic()
    with (
        launch(token="small", options=SMALL) as container,
        ThreadPoolExecutor(FLOODS) as pool,
    ):
        eventually(container.is_healthy, "/health answers")
        started = time.monotonic() - began
        (first,) = container.processes()
        floods = [
            pool.submit(container.run, "yes", timeout=f"{FLOOD_SECONDS}s")
            for _ in range(FLOODS)
        ]
        waits, resident = [], 0
        while not all(flood.done() for flood in floods):
            asked = time.monotonic()
            assert container.is_healthy(), "no answer in 5 s"
            waits.append(time.monotonic() - asked)
            resident = max(resident, first.memory_info().rss)
            time.sleep(0.25)
        ends = {flood.result()["ended_by"] for flood in floods}

        figure(
            f"0.25 CPU, 512 MB: healthy after {started:.1f} s; {FLOODS} floods for "
            f"{FLOOD_SECONDS} s: {len(waits)} health checks, the slowest "
            f"{max(waits):.2f} s; server {resident / MEBIBYTE:.0f} MiB; ended by {ends}"
        )
        assert len(waits) > 3
        assert max(waits) < HEALTH_SECONDS
        assert first.is_running()
        assert container.run("echo goes on")["stdout"] == "goes on\n"
