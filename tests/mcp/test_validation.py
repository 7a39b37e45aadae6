"""Both judges of messages are there, and each finds what is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from commander.mcp.versions import SUPPORTED_VERSIONS
from tests.mcp.engines import MODERN, envelope
from tests.mcp.sdk import sdk_or_skip
from tests.mcp.validation import (
    Direction,
    InvalidMessageError,
    schemas_or_none,
    validate,
)


def test_the_models_are_there() -> None:
    answered = {"jsonrpc": "2.0", "id": 1, "result": {"tools": 5}}
    problem = sdk_or_skip().ask(
        "validate",
        revision="2025-11-25",
        direction="server",
        method="tools/list",
        message=answered,
    )
    assert "mcp-types" in problem


@pytest.mark.parametrize("version", SUPPORTED_VERSIONS)
def test_the_schemas_are_there(version: str) -> None:
    if schemas_or_none(version) is None:
        pytest.skip("no conformance suite, which has the schemas")
    with pytest.raises(InvalidMessageError, match=r"(ListToolsResult|Response) of"):
        validate(
            version,
            "server",
            "tools/list",
            {"jsonrpc": "2.0", "id": 1, "result": {"tools": 5}},
        )


def request(method: str, params: Any = None, **more: Any) -> dict[str, Any]:
    found = {"jsonrpc": "2.0", "method": method, **more}
    return found if params is None else {**found, "params": params}


def error(code: int, **more: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": "", **more}}


def result(**members: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "result": members}


DONE = {"resultType": "complete"}
CALL = {"name": "x", "_meta": envelope()}
QUESTION = {"message": "?", "requestedSchema": {"type": "object", "properties": {}}}


@pytest.mark.parametrize(
    ("version", "direction", "method", "message"),
    [
        ("2024-11-05", "client", "ping", request("ping", id=1)),
        ("2025-03-26", "server", "ping", result()),
        ("2025-06-18", "server", "ping", request("ping", id=1)),
        ("2025-06-18", "client", "elicitation/create", result(action="decline")),
        (
            "2025-11-25",
            "server",
            "elicitation/create",
            request("elicitation/create", QUESTION, id="a"),
        ),
        (
            "2025-11-25",
            "client",
            "notifications/initialized",
            request("notifications/initialized"),
        ),
        (MODERN, "client", "tools/call", request("tools/call", CALL, id=1)),
        (
            MODERN,
            "client",
            "notifications/cancelled",
            request("notifications/cancelled", {"requestId": 1}),
        ),
        (MODERN, "server", "tools/call", result(content=[], **DONE)),
        (
            MODERN,
            "server",
            "tools/call",
            result(resultType="input_required", requestState="s"),
        ),
        (MODERN, "server", "x", error(-32601)),
        (MODERN, "server", None, {**error(-32700), "id": None}),
        ("2025-06-18", "server", None, {**error(-32600), "id": None}),
    ],
)
def test_a_good_message_passes(
    version: str, direction: Direction, method: str | None, message: dict[str, Any]
) -> None:
    validate(version, direction, method, message)


@pytest.mark.parametrize(
    ("version", "direction", "method", "message"),
    [
        # The envelope.
        ("2025-06-18", "server", "ping", {"jsonrpc": "1.0", "id": 1, "result": {}}),
        ("2025-06-18", "server", "ping", {"id": 1, "result": {}}),
        ("2025-06-18", "server", "ping", {**result(), "id": None}),
        ("2025-06-18", "server", "ping", {**result(), "id": 1.5}),
        ("2025-06-18", "server", "ping", {**result(), **error(1)}),
        ("2025-06-18", "server", "ping", {"jsonrpc": "2.0", "id": 1, "error": {}}),
        ("2025-06-18", "server", "x", {**error(-32602), "id": None}),
        (MODERN, "server", "x", {**error(-32601), "id": None}),
        # What a version does not have, or not from this side.
        ("2024-11-05", "client", "server/discover", request("server/discover", id=1)),
        (MODERN, "client", "ping", request("ping", {"_meta": envelope()}, id=1)),
        (MODERN, "server", "ping", request("ping", id=1)),
        (
            MODERN,
            "server",
            "elicitation/create",
            request("elicitation/create", QUESTION, id=1),
        ),
        (
            MODERN,
            "client",
            "notifications/initialized",
            request("notifications/initialized"),
        ),
        ("2025-06-18", "client", "tools/call", result(content=[])),
        ("2025-06-18", "server", "unheard-of", result()),
        # What is in it.
        ("2025-06-18", "client", "tools/call", request("tools/call", {}, id=1)),
        (MODERN, "client", "tools/call", request("tools/call", {"name": "x"}, id=1)),
        (MODERN, "server", "tools/call", result(content=[])),
        (MODERN, "server", "tools/list", result(tools=[], **DONE)),
        (MODERN, "server", "tools/call", result(resultType="input_required")),
        (
            MODERN,
            "server",
            "tools/list",
            result(resultType="input_required", requestState="s"),
        ),
        (MODERN, "server", "x", error(-32002)),
        (MODERN, "server", "x", error(-32042)),
        (MODERN, "server", "x", error(-32000)),
        (MODERN, "server", "x", error(-32023)),
        (MODERN, "server", "x", error(-32021)),
        (MODERN, "server", "x", error(-32021, data={"requiredCapabilities": []})),
        (MODERN, "server", "x", error(-32022, data={"supported": []})),
    ],
)
def test_a_bad_message_is_found(
    version: str, direction: Direction, method: str | None, message: dict[str, Any]
) -> None:
    sdk_or_skip()
    if schemas_or_none(version) is None:
        pytest.skip("no conformance suite, which has the schemas")
    with pytest.raises(InvalidMessageError):
        validate(version, direction, method, message)
