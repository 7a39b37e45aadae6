"""How commands ended, in words and facts."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from commander.commands import (
    Busy,
    Cancelled,
    EndedBy,
    Outcome,
    OutputWindow,
    StartFailed,
    Survivor,
)
from commander.policy.checker import Denied
from commander.tools.outcomes import error_of, hint_of, refusal, refusal_facts

ENDED = Outcome(
    exit_code=0,
    ended_by=EndedBy.EXIT,
    duration_seconds=1.0,
    stdout=OutputWindow(),
    stderr=OutputWindow(),
)


def ended(**changed: Any) -> Outcome:
    return attrs.evolve(ENDED, **changed)


def test_only_what_ended_well_by_itself_has_no_error() -> None:
    assert error_of(ENDED, 30.0) is None
    assert error_of(ended(exit_code=2), 30.0) == "exit status 2"
    for each in EndedBy:
        if each is not EndedBy.EXIT:
            assert error_of(ended(ended_by=each), 30.0)


@pytest.mark.parametrize(
    ("ended_by", "signal", "error"),
    [
        (EndedBy.TIMEOUT, "SIGTERM", "command timed out after 30s"),
        (
            EndedBy.IDLE_TIMEOUT,
            "SIGTERM",
            "command printed nothing for as long as its idle_timeout",
        ),
        (EndedBy.CLIENT_SIGNAL, "SIGINT", "command ended by signal_job (SIGINT)"),
        (EndedBy.CLIENT_SIGNAL, None, "command ended by signal_job"),
        (
            EndedBy.PROCESS_LIMIT,
            "SIGKILL",
            "command ended: it had more processes than MCP_LIMIT_PROCESSES",
        ),
        (
            EndedBy.OOM,
            "SIGKILL",
            "command ended: the kernel killed it because memory ran out",
        ),
        (
            EndedBy.EXIT,
            "SIGSEGV",
            "command ended by SIGSEGV, which the server did not send",
        ),
    ],
)
def test_an_ending_says_who_ended_it(
    ended_by: EndedBy, signal: str | None, error: str
) -> None:
    outcome = ended(ended_by=ended_by, signal=signal, exit_code=None)
    assert error_of(outcome, 30.0) == error


def test_what_else_there_is_to_know() -> None:
    assert hint_of(ENDED) is None
    assert hint_of(ended(signal="SIGXCPU")) == (
        "its processor time was used up (MCP_LIMIT_CPU_SECONDS)"
    )
    assert hint_of(ended(reaped=False)) == (
        "the shell did not end after SIGKILL: it may be stuck in the kernel"
    )
    several = ended(
        survivors=(Survivor(pid=7, name="dd"), Survivor(pid=8, name="cp")),
        reaped=False,
        background_processes=2,
        hint="see dmesg",
    )
    assert hint_of(several) == (
        "did not end after SIGKILL, stuck in the kernel: dd (7), cp (8); processes "
        "left in the background were ended with the command; see dmesg"
    )


@pytest.mark.parametrize(
    ("refused", "facts"),
    [
        (
            Denied(rule_id="r", reason="No."),
            {
                "status": "denied",
                "rule_id": "r",
                "error": "Command validation failed: No.",
            },
        ),
        (
            Busy(reason="full", retry_after_seconds=3),
            {"status": "busy", "retry_after_seconds": 3, "error": "full"},
        ),
        (
            Cancelled(),
            {
                "status": "cancelled",
                "ended_by": "cancelled",
                "error": "command cancelled before it was started",
            },
        ),
        (StartFailed(reason="why"), {"status": "failed_to_start", "error": "why"}),
    ],
)
def test_a_command_that_did_not_run_is_an_error_that_says_why(
    refused: Denied | Busy | Cancelled | StartFailed, facts: dict[str, Any]
) -> None:
    assert refusal_facts(refused) == facts
    answer = refusal(refused)
    assert answer.is_error
    assert answer.facts == {
        "exit_code": -1,
        "stdout": "",
        "stderr": "",
        "duration": "0s",
        **facts,
    }
