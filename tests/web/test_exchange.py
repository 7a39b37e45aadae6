"""From an authenticated request to its answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import msgspec
import pytest
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.web.iweb import IRequest
from twisted.web.resource import Resource

from commander.alarm import Alarm
from commander.auth.checkers import AnyoneChecker
from commander.auth.failed_logins import FailedLogins
from commander.auth.resource import Authenticator, AuthResource
from commander.principals import Principal
from commander.sessions.post import PostOutlet
from commander.settings import Settings
from commander.telemetry.audit import LogAccess
from commander.telemetry.logging import StructuredLog
from commander.testing import HTTPHarness, MemoryLog, MemoryServer
from commander.web.drain import Drain
from commander.web.exchange import Exchange
from commander.web.guards import Guards

requirement = pytest.mark.requirement

PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def open_server(twisted_log: MemoryLog) -> Iterator[MemoryServer]:
    """A server without auth."""
    with MemoryServer(Settings(no_auth=True), token=None) as server:
        yield server
    assert server.log.failures() == []


def call(command: str, **arguments: Any) -> bytes:
    return msgspec.json.encode(
        {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {
                "name": "execute_command",
                "arguments": {"command": command, **arguments},
            },
        }
    )


# --- what HTTP alone refuses -------------------------------------------------------


@requirement("C1", "C2", "C3", "C6")
@pytest.mark.parametrize("path", ["/mcp", "/"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example.com"}, 421),
        ({"Host": ""}, 421),
        ({"Origin": "http://evil.example.com"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:3000"}, 200),
        ({"Host": "127.0.0.1:3000", "Origin": "http://localhost:3000"}, 200),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/json; charset=utf-8"}, 200),
    ],
)
def test_host_origin_and_type_are_checked_on_both_paths(
    server: MemoryServer, path: str, headers: dict[str, str], status: int
) -> None:
    response = server.http.request(path=path, body=PING, headers=headers)
    assert response.status == status
    if status != 200:
        assert response.json()["id"] is None
        assert response.json()["error"]["code"] == -32600


@requirement("C3")
def test_two_host_headers_are_a_bad_request(server: MemoryServer) -> None:
    connection = server.http.connect()
    sent = server.http.encode(body=PING)
    connection.send(sent.replace(b"\r\n", b"\r\nHost: localhost:3000\r\n", 1))
    (response,) = connection.responses()
    assert response.status == 400


@requirement("C2")
@pytest.mark.parametrize(
    ("headers", "statuses"),
    [
        ({"Host": "x", "Origin": "y", "Content-Type": "z"}, (421, 421)),
        ({"Origin": "y", "Content-Type": "z"}, (403, 403)),
        ({"Content-Type": "z"}, (415, 405)),
    ],
)
def test_the_first_thing_that_is_wrong_is_told(
    server: MemoryServer, headers: dict[str, str], statuses: tuple[int, int]
) -> None:
    for method, status in zip(("POST", "GET"), statuses, strict=True):
        assert server.http.request(method, "/mcp", b"{}", headers).status == status


def test_off_loopback_any_host_is_served() -> None:
    settings = Settings(http_host="0.0.0.0", auth_token="memory-token")
    with MemoryServer(settings) as server:
        for headers in ({"Host": "any.example"}, {"Host": ""}):
            assert server.http.request(body=PING, headers=headers).status == 200


@requirement("C2", "C3")
def test_named_hosts_and_origins_are_served_whatever_their_case() -> None:
    settings = Settings(
        allowed_hosts=("App.example",), allowed_origins=("https://Web.example",)
    )
    with MemoryServer(settings) as server:
        for host, origin, status in (
            ("app.EXAMPLE:8443", "https://web.EXAMPLE", 200),
            ("app.example", "https://app.example", 200),
            ("app.example", "https://other.example", 403),
            ("localhost", "", 421),
        ):
            headers = {"Host": host, "Origin": origin}
            assert server.http.request(body=PING, headers=headers).status == status


@pytest.mark.parametrize("name", ["Host", "Origin", "Content-Type"])
def test_a_header_that_is_no_utf_8_is_refused_like_any_other_wrong_one(
    server: MemoryServer, name: str
) -> None:
    connection = server.http.connect()
    sent = server.http.encode(body=PING, headers={name: "\u00e9"})
    connection.send(sent.replace("\u00e9".encode(), b"\xff"))
    (response,) = connection.responses()
    assert response.status in {403, 415, 421}


def test_a_version_header_that_is_no_utf_8_is_an_unknown_version(
    server: MemoryServer,
) -> None:
    connection = server.http.connect()
    sent = server.http.encode(body=PING, headers={"MCP-Protocol-Version": "\u00e9"})
    connection.send(sent.replace("\u00e9".encode(), b"\xff"))
    (response,) = connection.responses()
    assert response.status == 400
    assert response.json()["error"]["code"] == -32602  # of a version to come, perhaps


# --- callers of the Go server ------------------------------------------------------


@requirement("C6")
@pytest.mark.parametrize("content_type", ["", FORM, f"{FORM}; charset=utf-8"])
def test_a_caller_with_a_token_need_not_say_json_on_the_root_path(
    server: MemoryServer, content_type: str
) -> None:
    headers = {"Content-Type": content_type}
    assert server.http.request(path="/", body=PING, headers=headers).status == 200
    assert server.http.request(path="/mcp", body=PING, headers=headers).status == 415


@requirement("C6")
@pytest.mark.parametrize("content_type", ["", FORM, "text/plain"])
def test_what_a_web_page_can_send_unasked_is_not_taken_without_a_token(
    open_server: MemoryServer, content_type: str
) -> None:
    for path in ("/", "/mcp"):
        response = open_server.http.request(
            path=path, body=PING, headers={"Content-Type": content_type}
        )
        assert response.status == 415
    assert open_server.http.request(path="/", body=PING).status == 200


def test_a_form_is_taken_as_it_is_and_not_parsed(server: MemoryServer) -> None:
    response = server.http.request(
        path="/", body=b"a=1&b=2", headers={"Content-Type": FORM}
    )
    assert response.status == 400
    assert response.json()["error"]["code"] == -32700


@requirement("C8")
def test_no_accept_header_is_asked_for(server: MemoryServer) -> None:
    for accept in ("", "application/json", "text/event-stream", "text/html"):
        headers = {"Accept": accept}
        response = server.http.request(body=PING, headers=headers)
        assert response.status == 200
        assert response.headers["content-type"] == "application/json"


def test_an_expected_non_zero_status_is_an_error_on_the_root_path_only(
    server: MemoryServer,
) -> None:
    for path, is_error in (("/", True), ("/mcp", False)):
        connection = server.http.begin(path=path, body=call("grep x /dev/null"))
        server.process.exit(1)
        (response,) = connection.responses()
        assert response.json()["result"]["isError"] is is_error


@requirement("L6")
def test_a_notification_is_accepted_with_an_empty_answer(
    server: MemoryServer,
) -> None:
    response = server.http.post(
        {"jsonrpc": "2.0", "method": "notifications/initialized"}
    )
    assert response.status == 202
    assert response.body == b""
    assert response.headers["content-length"] == "0"
    assert "content-type" not in response.headers


@requirement("C10", "C7")
@pytest.mark.parametrize("path", ["/mcp", "/"])
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b"\xff", -32700),
        (b"[" * 100_000, -32700),
        (b"null", -32600),
        (b"[]", -32600),
        (b'"ping"', -32600),
        (b"{}", -32600),
    ],
)
def test_what_is_no_message_is_a_json_rpc_error_without_an_id(
    server: MemoryServer, path: str, body: bytes, code: int
) -> None:
    response = server.http.request(path=path, body=body)
    assert response.status == 400
    assert response.headers["content-type"] == "application/json"
    assert response.json()["id"] is None
    assert response.json()["error"]["code"] == code


# --- a client that leaves ----------------------------------------------------------


@requirement("L15")
def test_a_command_runs_on_when_its_client_leaves_and_is_written_down(
    server: MemoryServer,
) -> None:
    connection = server.http.begin(body=call("make"))
    process = server.process
    connection.lose()
    server.http.pump(5)
    assert process.signals == []
    process.emit(1, b"done\n")
    process.exit(2)
    (record,) = server.log.named("CMD_EXEC")
    assert record["exit_code"] == 2
    assert record["stdout_bytes"] == 5
    assert connection.received() == b""
    assert server.log.named("answer_dropped") == [{"reason": "the client left"}]
    assert server.log.named("http_request") == []


def test_a_client_that_leaves_while_its_command_waits_for_a_slot_loses_nothing() -> (
    None
):
    with MemoryServer(Settings(max_concurrent=1)) as server:
        server.http.begin(body=call("first"))
        server.http.begin(body=call("second")).lose()
        server.process.exit()
        assert len(server.reactor.processes) == 2
        server.process.exit()
        assert len(server.log.named("CMD_EXEC")) == 2


def test_a_deadline_still_ends_the_command_of_a_client_that_left(
    server: MemoryServer,
) -> None:
    server.http.begin(body=call("sleep 100", timeout="10s")).lose()
    server.http.pump(10)
    server.http.pump(1)
    server.http.pump(1)
    (record,) = server.log.named("CMD_EXEC")
    assert record["ended_by"].value == "timeout"


def test_a_client_that_leaves_with_an_answer_and_requests_ahead_is_no_error(
    server: MemoryServer,
) -> None:
    connection = server.http.begin(body=call("sleep 1"))
    connection.send(server.http.encode(body=PING))
    connection.lose()
    server.process.exit()
    assert connection.received() == b""


# --- faults of our own -------------------------------------------------------------


class BrokenService:
    """Fails as nothing should: before anything was sent, or behind it."""

    sessions = None

    def __init__(self, *, at_once: bool) -> None:
        self._at_once = at_once
        self.dispatcher = self

    def receive(self, body: bytes, door: object, outlet: PostOutlet) -> None:
        if not self._at_once:
            outlet.begin(None, None)
            outlet.notify(b"{}")
        raise RuntimeError("of no interest to clients")


class BrokenPage(Resource):
    """Fails before anybody is served."""

    isLeaf = True

    def render(self, request: IRequest) -> int:
        raise RuntimeError("of no interest to clients")


def exchange_with(service: Any, log: MemoryLog) -> Exchange:
    clock = Clock()
    return Exchange(
        service=service,
        guards=Guards(loopback=True),
        drain=Drain(),
        new_alarm=lambda: Alarm(clock, clock.seconds),
        log=StructuredLog("test", observer=log),
    )


def anyone(serve: Callable[[IRequest, Principal], None]) -> AuthResource:
    access = LogAccess(StructuredLog("test", observer=MemoryLog()))
    clock = Clock()
    authenticator = Authenticator(
        checker=AnyoneChecker(),
        realm="test",
        failed=FailedLogins(access, clock=clock, monotonic=clock.seconds),
    )
    return AuthResource(authenticator, serve)


def test_a_fault_behind_the_exchange_is_logged_and_answered_in_json(
    client_of: Callable[[Resource], HTTPHarness],
) -> None:
    log = MemoryLog()
    exchange = exchange_with(BrokenService(at_once=True), log)
    client = client_of(anyone(partial(exchange.serve, plain_rpc=False)))
    response = client.request(body=PING)
    assert response.status == 500
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {"error": "internal error"}
    (event,) = log.failures()
    assert event["commander_event"] == "request_failed"


def test_a_fault_behind_the_first_event_ends_the_connection(
    client_of: Callable[[Resource], HTTPHarness],
) -> None:
    """The client must not take for whole what is not."""
    log = MemoryLog()
    exchange = exchange_with(BrokenService(at_once=False), log)
    client = client_of(anyone(partial(exchange.serve, plain_rpc=False)))
    connection = client.begin(body=PING, headers={"Accept": "text/event-stream"})
    assert connection.aborted
    assert not connection.stream().complete
    (event,) = log.failures()
    assert event["commander_event"] == "request_failed"


def test_a_fault_in_writing_an_answer_is_logged_and_goes_no_further(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(data: bytes) -> None:
        raise RuntimeError("of no interest to clients")

    with MemoryServer() as server:
        connection = server.http.connect()
        monkeypatch.setattr(connection.transport, "write", fail)
        connection.send(server.http.encode(body=PING))
        (event,) = server.log.failures()
    assert event["commander_event"] == "request_failed"


def test_a_fault_before_the_exchange_is_logged_and_answered_in_json(
    client_of: Callable[[Resource], HTTPHarness],
) -> None:
    log = MemoryLog()
    globalLogPublisher.addObserver(log)
    try:
        response = client_of(BrokenPage()).request(body=PING)
    finally:
        globalLogPublisher.removeObserver(log)
    assert response.status == 500
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {"error": "internal error"}
    (event,) = log.failures()
    assert event["log_failure"].check(RuntimeError)
