"""The handshake era: requests in, answers or calls out."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.mcp.catalogue import LISTS, Catalogue
from commander.mcp.events import (
    Call,
    CompletionAsked,
    LevelSet,
    Peer,
    PromptAsked,
    Reply,
    ResourceAsked,
    SubscriptionSet,
    ToolCalled,
    ToolReturned,
)
from commander.mcp.handshake import HandshakeEngine
from commander.mcp.jsonrpc import Request, RequestId, parse
from commander.mcp.versions import ASSUMED_VERSION, HANDSHAKE_VERSIONS, Era
from tests.mcp.engines import (
    HANDSHAKE,
    MODERN,
    PROMPTS,
    TOOLS,
    WRITER,
    HeaderLines,
    catalogue,
    handshake_engine,
    message,
    receive,
    told,
    version_of,
)

requirement = pytest.mark.requirement

BARE = handshake_engine(Catalogue(tools=TOOLS[1:]))
"""The engine of a server that has tools only."""
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


def asked(
    method: str,
    params: object = None,
    version: str | None = None,
    engine: HandshakeEngine = HANDSHAKE,
) -> Reply | Call:
    """What request 7 comes to."""
    request = parse(message(id=7, method=method, params=params))
    assert isinstance(request, Request)
    return engine.open(request, Peer(version=version))


def answered(
    method: str,
    params: object = None,
    version: str | None = None,
    engine: HandshakeEngine = HANDSHAKE,
) -> Any:
    """The result of request 7, which is one of its version."""
    opened = asked(method, params, version, engine)
    status, answer = told(opened, method, version or ASSUMED_VERSION)
    assert status == 200
    assert set(answer) == {"jsonrpc", "id", "result"}
    assert answer["id"] == 7
    return answer["result"]


def refused(
    method: str,
    params: object = None,
    version: str | None = None,
    engine: HandshakeEngine = HANDSHAKE,
) -> tuple[int, str]:
    """Code and message of a refusal of request 7, which goes with 200 (L7)."""
    opened = asked(method, params, version, engine)
    status, answer = told(opened, method, version or ASSUMED_VERSION)
    assert status == 200
    assert set(answer) == {"jsonrpc", "id", "error"}
    assert answer["id"] == 7
    return answer["error"]["code"], answer["error"]["message"]


def called(method: str, params: object = None, version: str | None = None) -> Call:
    opened = asked(method, params, version)
    assert isinstance(opened, Call)
    return opened


VERSIONS = pytest.mark.parametrize("version", [None, *HANDSHAKE_VERSIONS])


# --- initialize --------------------------------------------------------------------


def greeted(version: str) -> dict[str, Any]:
    identity = {"name": "n", "title": "t", "version": "1.2"}
    if version < "2025-06-18":
        del identity["title"]
    return {
        "protocolVersion": version,
        "capabilities": {
            "logging": {},
            "prompts": {"listChanged": True},
            "resources": {"listChanged": True, "subscribe": True},
            "tools": {"listChanged": True},
            **({} if version == "2024-11-05" else {"completions": {}}),
        },
        "serverInfo": identity,
        "instructions": "Do.",
    }


@requirement("L1")
@VERSIONS
@pytest.mark.parametrize("wanted", HANDSHAKE_VERSIONS)
def test_initialize_agrees_on_a_version_of_this_era(
    wanted: str, version: str | None
) -> None:
    """L1; the answer is of the version agreed on, whatever the header says (R5)."""
    params = {
        "protocolVersion": wanted,
        "capabilities": {"elicitation": {}},
        "clientInfo": {"name": "c", "version": "0"},
    }
    opened = asked("initialize", params, version)
    status, answer = told(opened, "initialize", wanted)
    assert (status, answer["result"]) == (200, greeted(wanted))
    assert isinstance(opened, Reply)
    assert opened.opens == Peer(version=wanted, capabilities={"elicitation": {}})


@requirement("L1")
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
    """L1: never an error."""
    opened = asked("initialize", params)
    _, answer = told(opened, "initialize", "2025-11-25")
    assert answer["result"] == greeted("2025-11-25")
    assert isinstance(opened, Reply)
    assert opened.opens == Peer(version="2025-11-25")


@pytest.mark.parametrize("capabilities", [None, [], "a", 5, True])
def test_capabilities_that_are_no_object_are_none(capabilities: object) -> None:
    params = {"protocolVersion": "2025-06-18", "capabilities": capabilities}
    opened = asked("initialize", params)
    assert isinstance(opened, Reply)
    assert opened.opens == Peer(version="2025-06-18", capabilities={})


@requirement("L2")
def test_only_initialize_opens_a_session() -> None:
    for method in ("ping", "tools/list"):
        opened = asked(method)
        assert isinstance(opened, Reply)
        assert (opened.opens, opened.session_id) == (None, None)


@requirement("L18")
def test_a_server_of_tools_offers_no_more() -> None:
    result = answered("initialize", {"protocolVersion": "2025-11-25"}, None, BARE)
    assert result["capabilities"] == {"logging": {}, "tools": {"listChanged": False}}


# --- the other methods -------------------------------------------------------------


@requirement("L18")
@VERSIONS
@pytest.mark.parametrize("params", [None, {}, {"more": 1}, {"_meta": {}}])
def test_ping_is_answered_with_nothing(params: object, version: str | None) -> None:
    assert answered("ping", params, version) == {}


@requirement("L22")
@VERSIONS
@pytest.mark.parametrize(("method", "kind"), LISTS.items())
@pytest.mark.parametrize("params", [None, {}, {"cursor": None}])
def test_a_list_is_as_its_version_knows_it(
    params: object, method: str, kind: str, version: str | None
) -> None:
    """L22."""
    result = answered(method, params, version)
    assert result == {kind: catalogue().entries(kind, version)}
    assert answered(method, params, version) == result


def test_a_list_that_changed_is_told_anew() -> None:
    has = catalogue()
    engine = handshake_engine(has)
    before = answered("tools/list", None, "2025-11-25", engine)
    has.replace("tools", TOOLS[1:])
    after = answered("tools/list", None, "2025-11-25", engine)
    assert (len(before["tools"]), len(after["tools"])) == (2, 1)
    assert answered("prompts/list", None, "2025-11-25", engine) == {
        "prompts": list(PROMPTS)
    }


@requirement("M35")
@pytest.mark.parametrize("method", LISTS)
@pytest.mark.parametrize("cursor", ["", "page-2", 0, False, {}])
def test_a_cursor_is_one_that_was_never_given_out(cursor: object, method: str) -> None:
    """M35."""
    problem = refused(method, {"cursor": cursor})
    assert problem == (-32602, "Invalid params: unknown cursor")


@pytest.mark.parametrize(
    ("method", "shown"),
    [
        ("", ""),
        ("Ping", "Ping"),
        ("server/discover", "server/discover"),
        ("subscriptions/listen", "subscriptions/listen"),
        ("tasks/list", "tasks/list"),
        ("notifications/initialized", "notifications/initialized"),
        ("m" * 100, "m" * 100),
        ("m" * 101, "m" * 100 + "..."),
    ],
)
def test_an_unknown_method_is_named(method: str, shown: str) -> None:
    assert refused(method) == (-32601, f"Method not found: {shown}")


@pytest.mark.parametrize(
    "method",
    [
        "prompts/list",
        "prompts/get",
        "resources/list",
        "resources/templates/list",
        "resources/read",
        "resources/subscribe",
        "resources/unsubscribe",
        "completion/complete",
    ],
)
def test_what_the_server_does_not_have_is_an_unknown_method(method: str) -> None:
    assert refused(method, {}, None, BARE) == (-32601, f"Method not found: {method}")


def test_resources_that_never_change_cannot_be_subscribed_to() -> None:
    engine = handshake_engine(Catalogue(tools=(), resources=()))
    assert answered("resources/list", {}, None, engine) == {"resources": []}
    assert refused("resources/subscribe", {"uri": "a:1"}, None, engine)[0] == -32601


# --- calls -------------------------------------------------------------------------


@requirement("L18")
@VERSIONS
@pytest.mark.parametrize(
    ("method", "params", "what"),
    [
        (
            "tools/call",
            {"name": "execute_command", "arguments": {"command": "ls"}},
            ToolCalled(name="execute_command", arguments={"command": "ls"}),
        ),
        (
            "prompts/get",
            {"name": "explain", "arguments": {"job": "1"}},
            PromptAsked(name="explain", arguments={"job": "1"}),
        ),
        ("resources/read", {"uri": "job://1"}, ResourceAsked(uri="job://1")),
        (
            "resources/subscribe",
            {"uri": "job://1"},
            SubscriptionSet(uri="job://1", on=True),
        ),
        (
            "resources/unsubscribe",
            {"uri": "job://1"},
            SubscriptionSet(uri="job://1", on=False),
        ),
        ("logging/setLevel", {"level": "notice"}, LevelSet("notice")),
        (
            "completion/complete",
            {
                "ref": {"type": "ref/prompt", "name": "explain"},
                "argument": {"name": "job", "value": "1"},
            },
            CompletionAsked(
                reference={"type": "ref/prompt", "name": "explain"},
                argument="job",
                value="1",
                context={},
            ),
        ),
    ],
)
def test_what_has_to_be_worked_for_is_handed_out(
    method: str, params: dict[str, object], what: object, version: str | None
) -> None:
    """L18, L21: whether the client greeted us or not."""
    meta = {"_meta": {"progressToken": "t"}}
    assert called(method, {**params, **meta}, version) == Call(
        id=7,
        era=Era.HANDSHAKE,
        peer=Peer(version=version),
        asked=what,  # type: ignore[arg-type]  # each is one
        progress_token="t",
    )
    assert called(method, params, version).progress_token is None


def test_a_call_knows_its_client() -> None:
    peer = Peer(version="2025-06-18", capabilities={"sampling": {}})
    request = Request(id=7, method="resources/read", params={"uri": "a:1"})
    opened = HANDSHAKE.open(request, peer)
    assert isinstance(opened, Call)
    assert opened.peer is peer


@pytest.mark.parametrize(
    ("method", "params", "text"),
    [
        (
            "tools/call",
            {"name": "execute_comand"},
            "Unknown tool: execute_comand; did you mean execute_command?",
        ),
        ("tools/call", {}, 'Invalid params: "name" must be a string'),
        ("prompts/get", {"name": "x"}, "Unknown prompt: x"),
        ("resources/read", None, 'Invalid params: "uri" must be a string'),
        ("resources/subscribe", {}, 'Invalid params: "uri" must be a string'),
        ("resources/unsubscribe", {}, 'Invalid params: "uri" must be a string'),
        ("logging/setLevel", {}, 'Invalid params: "level" must be a string'),
        (
            "completion/complete",
            {},
            'Invalid params: "ref" must be a ref/prompt with a name or a ref/resource '
            "with a uri",
        ),
    ],
)
def test_a_call_that_does_not_fit_is_invalid_params(
    method: str, params: object, text: str
) -> None:
    """M38, of the handshake era: S25/changelog, minor 5."""
    assert refused(method, params) == (-32602, text)


def test_what_only_the_modern_era_has_is_ignored() -> None:
    params = {"name": "get_shell_info", "inputResponses": 5, "requestState": 5}
    meta = {"_meta": {"io.modelcontextprotocol/logLevel": "loud"}}
    call = called("tools/call", {**params, **meta})
    assert call.asked == ToolCalled(name="get_shell_info", arguments={})
    assert call.log_level is None


def test_what_a_tool_returned_answers_its_call() -> None:
    call = called("tools/call", {"name": "get_shell_info"}, "2025-11-25")
    text = {"type": "text", "text": "{}"}
    returned = ToolReturned(content=[text], structured={}, is_error=True)
    status, answer = told(WRITER.returned(call, returned), "tools/call", "2025-11-25")
    assert (status, answer["id"]) == (200, 7)
    assert answer["result"] == {
        "content": [text],
        "structuredContent": {},
        "isError": True,
    }


# --- messages ----------------------------------------------------------------------


def lines(version: str | None) -> HeaderLines:
    if version is None:
        return HeaderLines()
    return HeaderLines(("mcp-protocol-version", version))


def answered_to(body: bytes, version: str | None = None) -> tuple[int, Any]:
    """Status and JSON of the answer to a body."""
    reply = receive(body, lines(version))
    assert isinstance(reply, Reply)
    return told(reply, None, version_of(lines(version)))


@requirement("L6")
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
@VERSIONS
def test_a_notification_is_accepted_and_starts_nothing(
    version: str | None, method: str
) -> None:
    """L6."""
    body = message(method=method, params={"name": "execute_command", "requestId": 1})
    assert answered_to(body, version) == (202, None)


@requirement("L6")
@pytest.mark.parametrize(
    "members",
    [
        {"id": 7, "result": {}},
        {"id": "7", "error": {"code": 1, "message": "no"}},
        {"error": {"code": 1, "message": "no"}},
    ],
)
@VERSIONS
def test_a_response_of_a_client_is_accepted(
    version: str | None, members: dict[str, object]
) -> None:
    """L6."""
    assert answered_to(message(**members), version) == (202, None)


@VERSIONS
@pytest.mark.parametrize("params", [[], [1], "a", 1, False])
def test_params_must_be_an_object(params: object, version: str | None) -> None:
    status, answer = answered_to(message(id=7, method="ping", params=params), version)
    assert (status, answer["id"]) == (200, 7)
    assert answer["error"] == {
        "code": -32602,
        "message": 'Invalid params: "params" must be an object',
    }


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
        (b"{}", -32600),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":7.0,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","method":"ping","params":[]}', -32600),
    ],
)
@VERSIONS
def test_what_is_no_message_is_a_bad_request(
    version: str | None, body: bytes, code: int
) -> None:
    status, answer = answered_to(body, version)
    assert status == 400
    assert answer["id"] is None
    assert answer["error"]["code"] == code


def check_id(told_id: object, sent_id: RequestId) -> None:
    assert told_id == sent_id
    assert type(told_id) is type(sent_id)


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
    ],
)
def test_every_answer_echoes_the_id_with_its_type(
    members: dict[str, object], request_id: RequestId
) -> None:
    reply = receive(message(id=request_id, **members), lines("2025-11-25"))
    assert isinstance(reply, Reply)
    check_id(msgspec.json.decode(reply.body)["id"], request_id)


@pytest.mark.parametrize("request_id", IDS)
def test_every_call_keeps_the_id_with_its_type(request_id: RequestId) -> None:
    params = {"name": "get_shell_info"}
    call = receive(message(id=request_id, method="tools/call", params=params))
    assert isinstance(call, Call)
    check_id(call.id, request_id)
    check_id(msgspec.json.decode(WRITER.failed(call).body)["id"], request_id)


# --- total over everything ---------------------------------------------------------

METHODS = [
    "initialize",
    "ping",
    "tools/list",
    "tools/call",
    "prompts/get",
    "resources/read",
    "resources/subscribe",
    "logging/setLevel",
    "completion/complete",
]
ids = st.integers(-(2**63), 2**63 - 1) | st.text()
floats = st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | ids | floats,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=8,
)
NAMES = ["execute_command", "get_shell_info", "explain"]
params = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(NAMES) | values,
        "uri": st.just("job://1") | values,
        "level": st.just("info") | values,
        "arguments": st.dictionaries(st.text(), values, max_size=3) | values,
        "cursor": values,
        "ref": st.just({"type": "ref/prompt", "name": "explain"}) | values,
        "argument": st.just({"name": "job", "value": ""}) | values,
        "protocolVersion": st.sampled_from(HANDSHAKE_VERSIONS) | values,
        "capabilities": values,
        "_meta": st.fixed_dictionaries({}, optional={"progressToken": values}),
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
versions = st.none() | st.sampled_from(HANDSHAKE_VERSIONS)


@given(requests, versions)
def test_any_request_is_answered_or_handed_out_with_its_id(
    sent: dict[str, Any], version: str | None
) -> None:
    opened = receive(json.dumps(sent).encode(), lines(version))
    if isinstance(opened, Call):
        assert opened.era is Era.HANDSHAKE
        assert opened.peer.version == version
        check_id(opened.id, sent["id"])
        opened = WRITER.failed(opened)
    assert isinstance(opened, Reply)
    assert opened.status == 200
    agreed = opened.opens.version if opened.opens is not None else None
    known = agreed or version_of(lines(version))
    _, answer = told(opened, sent["method"], known)
    check_id(answer["id"], sent["id"])


@given(notifications, versions)
def test_any_notification_of_this_era_is_accepted(
    sent: dict[str, Any], version: str | None
) -> None:
    assert answered_to(json.dumps(sent).encode(), version) == (202, None)
