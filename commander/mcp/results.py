"""The one writer of replies.

It alone knows what a version adds to a result (``resultType``, who we are, how long
it may be kept) and what a version cannot read, and here is the one table from JSON-RPC
codes to HTTP statuses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from commander.mcp.catalogue import known_entries
from commander.mcp.content import readable, tool_result
from commander.mcp.events import (
    Call,
    CompletionReturned,
    Done,
    InputRequired,
    ListReturned,
    Peer,
    PromptAsked,
    PromptReturned,
    Refused,
    Reply,
    ResourceAsked,
    ResourceReturned,
    Returned,
    ServerInfo,
    Task,
    TaskCreated,
    TaskRequired,
    ToolCalled,
    ToolReturned,
    UnknownResource,
    UnknownTask,
)
from commander.mcp.jsonrpc import (
    HEADER_MISMATCH,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    MISSING_CAPABILITY,
    PARSE_ERROR,
    RESOURCE_NOT_FOUND,
    UNSUPPORTED_PROTOCOL_VERSION,
    ProtocolError,
    RequestId,
    encoded,
    error_body,
    result_body,
    shown,
)
from commander.mcp.tasks import (
    TASKS_EXTENSION,
    TASKS_NEEDED,
    created_task,
    declares_tasks,
    detailed_task,
)
from commander.mcp.versions import Era, knows

__all__ = [
    "ACCEPTED",
    "NEEDED_CAPABILITIES",
    "SERVER_INFO_KEY",
    "STATUS_OF_CODE",
    "SUBSCRIPTION_KEY",
    "ReplyWriter",
    "refusal",
    "undeclared",
]

SERVER_INFO_KEY: Final = "io.modelcontextprotocol/serverInfo"
SUBSCRIPTION_KEY: Final = "io.modelcontextprotocol/subscriptionId"

_OK: Final = 200
_BAD_MESSAGE: Final = {
    PARSE_ERROR: 400,
    INVALID_REQUEST: 400,
    HEADER_MISMATCH: 400,
    UNSUPPORTED_PROTOCOL_VERSION: 400,
}
STATUS_OF_CODE: Final = {
    Era.HANDSHAKE: _BAD_MESSAGE,
    Era.MODERN: {
        **_BAD_MESSAGE,
        METHOD_NOT_FOUND: 404,
        INVALID_PARAMS: 400,
        MISSING_CAPABILITY: 400,
    },
}
"""Codes that are not here answer with 200: a well-formed request of the handshake era
(S25/basic/transports, Sending Messages to the Server, 5), and our own faults."""

NEEDED_CAPABILITIES: Final = {
    "elicitation/create": "elicitation",
    "sampling/createMessage": "sampling",
    "roots/list": "roots",
}
"""What a client declares that can be asked this (S25/basic/lifecycle, Operation;
S26/basic/patterns/mrtr, Server Requirements)."""
_MAX_COMPLETIONS: Final = 100
"""Values that one answer may hold (S26/server/utilities/completion)."""

ACCEPTED: Final = Reply(status=202, body=b"")
"""For notifications and responses (S25/basic/transports, Sending Messages, 4)."""


def refusal(error: ProtocolError, era: Era = Era.HANDSHAKE) -> Reply:
    """Answer with an error."""
    status = STATUS_OF_CODE[era].get(error.code, _OK)
    return Reply(status=status, body=error_body(error))


def undeclared(
    requests: Mapping[str, Mapping[str, Any]], capabilities: Mapping[str, Any]
) -> list[str]:
    """What a client would have had to declare to be asked all this, and did not.

    Raises:
        KeyError: Nothing of the kind can be asked.
    """
    needed = {NEEDED_CAPABILITIES[request["method"]] for request in requests.values()}
    return sorted(needed - capabilities.keys())


class ReplyWriter:
    """Writes results for every version.

    Args:
        server: Who we say we are.
    """

    def __init__(self, server: ServerInfo) -> None:
        self._identity = {
            "name": server.name,
            "title": server.title,
            "version": server.version,
        }

    def identity(self, version: str | None) -> dict[str, str]:
        """Who we are, as a version knows it."""
        return {
            name: value
            for name, value in self._identity.items()
            if name != "title" or knows(version, "2025-06-18")
        }

    def complete(
        self, era: Era, members: Mapping[str, Any], ttl_ms: int | None = None
    ) -> msgspec.Raw:
        """A result, encoded, with what its era adds to it.

        Args:
            era: Of the request.
            members: The result's own; ``_meta`` may be among them.
            ttl_ms: How long it may be kept, of results that say so
                (S26/server/utilities/caching).
        """
        return encoded(
            members
            if era is Era.HANDSHAKE
            else self._modern("complete", members, ttl_ms)
        )

    def result(
        self, request_id: RequestId, value: Mapping[str, Any] | msgspec.Raw
    ) -> Reply:
        """Answer with a result that is complete as it is."""
        return Reply(status=_OK, body=result_body(request_id, value))

    def returned(self, call: Call, returned: Returned) -> Reply:
        """The answer to a call.

        Raises:
            ValueError: The client cannot be asked to ask again: it is of the handshake
                era, its request is not one that can, or there is nothing to ask. Or
                it was to get a task that it could not ask about.
            KeyError: Nothing of the kind can be asked.
        """
        match returned:
            case Refused(code=code, message=message, data=data):
                return self._error(call, code, message, data)
            case UnknownResource(uri=uri):
                return self._unknown_resource(call, uri)
            case InputRequired():
                return self._input_required(call, returned)
            case Task():
                return self._task(call, returned)
            case TaskCreated(task=task):
                return self._task_created(call, task)
            case TaskRequired():
                return self._task_required(call)
            case UnknownTask(id=task_id):
                message = f"Task not found: {shown(task_id)}"
                return self._error(call, INVALID_PARAMS, message)
        ttl_ms: int | None = None
        if isinstance(returned, ListReturned | ResourceReturned):
            ttl_ms = returned.ttl_ms
        members = _members(call.peer, returned)
        if call.era is Era.HANDSHAKE:
            return self.result(call.id, members)
        return self.result(call.id, self._modern("complete", members, ttl_ms))

    def failed(self, call: Call) -> Reply:
        """The answer to a call that our own fault broke; tells no details."""
        return self._error(call, INTERNAL_ERROR, "Internal error: see the server's log")

    def listened(self, call: Call) -> Reply:
        """The end of a subscription, on our side (Subscriptions, Graceful Closure)."""
        members = {"_meta": {SUBSCRIPTION_KEY: call.id}}
        return self.result(call.id, self._modern("complete", members, None))

    def _modern(
        self, result_type: str, members: Mapping[str, Any], ttl_ms: int | None
    ) -> dict[str, Any]:
        """S26/basic/index, ResultType and _meta."""
        meta = {SERVER_INFO_KEY: self._identity, **members.get("_meta", {})}
        kept = {} if ttl_ms is None else {"ttlMs": ttl_ms, "cacheScope": "private"}
        return {"resultType": result_type, **members, **kept, "_meta": meta}

    def _input_required(self, call: Call, asked: InputRequired) -> Reply:
        """S26/basic/patterns/mrtr, Server Requirements."""
        if call.era is Era.HANDSHAKE or not isinstance(
            call.asked, ToolCalled | PromptAsked | ResourceAsked
        ):
            raise ValueError("this request cannot be answered with input_required")
        if not asked.requests and asked.state is None:
            raise ValueError("there is nothing to ask")
        missing = undeclared(asked.requests, call.peer.capabilities)
        if missing:
            return self._missing(call, missing)
        members: dict[str, Any] = {}
        if asked.requests:
            members["inputRequests"] = asked.requests
        if asked.state is not None:
            members["requestState"] = asked.state
        return self.result(call.id, self._modern("input_required", members, None))

    def _task(self, call: Call, task: Task) -> Reply:
        """TASK, Task Polling. What cannot be asked of this client is not told to it."""
        if isinstance(task.state, InputRequired):
            missing = undeclared(task.state.requests, call.peer.capabilities)
            if missing:
                return self._missing(call, missing)
        return self.result(call.id, self._modern("complete", detailed_task(task), None))

    def _task_created(self, call: Call, task: Task) -> Reply:
        """TASK, Task Creation."""
        if not isinstance(call.asked, ToolCalled):
            raise ValueError("this request cannot be answered with a task")
        if call.era is Era.HANDSHAKE or not declares_tasks(call.peer.capabilities):
            raise ValueError("this client did not declare that it knows tasks")
        return self.result(call.id, self._modern("task", created_task(task), None))

    def _task_required(self, call: Call) -> Reply:
        """TASK, Capability Negotiation; S25/basic/utilities/tasks, Tool-Level."""
        message = f"Missing client capability: {TASKS_EXTENSION}"
        if call.era is Era.HANDSHAKE:
            return self._error(call, METHOD_NOT_FOUND, message)
        return self._error(
            call, MISSING_CAPABILITY, message, {"requiredCapabilities": TASKS_NEEDED}
        )

    def _missing(self, call: Call, names: Sequence[str]) -> Reply:
        """S26/basic/index, _meta."""
        return self._error(
            call,
            MISSING_CAPABILITY,
            f"Missing client capability: {', '.join(names)}",
            {"requiredCapabilities": {name: {} for name in names}},
        )

    def _unknown_resource(self, call: Call, uri: str) -> Reply:
        """S25 has a code of its own for it, which S26 forbids (Error Codes)."""
        code = RESOURCE_NOT_FOUND if call.era is Era.HANDSHAKE else INVALID_PARAMS
        return self._error(
            call, code, f"Resource not found: {shown(uri)}", {"uri": uri}
        )

    @staticmethod
    def _error(
        call: Call, code: int, message: str, data: Mapping[str, Any] | None = None
    ) -> Reply:
        error = ProtocolError(code=code, message=message, id=call.id, data=data)
        return refusal(error, call.era)


def _members(peer: Peer, returned: Returned) -> dict[str, Any]:
    """A result's own members, as the peer's version knows them."""
    match returned:
        case ToolReturned():
            return tool_result(peer.version, returned)
        case PromptReturned(messages=messages, description=description):
            members: dict[str, Any] = {
                "messages": [
                    {**message, "content": readable(message["content"], peer.version)}
                    for message in messages
                ]
            }
            if description is not None:
                members["description"] = description
            return members
        case ListReturned(kind=kind, entries=entries):
            return {kind: known_entries(kind, entries, peer.version)}
        case ResourceReturned(contents=contents):
            return {"contents": contents}
        case CompletionReturned(values=values, total=total):
            return {"completion": _completion(values, total)}
        case Done():
            return {}
    raise TypeError(returned)


def _completion(values: Sequence[str], total: int | None) -> dict[str, Any]:
    """S25/server/utilities/completion, Completion Results."""
    some = values[:_MAX_COMPLETIONS]
    if total is None and len(some) == len(values):
        return {"values": some}
    total = len(values) if total is None else total
    return {"values": some, "total": total, "hasMore": total > len(some)}
