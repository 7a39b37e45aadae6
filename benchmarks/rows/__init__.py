"""The benchmarks: each measures one or more rows of the table.

A benchmark is a function that takes a ``Scale`` and gives its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import attrs

from benchmarks.measure import Row, Scale
from benchmarks.rows.finished import finished
from benchmarks.rows.flood import flood
from benchmarks.rows.follow import follow
from benchmarks.rows.jobs import jobs
from benchmarks.rows.kill import kill
from benchmarks.rows.lateness import lateness
from benchmarks.rows.listing import listing
from benchmarks.rows.many import many
from benchmarks.rows.memory import memory
from benchmarks.rows.one import one
from benchmarks.rows.policy import policy
from benchmarks.rows.polls import polls
from benchmarks.rows.protocol import protocol
from benchmarks.rows.read import read
from benchmarks.rows.relay import relay
from benchmarks.rows.spawn import spawn
from benchmarks.rows.streams import streams

__all__ = ["BENCHMARKS", "Benchmark"]


@attrs.frozen
class Benchmark:
    """A benchmark, and about how long it takes."""

    measure: Callable[[Scale], Sequence[Row]]
    seconds: float
    """In full, on two processors."""


BENCHMARKS: Final[Mapping[str, Benchmark]] = {
    "spawn": Benchmark(spawn, 75),
    "one": Benchmark(one, 22),
    "lateness": Benchmark(lateness, 17),
    "read": Benchmark(read, 55),
    "flood": Benchmark(flood, 55),
    "memory": Benchmark(memory, 40),
    "many": Benchmark(many, 30),
    "kill": Benchmark(kill, 45),
    "listing": Benchmark(listing, 32),
    "policy": Benchmark(policy, 20),
    "protocol": Benchmark(protocol, 15),
    "streams": Benchmark(streams, 40),
    "relay": Benchmark(relay, 70),
    "jobs": Benchmark(jobs, 55),
    "follow": Benchmark(follow, 30),
    "finished": Benchmark(finished, 20),
    "polls": Benchmark(polls, 130),
}
"""By name, in the order of the table."""
