"""What really happens to texts that the policy let through.

Each runs as nobody in a throw-away world without network.
"""

from __future__ import annotations

import difflib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs
import pytest

from tests.policy.scoring.corpus import ATTACKS, BENIGN, Row
from tests.policy.scoring.execution import (
    Execution,
    Outcome,
    why_not,
    why_not_sandboxed,
)
from tests.policy.scoring.score import OwnPolicy, execute, score, shown, succeeded
from tests.policy.scoring.world import Template

BACKGROUND: Final = re.compile(r"(?<![&<>|])&(?![&>])")
CORPUS: Final = Path(__file__).with_name("corpus")


def table(name: str) -> dict[str, str]:
    """The lines of a list: first word, and the rest."""
    lines = (CORPUS / name).read_text("utf-8").splitlines()
    cells = [line.split(maxsplit=1) for line in lines if not line.startswith("#")]
    return {cell[0]: cell[1].lstrip("# ") for cell in cells if cell}


UNSUITED: Final = table("unsuited.txt")
SHARE: Final = 5
"""One attack of so many is tried; ``python -m tests.policy.scoring --verify`` tries all
of them."""
PROOFS: Final = [row for row in ATTACKS if row.proof and row.id not in UNSUITED]


@pytest.fixture(scope="module")
def execution() -> Iterator[Execution]:
    if reason := why_not():
        pytest.skip(f"nothing can be executed: {reason}")
    missing = [
        package
        for program, package in table("programs.txt").items()
        if shutil.which(program) is None
    ]
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"not installed, which CI has to do: {' '.join(missing)}")
    if missing:
        pytest.skip(f"needs the packages {' '.join(missing)}")
    with Template() as template:
        yield Execution(template)


@pytest.fixture(scope="module")
def sandboxed(execution: Execution) -> Execution:
    if reason := why_not_sandboxed():
        pytest.skip(f"the kernel can hold nothing: {reason}")
    return Execution(execution.template, sandboxed=True)


def listed(rows: list[Row]) -> str:
    return "".join(f"\n  {shown(row)}" for row in rows)


def test_what_runs_sees_its_world_only(execution: Execution) -> None:
    outcome = execution.run(
        "id -u; pwd; ls -A /tmp /dev/shm /var/tmp; grep -c : /proc/net/dev;"
        "echo /proc/[0-9]*; grep NoNewPrivs /proc/self/status;"
        "touch /tmp/x ~/x ./x /etc/x"
    )
    user, place, *listing, cards, processes, privileges = outcome.stdout.splitlines()
    assert (user, place) == (b"65534", b"/mnt/ws")
    assert listing == [b"/dev/shm:", b"", b"/tmp:", b"", b"/var/tmp:", b"own-out"]
    assert cards == b"1"  # the loopback, which is down
    assert len(processes.split()) <= 3
    assert privileges == b"NoNewPrivs:\t1"
    assert outcome.stderr == b"touch: cannot touch '/etc/x': Permission denied\n"
    assert not outcome.breached


def test_the_marker_tells_that_pwn_ran_even_in_the_background(
    execution: Execution,
) -> None:
    assert execution.run("pwn").breached
    assert execution.run("(sleep 0.1; pwn) & :").breached
    assert not execution.run("echo pwn").breached


def test_what_does_not_end_is_ended(execution: Execution) -> None:
    outcome = Execution(execution.template, seconds=0.5).run("setsid sleep 4321 & wait")
    assert outcome.status is None
    running = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline")]
    assert b"sleep\x004321\x00" not in running


def test_attacks_do_what_they_say_when_nothing_stops_them(
    execution: Execution,
) -> None:
    """Without this the next test could pass because nothing works here."""
    runs = [(row, row.command) for row in PROOFS[::SHARE]]
    outcomes = execute(execution, runs)
    idle = [r for (r, _), o in zip(runs, outcomes, strict=True) if not succeeded(r, o)]
    assert not idle, listed(idle)


def test_what_gets_through_and_runs_pwn_needs_what_is_in_files(
    execution: Execution,
) -> None:
    runs = [(row, v.text) for row, v in score(OwnPolicy(), PROOFS).passed]
    outcomes = execute(execution, runs)
    breaches = [
        row for (row, _), o in zip(runs, outcomes, strict=True) if succeeded(row, o)
    ]
    assert not [row for row in breaches if row.tier < 3], listed(breaches)


def test_what_files_make_a_program_run_is_stopped_by_the_kernel(
    execution: Execution, sandboxed: Execution
) -> None:
    """Where the allow-list is one that the kernel can hold."""
    rows = [row for row in PROOFS if row.group == "held-by-the-kernel"]
    runs = [(row, v.text) for row, v in score(OwnPolicy(), rows).passed]
    outside = execute(execution, runs)
    assert sum(outcome.breached for outcome in outside) == len(rows) > 5
    inside = execute(sandboxed, runs)
    breaches = [row for (row, _), o in zip(runs, inside, strict=True) if o.breached]
    assert not breaches, listed(breaches)


def test_the_sandbox_lets_pwn_tell_where_the_list_opens_it(
    sandboxed: Execution,
) -> None:
    """Without this the test before could pass because no marker can be made."""
    assert sandboxed.run("pwn", allowed=["make"]).breached
    assert not sandboxed.run("pwn", allowed=["ls"]).breached
    assert sandboxed.run("echo x > y; cat y", allowed=["cat"]).stdout == b"x\n"
    assert sandboxed.run("echo x > ../home/y", allowed=["cat"]).status == 2


def test_harmless_texts_do_the_same_in_the_sandbox(
    execution: Execution, sandboxed: Execution
) -> None:
    """But for npm, which tells that it can write no log outside the workspace."""
    runs = [
        (row, verdict.text)
        for row, verdict in score(OwnPolicy(), BENIGN).passed
        if row.id not in UNSUITED and "npm" not in row.command
    ]
    assert len(runs) > 100
    pairs = zip(execute(execution, runs), execute(sandboxed, runs), strict=True)
    differing = [
        row
        for (row, text), (outside, inside) in zip(runs, pairs, strict=True)
        if seen(outside, parallel=BACKGROUND.search(text) is not None)
        != seen(inside, parallel=BACKGROUND.search(text) is not None)
    ]
    assert not differing, listed(differing)


def untimed(content: bytes) -> bytes:
    return re.sub(rb"\d\d:\d\d:\d\d", b"TIME", content)


def seen(outcome: Outcome, *, parallel: bool) -> list[str]:
    """What has to be the same for a text and for what is written anew from it.

    Messages may tell another line of the script and hold numbers of processes, and
    files the time of day. What runs side by side sees and writes things in any order.
    """
    complaints = re.sub(rb"\d+", b"N", outcome.stderr)
    lines = outcome.stdout.splitlines(keepends=True)
    return [
        f"status {outcome.status}",
        *(f"out {line!r}" for line in lines if not parallel),
        *(f"err {line!r}" for line in complaints.splitlines(keepends=True)),
        *(f"file {name} {untimed(outcome.files[name])!r}" for name in outcome.files),
    ]


def differences(execution: Execution, runs: list[tuple[Row, str]]) -> str:
    originals = [(row, row.command) for row, _ in runs]
    before = execute(execution, originals, keep_files=True)
    after = execute(execution, runs, keep_files=True)
    found = []
    for (row, text), raw, rendered in zip(runs, before, after, strict=True):
        parallel = BACKGROUND.search(text) is not None
        old, new = (seen(one, parallel=parallel) for one in (raw, rendered))
        if old != new:
            lines = difflib.unified_diff(old, new, lineterm="", n=0)
            found.append(f"\n{shown(row)}\n  rendered as {text!r}")
            found.extend(f"    {line[:300]}" for line in list(lines)[2:12])
    return "\n".join(found)


def test_harmless_texts_do_the_same_when_they_are_written_anew(
    execution: Execution,
) -> None:
    passed = score(OwnPolicy(), BENIGN).passed
    runs = [
        (row, verdict.text)
        for row, verdict in passed
        if row.id not in UNSUITED and verdict.text != row.command
    ]
    found = differences(execution, runs)
    assert not found, found


def test_attacks_do_the_same_when_they_are_allowed_and_written_anew(
    execution: Execution,
) -> None:
    """Their texts are the trickiest at hand: with ``pwn`` in the list many may run."""
    granted = [
        attrs.evolve(row, allowed=(*row.allowed, "pwn"))
        for row in PROOFS
        if row.tier == 1
    ]
    passed = score(OwnPolicy(), granted).passed
    runs = [(r, v.text) for r, v in passed if v.text != r.command]
    assert len(runs) > 50
    found = differences(execution, runs)
    assert not found, found
