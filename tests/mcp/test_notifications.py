"""What the server says without being asked."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from commander.mcp import notifications
from commander.mcp.events import Call, Peer, ToolCalled
from commander.mcp.inbound import LOG_LEVELS
from commander.mcp.jsonrpc import RequestId
from commander.mcp.results import SUBSCRIPTION_KEY
from commander.mcp.versions import HANDSHAKE_VERSIONS, SUPPORTED_VERSIONS, Era
from tests.mcp.engines import MODERN
from tests.mcp.validation import validate

requirement = pytest.mark.requirement


def call(version: str | None, token: RequestId = "t") -> Call:
    return Call(
        id=7,
        era=Era.MODERN if version == MODERN else Era.HANDSHAKE,
        peer=Peer(version=version),
        asked=ToolCalled(name="x", arguments={}),
        progress_token=token,
    )


def told(body: bytes, version: str = MODERN) -> tuple[str, Any]:
    """Method and params of a notification, which is one of its version."""
    message = msgspec.json.decode(body)
    assert set(message) <= {"jsonrpc", "method", "params"}
    validate(version, "server", message["method"], message)
    return message["method"], message.get("params")


@requirement("M31")
@pytest.mark.parametrize("version", SUPPORTED_VERSIONS)
@pytest.mark.parametrize("token", ["t", "", 0, 7])
def test_progress_names_its_token_with_its_type(token: RequestId, version: str) -> None:
    method, params = told(notifications.progress(call(version, token), 1.5), version)
    assert method == "notifications/progress"
    assert params == {"progressToken": token, "progress": 1.5}
    assert type(params["progressToken"]) is type(token)


def test_progress_may_have_a_total() -> None:
    _, params = told(notifications.progress(call(MODERN), 1, total=4))
    assert params == {"progressToken": "t", "progress": 1, "total": 4}


@requirement("L22")
@pytest.mark.parametrize("version", [*SUPPORTED_VERSIONS, None])
def test_progress_has_a_message_from_2025_03_26_on(version: str | None) -> None:
    """L22."""
    body = notifications.progress(call(version), 1, "half")
    _, params = told(body, version or "2025-03-26")
    assert params.get("message") == (None if version == "2024-11-05" else "half")


@pytest.mark.parametrize("version", SUPPORTED_VERSIONS)
@pytest.mark.parametrize("level", LOG_LEVELS)
@pytest.mark.parametrize("data", ["text", {"a": [1]}, None])
def test_a_log_message_has_level_logger_and_data(
    data: object, level: str, version: str
) -> None:
    body = notifications.log_message(level, "stdout", data)
    assert told(body, version) == (
        "notifications/message",
        {"level": level, "logger": "stdout", "data": data},
    )


@pytest.mark.parametrize("version", HANDSHAKE_VERSIONS)
@pytest.mark.parametrize("kind", ["tools", "prompts", "resources"])
def test_a_changed_list_is_named(kind: str, version: str) -> None:
    assert told(notifications.list_changed(kind), version) == (
        f"notifications/{kind}/list_changed",
        None,
    )


@pytest.mark.parametrize("version", HANDSHAKE_VERSIONS)
def test_a_changed_resource_is_named(version: str) -> None:
    assert told(notifications.resource_updated("job://1"), version) == (
        "notifications/resources/updated",
        {"uri": "job://1"},
    )


@requirement("M32")
@pytest.mark.parametrize("subscription", [0, 7, "", "a"])
def test_all_that_a_subscription_sends_carries_its_id_with_its_type(
    subscription: RequestId,
) -> None:
    """M32."""
    meta = {"_meta": {SUBSCRIPTION_KEY: subscription}}
    filtered = {"toolsListChanged": True, "resourceSubscriptions": ["job://1"]}
    reason: dict[str, object] = {
        "requestId": subscription,
        "reason": "the server is shutting down",
    }
    expected: list[tuple[bytes, str, dict[str, object]]] = [
        (
            notifications.acknowledged(subscription, filtered),
            "notifications/subscriptions/acknowledged",
            {"notifications": filtered},
        ),
        (
            notifications.list_changed("prompts", subscription),
            "notifications/prompts/list_changed",
            {},
        ),
        (
            notifications.resource_updated("job://1", subscription),
            "notifications/resources/updated",
            {"uri": "job://1"},
        ),
        (
            notifications.cancelled(subscription),
            "notifications/cancelled",
            reason,
        ),
    ]
    for body, method, params in expected:
        named, sent = told(body)
        assert (named, sent) == (method, {**params, **meta})
        assert type(sent["_meta"][SUBSCRIPTION_KEY]) is type(subscription)


def test_a_subscription_may_honour_nothing() -> None:
    _, params = told(notifications.acknowledged(7, {}))
    assert params == {"notifications": {}, "_meta": {SUBSCRIPTION_KEY: 7}}
