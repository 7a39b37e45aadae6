"""What the protocol engine takes of a request's processor time."""

from __future__ import annotations

from typing import Any

from benchmarks.measure import Row, Scale, Target, rounds
from benchmarks.programs import run_inside

__all__ = ["protocol"]


def protocol(scale: Scale) -> list[Row]:
    calls = int(scale.pick(4000, 200))
    found: dict[str, list[Any]] = rounds(
        scale.rounds(7), {"both": lambda: run_inside("protocol", calls)}
    )
    return [
        _row(era, [one[era] for one in found["both"]])
        for era in ("handshake", "modern")
    ]


def _row(era: str, runs: list[dict[str, float]]) -> Row:
    return Row(
        name=f"protocol-{era}",
        what="processor time of parsing, routing, checking, calling `get_shell_info` "
        f"and writing its reply, {era} era",
        against="the same request through Klein and auth, without sockets",
        target=Target(bound=0.4, unit="x"),
        values=tuple(one["protocol"] / one["whole"] for one in runs),
        figures={
            "protocol us": tuple(one["protocol"] for one in runs),
            "whole us": tuple(one["whole"] for one in runs),
        },
    )
