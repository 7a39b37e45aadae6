"""The audit that counts, and the one that tells several."""

from __future__ import annotations

import attrs
import pytest

from commander.commands import (
    Busy,
    Cancelled,
    CommandRequest,
    EndedBy,
    Outcome,
    OutputWindow,
    StartFailed,
)
from commander.interfaces import AuditedCommand, CommandAudit
from commander.principals import ANONYMOUS
from commander.telemetry.counting import Audits, CountingAudit
from commander.telemetry.meters import Count, Meters
from commander.testing import MemoryAudit

COMMAND = AuditedCommand(
    id="k",
    request=CommandRequest(command="true", timeout_seconds=1.0),
    principal=ANONYMOUS,
)
ENDED = Outcome(
    exit_code=0,
    ended_by=EndedBy.EXIT,
    duration_seconds=0.3,
    queued_seconds=0.2,
    stdout=OutputWindow(total_bytes=5, omitted_bytes=3),
    stderr=OutputWindow(total_bytes=2),
)


def tell_all(audit: CommandAudit) -> None:
    """Every story that there is."""
    audit.refused(COMMAND, rule_id="not-allowed", reason="no")
    audit.busy(COMMAND, Busy(reason="full", retry_after_seconds=1))
    audit.cancelled(COMMAND, Cancelled(queued_seconds=9.0))
    audit.started(COMMAND)
    audit.ended(COMMAND, ENDED)
    audit.started(COMMAND)
    audit.failed(COMMAND, StartFailed(reason="no shell"))


def counted(count: Count) -> dict[tuple[str, ...], int]:
    """What is not zero."""
    return {labels: value for labels, value in count.series() if value}


def test_several_audits_are_told_the_same() -> None:
    one, other, alone = MemoryAudit(), MemoryAudit(), MemoryAudit()
    tell_all(Audits(one, other))
    tell_all(alone)
    assert one.entries == other.entries == alone.entries
    assert len(alone.entries) == 7


def test_every_story_is_counted_once() -> None:
    meters = Meters()
    tell_all(CountingAudit(meters))
    assert counted(meters.refused) == {("not-allowed",): 1}
    assert counted(meters.busy) == {(): 1}
    assert counted(meters.cancelled) == {(): 1}
    assert counted(meters.commands) == {
        ("exit", "false"): 1,
        ("failed_to_start", "true"): 1,
    }
    assert counted(meters.output_bytes) == {("stdout",): 5, ("stderr",): 2}
    assert (meters.command_seconds.total, meters.wait_seconds.total) == (0.3, 0.2)
    assert meters.wait_seconds.cumulative()[-1][1] == 1


@pytest.mark.parametrize(
    ("ended_by", "exit_code", "failed"),
    [
        (EndedBy.EXIT, 0, "false"),
        (EndedBy.EXIT, 1, "true"),
        (EndedBy.EXIT, None, "true"),
        (EndedBy.TIMEOUT, 0, "true"),
        (EndedBy.SERVER_SHUTDOWN, None, "true"),
    ],
)
def test_only_what_exited_by_itself_with_zero_did_not_fail(
    ended_by: EndedBy, exit_code: int | None, failed: str
) -> None:
    meters = Meters()
    outcome = attrs.evolve(ENDED, ended_by=ended_by, exit_code=exit_code)
    CountingAudit(meters).ended(COMMAND, outcome)
    assert counted(meters.commands) == {(ended_by.value, failed): 1}
