"""Jobs as tasks of the extension ``io.modelcontextprotocol/tasks``.

A call whose command goes on is answered with a task, for a client that declared the
extension; the task's id is the job's handle, and all job tools take it. The task is
nothing but a view of the job:

====================================== ============================================
the job                                the task
====================================== ============================================
is queued, or runs                     ``Working``
was cancelled before its end           ``Cancelled``
has ended in any other way             what its call would have been answered
====================================== ============================================

A command that fails, or is killed at its timeout, is a result like any other, so no
task is ever ``Refused``. None asks for input: ``send_input`` is there for that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Final

import attrs

from commander.commands import Cancelled as GivenUp
from commander.commands import EndedBy, Outcome
from commander.jobs.job import Job, JobPhase
from commander.jobs.table import JobTable
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
    TaskState,
    ToolReturned,
    UnknownTask,
    Working,
)
from commander.policy.denials import shorten
from commander.principals import Principal
from commander.sessions.listening import ChangeHub

__all__ = ["POLL_MS", "JobTasks"]

POLL_MS: Final = 1000
"""How long a client had better wait before it asks again: a person does not notice."""

Answer = Callable[[], Awaitable[ToolReturned]]


@attrs.define
class _Made:
    """What is known of a task beside its job."""

    job: Job
    answer: Answer
    updated_at: float


class JobTasks:
    """The tasks that calls were answered with; each is there as long as its job.

    Args:
        table: Has the jobs.
        hub: Told of every change.
        finished_ttl_seconds: How long a job is kept after its end.
        wall: Seconds since 1970.
    """

    def __init__(
        self,
        table: JobTable,
        hub: ChangeHub,
        *,
        finished_ttl_seconds: float,
        wall: Callable[[], float],
    ) -> None:
        self._table = table
        self._hub = hub
        self._ttl_seconds = finished_ttl_seconds
        self._wall = wall
        self._made: dict[str, _Made] = {}
        table.on_change(self._changed)
        table.on_forget(self._forget)

    def __len__(self) -> int:
        """Tasks there are."""
        return len(self._made)

    async def create(
        self, job_id: str, answer: Answer, principal: Principal
    ) -> TaskCreated | ToolReturned:
        """Answer a call with its task, or with its result, if that is there by now.

        A job has one task. A second call for it, made again with the same
        ``idempotency_key``, gets that one.

        Args:
            job_id: Of a job in the table, of this principal.
            answer: Makes what the call would have been answered at the job's end; it
                changes nothing, and holds nothing that is large or secret.
            principal: Whose call it is.
        """
        job = self._table.find(job_id, principal)
        if not isinstance(job, Job) or job.finished:
            return await answer()
        made = self._made.setdefault(job_id, _Made(job, answer, self._wall()))
        return TaskCreated(self._task(made, Working()))

    async def serve(
        self,
        asked: TaskAsked | TasksSought | TaskAnswered | TaskCancelled,
        principal: Principal,
    ) -> Task | TasksFound | Done | UnknownTask:
        """What a client asks of tasks; those of others are not there."""
        if isinstance(asked, TasksSought):
            return self._found(asked.ids, principal)
        made = self._of(asked.id, principal)
        if made is None:
            return UnknownTask(asked.id)
        match asked:
            case TaskAsked():
                return self._task(made, await _state(made))
            case TaskCancelled():
                made.job.cancel()
        return Done()

    def _found(self, ids: Iterable[str], principal: Principal) -> TasksFound:
        return TasksFound(
            frozenset(one for one in ids if self._of(one, principal) is not None)
        )

    def _of(self, task_id: str, principal: Principal) -> _Made | None:
        made = self._made.get(task_id)
        return made if made is not None and made.job.principal == principal else None

    def _task(self, made: _Made, state: TaskState) -> Task:
        job = made.job
        lasts = job.request.timeout_seconds
        if job.finished:
            lasts = max(0.0, made.updated_at - job.created_at)
        return Task(
            id=job.handle,
            state=state,
            created_at=job.created_at,
            updated_at=made.updated_at,
            ttl_ms=int((lasts + self._ttl_seconds) * 1000),
            poll_ms=POLL_MS,
            message=_message(job),
        )

    def _changed(self, job: Job) -> None:
        made = self._made.get(job.handle)
        if made is not None:
            made.updated_at = self._wall()
            self._hub.task_changed(job.handle, job.principal)

    def _forget(self, job: Job) -> None:
        self._made.pop(job.handle, None)


async def _state(made: _Made) -> TaskState:
    match made.job.ended:
        case None:
            return Working()
        case GivenUp() | Outcome(ended_by=EndedBy.CANCELLED):
            return Cancelled()
    return await made.answer()


def _message(job: Job) -> str:
    """For the person in front of the client."""
    state = {
        JobPhase.QUEUED: "waiting for a free slot",
        JobPhase.RUNNING: "running",
        JobPhase.FINISHED: "ended",
    }[job.phase]
    return f"{state}: {shorten(job.request.command)}"
