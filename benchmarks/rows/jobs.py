"""Two hundred jobs at once, each waited for by a client of its own."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from benchmarks.callers import JobClient
from benchmarks.measure import BenchmarkError, Row, Scale, Target, rounds
from benchmarks.programs import run_inside
from benchmarks.servers import Server, commander

__all__ = ["jobs"]

_JOBS: Final = 200
_SLEEP_SECONDS: Final = 5.0
_ENV: Final = {"MCP_MAX_CONCURRENT": "256", "MCP_MAX_QUEUED": "256"}
_EXITED: Final = ("exited", 0)


def jobs(scale: Scale) -> list[Row]:
    count = int(scale.pick(_JOBS, 20))
    sleep_seconds = scale.pick(_SLEEP_SECONDS, 0.5)
    with commander(env=_ENV) as server:
        _at_once(server, 1, 0.0)
        found: dict[str, list[Any]] = rounds(
            scale.rounds(),
            {
                "jobs": lambda: _at_once(server, count, sleep_seconds),
                "idle": lambda: _ping(server, sleep_seconds),
            },
        )
    return [
        Row(
            name="jobs-time",
            what=f"{count} jobs of `sleep {sleep_seconds:g}` at once, each by "
            "`start_command` and `read_output` until its exit: time to the last answer",
            against=f"{sleep_seconds:g} s",
            target=Target(bound=1.3, unit="x"),
            values=tuple(one["seconds"] / sleep_seconds for one in found["jobs"]),
            figures={
                "seconds": tuple(one["seconds"] for one in found["jobs"]),
                "all started after, seconds": tuple(
                    one["started"] for one in found["jobs"]
                ),
                "`ping` p99 ms meanwhile": tuple(
                    one["ping"]["p99_ms"] for one in found["jobs"]
                ),
                "`ping` p50 ms": tuple(one["ping"]["p50_ms"] for one in found["jobs"]),
                "`ping` p99 ms idle": tuple(one["p99_ms"] for one in found["idle"]),
            },
        )
    ]


def _ping(server: Server, seconds: float) -> Any:
    return run_inside("pinging", server.port, seconds)


def _at_once(server: Server, count: int, sleep_seconds: float) -> dict[str, Any]:
    """Start them all, from clients that are connected; wait for all."""
    ready = threading.Barrier(count + 1)
    started: list[float] = []
    with ThreadPoolExecutor(count + 1) as pool:

        def whole() -> None:
            with JobClient(server.port) as client:
                ready.wait()
                job = client.call(
                    "start_command", command=f"sleep {sleep_seconds}", wait_seconds=0
                )["job_id"]
                started.append(time.monotonic())
                facts = client.ended(job)
            if (facts["status"], facts["exit_code"]) != _EXITED:
                raise BenchmarkError(facts)

        ping = pool.submit(_ping, server, max(0.2, sleep_seconds))
        clients = [pool.submit(whole) for _ in range(count)]
        ready.wait()
        begin = time.monotonic()
        for client in clients:
            client.result()
        seconds = time.monotonic() - begin
        return {
            "seconds": seconds,
            "started": max(started) - begin,
            "ping": ping.result(),
        }
