"""The extension ``io.modelcontextprotocol/tasks``, as far as it is pure protocol.

A tool's call may be answered with a task: a handle that its client asks about until the
work is done. Whether a call becomes one is the server's choice, but only for a client
that declared the extension in that very request (TASK, Capability Negotiation; TASK is
the extension's specification/draft/tasks). There are no such methods in the handshake
era, whose tasks of 2025-11-25 were an experiment with another form.

| state of the work             | ``status``       | what ``tasks/get`` has besides   |
|-------------------------------|------------------|----------------------------------|
| ``Working``                   | `working`        | nothing                          |
| ``InputRequired``             | `input_required` | `inputRequests`                  |
| ``ToolReturned``              | `completed`      | `result`, be it a tool's error   |
| ``Refused``                   | `failed`         | `error`                          |
| ``Cancelled``                 | `cancelled`      | nothing                          |
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from commander.mcp.content import tool_result
from commander.mcp.events import (
    Cancelled,
    InputRequired,
    Refused,
    Task,
    TaskState,
    ToolReturned,
    Working,
)
from commander.mcp.jsonrpc import (
    MISSING_CAPABILITY,
    ProtocolError,
    Request,
    error_members,
)
from commander.mcp.versions import MODERN_VERSIONS

__all__ = [
    "STATUSES",
    "TASKS_EXTENSION",
    "TASKS_NEEDED",
    "created_task",
    "declares_tasks",
    "detailed_task",
    "undeclared_problem",
]

TASKS_EXTENSION: Final = "io.modelcontextprotocol/tasks"
"""What both sides declare, in ``extensions`` of their capabilities."""
TASKS_NEEDED: Final[Mapping[str, Any]] = {"extensions": {TASKS_EXTENSION: {}}}
"""What a client is told that it has to declare."""

STATUSES: Final[Mapping[type[TaskState], str]] = {
    Working: "working",
    InputRequired: "input_required",
    ToolReturned: "completed",
    Refused: "failed",
    Cancelled: "cancelled",
}
"""TASK, Task Status."""

_METHODS: Final = frozenset({"tasks/get", "tasks/update", "tasks/cancel"})


def declares_tasks(capabilities: Mapping[str, Any]) -> bool:
    """Whether a client declared that it can be answered with a task.

    Args:
        capabilities: Of one request, as they came; of any shape.
    """
    extensions = capabilities.get("extensions")
    if not isinstance(extensions, dict):
        return False
    return isinstance(extensions.get(TASKS_EXTENSION), dict)


def undeclared_problem(
    request: Request, capabilities: Mapping[str, Any]
) -> ProtocolError | None:
    """Why a client may not ask about tasks, or None (TASK, Protocol Errors).

    That it did not declare them goes before all that its parameters may lack.
    """
    if declares_tasks(capabilities) or not _is_about_tasks(request):
        return None
    return ProtocolError(
        code=MISSING_CAPABILITY,
        message=f"Missing client capability: {TASKS_EXTENSION}",
        id=request.id,
        data={"requiredCapabilities": TASKS_NEEDED},
    )


def created_task(task: Task) -> dict[str, Any]:
    """A task as the call that made it is answered, however it stands by then.

    Raises:
        OverflowError, ValueError: A time is none that a calendar has.
    """
    members: dict[str, Any] = {
        "taskId": task.id,
        "status": STATUSES[type(task.state)],
        "createdAt": _timestamp(task.created_at),
        "lastUpdatedAt": _timestamp(task.updated_at),
        "ttlMs": task.ttl_ms,
    }
    message = task.message
    if message is None and isinstance(task.state, Refused):
        message = task.state.message  # TASK, Task Execution Errors: SHOULD
    if message is not None:
        members["statusMessage"] = message
    if task.poll_ms is not None:
        members["pollIntervalMs"] = task.poll_ms
    return members


def detailed_task(task: Task) -> dict[str, Any]:
    """A task with what belongs to its state (TASK, Task Status).

    Raises:
        OverflowError, ValueError: A time is none that a calendar has, or the task waits
            for answers to no question.
    """
    members = created_task(task)
    match task.state:
        case InputRequired(requests=requests):
            if not requests:
                raise ValueError("there is nothing to ask")
            members["inputRequests"] = requests
        case ToolReturned():
            # As the call itself would have been answered.
            result = tool_result(MODERN_VERSIONS[-1], task.state)
            members["result"] = {"resultType": "complete", **result}
        case Refused(code=code, message=message, data=data):
            members["error"] = error_members(code, message, data)
    return members


def _is_about_tasks(request: Request) -> bool:
    if request.method in _METHODS:
        return True
    wanted = request.params.get("notifications")
    return (
        request.method == "subscriptions/listen"
        and isinstance(wanted, dict)
        and bool(wanted.get("taskIds"))
    )


def _timestamp(seconds: float) -> str:
    """ISO 8601, in UTC, to the millisecond."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"
