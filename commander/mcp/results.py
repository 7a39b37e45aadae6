"""The one writer of replies.

It alone knows what a version adds to a result (``resultType``, who we are, how long
it may be kept) and what a version cannot read, and here is the one table from JSON-RPC
codes to HTTP statuses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from commander.mcp.events import (
    Call,
    CompletionReturned,
    Done,
    InputRequired,
    Peer,
    PromptAsked,
    PromptReturned,
    Refused,
    Reply,
    ResourceAsked,
    ResourceReturned,
    Returned,
    ServerInfo,
    ToolCalled,
    ToolReturned,
    UnknownResource,
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
from commander.mcp.versions import ASSUMED_VERSION, Era, knows

__all__ = [
    "ACCEPTED",
    "CONTENT_SINCE",
    "NEEDED_CAPABILITIES",
    "SERVER_INFO_KEY",
    "STATUS_OF_CODE",
    "SUBSCRIPTION_KEY",
    "ReplyWriter",
    "refusal",
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

CONTENT_SINCE: Final = {"audio": "2025-03-26", "resource_link": "2025-06-18"}
"""Content types that an older client would fail to read."""
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
                era, its request is not one that can, or there is nothing to ask.
            KeyError: Nothing of the kind can be asked.
        """
        match returned:
            case Refused(code=code, message=message, data=data):
                return self._error(call, code, message, data)
            case UnknownResource(uri=uri):
                return self._unknown_resource(call, uri)
            case InputRequired():
                return self._input_required(call, returned)
        ttl_ms = returned.ttl_ms if isinstance(returned, ResourceReturned) else None
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
        needed = {
            NEEDED_CAPABILITIES[request["method"]]
            for request in asked.requests.values()
        }
        missing = sorted(needed - call.peer.capabilities.keys())
        if missing:
            return self._error(
                call,
                MISSING_CAPABILITY,
                f"Missing client capability: {', '.join(missing)}",
                {"requiredCapabilities": {name: {} for name in missing}},
            )
        members: dict[str, Any] = {}
        if asked.requests:
            members["inputRequests"] = asked.requests
        if asked.state is not None:
            members["requestState"] = asked.state
        return self.result(call.id, self._modern("input_required", members, None))

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
            return _tool_result(peer.version, returned)
        case PromptReturned(messages=messages, description=description):
            members: dict[str, Any] = {
                "messages": [
                    {**message, "content": _readable(message["content"], peer.version)}
                    for message in messages
                ]
            }
            if description is not None:
                members["description"] = description
            return members
        case ResourceReturned(contents=contents):
            return {"contents": contents}
        case CompletionReturned(values=values, total=total):
            return {"completion": _completion(values, total)}
        case Done():
            return {}
    raise TypeError(returned)


def _tool_result(version: str | None, returned: ToolReturned) -> dict[str, Any]:
    """S25/server/tools, Tool Result."""
    members: dict[str, Any] = {
        "content": [_readable(block, version) for block in returned.content]
    }
    if returned.structured is not None and knows(version, "2025-06-18"):
        members["structuredContent"] = returned.structured
    members["isError"] = returned.is_error
    return members


def _completion(values: Sequence[str], total: int | None) -> dict[str, Any]:
    """S25/server/utilities/completion, Completion Results."""
    some = values[:_MAX_COMPLETIONS]
    if total is None and len(some) == len(values):
        return {"values": some}
    total = len(values) if total is None else total
    return {"values": some, "total": total, "hasMore": total > len(some)}


def _readable(block: Mapping[str, Any], version: str | None) -> Mapping[str, Any]:
    """A block of content that a client of this version can read.

    One that did not say its version is taken for the oldest that need not: fields that
    it does not know do no harm, types do.
    """
    since = CONTENT_SINCE.get(block["type"])
    if since is None or knows(version or ASSUMED_VERSION, since):
        return block
    # The version has no type for it; links become their address.
    said = block.get("uri", f"[{block['type']}]")
    name = block.get("name")
    return {"type": "text", "text": said if name is None else f"{name}: {said}"}
