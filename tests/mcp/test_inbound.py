"""The version in header or ``_meta`` decides the era; then the ladder is climbed.

Rows R1 to R8 and rungs M1 to M11 are those of the protocol's requirements: what a
version is found in, and what is looked at first.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from commander.mcp.catalogue import Catalogue
from commander.mcp.events import Call, Reply, ToolCalled
from commander.mcp.inbound import (
    CAPABILITIES_KEY,
    LOG_LEVEL_KEY,
    LOG_LEVELS,
    VERSION_KEY,
    Envelope,
    climb,
    era_of,
    handshake_version,
    level_problem,
    notification_problem,
    progress_token,
)
from commander.mcp.jsonrpc import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    INVALID_REQUEST,
    UNSUPPORTED_PROTOCOL_VERSION,
    ClientResponse,
    Message,
    Notification,
    ProtocolError,
    Request,
    parse,
)
from commander.mcp.versions import HANDSHAKE_VERSIONS, Era
from tests.mcp.engines import (
    MODERN,
    TOOLS,
    HeaderLines,
    headers_of,
    message,
    modern,
    modern_engine,
    receive,
    told,
)

requirement = pytest.mark.requirement

ABSENT: Any = object()
OLD = HANDSHAKE_VERSIONS


def headers(*versions: str) -> HeaderLines:
    lines = [("MCP-Protocol-Version", version) for version in versions]
    return HeaderLines(*lines, ("Mcp-Session-Id", "s"))


def request(said: object = ABSENT, method: str = "tools/list") -> Request:
    """A request with this version in its ``_meta``."""
    meta = {} if said is ABSENT else {VERSION_KEY: said}
    return Request(id="a", method=method, params={"_meta": meta})


# --- the era -----------------------------------------------------------------------

UNKNOWN = ("", "1999-01-01", "2025-11-2", "2025-11-25 ", "2025-11-25, 2026-07-28")
SAID: list[Any] = [MODERN, *OLD, "", "1999-01-01", None, 5, {}]
ROWS: list[tuple[str, list[str | None], list[Any], Era]] = [
    ("R1", [MODERN, *UNKNOWN], [ABSENT, *SAID], Era.MODERN),
    ("R2", [*OLD], [ABSENT], Era.HANDSHAKE),
    ("R3", [*OLD], SAID, Era.MODERN),
    ("R4", [None], SAID, Era.MODERN),
    ("R7", [None], [ABSENT], Era.HANDSHAKE),
]
"""Number; versions in the header; versions in ``_meta``; era."""


@requirement("R1", "R2", "R3", "R4", "R5", "R6", "R7")
@pytest.mark.parametrize(
    ("row", "header", "said", "era"),
    [
        (row, header, said, era)
        for row, in_header, in_meta, era in ROWS
        for header in in_header
        for said in in_meta
    ],
)
@pytest.mark.parametrize("method", ["initialize", "tools/call", "ping", "x"])
def test_the_era_of_a_request(
    row: str, header: str | None, said: object, era: Era, method: str
) -> None:
    """R5 and R6 as well: what the method is, and whether there is a session, is all the
    same."""
    lines = headers() if header is None else headers(header)
    assert era_of(request(said, method), lines) is era, row


@pytest.mark.parametrize("meta", [ABSENT, None, [VERSION_KEY], MODERN, {}, {"a": 1}])
def test_meta_without_a_version_says_nothing_about_the_era(meta: object) -> None:
    params = {} if meta is ABSENT else {"_meta": meta}
    asked = Request(id="a", method="ping", params=params)
    for lines in (None, headers(), headers("2025-06-18")):
        assert era_of(asked, lines) is Era.HANDSHAKE
    assert era_of(asked, headers(MODERN)) is Era.MODERN


@requirement("T4", "T5")
@pytest.mark.parametrize("said", [MODERN, "2025-11-25", "", None, 5])
def test_without_headers_a_version_in_meta_makes_it_modern(said: object) -> None:
    """T4, T6: each message for itself."""
    assert era_of(request(said), None) is Era.MODERN
    assert era_of(request(), None) is Era.HANDSHAKE


def test_a_question_for_discovery_is_modern_unless_the_header_says_otherwise() -> None:
    """T4, R2."""
    asked = request(method="server/discover")
    assert era_of(asked, None) is Era.MODERN
    assert era_of(asked, headers()) is Era.MODERN
    assert era_of(asked, headers(MODERN)) is Era.MODERN
    for version in OLD:
        assert era_of(asked, headers(version)) is Era.HANDSHAKE
    notified = Notification(method="server/discover", params={})
    assert era_of(notified, None) is Era.HANDSHAKE


@pytest.mark.parametrize("versions", list(itertools.permutations([MODERN, OLD[0]])))
def test_one_line_that_is_not_of_the_handshake_era_makes_it_modern(
    versions: tuple[str, ...],
) -> None:
    """M2 refuses it then."""
    assert era_of(request(), headers(*versions)) is Era.MODERN
    assert era_of(request(), headers(OLD[1], OLD[0])) is Era.HANDSHAKE


RESPONSE = ClientResponse(id=1, result={"_meta": {VERSION_KEY: MODERN}})
UNREADABLE = ProtocolError(code=INVALID_PARAMS, message="no", id="a")


@pytest.mark.parametrize("sent", [RESPONSE, UNREADABLE])
def test_of_what_has_no_params_only_the_header_tells(
    sent: Message | ProtocolError,
) -> None:
    assert era_of(sent, None) is Era.HANDSHAKE
    assert era_of(sent, headers()) is Era.HANDSHAKE
    assert era_of(sent, headers("2025-06-18")) is Era.HANDSHAKE
    assert era_of(sent, headers(MODERN)) is Era.MODERN
    assert era_of(sent, headers("1999-01-01")) is Era.MODERN


@pytest.mark.parametrize("header", [MODERN, "1999-01-01"])
def test_a_notification_is_modern_by_its_header_or_its_meta(header: str) -> None:
    notified = Notification(method="notifications/initialized", params={})
    assert era_of(notified, headers()) is Era.HANDSHAKE
    assert era_of(notified, headers("2025-11-25")) is Era.HANDSHAKE
    assert era_of(notified, headers(header)) is Era.MODERN
    said = attrs.evolve(notified, params={"_meta": {VERSION_KEY: MODERN}})
    assert era_of(said, headers()) is Era.MODERN
    assert era_of(said, None) is Era.MODERN


@requirement("R9")
def test_who_the_client_says_it_is_does_not_matter() -> None:
    """S26/basic/index, _meta, Note."""
    for name in ("io.modelcontextprotocol/clientInfo", CAPABILITIES_KEY):
        asked = Request(id=1, method="ping", params={"_meta": {name: {}}})
        assert era_of(asked, headers()) is Era.HANDSHAKE


@pytest.mark.parametrize("version", OLD)
def test_a_header_names_the_version_of_a_handshake_client(version: str) -> None:
    assert handshake_version(headers(version)) == version
    assert handshake_version(headers()) is None
    assert handshake_version(None) is None


# --- the ladder --------------------------------------------------------------------


TOOLS_ONLY = modern_engine(Catalogue(tools=TOOLS))
"""Has a method less that a header names something of."""


@attrs.define
class Draft:
    """A request that is good, until a rung is broken."""

    method: str = "tools/call"
    params: dict[str, Any] = attrs.field(
        factory=lambda: {
            "name": "execute_command",
            "arguments": {"region": "us", "limits": {"seconds": 9}},
            "_meta": {VERSION_KEY: MODERN, CAPABILITIES_KEY: {}},
        }
    )
    lines: list[tuple[str, str]] = attrs.field(
        factory=lambda: [
            ("MCP-Protocol-Version", MODERN),
            ("Mcp-Method", "tools/call"),
            ("Mcp-Name", "execute_command"),
            ("Mcp-Param-Region", "us"),
            ("Mcp-Param-Seconds", "9"),
        ]
    )

    def header(self, name: str, *values: str) -> None:
        self.lines = [line for line in self.lines if line[0] != name]
        self.lines += [(name, value) for value in values]

    def header_twice(self) -> None:
        self.header("Mcp-Name", "execute_command", "execute_command")

    def no_meta(self) -> None:
        del self.params["_meta"]

    def no_version(self) -> None:
        del self.params["_meta"][VERSION_KEY]

    def version_no_text(self) -> None:
        self.params["_meta"][VERSION_KEY] = 5

    def no_capabilities(self) -> None:
        del self.params["_meta"][CAPABILITIES_KEY]

    def capabilities_no_object(self) -> None:
        self.params["_meta"][CAPABILITIES_KEY] = []

    def no_version_header(self) -> None:
        self.header("MCP-Protocol-Version")

    def other_version_header(self) -> None:
        self.header("MCP-Protocol-Version", "2027-01-01")

    def no_method_header(self) -> None:
        self.header("Mcp-Method")

    def other_method_header(self) -> None:
        self.header("Mcp-Method", "tools/list")

    def no_name_header(self) -> None:
        self.header("Mcp-Name")

    def other_name_header(self) -> None:
        self.header("Mcp-Name", "get_shell_info")

    def bad_name_header(self) -> None:
        self.header("Mcp-Name", "=?base64?execute_command?=")

    def old_version(self) -> None:
        """R3: one of the handshake era is not served per request."""
        self.params["_meta"][VERSION_KEY] = "2025-11-25"
        self.header("MCP-Protocol-Version", "2025-11-25")

    def unknown_version(self) -> None:
        self.params["_meta"][VERSION_KEY] = "1999-01-01"
        self.header("MCP-Protocol-Version", "1999-01-01")

    def unknown_method(self) -> None:
        self.method = "prompts/get"
        self.header("Mcp-Method", "prompts/get")

    def no_param_header(self) -> None:
        self.header("Mcp-Param-Region")

    def other_param_header(self) -> None:
        self.header("Mcp-Param-Seconds", "8")

    def bad_params(self) -> None:
        self.params["requestState"] = 5

    def bad_level(self) -> None:
        self.params["_meta"][LOG_LEVEL_KEY] = "loud"

    def open(self, *, over_http: bool) -> Reply | Call:
        asked = Request(id="a", method=self.method, params=self.params)
        lines = HeaderLines(*self.lines) if over_http else None
        return TOOLS_ONLY.open(asked, lines)


RUNGS: list[tuple[str, Callable[[Draft], None], int, int, str]] = [
    ("M2", Draft.header_twice, 400, -32020, "more than once"),
    ("M3", Draft.no_meta, 400, -32602, "protocolVersion"),
    ("M3", Draft.no_version, 400, -32602, "protocolVersion"),
    ("M3", Draft.version_no_text, 400, -32602, "protocolVersion"),
    ("M3", Draft.no_capabilities, 400, -32602, "clientCapabilities"),
    ("M3", Draft.capabilities_no_object, 400, -32602, "clientCapabilities"),
    ("M4", Draft.no_version_header, 400, -32020, "mcp-protocol-version"),
    ("M4", Draft.other_version_header, 400, -32020, "mcp-protocol-version"),
    ("M5", Draft.no_method_header, 400, -32020, "mcp-method"),
    ("M5", Draft.other_method_header, 400, -32020, "mcp-method"),
    ("M5", Draft.no_name_header, 400, -32020, "mcp-name"),
    ("M5", Draft.other_name_header, 400, -32020, "mcp-name"),
    ("M5", Draft.bad_name_header, 400, -32020, "mcp-name"),
    ("M6", Draft.old_version, 400, -32022, "2025-11-25"),
    ("M6", Draft.unknown_version, 400, -32022, "1999-01-01"),
    ("M7", Draft.unknown_method, 404, -32601, "prompts/get"),
    ("M8", Draft.no_param_header, 400, -32020, "mcp-param-region"),
    ("M8", Draft.other_param_header, 400, -32020, "mcp-param-seconds"),
    ("M9", Draft.bad_params, 400, -32602, "requestState"),
    ("M11", Draft.bad_level, 400, -32602, "log level"),
]
"""Number; what breaks it; status, code and part of the message of the refusal."""
OF_HEADERS = {"M2", "M4", "M5", "M8"}
ALONE = [pytest.param(*rung[1:], id=f"{rung[0]} {rung[1].__name__}") for rung in RUNGS]
PAIRS = [
    pytest.param(one, other, id=f"{one[1].__name__}, {other[1].__name__}")
    for one, other in itertools.combinations(RUNGS, 2)
    if one[0] != other[0]
]


def refused(opened: Reply | Call, method: str) -> tuple[int, int, str]:
    """Status, code and message of a refusal of request "a"."""
    status, answered = told(opened, method)
    assert set(answered) == {"jsonrpc", "id", "error"}
    assert answered["id"] == "a"
    return status, answered["error"]["code"], answered["error"]["message"]


def test_a_request_that_breaks_no_rung_is_handed_out() -> None:
    for over_http in (True, False):
        opened = Draft().open(over_http=over_http)
        assert isinstance(opened, Call)
        assert isinstance(opened.asked, ToolCalled)
        assert opened.asked.name == "execute_command"
        assert opened.peer.version == MODERN


@requirement("M2", "M3", "M4", "M5", "M6")
@pytest.mark.parametrize(("broken", "status", "code", "part"), ALONE)
def test_each_rung_has_a_refusal_of_its_own(
    broken: Callable[[Draft], None], status: int, code: int, part: str
) -> None:
    draft = Draft()
    broken(draft)
    said = refused(draft.open(over_http=True), draft.method)
    assert said[:2] == (status, code)
    assert part in said[2]


@requirement("M4")
@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_the_first_rung_that_is_broken_refuses(first: Any, second: Any) -> None:
    draft = Draft()
    second[1](draft)
    first[1](draft)
    said = refused(draft.open(over_http=True), draft.method)
    assert said[:2] == first[2:4]
    assert first[4] in said[2]


@requirement("T4")
@pytest.mark.parametrize(
    ("rung", "broken"), [pytest.param(*one[:2], id=one[1].__name__) for one in RUNGS]
)
def test_without_headers_only_the_other_rungs_are_there(
    rung: str, broken: Callable[[Draft], None]
) -> None:
    """S26/basic/transports/stdio, Request Metadata."""
    draft = Draft()
    broken(draft)
    opened = draft.open(over_http=False)
    assert isinstance(opened, Call) is (rung in OF_HEADERS)


@requirement("M3")
def test_the_client_need_not_say_who_it_is() -> None:
    """M3: clientInfo must not be required."""
    asked = modern("ping", meta={"io.modelcontextprotocol/clientInfo": 5})
    assert climb(asked, headers_of(asked)) == Envelope(version=MODERN, capabilities={})


def test_an_envelope_has_what_was_said() -> None:
    meta = {CAPABILITIES_KEY: {"sampling": {}}, LOG_LEVEL_KEY: "info"}
    asked = modern("ping", meta=meta)
    assert climb(asked, headers_of(asked)) == Envelope(
        version=MODERN, capabilities={"sampling": {}}, log_level="info"
    )


@pytest.mark.parametrize("meta", [None, 5, "a", [], True])
def test_meta_that_is_no_object_is_missing(meta: object) -> None:
    asked = Request(id="a", method="ping", params={"_meta": meta})
    problem = climb(asked, None)
    assert isinstance(problem, ProtocolError)
    assert (problem.code, problem.id) == (INVALID_PARAMS, "a")


@requirement("M6")
@pytest.mark.parametrize(
    ("version", "requested"),
    [
        ("2025-11-25", "2025-11-25"),
        ("2099-01-01", "2099-01-01"),
        ("", ""),
        ("v" * 100, "v" * 100),
        ("v" * 101, "v" * 100 + "..."),
    ],
)
def test_a_version_that_is_not_served_is_told_which_are(
    version: str, requested: str
) -> None:
    """M6; what was just refused must not be among them."""
    asked = modern("ping", request_id="a", meta={VERSION_KEY: version})
    for lines in (None, headers_of(asked)):
        assert climb(asked, lines) == ProtocolError(
            code=UNSUPPORTED_PROTOCOL_VERSION,
            message=f"Unsupported protocol version: {requested}",
            id="a",
            data={"supported": (MODERN,), "requested": requested},
        )


@requirement("R4")
def test_a_modern_version_without_a_header_is_a_header_missing() -> None:
    """R4: a client must not take us for a server of the handshake era."""
    asked = modern("tools/list", request_id="a")
    opened = receive(
        message(id="a", method="tools/list", params=asked.params), HeaderLines()
    )
    assert isinstance(opened, Reply)
    assert refused(opened, "tools/list")[:2] == (400, HEADER_MISMATCH)


@requirement("R1")
def test_a_modern_header_without_meta_is_invalid_params() -> None:
    """R1: as conformance sends it."""
    lines = HeaderLines(("mcp-protocol-version", MODERN), ("mcp-method", "ping"))
    without: list[Any] = [None, {}, {"_meta": None}, {"_meta": {}}]
    for params in without:
        reply = _reply(message(id="a", method="ping", params=params), lines)
        assert refused(reply, "ping")[:2] == (400, INVALID_PARAMS)


@pytest.mark.parametrize("params", [[], [1], "a", 5, False])
def test_params_that_are_no_object_are_a_bad_request_of_the_modern_era(
    params: object,
) -> None:
    """M39: -32602 is 400 there; it is 200 in the other era (L7)."""
    body = message(id="a", method="ping", params=params)
    for lines, status in ((headers(MODERN), 400), (headers(OLD[0]), 200), (None, 200)):
        opened = receive(body, lines)
        assert isinstance(opened, Reply)
        assert refused(opened, "ping")[:2] == (status, INVALID_PARAMS)


# --- messages that are owed no answer ----------------------------------------------


@requirement("M24")
@pytest.mark.parametrize("method", ["notifications/cancelled", "tools/call", "x"])
@pytest.mark.parametrize(
    ("header", "said"),
    [(MODERN, ABSENT), (MODERN, MODERN), (None, MODERN)],
)
def test_a_notification_of_the_modern_era_is_accepted(
    header: str | None, said: object, method: str
) -> None:
    """M24: whatever its method is."""
    meta = {} if said is ABSENT else {"_meta": {VERSION_KEY: said}}
    notified = Notification(method=method, params=meta)
    lines = headers() if header is None else headers(header)
    assert notification_problem(notified, lines) is None
    if header is None:
        assert notification_problem(notified, None) is None


@requirement("M24")
@pytest.mark.parametrize(
    ("header", "said", "code"),
    [
        ("1999-01-01", ABSENT, UNSUPPORTED_PROTOCOL_VERSION),
        ("1999-01-01", "1999-01-01", UNSUPPORTED_PROTOCOL_VERSION),
        ("", ABSENT, UNSUPPORTED_PROTOCOL_VERSION),
        (None, "2025-11-25", UNSUPPORTED_PROTOCOL_VERSION),
        (None, 5, UNSUPPORTED_PROTOCOL_VERSION),
        (None, None, UNSUPPORTED_PROTOCOL_VERSION),
        (MODERN, "2025-11-25", HEADER_MISMATCH),
        (MODERN, None, HEADER_MISMATCH),
        ("2025-11-25", MODERN, HEADER_MISMATCH),
        ("1999-01-01", MODERN, HEADER_MISMATCH),
    ],
)
def test_a_notification_of_another_version_is_refused(
    header: str | None, said: object, code: int
) -> None:
    """M24."""
    meta = {} if said is ABSENT else {"_meta": {VERSION_KEY: said}}
    body = message(method="notifications/x", params=meta)
    status, answered = told(
        _reply(body, headers() if header is None else headers(header)), None
    )
    assert (status, answered["error"]["code"]) == (400, code)
    assert answered["id"] is None


def _reply(body: bytes, lines: HeaderLines | None) -> Reply:
    reply = receive(body, lines)
    assert isinstance(reply, Reply)
    return reply


@requirement("M1")
@pytest.mark.parametrize("header", [MODERN, "1999-01-01"])
def test_a_response_is_nothing_of_the_modern_era(header: str) -> None:
    """M1 (S26/basic/transports/streamable-http, Sending Messages, 4)."""
    body = message(id="a", result={})
    status, answered = told(_reply(body, headers(header)), None)
    assert (status, answered["error"]["code"]) == (400, INVALID_REQUEST)
    assert answered["id"] is None


@requirement("C10")
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b"{}", INVALID_REQUEST),
        (b"1", INVALID_REQUEST),
        (message(id=None, method="ping"), INVALID_REQUEST),
        (message(id=1.5, method="ping"), INVALID_REQUEST),
        (message(id=True, method="ping"), INVALID_REQUEST),
        (message(method="ping", params=[]), INVALID_REQUEST),
    ],
)
@pytest.mark.parametrize("header", [None, "2025-11-25", MODERN])
def test_what_is_no_message_is_malformed_in_every_era(
    header: str | None, body: bytes, code: int
) -> None:
    """C10, C14."""
    lines = headers() if header is None else headers(header)
    status, answered = told(_reply(body, lines), None, header or "2025-03-26")
    assert (status, answered["error"]["code"], answered["id"]) == (400, code, None)


def test_a_batch_is_left_to_those_who_know_the_session() -> None:
    """R8."""
    body = b"[" + message(id=1, method="ping") + b"]"
    assert parse(body) == receive(body, headers(MODERN))


# --- what else a request says ------------------------------------------------------


@requirement("M31")
@pytest.mark.parametrize(
    ("meta", "token"),
    [
        ({"progressToken": "a"}, "a"),
        ({"progressToken": ""}, ""),
        ({"progressToken": 0}, 0),
        ({"progressToken": -1}, -1),
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
    """M31."""
    said = progress_token(Request(id=1, method="x", params={"_meta": meta}))
    assert said == token
    assert type(said) is type(token)


@pytest.mark.parametrize("level", [None, *LOG_LEVELS])
def test_the_levels_of_rfc_5424_are_taken(level: str | None) -> None:
    assert level_problem(request(), level) is None


@requirement("M11")
@pytest.mark.parametrize("level", ["", "warn", "INFO", "info ", 0, 6, True, [], {}])
def test_other_levels_are_invalid_params(level: object) -> None:
    """M11."""
    problem = level_problem(request(), level)
    assert problem is not None
    assert (problem.code, problem.id) == (INVALID_PARAMS, "a")
    assert "debug, info, notice, warning, error, critical, alert, emergency" in (
        problem.message
    )


@requirement("M30", "L20")
def test_the_levels_stand_from_least_to_most_important() -> None:
    assert LOG_LEVELS[:4] == ("debug", "info", "notice", "warning")
    assert LOG_LEVELS[4:] == ("error", "critical", "alert", "emergency")
