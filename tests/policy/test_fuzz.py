"""Random texts: whatever is approved must not run a program that is not allowed."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest

from tests.policy.scoring.corpus import Row
from tests.policy.scoring.execution import Execution, why_not
from tests.policy.scoring.fuzz import Breach, Fuzzer, Machine, main
from tests.policy.scoring.score import Verdict
from tests.policy.scoring.world import Template

SECONDS = float(os.environ.get("POLICY_FUZZ_SECONDS", "20"))


@pytest.fixture(scope="module")
def execution() -> Iterator[Execution]:
    if reason := why_not():
        pytest.skip(f"nothing can be executed: {reason}")
    with Template(hostile=False) as template:
        yield Execution(template, seconds=30.0)


@pytest.fixture(scope="module")
def machine(execution: Execution) -> Machine:
    return Machine.seen(execution)


def told(seed: int, fuzzer: Fuzzer, breaches: list[Breach]) -> str:
    figures = f"{fuzzer.made} texts, {fuzzer.approved} approved, {fuzzer.executed} run"
    return "\n".join([f"seed {seed}: {figures}", *map(str, breaches)])


@pytest.mark.parametrize(
    "seed", [20260728, random.SystemRandom().randrange(10**6)], ids=["known", "new"]
)
def test_nothing_that_is_approved_runs_what_is_not_allowed(
    execution: Execution,
    machine: Machine,
    seed: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Once with a known seed and once with a new one."""
    fuzzer = Fuzzer(execution, machine)
    breaches = fuzzer.fuzz(seed, SECONDS)
    report = told(seed, fuzzer, breaches)
    with capsys.disabled():
        print(f"\n{report}")  # noqa: T201 - a breach is of no use without its seed
    assert fuzzer.executed > 0
    assert not breaches, report


class FirstWord:
    """A policy that looks at the first word of a text only."""

    def judge(self, row: Row) -> Verdict:
        words = row.command.split()
        allowed = bool(words) and words[0] in row.allowed
        return Verdict(allowed=allowed, text=row.command)


def test_a_policy_with_holes_is_found_out(
    execution: Execution, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    # What it lets through may stop all that is to end it, and more than once.
    brief = Execution(execution.template, seconds=4.0)
    fuzzer = Fuzzer(brief, machine, policy=FirstWord())
    breaches = fuzzer.fuzz(1, 90.0, most=120)
    assert breaches
    shortest = min(
        (breach.texts for breach in breaches), key=lambda texts: len(str(texts))
    )
    assert len(shortest) == 1
    assert "BREACH" in capsys.readouterr().out


def test_the_same_seed_makes_the_same_texts(
    execution: Execution, machine: Machine
) -> None:
    first, second = Fuzzer(execution, machine), Fuzzer(execution, machine)
    texts = [[f.make(f"7:{i}").command for i in range(40)] for f in (first, second)]
    assert texts[0] == texts[1]


def test_fuzzing_by_hand_tells_its_seed(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--seconds", "0", "--seed", "3"], machine)
    assert capsys.readouterr().out.startswith("seed 3\n")
