"""Pages of origins that the operator named may call; no others learn that some may."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from commander.settings import Settings
from commander.testing import MemoryLog, MemoryServer

requirement = pytest.mark.requirement

PAGE = "https://inspector.example.com"
PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'


@pytest.fixture
def server(twisted_log: MemoryLog) -> Iterator[MemoryServer]:
    with MemoryServer(Settings(allowed_origins=(PAGE,))) as server:
        yield server
    assert server.log.failures() == []


def preflight(**headers: str) -> dict[str, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {
        "Origin": PAGE,
        "Authorization": "",
        "Content-Type": "",
        "Access-Control-Request-Method": "POST",
        **named,
    }


@requirement("C13")
def test_a_preflight_of_a_named_origin_needs_no_token(server: MemoryServer) -> None:
    asked = "authorization, mcp-protocol-version, Mcp-Param-Region"
    headers = preflight(Access_Control_Request_Headers=asked)
    answer = server.http.request("OPTIONS", headers=headers)
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "POST" in answer.headers["access-control-allow-methods"]
    allowed = answer.headers["access-control-allow-headers"].split(", ")
    assert {"authorization", "mcp-protocol-version", "mcp-param-region"} <= set(allowed)
    assert "content-length" not in answer.headers


@requirement("C13")
@pytest.mark.parametrize(
    "headers",
    [
        preflight(Origin="https://evil.example.com"),
        preflight(Origin="null"),
        preflight(Origin=""),
        preflight(Access_Control_Request_Method=""),
    ],
)
def test_any_other_is_a_request_without_a_token(
    server: MemoryServer, headers: dict[str, str]
) -> None:
    answer = server.http.request("OPTIONS", headers=headers)
    assert answer.status == 401
    assert "access-control-allow-methods" not in answer.headers


def test_what_is_asked_for_is_not_repeated_unread(server: MemoryServer) -> None:
    odd = "mcp-param-a b, mcp-param-<x>, mcp-param-ok"
    headers = preflight(Access_Control_Request_Headers=odd)
    answer = server.http.request("OPTIONS", headers=headers)
    allowed = answer.headers["access-control-allow-headers"]
    assert allowed.endswith(", mcp-param-ok")
    assert "<" not in allowed


@requirement("C13")
@pytest.mark.parametrize(
    ("headers", "status"), [({}, 200), ({"Authorization": "Bearer wrong"}, 401)]
)
def test_the_page_may_read_every_answer(
    server: MemoryServer, headers: dict[str, str], status: int
) -> None:
    answer = server.http.request(body=PING, headers={"Origin": PAGE, **headers})
    assert answer.status == status
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "Mcp-Session-Id" in answer.headers["access-control-expose-headers"]
    assert answer.headers["vary"] == "Origin"


@requirement("C13")
def test_another_page_may_read_none(server: MemoryServer) -> None:
    headers = {"Origin": "https://evil.example.com"}
    answer = server.http.request(body=PING, headers=headers)
    assert answer.status == 403
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["vary"] == "Origin"


def test_two_origins_are_none(server: MemoryServer) -> None:
    connection = server.http.connect()
    sent = server.http.encode(body=PING, headers={"Origin": PAGE})
    connection.send(sent.replace(b"\r\n", b"\r\nOrigin: https://evil.test\r\n", 1))
    (answer,) = connection.responses()
    assert answer.status == 403
    assert "access-control-allow-origin" not in answer.headers


@requirement("C13")
def test_a_server_that_names_none_says_nothing_of_it() -> None:
    with MemoryServer() as server:
        headers = {"Origin": "http://localhost:3000"}
        answer = server.http.request(body=PING, headers=headers)
        assert answer.status == 200
        assert not any("access-control" in name for name in answer.headers)
        assert "vary" not in answer.headers
        assert server.http.request("OPTIONS", headers=preflight()).status == 401


@pytest.mark.parametrize(("path", "status"), [("/nowhere", 404), ("/health", 204)])
def test_only_paths_that_are_served_have_preflights(
    server: MemoryServer, path: str, status: int
) -> None:
    answer = server.http.request("OPTIONS", path, headers=preflight())
    assert answer.status == status
