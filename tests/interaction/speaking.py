"""A client of our own in each era, over HTTP: enough to call tools and to leave."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tests.interaction.conftest import Server

__all__ = ["ERAS", "Speaker"]

HANDSHAKE: Final = "2025-11-25"
MODERN: Final = "2026-07-28"
ERAS: Final = (HANDSHAKE, MODERN)
SECONDS: Final = 60.0

Json = dict[str, Any]


class Speaker:
    """One client.

    Args:
        server: Whom it talks to.
        version: Of the protocol.
        port: In place of the server's own.
    """

    def __init__(self, server: Server, version: str, port: int | None = None) -> None:
        self._server = server
        self._version = version
        self._port = port or server.port
        self._ids = itertools.count(1)
        self._session: str | None = None
        if version == HANDSHAKE:
            self._session = self._initialize()

    def call(self, tool: str, **arguments: object) -> Json:
        """Call a tool to its end; the structured result, with the text under ``text``.

        Raises:
            OSError: The connection broke.
        """
        connection, response = self._begin(tool, arguments, {})
        with contextlib.closing(connection):
            *_, last = self._messages(response)
        return _facts(last)

    def follow(self, tool: str, **arguments: object) -> tuple[list[Json], Json]:
        """The same with a progress token: the notifications, and the result."""
        meta = {"progressToken": next(self._ids)}
        connection, response = self._begin(tool, arguments, meta)
        with contextlib.closing(connection):
            *told, last = self._messages(response)
        return told, _facts(last)

    @contextlib.contextmanager
    def listening(self, tool: str, **arguments: object) -> Iterator[Iterator[Json]]:
        """Call a tool with a progress token, read its stream, and hang up."""
        meta = {"progressToken": next(self._ids)}
        connection, response = self._begin(tool, arguments, meta)
        try:
            yield self._messages(response)
        finally:
            response.close()
            connection.close()

    def _initialize(self) -> str:
        params = {
            "protocolVersion": HANDSHAKE,
            "capabilities": {},
            "clientInfo": {"name": "speaker", "version": "1"},
        }
        connection, response = self._post("initialize", params, {})
        with contextlib.closing(connection):
            list(self._messages(response))
        session = response.getheader("Mcp-Session-Id")
        assert session is not None
        return session

    def _begin(
        self, tool: str, arguments: Json, meta: Json
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        headers = {"MCP-Protocol-Version": self._version}
        if self._session is None:
            meta = {
                "io.modelcontextprotocol/protocolVersion": self._version,
                "io.modelcontextprotocol/clientCapabilities": {},
                **meta,
            }
            headers |= {"Mcp-Method": "tools/call", "Mcp-Name": tool}
        else:
            headers["Mcp-Session-Id"] = self._session
        params = {"name": tool, "arguments": arguments, "_meta": meta}
        return self._post("tools/call", params, headers)

    def _post(
        self, method: str, params: Json, headers: dict[str, str]
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        message = {
            "jsonrpc": "2.0",
            "id": next(self._ids),
            "method": method,
            "params": params,
        }
        connection = http.client.HTTPConnection(
            "127.0.0.1", self._port, timeout=SECONDS
        )
        said = {
            "Accept": "application/json, text/event-stream",
            "Authorization": f"Bearer {self._server.token}",
            "Content-Type": "application/json",
            **headers,
        }
        connection.request("POST", "/mcp", json.dumps(message).encode(), said)
        return connection, connection.getresponse()

    @staticmethod
    def _messages(response: http.client.HTTPResponse) -> Iterator[Json]:
        """What came, as it comes; it ends with the reply."""
        if response.headers.get_content_type() != "text/event-stream":
            yield json.loads(response.read())
            return
        for line in response:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name == "data" and value:
                yield json.loads(value)


def _facts(reply: Json) -> Json:
    assert "result" in reply, reply
    result = reply["result"]
    facts: Json = result["structuredContent"]
    facts["is_error"] = result.get("isError", False)
    facts["text"] = result["content"][0]["text"]
    return facts
