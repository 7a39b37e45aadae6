"""The handshake era on the wire: bytes and headers in, status and body out."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.mcp.events import Reply, ServerInfo, ToolCalled, ToolReturned
from commander.mcp.handshake import HandshakeEngine
from commander.mcp.inbound import VERSION_KEY, InboundHeaders
from commander.mcp.jsonrpc import RequestId
from commander.mcp.versions import HANDSHAKE_VERSIONS

MODERN = "2026-07-28"
TOOLS = (
    {"name": "execute_command", "inputSchema": {"type": "object"}},
    {"name": "get_shell_info", "inputSchema": {"type": "object"}},
)
ENGINE = HandshakeEngine(
    server=ServerInfo(name="n", title="t", version="1.2", instructions="Do."),
    tools=TOOLS,
)
IDS: list[RequestId] = [
    0,
    1,
    -1,
    2**63 - 1,
    -(2**63),
    "",
    "0",
    "null",
    "é\n",
    "x" * 999,
]


def message(**members: object) -> bytes:
    return msgspec.json.encode({"jsonrpc": "2.0", **members})


def receive(body: bytes, version: str | None = None) -> Reply | ToolCalled:
    return ENGINE.receive(body, InboundHeaders(protocol_version=version))


def answered(body: bytes, version: str | None = None) -> tuple[int, Any]:
    """Status and JSON of the answer; None for an empty body."""
    reply = receive(body, version)
    assert isinstance(reply, Reply)
    return reply.status, msgspec.json.decode(reply.body) if reply.body else None


def error_of(body: bytes, version: str | None = None) -> tuple[int, int, str]:
    """HTTP status, code and message of a refusal of request 7."""
    status, answer = answered(body, version)
    assert set(answer) == {"jsonrpc", "id", "error"}
    assert answer["jsonrpc"] == "2.0"
    assert answer["id"] == 7
    return status, answer["error"]["code"], answer["error"]["message"]


def call(**params: object) -> Reply | ToolCalled:
    return receive(message(id=7, method="tools/call", params=params))


# --- initialize ----------------------------------------------------------------


def initialized(version: str) -> dict[str, Any]:
    return {
        "jsonrpc": "2.0",
        "id": 7,
        "result": {
            "protocolVersion": version,
            "capabilities": {"tools": {"listChanged": False}},
            "serverInfo": {"name": "n", "title": "t", "version": "1.2"},
            "instructions": "Do.",
        },
    }


@pytest.mark.parametrize("header", [None, *HANDSHAKE_VERSIONS])
@pytest.mark.parametrize("version", HANDSHAKE_VERSIONS)
def test_initialize_agrees_on_a_version_of_this_era(
    version: str, header: str | None
) -> None:
    params = {"protocolVersion": version, "capabilities": {}, "clientInfo": {}}
    body = message(id=7, method="initialize", params=params)
    assert answered(body, header) == (200, initialized(version))


@pytest.mark.parametrize(
    "params",
    [
        {"protocolVersion": MODERN},
        {"protocolVersion": "2099-01-01"},
        {"protocolVersion": ""},
        {"protocolVersion": None},
        {"protocolVersion": 20251125},
        {"protocolVersion": ["2025-06-18"]},
        {},
        None,
    ],
)
def test_initialize_offers_the_latest_of_this_era_for_anything_else(
    params: object,
) -> None:
    body = message(id=7, method="initialize", params=params)
    assert answered(body) == (200, initialized("2025-11-25"))


# --- a client that tries the modern era first ------------------------------------


@pytest.mark.parametrize(
    ("header", "meta"),
    [
        (MODERN, {}),
        (MODERN, {VERSION_KEY: MODERN}),
        (None, {VERSION_KEY: MODERN}),
        ("2025-11-25", {VERSION_KEY: MODERN}),
    ],
)
@pytest.mark.parametrize("method", ["server/discover", "tools/list", "initialize"])
def test_a_modern_request_learns_which_versions_are_served(
    method: str, header: str | None, meta: dict[str, str]
) -> None:
    body = message(id=7, method=method, params={"_meta": meta})
    assert answered(body, header) == (
        400,
        {
            "jsonrpc": "2.0",
            "id": 7,
            "error": {
                "code": -32022,
                "message": "Unsupported protocol version: 2026-07-28",
                "data": {
                    "supported": [
                        "2024-11-05",
                        "2025-03-26",
                        "2025-06-18",
                        "2025-11-25",
                    ],
                    "requested": "2026-07-28",
                },
            },
        },
    )


def test_discovery_without_a_version_is_an_unknown_method() -> None:
    assert error_of(message(id=7, method="server/discover")) == (
        200,
        -32601,
        "Method not found: server/discover",
    )


# --- the other methods -----------------------------------------------------------


@pytest.mark.parametrize("header", [None, *HANDSHAKE_VERSIONS])
@pytest.mark.parametrize("params", [None, {}, {"more": 1}, {"_meta": {}}])
def test_ping_is_answered_with_nothing(params: object, header: str | None) -> None:
    body = message(id=7, method="ping", params=params)
    assert answered(body, header) == (200, {"jsonrpc": "2.0", "id": 7, "result": {}})


@pytest.mark.parametrize("params", [None, {}, {"cursor": None}])
def test_the_tools_are_listed_in_their_order(params: object) -> None:
    status, answer = answered(message(id=7, method="tools/list", params=params))
    assert status == 200
    assert answer["result"] == {"tools": list(TOOLS)}


@pytest.mark.parametrize("cursor", ["", "page-2", 0, False, {}])
def test_a_cursor_is_one_that_was_never_given_out(cursor: object) -> None:
    body = message(id=7, method="tools/list", params={"cursor": cursor})
    assert error_of(body) == (200, -32602, "Invalid params: unknown cursor")


@pytest.mark.parametrize(
    ("method", "shown"),
    [
        ("", ""),
        ("Ping", "Ping"),
        ("resources/list", "resources/list"),
        ("notifications/initialized", "notifications/initialized"),
        ("m" * 100, "m" * 100),
        ("m" * 101, "m" * 100 + "..."),
    ],
)
def test_an_unknown_method_is_named(method: str, shown: str) -> None:
    body = message(id=7, method=method)
    assert error_of(body) == (200, -32601, f"Method not found: {shown}")


@pytest.mark.parametrize(
    "method",
    [
        "notifications/initialized",
        "notifications/cancelled",
        "notifications/unheard-of",
        "ping",
        "tools/call",
        "",
    ],
)
@pytest.mark.parametrize("header", [None, *HANDSHAKE_VERSIONS])
def test_a_notification_is_accepted_and_starts_nothing(
    method: str, header: str | None
) -> None:
    body = message(method=method, params={"name": "execute_command", "requestId": 1})
    assert answered(body, header) == (202, None)


@pytest.mark.parametrize(
    "members",
    [
        {"id": 7, "result": {}},
        {"id": "7", "error": {"code": 1, "message": "no"}},
        {"error": {"code": 1, "message": "no"}},
    ],
)
def test_a_response_of_a_client_is_accepted(members: dict[str, object]) -> None:
    assert answered(message(**members)) == (202, None)


@pytest.mark.parametrize("params", [[], [1], "a", 1, False])
def test_params_must_be_an_object(params: object) -> None:
    body = message(id=7, method="ping", params=params)
    assert error_of(body) == (200, -32602, 'Invalid params: "params" must be an object')


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b'\xef\xbb\xbf{"jsonrpc":"2.0","id":7,"method":"ping"}', -32700),
        (b'{"jsonrpc":"2.0","id":7,"method":"\xff"}', -32700),
        (b'{"jsonrpc":"2.0","id":9223372036854775808,"method":"ping"}', -32700),
        (b"[" * 65 + b"]" * 65, -32700),
        (b"[]", -32600),
        (b'[{"jsonrpc":"2.0","id":7,"method":"ping"}]', -32600),
        (b"{}", -32600),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":7.0,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","method":"ping","params":[]}', -32600),
    ],
)
@pytest.mark.parametrize("header", [None, "2025-11-25", MODERN])
def test_what_is_no_message_is_a_bad_request(
    body: bytes, code: int, header: str | None
) -> None:
    status, answer = answered(body, header)
    assert status == 400
    assert answer["id"] is None
    assert answer["error"]["code"] == code


@pytest.mark.parametrize("request_id", IDS)
@pytest.mark.parametrize(
    "members",
    [
        {"method": "initialize"},
        {"method": "ping"},
        {"method": "tools/list"},
        {"method": "tools/list", "params": {"cursor": "a"}},
        {"method": "tools/call"},
        {"method": "unheard-of"},
        {"method": "ping", "params": []},
        {"method": 1},
        {},
        {"method": "ping", "params": {"_meta": {VERSION_KEY: MODERN}}},
    ],
)
def test_every_answer_echoes_the_id_with_its_type(
    members: dict[str, object], request_id: RequestId
) -> None:
    _, answer = answered(message(id=request_id, **members))
    assert answer["id"] == request_id
    assert type(answer["id"]) is type(request_id)


# --- tools/call ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "arguments"),
    [
        ({}, {}),
        ({"arguments": None}, {}),
        ({"arguments": {}}, {}),
        ({"arguments": {"command": "ls", "x": [1]}}, {"command": "ls", "x": [1]}),
    ],
)
def test_a_call_of_a_known_tool_is_handed_out(
    params: dict[str, object], arguments: dict[str, object]
) -> None:
    assert call(name="execute_command", **params) == ToolCalled(
        id=7, name="execute_command", arguments=arguments
    )


@pytest.mark.parametrize(
    ("meta", "token"),
    [
        ({"progressToken": "a"}, "a"),
        ({"progressToken": ""}, ""),
        ({"progressToken": 0}, 0),
        ({"progressToken": True}, None),
        ({"progressToken": 1.5}, None),
        ({"progressToken": None}, None),
        ({"progressToken": {}}, None),
        ({}, None),
        (None, None),
        ([], None),
        ("a", None),
    ],
)
def test_a_progress_token_is_a_string_or_an_integer(
    meta: object, token: object
) -> None:
    called = call(name="get_shell_info", _meta=meta)
    assert isinstance(called, ToolCalled)
    assert called.progress_token == token
    assert type(called.progress_token) is type(token)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        pytest.param(
            {"name": "execute_comand"},
            "Unknown tool: execute_comand; did you mean execute_command?",
            id="near one tool",
        ),
        pytest.param(
            {"name": "shell_info"},
            "Unknown tool: shell_info; did you mean get_shell_info?",
            id="near another",
        ),
        pytest.param({"name": "zzz"}, "Unknown tool: zzz", id="near none"),
        pytest.param({"name": ""}, "Unknown tool: ", id="empty"),
        pytest.param(
            {"name": "z" * 101}, f"Unknown tool: {'z' * 100}...", id="a long name"
        ),
        pytest.param({}, 'Invalid params: "name" must be a string', id="no name"),
        pytest.param(
            {"name": None}, 'Invalid params: "name" must be a string', id="null name"
        ),
        pytest.param(
            {"name": ["execute_command"]},
            'Invalid params: "name" must be a string',
            id="name in an array",
        ),
        pytest.param(
            {"name": "execute_command", "arguments": ["ls"]},
            'Invalid params: "arguments" must be an object',
            id="arguments in an array",
        ),
        pytest.param(
            {"name": "execute_command", "arguments": "ls"},
            'Invalid params: "arguments" must be an object',
            id="arguments a string",
        ),
        pytest.param(
            {"name": "execute_command", "arguments": False},
            'Invalid params: "arguments" must be an object',
            id="arguments false",
        ),
        pytest.param(
            {"name": "execute_command", "arguments": 0},
            'Invalid params: "arguments" must be an object',
            id="arguments zero",
        ),
    ],
)
def test_a_call_that_names_no_tool_is_invalid_params(
    params: dict[str, object], text: str
) -> None:
    body = message(id=7, method="tools/call", params=params)
    assert error_of(body) == (200, -32602, text)


def test_what_a_tool_returned_answers_its_call() -> None:
    called = ToolCalled(id="7", name="execute_command", arguments={})
    returned = ToolReturned(text="{}", structured={}, is_error=True)
    reply = ENGINE.tool_returned(called, returned)
    assert reply.status == 200
    assert msgspec.json.decode(reply.body) == {
        "jsonrpc": "2.0",
        "id": "7",
        "result": {
            "content": [{"type": "text", "text": "{}"}],
            "structuredContent": {},
            "isError": True,
        },
    }


def test_a_tool_that_failed_is_an_internal_error_without_details() -> None:
    called = ToolCalled(id=7, name="execute_command", arguments={"command": "secret"})
    reply = ENGINE.tool_failed(called)
    assert reply.status == 200
    assert msgspec.json.decode(reply.body) == {
        "jsonrpc": "2.0",
        "id": 7,
        "error": {
            "code": -32603,
            "message": "Internal error: see the server's log",
        },
    }


# --- total over everything -------------------------------------------------------

METHODS = ["initialize", "ping", "tools/list", "tools/call", "server/discover"]
ids = st.integers(-(2**63), 2**63 - 1) | st.text()
floats = st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | ids | floats,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=8,
)
params = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from([tool["name"] for tool in TOOLS]) | values,
        "arguments": st.dictionaries(st.text(), values, max_size=3) | values,
        "cursor": values,
        "protocolVersion": st.sampled_from(HANDSHAKE_VERSIONS) | values,
        "_meta": st.fixed_dictionaries(
            {}, optional={VERSION_KEY: values, "progressToken": values}
        )
        | values,
    },
)
messages = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.just("2.0") | values,
        "id": ids | values,
        "method": st.sampled_from(METHODS) | values,
        "params": params | values,
        "result": values,
        "error": values,
    },
)
requests = st.fixed_dictionaries(
    {
        "jsonrpc": st.just("2.0"),
        "id": ids,
        "method": st.sampled_from(METHODS) | st.text(),
    },
    optional={"params": params | values},
)
notifications = st.fixed_dictionaries(
    {
        "jsonrpc": st.just("2.0"),
        "method": st.sampled_from([*METHODS, "notifications/initialized"]) | st.text(),
    },
    optional={"params": st.dictionaries(st.text(), values)},
)
versions = st.none() | st.sampled_from([*HANDSHAKE_VERSIONS, MODERN]) | st.text()


def check_answer(body: bytes, version: str | None) -> object:
    """Hold an answer to what every answer keeps; its id, or None if there is none."""
    answer = receive(body, version)
    if isinstance(answer, ToolCalled):
        assert answer.name in [tool["name"] for tool in TOOLS]
        assert isinstance(answer.arguments, dict)
        answer = ENGINE.tool_failed(answer)
    if answer.status == 202:
        assert answer.body == b""
        return None
    assert answer.status in (200, 400)
    told = msgspec.json.decode(answer.body)
    assert set(told) in ({"jsonrpc", "id", "result"}, {"jsonrpc", "id", "error"})
    assert told["jsonrpc"] == "2.0"
    if answer.status == 400:
        assert told["error"]["code"] in (-32700, -32600, -32022)
    else:
        assert told["id"] is not None, "only a request can be answered with 200"
    return told["id"]


@given(st.binary(), versions)
def test_any_bytes_are_answered(body: bytes, version: str | None) -> None:
    check_answer(body, version)


@given(messages | values, versions)
def test_any_json_is_answered(sent: object, version: str | None) -> None:
    check_answer(json.dumps(sent).encode(), version)


@given(requests, versions)
def test_any_request_is_answered_with_its_id(
    sent: dict[str, Any], version: str | None
) -> None:
    answered_id = check_answer(json.dumps(sent).encode(), version)
    assert answered_id == sent["id"]
    assert type(answered_id) is type(sent["id"])


@given(notifications, st.none() | st.sampled_from(HANDSHAKE_VERSIONS))
def test_any_notification_of_this_era_is_accepted(
    sent: dict[str, Any], version: str | None
) -> None:
    assert answered(json.dumps(sent).encode(), version) == (202, None)
