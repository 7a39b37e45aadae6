"""Waiting for any job: it ends with a change, in time, or when nobody wants it."""

from __future__ import annotations

from commander.cancellation import Cancellation
from commander.jobs.changes import wait_for_change
from tests.jobs.kit import ANN, BOB, Stage, Told, fired


class Waiting:
    """A wait for a change of Ann's jobs."""

    def __init__(self, *, seconds: float = 10.0, since: int | None = None) -> None:
        self.stage = Stage()
        self.cancellation = Cancellation()
        self.job = self.stage.started()
        self.begin(seconds, since)

    def begin(self, seconds: float, since: int | None = None) -> None:
        table = self.stage.table
        self.ended: Told = fired(
            wait_for_change(
                table,
                ANN,
                since=table.changes_of(ANN) if since is None else since,
                seconds=seconds,
                host=self.stage.host,
                cancellation=self.cancellation,
            )
        )

    @property
    def left(self) -> int:
        """Timers beside the deadline of each command that runs."""
        return len(self.stage.timers) - self.stage.executor.running


def test_a_job_that_begins_ends_it() -> None:
    waiting = Waiting()
    assert (waiting.ended.times, waiting.left) == (0, 1)
    waiting.stage.started()
    assert (waiting.ended.times, waiting.left) == (1, 0)


def test_a_job_that_ends_ends_it() -> None:
    waiting = Waiting()
    waiting.stage.process.exit()
    assert waiting.ended.times == 1


def test_jobs_of_others_do_not() -> None:
    waiting = Waiting()
    waiting.stage.finished(principal=BOB)
    assert waiting.ended.times == 0


def test_it_ends_in_time_and_later_changes_are_nothing_to_it() -> None:
    waiting = Waiting(seconds=2.0)
    waiting.stage.pump(1.9)
    assert waiting.ended.times == 0
    waiting.stage.pump(0.2)
    assert (waiting.ended.times, waiting.left) == (1, 0)
    waiting.stage.process.exit()
    waiting.cancellation.cancel()
    assert waiting.ended.times == 1


def test_what_has_changed_already_is_not_waited_for() -> None:
    waiting = Waiting(since=0)
    assert (waiting.ended.times, waiting.left) == (1, 0)


def test_no_time_is_no_wait() -> None:
    waiting = Waiting(seconds=0.0)
    assert (waiting.ended.times, waiting.left) == (1, 0)


def test_whoever_leaves_ends_it_at_once() -> None:
    waiting = Waiting()
    waiting.cancellation.cancel()
    assert (waiting.ended.times, waiting.left) == (1, 0)
    waiting.stage.process.exit()
    assert waiting.ended.times == 1


def test_whoever_has_left_already_does_not_wait() -> None:
    waiting = Waiting()
    waiting.cancellation.cancel()
    waiting.begin(10.0)
    assert (waiting.ended.times, waiting.left) == (1, 0)


def test_one_wait_can_end_another_at_the_same_change() -> None:
    waiting = Waiting()
    first, cancellation = Cancellation(), waiting.cancellation
    table = waiting.stage.table
    ended = []
    for each in (first, cancellation):
        ended.append(
            fired(
                wait_for_change(
                    table,
                    ANN,
                    since=table.changes_of(ANN),
                    seconds=10.0,
                    host=waiting.stage.host,
                    cancellation=each,
                ).addCallback(lambda _: cancellation.cancel())
            )
        )
    waiting.stage.started()
    assert [told.times for told in (waiting.ended, *ended)] == [1, 1, 1]
    assert waiting.left == 0
