"""What each bad request is answered, on a real socket."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.interaction.conftest import Launch, Server

pytestmark = pytest.mark.interaction
requirement = pytest.mark.requirement

SOCKET_SECONDS = 30.0
PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
FORM = "application/x-www-form-urlencoded"
FOUR_MEBIBYTES = 4 * 1024 * 1024
NOT_SERVED = (
    "/nowhere",
    "/mcp/",
    "/health/",
    "//mcp",
    "/%6dcp",
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-protected-resource/mcp",
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
    "/register",
    "/authorize",
    "/token",
)


_strangers = itertools.count(1)


def stranger() -> str:
    """An address from which no login has failed yet: failures are counted by it."""
    high, low = divmod(next(_strangers), 250)
    return f"127.1.{high}.{low + 1}"


@contextlib.contextmanager
def sent(
    server: Server, data: bytes, source: str = "127.0.0.1"
) -> Iterator[http.client.HTTPResponse]:
    """The answer to bytes that need not be a whole request."""
    with socket.create_connection(
        ("127.0.0.1", server.port), timeout=SOCKET_SECONDS, source_address=(source, 0)
    ) as connection:
        connection.sendall(data)
        response = http.client.HTTPResponse(connection)
        response.begin()
        yield response
        response.close()


def head(server: Server, path: str, *lines: str) -> bytes:
    host = f"Host: 127.0.0.1:{server.port}"
    json_type = "Content-Type: application/json"
    text = "\r\n".join((f"POST {path} HTTP/1.1", host, json_type, *lines))
    return f"{text}\r\n\r\n".encode()


def bearer(server: Server) -> str:
    return f"Authorization: Bearer {server.token}"


# --- 401 ---------------------------------------------------------------------------


@requirement("C5", "A2")
@pytest.mark.parametrize("path", ["/", "/mcp"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"])
def test_a_served_path_without_a_token_is_401_whatever_the_method(
    server: Server, method: str, path: str
) -> None:
    """Before 405, 415 and 400 can tell a stranger anything."""
    body = b"{" if method == "POST" else None
    answer = server.request(method, path, body, source=stranger())
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="go-mcp-commander"'


@requirement("A1", "A2", "A4")
@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer wrong"},
        {"X-MCP-Auth-Token": "wrong"},
        {"X-MCP-Auth-Token": "wrong", "Authorization": "Bearer {token}"},
        {"X-MCP-Auth-Token": "{token}", "Authorization": "Bearer wrong"},
        {"X-MCP-Auth-Token": "{token}x"},
    ],
)
def test_a_wrong_token_is_401_and_named_invalid(
    server: Server, headers: dict[str, str]
) -> None:
    said = {name: it.format(token=server.token) for name, it in headers.items()}
    answer = server.request("POST", "/mcp", PING, said, stranger())
    assert answer.status == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert answer.json["id"] is None
    assert "Unauthorized" in answer.json["error"]["message"]


@requirement("A1")
@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "bearer {token}"},
        {"X-MCP-Auth-Token": "{token}"},
        {"X-MCP-Auth-Token": "{token}", "Authorization": "Bearer {token}"},
        {"X-MCP-Auth-Token": "{token}", "Authorization": "Basic dTpw"},
    ],
)
def test_both_ways_to_send_the_token_are_accepted(
    server: Server, headers: dict[str, str]
) -> None:
    said = {name: it.format(token=server.token) for name, it in headers.items()}
    said["Content-Type"] = "application/json"
    assert server.request("POST", "/mcp", PING, said).status == 200


@requirement("C5")
@pytest.mark.parametrize("expect", [(), ("Expect: 100-continue",)])
def test_401_comes_before_the_body(server: Server, expect: tuple[str, ...]) -> None:
    """Of 4 MiB that were announced only one byte is ever sent."""
    announced = head(server, "/mcp", f"Content-Length: {FOUR_MEBIBYTES}", *expect)
    with sent(server, announced + b"{", stranger()) as response:
        assert response.status == 401


# --- 404, 405 ----------------------------------------------------------------------


@requirement("C12", "A3")
@pytest.mark.parametrize("path", NOT_SERVED)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_path_that_is_not_served_is_404_without_a_token(
    server: Server, method: str, path: str
) -> None:
    answer = server.request(method, path, b"{}" if method == "POST" else None)
    assert (answer.status, answer.json) == (404, {"error": "not found"})


@requirement("C12")
@pytest.mark.parametrize("path", ["/", "/mcp"])
@pytest.mark.parametrize(
    ("method", "allowed"),
    [("GET", "POST"), ("PUT", "DELETE, GET, POST"), ("PATCH", "DELETE, GET, POST")],
)
def test_another_method_is_405(
    server: Server, method: str, allowed: str, path: str
) -> None:
    """GET too, for whoever has no session."""
    token = {"Authorization": f"Bearer {server.token}"}
    answer = server.request(method, path, None, token)
    assert (answer.status, answer.headers["Allow"]) == (405, allowed)


@requirement("L4")
@pytest.mark.parametrize("path", ["/", "/mcp"])
def test_delete_without_a_session_is_400(server: Server, path: str) -> None:
    token = {"Authorization": f"Bearer {server.token}"}
    assert server.request("DELETE", path, None, token).status == 400


@requirement("A8")
def test_health_has_two_keys_in_this_order(server: Server) -> None:
    answer = server.request("GET", "/health", None, {"Host": "any.example"})
    assert answer.status == 200
    assert answer.body == b'{"status":"healthy","server":"go-mcp-commander"}'


def test_health_is_for_get_and_head_only(server: Server) -> None:
    headed = server.request("HEAD", "/health")
    assert (headed.status, headed.body) == (200, b"")
    posted = server.request("POST", "/health")
    assert (posted.status, posted.headers["Allow"]) == (405, "GET, HEAD")


# --- 413, 415 and other limits -----------------------------------------------------


@requirement("C7")
@pytest.mark.parametrize("path", ["/", "/mcp"])
@pytest.mark.parametrize("expect", [(), ("Expect: 100-continue",)])
def test_a_body_that_announces_too_much_is_413_before_it_comes(
    server: Server, path: str, expect: tuple[str, ...]
) -> None:
    length = f"Content-Length: {FOUR_MEBIBYTES + 1}"
    with sent(server, head(server, path, bearer(server), length, *expect)) as response:
        assert response.status == 413
        error = json.load(response)["error"]
    assert "MCP_MAX_BODY_BYTES" in error["message"]


def test_a_chunked_body_is_413_as_soon_as_it_is_too_long(server: Server) -> None:
    chunk = b"%x\r\n%b\r\n" % (FOUR_MEBIBYTES + 1, b" " * (FOUR_MEBIBYTES + 1))
    start = head(server, "/mcp", bearer(server), "Transfer-Encoding: chunked")
    with sent(server, start + chunk) as response:
        assert response.status == 413


def test_a_body_of_the_longest_length_is_read(server: Server) -> None:
    assert server.post(PING.ljust(FOUR_MEBIBYTES)).json["result"] == {}


@requirement("C6")
@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/mcp", None),
        ("/mcp", FORM),
        ("/mcp", "text/plain"),
        ("/", "text/plain"),
        ("/", "multipart/form-data"),
    ],
)
def test_another_content_type_is_415(
    server: Server, path: str, content_type: str | None
) -> None:
    answer = server.post(PING, path, Content_Type=content_type)
    assert answer.status == 415
    assert "application/json" in answer.json["error"]["message"]


@requirement("C6")
@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/mcp", "application/json; charset=utf-8"),
        ("/", "Application/JSON"),
        ("/", FORM),
        ("/", None),
    ],
)
def test_callers_of_the_go_server_need_no_content_type(
    server: Server, path: str, content_type: str | None
) -> None:
    assert server.post(PING, path, Content_Type=content_type).json["result"] == {}


def test_headers_of_a_mebibyte_are_not_taken(server: Server) -> None:
    huge = head(server, "/mcp", bearer(server), "X-Long: " + "x" * 1024 * 1024)
    # The server may hang up while they are still being sent.
    with (
        contextlib.suppress(ConnectionError, http.client.HTTPException),
        sent(server, huge) as response,
    ):
        assert response.status == 400
    assert server.request("GET", "/health").status == 200


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("Host", 421),
        ("Origin", 403),
        ("Content-Type", 415),
        ("MCP-Protocol-Version", 400),
        ("X-MCP-Auth-Token", 401),
        ("Authorization", 401),
    ],
)
def test_a_header_that_is_no_text_counts_as_a_wrong_one(
    server: Server, name: str, status: int
) -> None:
    said = {
        "Authorization": f"Bearer {server.token}",
        "Content-Type": "application/json",
    }
    said[name] = "bearer \xff\xfe"
    answer = server.request("POST", "/mcp", PING, said, stranger())
    assert answer.status == status


@requirement("C2")
@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_a_page_of_another_origin_is_403(server: Server, origin: str) -> None:
    assert server.post(PING, Origin=origin).status == 403


def test_a_page_of_our_own_origin_may_call(server: Server) -> None:
    assert server.post(PING, Origin=server.url).status == 200


@requirement("C3")
def test_another_host_is_421(server: Server) -> None:
    """A page whose name was pointed at this address (DNS rebinding)."""
    assert server.post(PING, Host="evil.example").status == 421


# --- what no answer tells, and no token at all -------------------------------------


@pytest.mark.parametrize(
    "path", ["/health", "/mcp", "/nowhere", "/%ff", "/mcp?debug=1"]
)
def test_no_answer_tells_what_serves_it(server: Server, path: str) -> None:
    answer = server.request("GET", path)
    told = f"{answer.headers}{answer.body.decode()}".lower()
    assert "server:" not in told
    assert not any(name in told for name in ("twisted", "klein", "python", "html"))


def test_without_auth_a_page_cannot_send_what_needs_no_preflight(
    launch: Launch,
) -> None:
    with launch("--no-auth", token=None) as server:
        assert server.post(PING).status == 200
        assert server.post(PING, "/", Content_Type=FORM).status == 415
        assert server.post(PING, "/", Content_Type=None).status == 415
        (warning,) = server.records("setting_warning")
        assert "--no-auth" in warning["message"]


def test_a_connection_goes_on_after_a_large_answer(server: Server) -> None:
    """More than the socket takes at once, behind a request that has a body."""
    arguments = {"command": "head -c 450000 /dev/zero | tr '\\0' x"}
    params = {"name": "execute_command", "arguments": arguments}
    body = json.dumps(
        {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    )
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "Authorization": f"Bearer {server.token}",
    }
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    with contextlib.closing(connection):
        for _ in range(3):
            connection.request("POST", "/", body, headers)
            response = connection.getresponse()
            assert response.status == 200
            assert len(response.read()) > 900_000
