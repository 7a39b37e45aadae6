"""The routes: what is served, what is public, and what everything else gets."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import attrs
import pytest
from klein import Klein
from twisted.internet.task import Clock
from twisted.web.iweb import IRequest
from twisted.web.resource import Resource
from twisted.web.test.requesthelper import DummyRequest

from commander.auth.answers import HttpAnswer, write_answer
from commander.auth.checkers import TokenChecker
from commander.auth.failed_logins import FailedLogins
from commander.auth.resource import Authenticator, AuthResource
from commander.auth.scrape import ScrapeAccess
from commander.auth.tokens import Token, TokenList, digest_of
from commander.settings import Settings
from commander.telemetry.audit import LogAccess
from commander.telemetry.logging import StructuredLog
from commander.testing import HTTPHarness, MemoryLog, MemoryServer
from commander.web.app import PUBLIC_PATHS, Routes, WebApp
from commander.web.drain import Drain, Serving
from commander.web.health import Health
from commander.web.metrics import MetricsResource

requirement = pytest.mark.requirement

METHODS = [
    *("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"),
    *("CONNECT", "PROPFIND", "M-SEARCH", "BREW"),
]
NOT_FOUND = b'{"error":"not found"}'
OAUTH_PATHS = [
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-protected-resource/mcp",
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-authorization-server/mcp",
    "/.well-known/openid-configuration",
    "/mcp/.well-known/openid-configuration",
    *("/register", "/authorize", "/token"),
]
ODD_PATHS = [
    *("//", "//mcp", "/mcp/", "/mcp//", "/mcp/x", "/%6dcp", "/%2Fmcp", "/mcp%2F"),
    *("/MCP", "/./mcp", "/x/../mcp", "/mcp;x", "/mcp%00", "/%ff%fe"),
    *("/%F0%9F", "/%", "/%zz", "/health/", "//health", "/%68ealth", "/favicon.ico"),
    *("*", "mcp", "http://localhost:3000/mcp", "localhost:3000", "?", "#"),
]


class Unreachable:
    """Stands where the exchange does, behind the door."""

    def serve(self, request: IRequest, *_: object, **__: object) -> None:
        raise AssertionError(f"{request} was served")


@pytest.fixture
def stranger(server: MemoryServer) -> HTTPHarness:
    """A client without a token."""
    return HTTPHarness(server.site, server.reactor, None)


class BrokenHealth(Health):
    """Fails as nothing should."""

    def answer(self) -> HttpAnswer:
        raise RuntimeError("of no interest to clients")


def app_alone(log: MemoryLog, health: Health | None = None) -> WebApp:
    """The routes with nothing behind the door."""
    structured = StructuredLog("test", observer=log)
    exchange: Any = Unreachable()
    clock = Clock()
    return WebApp(
        authenticator=Authenticator(
            checker=TokenChecker(
                TokenList([Token(principal="ann", digest=digest_of("T"))]),
                clock.seconds,
            ),
            realm="test",
            # A minute between failed logins: there are never too many.
            failed=FailedLogins(
                LogAccess(structured), clock=clock, monotonic=count(step=60).__next__
            ),
        ),
        exchange=exchange,
        health=health or Health(server_name="test", drain=Drain()),
        metrics=MetricsResource(ScrapeAccess(digest_of("M")), bytes),
        log=structured,
    )


def request_for(path: bytes, method: bytes) -> Any:
    request = DummyRequest([path])
    request.method = method
    return request


def test_every_route_that_is_not_public_returns_a_locked_resource() -> None:
    app = app_alone(MemoryLog())
    routed: dict[str, Any] = {}
    for rule in WebApp.routes.url_map.iter_rules():
        request = request_for(rule.rule.encode(), b"GET")
        routed[rule.rule] = app.routes.execute_endpoint(rule.endpoint, request)
    assert type(routed.pop("/mcp")) is AuthResource
    assert type(routed.pop("/")) is AuthResource
    assert type(routed.pop("/metrics")) is MetricsResource
    assert {path.encode() for path in routed} == PUBLIC_PATHS


@requirement("C5")
def test_no_lock_opens_without_a_token() -> None:
    app = app_alone(MemoryLog())
    locked = set()
    for rule in WebApp.routes.url_map.iter_rules():
        for method in METHODS:
            request = request_for(rule.rule.encode(), method.encode())
            resource: Any = app.routes.execute_endpoint(rule.endpoint, request)
            if rule.rule.encode() not in PUBLIC_PATHS:
                resource.render(request)
                locked.add((rule.rule, request.responseCode))
    assert locked == {("/mcp", 401), ("/", 401), ("/metrics", 404)}


@requirement("C1")
def test_what_is_served_and_what_of_it_is_public() -> None:
    assert frozenset({b"/health", b"/ready"}) == PUBLIC_PATHS
    assert WebApp.served_paths() - PUBLIC_PATHS == {b"/mcp", b"/", b"/metrics"}


def test_routes_take_no_parameters_and_no_other_host() -> None:
    for rule in WebApp.routes.url_map.iter_rules():
        assert not rule.arguments
        assert not rule.host
        assert not rule.subdomain
        assert not rule.is_leaf or rule.rule.encode() in WebApp.served_paths()


@requirement("C5")
@pytest.mark.parametrize("path", ["/mcp", "/", "/mcp?token=memory-token"])
@pytest.mark.parametrize("method", METHODS)
def test_a_served_path_is_401_without_a_token_whatever_the_method(
    stranger: HTTPHarness, path: str, method: str
) -> None:
    for body in (b"", b"{}"):
        response = stranger.request(method, path, body, {"Content-Type": "text/plain"})
        assert response.status == 401
        assert "www-authenticate" in response.headers


@requirement("C12")
@pytest.mark.parametrize("path", ["/mcp", "/"])
@pytest.mark.parametrize("method", [m for m in METHODS if m not in {"POST", "DELETE"}])
def test_with_a_token_what_is_not_for_it_is_405(
    server: MemoryServer, path: str, method: str
) -> None:
    """GET needs a session: without, that is how a server says it has no stream."""
    for body in (b"", b"{}"):
        response = server.http.request(method, path, body)
        assert response.status == 405
        allowed = "POST" if method == "GET" else "DELETE, GET, POST"
        assert response.headers["allow"] == allowed
        if method != "HEAD":
            assert response.json() == {"error": "method not allowed"}


@requirement("C12", "A3")
@pytest.mark.parametrize("path", [*OAUTH_PATHS, *ODD_PATHS])
@pytest.mark.parametrize("with_token", [True, False])
def test_every_other_path_is_404_in_json_whoever_asks(
    server: MemoryServer, stranger: HTTPHarness, path: str, with_token: bool
) -> None:
    client = server.http if with_token else stranger
    for method in ("GET", "POST", "OPTIONS"):
        for body in (b"", b'{"redirect_uris":[]}'):
            response = client.request(method, path, body)
            assert response.status == 404
            assert response.headers["content-type"] == "application/json"
            assert response.body == NOT_FOUND
            assert "www-authenticate" not in response.headers
            assert "location" not in response.headers


def test_a_login_is_not_even_looked_at_on_other_paths(
    server: MemoryServer, stranger: HTTPHarness
) -> None:
    stranger.request("GET", "/.well-known/openid-configuration")
    stranger.request("POST", "/token", b"grant_type=client_credentials")
    assert server.log.named("auth_failed") == []


@requirement("A8")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": ""},
        {"Host": "10.0.0.7:3000"},
        {"Host": "evil.example.com", "Origin": "http://evil.example.com"},
        {"Authorization": "Bearer wrong"},
        {"X-MCP-Auth-Token": "wrong"},
        {"Content-Type": ""},
    ],
)
def test_health_asks_for_nothing(
    server: MemoryServer, stranger: HTTPHarness, method: str, headers: dict[str, str]
) -> None:
    response = stranger.request(method, "/health", headers=headers)
    assert response.status == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["content-length"] == "48"
    assert server.log.named("auth_failed") == []


@requirement("A8")
def test_health_has_two_keys_in_the_guides_order(stranger: HTTPHarness) -> None:
    body = stranger.request("GET", "/health").body
    assert body == b'{"status":"healthy","server":"go-mcp-commander"}'


def test_head_of_health_has_no_body(stranger: HTTPHarness) -> None:
    connection = stranger.begin("HEAD", "/health")
    assert connection.received().endswith(b"\r\n\r\n")
    assert not connection.closing


def test_health_names_the_server_as_it_was_told_to() -> None:
    with MemoryServer(Settings(server_name='a "b"')) as server:
        response = server.http.request("GET", "/health?x=1")
        assert response.json() == {"status": "healthy", "server": 'a "b"'}


@pytest.mark.parametrize("method", [m for m in METHODS if m not in {"GET", "HEAD"}])
@pytest.mark.parametrize("with_token", [True, False])
def test_health_has_two_methods(
    server: MemoryServer, stranger: HTTPHarness, method: str, with_token: bool
) -> None:
    client = server.http if with_token else stranger
    response = client.request(method, "/health")
    assert response.status == 405
    assert response.headers["allow"] == "GET, HEAD"
    assert response.json() == {"error": "method not allowed"}


@pytest.mark.parametrize("framing", ["Content-Length: 2\r\n\r\n{}", "chunked"])
def test_health_takes_no_body(server: MemoryServer, framing: str) -> None:
    if framing == "chunked":
        framing = "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    connection = server.http.connect()
    connection.send(b"GET /health HTTP/1.1\r\nHost: x\r\n" + framing.encode())
    assert [response.status for response in connection.responses()] == [413]


@requirement("A8")
def test_no_answer_tells_a_version_or_what_the_server_is_made_of(
    server: MemoryServer, stranger: HTTPHarness
) -> None:
    responses = [
        stranger.request("GET", "/health"),
        stranger.request("GET", "/nothing"),
        stranger.request("POST", "/mcp", b"{}"),
        stranger.request("GET", "/mcp"),
        server.http.request("GET", "/mcp"),
        server.http.request("POST", "/mcp", b"no json"),
        server.http.request("POST", "/mcp", b"{}", {"Content-Type": "text/plain"}),
        server.http.request("POST", "/mcp", b"{}", {"Host": "evil.example.com"}),
    ]
    assert [r.status for r in responses] == [200, 404, 401, 401, 405, 400, 415, 421]
    for response in responses:
        text = repr(attrs.astuple(response)).lower()
        assert "server" not in response.headers
        assert "x-powered-by" not in response.headers
        for word in ("twisted", "klein", "werkzeug", "python", "0.1.0"):
            assert word not in text


@pytest.mark.parametrize(
    ("serving", "status", "word"),
    [
        (Serving.YES, 200, "healthy"),
        (Serving.LEAVING, 503, "draining"),
        (Serving.NO, 503, "draining"),
    ],
)
def test_health_turns_503_as_soon_as_the_server_leaves(
    serving: Serving, status: int, word: str
) -> None:
    drain = Drain()
    drain.serving = serving
    answer = Health(server_name="n", drain=drain).answer()
    assert answer.status == status
    assert answer.body == b'{"status":"%s","server":"n"}' % word.encode()
    assert drain.accepting == (serving is not Serving.NO)


def test_a_fault_in_a_route_is_logged_and_answered_in_json(
    client_of: Callable[[Resource], HTTPHarness],
) -> None:
    log = MemoryLog()
    app = app_alone(log, BrokenHealth(server_name="test", drain=Drain()))
    response = client_of(app.resource()).request("GET", "/health")
    assert response.status == 500
    assert response.json() == {"error": "internal error"}
    (event,) = log.failures()
    assert event["commander_event"] == "route_failed"
    assert event["log_failure"].check(RuntimeError)


# --- the short way -----------------------------------------------------------------


class Small:
    """Two routes: one to a door, one that Klein renders."""

    routes = Klein()

    def __init__(self) -> None:
        self.called: list[str] = []

    @routes.route("/mcp")
    def door(self, request: IRequest) -> Page:
        self.called.append("door")
        return Page()

    @routes.route("/health", methods=["GET"])
    def health(self, request: IRequest) -> None:
        self.called.append("health")
        write_answer(request, HttpAnswer(status=200, body=b"well"))


class Page(Resource):
    """What is behind the door."""

    isLeaf = True

    def render(self, request: IRequest) -> bytes:
        return b"page"


def test_klein_calls_the_function_of_a_route_with_every_request(
    client_of: Callable[[Resource], HTTPHarness],
) -> None:
    app = Small()
    client = client_of(Routes(app.routes))
    for method in ("GET", "POST", "BREW", "GET"):
        assert client.request(method, "/mcp").body == b"page"
    assert client.request("GET", "/health").body == b"well"
    assert app.called == [*(["door"] * 4), "health"]


def test_a_door_that_minds_the_method_is_klein_s_405(
    client_of: Callable[[Resource], HTTPHarness],
) -> None:
    class Mindful:
        routes = Klein()

        @routes.route("/mcp", methods=["POST"])
        def door(self, request: IRequest) -> Page:
            return Page()

    client = client_of(Routes(Mindful().routes))
    assert client.request("POST", "/mcp").status == 200
    assert client.request("PUT", "/mcp").status == 405
    assert client.request("POST", "/mcp").status == 200


def test_a_served_path_that_klein_does_not_know_is_klein_s_404(
    client_of: Callable[[Resource], HTTPHarness],
) -> None:
    assert client_of(Routes(Small().routes)).request("GET", "/").status == 404
