"""Streams of the real server: read as they come, broken off, taken up, and ended."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.interaction.conftest import Eventually, Launch, Server

pytestmark = pytest.mark.interaction
requirement = pytest.mark.requirement

MODERN = "2026-07-28"
Json = dict[str, Any]


class Stream:
    """One answer, read event by event."""

    def __init__(
        self, server: Server, method: str, message: Json | None, **headers: str
    ) -> None:
        self._connection = http.client.HTTPConnection(
            "127.0.0.1", server.port, timeout=30
        )
        said = {
            "Accept": "application/json, text/event-stream",
            "Authorization": f"Bearer {server.token}",
            "Content-Type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        body = None if message is None else json.dumps(message).encode()
        self._connection.request(method, "/mcp", body, said)
        self.response = self._connection.getresponse()
        self.last_id = ""

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self.response.close()
        self._connection.close()

    def lines(self) -> Iterator[str]:
        """Until the end of the answer."""
        for line in self.response:
            yield line.decode().rstrip("\n")

    def messages(self) -> Iterator[Json]:
        """Those of the events, as they come."""
        for line in self.lines():
            name, _, value = line.partition(": ")
            if name == "id":
                self.last_id = value
            elif name == "data" and value:
                yield json.loads(value)


def call(command: str, **meta: object) -> Json:
    params: Json = {"name": "execute_command", "arguments": {"command": command}}
    params["_meta"] = meta
    return {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params}


def modern(message: Json) -> tuple[Json, dict[str, str]]:
    """A message of 2026-07-28, and its headers."""
    params = message["params"]
    params["_meta"] = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
        **params.get("_meta", {}),
    }
    headers = {"MCP_Protocol_Version": MODERN, "Mcp_Method": message["method"]}
    if "name" in params:
        headers["Mcp_Name"] = params["name"]
    return message, headers


def new_session(server: Server, version: str = "2025-11-25") -> str:
    body = {
        "jsonrpc": "2.0",
        "id": 0,
        "method": "initialize",
        "params": {"protocolVersion": version, "capabilities": {}},
    }
    answer = server.post(json.dumps(body).encode())
    session: str = answer.headers["Mcp-Session-Id"]
    return session


@requirement("M21", "M31")
def test_progress_comes_while_the_command_runs(server: Server) -> None:
    gate = server.home / "gate-of-progress"
    command = f"echo begun; while ! test -e {gate}; do sleep 0.05; done; echo ended"
    with Stream(server, "POST", call(command, progressToken="t")) as stream:
        assert stream.response.headers["Content-Type"] == "text/event-stream"
        messages = stream.messages()
        first = next(messages)
        assert first["method"] == "notifications/progress"
        assert first["params"]["message"] == "begun"
        gate.touch()
        last = list(messages)[-1]
        assert last["result"]["structuredContent"]["stdout"] == "begun\nended\n"


@requirement("M23", "W6")
def test_a_modern_client_that_hangs_up_ends_its_command(
    server: Server, eventually: Eventually
) -> None:
    message, headers = modern(call("echo $$; exec sleep 61.5", progressToken=1))
    with Stream(server, "POST", message, **headers) as stream:
        next(stream.messages())
    eventually(
        lambda: any(
            "sleep 61.5" in record["command"] and record["ended_by"] == "cancelled"
            for record in server.records("CMD_EXEC")
        ),
        "the command is recorded as cancelled",
    )
    assert not [one for one in server.descendants() if "61.5" in one.cmdline()]


@requirement("L12", "L15")
def test_a_client_of_a_session_comes_back_for_the_rest(server: Server) -> None:
    session = new_session(server)
    gate = server.home / "gate-of-the-rest"
    command = f"echo begun; while ! test -e {gate}; do sleep 0.05; done; echo ended"
    first = Stream(
        server, "POST", call(command, progressToken=1), Mcp_Session_Id=session
    )
    with first as stream:
        next(stream.messages())
    gate.touch()
    headers = {"Mcp_Session_Id": session, "Last_Event_ID": first.last_id}
    with Stream(server, "GET", None, **headers) as again:
        last = list(again.messages())[-1]
    assert last["id"] == 7
    assert last["result"]["structuredContent"]["stdout"] == "begun\nended\n"


@requirement("L4")
def test_a_session_ends_when_its_client_says_so(server: Server) -> None:
    session = new_session(server)
    headers = {"Authorization": f"Bearer {server.token}", "Mcp-Session-Id": session}
    with Stream(server, "GET", None, Mcp_Session_Id=session) as stream:
        assert next(stream.lines()).startswith("id: all-")
        answer = server.request("DELETE", "/mcp", None, headers)
        assert (answer.status, answer.body) == (204, b"")
        assert list(stream.messages()) == []
    assert server.request("DELETE", "/mcp", None, headers).status == 404


@requirement("M32")
def test_streams_end_gracefully_with_the_server(launch: Launch) -> None:
    with launch() as server:
        message, headers = modern(
            {
                "jsonrpc": "2.0",
                "id": 5,
                "method": "subscriptions/listen",
                "params": {"notifications": {}},
            }
        )
        with contextlib.ExitStack() as stack:
            listening = stack.enter_context(Stream(server, "POST", message, **headers))
            told = listening.messages()
            assert "acknowledged" in next(told)["method"]
            own = stack.enter_context(
                Stream(server, "GET", None, Mcp_Session_Id=new_session(server))
            )
            assert next(own.lines()).startswith("id: ")
            server.send_signal(signal.SIGTERM)
            rest = [one.get("method", one.get("id")) for one in told]
            assert rest == ["notifications/cancelled", 5]
            assert list(own.messages()) == []
        assert server.wait() == -signal.SIGTERM
