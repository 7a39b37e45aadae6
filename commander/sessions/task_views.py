"""One client's sight of tasks, for what it is told without asking.

It sees what ``tasks/get`` would show it, since it is asked for in the same way: whether
a task is there, and whose it is, is known to the application alone.
"""

from __future__ import annotations

from twisted.python.failure import Failure

from commander.mcp import notifications
from commander.mcp.events import (
    Asked,
    Call,
    InputRequired,
    Returned,
    Task,
    TaskAsked,
    TasksFound,
    TasksSought,
)
from commander.mcp.results import undeclared
from commander.principals import Principal
from commander.sessions.application import Application
from commander.telemetry.logging import StructuredLog
from commander.tools.registry import CallContext

__all__ = ["TaskView"]


class TaskView:
    """What a subscription can be told of tasks; nothing here raises.

    Args:
        application: Has the tasks.
        call: The subscription's request: what its client declared.
        principal: Whose tasks can be seen.
        log: For faults of our own.
    """

    def __init__(
        self,
        application: Application,
        call: Call,
        principal: Principal,
        log: StructuredLog,
    ) -> None:
        self._application = application
        self._call = call
        self._context = CallContext(principal=principal)
        self._log = log

    async def known(self, tasks: tuple[str, ...]) -> list[str]:
        """Those that there are, for this principal, in their order."""
        found = await self._ask(TasksSought(tasks)) if tasks else None
        known = found.ids if isinstance(found, TasksFound) else frozenset()
        return [one for one in tasks if one in known]

    async def notification(self, task_id: str) -> bytes | None:
        """The task as it is now; None if it is gone, or asks what cannot be asked."""
        task = await self._ask(TaskAsked(task_id))
        if not isinstance(task, Task):
            return None
        try:
            if isinstance(task.state, InputRequired) and undeclared(
                task.state.requests, self._call.peer.capabilities
            ):
                return None  # S26/basic/patterns/mrtr, Server Requirements
            return notifications.task_changed(task, self._call.id)
        except Exception:
            self._log.failure("task_not_shown", Failure())
            return None

    async def _ask(self, asked: Asked) -> Returned | None:
        try:
            return await self._application.serve(asked, self._context)
        except Exception:
            self._log.failure("task_not_found", Failure())
            return None
