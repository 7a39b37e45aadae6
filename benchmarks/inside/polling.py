"""What calls cost that wait for jobs which do nothing.

usage: polling CALLS SECONDS STDIN

The calls wait as ``read_output`` does, half of them for output, half for the end. STDIN
is ``empty``, or ``pipe`` for jobs that may wait for input, which is looked at.

Prints the processor time of the whole process in so many seconds, without the calls
and with them, in milliseconds, and the memory of a call.
"""

from __future__ import annotations

import gc
import json
import sys
import time

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from benchmarks.inside.engine import Engine, reactor, with_engine
from benchmarks.inside.probes import resident_kib
from commander.commands import Stdin
from commander.jobs.job import Job
from commander.principals import ANONYMOUS
from commander.tools.caller import Nobody
from commander.tools.job_arguments import waited
from commander.tools.registry import CallContext

_JOBS = 10
_WAIT_SECONDS = 50.0
_SETTLE_SECONDS = 0.5


async def spent_ms(seconds: float) -> float:
    """Processor time of this process from now on."""
    before = time.process_time()
    await deferLater(reactor, seconds)
    return (time.process_time() - before) * 1e3


def nothing_new() -> bool:
    return False


def call(engine: Engine, job: Job, *, for_output: bool) -> Deferred[object]:
    return Deferred.fromCoroutine(
        waited(
            job,
            engine.jobs,
            CallContext(principal=ANONYMOUS, plain_rpc=False, caller=Nobody()),
            seconds=_WAIT_SECONDS,
            has_news=nothing_new if for_output else None,
        )
    )


async def main(engine: Engine) -> None:
    count, seconds, stdin = int(sys.argv[1]), float(sys.argv[2]), Stdin(sys.argv[3])
    jobs = [engine.job("exec sleep 1000", stdin) for _ in range(_JOBS)]
    await deferLater(reactor, _SETTLE_SECONDS)
    gc.collect()
    before = resident_kib()
    idle = await spent_ms(seconds)
    calls = [
        call(engine, jobs[number % _JOBS], for_output=number // _JOBS % 2 == 0)
        for number in range(count)
    ]
    await deferLater(reactor, _SETTLE_SECONDS)
    gc.collect()
    each = (resident_kib() - before) / count
    waiting = await spent_ms(seconds)
    if any(one.called for one in calls):
        raise ValueError("a call does not wait")
    begin = time.process_time()
    for job in jobs:
        job.cancel()
    while not all(one.called for one in calls):
        await deferLater(reactor, 0.01)
    ended = (time.process_time() - begin) * 1e3
    print(
        json.dumps(
            {"idle_ms": idle, "waiting_ms": waiting, "kib_each": each, "end_ms": ended}
        )
    )


with_engine(main)
