"""Asks a server for a sign of life, again and again, with pauses.

usage: pinging PORT SECONDS

Prints how long the answers took, in milliseconds.
"""

from __future__ import annotations

import json
import statistics
import sys
import time

from benchmarks.callers import JobClient

_PAUSE_SECONDS = 0.01


def main() -> None:
    end = time.monotonic() + float(sys.argv[2])
    taken = []
    with JobClient(int(sys.argv[1])) as client:
        while time.monotonic() < end:
            begin = time.perf_counter()
            if client.ask("ping", {}).get("result") != {}:
                raise ValueError("this is no answer to a ping")
            taken.append((time.perf_counter() - begin) * 1e3)
            time.sleep(_PAUSE_SECONDS)
    taken.sort()
    print(
        json.dumps(
            {
                "p50_ms": statistics.median(taken),
                "p99_ms": taken[round(0.99 * (len(taken) - 1))],
                "max_ms": taken[-1],
            }
        )
    )


main()
