"""Memory of commands that run and print nothing.

usage: idling COMMANDS

They take the way of clients' commands, through policy, slot and audit, but for HTTP.
"""

from __future__ import annotations

import gc
import json
import sys

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from benchmarks.inside.engine import Engine, reactor, with_engine
from benchmarks.inside.probes import children, resident_kib

_WARM_UP = 20
_WAIT_SECONDS = 60


async def main(engine: Engine) -> None:
    count = int(sys.argv[1])
    await gatherResults(
        [Deferred.fromCoroutine(engine.run("true")) for _ in range(_WARM_UP)]
    )
    gc.collect()
    before = resident_kib()
    commands = [
        Deferred.fromCoroutine(engine.run("exec sleep 1000")) for _ in range(count)
    ]
    for waiting in commands:
        waiting.addErrback(lambda failure: None)  # ended with the service
    for _ in range(_WAIT_SECONDS * 10):
        if len(children()) >= count:
            break
        await deferLater(reactor, 0.1)
    await deferLater(reactor, 0.5)
    if len(children()) < count:
        raise ValueError(f"{len(children())} of {count} commands run")
    gc.collect()
    each = (resident_kib() - before) / count
    print(json.dumps({"kib_each": each, "before_kib": before}))


with_engine(main)
