"""What a subscription tells of tasks (TASK, Task Status Notifications).

A notification shows the whole task, its result too, exactly as ``tasks/get`` would at
that moment. So nothing is kept for a client that does not keep up but the names of the
tasks that changed: each is asked for when its turn comes, one after the other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import Deferred

__all__ = ["TaskTeller"]


class TaskTeller:
    """Tells one subscription of some tasks; tells nothing before ``begin``.

    Args:
        show: The notification that shows a task as it is; None if it is not there any
            more, or nothing that this client can be told. Must not raise.
        send: Takes a notification.
    """

    def __init__(
        self,
        show: Callable[[str], Awaitable[bytes | None]],
        send: Callable[[bytes], None],
    ) -> None:
        self._show = show
        self._send = send
        self._tasks: frozenset[str] | None = None
        self._due: dict[str, None] = {}
        self._busy = False
        self._paused = False
        self._ended = False

    def begin(self, tasks: frozenset[str]) -> None:
        """Tell of these from now on, and at once how each of them stands.

        Without that a task that came to its end before it was listened to would never
        be heard of.
        """
        self._tasks = tasks
        # What changed since they were looked for is told once, as it is now.
        self._due = dict.fromkeys(tasks)
        self._go_on()

    def changed(self, task_id: str) -> None:
        """A task is not what it was; told only if it is one of these."""
        if self._tasks is not None and task_id in self._tasks:
            self._due[task_id] = None
            self._go_on()

    def pause(self) -> None:
        """The client does not keep up: what is being asked for is the last."""
        self._paused = True

    def resume(self) -> None:
        """It does again."""
        self._paused = False
        self._go_on()

    def end(self) -> None:
        """Tell nothing more; a second call does nothing."""
        self._ended = True
        self._due.clear()

    def _go_on(self) -> None:
        if not self._busy:
            self._busy = True
            Deferred.fromCoroutine(self._tell())

    async def _tell(self) -> None:
        """Tell what is due; a change meanwhile makes it due again, and is seen here."""
        while self._due and not self._paused:
            task_id = next(iter(self._due))
            del self._due[task_id]
            notification = await self._show(task_id)
            if notification is not None and not self._ended:
                self._send(notification)
        self._busy = False
