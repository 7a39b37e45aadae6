"""Bodies in, messages or refusals out; nothing raises."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.mcp.jsonrpc import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    MAX_BATCH,
    MAX_DEPTH,
    PARSE_ERROR,
    Batch,
    ClientResponse,
    Message,
    Notification,
    ProtocolError,
    Request,
    encoded,
    error_body,
    notification_body,
    parse,
    request_body,
    result_body,
    shown,
)
from tests.mcp.validation import validate

requirement = pytest.mark.requirement

GIANT = "integer of more than 64 bits"
DEEP = "nested deeper than 64 levels"
NO_JSON = "not JSON in UTF-8"


def ping(request_id: bytes = b"1", params: bytes = b"{}") -> bytes:
    return b'{"jsonrpc":"2.0","method":"ping","id":%b,"params":%b}' % (
        request_id,
        params,
    )


def nested(levels: int, innermost: str = "") -> bytes:
    """Arrays and objects within each other, in turn."""
    text = innermost
    for level in range(levels):
        text = f'{{"a":{text}}}' if level % 2 else f"[{text}]"
    return text.encode()


@requirement("C14")
@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(
            b'{"jsonrpc":"2.0","id":1,"method":"ping"}',
            Request(id=1, method="ping", params={}),
            id="a request without params",
        ),
        pytest.param(
            b'{"jsonrpc":"2.0","id":1,"method":"ping","params":null}',
            Request(id=1, method="ping", params={}),
            id="null params count as none",
        ),
        pytest.param(
            b'{"jsonrpc":"2.0","id":"","method":"","params":{"a":[1,{}]}}',
            Request(id="", method="", params={"a": [1, {}]}),
            id="empty id and method are strings",
        ),
        pytest.param(
            b' \r\n\t{"method":"ping","id":-0,"jsonrpc":"2.0"}\n',
            Request(id=0, method="ping", params={}),
            id="order and space around do not matter",
        ),
        pytest.param(
            b'{"jsonrpc":"2.0","id":"\\ud83d\\ude00","method":"ping"}',
            Request(id="\N{GRINNING FACE}", method="ping", params={}),
            id="a surrogate pair is one character",
        ),
        pytest.param(
            b'{"jsonrpc":"2.0","id":1,"method":"ping","result":{},"more":1}',
            Request(id=1, method="ping", params={}),
            id="a method makes it a request; other members are ignored",
        ),
        pytest.param(
            b'{"jsonrpc":"2.0","method":"ping","params":{"a":1}}',
            Notification(method="ping", params={"a": 1}),
            id="without an id it is a notification",
        ),
        pytest.param(
            b'{"jsonrpc":"2.0","id":1,"result":{"a":1}}',
            ClientResponse(id=1, result={"a": 1}),
            id="a response",
        ),
        pytest.param(
            b'{"jsonrpc":"2.0","id":"1","error":{"code":1,"message":"no"}}',
            ClientResponse(id="1", error={"code": 1, "message": "no"}),
            id="an error response",
        ),
        pytest.param(
            b'{"jsonrpc":"2.0","error":{"code":1,"message":"no"}}',
            ClientResponse(error={"code": 1, "message": "no"}),
            id="an error response to an id that could not be read",
        ),
        pytest.param(
            b'{"jsonrpc":"2.0","id":1,"result":5}',
            ClientResponse(id=1),
            id="a response whose result is no object",
        ),
        pytest.param(
            b'{"jsonrpc":"2.0","id":1,"error":"no"}',
            ClientResponse(id=1),
            id="an error response whose error is no object",
        ),
    ],
)
def test_messages_are_told_apart(body: bytes, message: Message) -> None:
    assert parse(body) == message


@requirement("C7", "C10")
@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param(b"", NO_JSON, id="empty"),
        pytest.param(b" \n", NO_JSON, id="blank"),
        pytest.param(b"{", NO_JSON, id="cut off"),
        pytest.param(b"{'a':1}", NO_JSON, id="single quotes"),
        pytest.param(b'{"a":1,}', NO_JSON, id="trailing comma"),
        pytest.param(ping() + b"x", NO_JSON, id="more behind it"),
        pytest.param(ping() + ping(), NO_JSON, id="two messages"),
        pytest.param(b"[NaN]", NO_JSON, id="NaN"),
        pytest.param(b"jsonrpc=2.0", NO_JSON, id="a form"),
        pytest.param(b"\xef\xbb\xbf" + ping(), NO_JSON, id="byte order mark"),
        pytest.param(ping().decode().encode("utf-16"), NO_JSON, id="UTF-16"),
        pytest.param(ping(b'"\xff"'), NO_JSON, id="bad UTF-8 in a value"),
        pytest.param(ping(params=b'{"\xff":1}'), NO_JSON, id="bad UTF-8 in a name"),
        pytest.param(ping(b'"\xed\xa0\x80"'), NO_JSON, id="a surrogate in UTF-8"),
        pytest.param(ping(b'"\\ud800"'), NO_JSON, id="half of a surrogate pair"),
        pytest.param(ping(b'"\x00"'), NO_JSON, id="a bare control character"),
        pytest.param(ping(b"1e400"), "out of range", id="a giant float"),
        pytest.param(ping(b"9223372036854775808"), GIANT, id="2^63"),
        pytest.param(ping(b"-9223372036854775809"), GIANT, id="-2^63-1"),
        pytest.param(ping(b"18446744073709551616"), GIANT, id="2^64"),
        pytest.param(ping(b"9" * 4300), GIANT, id="4,300 digits"),
        pytest.param(ping(b"9" * 5000), "out of range", id="5,000 digits"),
        pytest.param(ping(b"-" + b"9" * 5000), "out of range", id="-5,000 digits"),
        pytest.param(ping(params=b'{"a":[9223372036854775808]}'), GIANT, id="inside"),
        pytest.param(nested(65), DEEP, id="65 levels, nothing inside"),
        pytest.param(nested(65, "0"), DEEP, id="65 levels around a number"),
        pytest.param(ping(params=nested(65)), DEEP, id="66 levels in a message"),
        pytest.param(b"[" * 100_000, DEEP, id="100,000 levels, not closed"),
        pytest.param(b'{"a":' * 100_000, DEEP, id="100,000 objects, not closed"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, DEEP, id="100,000 levels"),
    ],
)
def test_what_is_not_safe_json_is_a_parse_error(body: bytes, why: str) -> None:
    error = parse(body)
    assert isinstance(error, ProtocolError)
    assert error.code == PARSE_ERROR
    assert error.id is None
    assert error.data is None
    assert why in error.message


@requirement("C7")
@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 0])
def test_integers_of_64_bits_pass(number: int) -> None:
    body = ping(str(number).encode(), b'{"a":[%d]}' % number)
    assert parse(body) == Request(id=number, method="ping", params={"a": [number]})


@requirement("C7")
@pytest.mark.parametrize("innermost", ["", "0", '"a"'])
def test_64_levels_pass(innermost: str) -> None:
    # One level is the message itself, and 63 are in "params".
    inner = nested(MAX_DEPTH - 2, innermost)
    assert isinstance(parse(ping(params=b'{"a":' + inner + b"}")), Request)


@requirement("C14")
@pytest.mark.parametrize(
    ("body", "why", "request_id"),
    [
        pytest.param(b"[]", "a batch must hold a message", None, id="an empty batch"),
        pytest.param(
            b"[" + b",".join([ping()] * (MAX_BATCH + 1)) + b"]",
            "a batch of 51 messages, at most 50",
            None,
            id="a batch too long",
        ),
        pytest.param(b"1", "must be an object", None, id="a number"),
        pytest.param(b"null", "must be an object", None, id="null"),
        pytest.param(b'"ping"', "must be an object", None, id="a string"),
        pytest.param(b"{}", '"jsonrpc" must be "2.0"', None, id="an empty object"),
        pytest.param(
            b'{"id":7,"method":"ping"}', '"jsonrpc" must be', 7, id="no jsonrpc"
        ),
        pytest.param(
            b'{"jsonrpc":"1.0","id":"a","method":"ping"}',
            '"jsonrpc" must be',
            "a",
            id="another jsonrpc",
        ),
        pytest.param(
            b'{"jsonrpc":2.0,"id":7,"method":"ping"}',
            '"jsonrpc" must be',
            7,
            id="jsonrpc as a number",
        ),
        pytest.param(
            b'{"jsonrpc":"1.0","id":1.5,"method":"ping"}',
            '"jsonrpc" must be',
            None,
            id="neither jsonrpc nor id",
        ),
        pytest.param(ping(b"null"), '"id" must be', None, id="id null"),
        pytest.param(ping(b"1.0"), '"id" must be', None, id="id 1.0"),
        pytest.param(ping(b"1e3"), '"id" must be', None, id="id 1e3"),
        pytest.param(ping(b"true"), '"id" must be', None, id="id true"),
        pytest.param(ping(b"{}"), '"id" must be', None, id="id an object"),
        pytest.param(ping(b"[1]"), '"id" must be', None, id="id an array"),
        pytest.param(
            b'{"jsonrpc":"2.0","id":null,"result":{}}',
            '"id" must be',
            None,
            id="a response to null",
        ),
        pytest.param(
            b'{"jsonrpc":"2.0","id":7}', '"method" must be', 7, id="no method"
        ),
        pytest.param(
            b'{"jsonrpc":"2.0","id":7,"method":null}',
            '"method" must be',
            7,
            id="method null",
        ),
        pytest.param(
            b'{"jsonrpc":"2.0","id":"7","method":["ping"]}',
            '"method" must be',
            "7",
            id="method an array",
        ),
        pytest.param(
            b'{"jsonrpc":"2.0"}', '"method" must be', None, id="neither method nor id"
        ),
        pytest.param(
            b'{"jsonrpc":"2.0","method":"ping","params":[1]}',
            '"params" must be',
            None,
            id="a notification with an array of params",
        ),
    ],
)
def test_json_that_is_no_message_is_an_invalid_request(
    body: bytes, why: str, request_id: object
) -> None:
    error = parse(body)
    assert isinstance(error, ProtocolError)
    assert error.code == INVALID_REQUEST
    assert why in error.message
    assert error.id == request_id
    check(error_body(error))


# --- batches -----------------------------------------------------------------------


@requirement("L17")
@pytest.mark.parametrize("count", [1, 2, MAX_BATCH])
def test_an_array_of_messages_is_a_batch(count: int) -> None:
    body = b"[" + b",".join(ping(b"%d" % one) for one in range(count)) + b"]"
    assert parse(body) == Batch(
        tuple(Request(id=one, method="ping", params={}) for one in range(count))
    )


def test_a_batch_holds_all_kinds_of_messages_in_their_order() -> None:
    notification = b'{"jsonrpc":"2.0","method":"a"}'
    response = b'{"jsonrpc":"2.0","id":1,"result":{}}'
    batch = parse(b"[%b,%b,%b]" % (response, ping(b'"b"'), notification))
    assert batch == Batch(
        (
            ClientResponse(id=1, result={}),
            Request(id="b", method="ping", params={}),
            Notification(method="a", params={}),
        )
    )


@pytest.mark.parametrize(
    ("item", "request_id", "code"),
    [
        (b"1", None, INVALID_REQUEST),
        (b"[]", None, INVALID_REQUEST),
        (b"[%b]" % ping(), None, INVALID_REQUEST),
        (b"{}", None, INVALID_REQUEST),
        (ping(b"null"), None, INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":7}', 7, INVALID_REQUEST),
        (ping(b"7", b"[]"), 7, INVALID_PARAMS),
    ],
)
def test_what_is_no_message_spoils_its_own_place_in_a_batch_only(
    item: bytes, request_id: object, code: int
) -> None:
    batch = parse(b"[%b,%b,%b]" % (ping(b"1"), item, ping(b"2")))
    assert isinstance(batch, Batch)
    first, spoilt, last = batch.items
    assert isinstance(spoilt, ProtocolError)
    assert (spoilt.id, spoilt.code) == (request_id, code)
    assert (first, last) == (
        Request(id=1, method="ping", params={}),
        Request(id=2, method="ping", params={}),
    )


def test_what_is_not_safe_json_spoils_the_whole_batch() -> None:
    batch = parse(b"[%b,%b]" % (ping(b"1"), ping(b"9223372036854775808")))
    assert isinstance(batch, ProtocolError)
    assert batch.code == PARSE_ERROR


# --- single messages ---------------------------------------------------------------


def check(body: bytes, version: str = "2025-11-25", method: str | None = None) -> None:
    """Hold an answer, or a message of ours, to its version."""
    validate(version, "server", method, msgspec.json.decode(body))


@requirement("M9")
@pytest.mark.parametrize("params", [b"[]", b"[1]", b'"a"', b"0", b"false"])
def test_params_of_a_request_that_are_no_object_are_invalid_params(
    params: bytes,
) -> None:
    error = parse(ping(b'"seven"', params))
    assert isinstance(error, ProtocolError)
    assert error.code == INVALID_PARAMS
    assert error.id == "seven"


@requirement("C10")
@given(st.binary())
def test_any_bytes_give_a_message_or_a_refusal(body: bytes) -> None:
    assert isinstance(parse(body), Message | Batch | ProtocolError)


floats = st.floats(allow_nan=False, allow_infinity=False)
leaves = st.none() | st.booleans() | st.integers() | floats | st.text()
values = st.recursive(
    leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


def holds_giant(value: object) -> bool:
    match value:
        case dict():
            return any(map(holds_giant, value.values()))
        case list():
            return any(map(holds_giant, value))
        case bool():
            return False
        case int():
            return not -(2**63) <= value < 2**63
    return False


@given(values)
def test_an_integer_of_more_than_64_bits_is_found_wherever_it_is(value: object) -> None:
    body = json.dumps({"jsonrpc": "2.0", "method": "m", "params": {"a": value}})
    parsed = parse(body.encode())
    refused = isinstance(parsed, ProtocolError) and parsed.code == PARSE_ERROR
    assert refused is holds_giant(value)


@given(
    st.lists(st.sampled_from(["[%s]", '{"a":%s}', '[0,%s,{"b":1}]']), max_size=130),
    st.sampled_from(["0", '"a"', "[]", "{}", "null"]),
)
def test_depth_is_counted_in_objects_and_arrays(shells: list[str], leaf: str) -> None:
    text = leaf
    for shell in shells:
        text = shell % text
    # The innermost level is the leaf, or the sibling {"b":1} of the innermost shell.
    innermost = shells[0] if shells else ""
    depth = len(shells) + (leaf in ("[]", "{}") or "b" in innermost)
    parsed = parse(text.encode())
    refused = isinstance(parsed, ProtocolError) and parsed.code == PARSE_ERROR
    assert refused is (depth > MAX_DEPTH)


@given(st.lists(values | st.fixed_dictionaries({"jsonrpc": st.just("2.0")})))
def test_every_place_of_a_batch_is_read(items: list[object]) -> None:
    parsed = parse(json.dumps(items).encode())
    if isinstance(parsed, Batch):
        assert len(parsed.items) == len(items)
    else:
        assert isinstance(parsed, ProtocolError)
        assert parsed.id is None


def test_a_result_that_was_encoded_before_is_answered_as_it_is() -> None:
    result = {"tools": [{"name": "\u00e9"}], "n": 2**63 - 1}
    assert result_body("a", encoded(result)) == result_body("a", result)


@given(st.text() | st.integers(-(2**63), 2**63 - 1))
def test_what_is_written_names_the_id_as_it_was_read(request_id: str | int) -> None:
    read = parse(ping(msgspec.json.encode(request_id)))
    assert isinstance(read, Request)
    error = ProtocolError(code=1, message="no", id=read.id)
    for body in (result_body(read.id, {}), error_body(error)):
        assert msgspec.json.decode(body)["id"] == request_id


def test_a_question_of_ours_has_id_method_and_params() -> None:
    params = {"message": "?", "requestedSchema": {"type": "object", "properties": {}}}
    body = request_body("ask-1", "elicitation/create", params)
    assert msgspec.json.decode(body) == {
        "jsonrpc": "2.0",
        "id": "ask-1",
        "method": "elicitation/create",
        "params": params,
    }
    check(body, method="elicitation/create")


def test_a_notification_leaves_out_params_that_there_are_not() -> None:
    method = "notifications/tools/list_changed"
    assert msgspec.json.decode(notification_body(method)) == {
        "jsonrpc": "2.0",
        "method": method,
    }
    assert msgspec.json.decode(notification_body(method, {})) == {
        "jsonrpc": "2.0",
        "method": method,
        "params": {},
    }


@pytest.mark.parametrize(
    ("text", "short"),
    [("", ""), ("m" * 100, "m" * 100), ("m" * 101, "m" * 100 + "...")],
)
def test_not_more_of_a_clients_text_is_repeated_than_is_useful(
    text: str, short: str
) -> None:
    assert shown(text) == short
