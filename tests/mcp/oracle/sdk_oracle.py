"""What the official SDK 2.x says, question by question; runs in its own environment.

Reads a question a line, as JSON, and writes its answer as a line. ``tests.mcp.sdk``
starts it; nothing of ours is imported here.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable
from typing import Any

import pydantic  # type: ignore[import-not-found,unused-ignore]  # not in ours
from mcp.shared import inbound  # type: ignore[import-not-found]  # the same
from mcp_types import jsonrpc, methods  # type: ignore[import-not-found]  # the same

Json = dict[str, Any]


def climb(question: Json) -> Json | None:
    """Why a modern request is refused by its envelope, headers or mirrored arguments.

    Asked with ``body``; ``headers``, lines or null; ``schema``, of the tool or null.
    """
    lines = question["headers"]
    headers = None if lines is None else {name.lower(): value for name, value in lines}
    if lines is not None and inbound.find_duplicated_routing_header(lines):
        return {"code": jsonrpc.HEADER_MISMATCH, "data": None}
    refused = inbound.classify_inbound_request(question["body"], headers=headers)
    if isinstance(refused, inbound.InboundModernRoute):
        refused = None
    if refused is None and headers is not None and question["schema"] is not None:
        arguments = question["body"]["params"].get("arguments") or {}
        # Here two lines of one name are two spellings of it in one mapping.
        refused = inbound.validate_mcp_param_headers(
            question["schema"], arguments, dict(lines)
        )
    return None if refused is None else {"code": refused.code, "data": refused.data}


def decode(question: Json) -> str | None:
    """A header's value out of its sentinel."""
    decoded: str | None = inbound.decode_header_value(question["value"])
    return decoded


def encode(question: Json) -> str:
    """A text as a header's value."""
    encoded: str = inbound.encode_header_value(question["text"])
    return encoded


def headers_of(question: Json) -> Json:
    """The headers that a client adds for a tool's arguments."""
    mirrored = inbound.x_mcp_header_map(question["schema"])
    found: Json = inbound.mcp_param_headers(mirrored, question["arguments"])
    return found


def status(question: Json) -> int:
    """The HTTP status of an error's code."""
    found: int = inbound.ERROR_CODE_HTTP_STATUS.get(question["code"], 200)
    return found


def validate(question: Json) -> str | None:
    """Why a message is not one of its revision, or null.

    Asked with ``revision``; ``direction``; ``method``, of the request that is answered;
    ``message``.
    """
    revision, method = question["revision"], question["method"]
    message = question["message"]
    by_client = question["direction"] == "client"
    try:
        if "error" in message:
            jsonrpc.JSONRPCError.model_validate(message)
        elif "result" in message:
            parse = (
                methods.parse_client_result
                if by_client
                else methods.parse_server_result
            )
            jsonrpc.JSONRPCResponse.model_validate(message)
            parse(method, revision, message["result"])
        elif "id" in message:
            parse = (
                methods.parse_client_request
                if by_client
                else methods.parse_server_request
            )
            parse(method, revision, message.get("params"))
        else:
            parse = (
                methods.parse_client_notification
                if by_client
                else methods.parse_server_notification
            )
            parse(method, revision, message.get("params"))
    except KeyError:
        return f"mcp-types: {revision} has no {method} of the {question['direction']}"
    except pydantic.ValidationError as problem:
        return f"mcp-types: {problem}"
    return None


QUESTIONS: dict[str, Callable[[Json], Any]] = {
    "climb": climb,
    "decode": decode,
    "encode": encode,
    "headers_of": headers_of,
    "status": status,
    "validate": validate,
}


def main() -> None:
    for line in sys.stdin:
        question = json.loads(line)
        told: Json = {"answer": None, "raised": None}
        try:
            told["answer"] = QUESTIONS[question["ask"]](question)
        except Exception:
            told["raised"] = traceback.format_exc()
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
