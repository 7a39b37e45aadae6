"""Answers as bytes, and the one table from codes to statuses."""

from __future__ import annotations

import msgspec
import pytest

from commander.mcp import jsonrpc, results
from commander.mcp.events import Reply, ToolReturned
from commander.mcp.jsonrpc import ProtocolError, RequestId


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (jsonrpc.PARSE_ERROR, 400),
        (jsonrpc.INVALID_REQUEST, 400),
        (jsonrpc.UNSUPPORTED_PROTOCOL_VERSION, 400),
        # Errors that answer a well-formed request go with 200
        # (S25/basic/transports, Sending Messages to the Server, 5).
        (jsonrpc.METHOD_NOT_FOUND, 200),
        (jsonrpc.INVALID_PARAMS, 200),
        (jsonrpc.INTERNAL_ERROR, 200),
        (-32000, 200),
    ],
)
def test_each_code_has_its_status(code: int, status: int) -> None:
    assert results.refusal(ProtocolError(code=code, message="no")).status == status


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("PARSE_ERROR", -32700),
        ("INVALID_REQUEST", -32600),
        ("METHOD_NOT_FOUND", -32601),
        ("INVALID_PARAMS", -32602),
        ("INTERNAL_ERROR", -32603),
        ("UNSUPPORTED_PROTOCOL_VERSION", -32022),
        ("UNAUTHORIZED", -32001),
    ],
)
def test_the_codes_are_those_of_the_specifications(name: str, code: int) -> None:
    assert getattr(jsonrpc, name) == code


def test_an_error_without_id_and_data_says_null_and_leaves_data_out() -> None:
    reply = results.refusal(ProtocolError(code=-32700, message="no"))
    assert msgspec.json.decode(reply.body) == {
        "jsonrpc": "2.0",
        "id": None,
        "error": {"code": -32700, "message": "no"},
    }


def test_an_error_carries_its_id_and_data() -> None:
    error = ProtocolError(code=-32602, message="no", id="seven", data={"uri": "x:y"})
    assert msgspec.json.decode(results.refusal(error).body) == {
        "jsonrpc": "2.0",
        "id": "seven",
        "error": {"code": -32602, "message": "no", "data": {"uri": "x:y"}},
    }


@pytest.mark.parametrize("request_id", [0, 1, -1, 2**63 - 1, -(2**63), "", "0", "é"])
def test_a_result_carries_the_id_with_its_type(request_id: RequestId) -> None:
    reply = results.result(request_id, {"a": 1})
    answer = msgspec.json.decode(reply.body)
    assert reply.status == 200
    assert answer == {"jsonrpc": "2.0", "id": request_id, "result": {"a": 1}}
    assert type(answer["id"]) is type(request_id)


def test_what_is_owed_nothing_gets_202_and_no_body() -> None:
    assert Reply(status=202, body=b"") == results.ACCEPTED


@pytest.mark.parametrize("is_error", [True, False])
def test_a_tool_result_has_text_and_structure(is_error: bool) -> None:
    returned = ToolReturned(text='{"a": 1}', structured={"a": 1}, is_error=is_error)
    reply = results.tool_result(7, returned)
    assert reply.status == 200
    assert msgspec.json.decode(reply.body)["result"] == {
        "content": [{"type": "text", "text": '{"a": 1}'}],
        "structuredContent": {"a": 1},
        "isError": is_error,
    }
