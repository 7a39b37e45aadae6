"""The modern era: each request says all about itself, and every answer what it is."""

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
    ListenAsked,
    Peer,
    PromptAsked,
    Reply,
    ResourceAsked,
    ToolCalled,
    ToolReturned,
    UnknownResource,
)
from commander.mcp.inbound import (
    CAPABILITIES_KEY,
    LOG_LEVEL_KEY,
    LOG_LEVELS,
    VERSION_KEY,
)
from commander.mcp.jsonrpc import Batch, Request, RequestId
from commander.mcp.modern import LIST_TTL_MS
from commander.mcp.results import SERVER_INFO_KEY
from commander.mcp.tasks import TASKS_NEEDED
from commander.mcp.versions import HANDSHAKE_VERSIONS, SUPPORTED_VERSIONS, Era
from tests.mcp.engines import (
    MODERN,
    MODERN_ENGINE,
    TOOLS,
    WRITER,
    HeaderLines,
    answer,
    catalogue,
    envelope,
    headers_of,
    message,
    modern,
    modern_engine,
    receive,
    told,
    version_of,
)
from tests.mcp.validation import validate

requirement = pytest.mark.requirement

BARE = modern_engine(Catalogue(tools=TOOLS[1:]))
IDENTITY = {"name": "n", "title": "t", "version": "1.2"}
KEPT = {
    "resultType": "complete",
    "ttlMs": LIST_TTL_MS,
    "cacheScope": "private",
    "_meta": {SERVER_INFO_KEY: IDENTITY},
}


def called(request: Request, engine: Any = MODERN_ENGINE) -> Call:
    """The call that a good request is; over HTTP it is the same."""
    validate(
        MODERN,
        "client",
        request.method,
        {
            "jsonrpc": "2.0",
            "id": request.id,
            "method": request.method,
            "params": request.params,
        },
    )
    opened = engine.open(request, None)
    assert isinstance(opened, Call)
    assert engine.open(request, headers_of(request)) == opened
    return opened


def result(request: Request, engine: Any = MODERN_ENGINE) -> Any:
    status, answered = answer(request, None, engine)
    assert (status, answered["id"]) == (200, request.id)
    assert answer(request, headers_of(request), engine) == (status, answered)
    return answered["result"]


def refused(request: Request, engine: Any = MODERN_ENGINE) -> tuple[int, int, str]:
    """Status, code and message."""
    status, answered = answer(request, None, engine)
    assert answered["id"] == request.id
    assert answer(request, headers_of(request), engine) == (status, answered)
    return status, answered["error"]["code"], answered["error"]["message"]


# --- discovery and lists -----------------------------------------------------------


@requirement("M27")
def test_discovery_names_versions_and_capabilities() -> None:
    """M27: who we are is in _meta only."""
    assert result(modern("server/discover")) == {
        "supportedVersions": list(SUPPORTED_VERSIONS),
        "capabilities": catalogue().capabilities(None),
        "instructions": "Do.",
        **KEPT,
    }


def test_a_server_of_tools_says_so() -> None:
    discovered = result(modern("server/discover"), BARE)
    assert discovered["capabilities"] == {
        "logging": {},
        "tools": {"listChanged": False},
    }


@requirement("M6", "M27")
@pytest.mark.parametrize("version", ["1999-01-01", "2025-11-25"])
def test_every_version_that_is_offered_instead_was_discovered(version: str) -> None:
    """M6."""
    asked = modern("server/discover", meta={VERSION_KEY: version})
    _, answered = answer(asked)
    offered = answered["error"]["data"]["supported"]
    assert set(offered) <= set(result(modern("server/discover"))["supportedVersions"])
    assert version not in offered


@requirement("M28", "M29")
@pytest.mark.parametrize(("method", "kind"), LISTS.items())
@pytest.mark.parametrize("params", [{}, {"cursor": None}])
def test_a_list_has_every_entry_and_may_be_kept(
    params: dict[str, object], method: str, kind: str
) -> None:
    """M28, M29."""
    expected = {kind: catalogue().entries(kind, None), **KEPT}
    assert result(modern(method, params)) == expected
    assert result(modern(method, params, request_id="again")) == expected


@requirement("M28")
def test_how_long_a_list_may_be_kept_is_a_count() -> None:
    assert type(LIST_TTL_MS) is int
    assert LIST_TTL_MS >= 0


def test_what_changed_is_told_anew() -> None:
    has = catalogue()
    engine = modern_engine(has)
    assert len(result(modern("tools/list"), engine)["tools"]) == 2
    result(modern("server/discover"), engine)
    has.replace("tools", TOOLS[1:])
    assert len(result(modern("tools/list"), engine)["tools"]) == 1
    has.subscribable = False
    has.replace("tools", TOOLS)
    discovered = result(modern("server/discover"), engine)
    assert discovered["capabilities"]["resources"]["subscribe"] is False


@requirement("M35")
@pytest.mark.parametrize("method", LISTS)
@pytest.mark.parametrize("cursor", ["", "page-2", 0, False, {}])
def test_a_cursor_is_one_that_was_never_given_out(cursor: object, method: str) -> None:
    """M35."""
    problem = refused(modern(method, {"cursor": cursor}))
    assert problem == (400, -32602, "Invalid params: unknown cursor")


# --- methods (M7) ------------------------------------------------------------------


@requirement("M7")
@pytest.mark.parametrize(
    "method",
    [
        "initialize",
        "ping",
        "logging/setLevel",
        "resources/subscribe",
        "resources/unsubscribe",
        "notifications/initialized",
        "tasks/list",
        "tasks/result",
        "",
        "Tools/List",
        "unheard-of",
    ],
)
def test_a_method_that_there_is_not_is_not_found(method: str) -> None:
    assert refused(modern(method)) == (404, -32601, f"Method not found: {method}")


@requirement("M7")
@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("prompts/list", {}),
        ("prompts/get", {"name": "explain"}),
        ("resources/list", {}),
        ("resources/templates/list", {}),
        ("resources/read", {"uri": "job://1"}),
        ("completion/complete", {}),
    ],
)
def test_what_the_server_does_not_have_is_not_found(
    method: str, params: dict[str, object]
) -> None:
    problem = refused(modern(method, params), BARE)
    assert problem == (404, -32601, f"Method not found: {method}")


def test_a_long_method_is_not_repeated_whole() -> None:
    problem = refused(modern("m" * 101))
    assert problem == (404, -32601, f"Method not found: {'m' * 100}...")


# --- calls -------------------------------------------------------------------------

PROMPT_REF = {"type": "ref/prompt", "name": "explain"}
CALLS: list[tuple[str, dict[str, Any], Any]] = [
    (
        "tools/call",
        {"name": "execute_command", "arguments": {"command": "ls"}},
        ToolCalled(name="execute_command", arguments={"command": "ls"}),
    ),
    (
        "tools/call",
        {"name": "get_shell_info"},
        ToolCalled(name="get_shell_info", arguments={}),
    ),
    (
        "prompts/get",
        {"name": "explain", "arguments": {"job": "1"}},
        PromptAsked(name="explain", arguments={"job": "1"}),
    ),
    ("resources/read", {"uri": "job://1"}, ResourceAsked(uri="job://1")),
    (
        "completion/complete",
        {"ref": PROMPT_REF, "argument": {"name": "job", "value": "1"}},
        CompletionAsked(reference=PROMPT_REF, argument="job", value="1", context={}),
    ),
    (
        "subscriptions/listen",
        {
            "notifications": {
                "toolsListChanged": True,
                "resourceSubscriptions": ["job://1"],
            }
        },
        ListenAsked(
            lists=frozenset({"tools"}),
            resources=("job://1",),
            honoured={"toolsListChanged": True, "resourceSubscriptions": ["job://1"]},
        ),
    ),
]


@pytest.mark.parametrize(("method", "params", "what"), CALLS)
def test_what_has_to_be_worked_for_is_handed_out(
    method: str, params: dict[str, Any], what: Any
) -> None:
    assert called(modern(method, params)) == Call(
        id=7, era=Era.MODERN, peer=Peer(version=MODERN, capabilities={}), asked=what
    )


@pytest.mark.parametrize(("method", "params", "what"), CALLS)
@pytest.mark.parametrize("level", LOG_LEVELS)
def test_a_call_has_all_that_its_request_says(
    level: str, method: str, params: dict[str, Any], what: Any
) -> None:
    """M30, M31; what a request does not say was never said."""
    meta = {
        CAPABILITIES_KEY: {"elicitation": {"form": {}}},
        LOG_LEVEL_KEY: level,
        "progressToken": 0,
        "io.modelcontextprotocol/clientInfo": {"name": "c", "version": "1"},
    }
    assert called(modern(method, params, meta=meta)) == Call(
        id=7,
        era=Era.MODERN,
        peer=Peer(version=MODERN, capabilities={"elicitation": {"form": {}}}),
        asked=what,
        progress_token=0,
        log_level=level,
    )
    assert called(modern(method, params)).log_level is None


@requirement("M32")
def test_a_listener_hears_of_nothing_that_never_changes() -> None:
    """M32: it may listen all the same."""
    wanted = {"notifications": {"toolsListChanged": True}}
    call = called(modern("subscriptions/listen", wanted), BARE)
    nothing = ListenAsked(lists=frozenset(), resources=(), honoured={})
    assert call.asked == nothing


@requirement("M37")
@pytest.mark.parametrize(("method", "params", "what"), CALLS[:4])
def test_a_client_asks_again_with_answers(
    method: str, params: dict[str, Any], what: Any
) -> None:
    """M37."""
    answers = {"approve": {"action": "accept", "content": {"approve": True}}}
    again = {**params, "inputResponses": answers, "requestState": "s"}
    asked: Any = called(modern(method, again)).asked
    assert type(asked) is type(what)
    assert (asked.input_responses, asked.request_state) == (answers, "s")


@requirement("M37")
@pytest.mark.parametrize("name", ["inputResponses", "requestState"])
def test_answers_belong_to_requests_that_can_be_asked_again(name: str) -> None:
    """M37: elsewhere they are members that nobody knows."""
    method, params, what = CALLS[4]
    opened = MODERN_ENGINE.open(modern(method, {**params, name: 5}), None)
    assert isinstance(opened, Call)
    assert opened.asked == what


@requirement("M9")
@pytest.mark.parametrize(
    ("method", "params", "text"),
    [
        (
            "tools/call",
            {"name": "execute_comand"},
            "Unknown tool: execute_comand; did you mean execute_command?",
        ),
        ("tools/call", {}, 'Invalid params: "name" must be a string'),
        ("tools/call", {"name": None}, 'Invalid params: "name" must be a string'),
        (
            "tools/call",
            {"name": "get_shell_info", "arguments": []},
            'Invalid params: "arguments" must be an object',
        ),
        ("prompts/get", {"name": "x"}, "Unknown prompt: x"),
        ("resources/read", {}, 'Invalid params: "uri" must be a string'),
        (
            "completion/complete",
            {"ref": PROMPT_REF},
            'Invalid params: "argument" must be an object with a name and a value',
        ),
        (
            "subscriptions/listen",
            {},
            'Invalid params: "notifications" must be an object',
        ),
        (
            "tools/call",
            {"name": "get_shell_info", "inputResponses": {"a": "yes"}},
            'Invalid params: "inputResponses" must be an object of objects',
        ),
    ],
)
def test_params_that_do_not_fit_are_a_bad_request(
    method: str, params: dict[str, object], text: str
) -> None:
    """M9, M38."""
    assert refused(modern(method, params)) == (400, -32602, text)


@requirement("M11")
@pytest.mark.parametrize("method", ["server/discover", *LISTS])
def test_an_unknown_log_level_is_a_bad_request_whatever_is_asked(method: str) -> None:
    """M11 (S26/server/utilities/logging, Error Handling)."""
    status, code, text = refused(modern(method, meta={LOG_LEVEL_KEY: "loud"}))
    assert (status, code) == (400, -32602)
    assert "log level" in text
    assert result(modern(method, meta={LOG_LEVEL_KEY: "info"}))


@requirement("M25", "M26")
def test_answers_to_calls_are_of_their_era() -> None:
    call = called(modern("tools/call", {"name": "get_shell_info"}))
    text = {"type": "text", "text": "{}"}
    returned = ToolReturned(content=[text], structured={})
    assert told(WRITER.returned(call, returned), "tools/call")[1]["result"] == {
        "resultType": "complete",
        "content": [text],
        "structuredContent": {},
        "isError": False,
        "_meta": {SERVER_INFO_KEY: IDENTITY},
    }
    call = called(modern("resources/read", {"uri": "job://2"}))
    status, answered = told(
        WRITER.returned(call, UnknownResource("job://2")), "resources/read"
    )
    assert (status, answered["error"]["code"]) == (400, -32602)
    assert answered["error"]["data"] == {"uri": "job://2"}


# --- arguments in headers (M8) -------------------------------------------------------


def with_region(method: str) -> tuple[Request, HeaderLines]:
    """A request whose argument ``region`` no header repeats."""
    params = {"name": "execute_command", "arguments": {"region": "us"}}
    asked = modern(method, params)
    return asked, headers_of(asked)


@requirement("M8")
def test_an_annotated_argument_is_held_to_its_header() -> None:
    asked, lines = with_region("tools/call")
    status, answered = answer(asked, lines)
    assert (status, answered["error"]["code"]) == (400, -32020)
    opened = MODERN_ENGINE.open(asked, lines.but("Mcp-Param-Region", "us"))
    assert isinstance(opened, Call)


def test_a_prompt_is_not_held_to_the_headers_of_a_tool_of_its_name() -> None:
    asked, lines = with_region("prompts/get")
    assert isinstance(MODERN_ENGINE.open(asked, lines), Call)


@requirement("M8")
def test_without_headers_an_annotation_does_not_matter() -> None:
    asked, _ = with_region("tools/call")
    assert isinstance(MODERN_ENGINE.open(asked, None), Call)


def test_a_changed_tool_is_held_to_its_new_headers() -> None:
    has = catalogue()
    engine = modern_engine(has)
    asked, lines = with_region("tools/call")
    assert isinstance(engine.open(asked, lines), Reply)
    has.replace("tools", [{"name": "execute_command", "inputSchema": {}}])
    assert isinstance(engine.open(asked, lines), Call)


@requirement("R11")
def test_what_belongs_to_sessions_is_ignored() -> None:
    """1.1: nothing is minted, and nothing is looked for."""
    asked = modern("tools/list")
    lines = headers_of(asked)
    lines = lines.but("mcp-session-id", "s").but("last-event-id", "a-1")
    opened = MODERN_ENGINE.open(asked, lines)
    assert opened == MODERN_ENGINE.open(asked, headers_of(asked))
    assert isinstance(opened, Reply)
    assert (opened.opens, opened.session_id) == (None, None)


# --- total over everything ---------------------------------------------------------

METHODS = [
    "initialize",
    "ping",
    "server/discover",
    "subscriptions/listen",
    "tools/list",
    "tools/call",
    "prompts/list",
    "prompts/get",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "completion/complete",
    "tasks/get",
    "tasks/update",
    "tasks/cancel",
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
versions = st.sampled_from([MODERN, MODERN, *HANDSHAKE_VERSIONS]) | st.text()
names = st.sampled_from(["execute_command", "get_shell_info", "explain"])
metas = st.fixed_dictionaries(
    {},
    optional={
        VERSION_KEY: st.just(MODERN) | versions | values,
        CAPABILITIES_KEY: st.sampled_from([{}, TASKS_NEEDED]) | values,
        LOG_LEVEL_KEY: st.sampled_from(LOG_LEVELS) | values,
        "progressToken": values,
    },
)
params = st.fixed_dictionaries(
    {},
    optional={
        "_meta": st.just(envelope()) | metas | values,
        "name": names | values,
        "uri": st.just("job://1") | values,
        "taskId": values,
        "arguments": st.dictionaries(st.text(), values, max_size=3)
        | st.fixed_dictionaries(
            {}, optional={"region": values, "limits": values, "command": values}
        )
        | values,
        "cursor": values,
        "ref": st.just(PROMPT_REF) | values,
        "argument": st.just({"name": "job", "value": ""}) | values,
        "notifications": st.fixed_dictionaries(
            {},
            optional={
                "toolsListChanged": st.booleans() | values,
                "resourceSubscriptions": st.lists(st.text()) | values,
                "taskIds": st.lists(st.text()) | values,
            },
        )
        | values,
        "inputResponses": values,
        "requestState": values,
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
header_lines = st.none() | st.lists(
    st.tuples(
        st.sampled_from(
            [
                "mcp-protocol-version",
                "mcp-method",
                "mcp-name",
                "mcp-param-region",
                "mcp-param-seconds",
            ]
        ),
        versions | st.sampled_from(METHODS) | names | st.text(),
    ),
    max_size=6,
).map(lambda lines: HeaderLines(*lines))


def check_answer(body: bytes, headers: HeaderLines | None) -> RequestId | None:
    """Hold an answer to what every answer keeps; the id that it has."""
    opened = receive(body, headers)
    if isinstance(opened, Batch):
        return None
    if isinstance(opened, Call):
        opened = WRITER.failed(opened)
    if opened.status == 202:
        assert opened.body == b""
        return None
    assert opened.status in (200, 400, 404)
    answered = msgspec.json.decode(opened.body)
    assert set(answered) in ({"jsonrpc", "id", "result"}, {"jsonrpc", "id", "error"})
    assert answered["jsonrpc"] == "2.0"
    if opened.status != 200:
        assert "error" in answered
    else:
        assert answered["id"] is not None, "only a request can be answered with 200"
    request_id: RequestId | None = answered["id"]
    return request_id


@given(st.binary(), header_lines)
def test_any_bytes_are_answered(body: bytes, headers: HeaderLines | None) -> None:
    check_answer(body, headers)


@given(messages | values | st.lists(messages), header_lines)
def test_any_json_is_answered(sent: object, headers: HeaderLines | None) -> None:
    check_answer(json.dumps(sent).encode(), headers)


@given(requests, header_lines)
def test_any_request_is_answered_with_its_id(
    sent: dict[str, Any], headers: HeaderLines | None
) -> None:
    request_id = check_answer(json.dumps(sent).encode(), headers)
    assert request_id == sent["id"]
    assert type(request_id) is type(sent["id"])


@requirement("M25", "M26")
@given(
    st.sampled_from(METHODS) | st.text(),
    params.filter(lambda found: "_meta" not in found),
    metas,
    st.booleans(),
)
def test_any_modern_answer_says_what_it_is(
    method: str, found: dict[str, Any], meta: dict[str, Any], over_http: bool
) -> None:
    """M25, M26; and each is one of the schema's."""
    asked = modern(method, found, meta=meta)
    said = asked.params["_meta"][VERSION_KEY]
    lines = headers_of(asked) if over_http and isinstance(said, str) else None
    opened = MODERN_ENGINE.open(asked, lines)
    if isinstance(opened, Call):
        assert opened.peer.version == said == MODERN
        return
    _, answered = told(opened, method)
    if "result" in answered:
        assert answered["result"]["resultType"] == "complete"
        assert answered["result"]["_meta"][SERVER_INFO_KEY] == IDENTITY
    else:
        assert answered["error"]["code"] in (-32601, -32602, -32020, -32021, -32022)


@given(messages, st.sampled_from(HANDSHAKE_VERSIONS))
def test_no_answer_of_the_handshake_era_is_a_modern_one(
    sent: dict[str, Any], version: str
) -> None:
    sent = {**sent, "jsonrpc": "2.0", "params": {}}
    lines = HeaderLines(("mcp-protocol-version", version))
    opened = receive(message(**sent), lines)
    assert not isinstance(opened, Batch)
    if isinstance(opened, Reply) and opened.body:
        assert version_of(lines) == version
        answered = msgspec.json.decode(opened.body)
        assert "resultType" not in answered.get("result", {})
        assert answered.get("error", {}).get("code") not in (-32020, -32021, -32022)
