"""What a job costs in memory after its end, beside the bytes that it printed.

usage: finished JOBS BYTES

Each prints so many bytes. They take the way of ``start_command``, and are all kept.
"""

from __future__ import annotations

import gc
import json
import os
import sys

from twisted.internet.task import deferLater

from benchmarks.inside.engine import Engine, reactor, with_engine
from benchmarks.inside.probes import resident_kib
from commander.commands import Outcome
from commander.jobs.job import Job

_AT_ONCE = 8
_WARM_UP = 200


async def finished(engine: Engine, count: int, size: int) -> list[Job]:
    """Run so many, some at a time."""
    jobs: list[Job] = []
    while len(jobs) < count:
        group = [
            engine.job(f"head -c {size} /dev/zero | tr '\\0' x")
            for _ in range(min(_AT_ONCE, count - len(jobs)))
        ]
        while not all(job.finished for job in group):
            await deferLater(reactor, 0.002)
        jobs += group
    return jobs


async def main(engine: Engine) -> None:
    count, size = int(sys.argv[1]), int(sys.argv[2])
    await finished(engine, _WARM_UP, size)
    gc.collect()
    before, objects = resident_kib(), len(gc.get_objects())
    jobs = await finished(engine, count, size)
    for job in jobs:
        job.read_to.both = size
        kept = None if job.kept is None else job.kept.total(0)
        if not isinstance(job.ended, Outcome) or kept != size:
            raise ValueError(job.ended)
    kept_kib = sum(job.kept_bytes for job in jobs) / 1024
    del jobs, job
    await deferLater(reactor, 0.1)
    gc.collect()
    grown = resident_kib() - before
    print(
        json.dumps(
            {
                "kib_each": (grown - kept_kib) / count,
                "kept_kib_each": kept_kib / count,
                "objects_each": (len(gc.get_objects()) - objects) / count,
            }
        )
    )


os.environ["MCP_MAX_FINISHED"] = "100000"
with_engine(main)
