"""What a command that prints without end does to the others."""

from __future__ import annotations

import subprocess
import time
from typing import Final

from benchmarks.measure import Row, Scale, Target, rounds
from benchmarks.rows.spawn import RAN, TRUE, wait_for_children
from benchmarks.servers import Load, Server, Traffic, call, commander

__all__ = ["flood"]

_FLOOD: Final = "yes"


def flood(scale: Scale) -> list[Row]:
    seconds = scale.pick(3.0, 0.5)

    def true(server: Server) -> Load:
        return server.load(Traffic(TRUE, RAN, seconds=seconds))

    def flooded(server: Server) -> Load:
        length = f"{seconds + 1:.1f}s"
        traffic = Traffic(call(_FLOOD, timeout=length), "", requests=1)
        with server.loading(traffic) as client:
            wait_for_children(server, 1)
            load = true(server)
            client.wait()
        return load

    def beside(server: Server) -> Load:
        """The same flood into ``cat``, which nobody of ours reads."""
        words = ["sh", "-c", f"exec timeout {seconds + 60} {_FLOOD} | cat >/dev/null"]
        with subprocess.Popen(words, process_group=0) as other:
            time.sleep(0.1)
            try:
                return true(server)
            finally:
                subprocess.run(["kill", "--", f"-{other.pid}"], check=False)

    with commander() as server:
        true(server)
        found: dict[str, list[Load]] = rounds(
            scale.rounds(),
            {
                "idle": lambda: true(server),
                "flooded": lambda: flooded(server),
                "beside": lambda: beside(server),
            },
        )
    p99 = {name: [load.p99_ms for load in loads] for name, loads in found.items()}
    return [
        Row(
            name="flood",
            what="another command's latency during a flood (`yes`), p99: more than",
            against="idle",
            target=Target(bound=5.0, unit="ms"),
            values=tuple(
                during - idle
                for during, idle in zip(p99["flooded"], p99["idle"], strict=True)
            ),
            figures={
                "flood p99 ms": tuple(p99["flooded"]),
                "idle p99 ms": tuple(p99["idle"]),
                "p99 ms beside a flood into cat": tuple(p99["beside"]),
                "flood p50 ms": tuple(load.p50_ms for load in found["flooded"]),
                "idle p50 ms": tuple(load.p50_ms for load in found["idle"]),
            },
        )
    ]
