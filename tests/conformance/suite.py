"""Runs the conformance suite against a server, and reads what it wrote.

The suite has a set of scenarios for each revision of the protocol; some of a set are
scored, the others only reported. We count those of the tasks extension as well: they
must work as the scored ones must. Of a scenario's checks those count that passed or
failed: a warning, a note and a skipped check do neither, so that they are missed in
the totals alone.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from tests.conformance.packages import HERE, Packages

__all__ = [
    "REVISIONS",
    "Check",
    "Scenario",
    "Score",
    "Tally",
    "UnknownScenarioError",
    "run_scenario",
    "run_set",
]

REVISIONS: Final = ("2025-11-25", "2026-07-28")
"""Those that have a set."""
EXPECTED_FAILURES: Final = HERE / "expected-failures.yml"
RUN_SECONDS: Final = 120.0
"""For a whole set, which takes ten at most."""
SHOWN_CHARACTERS: Final = 2000
TIMESTAMP: Final = re.compile(r"-\d{4}-\d\d-\d\dT[\d-]+Z$")

TASKS: Final = "tasks-"
"""How the names of the extension's scenarios begin."""
NEVER_RUN: Final = "tasks-status-notifications"
"""It is skipped whatever the server does, until the suite knows how to listen."""

PASSED: Final = "SUCCESS"
FAILED: Final = "FAILURE"


class UnknownScenarioError(Exception):
    """A scenario was asked for that is none; the text says which."""


@attrs.frozen(kw_only=True)
class Check:
    """One thing that a scenario looked at."""

    name: str
    status: str
    message: str
    details: Any

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> Check:
        return cls(
            name=f"{said['id']} ({said['name']})",
            status=said["status"],
            message=said.get("errorMessage") or said.get("description", ""),
            details=said.get("details"),
        )

    def __str__(self) -> str:
        details = json.dumps(self.details)[:SHOWN_CHARACTERS]
        return f"{self.status} {self.name}: {self.message[:SHOWN_CHARACTERS]} {details}"


@attrs.frozen(kw_only=True)
class Scenario:
    """What came of one scenario; without checks the suite could not run it."""

    name: str
    checks: Sequence[Check]

    def count(self, status: str) -> int:
        return sum(check.status == status for check in self.checks)

    @property
    def passed(self) -> int:
        return self.count(PASSED)

    @property
    def total(self) -> int:
        return self.passed + self.count(FAILED)

    @property
    def works(self) -> bool:
        return bool(self.checks) and self.passed == self.total

    @property
    def complaints(self) -> list[str]:
        """All that did not pass and is no mere note; what failed comes first."""
        if not self.checks:
            return [f"{self.name}: no result"]
        wrong = [one for one in self.checks if one.status not in (PASSED, "INFO")]
        wrong.sort(key=lambda check: check.status != FAILED)
        return [f"{self.name}: {check}" for check in wrong]


@attrs.frozen
class Tally:
    """Some scenarios, counted."""

    scenarios: Sequence[Scenario]

    @property
    def checks(self) -> tuple[int, int]:
        """How many passed, of how many."""
        passed = sum(one.passed for one in self.scenarios)
        return passed, sum(one.total for one in self.scenarios)

    @property
    def working(self) -> tuple[int, int]:
        """How many scenarios work, of how many."""
        return sum(one.works for one in self.scenarios), len(self.scenarios)

    @property
    def all_work(self) -> bool:
        return all(one.works for one in self.scenarios)

    def __str__(self) -> str:
        scenarios = "{}/{} scenarios".format(*self.working)
        return scenarios + ", {}/{} checks".format(*self.checks)


@attrs.frozen(kw_only=True)
class Score:
    """What came of a whole set."""

    revision: str
    scored: Tally
    tasks: Tally
    """Of the extension; none in revisions that do not have it."""
    unscored: Tally
    exit_status: int
    log: str
    """What the suite printed."""

    @property
    def works(self) -> bool:
        """Whether all works that has to."""
        fine = self.scored.all_work and self.tasks.all_work
        return fine and not self.exit_status

    def __str__(self) -> str:
        tasks = f"; tasks: {self.tasks}" if self.tasks.scenarios else ""
        return f"{self.revision}: {self.scored}{tasks}; not scored: {self.unscored}"

    def complaints(self, tally: Tally) -> str:
        """What to read when some of these scenarios do not work."""
        lines = [line for one in tally.scenarios for line in one.complaints]
        if self.exit_status and not lines:
            lines = [f"exit status {self.exit_status}: {self.log[-SHOWN_CHARACTERS:]}"]
        return "\n".join([str(self), *lines])


# --- running ------------------------------------------------------------------------


def run_set(packages: Packages, url: str, revision: str, output: Path) -> Score:
    """Run all scenarios of a revision against the server at ``url``.

    Args:
        output: Where the suite's files go, a directory of its own.

    Raises:
        subprocess.TimeoutExpired: It does not come to an end.
    """
    words = ["--requirements", revision, "--expected-failures", str(EXPECTED_FAILURES)]
    status, log = _run(packages, url, words, output)
    scored, others = requirements(packages, revision)
    tasks = [name for name in others if name.startswith(TASKS) and name != NEVER_RUN]
    unscored = [name for name in others if not name.startswith(TASKS)]
    found = {one.name: one for one in results(output)}
    return Score(
        revision=revision,
        scored=_tally(scored, found),
        tasks=_tally(tasks, found),
        unscored=_tally(unscored, found),
        exit_status=status,
        log=log,
    )


def run_scenario(
    packages: Packages, url: str, name: str, revision: str, output: Path
) -> Scenario | None:
    """Run one scenario; None if that revision has no such thing.

    Raises:
        UnknownScenarioError: The suite has no such scenario, in any revision.
    """
    words = ["--scenario", name, "--spec-version", revision]
    _, log = _run(packages, url, words, output)
    for scenario in results(output):
        return scenario
    if "Available server scenarios:" in log:
        raise UnknownScenarioError(f"it has no scenario {name}")
    return None if "SKIPPED: " in log else Scenario(name=name, checks=())


def _run(
    packages: Packages, url: str, words: Iterable[str], output: Path
) -> tuple[int, str]:
    suite = [str(packages.node), str(packages.program), "server", "--url", url]
    done = subprocess.run(
        [*suite, *words, "--output-dir", str(output)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    return done.returncode, done.stdout


# --- reading ------------------------------------------------------------------------


def results(output: Path) -> Iterable[Scenario]:
    for file in sorted(output.glob("server-*/checks.json")):
        name = TIMESTAMP.sub("", file.parent.name).removeprefix("server-")
        checks = json.loads(file.read_text(encoding="utf-8"))
        yield Scenario(name=name, checks=tuple(map(Check.from_json, checks)))


def _tally(names: Iterable[str], found: dict[str, Scenario]) -> Tally:
    missing = Scenario(name="", checks=())
    return Tally([found.get(name, attrs.evolve(missing, name=name)) for name in names])


def requirements(packages: Packages, revision: str) -> tuple[list[str], list[str]]:
    """The scored and the other scenarios for a server.

    The file is YAML, but of a kind that needs no parser.
    """
    file = packages.suite / f"requirements/{revision}.yaml"
    text = file.read_text(encoding="utf-8")
    parts = re.split(r"^(\w+):\s*$", text, flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    scored = re.findall(r"^  - (\S+)$", sections["server"], re.MULTILINE)
    unscored = re.findall(
        r"^  - scenario: (\S+)\n    leg: server$", sections["not_scored"], re.MULTILINE
    )
    return scored, unscored
