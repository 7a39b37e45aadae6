"""What is counted while the server works, and how each figure is called.

Counting costs an addition to a plain number: whether anybody ever reads the figures is
not known here, and nothing of a metrics library is imported. ``exposition`` writes them
down for Prometheus.

A label's values come from tables of ours, never from a client. Should that ever be
wrong, a figure still has at most ``MOST_SERIES`` series: what comes after them is
counted as ``other``.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from itertools import product
from typing import Final, Literal

import attrs

from commander.commands import EndedBy

__all__ = ["FAILED_TO_START", "MOST_SERIES", "Count", "Family", "Meters", "Spread"]

MOST_SERIES: Final = 64
FAILED_TO_START: Final = "failed_to_start"
"""Stands where other commands have what ended them."""
_OTHER: Final = "other"
_CLASSES: Final = {number: f"{number}xx" for number in range(1, 6)}

_COMMAND_SECONDS: Final = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
    *(60.0, 300.0, 900.0, 3600.0),
)
"""From a program that does nothing to the longest run limit."""
_WAIT_SECONDS: Final = (0.0, 0.01, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Zero is the bucket of those that did not wait."""
_LATE_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


@attrs.frozen
class Family:
    """One figure's name, kind and meaning."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    """One sentence."""
    labels: tuple[str, ...] = ()


class Count:
    """Something that only grows, by the values of its labels.

    Args:
        family: What it is called.
        known: Values of each label that are there from the beginning, at zero. None:
            a series begins when its first thing is counted.
    """

    def __init__(self, family: Family, *known: Iterable[str]) -> None:
        self.family = family
        begun = product(*known) if len(known) == len(family.labels) else ()
        self._counts: dict[tuple[str, ...], int] = dict.fromkeys(begun, 0)

    def add(self, *labels: str, amount: int = 1) -> None:
        """Count something."""
        counts = self._counts
        if labels not in counts and len(counts) >= MOST_SERIES:
            labels = (_OTHER,) * len(labels)
        counts[labels] = counts.get(labels, 0) + amount

    def series(self) -> list[tuple[tuple[str, ...], int]]:
        """The count for each combination of labels that is known or came up."""
        return list(self._counts.items())


class Spread:
    """How values are spread over buckets.

    Args:
        family: What it is called; without labels.
        bounds: Upper ends of the buckets, in order; there is one more above them.
    """

    def __init__(self, family: Family, bounds: tuple[float, ...]) -> None:
        self.family = family
        self.bounds = bounds
        self.total = 0.0
        self._counts = [0] * (len(bounds) + 1)

    def observe(self, value: float) -> None:
        """Put a value into its bucket."""
        self._counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def cumulative(self) -> list[tuple[float, int]]:
        """Upper end of each bucket, and how many values are not above it."""
        found, so_far = [], 0
        for bound, count in zip(
            (*self.bounds, float("inf")), self._counts, strict=True
        ):
            so_far += count
            found.append((bound, so_far))
        return found


class Meters:
    """Everything that is counted; one object for the server."""

    def __init__(self) -> None:
        self.commands = Count(
            Family(
                "commander_commands_total",
                "counter",
                "Commands that ended, by what ended them; `failed` is false for exit "
                "code 0 only.",
                ("ended_by", "failed"),
            ),
            [*(each.value for each in EndedBy), FAILED_TO_START],
            ["true"],
        )
        self.commands.add(EndedBy.EXIT.value, "false", amount=0)
        self.command_seconds = Spread(
            Family(
                "commander_command_duration_seconds",
                "histogram",
                "Run time of commands that were started, without their wait.",
            ),
            _COMMAND_SECONDS,
        )
        self.wait_seconds = Spread(
            Family(
                "commander_command_wait_seconds",
                "histogram",
                "Time that commands waited for a slot before they were started.",
            ),
            _WAIT_SECONDS,
        )
        self.output_bytes = Count(
            Family(
                "commander_command_output_bytes_total",
                "counter",
                "Bytes that commands wrote, kept or not.",
                ("stream",),
            ),
            ["stdout", "stderr"],
        )
        self.refused = Count(
            Family(
                "commander_commands_refused_total",
                "counter",
                "Commands that the policy refused, by rule.",
                ("rule",),
            )
        )
        self.busy = Count(
            Family(
                "commander_commands_busy_total",
                "counter",
                "Commands that were answered busy: no slot came free, or the server "
                "was shutting down.",
            ),
        )
        self.cancelled = Count(
            Family(
                "commander_commands_cancelled_total",
                "counter",
                "Commands that their client gave up before they were started.",
            ),
        )
        self.requests = Count(
            Family(
                "commander_http_requests_total",
                "counter",
                "Answered HTTP requests, by class of their status.",
                ("status",),
            ),
            ["2xx", "4xx", "5xx"],
        )
        self.logins_failed = Count(
            Family(
                "commander_auth_failures_total",
                "counter",
                "Requests that were answered 401 or 429, by what was wrong with the "
                "token.",
                ("reason",),
            ),
            ["missing", "invalid", "expired"],
        )
        self.late_seconds = Spread(
            Family(
                "commander_reactor_lateness_seconds",
                "histogram",
                "How late a timer fired that is set four times a second; measured from "
                "the first scrape on.",
            ),
            _LATE_SECONDS,
        )

    def answered(self, status: int) -> None:
        """Count an answered request by the class of its status."""
        self.requests.add(_CLASSES.get(status // 100, _OTHER))

    @property
    def all(self) -> tuple[Count | Spread, ...]:
        """Every meter, in the order in which they are shown."""
        return tuple(vars(self).values())
