"""Headers say what the body says, exactly (S26/basic/transports/streamable-http)."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.mcp.headers import (
    decoded,
    mirrored_arguments,
    name_problem,
    param_problem,
    repeated_problem,
)
from commander.mcp.jsonrpc import HEADER_MISMATCH, ProtocolError, Request
from tests.mcp.engines import HeaderLines

requirement = pytest.mark.requirement


def sentinel(raw: bytes) -> str:
    return f"=?base64?{base64.b64encode(raw).decode()}?="


def request(method: str, **params: object) -> Request:
    return Request(id="seven", method=method, params=params)


def is_mismatch(problem: ProtocolError | None) -> bool:
    if problem is None:
        return False
    assert problem.code == HEADER_MISMATCH
    assert problem.id == "seven"
    assert problem.message.startswith("Header mismatch: ")
    return True


# --- values (Value Encoding) -------------------------------------------------------


@requirement("M5")
@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("us-west1", "us-west1"),
        ("", ""),
        ("with space\tand tab~", "with space\tand tab~"),
        # The examples of the specification.
        ("=?base64?SGVsbG8sIOS4lueVjA==?=", "Hello, 世界"),
        ("=?base64?IHBhZGRlZCA=?=", " padded "),
        ("=?base64?bGluZTEKbGluZTI=?=", "line1\nline2"),
        ("=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=", "=?base64?literal?="),
        ("=?base64??=", ""),
        # The markers are case-sensitive, and both must be there.
        ("=?BASE64?SGVsbG8=?=", "=?BASE64?SGVsbG8=?="),
        ("=?base64?SGVsbG8=", "=?base64?SGVsbG8="),
        ("SGVsbG8=?=", "SGVsbG8=?="),
        ("=?base64?=", "=?base64?="),
        ("x=?base64?SGVsbG8=?=", "x=?base64?SGVsbG8=?="),
        # No Base64.
        ("=?base64?SGVsbG8?=", None),
        ("=?base64?SGVsbG8==?=", None),
        ("=?base64?SGVs bG8=?=", None),
        ("=?base64?SGVsbG8=\t?=", None),
        ("=?base64?????=", None),
        ("=?base64?-_-_?=", None),
        # Another spelling of the same: a gateway might compare spellings.
        ("=?base64?SGVsbG9=?=", None),
        # No UTF-8.
        (sentinel(b"\xff"), None),
        (sentinel("\ud800".encode("utf-8", "surrogatepass")), None),
        # Characters that must be in a sentinel, and those that must not be in one.
        ("é", None),
        ("a\x00", None),
        ("a\x7f", None),
        ("a\n", None),
        ("\ufffd", None),
        ("=?base64?é?=", None),
    ],
)
def test_a_value_is_read_out_of_its_sentinel(value: str, text: str | None) -> None:
    assert decoded(value) == text


@requirement("M5")
@given(st.text())
def test_any_text_fits_into_a_sentinel(text: str) -> None:
    assert decoded(sentinel(text.encode())) == text


@given(st.text() | st.text().map(lambda text: f"=?base64?{text}?="))
def test_any_value_is_text_or_nothing(value: str) -> None:
    assert isinstance(decoded(value), str | None)


# --- repeated headers (M2) ---------------------------------------------------------


@requirement("M2")
@pytest.mark.parametrize("name", ["MCP-Protocol-Version", "Mcp-Method", "mcp-name"])
@pytest.mark.parametrize("values", [("a", "a"), ("a", "b"), ("", "")])
def test_a_header_that_is_there_twice_is_refused(
    values: tuple[str, str], name: str
) -> None:
    lines = HeaderLines(*((name, value) for value in values))
    assert is_mismatch(repeated_problem(request("ping"), lines))


def test_other_headers_may_be_there_twice() -> None:
    lines = HeaderLines(("mcp-method", "a"), ("accept", "a"), ("accept", "b"))
    assert repeated_problem(request("ping"), lines) is None


# --- method and name (M5) ----------------------------------------------------------


@requirement("M5")
@pytest.mark.parametrize(
    ("value", "agrees"),
    [
        ("tools/list", True),
        (None, False),
        ("", False),
        ("Tools/List", False),
        ("tools/list ", False),
        ("tools/call", False),
        # Only names and arguments can be in a sentinel.
        (sentinel(b"tools/list"), False),
    ],
)
def test_the_method_must_be_repeated(value: str | None, agrees: bool) -> None:
    lines = HeaderLines(*([("Mcp-Method", value)] if value is not None else []))
    assert is_mismatch(name_problem(request("tools/list"), lines)) is not agrees


NAMED = [
    ("tools/call", "name"),
    ("prompts/get", "name"),
    ("resources/read", "uri"),
    # TASK, Streamable HTTP: Routing Headers.
    ("tasks/get", "taskId"),
    ("tasks/update", "taskId"),
    ("tasks/cancel", "taskId"),
]


@requirement("M5")
@pytest.mark.parametrize(("method", "member"), NAMED)
@pytest.mark.parametrize(
    ("value", "agrees"),
    [
        ("x:y", True),
        (sentinel(b"x:y"), True),
        ("", False),
        ("X:y", False),
        ("x:y ", False),
        ("=?base64?eDp6?=", False),
        ("=?base64?x:y?=", False),
    ],
)
def test_the_name_must_be_repeated(
    value: str, agrees: bool, method: str, member: str
) -> None:
    lines = HeaderLines(("mcp-method", method), ("mcp-name", value))
    asked = request(method, **{member: "x:y", "other": "z"})
    assert is_mismatch(name_problem(asked, lines)) is not agrees


@requirement("M5", "E9", over=())
@pytest.mark.parametrize(("method", "member"), NAMED)
def test_only_a_task_need_not_be_named(method: str, member: str) -> None:
    lines = HeaderLines(("mcp-method", method))
    problem = name_problem(request(method, **{member: "x:y"}), lines)
    assert is_mismatch(problem) is (member != "taskId")


@pytest.mark.parametrize(("method", "member"), NAMED)
@pytest.mark.parametrize("name", [5, True, ["x"], {"x": 1}, ""])
def test_a_name_that_is_no_text_is_repeated_by_no_header(
    name: object, method: str, member: str
) -> None:
    lines = HeaderLines(("mcp-method", method), ("mcp-name", str(name) or "x"))
    assert is_mismatch(name_problem(request(method, **{member: name}), lines))


@pytest.mark.parametrize(("method", "member"), NAMED)
def test_no_name_is_not_repeated(method: str, member: str) -> None:
    lines = HeaderLines(("mcp-method", method))
    assert name_problem(request(method), lines) is None
    assert name_problem(request(method, **{member: None}), lines) is None


def test_a_name_that_is_not_ascii_is_in_a_sentinel() -> None:
    asked = request("tools/call", name="naïve")
    plain = HeaderLines(("mcp-method", "tools/call"), ("mcp-name", "naïve"))
    assert is_mismatch(name_problem(asked, plain))
    spelled = plain.but("mcp-name", sentinel("naïve".encode()))
    assert name_problem(asked, spelled) is None


@pytest.mark.parametrize(
    "method", ["tools/list", "completion/complete", "ping", "tasks/list", "x"]
)
def test_other_methods_have_no_name(method: str) -> None:
    lines = HeaderLines(("mcp-method", method))
    asked = request(method, name="a", uri="b", taskId="c")
    assert name_problem(asked, lines) is None
    assert name_problem(asked, lines.but("mcp-name", "d")) is None


# --- arguments (M8) ----------------------------------------------------------------


def annotated(kind: str, name: object) -> dict[str, Any]:
    return {"type": kind, "x-mcp-header": name}


@requirement("M8")
@pytest.mark.parametrize(
    ("schema", "mirrored"),
    [
        ({}, {}),
        ({"type": "object"}, {}),
        ({"properties": {"a": {"type": "string"}}}, {}),
        ({"properties": None}, {}),
        ({"properties": {"a": True}}, {}),
        (
            {"properties": {"a": annotated("string", "Region")}},
            {"mcp-param-region": ("a",)},
        ),
        (
            {
                "properties": {
                    "a": annotated("string", "A"),
                    "b": {
                        "properties": {
                            "c": {"properties": {"d": annotated("integer", "D")}}
                        }
                    },
                }
            },
            {"mcp-param-a": ("a",), "mcp-param-d": ("b", "c", "d")},
        ),
        # A property may be called as a keyword is.
        (
            {"properties": {"properties": annotated("string", "P")}},
            {"mcp-param-p": ("properties",)},
        ),
        # Not reachable by properties alone.
        ({"x-mcp-header": "Root"}, {}),
        (
            {
                "properties": {"a": {"items": annotated("string", "A")}},
                "allOf": [{"properties": {"b": annotated("string", "B")}}],
                "$defs": {"c": {"properties": {"c": annotated("string", "C")}}},
                "if": {"properties": {"d": annotated("string", "D")}},
            },
            {},
        ),
    ],
)
def test_an_annotation_counts_along_properties_only(
    schema: dict[str, Any], mirrored: dict[str, tuple[str, ...]]
) -> None:
    assert mirrored_arguments(schema) == mirrored


HEADER = "mcp-param-x"
"""A header that repeats ``arguments.a.b``."""


def agree(arguments: object, *values: str) -> bool:
    asked = request("tools/call", name="t", arguments=arguments)
    lines = HeaderLines(*(("Mcp-Param-X", value) for value in values))
    return not is_mismatch(param_problem(asked, lines, {HEADER: ("a", "b")}))


@requirement("M8")
@pytest.mark.parametrize(
    ("value", "said", "agrees"),
    [
        ("us", "us", True),
        ("us", sentinel(b"us"), True),
        ("us", "US", False),
        ("us", "", False),
        ("us", "=?base64?us?=", False),
        ("", "", True),
        ("é", sentinel("é".encode()), True),
        ("é", "é", False),
        ("42", "42", True),
        ("42", "42.0", False),
        ("true", "true", True),
        # Booleans are lower-case words, and no numbers.
        (True, "true", True),
        (False, "false", True),
        (True, "True", False),
        (True, "1", False),
        (False, "", False),
        (False, "true", False),
        (1, "true", False),
        # Numbers agree by their value (Server Validation, Note), to the last digit.
        (42, "42", True),
        (42, sentinel(b"42"), True),
        (42, "42.0", True),
        (42, "042", True),
        (42.0, "42", True),
        (0, "-0", True),
        (-7, "-7", True),
        (42, "43", False),
        (42, "42.5", False),
        (42, "+42", False),
        (42, " 42", False),
        (42, "4_2", False),
        (42, "4.2e1", False),
        (42, "0x2a", False),
        (42, "٤٢", False),
        (42, sentinel("٤٢".encode()), False),
        (42, "nan", False),
        (42, "", False),
        (42, ".", False),
        (42, "42.", False),
        (2**53, "9007199254740992", True),
        (2**53 + 1, "9007199254740992", False),
        (2**53, "9007199254740993", False),
        (2**63 - 1, "9223372036854775807", True),
        (2**63 - 1, "9223372036854775808", False),
        (0.5, "0.5", True),
        (0.1, "0.1", True),
        (0.5, "0.25", False),
        (0.5, "inf", False),
        (1, "9" * 5000, False),
        # No header can repeat these, and a client must send none.
        ([], "[]", False),
        ({"c": 1}, '{"c": 1}', False),
    ],
)
def test_header_and_argument_must_say_the_same(
    value: object, said: str, agrees: bool
) -> None:
    assert agree({"a": {"b": value}}, said) is agrees


@requirement("M8")
@pytest.mark.parametrize("value", ["us", "", 0, 42, False, True, [], {}])
def test_an_argument_without_its_header_is_refused(value: object) -> None:
    assert not agree({"a": {"b": value}})


@requirement("M8")
@pytest.mark.parametrize(
    "arguments",
    [
        {"a": {"b": None}},
        {"a": {}},
        {"a": None},
        {"a": "b"},
        {"a": [{"b": "us"}]},
        {"b": "us"},
        {"a.b": "us"},
        {},
        None,
        "a",
    ],
)
def test_where_there_is_no_argument_no_header_is_expected(arguments: object) -> None:
    assert agree(arguments)
    assert not agree(arguments, "us")
    assert not agree(arguments, "")
    assert not agree(arguments, "null")


def test_a_header_of_an_argument_must_not_be_there_twice() -> None:
    assert not agree({"a": {"b": "us"}}, "us", "us")
    assert not agree({}, "us", "us")


@requirement("M8")
def test_each_annotated_argument_is_held_to_its_own_header() -> None:
    mirrored = {"mcp-param-x": ("x",), "mcp-param-y": ("y",)}
    asked = request("tools/call", arguments={"x": "1", "y": "2"})
    lines = HeaderLines(("mcp-param-x", "1"), ("mcp-param-y", "2"))
    assert param_problem(asked, lines, mirrored) is None
    assert is_mismatch(param_problem(asked, lines.but("mcp-param-y", "1"), mirrored))
    assert is_mismatch(param_problem(asked, lines.without("mcp-param-x"), mirrored))


def test_headers_of_no_annotated_argument_are_left_alone() -> None:
    asked = request("tools/call", arguments={"a": {"b": "us"}})
    lines = HeaderLines((HEADER, "us"), ("mcp-param-other", "é"), ("x", "y"))
    assert param_problem(asked, lines, {HEADER: ("a", "b")}) is None
