"""Whether a message is one of its revision, by two judges.

One is the revision's own JSON Schema, which the conformance suite brings along, the
other is mcp-types, the official models, in a process of its own. Each is left out where
it is not installed; ``test_validation.py`` is skipped then, which tells.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Final, Literal

import pytest
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for

from tests.conformance.schemas import schema
from tests.mcp.sdk import sdk
from tests.mcp.task_rules import is_about_tasks, task_problem

__all__ = ["Direction", "InvalidMessageError", "schemas_or_none", "validate"]

Direction = Literal["client", "server"]
"""Who sends the message."""
Json = dict[str, Any]

MODERN: Final = "2026-07-28"
_STAND_INS: Final = {"2024-11-05": "2025-03-26"}
"""The suite has no schema of the oldest revision. The next one only adds to it."""
_RESULTS: Final = {
    "client": {
        "elicitation/create": "ElicitResult",
        "ping": "EmptyResult",
        "roots/list": "ListRootsResult",
        "sampling/createMessage": "CreateMessageResult",
    },
    "server": {
        "completion/complete": "CompleteResult",
        "initialize": "InitializeResult",
        "logging/setLevel": "EmptyResult",
        "ping": "EmptyResult",
        "prompts/get": "GetPromptResult",
        "prompts/list": "ListPromptsResult",
        "resources/list": "ListResourcesResult",
        "resources/read": "ReadResourceResult",
        "resources/subscribe": "EmptyResult",
        "resources/templates/list": "ListResourceTemplatesResult",
        "resources/unsubscribe": "EmptyResult",
        "server/discover": "DiscoverResult",
        "subscriptions/listen": "SubscriptionsListenResult",
        "tools/call": "CallToolResult",
        "tools/list": "ListToolsResult",
    },
}
_ERRORS: Final = {
    -32020: "HeaderMismatchError",
    -32021: "MissingRequiredClientCapabilityError",
    -32022: "UnsupportedProtocolVersionError",
}
"""Of 2026-07-28, which defines no other codes of its own."""
_RETRIED: Final = {"prompts/get", "resources/read", "tools/call"}


class InvalidMessageError(AssertionError):
    """A message is not one of its revision; the text says why."""


def validate(
    revision: str, direction: Direction, method: str | None, message: Mapping[str, Any]
) -> None:
    """Hold a message to its revision.

    An ``id`` of null is let pass where JSON-RPC wants it: in an error that answers what
    could not be read. The schemas have no such id.

    Args:
        revision: Any that is served.
        direction: Who sends it.
        method: Of a request or notification; of the request that a response answers;
            None for an error that answers no request.
        message: A JSON object: request, notification, result or error.

    Raises:
        InvalidMessageError: It is not one of the revision.
    """
    judged = dict(message)
    if "error" in judged and judged.get("id", 0) is None:
        _check_unread(judged)
        judged["id"] = 0
    _by_rules(revision, method, judged)
    if "error" not in judged and is_about_tasks(method, judged):
        problem = task_problem(method, judged)
        if problem is not None:
            raise InvalidMessageError(f"{problem} in {message}")
        return  # neither judge knows the extension
    _by_schema(revision, direction, method, judged)
    oracle = sdk()
    if oracle is not None:
        problem = oracle.ask(
            "validate",
            revision=revision,
            direction=direction,
            method=method,
            message=judged,
        )
        if problem is not None:
            raise InvalidMessageError(f"{problem} in {message}")


@functools.cache
def schemas_or_none(revision: str) -> Json | None:
    """A revision's JSON Schema; None if it cannot be had here."""
    if revision != MODERN and schemas_or_none(MODERN) is None:
        return None  # looking for them may take minutes: once is enough
    try:
        return schema(_STAND_INS.get(revision, revision))
    except pytest.skip.Exception:
        return None


def _check_unread(message: Json) -> None:
    if message["error"].get("code") not in (-32700, -32600, -32020, -32022, -32001):
        raise InvalidMessageError(f"an error without an id: {message}")


def _by_rules(revision: str, method: str | None, message: Json) -> None:
    """What is said in words only."""
    if message.get("jsonrpc") != "2.0":
        raise InvalidMessageError(f"not JSON-RPC 2.0: {message}")
    if "result" in message and "error" in message:
        raise InvalidMessageError(f"result and error: {message}")
    if revision != MODERN:
        return
    # S26/basic/index, Error Codes.
    code = message.get("error", {}).get("code", 0)
    if (
        code in (-32002, -32042)
        or -32019 <= code <= -32000
        or (-32099 <= code <= -32020 and code not in _ERRORS)
    ):
        raise InvalidMessageError(f"a code that must not be sent: {message}")
    # S26/basic/patterns/mrtr.
    result = message.get("result", {})
    if result.get("resultType") == "input_required" and (
        method not in _RETRIED or not {"inputRequests", "requestState"} & result.keys()
    ):
        raise InvalidMessageError(f"not to be answered so: {method}, {message}")


def _by_schema(
    revision: str, direction: Direction, method: str | None, message: Json
) -> None:
    whole = schemas_or_none(revision)
    if whole is None:
        return
    name: str
    if "error" in message:
        name = "JSONRPCError"
        if revision >= "2025-11-25":
            name = "JSONRPCErrorResponse"
        if revision == MODERN:
            name = _ERRORS.get(message["error"].get("code"), name)
        _check(revision, name, message)
    elif "result" in message:
        envelope = (
            "JSONRPCResultResponse" if revision >= "2025-11-25" else "JSONRPCResponse"
        )
        _check(revision, envelope, message)
        _check(revision, _result_name(direction, method, message), message["result"])
    else:
        kind = "Request" if "id" in message else "Notification"
        _check(revision, f"JSONRPC{kind}", message)
        name = _call_name(revision, f"{direction.title()}{kind}", method)
        _check(revision, name, message)


def _result_name(direction: Direction, method: str | None, message: Json) -> str:
    if message["result"].get("resultType") == "input_required":
        return "InputRequiredResult"
    name = _RESULTS[direction].get(method or "")
    if name is None:
        raise InvalidMessageError(f"no result of {method}: {message}")
    return name


def _call_name(revision: str, union: str, method: str | None) -> str:
    """The definition of a method among those that this side may send."""
    definitions = _definitions(revision)
    several = definitions.get(union, {}).get("anyOf", ())
    names: list[str] = [each["$ref"].rpartition("/")[2] for each in several]
    for name in names or [union] * (union in definitions):
        if definitions[name]["properties"]["method"]["const"] == method:
            return name
    raise InvalidMessageError(f"{revision} has no {method} in {union}")


def _check(revision: str, name: str, value: Json) -> None:
    for error in _validator(revision, name).iter_errors(value):
        raise InvalidMessageError(
            f"{name} of {revision}: {error.message} at {error.json_path} in {value}"
        )


def _definitions(revision: str) -> Json:
    whole = schemas_or_none(revision)
    assert whole is not None
    found: Json = whole["$defs" if "$defs" in whole else "definitions"]
    return found


@functools.cache
def _validator(revision: str, name: str) -> Validator:
    whole = schemas_or_none(revision)
    assert whole is not None
    where = "$defs" if "$defs" in whole else "definitions"
    # Beside a $ref the older drafts would ignore all else, so it stands in allOf.
    root = {
        "$schema": whole["$schema"],
        where: whole[where],
        "allOf": [{"$ref": f"#/{where}/{name}"}],
    }
    return validator_for(root)(root)
