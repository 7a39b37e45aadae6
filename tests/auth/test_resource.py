"""The door: who gets in, what the others are told, and what is written down."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred, fail
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import globalLogPublisher
from twisted.web.iweb import IRequest
from twisted.web.test.requesthelper import DummyRequest
from zope.interface import implementer

from commander.auth.checkers import ITokenCredentials
from commander.auth.failed_logins import FailedLogins
from commander.auth.resource import Authenticator, AuthResource, peer_address
from commander.auth.tokens import digest_of
from commander.principals import ANONYMOUS, Principal, principal_for_token
from commander.settings import Settings
from commander.telemetry.audit import LogAccess
from commander.telemetry.logging import StructuredLog
from commander.testing import (
    HTTPHarness,
    HttpResponse,
    MemoryLog,
    MemoryServer,
    ProcessReactor,
)
from commander.web.site import CommanderSite, Gate

requirement = pytest.mark.requirement

PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
CHALLENGE = 'Bearer realm="go-mcp-commander"'


@pytest.fixture
def server() -> Iterator[MemoryServer]:
    with MemoryServer(token="valid-token") as server:
        yield server
    assert server.log.failures() == []


def ping(server: MemoryServer, *lines: str, method: str = "POST") -> HttpResponse:
    """Ask with these header lines and no others."""
    connection = server.http.connect()
    head = [
        f"{method} /mcp HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        f"Content-Length: {len(PING)}",
        *lines,
    ]
    connection.send("\r\n".join(head).encode() + b"\r\n\r\n" + PING)
    (response,) = connection.responses()
    return response


@requirement("A1")
@pytest.mark.parametrize(
    "lines",
    [
        ["Authorization: Bearer valid-token"],
        ["authorization: bearer valid-token"],
        ["AUTHORIZATION: BEARER   valid-token"],
        ["X-MCP-Auth-Token: valid-token"],
        ["x-mcp-auth-token:valid-token"],
        ["X-MCP-Auth-Token: valid-token", "Authorization: Bearer valid-token"],
        # Blanks around a header's value are not part of it (RFC 9110, 5.5).
        ["X-MCP-Auth-Token:   valid-token \t "],
        ["Authorization: Bearer valid-token  "],
        # Somebody else's credentials: a proxy's.
        ["X-MCP-Auth-Token: valid-token", "Authorization: Basic dXNlcjpwYXNz"],
    ],
)
def test_a_valid_token_gets_in(server: MemoryServer, lines: list[str]) -> None:
    assert ping(server, *lines).status == 200
    assert server.log.named("auth_failed") == []


@requirement("A2", "A4")
@pytest.mark.parametrize(
    "lines",
    [
        ["Authorization: Bearer wrong"],
        ["X-MCP-Auth-Token: wrong"],
        ["X-MCP-Auth-Token:"],
        ["X-MCP-Auth-Token: valid-token", "Authorization: Bearer wrong"],
        ["X-MCP-Auth-Token: wrong", "Authorization: Bearer valid-token"],
        ["X-MCP-Auth-Token: valid-token", "X-MCP-Auth-Token: wrong"],
        ["X-MCP-Auth-Token: valid-token", "X-MCP-Auth-Token:"],
        ["Authorization: Bearer valid-token", "Authorization: Bearer wrong"],
        ["Authorization: Bearer valid-token, Bearer valid-token"],
        ["Authorization: Bearer valid-toke"],
        ["Authorization: Bearer VALID-TOKEN"],
        ["X-MCP-Auth-Token: Bearer valid-token"],
        [f"X-MCP-Auth-Token: {'v' * 15_000}"],
        ["X-MCP-Auth-Token: v\xe4lid-token"],
    ],
)
def test_a_wrong_token_is_told_that_it_is_wrong(
    server: MemoryServer, lines: list[str]
) -> None:
    response = ping(server, *lines)
    assert response.status == 401
    assert response.headers["www-authenticate"] == f'{CHALLENGE}, error="invalid_token"'
    assert server.log.named("auth_failed") == [
        {"status": 401, "peer": "192.0.2.7", "reason": "invalid"}
    ]


@requirement("A2")
@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["Authorization: Bearer"],
        ["Authorization: valid-token"],
        ["Authorization: Basic dXNlcjpwYXNz"],
        ["Cookie: token=valid-token"],
    ],
)
def test_no_token_is_not_told_that_it_is_wrong(
    server: MemoryServer, lines: list[str]
) -> None:
    response = ping(server, *lines)
    assert response.status == 401
    assert response.headers["www-authenticate"] == CHALLENGE
    assert server.log.named("auth_failed") == [
        {"status": 401, "peer": "192.0.2.7", "reason": "missing"}
    ]


@requirement("A9")
def test_a_token_in_the_query_is_no_token(server: MemoryServer) -> None:
    nobody = HTTPHarness(server.site, server.reactor, None)
    for query in ("token=valid-token", "access_token=valid-token"):
        assert nobody.request(path=f"/mcp?{query}", body=PING).status == 401


def test_a_token_longer_than_any_header_may_be_ends_the_connection(
    server: MemoryServer,
) -> None:
    connection = server.http.connect()
    connection.send(b"POST /mcp HTTP/1.1\r\nX-MCP-Auth-Token: " + b"v" * 16_384)
    assert connection.closing
    assert connection.received() == b""


@requirement("A2")
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("body", [b"", PING])
def test_the_answer_is_json_rpc_and_starts_no_oauth(
    server: MemoryServer, method: str, body: bytes
) -> None:
    nobody = HTTPHarness(server.site, server.reactor, None)
    response = nobody.request(method, "/mcp", body)
    assert response.status == 401
    assert response.headers["content-type"] == "application/json"
    assert "resource_metadata" not in response.headers["www-authenticate"]
    assert response.json() == {
        "jsonrpc": "2.0",
        "id": None,
        "error": {
            "code": -32001,
            "message": "Unauthorized: send the token as X-MCP-Auth-Token or as "
            "Authorization: Bearer",
        },
    }


def test_a_server_name_cannot_break_out_of_the_challenge() -> None:
    with MemoryServer(Settings(server_name='a", x="\\')) as server:
        nobody = HTTPHarness(server.site, server.reactor, None)
        challenge = nobody.request("GET", "/mcp").headers["www-authenticate"]
    assert challenge == r'Bearer realm="a\", x=\"\\"'


@pytest.mark.parametrize(
    ("method", "body"),
    [("POST", PING), ("POST", b""), ("GET", b""), ("GET", PING), ("HEAD", b"")],
)
def test_a_failed_login_is_written_down_once_whether_a_body_comes_or_not(
    server: MemoryServer, method: str, body: bytes
) -> None:
    stranger = HTTPHarness(server.site, server.reactor, "wrong")
    for count in range(1, 4):
        stranger.request(method, "/mcp", body)
        assert len(server.log.named("auth_failed")) == count
    assert server.log.named("http_request") == []


@pytest.mark.parametrize("body", [b"", PING])
@pytest.mark.parametrize("token", ["wrong", None])
def test_too_many_failed_logins_are_429_and_valid_tokens_still_pass(
    server: MemoryServer, token: str | None, body: bytes
) -> None:
    stranger = HTTPHarness(server.site, server.reactor, token)
    answers = [stranger.request("POST", "/mcp", body) for _ in range(15)]
    assert [answer.status for answer in answers] == [401] * 10 + [429] * 5
    assert answers[-1].headers["retry-after"] == "1"
    assert answers[-1].headers["content-type"] == "application/json"
    assert "www-authenticate" not in answers[-1].headers
    assert answers[-1].json() == {
        "jsonrpc": "2.0",
        "id": None,
        "error": {
            "code": -32001,
            "message": "Unauthorized, and too many failed logins from this address: a "
            "valid token is served at once, others again in 1 s",
        },
    }
    assert server.http.request(body=PING).status == 200
    server.pump(1.0)
    assert stranger.request("POST", "/mcp", body).status == 401
    assert stranger.request("POST", "/mcp", body).status == 429


def test_failed_logins_beyond_the_bound_are_one_record_in_all(
    server: MemoryServer,
) -> None:
    stranger = HTTPHarness(server.site, server.reactor, "wrong")
    for _ in range(300):
        stranger.request("POST", "/mcp", PING)
    assert len(server.log.named("auth_failed")) == 10
    server.stop()
    number = server.log.named("auth_failed")[10:]
    assert [one["count"] for one in number] == [290]
    assert server.log.named("http_request") == []


def test_no_token_is_ever_logged_neither_valid_nor_wrong(server: MemoryServer) -> None:
    for lines in (
        ["Authorization: Bearer valid-token"],
        ["Authorization: Bearer wrong-token"],
        ["X-MCP-Auth-Token: valid-token"],
        ["X-MCP-Auth-Token: wrong-token", "Authorization: Bearer valid-token"],
    ):
        for method in ("POST", "GET"):
            ping(server, *lines, method=method)
    for path in ("/mcp?token=valid-token", "/x?token=valid-token"):
        server.http.request("POST", path, PING)
    named = ("http_request", "auth_failed")
    assert sum(len(server.log.named(name)) for name in named) == 10
    for line in (*server.log.lines(), repr(server.log.events)):
        for secret in ("valid-token", "wrong-token", digest_of("valid-token").value):
            assert str(secret) not in line


@requirement("A7")
def test_what_runs_is_written_down_under_the_tokens_principal(
    server: MemoryServer,
) -> None:
    server.http.begin(
        body=b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":'
        b'{"name":"execute_command","arguments":{"command":"true"}}}'
    )
    (started,) = server.log.named("CMD_START")
    name = principal_for_token(digest_of("valid-token").value).name
    assert started["principal"] == name
    server.process.exit()


def test_without_auth_everybody_gets_in_and_is_anonymous() -> None:
    with MemoryServer(token=None) as server:
        assert ping(server).status == 200
        assert ping(server, "Authorization: Bearer whatever").status == 200
        assert server.log.named("auth_failed") == []


@implementer(ICredentialsChecker)
class BrokenChecker:
    """Knows nobody, in a way that it should not."""

    credentialInterfaces: ClassVar = (ITokenCredentials,)

    def requestAvatarId(self, credentials: object) -> Deferred[bytes | tuple[()]]:
        return fail(RuntimeError("the database of tokens is gone"))


@pytest.mark.parametrize("body", [b"", PING])
def test_a_fault_of_the_checker_lets_nobody_in(body: bytes) -> None:
    served: list[Principal] = []
    log = MemoryLog()
    globalLogPublisher.addObserver(log)
    try:
        site = site_with(BrokenChecker(), lambda _, principal: served.append(principal))
        client = HTTPHarness(site, MemoryReactorClock(), "valid-token")
        response = client.request(body=body)
    finally:
        globalLogPublisher.removeObserver(log)
    assert response.status == 500
    assert response.json() == {"error": "internal error"}
    assert served == []
    (event,) = log.failures()
    assert event["log_failure"].check(RuntimeError)


@implementer(ICredentialsChecker)
class LateChecker:
    """Answers when a test says so."""

    credentialInterfaces: ClassVar = (ITokenCredentials,)

    def __init__(self) -> None:
        self.asked: list[Deferred[bytes | tuple[()]]] = []

    def requestAvatarId(self, credentials: object) -> Deferred[bytes | tuple[()]]:
        self.asked.append(Deferred())
        return self.asked[-1]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(b"ann", [Principal("ann")]), ((), [ANONYMOUS]), (UnauthorizedLogin(), [])],
)
def test_a_checker_that_answers_later_is_waited_for(
    answer: bytes | tuple[()] | Exception, expected: list[Principal]
) -> None:
    served: list[Principal] = []
    checker = LateChecker()
    site = site_with(checker, lambda _, principal: served.append(principal))
    client = HTTPHarness(site, MemoryReactorClock(), "valid-token")
    connection = client.begin(body=PING)
    _, at_the_door = checker.asked
    assert served == []
    if isinstance(answer, Exception):
        at_the_door.errback(answer)
    else:
        at_the_door.callback(answer)
    assert served == expected
    assert [response.status for response in connection.responses()] == (
        [] if expected else [401]
    )


def site_with(
    checker: ICredentialsChecker, serve: Callable[[IRequest, Principal], None]
) -> CommanderSite:
    """A site with one door and one path."""
    clock = ProcessReactor()
    access = LogAccess(StructuredLog("test", observer=MemoryLog()))
    authenticator = Authenticator(
        checker=checker,
        realm="test",
        failed=FailedLogins(access, clock=clock, monotonic=clock.seconds),
    )
    return CommanderSite(
        AuthResource(authenticator, serve),
        reactor=clock,
        monotonic=clock.seconds,
        gate=Gate(
            served_paths=frozenset({b"/mcp"}),
            public_paths=frozenset(),
            authenticator=authenticator,
            max_body_bytes=1000,
        ),
        access=access,
        max_connections=10,
        idle_timeout_seconds=60.0,
    )


def test_a_peer_without_an_address_is_still_written_down() -> None:
    request: Any = DummyRequest([b"mcp"])
    request.client = UNIXAddress("/run/commander.sock")
    assert peer_address(request) == "unknown"
