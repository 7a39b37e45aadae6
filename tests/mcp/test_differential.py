"""Our ladder against the official SDK's, question by question.

Where the two differ on purpose, ``DIFFERENCES`` has an example of it and the reason.
What is not in ``mcp.shared.inbound`` cannot be compared: that SDK's transport takes a
request whose header is of the handshake era, or is missing, for one of that era (R3,
R4) and never looks at its ``_meta``; ours climbs the ladder with it.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.mcp import jsonrpc
from commander.mcp.headers import decoded, mirrored_arguments, param_problem
from commander.mcp.inbound import CAPABILITIES_KEY, VERSION_KEY, climb
from commander.mcp.jsonrpc import ProtocolError, Request, parse
from commander.mcp.results import refusal
from commander.mcp.versions import Era
from tests.mcp.engines import MODERN, TOOLS, HeaderLines
from tests.mcp.sdk import Sdk, sdk_or_skip

requirement = pytest.mark.requirement

Lines = list[tuple[str, str]]
SCHEMA: dict[str, Any] = TOOLS[0]["inputSchema"]
MIRRORED = mirrored_arguments(SCHEMA)
NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


@pytest.fixture(scope="module")
def sdk() -> Sdk:
    return sdk_or_skip()


def ours(body: dict[str, Any], lines: Lines | None) -> tuple[int, Any] | None:
    """Code and data of our refusal."""
    request = parse(json.dumps(body).encode())
    assert isinstance(request, Request)
    headers = None if lines is None else HeaderLines(*lines)
    outcome = climb(request, headers)
    problem = outcome if isinstance(outcome, ProtocolError) else None
    if problem is None and headers is not None and calls_the_tool(body):
        problem = param_problem(request, headers, MIRRORED)
    if problem is None:
        return None
    data = None if problem.data is None else {**problem.data}
    return problem.code, data and {**data, "supported": list(data["supported"])}


def theirs(
    sdk: Sdk, body: dict[str, Any], lines: Lines | None
) -> tuple[int, Any] | None:
    """Code and data of the SDK's."""
    schema = SCHEMA if calls_the_tool(body) else None
    refused = sdk.ask("climb", body=body, headers=lines, schema=schema)
    return None if refused is None else (refused["code"], refused["data"])


def calls_the_tool(body: dict[str, Any]) -> bool:
    name: object = body["params"].get("name")
    return body["method"] == "tools/call" and name == "execute_command"


# --- where they differ ---------------------------------------------------------------


def asking(method: str = "tools/call", **params: Any) -> dict[str, Any]:
    meta = {VERSION_KEY: MODERN, CAPABILITIES_KEY: {}}
    whole = {"name": "execute_command", "_meta": meta, **params}
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": whole}


def lines_for(method: str = "tools/call", *more: tuple[str, str]) -> Lines:
    return [
        ("mcp-protocol-version", MODERN),
        ("mcp-method", method),
        ("mcp-name", "execute_command"),
        *more,
    ]


def no_capabilities(value: Any) -> dict[str, Any]:
    return asking(_meta={VERSION_KEY: MODERN, CAPABILITIES_KEY: value})


MISMATCH, INVALID = jsonrpc.HEADER_MISMATCH, jsonrpc.INVALID_PARAMS
DIFFERENCES = [
    pytest.param(
        asking("tasks/get", taskId="t"),
        lines_for("tasks/get"),
        MISMATCH,
        None,
        id="Mcp-Name repeats the task (TASK, Routing Headers)",
    ),
    pytest.param(
        asking(_meta={VERSION_KEY: 5, CAPABILITIES_KEY: {}}),
        lines_for(),
        INVALID,
        MISMATCH,
        id="a version that is no text is missing, whatever the header says (M3)",
    ),
    pytest.param(
        no_capabilities([]),
        lines_for(),
        INVALID,
        None,
        id="capabilities have to be an object here, the SDK looks later (M3)",
    ),
    pytest.param(
        asking("prompts/get", name="é"),
        [*lines_for("prompts/get")[:2], ("mcp-name", "é")],
        MISMATCH,
        None,
        id="characters that must be in a sentinel (Server Validation)",
    ),
    pytest.param(
        asking(),
        [*lines_for()[:2], ("mcp-name", "=?base64?é?=")],
        MISMATCH,
        "raised",
        id="the SDK breaks over a sentinel that is not ASCII",
    ),
    pytest.param(
        asking(arguments={"region": ["us"]}),
        lines_for(),
        MISMATCH,
        None,
        id="an argument that no header can repeat is not repeated (M8)",
    ),
    pytest.param(
        asking(arguments={"region": 42}),
        lines_for("tools/call", ("mcp-param-region", "42.0")),
        None,
        MISMATCH,
        id="numbers agree by value where the schema has no integer: it fails later",
    ),
    pytest.param(
        asking(arguments={"limits": {"seconds": 0.5}}),
        lines_for("tools/call", ("mcp-param-seconds", "0.50")),
        None,
        MISMATCH,
        id="fractions agree by value too; no annotated argument may have one",
    ),
    pytest.param(
        asking(arguments={"limits": {"seconds": 1e16}}),
        lines_for("tools/call", ("mcp-param-seconds", "1e+16")),
        MISMATCH,
        None,
        id="a header has no exponents; such a number is out of bounds",
    ),
]


@pytest.mark.parametrize(("body", "lines", "our_code", "their_code"), DIFFERENCES)
def test_the_two_differ_as_listed(
    sdk: Sdk,
    body: dict[str, Any],
    lines: Lines,
    our_code: int | None,
    their_code: int | str | None,
) -> None:
    said = ours(body, lines)
    assert (said and said[0]) == our_code
    if their_code == "raised":
        with pytest.raises(RuntimeError):
            theirs(sdk, body, lines)
    else:
        said = theirs(sdk, body, lines)
        assert (said and said[0]) == their_code


def differ_on_purpose(body: dict[str, Any], lines: Lines | None) -> bool:
    """Whether one of the differences above can show."""
    params = body["params"]
    meta = params.get("_meta")
    if body["method"].startswith("tasks/"):
        return True
    if isinstance(meta, dict) and (
        not isinstance(meta.get(VERSION_KEY, ""), str)
        or not isinstance(meta.get(CAPABILITIES_KEY, {}), dict)
    ):
        return True
    if not all(value.isascii() and value.isprintable() for _, value in lines or ()):
        return True
    arguments = params.get("arguments") or {}
    limits = arguments.get("limits") or {}
    seconds = limits.get("seconds") if isinstance(limits, dict) else None
    strict = limits.get("strict") if isinstance(limits, dict) else None
    return not (
        isinstance(arguments.get("region"), str | bool | None)
        and isinstance(seconds, str | int | None)
        and isinstance(strict, str | bool | None)
    )


# --- where they must not -------------------------------------------------------------

METHODS = [
    "tools/call",
    "tools/list",
    "prompts/get",
    "resources/read",
    "completion/complete",
    "tasks/get",
    "x",
]
texts = st.sampled_from(["execute_command", "us", "42", "true", "", "é", "=?base64?"])
texts = texts | st.text(max_size=5)
scalars: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | texts
)
anything: st.SearchStrategy[Any] = (
    scalars | st.floats(allow_nan=False, allow_infinity=False) | st.just([])
)
versions = st.sampled_from([MODERN] * 6 + ["2025-11-25", "1999-01-01", ""])


@st.composite
def exchanges(draw: st.DrawFn) -> tuple[dict[str, Any], Lines | None]:
    """A request with the headers that a client sends; then some of it is changed."""
    meta: Any = {VERSION_KEY: draw(versions), CAPABILITIES_KEY: {}}
    seconds = draw(st.integers(-(2**63), 2**63 - 1) | anything)
    arguments = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "region": texts | anything,
                "limits": st.fixed_dictionaries(
                    {},
                    optional={
                        "seconds": st.just(seconds),
                        "strict": st.booleans() | anything,
                    },
                )
                | st.none(),
            },
        )
    )
    params: dict[str, Any] = {"arguments": arguments, "_meta": meta}
    for member in ("name", "uri", "taskId"):
        if draw(st.booleans()):
            params[member] = draw(
                st.just("execute_command") | texts | st.sampled_from([5, None, []])
            )
    method = draw(st.sampled_from(["tools/call"] * 5 + METHODS))
    if method == "tools/call" and draw(st.booleans()):
        params["name"] = "execute_command"
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    lines = sent_with(draw, body)
    for change in draw(st.lists(st.sampled_from(CHANGES), max_size=2)):
        change(draw, params, lines)
    return body, draw(st.sampled_from([lines] * 9 + [None]))


def sent_with(draw: st.DrawFn, body: dict[str, Any]) -> Lines:
    """The headers of a client that does as the specification says."""
    oracle = sdk_or_skip()
    params = body["params"]
    lines = [
        ("MCP-Protocol-Version", params["_meta"][VERSION_KEY]),
        ("Mcp-Method", body["method"]),
    ]
    name = params.get(NAMED.get(body["method"], ""))
    if isinstance(name, str):
        lines.append(("Mcp-Name", oracle.ask("encode", text=name)))
    if calls_the_tool(body):
        arguments = params["arguments"]
        found = oracle.ask("headers_of", schema=SCHEMA, arguments=arguments)
        lines += found.items()
    return lines


def without_meta(draw: st.DrawFn, params: dict[str, Any], lines: Lines) -> None:
    params["_meta"] = draw(st.sampled_from([None, [], {}, "a"]))


def other_meta(draw: st.DrawFn, params: dict[str, Any], lines: Lines) -> None:
    meta = params["_meta"]
    if isinstance(meta, dict):
        key = draw(st.sampled_from([VERSION_KEY, CAPABILITIES_KEY]))
        if draw(st.booleans()):
            meta.pop(key, None)
        else:
            meta[key] = draw(anything)


def without_line(draw: st.DrawFn, params: dict[str, Any], lines: Lines) -> None:
    if lines:
        lines.pop(draw(st.integers(0, len(lines) - 1)))


def other_line(draw: st.DrawFn, params: dict[str, Any], lines: Lines) -> None:
    if lines:
        at = draw(st.integers(0, len(lines) - 1))
        values = texts | st.sampled_from(["42.0", "1_0", "nan", "0.5", "9" * 400])
        values |= st.integers().map(str) | texts.map(lambda text: f"=?base64?{text}?=")
        lines[at] = lines[at][0], draw(values | st.just(lines[at][1] + ".0"))


def more_lines(draw: st.DrawFn, params: dict[str, Any], lines: Lines) -> None:
    name = draw(
        st.sampled_from(
            [
                "mcp-protocol-version",
                "mcp-method",
                "mcp-name",
                "mcp-param-region",
                "mcp-param-seconds",
                "mcp-param-strict",
                "mcp-param-other",
            ]
        )
    )
    lines.append((name, draw(texts)))


CHANGES = [without_meta, other_meta, without_line, other_line, more_lines]


@requirement("M2", "M3", "M4", "M5", "M6", "M8")
def test_the_ladders_agree(sdk: Sdk) -> None:
    """Code and data; what differs must be on the list."""

    @given(exchanges())
    def agree(exchange: tuple[dict[str, Any], Lines | None]) -> None:
        body, lines = exchange
        said = ours(body, lines)
        if not differ_on_purpose(body, lines):
            assert said == theirs(sdk, body, lines)

    agree()


@requirement("M5")
def test_header_values_are_read_alike(sdk: Sdk) -> None:
    @given(texts | st.text() | st.text().map(lambda text: f"=?base64?{text}?="))
    def agree(value: str) -> None:
        if value.isascii() and value.isprintable():
            assert decoded(value) == sdk.ask("decode", value=value)
        else:
            # The SDK takes them as they are, or raises: see the differences.
            assert decoded(value) is None or "\t" in value

    agree()


def test_what_a_client_encodes_is_read_back(sdk: Sdk) -> None:
    @given(st.text())
    def agree(text: str) -> None:
        assert decoded(sdk.ask("encode", text=text)) == text

    agree()


@requirement("M39")
@pytest.mark.parametrize(
    "code",
    [
        jsonrpc.PARSE_ERROR,
        jsonrpc.INVALID_REQUEST,
        jsonrpc.METHOD_NOT_FOUND,
        jsonrpc.INVALID_PARAMS,
        jsonrpc.INTERNAL_ERROR,
        jsonrpc.HEADER_MISMATCH,
        jsonrpc.MISSING_CAPABILITY,
        jsonrpc.UNSUPPORTED_PROTOCOL_VERSION,
        1,
    ],
)
def test_codes_have_the_same_status(sdk: Sdk, code: int) -> None:
    """M39."""
    reply = refusal(ProtocolError(code=code, message="no"), Era.MODERN)
    assert reply.status == sdk.ask("status", code=code)
