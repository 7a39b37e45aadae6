"""JSON-RPC 2.0 messages: decoding with bounds, and the envelope.

A body is decoded once. What cannot be decoded, or could hurt later code (deep
nesting, integers beyond 64 bits), is ``Malformed`` and answered -32700; what is
JSON but no JSON-RPC message is answered -32600. A message with an ``id`` member is a
request, without one a notification; the id is a string or an integer
(S26/basic/index, Requests).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs
import msgspec

__all__ = [
    "INTERNAL_ERROR",
    "INVALID_PARAMS",
    "INVALID_REQUEST",
    "MAX_DEPTH",
    "METHOD_NOT_FOUND",
    "PARSE_ERROR",
    "UNAUTHORIZED",
    "UNSUPPORTED_PROTOCOL_VERSION",
    "ClientResponse",
    "Notification",
    "ProtocolError",
    "Request",
    "RequestId",
    "encoded",
    "error_body",
    "parse",
    "result_body",
]

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
UNSUPPORTED_PROTOCOL_VERSION: Final = -32022
UNAUTHORIZED: Final = -32001
"""The Go server's code in the body of a 401; clients read the status."""

MAX_DEPTH: Final = 64
"""Objects and arrays within each other. Real requests need five; the bound keeps
every later walk over a message shallow."""
_MAX_INTEGER: Final = 2**63

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


@attrs.frozen(kw_only=True)
class ProtocolError:
    """A refusal in JSON-RPC's form; a value, not an exception."""

    code: int
    message: str
    id: RequestId | None = None
    """None if the request's id could not be read."""
    data: Mapping[str, Any] | None = None


Message = Request | Notification | ClientResponse


def parse(body: bytes) -> Message | ProtocolError:
    """Read one message; total over all bytes."""
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
        return _invalid("batches are not supported: send one message a request")
    if not isinstance(value, dict):
        return _invalid("a message must be an object")
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
    described: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.data is not None:
        described["data"] = error.data
    return msgspec.json.encode({"jsonrpc": "2.0", "id": error.id, "error": described})


def _message(value: dict[str, Any]) -> Message | ProtocolError:
    if value.get("jsonrpc") != "2.0":
        return _invalid('"jsonrpc" must be "2.0"', value.get("id"))
    if "id" in value and _id_of(value["id"]) is None:
        return _invalid('"id" must be a string or an integer')
    if "method" not in value and ("result" in value or "error" in value):
        return ClientResponse()
    return _call(value)


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
