"""What a message about tasks has to be, by the words of the extension.

Neither the protocol's schemas nor the official models know it. TASK is
specification/draft/tasks of ``io.modelcontextprotocol/tasks``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["is_about_tasks", "task_problem"]

Json = Mapping[str, Any]

PAYLOADS: Final = {
    "working": None,
    "input_required": "inputRequests",
    "completed": "result",
    "failed": "error",
    "cancelled": None,
}
"""What a task has besides, by its status (TASK, Task Status)."""
TASK_FIELDS: Final = {"taskId", "status", "createdAt", "lastUpdatedAt", "ttlMs"}
OPTIONAL: Final = {"statusMessage", "pollIntervalMs"}
ENVELOPE: Final = {"resultType", "_meta"}
TIMESTAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def is_about_tasks(method: str | None, message: Json) -> bool:
    """Whether a message is one of the extension's."""
    named = method or ""
    return (
        named.startswith(("tasks/", "notifications/tasks"))
        or message.get("result", {}).get("resultType") == "task"
    )


def task_problem(method: str | None, message: Json) -> str | None:
    """Why a request, result or notification is none of the extension's, or None."""
    if message.get("method") == "notifications/tasks":
        return _detailed_problem(message["params"], {"_meta"})
    if "method" in message:
        return _request_problem(message)
    result = message["result"]
    if method == "tools/call":
        if result["resultType"] != "task":
            return "not of type task"
        return _base_problem(result, ENVELOPE)
    if result.get("resultType") != "complete":
        return "not complete"
    if method == "tasks/get":
        return _detailed_problem(result, ENVELOPE)
    return None if {*result} <= ENVELOPE else "not empty"


def _request_problem(message: Json) -> str | None:
    if not isinstance(message["params"].get("taskId"), str):
        return "no taskId"
    answers = message["params"].get("inputResponses", {})
    has_answers = "inputResponses" in message["params"] and isinstance(answers, dict)
    if message["method"] == "tasks/update" and not has_answers:
        return "no inputResponses"
    return None


def _detailed_problem(task: Json, more: set[str]) -> str | None:
    payload = PAYLOADS.get(str(task.get("status")))
    if payload is None:
        return _base_problem(task, more)
    if not isinstance(task.get(payload), dict) or not task[payload]:
        return f"{task['status']} without {payload}"
    error = task.get("error", {"code": 0, "message": ""})
    if not (isinstance(error["code"], int) and isinstance(error["message"], str)):
        return "no error"
    return _base_problem(task, {*more, payload})


def _base_problem(task: Json, more: set[str]) -> str | None:
    if not {*task} >= TASK_FIELDS or {*task} - TASK_FIELDS - OPTIONAL - more:
        return f"the members {sorted(task)}"
    if task["status"] not in PAYLOADS:
        return "no status"
    for name in ("createdAt", "lastUpdatedAt"):
        if TIMESTAMP.fullmatch(task[name]) is None:
            return f"no time in {name}"
    for name in ("ttlMs", "pollIntervalMs"):
        value = task.get(name)
        if value is not None and (type(value) is not int or value <= 0):
            return f"no milliseconds in {name}"
    if task.get("pollIntervalMs", 1) is None:
        return "no milliseconds in pollIntervalMs"
    return None
