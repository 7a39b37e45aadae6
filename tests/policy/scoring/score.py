"""Scores a policy over the corpora: by its verdicts, and by what then really runs."""

from __future__ import annotations

import json
import posixpath
import shlex
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol

import attrs

from commander.commands import CommandRequest
from commander.policy.allow.targets import Places
from commander.policy.checker import Approved, PolicyChecker
from commander.policy.lists import PolicyLists
from commander.principals import ANONYMOUS
from tests.policy.scoring.corpus import Row
from tests.policy.scoring.execution import Execution, Outcome
from tests.policy.scoring.world import WORKSPACE, resolve

__all__ = [
    "AdapterPolicy",
    "OwnPolicy",
    "Policy",
    "Scores",
    "Verdict",
    "execute",
    "score",
    "shown",
    "succeeded",
]

_WORKERS: Final = 2


@attrs.frozen
class Verdict:
    """What a policy says about a row."""

    allowed: bool
    reason: str = ""
    text: str = ""
    """What the shell would get, if it may run."""


class Policy(Protocol):
    """Something that can be scored."""

    def judge(self, row: Row) -> Verdict:
        """Decide on one row."""
        ...


class OwnPolicy:
    """The one in this repository, with a server whose directory is the world's."""

    def __init__(self) -> None:
        self._checkers: dict[object, PolicyChecker] = {}

    def judge(self, row: Row) -> Verdict:
        request = CommandRequest(
            command=row.command,
            timeout_seconds=1.0,
            env=row.env,
            working_directory=posixpath.normpath(
                posixpath.join(WORKSPACE, row.working_directory or ".")
            ),
        )
        decision = self._checker(row).check(request, ANONYMOUS)
        if isinstance(decision, Approved):
            return Verdict(allowed=True, text=decision.text)
        return Verdict(allowed=False, reason=decision.reason)

    def _checker(self, row: Row) -> PolicyChecker:
        key = (row.allowed, row.blocked, row.shell)
        if key not in self._checkers:
            self._checkers[key] = PolicyChecker(
                PolicyLists(
                    allowed=row.allowed,
                    blocked=row.blocked,
                    use_default_blocklist=True,
                    allowed_env=(),
                    shell=row.shell,
                    places=Places(directory=WORKSPACE, resolve=resolve),
                )
            )
        return self._checkers[key]


class AdapterPolicy:
    """A program that speaks the JSON lines of ``python -m commander.policy``.

    Args:
        command: Split as a shell would; the caller closes the policy.
    """

    def __init__(self, command: str) -> None:
        self._process = subprocess.Popen(
            shlex.split(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def judge(self, row: Row) -> Verdict:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(row.question()) + "\n")
        self._process.stdin.flush()
        answer: Mapping[str, Any] = json.loads(self._process.stdout.readline())
        return Verdict(
            allowed=bool(answer["allowed"]),
            reason=answer.get("reason") or "",
            text=answer.get("run") or row.command,
        )

    def close(self) -> None:
        """End the program."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(10)


@attrs.frozen
class Scores:
    """The verdicts on some rows."""

    verdicts: Sequence[tuple[Row, Verdict]]

    @property
    def passed(self) -> list[tuple[Row, Verdict]]:
        """What may run."""
        return [(row, verdict) for row, verdict in self.verdicts if verdict.allowed]

    @property
    def stopped(self) -> list[tuple[Row, Verdict]]:
        """What may not."""
        return [(row, verdict) for row, verdict in self.verdicts if not verdict.allowed]

    def of_tiers(self, *tiers: int) -> Scores:
        """Those of attacks of some tiers."""
        return Scores([(r, verdict) for r, verdict in self.verdicts if r.tier in tiers])


def score(policy: Policy, rows: Iterable[Row]) -> Scores:
    """Ask for a verdict on every row."""
    return Scores([(row, policy.judge(row)) for row in rows])


def execute(
    execution: Execution,
    runs: Sequence[tuple[Row, str]],
    *,
    keep_files: bool = False,
    note: Callable[[Row, Outcome], None] = lambda row, outcome: None,
) -> list[Outcome]:
    """Run a text for each row, some at a time; the outcomes in their order.

    Args:
        execution: Where.
        runs: Rows, each with the text that its shell gets.
        keep_files: As for ``Execution.run``.
        note: Called with each outcome, in the order of the rows.
    """

    def run(one: tuple[Row, str]) -> Outcome:
        row, text = one
        return execution.run(
            text,
            shell=row.shell,
            allowed=row.allowed,
            env=row.env,
            directory=row.working_directory,
            keep_files=keep_files,
        )

    outcomes = []
    with ThreadPoolExecutor(_WORKERS) as pool:
        for (row, _), outcome in zip(runs, pool.map(run, runs), strict=True):
            note(row, outcome)
            outcomes.append(outcome)
    return outcomes


def succeeded(row: Row, outcome: Outcome) -> bool:
    """Whether an attack has reached what it is for."""
    return outcome.breached or (row.writes and outcome.touched)


def shown(row: Row, most: int = 200) -> str:
    """One line about a row."""
    text = ascii(row.command)
    if len(text) > most:
        text = f"{text[:most]}... ({len(row.command)} characters)"
    return f"{row.id} tier {row.tier} {row.group} {row.shell}: {text}"
