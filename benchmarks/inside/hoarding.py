"""Memory of a process whose command prints without end to readers that do not read.

usage: hoarding MEBIBYTES READERS

Half of it goes to each stream.
"""

from __future__ import annotations

import gc
import json
import sys
import time

from twisted.internet.task import LoopingCall

from benchmarks.inside.engine import Engine, reactor, with_engine
from benchmarks.inside.probes import resident_kib
from commander.commands import Outcome
from commander.output.command import CommandOutput

_SAMPLE_SECONDS = 0.02
_ZEROS = "dd if=/dev/zero bs=1M count={mebibytes} 2>/dev/null"


def die(output: CommandOutput, *, at_once: bool) -> None:
    """A reader that is there and takes nothing, or nothing after the first event."""
    subscription = output.subscribe(
        lambda span: subscription.pause(), clock=reactor, monotonic=time.monotonic
    )
    if at_once:
        subscription.pause()


async def main(engine: Engine) -> None:
    mebibytes, readers = int(sys.argv[1]), int(sys.argv[2])
    zeros = f"dd if=/dev/zero bs=1M count={mebibytes // 2}"
    command = f"{zeros} 2>/dev/null; {{ {zeros} 2>&3; }} 3>/dev/null >&2"
    await engine.run("true")
    gc.collect()
    before, samples = resident_kib(), [0]
    sampling = LoopingCall(lambda: samples.append(resident_kib()))
    sampling.start(_SAMPLE_SECONDS)
    running = engine.start(command)
    for number in range(readers):
        die(running.output, at_once=number % 2 == 0)
    outcome = await running.finished
    sampling.stop()
    samples.append(resident_kib())  # the result is a copy of what was kept
    if not isinstance(outcome, Outcome):
        raise ValueError(outcome)
    streams = (outcome.stdout, outcome.stderr)
    if [stream.total_bytes for stream in streams] != [mebibytes // 2 << 20] * 2:
        raise ValueError([stream.total_bytes for stream in streams])
    kept = sum(len(stream.head) + len(stream.tail) for stream in streams)
    del outcome, running, streams
    gc.collect()
    print(
        json.dumps(
            {
                "before_kib": before,
                "most_kib": max(samples),
                "after_kib": resident_kib(),
                "kept_mib": kept / 2**20,
            }
        )
    )


with_engine(main)
