"""Drives a server with the official Python client 1.x, which knows the handshake."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
from collections.abc import AsyncIterator

from mcp import (  # type: ignore[import-not-found]  # not in our environment
    ClientSession,
    McpError,
    StdioServerParameters,
    types,
)
from mcp.client.stdio import stdio_client  # type: ignore[import-not-found]  # the same
from mcp.client.streamable_http import (  # type: ignore[import-not-found]  # the same
    streamablehttp_client,
)

from tests.interaction.clients.scenario import Hear, Json, main


class Client:
    """A session, and what was agreed on when it began."""

    version = importlib.metadata.version("mcp")

    def __init__(self, session: ClientSession, hello: types.InitializeResult) -> None:
        self.session = session
        self.protocol: str = hello.protocolVersion
        self.server: str = hello.serverInfo.name

    async def tools(self) -> list[str]:
        return [tool.name for tool in (await self.session.list_tools()).tools]

    async def call(self, tool: str, arguments: Json, hear: Hear | None = None) -> Json:
        try:
            result = await self.session.call_tool(
                tool, arguments, progress_callback=hear
            )
        except McpError as refused:
            return {"error": refused.error.model_dump()}
        dumped: Json = result.model_dump(mode="json", by_alias=True)
        return dumped

    async def ping(self) -> None:
        await self.session.send_ping()

    async def cancel(self, call: asyncio.Task[Json]) -> None:
        """Say so to the server, which this client does not do by itself."""
        # Nothing public tells the number of a request; this was the last one.
        number = self.session._request_id - 1
        cancelled = types.CancelledNotification(
            method="notifications/cancelled",
            params=types.CancelledNotificationParams(requestId=number),
        )
        await self.session.send_notification(types.ClientNotification(cancelled))
        call.cancel()


@contextlib.asynccontextmanager
async def connect(plan: Json) -> AsyncIterator[Client]:
    if "url" in plan:
        headers = {"Authorization": f"Bearer {plan['token']}"}
        transport = streamablehttp_client(plan["url"], headers=headers)
    else:
        command, *words = plan["command"]
        transport = stdio_client(
            StdioServerParameters(command=command, args=words, env=plan["env"])
        )
    async with (
        transport as (reader, writer, *_),
        ClientSession(reader, writer) as session,
    ):
        yield Client(session, await session.initialize())


if __name__ == "__main__":
    main(connect)
