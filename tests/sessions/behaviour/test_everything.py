"""What a server of tools, prompts and resources answers, over whatever wire."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from commander.testing.http import HTTPConnection, ServerSentEvent
from tests.mcp.validation import validate
from tests.sessions.behaviour.clients import (
    WIRES,
    Client,
    ModernHttp,
    Pending,
    SessionHttp,
    Stdio,
    is_answered,
    reply_of,
)
from tests.sessions.behaviour.everything import EVERYTHING
from tests.sessions.kit import MODERN, modern, modern_headers, note

requirement = pytest.mark.requirement

SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"
SERVER_INFO = "io.modelcontextprotocol/serverInfo"
VERSION = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
MODERN_WIRES = ["http, 2026-07-28", "stdio, 2026-07-28"]
SESSION_WIRES = ["http, a session", "stdio"]
OLD_WIRES = [*SESSION_WIRES, "http, no session"]
ROUND = "test_input_required_result_"


def client_fixture(wires: list[str]) -> Callable[..., Any]:
    @pytest.fixture(params=wires)
    def client(request: pytest.FixtureRequest) -> Iterator[Client]:
        client = WIRES[request.param]((), EVERYTHING)
        yield client
        client.stop()

    return client


client = client_fixture(list(WIRES))
new = client_fixture(MODERN_WIRES)
old = client_fixture(OLD_WIRES)
known = client_fixture(SESSION_WIRES)


def asked(client: Client, method: str, **params: Any) -> Any:
    """The result of a request, valid in its revision."""
    message = reply_of(client.request(method, **params))
    version = MODERN if client.era == "modern" else "2025-11-25"
    validate(version, "server", method, message)
    return message["result"]


def refused(client: Client, method: str, **params: Any) -> Any:
    return reply_of(client.request(method, **params))["error"]


def status(pending: Any) -> int:
    """Over HTTP; there is none on a line."""
    code: int = pending.connection.stream().status
    return code


def named(client: Client, tool: str, **more: Any) -> Pending:
    return client.request("tools/call", name=tool, arguments={}, **more)


def text_of(result: Any) -> str:
    return str(result["content"][0]["text"])


# --- both eras ---------------------------------------------------------------------


@requirement("R9")
@pytest.mark.parametrize("name", ["commander", "claude-code", "", "2026-07-28"])
def test_who_a_client_says_it_is_changes_nothing(client: Client, name: str) -> None:
    info = {"io.modelcontextprotocol/clientInfo": {"name": name, "version": "1"}}
    assert asked(client, "tools/list", _meta=info) == asked(client, "tools/list")


@requirement("C14")
@pytest.mark.parametrize("wrong", [None, True, 1.5, [], {}])
def test_an_id_that_is_none_is_answered_and_nothing_is_done(
    client: Client, wrong: object
) -> None:
    message = client.made(7, "tools/call", {"name": "test_simple_text"})
    error = reply_of(client.send(None, {**message, "id": wrong}))
    assert (error["id"], error["error"]["code"]) == (None, -32600)


@requirement("C14")
@pytest.mark.parametrize("right", ["7", 7, 0, -1, ""])
def test_an_id_comes_back_as_it_went(client: Client, right: Any) -> None:
    reply = reply_of(client.send(right, client.made(right, "tools/list", {})))
    assert reply["id"] == right
    assert type(reply["id"]) is type(right)


@requirement("M35")
@pytest.mark.parametrize(
    "method",
    ["tools/list", "prompts/list", "resources/list", "resources/templates/list"],
)
def test_a_cursor_that_was_never_given_out_is_refused(
    client: Client, method: str
) -> None:
    assert refused(client, method, cursor="x")["code"] == -32602


@requirement("M29")
def test_a_list_is_the_same_every_time_and_on_every_connection(client: Client) -> None:
    other = type(client)((), EVERYTHING)
    assert len({str(asked(one, "tools/list")) for one in (client, client, other)}) == 1
    other.stop()


@requirement("M38")
def test_an_unknown_tool_is_an_error_of_the_protocol(client: Client) -> None:
    error = reply_of(named(client, "test_simple_txt"))["error"]
    assert error["code"] == -32602


# --- modern era: what a request has to say -----------------------------------------


@requirement("M3", "T4")
@pytest.mark.parametrize("missing", [VERSION, CAPABILITIES])
def test_a_request_says_its_version_and_what_its_client_can(
    new: Client, missing: str
) -> None:
    if missing == VERSION and isinstance(new, Stdio):
        # Without it no other request is a modern one there.
        message = new.made(7, "server/discover", {})
    else:
        message = new.made(7, "tools/list", {})
    del message["params"]["_meta"][missing]
    pending = new.send(7, message)
    assert reply_of(pending)["error"]["code"] == -32602
    assert missing in reply_of(pending)["error"]["message"]
    if isinstance(new, ModernHttp):
        assert status(pending) == 400


@requirement("M6")
def test_a_version_that_is_not_served_is_told_which_are(new: Client) -> None:
    message = new.made(7, "tools/list", {})
    message["params"]["_meta"][VERSION] = "2030-01-01"
    error = reply_of(new.send(7, message))["error"]
    assert error["code"] == -32022
    assert error["data"] == {"supported": [MODERN], "requested": "2030-01-01"}
    found = asked(new, "server/discover")["supportedVersions"]
    assert {*error["data"]["supported"]} <= {*found}


@requirement("M7")
@pytest.mark.parametrize(
    "method",
    [
        "initialize",
        "ping",
        "logging/setLevel",
        "resources/subscribe",
        "resources/unsubscribe",
        "tasks/list",
        "nothing/at/all",
    ],
)
def test_what_the_modern_era_does_not_have_is_not_found(
    new: Client, method: str
) -> None:
    pending = new.request(method, level="info", uri="test://static-text")
    assert reply_of(pending)["error"]["code"] == -32601
    if isinstance(new, ModernHttp):
        assert status(pending) == 404


@requirement("M9")
@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tools/call", {"name": "test_simple_text", "arguments": []}),
        ("tools/call", {}),
        ("prompts/get", {"name": "test_simple_prompt", "arguments": {"a": 1}}),
        ("resources/read", {}),
        ("completion/complete", {"ref": {"type": "ref/nothing"}}),
        ("subscriptions/listen", {"notifications": []}),
    ],
)
def test_params_of_another_shape_are_refused(
    new: Client, method: str, params: dict[str, Any]
) -> None:
    assert refused(new, method, **params)["code"] == -32602


@requirement("M11")
def test_a_level_that_there_is_not_is_refused(new: Client) -> None:
    new.ask_for_logs("loud")
    for method in ("tools/list", "server/discover"):
        assert refused(new, method)["code"] == -32602


# --- modern era: results -----------------------------------------------------------

RESULTS: list[tuple[str, dict[str, Any], bool]] = [
    ("server/discover", {}, True),
    ("tools/list", {}, True),
    ("prompts/list", {}, True),
    ("resources/list", {}, True),
    ("resources/templates/list", {}, True),
    ("resources/read", {"uri": "test://static-text"}, True),
    ("tools/call", {"name": "test_simple_text"}, False),
    ("tools/call", {"name": "test_error_handling"}, False),
    ("prompts/get", {"name": "test_simple_prompt"}, False),
    (
        "completion/complete",
        {
            "ref": {"type": "ref/prompt", "name": "test_simple_prompt"},
            "argument": {"name": "a", "value": ""},
        },
        False,
    ),
]


@requirement("M25", "M26", "M28")
@pytest.mark.parametrize(("method", "params", "kept"), RESULTS)
def test_a_result_says_what_it_is_whose_and_how_long_it_may_be_kept(
    new: Client, method: str, params: dict[str, Any], kept: bool
) -> None:
    result = asked(new, method, **params)
    assert result["resultType"] == "complete"
    assert result["_meta"][SERVER_INFO]["name"] == "everything"
    assert ("ttlMs" in result, "cacheScope" in result) == (kept, kept)
    if kept:
        assert result["ttlMs"] >= 0
        assert result["cacheScope"] == "private"


@requirement("M25", "M28", "M37")
def test_a_question_is_a_result_that_is_not_to_be_kept(new: Client) -> None:
    result = reply_of(named(new, f"{ROUND}elicitation", **can("elicitation")))["result"]
    assert result["resultType"] == "input_required"
    assert {"ttlMs", "cacheScope"} & {*result} == set()


@requirement("M27")
def test_the_discovery_names_what_there_is(new: Client) -> None:
    found = asked(new, "server/discover")
    assert found["supportedVersions"][0] == MODERN
    assert found["capabilities"]["tools"] == {"listChanged": True}
    assert {"prompts", "resources", "completions"} <= {*found["capabilities"]}
    assert found["instructions"]
    assert "serverInfo" not in found


@requirement("M30")
@pytest.mark.parametrize(
    ("level", "told"), [(None, 0), ("warning", 0), ("info", 1), ("debug", 1)]
)
def test_log_messages_are_for_the_request_that_named_their_level(
    new: Client, level: str | None, told: int
) -> None:
    if level is not None:
        new.ask_for_logs(level)
    pending = named(new, "test_logging_tool")
    assert is_answered(pending)
    lines = [one for one in all_of(new, pending) if "method" in one]
    assert [one["method"] for one in lines] == ["notifications/message"] * told


def all_of(client: Client, pending: Pending) -> list[Any]:
    """What came for a request; on lines, all that came."""
    if isinstance(client, Stdio):
        return client.server.client.messages()
    return pending.messages


@requirement("M31")
def test_progress_is_for_who_sent_a_token_and_only_grows(client: Client) -> None:
    number = client._next + 1
    pending = named(client, "test_tool_with_progress", _meta={"progressToken": number})
    silent = named(client, "test_tool_with_progress")
    for _ in range(5):
        client.pump(0.06)
    told = [one["params"] for one in pending.messages if "method" in one]
    assert [one["progress"] for one in told] == [0, 50, 100]
    assert {one["progressToken"] for one in told} == {number}
    assert is_answered(pending)
    assert [one for one in silent.messages if "method" in one] == []


@requirement("M33")
def test_a_resource_that_is_not_there_is_named(new: Client) -> None:
    error = refused(new, "resources/read", uri="test://nothing")
    assert error["code"] == -32602
    assert error["data"] == {"uri": "test://nothing"}


@requirement("M34")
def test_of_the_reserved_codes_only_three_are_sent(new: Client) -> None:
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("nothing/at/all", {}),
        ("tools/call", {"name": "nothing"}),
        ("tools/call", {"name": f"{ROUND}elicitation", "arguments": {}}),
        ("prompts/get", {"name": "nothing"}),
        ("resources/read", {"uri": "test://nothing"}),
        ("tools/list", {"cursor": "x"}),
        ("subscriptions/listen", {}),
    ]
    codes = {refused(new, method, **params)["code"] for method, params in wrong}
    reserved = {code for code in codes if -32099 <= code <= -32000}
    assert reserved == {-32021}


# --- modern era: questions ---------------------------------------------------------


def can(*names: str) -> dict[str, Any]:
    return {"_meta": {CAPABILITIES: {name: {} for name in names}}}


@requirement("M10")
@pytest.mark.parametrize(
    ("tool", "needed"),
    [("elicitation", "elicitation"), ("sampling", "sampling"), ("list_roots", "roots")],
)
def test_what_a_client_did_not_declare_it_is_told_to(
    new: Client, tool: str, needed: str
) -> None:
    pending = named(new, ROUND + tool)
    error = reply_of(pending)["error"]
    assert error["code"] == -32021
    assert error["data"] == {"requiredCapabilities": {needed: {}}}
    if isinstance(new, ModernHttp):
        assert status(pending) == 400


@requirement("M37")
def test_a_client_is_asked_only_what_it_declared(new: Client) -> None:
    tool = f"{ROUND}capabilities"
    assert "nothing" in text_of(reply_of(named(new, tool))["result"])
    result = reply_of(named(new, tool, **can("roots", "sampling")))["result"]
    assert {*result["inputRequests"]} == {"roots", "sampling"}


@requirement("M37")
def test_missing_answers_are_asked_for_again_and_needless_ones_ignored(
    new: Client,
) -> None:
    tool = f"{ROUND}elicitation"
    answer = {"action": "accept", "content": {"name": "Ann"}}
    for answers, ended in (({}, False), ({"x": answer}, False), (None, True)):
        given = {"user_name": answer, "x": answer} if answers is None else answers
        pending = named(new, tool, inputResponses=given, **can("elicitation"))
        result = reply_of(pending)["result"]
        assert (result["resultType"] == "complete") is ended
    assert text_of(result) == "Hello, Ann!"


@requirement("M37")
def test_a_list_cannot_be_answered_with_a_question(new: Client) -> None:
    result = asked(new, "tools/list", inputResponses={}, **can("elicitation"))
    assert result["resultType"] == "complete"


@requirement("M36")
def test_a_state_is_good_for_its_request_unchanged_and_in_time(new: Client) -> None:
    tool = f"{ROUND}tampered_state"
    answers = {"confirm": {"action": "accept", "content": {"ok": True}}}

    def again(state: str, tool: str = tool) -> Any:
        return reply_of(
            named(
                new,
                tool,
                inputResponses=answers,
                requestState=state,
                **can("elicitation"),
            )
        )

    state = reply_of(named(new, tool, **can("elicitation")))["result"]["requestState"]
    assert again(f"{state}x")["error"]["code"] == -32602
    assert again(state, f"{ROUND}request_state")["error"]["code"] == -32602
    assert "state-ok" in text_of(again(state)["result"])
    new.pump(601)
    assert again(state)["error"]["code"] == -32602


# --- modern era: subscriptions -----------------------------------------------------


def heard(client: Client, pending: Pending, number: Any) -> list[Any]:
    """What a subscription heard."""
    return [
        one
        for one in all_of(client, pending)
        if one.get("params", {}).get("_meta", {}).get(SUBSCRIPTION) == number
    ]


@requirement("M32", "T10")
@pytest.mark.parametrize("number", [7, "7"])
def test_a_subscription_hears_what_it_asked_for_under_its_id(
    new: Client, number: Any
) -> None:
    wanted = {"toolsListChanged": True, "resourceSubscriptions": ["test://static-text"]}
    message = new.made(number, "subscriptions/listen", {"notifications": wanted})
    listening = new.send(number, message)
    named(new, "test_trigger_prompt_change")
    named(new, "test_trigger_tool_change")
    told = heard(new, listening, number)
    assert [one["method"] for one in told] == [
        "notifications/subscriptions/acknowledged",
        "notifications/tools/list_changed",
        "notifications/tools/list_changed",
    ]
    assert told[0]["params"]["notifications"] == wanted
    for one in told:
        assert type(one["params"]["_meta"][SUBSCRIPTION]) is type(number)
        validate(MODERN, "server", one["method"], one)


@requirement("M32", "T10")
def test_two_subscriptions_hear_apart(new: Client) -> None:
    opened = []
    for number, kind in ((7, "tools"), (8, "prompts")):
        wanted = {"notifications": {f"{kind}ListChanged": True}}
        opened.append(
            new.send(number, new.made(number, "subscriptions/listen", wanted))
        )
    named(new, "test_trigger_prompt_change")
    counts = [len(heard(new, one, n)) for one, n in zip(opened, (7, 8), strict=True)]
    assert counts == [1, 3]


# --- handshake era -----------------------------------------------------------------


@requirement("L1")
@pytest.mark.parametrize(
    ("asks", "gets"),
    [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        (MODERN, "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
        (None, "2025-11-25"),
        (5, "2025-11-25"),
    ],
)
def test_a_greeting_agrees_on_a_version(old: Client, asks: Any, gets: str) -> None:
    reply = reply_of(old.request("initialize", protocolVersion=asks))
    assert reply["result"]["protocolVersion"] == gets


@requirement("L16")
def test_what_is_unknown_or_over_cannot_be_cancelled(known: Client) -> None:
    done = named(known, "test_simple_text")
    before = done.messages
    for number in (0, 99, "1", None, [1]):
        known.send(None, note("notifications/cancelled", requestId=number))
    known.cancel(done)
    assert done.messages == before
    assert "result" in reply_of(named(known, "test_simple_text"))


@requirement("L16")
def test_a_greeting_cannot_be_cancelled(known: Client) -> None:
    known.send(None, note("notifications/cancelled", requestId=known._next + 1))
    greeting = known.request("initialize", protocolVersion="2025-11-25")
    known.cancel(greeting)
    assert reply_of(greeting)["result"]["protocolVersion"] == "2025-11-25"


@requirement("L18")
@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("ping", {}),
        ("logging/setLevel", {"level": "info"}),
        ("resources/subscribe", {"uri": "test://watched-resource"}),
        ("resources/unsubscribe", {"uri": "test://watched-resource"}),
        *((method, params) for method, params, _ in RESULTS if method[:6] != "server"),
    ],
)
def test_what_the_handshake_era_has_is_served(
    known: Client, method: str, params: dict[str, Any]
) -> None:
    assert "resultType" not in asked(known, method, **params)


@requirement("L19")
def test_a_resource_that_is_not_there_has_a_code_of_its_own(old: Client) -> None:
    error = refused(old, "resources/read", uri="test://nothing")
    assert (error["code"], error["data"]) == (-32002, {"uri": "test://nothing"})


@requirement("L20")
@pytest.mark.parametrize(("level", "told"), [("debug", 1), ("info", 1), ("error", 0)])
def test_a_level_counts_for_all_calls_of_its_session(
    known: Client, level: str, told: int
) -> None:
    known.ask_for_logs(level)
    counts = []
    for _ in range(2):
        came = all_of(known, named(known, "test_logging_tool"))
        methods = [one.get("method") for one in came]
        counts.append(methods.count("notifications/message"))
    assert counts == ([told, 2 * told] if isinstance(known, Stdio) else [told, told])


@requirement("L21")
def test_a_client_need_not_say_that_it_has_understood_the_greeting(
    known: Client,
) -> None:
    """None of these clients does."""
    assert text_of(asked(known, "tools/call", name="test_simple_text"))


@requirement("L8")
def test_a_question_comes_before_the_reply_and_its_answer_is_heard(
    known: Client,
) -> None:
    known.greet(elicitation={})
    pending = named(known, f"{ROUND}elicitation")
    question = all_of(known, pending)[-1]
    assert question["method"] == "elicitation/create"
    answer = {"action": "accept", "content": {"name": "Ann"}}
    known.send(None, {"jsonrpc": "2.0", "id": question["id"], "result": answer})
    assert text_of(reply_of(pending)["result"]) == "Hello, Ann!"


@requirement("L22")
@pytest.mark.parametrize(
    ("version", "kind"),
    [("2024-11-05", "text"), ("2025-03-26", "audio"), ("2025-11-25", "audio")],
)
def test_a_client_gets_no_content_that_its_version_does_not_know(
    known: Client, version: str, kind: str
) -> None:
    known.greet(version)
    result = reply_of(named(known, "test_audio_content"))["result"]
    assert result["content"][0]["type"] == kind


# --- streams of a session ----------------------------------------------------------


@pytest.fixture
def session() -> Iterator[SessionHttp]:
    client = SessionHttp((), EVERYTHING)
    yield client
    client.stop()


def get(client: SessionHttp, last: str = "") -> HTTPConnection:
    headers = {
        "Accept": "text/event-stream",
        "Mcp-Session-Id": client.session,
        "Last-Event-ID": last,
    }
    return client.server.http.begin("GET", "/mcp", b"", headers)


def events(pending: Any) -> list[ServerSentEvent]:
    connection: HTTPConnection = pending.connection
    return connection.stream().events()


@requirement("L12", "L13", "L14", over="http")
def test_a_client_is_sent_away_and_comes_back_for_the_rest(
    session: SessionHttp,
) -> None:
    pending: Any = named(session, "test_reconnection")
    (first,) = events(pending)
    assert (first.data, first.retry) == ("", "1000")
    assert first.id is not None
    assert pending.connection.stream().complete
    session.pump(0.1)
    again = get(session, first.id)
    assert not again.stream().complete
    session.pump(0.1)
    (reply,) = again.stream().messages()
    assert "completed" in text_of(reply["result"])


@requirement("L13", "L14", over="http")
@pytest.mark.parametrize("version", ["2025-03-26", "2025-06-18"])
def test_an_older_client_is_neither_primed_nor_sent_away(
    session: SessionHttp, version: str
) -> None:
    session.greet(version)
    pending: Any = named(session, "test_reconnection")
    for _ in range(3):
        session.pump(0.1)
    assert is_answered(pending)
    logging: Any = named(session, "test_tool_with_logging")
    assert [one.data for one in events(logging) if not one.data] == []
    session.pump(1)


@requirement("L9", "L10", over="http")
def test_what_belongs_to_a_call_is_not_on_the_sessions_own_stream(
    session: SessionHttp,
) -> None:
    session.greet(elicitation={})
    own = get(session)
    pending = named(session, f"{ROUND}elicitation")
    logging = named(session, "test_logging_tool")
    named(session, "test_trigger_tool_change")
    methods = [one["method"] for one in own.stream().messages()]
    assert methods == ["notifications/tools/list_changed"] * 2
    assert [one["method"] for one in pending.messages] == ["elicitation/create"]
    assert logging.messages[0]["method"] == "notifications/message"


@requirement("L11", over="http")
def test_no_two_events_of_a_session_have_one_id(session: SessionHttp) -> None:
    own = get(session)
    calls: list[Any] = [named(session, "test_tool_with_logging") for _ in range(3)]
    named(session, "test_trigger_tool_change")
    for _ in range(3):
        session.pump(0.06)
    streams = [own.stream().events(), *map(events, calls)]
    ids = [one.id for stream in streams for one in stream]
    assert None not in ids
    assert len({*ids}) == len(ids) > len(streams)
    names = [{str(one.id).rpartition("-")[0] for one in stream} for stream in streams]
    assert [len(one) for one in names] == [1] * len(streams)


@requirement("L4", over="http")
def test_what_waits_for_an_answer_ends_with_its_session(session: SessionHttp) -> None:
    session.greet(elicitation={})
    pending: Any = named(session, f"{ROUND}elicitation")
    headers = {"Mcp-Session-Id": session.session}
    assert session.server.http.request("DELETE", "/mcp", b"", headers).status == 204
    assert pending.connection.stream().complete
    question, reply = pending.messages
    assert question["method"] == "elicitation/create"
    assert "the session ended" in text_of(reply["result"])


# --- headers of arguments ----------------------------------------------------------


@requirement("M8", over="http")
@pytest.mark.parametrize(
    ("argument", "header", "served"),
    [
        ("eu", "eu", True),
        ("eu", "us", False),
        ("eu", None, False),
        (None, None, True),
        (None, "eu", False),
        ("\u00e9", "=?base64?w6k=?=", True),
    ],
)
def test_an_annotated_argument_and_its_header_agree(
    argument: str | None, header: str | None, served: bool
) -> None:
    client = ModernHttp((), EVERYTHING)
    arguments = {} if argument is None else {"region": argument}
    call = {"name": "test_x_mcp_header", "arguments": arguments}
    message = modern(7, "tools/call", **call)
    headers = modern_headers(message)
    if header is not None:
        headers["Mcp-Param-Region"] = header
    response = client.server.http.request(
        body=msgspec.json.encode(message), headers=headers
    )
    if served:
        text = text_of(response.json()["result"])
        assert text == f"Region: {argument or 'none'}"
    else:
        assert (response.status, response.json()["error"]["code"]) == (400, -32020)
    client.stop()


# --- modern clients are not asked --------------------------------------------------


@requirement("T9", "M20")
def test_a_modern_client_is_never_sent_a_request(new: Client) -> None:
    tools = [tool["name"] for tool in asked(new, "tools/list")["tools"]]
    for tool in tools:
        pending = named(new, tool, **can("elicitation", "sampling", "roots"))
        for _ in range(5):
            new.pump(0.1)
        assert is_answered(pending), tool
        came = all_of(new, pending)
        assert [one for one in came if "method" in one and "id" in one] == []
