"""Jobs as tasks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from commander.commands import EndedBy
from commander.jobs.job import Job
from commander.mcp.events import (
    Cancelled,
    Done,
    Task,
    TaskAnswered,
    TaskAsked,
    TaskCancelled,
    TaskCreated,
    TasksFound,
    TasksSought,
    ToolReturned,
    UnknownTask,
    Working,
)
from commander.principals import Principal
from commander.sessions.job_tasks import POLL_MS, JobTasks
from commander.sessions.listening import ChangeHub
from tests.jobs.kit import ANN, BOB, Stage

requirement = pytest.mark.requirement

TTL_SECONDS = 100.0


class Hub(ChangeHub):
    """Remembers which tasks changed, and how each was seen to be then."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[str, Principal, bool]] = []
        self.job: Job | None = None

    def task_changed(self, task_id: str, owner: Principal) -> None:
        assert self.job is not None
        self.told.append((task_id, owner, self.job.finished))


class Desk:
    """A stage whose jobs are tasks, with the answers that their calls would give."""

    def __init__(self, **limits: Any) -> None:
        self.stage = Stage(ttl_seconds=TTL_SECONDS, **limits)
        self.hub = Hub()
        self.tasks = JobTasks(
            self.stage.table,
            self.hub,
            finished_ttl_seconds=TTL_SECONDS,
            wall=self.stage.host.wall,
        )
        self.asked = 0

    def created(self, job: Job, text: str = "the end", principal: Any = ANN) -> Any:
        async def answer() -> ToolReturned:
            self.asked += 1
            return said(text)

        self.hub.job = job
        return now(self.tasks.create(job.handle, answer, principal))

    def made(self, **more: Any) -> Job:
        """A job that is a task."""
        job = self.stage.started(**more)
        assert isinstance(self.created(job), TaskCreated)
        return job

    def serve(self, asked: Any, principal: Any = ANN) -> Any:
        return now(self.tasks.serve(asked, principal))

    def task(self, job: Job) -> Task:
        found = self.serve(TaskAsked(job.handle))
        assert isinstance(found, Task)
        return found


def now(work: Any) -> Any:
    """What comes of work that does not wait."""
    found: list[Any] = []
    Deferred.fromCoroutine(work).addCallback(found.append)
    (one,) = found
    return one


def said(text: str) -> ToolReturned:
    return ToolReturned(content=({"type": "text", "text": text},))


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.stage.table.close()
    assert len(desk.tasks) == 0


@requirement("E3")
def test_a_task_can_be_asked_about_at_once_and_is_what_was_told(desk: Desk) -> None:
    job = desk.stage.started("make -j4", timeout_seconds=20.0)
    created = desk.created(job)
    task = created.task
    assert task == desk.task(job)
    assert task.id == job.handle
    assert isinstance(task.state, Working)
    assert task.poll_ms == POLL_MS
    assert task.ttl_ms == (20.0 + TTL_SECONDS) * 1000
    assert task.created_at == task.updated_at == job.created_at
    assert "make -j4" in (task.message or "")


@requirement("E4")
def test_its_end_is_what_its_call_would_have_been_answered(desk: Desk) -> None:
    job = desk.made()
    desk.stage.pump(30, step=1.0)
    desk.stage.process.exit(2)
    task = desk.task(job)
    assert task.state == said("the end")
    assert task.updated_at == task.created_at + 30
    assert task.ttl_ms == (30 + TTL_SECONDS) * 1000
    assert desk.task(job) == task


def test_what_had_no_process_ends_likewise() -> None:
    desk = Desk(slots=1)
    desk.stage.started()
    job = desk.made()
    assert "slot" in (desk.task(job).message or "")
    desk.stage.pump(31, step=1.0)
    assert desk.task(job).state == said("the end")


@requirement("E6")
def test_a_wish_to_cancel_ends_the_command(desk: Desk) -> None:
    job = desk.made()
    assert desk.serve(TaskCancelled(job.handle)) == Done()
    assert desk.stage.process.signals
    desk.stage.pump(1)
    assert getattr(job.ended, "ended_by", None) is EndedBy.CANCELLED
    assert desk.task(job).state == Cancelled()
    assert desk.asked == 0
    assert desk.serve(TaskCancelled(job.handle)) == Done()


@requirement("E6")
def test_a_command_that_is_over_before_it_hears_of_it_has_its_result(
    desk: Desk,
) -> None:
    job = desk.made()
    desk.stage.process.exit()
    assert desk.serve(TaskCancelled(job.handle)) == Done()
    assert desk.task(job).state == said("the end")


@requirement("E6")
def test_who_is_cancelled_in_the_queue_is_cancelled() -> None:
    desk = Desk(slots=1)
    desk.stage.started()
    job = desk.made()
    desk.serve(TaskCancelled(job.handle))
    assert desk.task(job).state == Cancelled()


def test_answers_to_a_task_that_asks_nothing_are_ignored(desk: Desk) -> None:
    job = desk.made()
    before = desk.task(job)
    asked = TaskAnswered(id=job.handle, input_responses={"x": {}})
    assert desk.serve(asked) == Done()
    assert desk.task(job) == before


@requirement("E10")
def test_every_change_is_told_once_it_can_be_seen() -> None:
    desk = Desk(slots=1)
    desk.stage.started()
    first = desk.stage.process
    job = desk.made()
    assert desk.hub.told == []
    first.exit()
    desk.stage.pump(0.1)
    desk.stage.process.exit()
    ids = [(job.handle, ANN, finished) for finished in (False, True)]
    assert desk.hub.told == ids


@requirement("E7", "E12")
@pytest.mark.parametrize("kind", [TaskAsked, TaskCancelled])
def test_anothers_task_is_as_unknown_as_none(desk: Desk, kind: Any) -> None:
    job = desk.made()
    for name, who in ((job.handle, BOB), ("job_x", ANN), ("", ANN)):
        assert desk.serve(kind(name), who) == UnknownTask(name)
    assert not desk.stage.process.signals
    answered = TaskAnswered(id=job.handle, input_responses={})
    assert desk.serve(answered, BOB) == UnknownTask(job.handle)


@requirement("E10", "E12")
def test_those_are_found_that_are_there_for_the_principal(desk: Desk) -> None:
    job = desk.made()
    sought = TasksSought((job.handle, "job_x", ""))
    assert desk.serve(sought) == TasksFound(frozenset({job.handle}))
    assert desk.serve(sought, BOB) == TasksFound(frozenset())


def test_a_job_that_no_call_was_answered_with_is_no_task(desk: Desk) -> None:
    job = desk.stage.started()
    assert desk.serve(TaskAsked(job.handle)) == UnknownTask(job.handle)


def test_a_job_that_has_ended_by_now_is_answered_with_its_result(desk: Desk) -> None:
    job = desk.stage.finished()
    assert desk.created(job) == said("the end")
    assert len(desk.tasks) == 0


def test_the_same_job_again_is_the_same_task(desk: Desk) -> None:
    job = desk.stage.started()
    desk.created(job, "first")
    desk.stage.pump(2)
    assert desk.created(job, "second").task == desk.task(job)
    desk.stage.process.exit()
    assert desk.task(job).state == said("first")
    assert len(desk.tasks) == 1


@requirement("E7")
def test_a_task_goes_with_its_job(desk: Desk) -> None:
    job = desk.made()
    desk.stage.process.exit()
    desk.stage.pump(TTL_SECONDS - 1, step=1.0)
    assert desk.task(job).state == said("the end")
    desk.stage.pump(2, step=1.0)
    assert desk.serve(TaskAsked(job.handle)) == UnknownTask(job.handle)
    assert len(desk.tasks) == 0


def test_asking_changes_nothing(desk: Desk) -> None:
    job = desk.made()
    assert desk.task(job) == desk.task(job)
    desk.stage.process.exit()
    before = str(job.read_to)
    assert desk.task(job) == desk.task(job)
    assert str(job.read_to) == before


def test_a_long_command_is_cut_in_its_message(desk: Desk) -> None:
    job = desk.made(command="echo " + "x" * 10_000)
    assert len(desk.task(job).message or "") < 200
