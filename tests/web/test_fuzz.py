"""Any bytes: never a server error, never an exception, and the next one is served."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from twisted.logger import globalLogPublisher

from commander.testing import MemoryLog, MemoryServer
from commander.testing.http import HTTPConnection, HttpResponse

PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
SERVER_ERROR = re.compile(rb"HTTP/1\.[01] 5[0-9][0-9] ")
FUZZ = settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)
METHOD_NAMES = st.sampled_from(
    [
        *("initialize", "ping", "tools/list", "tools/call", "server/discover"),
        *("notifications/initialized", "notifications/cancelled", "tasks/get"),
    ]
)
TOOL_NAMES = st.sampled_from(
    [
        *("execute_command", "list_allowed_commands", "list_blocked_commands"),
        *("get_shell_info", "execute-command", ""),
    ]
)
ARGUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "command": JSON | st.sampled_from(["true", "ls -l", "rm -rf /", "(", "$(x"]),
        "working_directory": JSON,
        "timeout": JSON | st.sampled_from(["1s", "-1s", "1e9h", "1h"]),
        "env": JSON | st.dictionaries(st.text(max_size=5), JSON, max_size=3),
        "unknown": JSON,
    },
)
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.just("2.0") | JSON,
        "id": st.integers() | st.text(max_size=5) | JSON,
        "method": METHOD_NAMES | JSON,
        "params": st.fixed_dictionaries(
            {}, optional={"name": TOOL_NAMES | JSON, "arguments": ARGUMENTS | JSON}
        )
        | JSON,
        "result": JSON,
        "error": JSON,
    },
)
BODIES = (
    st.binary(max_size=200)
    | JSON.map(msgspec.json.encode)
    | MESSAGES.map(msgspec.json.encode)
    | st.integers(1, 5000).map(lambda depth: b"[" * depth + b"]" * depth)
    | st.integers(1, 5000).map(lambda digits: b'{"id":' + b"9" * digits + b"}")
)


@pytest.fixture(scope="module")
def log() -> Iterator[MemoryLog]:
    """What goes to Twisted's global log, whenever the test logs it."""
    log = MemoryLog()
    globalLogPublisher.addObserver(log)
    yield log
    gc.collect()  # only now an error that nobody handled is logged
    globalLogPublisher.removeObserver(log)
    assert log.failures() == []


@contextmanager
def well_served(log: MemoryLog) -> Iterator[MemoryServer]:
    """A server whose commands end by themselves, and that takes no harm."""
    log.events.clear()
    with MemoryServer() as server:
        server.reactor.on_spawn = lambda process: server.reactor.callLater(
            0, process.exit
        )
        yield server
        assert server.site.connections == 0
        assert server.site.gate.budget.used_bytes == 0
        following = answers(server, server.http.encode(body=PING))
        assert [response.status for response in following.responses()] == [200]
    assert server.log.failures() == []
    assert log.failures() == []


def answers(server: MemoryServer, *parts: bytes) -> HTTPConnection:
    """A connection that sent these parts, and has left again."""
    connection = server.http.connect()
    for part in parts:
        connection.send(part)
    server.http.pump()
    connection.lose()
    assert not SERVER_ERROR.search(connection.received())
    return connection


def dateless(responses: list[HttpResponse]) -> list[HttpResponse]:
    """Answers without what differs from one second to the next."""
    for response in responses:
        response.headers.pop("date", None)
    return responses


@FUZZ
@given(body=BODIES, path=st.sampled_from(["/mcp", "/"]))
@example(body=b"", path="/mcp")
@example(body=b"null", path="/")
@example(body=b"[null, 1]", path="/")
@example(body=b"\xff\xfe", path="/")
@example(body=b"[" * 200_000, path="/mcp")
@example(body=b'{"jsonrpc":"2.0","id":1e400,"method":"ping"}', path="/mcp")
def test_no_body_is_a_server_error(log: MemoryLog, body: bytes, path: str) -> None:
    with well_served(log) as server:
        connection = answers(server, server.http.encode(path=path, body=body))
        (response,) = connection.responses()
        assert response.status in {200, 202, 400, 404}
        if response.status != 202:
            said = response.json()
            for message in said if isinstance(said, list) else [said]:
                assert message["jsonrpc"] == "2.0"


@FUZZ
@given(st.lists(st.binary(max_size=300), max_size=5))
@example([b"GET / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n"])
@example([b"GET / HTTP/1.1\r\n" + b"x" * 20_000])
@example([b"\r\n" * 100])
def test_random_bytes_are_no_server_error(log: MemoryLog, parts: list[bytes]) -> None:
    with well_served(log) as server:
        answers(server, *parts)


HEADER_VALUES = st.binary(max_size=30) | st.sampled_from(
    [
        *(b"chunked", b"identity", b"0", b"5", b"-1", b"99999999999", b"close"),
        *(b"100-continue", b"application/json", b"localhost", b"keep-alive"),
        *(b"Bearer memory-token", b"Bearer", b"2025-06-18", b"a=b; c"),
        *(b"2026-07-28", b"text/event-stream", b"tools/list", b"all-1", b"-1"),
    ]
)
HEADER_NAMES = st.sampled_from(
    [
        *(b"Host", b"Origin", b"Content-Type", b"Content-Length", b"Connection"),
        *(b"Transfer-Encoding", b"Expect", b"Authorization", b"X-MCP-Auth-Token"),
        *(b"MCP-Protocol-Version", b"Mcp-Session-Id", b"Cookie", b"Range", b"Accept"),
        *(b"If-Modified-Since", b"X-Forwarded-For", b"Upgrade", b"X"),
        *(b"Last-Event-ID", b"Mcp-Method", b"Mcp-Name"),
    ]
)


@st.composite
def almost_requests(draw: st.DrawFn) -> bytes:
    """Heads with something wrong in them, and a body that may not fit."""
    method = draw(
        st.sampled_from([b"GET", b"POST", b"HEAD", b"DELETE", b"X-Y"])
        | st.binary(min_size=1, max_size=4)
    )
    target = draw(
        st.sampled_from([b"/mcp", b"/", b"/health", b"/x", b"*", b"//mcp", b"/mcp?a=%"])
        | st.binary(min_size=1, max_size=10)
    )
    headers = draw(st.lists(st.tuples(HEADER_NAMES, HEADER_VALUES), max_size=6))
    lines = [b" ".join((method, target, b"HTTP/1.1"))]
    if draw(st.booleans()):
        lines.append(b"Authorization: Bearer memory-token")
    lines += [b"%s: %s" % header for header in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + draw(st.binary(max_size=50))


@FUZZ
@given(st.lists(almost_requests(), min_size=1, max_size=3))
def test_almost_requests_are_no_server_error(
    log: MemoryLog, requests: list[bytes]
) -> None:
    with well_served(log) as server:
        answers(server, b"".join(requests))


@st.composite
def splits(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """Some bytes, cut at any places."""
    places = draw(st.lists(st.integers(0, len(data)), max_size=8).map(sorted))
    return [
        data[start:end]
        for start, end in zip([0, *places], [*places, len(data)], strict=True)
    ]


def one_of_each(server: MemoryServer) -> bytes:
    """Requests of every kind on one connection; the last one ends it."""
    encode = server.http.encode
    return b"".join(
        [
            encode(body=PING),
            encode("GET", "/health"),
            encode(headers={"Content-Length": "", "Transfer-Encoding": "chunked"}),
            b"5\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (PING[:5], len(PING) - 5, PING[5:]),
            encode("GET", "/nothing"),
            encode("GET", "/mcp"),
            encode(path="/", body=b"no json"),
            encode(body=PING, headers={"Authorization": ""}),
        ]
    )


@FUZZ
@given(st.data())
def test_requests_mean_the_same_however_they_are_cut(
    log: MemoryLog, data: st.DataObject
) -> None:
    with well_served(log) as server:
        sent = one_of_each(server)
        whole = answers(server, sent)
        cut = answers(server, *data.draw(splits(sent)))
    statuses = [response.status for response in whole.responses()]
    assert statuses == [200, 200, 200, 404, 405, 400, 401]
    assert dateless(cut.responses()) == dateless(whole.responses())
    assert cut.closing
    assert whole.closing
