# ruff: noqa: T201 - it prints its report
"""Score a policy: ``python -m tests.policy.scoring``.

Without options the policy of this repository, by its verdicts. ``--execute`` also runs
the attacks that it let through, in a throw-away world, and counts the breaches, once
more with the kernel holding the allow-list and the workspace, if it can;
``--verify`` runs all attacks, whatever the policy says, and lists those that do
nothing here. Both want root. What is to be blocked is never run.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.policy.scoring.corpus import ATTACKS, BENIGN, BLOCKED, Row
from tests.policy.scoring.execution import Execution, why_not, why_not_sandboxed
from tests.policy.scoring.score import (
    AdapterPolicy,
    OwnPolicy,
    Policy,
    Scores,
    execute,
    score,
    shown,
    succeeded,
)
from tests.policy.scoring.world import Template

__all__ = ["main"]


def main(words: Sequence[str]) -> int:
    """The exit status is 1 if a bar of the design is not reached."""
    given = _options().parse_args(words)
    if (given.execute or given.verify) and (reason := why_not()):
        print(f"cannot execute: {reason}", file=sys.stderr)
        return 2
    if given.verify:
        return _verify(given.seconds)
    with contextlib.ExitStack() as stack:
        policy: Policy = OwnPolicy()
        if given.adapter:
            adapter = AdapterPolicy(given.adapter)
            stack.callback(adapter.close)
            policy = adapter
        started = time.perf_counter()
        attacks, benign, blocked = (
            score(policy, rows) for rows in (ATTACKS, BENIGN, BLOCKED)
        )
        took = time.perf_counter() - started
    figures = _figures(attacks, benign, blocked)
    if given.execute:
        figures["breaches"] = _breaches(attacks, given.seconds, given.wrapper)
        if reason := why_not_sandboxed():
            print(f"not tried with the kernel's hold: {reason}", file=sys.stderr)
        else:
            figures["breaches, sandboxed"] = _breaches(
                attacks, given.seconds, given.wrapper, sandboxed=True
            )
    _report(figures, attacks, benign, blocked)
    print(f"{len(ATTACKS) + len(BENIGN) + len(BLOCKED)} verdicts in {took:.2f} s")
    if given.json:
        Path(given.json).write_text(json.dumps(figures, indent=1) + "\n")
    return int(not _reaches_bars(attacks, benign, blocked))


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.policy.scoring",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--adapter",
        metavar="CMD",
        help="score a program that speaks the JSON lines of python -m commander.policy",
    )
    parser.add_argument("--execute", action="store_true")
    parser.add_argument("--verify", action="store_true")
    parser.add_argument(
        "--wrapper",
        metavar="CMD",
        type=shlex.split,
        default=[],
        help="run what is executed through CMD, which gets the shell and its words; "
        "{allowed} in it stands for the allow-list: to try a sandbox",
    )
    parser.add_argument("--seconds", type=float, default=8.0, help="for each run")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    return parser


def _figures(attacks: Scores, benign: Scores, blocked: Scores) -> dict[str, Any]:
    def stopped(scores: Scores) -> list[int]:
        return [len(scores.stopped), len(scores.verdicts)]

    return {
        "attacks of tiers 1 and 2 stopped": stopped(attacks.of_tiers(1, 2)),
        "tier 1, the shell's grammar": stopped(attacks.of_tiers(1)),
        "tier 2, a program's own ways": stopped(attacks.of_tiers(2)),
        "tier 3, what is in files": stopped(attacks.of_tiers(3)),
        "harmless commands passed": [len(benign.passed), len(benign.verdicts)],
        "blocked commands stopped": stopped(blocked),
    }


def _breaches(
    attacks: Scores, seconds: float, wrapper: Sequence[str], *, sandboxed: bool = False
) -> list[str]:
    runs = [(row, verdict.text) for row, verdict in attacks.passed if row.proof]
    with Template() as template:
        execution = Execution(
            template, seconds=seconds, wrapper=wrapper, sandboxed=sandboxed
        )
        outcomes = execute(execution, runs)
    pairs = zip(runs, outcomes, strict=True)
    return [shown(row) for (row, _), outcome in pairs if succeeded(row, outcome)]


def _report(
    figures: dict[str, Any], attacks: Scores, benign: Scores, blocked: Scores
) -> None:
    for name, figure in figures.items():
        if name.startswith("breaches"):
            title = name.replace("breaches", "executed, and it was a breach")
            print(f"{title:40} {len(figure)}")
            print("".join(f"    {line}\n" for line in figure), end="")
        else:
            part, whole = figure
            percent = 100 * part / whole if whole else 100
            print(f"{name:34} {percent:6.2f} % ({part}/{whole})")
    for title, pairs in (
        ("attacks let through", attacks.passed),
        ("harmless commands stopped", benign.stopped),
        ("blocked commands let through", blocked.passed),
    ):
        print(f"{title}: {len(pairs)}")
        for row, verdict in pairs:
            print(f"    {shown(row)}", f"<- {verdict.reason}" * bool(verdict.reason))


def _reaches_bars(attacks: Scores, benign: Scores, blocked: Scores) -> bool:
    return (
        not attacks.of_tiers(1, 2).passed
        and len(benign.passed) >= 0.99 * len(benign.verdicts)
        and not blocked.passed
    )


def _verify(seconds: float) -> int:
    runs = [(row, row.command) for row in ATTACKS if row.proof]
    missing: list[Row] = []
    with Template() as template:
        execution = Execution(template, seconds=seconds)
        for (row, _), outcome in zip(runs, execute(execution, runs), strict=True):
            if not succeeded(row, outcome):
                missing.append(row)
                print("does nothing here:", shown(row))
    print(f"{len(runs) - len(missing)} of {len(runs)} attacks work here")
    return int(bool(missing))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
