"""JSON-RPC 2.0 messages: decoding with bounds, and the envelope.

A body is decoded once. What cannot be decoded, or could hurt later code (deep
nesting, integers beyond 64 bits), is answered -32700; what is JSON but no JSON-RPC
message is answered -32600. A message with an ``id`` member is a request, without one a
notification; the id is a string or an integer (S26/basic/index, Requests). An array is
a batch; who is served one is not decided here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs
import msgspec

__all__ = [
    "HEADER_MISMATCH",
    "INTERNAL_ERROR",
    "INVALID_PARAMS",
    "INVALID_REQUEST",
    "MAX_BATCH",
    "MAX_DEPTH",
    "METHOD_NOT_FOUND",
    "MISSING_CAPABILITY",
    "PARSE_ERROR",
    "RESOURCE_NOT_FOUND",
    "UNAUTHORIZED",
    "UNSUPPORTED_PROTOCOL_VERSION",
    "Batch",
    "ClientResponse",
    "Message",
    "Notification",
    "ProtocolError",
    "Request",
    "RequestId",
    "encoded",
    "error_body",
    "error_members",
    "notification_body",
    "parse",
    "request_body",
    "result_body",
    "shown",
]

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
HEADER_MISMATCH: Final = -32020
MISSING_CAPABILITY: Final = -32021
UNSUPPORTED_PROTOCOL_VERSION: Final = -32022
RESOURCE_NOT_FOUND: Final = -32002
"""Handshake era only (S26/basic/index, Error Codes)."""
UNAUTHORIZED: Final = -32001
"""The Go server's code in the body of a 401; clients read the status."""

MAX_DEPTH: Final = 64
"""Objects and arrays within each other. Real requests need five; the bound keeps
every later walk over a message shallow."""
MAX_BATCH: Final = 50
"""Messages of one batch. Those that call tools run at once; a client that wants more
sends more batches."""
_MAX_INTEGER: Final = 2**63
_LONGEST_ECHO: Final = 100
"""Characters of a client's text that an error repeats."""

RequestId = str | int


@attrs.frozen(kw_only=True)
class Request:
    """A message that is owed an answer."""

    id: RequestId
    method: str
    params: Mapping[str, Any]


@attrs.frozen(kw_only=True)
class Notification:
    """A message that must not be answered."""

    method: str
    params: Mapping[str, Any]


@attrs.frozen(kw_only=True)
class ClientResponse:
    """A client's answer to a request of ours."""

    id: RequestId | None = None
    """None if it cannot be one of ours."""
    result: Mapping[str, Any] | None = None
    """None for an error."""
    error: Mapping[str, Any] | None = None


@attrs.frozen(kw_only=True)
class ProtocolError:
    """A refusal in JSON-RPC's form; a value, not an exception."""

    code: int
    message: str
    id: RequestId | None = None
    """None if the request's id could not be read."""
    data: Mapping[str, Any] | None = None


Message = Request | Notification | ClientResponse


@attrs.frozen
class Batch:
    """Several messages in one body (S0326/basic/index, Batching)."""

    items: tuple[Message | ProtocolError, ...]
    """At least one, at most ``MAX_BATCH``."""


def parse(body: bytes) -> Message | Batch | ProtocolError:
    """Read one body; total over all bytes."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _malformed(
            "the body is not JSON in UTF-8, or holds a number out of range"
        )
    except RecursionError:
        return _malformed(f"the body is nested deeper than {MAX_DEPTH} levels")
    problem = _unsafe(value)
    if problem is not None:
        return _malformed(problem)
    if isinstance(value, list):
        return _batch(value)
    return _message(value)


def result_body(
    request_id: RequestId, result: Mapping[str, Any] | msgspec.Raw
) -> bytes:
    """The bytes of a successful answer."""
    return msgspec.json.encode({"jsonrpc": "2.0", "id": request_id, "result": result})


def encoded(value: object) -> msgspec.Raw:
    """JSON that ``result_body`` takes as it is, for results that never change."""
    return msgspec.Raw(msgspec.json.encode(value))


def error_body(error: ProtocolError) -> bytes:
    """The bytes of an error answer."""
    described = error_members(error.code, error.message, error.data)
    return msgspec.json.encode({"jsonrpc": "2.0", "id": error.id, "error": described})


def error_members(
    code: int, message: str, data: Mapping[str, Any] | None
) -> dict[str, Any]:
    """An error object; without ``data`` if there is none."""
    described: dict[str, Any] = {"code": code, "message": message}
    if data is not None:
        described["data"] = data
    return described


def request_body(
    request_id: RequestId, method: str, params: Mapping[str, Any]
) -> bytes:
    """The bytes of a request of ours."""
    return msgspec.json.encode(
        {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
    )


def notification_body(method: str, params: Mapping[str, Any] | None = None) -> bytes:
    """The bytes of a notification."""
    message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
    if params is not None:
        message["params"] = params
    return msgspec.json.encode(message)


def shown(text: str) -> str:
    """A client's text as an error repeats it: not more of it than is useful."""
    return text if len(text) <= _LONGEST_ECHO else text[:_LONGEST_ECHO] + "..."


def _batch(values: list[Any]) -> Batch | ProtocolError:
    if not values:
        return _invalid("a batch must hold a message")
    if len(values) > MAX_BATCH:
        return _invalid(f"a batch of {len(values)} messages, at most {MAX_BATCH}")
    return Batch(tuple(map(_message, values)))


def _message(value: object) -> Message | ProtocolError:
    if not isinstance(value, dict):
        return _invalid("a message must be an object")
    if value.get("jsonrpc") != "2.0":
        return _invalid('"jsonrpc" must be "2.0"', value.get("id"))
    if "id" in value and _id_of(value["id"]) is None:
        return _invalid('"id" must be a string or an integer')
    if "method" not in value and ("result" in value or "error" in value):
        return _response(value)
    return _call(value)


def _response(value: dict[str, Any]) -> ClientResponse:
    result, error = value.get("result"), value.get("error")
    return ClientResponse(
        id=_id_of(value.get("id")),
        result=result if isinstance(result, dict) else None,
        error=error if isinstance(error, dict) else None,
    )


def _call(value: dict[str, Any]) -> Message | ProtocolError:
    """A message with a method, or the reason why it is none."""
    request_id, method = _id_of(value.get("id")), value.get("method")
    if not isinstance(method, str):
        return _invalid('"method" must be a string', request_id)
    params = value.get("params")
    if params is None:
        params = {}
    if request_id is None:
        if not isinstance(params, dict):
            return _invalid('"params" must be an object')
        return Notification(method=method, params=params)
    if not isinstance(params, dict):
        return ProtocolError(
            code=INVALID_PARAMS,
            message='Invalid params: "params" must be an object',
            id=request_id,
        )
    return Request(id=request_id, method=method, params=params)


def _id_of(value: object) -> RequestId | None:
    """The id, or None for what cannot be one; a bool is no integer here."""
    if isinstance(value, str) or (
        isinstance(value, int) and not isinstance(value, bool)
    ):
        return value
    return None


def _malformed(message: str) -> ProtocolError:
    return ProtocolError(code=PARSE_ERROR, message=f"Parse error: {message}")


def _invalid(message: str, request_id: object = None) -> ProtocolError:
    return ProtocolError(
        code=INVALID_REQUEST,
        message=f"Invalid request: {message}",
        id=_id_of(request_id),
    )


def _unsafe(value: object) -> str | None:
    """Why a decoded value must not be handed on; walks without recursion."""
    level: Iterable[object] = (value,)
    for _ in range(MAX_DEPTH + 1):
        containers: list[Iterable[object]] = []
        for item in level:
            if isinstance(item, dict):
                containers.append(item.values())
            elif isinstance(item, list):
                containers.append(item)
            elif isinstance(item, int) and not -_MAX_INTEGER <= item < _MAX_INTEGER:
                return "the body holds an integer of more than 64 bits"
        if not containers:
            return None
        level = itertools.chain.from_iterable(containers)
    return f"the body is nested deeper than {MAX_DEPTH} levels"
