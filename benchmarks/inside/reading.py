"""How long the engine takes for a command that prints a lot.

usage: reading MEBIBYTES COMMAND WATCHER

WATCHER is ``nobody``, or ``reader`` for one that makes a message of every live event.
Prints the seconds from the start of the command to its outcome.
"""

from __future__ import annotations

import json
import sys
import time

import msgspec

from benchmarks.inside.engine import Engine, reactor, with_engine
from commander.commands import Outcome
from commander.output.batching import OutputSpan
from commander.output.command import CommandOutput, MergedPiece


def watch(output: CommandOutput) -> None:
    """Do with every event what has to be done to send it to a client."""

    def receive(span: OutputSpan) -> None:
        for part in output.merged(span.start, span.end):
            if isinstance(part, MergedPiece):
                text = part.data.decode("utf-8", "replace")
                msgspec.json.encode({"stream": part.stream, "text": text})

    output.subscribe(receive, clock=reactor, monotonic=time.monotonic)


async def main(engine: Engine) -> None:
    _, mebibytes, command, watcher = sys.argv
    await engine.run("true")
    begin = time.monotonic()
    running = engine.start(command)
    if watcher == "reader":
        watch(running.output)
    outcome = await running.finished
    seconds = time.monotonic() - begin
    if not isinstance(outcome, Outcome) or outcome.exit_code:
        raise ValueError(outcome)
    if outcome.stdout.total_bytes != int(mebibytes) << 20:
        raise ValueError(outcome.stdout.total_bytes)
    print(json.dumps(seconds))


with_engine(main)
