"""Notifications that the server sends, as bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from commander.mcp.events import Call, Task
from commander.mcp.jsonrpc import RequestId, notification_body
from commander.mcp.results import SUBSCRIPTION_KEY
from commander.mcp.tasks import detailed_task
from commander.mcp.versions import knows

__all__ = [
    "acknowledged",
    "cancelled",
    "list_changed",
    "log_message",
    "progress",
    "resource_updated",
    "task_changed",
]


def progress(
    call: Call, value: float, message: str = "", total: float | None = None
) -> bytes:
    """How far a call is (S25/basic/utilities/progress); it must have a token."""
    params: dict[str, Any] = {"progressToken": call.progress_token, "progress": value}
    if total is not None:
        params["total"] = total
    if message and knows(call.peer.version, "2025-03-26"):
        params["message"] = message
    return notification_body("notifications/progress", params)


def log_message(level: str, logger: str, data: object) -> bytes:
    """A log message (S25/server/utilities/logging)."""
    return notification_body(
        "notifications/message", {"level": level, "logger": logger, "data": data}
    )


def list_changed(kind: str, subscription: RequestId | None = None) -> bytes:
    """A list is not what it was: ``tools``, ``prompts`` or ``resources``."""
    return notification_body(
        f"notifications/{kind}/list_changed", _tagged(None, subscription)
    )


def resource_updated(uri: str, subscription: RequestId | None = None) -> bytes:
    """A resource is not what it was."""
    return notification_body(
        "notifications/resources/updated", _tagged({"uri": uri}, subscription)
    )


def task_changed(task: Task, subscription: RequestId) -> bytes:
    """A task, as ``tasks/get`` shows it (TASK, Task Status Notifications)."""
    return notification_body(
        "notifications/tasks", _tagged(detailed_task(task), subscription)
    )


def acknowledged(subscription: RequestId, honoured: Mapping[str, Any]) -> bytes:
    """The first message of a subscription (S26/basic/patterns/subscriptions)."""
    return notification_body(
        "notifications/subscriptions/acknowledged",
        _tagged({"notifications": honoured}, subscription),
    )


def cancelled(subscription: RequestId) -> bytes:
    """We end a subscription (S26/basic/patterns/cancellation)."""
    return notification_body(
        "notifications/cancelled",
        _tagged(
            {"requestId": subscription, "reason": "the server is shutting down"},
            subscription,
        ),
    )


def _tagged(
    params: Mapping[str, Any] | None, subscription: RequestId | None
) -> Mapping[str, Any] | None:
    if subscription is None:
        return params
    return {**(params or {}), "_meta": {SUBSCRIPTION_KEY: subscription}}
