"""How many attacks are stopped, and how many harmless commands pass."""

from __future__ import annotations

import functools
import json
import sys
from collections import defaultdict
from collections.abc import Iterable

import pytest

from commander.policy.__main__ import answer
from tests.policy.scoring.__main__ import main
from tests.policy.scoring.corpus import ATTACKS, BENIGN, BLOCKED, Row
from tests.policy.scoring.score import (
    AdapterPolicy,
    OwnPolicy,
    Scores,
    Verdict,
    score,
    shown,
)

HEAD = tuple(row for row in ATTACKS if row.tier < 3)


def groups(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.group].append(row)
    return dict(found)


@functools.cache
def policy() -> OwnPolicy:
    return OwnPolicy()


def listed(pairs: Iterable[tuple[Row, Verdict]]) -> str:
    return "".join(f"\n  {shown(row)} {verdict.reason}" for row, verdict in pairs)


@pytest.mark.parametrize("technique", groups(HEAD))
def test_every_attack_on_the_grammar_or_by_a_program_is_stopped(technique: str) -> None:
    passed = score(policy(), groups(HEAD)[technique]).passed
    assert not passed, listed(passed)


@pytest.mark.parametrize("action", groups(BLOCKED))
def test_every_command_that_is_to_be_blocked_is_stopped(action: str) -> None:
    passed = score(policy(), groups(BLOCKED)[action]).passed
    assert not passed, listed(passed)


def test_harmless_commands_pass() -> None:
    stopped = score(policy(), BENIGN).stopped
    assert len(stopped) <= 0.01 * len(BENIGN), listed(stopped)


def test_no_refusal_is_a_failure_of_the_checker() -> None:
    scores = score(policy(), (*ATTACKS, *BENIGN, *BLOCKED))
    failed = [pair for pair in scores.stopped if "policy failed" in pair[1].reason]
    assert not failed, listed(failed)


def test_rows_have_ids_of_their_own() -> None:
    rows = [row.id for row in (*ATTACKS, *BENIGN, *BLOCKED)]
    assert len(rows) == len(set(rows))


def test_the_adapter_answers_as_the_checker_decides() -> None:
    rows = (*ATTACKS[::40], *BENIGN[::20], *BLOCKED[::20])
    adapter = AdapterPolicy(f"{sys.executable} -m commander.policy")
    try:
        answers = score(adapter, rows)
    finally:
        adapter.close()
    for row, verdict in answers.verdicts:
        expected = answer(row.question())
        assert (verdict.allowed, verdict.reason) == (
            expected["allowed"],
            expected["reason"],
        )
        assert verdict.text == (expected["run"] or row.command)


def test_scoring_counts_what_was_stopped_by_tier() -> None:
    rows = [
        Row(id=str(tier), group="made up", command=command, allowed=("ls",), tier=tier)
        for tier, command in ((1, "pwn"), (2, "ls"), (3, "ls"))
    ]
    scores = score(policy(), rows)
    assert isinstance(scores, Scores)
    assert [row.id for row, _ in scores.passed] == ["2", "3"]
    assert [row.id for row, _ in scores.of_tiers(1, 3).stopped] == ["1"]


def test_scoring_by_hand_prints_and_writes_the_figures(
    capsys: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("figures") / "figures.json"
    main(["--json", str(file)])
    figures = json.loads(file.read_text())
    assert figures["blocked commands stopped"] == [len(BLOCKED), len(BLOCKED)]
    assert "attacks of tiers 1 and 2 stopped" in capsys.readouterr().out
