"""What is remembered of starts that failed."""

from __future__ import annotations

import errno

import pytest
from twisted.internet.task import Clock

from commander.commands import (
    Busy,
    Cancelled,
    CommandRequest,
    EndedBy,
    Outcome,
    OutputWindow,
    StartFailed,
)
from commander.execution.start_watch import (
    FAILING_SECONDS,
    StartWatch,
    is_exhaustion,
)
from commander.interfaces import AuditedCommand, CommandAudit
from commander.principals import ANONYMOUS

COMMAND = AuditedCommand(
    id="k",
    request=CommandRequest(command="true", timeout_seconds=1.0),
    principal=ANONYMOUS,
)
EXHAUSTED = StartFailed(reason="none left", exhausted=True)
ENDED = Outcome(
    exit_code=1,
    ended_by=EndedBy.EXIT,
    duration_seconds=1.0,
    stdout=OutputWindow(),
    stderr=OutputWindow(),
)


def is_failing(watch: StartWatch) -> bool:
    """As a function, or mypy would take what was found once for a fact."""
    return watch.failing


@pytest.mark.parametrize(
    ("number", "exhausted"),
    [
        (errno.EAGAIN, True),
        (errno.EMFILE, True),
        (errno.ENFILE, True),
        (errno.ENOMEM, True),
        (errno.ENOENT, False),
        (errno.EACCES, False),
        (0, False),
        (None, False),
    ],
)
def test_what_is_used_up_is_told_by_the_errno(
    number: int | None, exhausted: bool
) -> None:
    assert is_exhaustion(number) is exhausted


def test_a_start_that_failed_for_want_of_something_counts_for_a_while() -> None:
    clock = Clock()
    clock.advance(1000)
    watch = StartWatch(clock.seconds)
    assert not is_failing(watch)
    watch.failed(COMMAND, EXHAUSTED)
    clock.advance(FAILING_SECONDS - 0.1)
    assert is_failing(watch)
    clock.advance(0.1)
    assert not is_failing(watch)


def test_a_command_that_ended_did_start() -> None:
    watch = StartWatch(Clock().seconds)
    watch.failed(COMMAND, EXHAUSTED)
    watch.ended(COMMAND, ENDED)
    assert not is_failing(watch)


def test_nothing_else_says_anything_about_the_machine() -> None:
    watch = StartWatch(Clock().seconds)
    audit: CommandAudit = watch
    audit.failed(COMMAND, StartFailed(reason="no such directory"))
    assert not is_failing(watch)
    audit.failed(COMMAND, EXHAUSTED)
    audit.started(COMMAND)
    audit.refused(COMMAND, rule_id="r", reason="no")
    audit.busy(COMMAND, Busy(reason="full", retry_after_seconds=1))
    audit.cancelled(COMMAND, Cancelled())
    audit.failed(COMMAND, StartFailed(reason="no such directory"))
    assert is_failing(watch)
