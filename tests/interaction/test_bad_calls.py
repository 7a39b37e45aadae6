"""What each message is answered that is none, or that asks for what cannot be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.interaction.conftest import Server

pytestmark = pytest.mark.interaction
requirement = pytest.mark.requirement

PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'


# --- messages ----------------------------------------------------------------------


@requirement("C7", "C10", "C14")
@pytest.mark.parametrize("path", ["/", "/mcp"])
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b"<html>", -32700),
        (b'"\xff"', -32700),
        (b"[" * 100_000, -32700),
        (b"[" * 100 + b"]" * 100, -32700),
        (b'{"jsonrpc":"2.0","method":"ping","id":' + b"9" * 5000 + b"}", -32700),
        (b"null", -32600),
        (b"[]", -32600),
        (b"{}", -32600),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600),
        (b'{"jsonrpc":"1.0","method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":{},"method":"ping"}', -32600),
    ],
)
def test_what_is_no_message_is_400_with_a_json_rpc_error(
    server: Server, path: str, body: bytes, code: int
) -> None:
    answer = server.post(body, path)
    assert answer.status == 400
    assert answer.json["error"]["code"] == code
    assert answer.json["id"] is None


@requirement("L7", "M35", "M38")
@pytest.mark.parametrize(
    ("method", "params", "code", "says"),
    [
        ("tools/run", {}, -32601, "Method not found: tools/run"),
        ("tools/call", {"name": "get_shel_info"}, -32602, "mean get_shell_info?"),
        ("tools/call", {"name": 5}, -32602, '"name" must be a string'),
        ("tools/call", {"name": "get_shell_info", "arguments": []}, -32602, "object"),
        ("tools/list", {"cursor": "x"}, -32602, "unknown cursor"),
    ],
)
def test_a_bad_call_is_a_json_rpc_error_with_the_id(
    server: Server, method: str, params: dict[str, Any], code: int, says: str
) -> None:
    answer = server.rpc(method, params)
    assert (answer["id"], answer["error"]["code"]) == (1, code)
    assert says in answer["error"]["message"]


@requirement("L6")
@pytest.mark.parametrize(
    "body",
    [
        b'{"jsonrpc":"2.0","method":"notifications/initialized"}',
        b'{"jsonrpc":"2.0","id":7,"result":{}}',
    ],
)
def test_what_needs_no_answer_is_202_without_one(server: Server, body: bytes) -> None:
    answer = server.post(body)
    assert (answer.status, answer.body) == (202, b"")


@requirement("M6")
def test_a_version_we_do_not_speak_is_answered_with_those_we_do(
    server: Server,
) -> None:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2030-01-01",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    body = {"jsonrpc": "2.0", "id": 7, "method": "ping", "params": {"_meta": meta}}
    answer = server.post(
        json.dumps(body).encode(), MCP_Protocol_Version="2030-01-01", Mcp_Method="ping"
    )
    error = answer.json["error"]
    assert (answer.status, answer.json["id"], error["code"]) == (400, 7, -32022)
    assert error["data"] == {"supported": ["2026-07-28"], "requested": "2030-01-01"}


@requirement("R1", "M3")
def test_a_modern_request_without_its_envelope_is_told_what_is_missing(
    server: Server,
) -> None:
    answer = server.post(PING, MCP_Protocol_Version="2026-07-28")
    assert (answer.status, answer.json["error"]["code"]) == (400, -32602)
    assert "protocolVersion" in answer.json["error"]["message"]


@requirement("R8", "L17")
@pytest.mark.parametrize(
    ("body", "ids"),
    [
        (b"[%s]" % PING, [1]),
        (b'[{"jsonrpc":"2.0","method":"notifications/x"},%s,7]' % PING, [1, None]),
    ],
)
def test_a_batch_is_answered_with_one(
    server: Server, body: bytes, ids: list[int | None]
) -> None:
    """As 2025-03-26 has it, and whoever names no version is taken for that."""
    answer = server.post(body)
    assert answer.status == 200
    assert [one["id"] for one in answer.json] == ids
    refused = server.post(body, MCP_Protocol_Version="2025-06-18")
    assert (refused.status, refused.json["error"]["code"]) == (400, -32600)


# --- arguments ---------------------------------------------------------------------


@requirement("M38")
@pytest.mark.parametrize("path", ["/", "/mcp"])
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, 'missing argument "command"'),
        ({"command": 5}, '"command" must be a string, got 5'),
        ({"command": " "}, "command is required"),
        ({"command": "true", "tmeout": "1s"}, 'did you mean "timeout"?'),
        ({"command": "true", "timeout": 5}, '"timeout" must be a string, got 5'),
        ({"command": "true", "timeout": "soon"}, "Invalid timeout format"),
        ({"command": "true", "timeout": "0s"}, "Invalid timeout format"),
        ({"command": "true", "env": {"A": 1}}, 'the value of "A" must be a string'),
        ({"command": "true", "env": []}, '"env" must be an object'),
        ({"command": "x" * 200_000, "timeout": []}, '"timeout" must be a string'),
    ],
)
def test_arguments_that_do_not_fit_keep_the_shape_of_a_result(
    server: Server, path: str, arguments: dict[str, Any], says: str
) -> None:
    result = server.call("execute_command", arguments, path)
    facts = result["structuredContent"]
    assert result["isError"] is True
    assert says in facts.pop("error")
    assert facts == {
        "exit_code": -1,
        "stdout": "",
        "stderr": "",
        "duration": "0s",
        "status": "failed_to_start",
    }


def test_a_wrong_value_is_shown_cut_and_never_for_env(server: Server) -> None:
    shown = server.run("true", timeout=["x" * 1000])["error"]
    assert "x" * 90 in shown
    assert "x" * 110 not in shown
    hidden = server.run("true", env={"PASSWORD": ["hunter2"]})["error"]
    assert "PASSWORD" in hidden
    assert "hunter2" not in hidden


@requirement("W2")
@pytest.mark.parametrize("path", ["/", "/mcp"])
@pytest.mark.parametrize("command", ["dd --version", "d\\d --version", "true; dd"])
def test_a_blocked_command_is_denied_with_rule_and_reason(
    server: Server, path: str, command: str
) -> None:
    result = server.call("execute_command", {"command": command}, path)
    facts = result["structuredContent"]
    assert result["isError"] is True
    assert facts["error"].startswith("Command validation failed: ")
    assert facts["rule_id"]
    assert (facts["status"], facts["exit_code"]) == ("denied", -1)
    assert (facts["stdout"], facts["stderr"]) == ("", "")
