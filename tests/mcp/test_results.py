"""Answers as bytes, as each version reads them, and the table of statuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from commander.mcp import jsonrpc, results
from commander.mcp.events import (
    Asked,
    Call,
    CompletionAsked,
    CompletionReturned,
    Done,
    InputRequired,
    LevelSet,
    ListenAsked,
    Peer,
    PromptAsked,
    PromptReturned,
    Refused,
    Reply,
    ResourceAsked,
    ResourceReturned,
    Returned,
    SubscriptionSet,
    ToolCalled,
    ToolReturned,
    UnknownResource,
)
from commander.mcp.jsonrpc import ProtocolError, RequestId
from commander.mcp.results import SERVER_INFO_KEY, SUBSCRIPTION_KEY
from commander.mcp.versions import (
    ASSUMED_VERSION,
    HANDSHAKE_VERSIONS,
    SUPPORTED_VERSIONS,
    Era,
)
from tests.mcp.engines import MODERN, WRITER, told

requirement = pytest.mark.requirement

METHODS: dict[type, str] = {
    ToolCalled: "tools/call",
    PromptAsked: "prompts/get",
    ResourceAsked: "resources/read",
    CompletionAsked: "completion/complete",
    LevelSet: "logging/setLevel",
    SubscriptionSet: "resources/subscribe",
    ListenAsked: "subscriptions/listen",
}
TOOL = ToolCalled(name="t", arguments={})
PROMPT = PromptAsked(name="p", arguments={})
RESOURCE = ResourceAsked(uri="job://1")
COMPLETION = CompletionAsked(reference={}, argument="a", value="", context={})
LISTEN = ListenAsked(lists=frozenset(), resources=(), honoured={})
TEXT = {"type": "text", "text": "hello"}
IDENTITY = {"name": "n", "title": "t", "version": "1.2"}
SIGNED = {"resultType": "complete", "_meta": {SERVER_INFO_KEY: IDENTITY}}
"""What the modern era adds to each result (M25, M26)."""


def call(
    asked: Asked,
    version: str | None = MODERN,
    *,
    request_id: RequestId = 7,
    has: Mapping[str, Any] | None = None,
) -> Call:
    return Call(
        id=request_id,
        era=Era.MODERN if version == MODERN else Era.HANDSHAKE,
        peer=Peer(version=version, capabilities=has or {}),
        asked=asked,
    )


def answered(to: Call, returned: Returned) -> tuple[int, Any]:
    """Status and JSON of an answer, which is one of its version."""
    version = to.peer.version or ASSUMED_VERSION
    return told(WRITER.returned(to, returned), METHODS[type(to.asked)], version)


def result(to: Call, returned: Returned) -> Any:
    status, answer = answered(to, returned)
    assert status == 200
    assert set(answer) == {"jsonrpc", "id", "result"}
    assert answer["id"] == to.id
    return answer["result"]


# --- statuses ----------------------------------------------------------------------


@requirement("M39", "L7")
@pytest.mark.parametrize(
    ("code", "handshake", "modern"),
    [
        (jsonrpc.PARSE_ERROR, 400, 400),
        (jsonrpc.INVALID_REQUEST, 400, 400),
        (jsonrpc.UNSUPPORTED_PROTOCOL_VERSION, 400, 400),
        (jsonrpc.HEADER_MISMATCH, 400, 400),
        # Errors that answer a well-formed request go with 200 in the handshake era
        # (S25/basic/transports, Sending Messages to the Server, 5).
        (jsonrpc.MISSING_CAPABILITY, 200, 400),
        (jsonrpc.METHOD_NOT_FOUND, 200, 404),
        (jsonrpc.INVALID_PARAMS, 200, 400),
        (jsonrpc.INTERNAL_ERROR, 200, 200),
        (jsonrpc.RESOURCE_NOT_FOUND, 200, 200),
        (-32000, 200, 200),
        (1, 200, 200),
    ],
)
def test_each_code_has_its_status(code: int, handshake: int, modern: int) -> None:
    """L7, M39."""
    error = ProtocolError(code=code, message="no")
    assert results.refusal(error).status == handshake
    assert results.refusal(error, Era.HANDSHAKE).status == handshake
    assert results.refusal(error, Era.MODERN).status == modern


@requirement("M34")
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("PARSE_ERROR", -32700),
        ("INVALID_REQUEST", -32600),
        ("METHOD_NOT_FOUND", -32601),
        ("INVALID_PARAMS", -32602),
        ("INTERNAL_ERROR", -32603),
        ("HEADER_MISMATCH", -32020),
        ("MISSING_CAPABILITY", -32021),
        ("UNSUPPORTED_PROTOCOL_VERSION", -32022),
        ("RESOURCE_NOT_FOUND", -32002),
        ("UNAUTHORIZED", -32001),
    ],
)
def test_the_codes_are_those_of_the_specifications(name: str, code: int) -> None:
    assert getattr(jsonrpc, name) == code


# --- envelopes ---------------------------------------------------------------------


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
    reply = WRITER.result(request_id, {"a": 1})
    answer = msgspec.json.decode(reply.body)
    assert reply.status == 200
    assert answer == {"jsonrpc": "2.0", "id": request_id, "result": {"a": 1}}
    assert type(answer["id"]) is type(request_id)


@requirement("L6")
def test_what_is_owed_nothing_gets_202_and_no_body() -> None:
    """L6, M24."""
    assert Reply(status=202, body=b"") == results.ACCEPTED


@requirement("L22")
@pytest.mark.parametrize("version", [*SUPPORTED_VERSIONS, None])
def test_who_we_are_has_a_title_from_2025_06_18_on(version: str | None) -> None:
    """L22."""
    identity = {"name": "n", "version": "1.2"}
    if version is None or version >= "2025-06-18":
        identity["title"] = "t"
    assert WRITER.identity(version) == identity


# --- what a result is ----------------------------------------------------------------

ALL: list[tuple[Asked, Returned, dict[str, Any]]] = [
    (TOOL, ToolReturned(content=[TEXT]), {"content": [TEXT], "isError": False}),
    (TOOL, ToolReturned(content=()), {"content": [], "isError": False}),
    (
        TOOL,
        ToolReturned(content=[TEXT], is_error=True),
        {"content": [TEXT], "isError": True},
    ),
    (
        PROMPT,
        PromptReturned(messages=[{"role": "user", "content": TEXT}]),
        {"messages": [{"role": "user", "content": TEXT}]},
    ),
    (
        PROMPT,
        PromptReturned(messages=(), description="Why"),
        {"messages": [], "description": "Why"},
    ),
    (
        RESOURCE,
        ResourceReturned(contents=[{"uri": "job://1", "text": "a"}], ttl_ms=9),
        {"contents": [{"uri": "job://1", "text": "a"}]},
    ),
    (
        COMPLETION,
        CompletionReturned(values=["a", "b"]),
        {"completion": {"values": ["a", "b"]}},
    ),
    (
        COMPLETION,
        CompletionReturned(values=["a", "b"], total=2),
        {"completion": {"values": ["a", "b"], "total": 2, "hasMore": False}},
    ),
    (
        COMPLETION,
        CompletionReturned(values=["a", "b"], total=3),
        {"completion": {"values": ["a", "b"], "total": 3, "hasMore": True}},
    ),
]


@pytest.mark.parametrize("version", [*HANDSHAKE_VERSIONS, None])
@pytest.mark.parametrize(("asked", "returned", "members"), ALL)
def test_a_result_of_the_handshake_era_has_its_own_members_only(
    asked: Asked, returned: Returned, members: dict[str, Any], version: str | None
) -> None:
    assert result(call(asked, version), returned) == members


@requirement("M25", "M26")
@pytest.mark.parametrize(("asked", "returned", "members"), ALL)
def test_a_result_of_the_modern_era_says_what_it_is_and_who_sent_it(
    asked: Asked, returned: Returned, members: dict[str, Any]
) -> None:
    """M25, M26; M28: of these only resources may be kept."""
    kept = {"ttlMs": 9, "cacheScope": "private"} if asked is RESOURCE else {}
    assert result(call(asked), returned) == {**members, **kept, **SIGNED}


@pytest.mark.parametrize("version", HANDSHAKE_VERSIONS)
@pytest.mark.parametrize("asked", [LevelSet("info"), SubscriptionSet(uri="a", on=True)])
def test_what_is_done_has_an_empty_result(asked: Asked, version: str) -> None:
    assert result(call(asked, version), Done()) == {}


@requirement("M28")
def test_a_resource_may_not_be_kept_unless_it_says_so() -> None:
    """M28."""
    told_of = result(call(RESOURCE), ResourceReturned(contents=()))
    assert (told_of["ttlMs"], told_of["cacheScope"]) == (0, "private")


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250])
@pytest.mark.parametrize("version", SUPPORTED_VERSIONS)
def test_no_more_completions_are_told_than_a_hundred(version: str, count: int) -> None:
    """S26/server/utilities/completion, Completion Results."""
    values = [str(number) for number in range(count)]
    to = call(COMPLETION, version)
    completion = result(to, CompletionReturned(values=values))["completion"]
    assert completion["values"] == values[:100]
    assert completion.get("total", count) == count
    assert completion.get("hasMore", False) is (count > 100)
    more = CompletionReturned(values=values, total=count + 7)
    completion = result(to, more)["completion"]
    assert completion == {"values": values[:100], "total": count + 7, "hasMore": True}


@requirement("M32")
@pytest.mark.parametrize("request_id", [0, 7, "", "a"])
def test_the_end_of_a_subscription_names_it(request_id: RequestId) -> None:
    """M32."""
    reply = WRITER.listened(call(LISTEN, request_id=request_id))
    status, answer = told(reply, "subscriptions/listen")
    assert status == 200
    assert answer["result"] == {
        "resultType": "complete",
        "_meta": {SERVER_INFO_KEY: IDENTITY, SUBSCRIPTION_KEY: request_id},
    }
    named = answer["result"]["_meta"][SUBSCRIPTION_KEY]
    assert type(named) is type(answer["id"]) is type(request_id)


@pytest.mark.parametrize("era", Era)
def test_a_result_that_stays_is_encoded_once(era: Era) -> None:
    members = {"tools": (), "_meta": {"a": 1}}
    encoded = msgspec.json.decode(WRITER.complete(era, members, 5))
    if era is Era.HANDSHAKE:
        assert encoded == {"tools": [], "_meta": {"a": 1}}
    else:
        assert encoded == {
            "resultType": "complete",
            "tools": [],
            "ttlMs": 5,
            "cacheScope": "private",
            "_meta": {SERVER_INFO_KEY: IDENTITY, "a": 1},
        }


# --- what a version can read (L22) ---------------------------------------------------

STRUCTURED = ToolReturned(content=[TEXT], structured={"a": 1})


@requirement("L22")
@pytest.mark.parametrize("version", [*SUPPORTED_VERSIONS, None])
def test_structure_is_told_from_2025_06_18_on(version: str | None) -> None:
    told_of = result(call(TOOL, version), STRUCTURED)
    since = version is None or version >= "2025-06-18"
    assert told_of.get("structuredContent") == ({"a": 1} if since else None)


def test_structure_that_is_empty_is_told_too() -> None:
    returned = ToolReturned(content=(), structured={})
    assert result(call(TOOL), returned)["structuredContent"] == {}


AUDIO = {"type": "audio", "data": "aGk=", "mimeType": "audio/wav"}
LINK = {"type": "resource_link", "uri": "job://1", "name": "output"}
BLOCKS: list[tuple[dict[str, Any], str, str]] = [
    (TEXT, "2024-11-05", ""),
    (
        {"type": "image", "data": "aGk=", "mimeType": "image/png"},
        "2024-11-05",
        "",
    ),
    (
        {"type": "resource", "resource": {"uri": "job://1", "text": "a"}},
        "2024-11-05",
        "",
    ),
    (AUDIO, "2025-03-26", "[audio]"),
    (LINK, "2025-06-18", "output: job://1"),
]
"""A block of content; since when it is known; what it becomes before."""


@requirement("L22")
@pytest.mark.parametrize("version", [*SUPPORTED_VERSIONS, None])
@pytest.mark.parametrize(("block", "since", "text"), BLOCKS)
def test_a_block_that_a_version_cannot_read_becomes_text(
    block: dict[str, Any], since: str, text: str, version: str | None
) -> None:
    """Unknown fields do no harm, unknown types do: a silent client is an old one."""
    known = (version or ASSUMED_VERSION) >= since
    expected = block if known else {"type": "text", "text": text}
    content = [TEXT, block]
    told_of = result(call(TOOL, version), ToolReturned(content=content))
    assert told_of["content"] == [TEXT, expected]
    messages = [{"role": "user", "content": block}]
    told_of = result(call(PROMPT, version), PromptReturned(messages=messages))
    assert told_of["messages"] == [{"role": "user", "content": expected}]


def test_a_link_without_a_name_becomes_its_address() -> None:
    link = {"type": "resource_link", "uri": "job://1"}
    told_of = result(call(TOOL, "2025-03-26"), ToolReturned(content=[link]))
    assert told_of["content"] == [{"type": "text", "text": "job://1"}]


# --- errors ------------------------------------------------------------------------


@requirement("M33", "L19")
@pytest.mark.parametrize(
    ("version", "status", "code"),
    [
        *((version, 200, -32002) for version in HANDSHAKE_VERSIONS),
        (MODERN, 400, -32602),
    ],
)
@pytest.mark.parametrize(
    ("uri", "named"),
    [("job://1", "job://1"), ("u" * 101, "u" * 100 + "...")],
)
def test_an_unknown_resource_has_a_code_of_its_era(
    uri: str, named: str, version: str, status: int, code: int
) -> None:
    """L19, M33; the message may be short, the data says exactly which."""
    assert answered(call(RESOURCE, version), UnknownResource(uri)) == (
        status,
        {
            "jsonrpc": "2.0",
            "id": 7,
            "error": {
                "code": code,
                "message": f"Resource not found: {named}",
                "data": {"uri": uri},
            },
        },
    )


@pytest.mark.parametrize("version", SUPPORTED_VERSIONS)
@pytest.mark.parametrize("data", [None, {"a": 1}])
def test_a_refusal_is_told_in_its_own_words(
    data: dict[str, int] | None, version: str
) -> None:
    refused = Refused(code=-32602, message="no", data=data)
    status, answer = answered(call(TOOL, version), refused)
    assert status == (400 if version == MODERN else 200)
    assert answer["error"] == {
        "code": -32602,
        "message": "no",
        **({"data": data} if data else {}),
    }


@requirement("M39")
@pytest.mark.parametrize("version", SUPPORTED_VERSIONS)
def test_a_fault_of_ours_is_an_internal_error_without_details(version: str) -> None:
    asked = ToolCalled(name="execute_command", arguments={"command": "secret"})
    reply = WRITER.failed(call(asked, version))
    assert told(reply, "tools/call", version) == (
        200,
        {
            "jsonrpc": "2.0",
            "id": 7,
            "error": {
                "code": -32603,
                "message": "Internal error: see the server's log",
            },
        },
    )


def test_what_nobody_can_return_is_a_fault() -> None:
    with pytest.raises(TypeError):
        WRITER.returned(call(TOOL), object())  # type: ignore[arg-type]  # on purpose


# --- asking again (M10, M37) ---------------------------------------------------------

ELICIT = {
    "method": "elicitation/create",
    "params": {
        "mode": "form",
        "message": "Run it?",
        "requestedSchema": {
            "type": "object",
            "properties": {"approve": {"type": "boolean"}},
        },
    },
}
SAMPLE = {
    "method": "sampling/createMessage",
    "params": {
        "messages": [{"role": "user", "content": TEXT}],
        "maxTokens": 100,
    },
}
ROOTS = {"method": "roots/list"}
RETRIED: list[Asked] = [TOOL, PROMPT, RESOURCE]


@requirement("M37")
@pytest.mark.parametrize("asked", RETRIED)
@pytest.mark.parametrize(
    ("required", "members"),
    [
        (
            InputRequired(requests={"a": ELICIT}),
            {"inputRequests": {"a": ELICIT}},
        ),
        (InputRequired(state="s"), {"requestState": "s"}),
        (InputRequired(state=""), {"requestState": ""}),
        (
            InputRequired(requests={"a": ELICIT, "b": SAMPLE, "c": ROOTS}, state="s"),
            {
                "inputRequests": {"a": ELICIT, "b": SAMPLE, "c": ROOTS},
                "requestState": "s",
            },
        ),
    ],
)
def test_a_client_is_asked_what_it_said_it_can_be_asked(
    required: InputRequired, members: dict[str, object], asked: Asked
) -> None:
    """M25, M37; M28: it is not to be kept."""
    to = call(asked, has={"elicitation": {}, "sampling": {}, "roots": {}})
    assert result(to, required) == {**SIGNED, **members, "resultType": "input_required"}


@requirement("M10")
@pytest.mark.parametrize(
    ("has", "missing"),
    [
        ({}, ["elicitation", "sampling"]),
        ({"roots": {}}, ["elicitation", "sampling"]),
        ({"elicitation": {}}, ["sampling"]),
        ({"sampling": {}, "experimental": {"elicitation": {}}}, ["elicitation"]),
    ],
)
def test_a_client_is_told_what_it_would_have_to_declare(
    has: dict[str, object], missing: list[str]
) -> None:
    """M10: the capabilities are an object."""
    required = InputRequired(
        requests={"a": ELICIT, "b": SAMPLE, "c": ELICIT}, state="s"
    )
    status, answer = answered(call(TOOL, has=has), required)
    assert (status, answer["id"]) == (400, 7)
    assert answer["error"] == {
        "code": -32021,
        "message": f"Missing client capability: {', '.join(missing)}",
        "data": {"requiredCapabilities": {name: {} for name in missing}},
    }


def test_to_ask_for_roots_is_a_capability_too() -> None:
    _, answer = answered(call(TOOL), InputRequired(requests={"a": ROOTS}))
    assert answer["error"]["data"] == {"requiredCapabilities": {"roots": {}}}


@requirement("M37")
@pytest.mark.parametrize(
    "to",
    [
        *(call(TOOL, version) for version in HANDSHAKE_VERSIONS),
        call(COMPLETION),
        call(LISTEN),
        call(LevelSet("info")),
    ],
)
def test_other_requests_cannot_be_asked_again(to: Call) -> None:
    """M37."""
    with pytest.raises(ValueError, match="cannot be answered"):
        WRITER.returned(to, InputRequired(state="s"))


@requirement("M37")
def test_nothing_cannot_be_asked() -> None:
    """M37: at least one of the two."""
    with pytest.raises(ValueError, match="nothing to ask"):
        WRITER.returned(call(TOOL), InputRequired())


def test_nothing_else_can_be_asked() -> None:
    """S26/basic/patterns/mrtr, InputRequests."""
    ping = InputRequired(requests={"a": {"method": "ping"}})
    with pytest.raises(KeyError):
        WRITER.returned(call(TOOL), ping)
