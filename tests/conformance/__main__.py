# ruff: noqa: T201 - it prints the score
"""Run the conformance suite: ``python -m tests.conformance``.

Both sets, against the fixture, which it starts; with ``--url`` against a server that
runs already. The suite sends no token: for a server that wants one, stand
``python -m tests.conformance.proxy PORT`` before it. The exit status is 1 if a scored
scenario, one of the tasks extension, or one that was asked for by name does not work.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from tests.conformance.packages import NoSuiteError, Packages, installed
from tests.conformance.servers import EVERYTHING, exists, started
from tests.conformance.suite import (
    REVISIONS,
    UnknownScenarioError,
    run_scenario,
    run_set,
)

__all__ = ["main"]


def main(words: Sequence[str]) -> int:
    given = _options().parse_args(words)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        try:
            packages = installed()
            url = given.url or stack.enter_context(_fixture(folder))
            if given.scenario:
                return _scenarios(packages, url, given, folder)
            return _sets(packages, url, given, folder)
        except (NoSuiteError, UnknownScenarioError, FileNotFoundError) as reason:
            print(f"cannot run the suite: {reason}", file=sys.stderr)
            return 2


def _fixture(folder: Path) -> AbstractContextManager[str]:
    if not exists(EVERYTHING):
        raise FileNotFoundError(f"there is no {EVERYTHING}; give a --url")
    return started(EVERYTHING, "--port", "0", logs=folder)


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m tests.conformance")
    options.add_argument("--url", help="a server that runs, with its path: .../mcp")
    options.add_argument(
        "--scenario", nargs="+", metavar="NAME", help="only these, not whole sets"
    )
    options.add_argument(
        "--revision",
        nargs="+",
        choices=REVISIONS,
        default=REVISIONS,
        metavar="REVISION",
        help="of the protocol: %(choices)s; default: all",
    )
    return options


def _sets(packages: Packages, url: str, given: argparse.Namespace, folder: Path) -> int:
    status = 0
    for revision in given.revision:
        score = run_set(packages, url, revision, folder / revision)
        tallies = {
            "": score.scored,
            ", tasks": score.tasks,
            ", not scored": score.unscored,
        }
        for heading, tally in tallies.items():
            print(f"{revision}{heading}: {tally}")
            for one in tally.scenarios:
                mark = "ok  " if one.works else "FAIL"
                print(f"  {mark} {one.name:45} {one.passed}/{one.total}")
        for tally in tallies.values():
            print(
                *(line for one in tally.scenarios for line in one.complaints), sep="\n"
            )
        if not score.works:
            status = 1
    return status


def _scenarios(
    packages: Packages, url: str, given: argparse.Namespace, folder: Path
) -> int:
    status = 0
    for revision, name in itertools.product(given.revision, given.scenario):
        output = folder / revision / name
        scenario = run_scenario(packages, url, name, revision, output)
        if scenario is None:
            print(f"{revision}: {name}: not in this revision")
            continue
        print(f"{revision}: {name}: {scenario.passed}/{scenario.total}")
        for line in scenario.complaints:
            print(f"  {line}")
        if not scenario.works:
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
