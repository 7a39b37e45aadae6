"""Drives a server with the client of fastmcp 4.x, in its mode auto or legacy."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
from collections.abc import AsyncIterator

import fastmcp  # type: ignore[import-not-found]  # not in our environment
import mcp  # type: ignore[import-not-found]  # the same
from fastmcp.client.transports import (  # type: ignore[import-not-found]  # the same
    StdioTransport,
    StreamableHttpTransport,
)

from tests.interaction.clients.scenario import Hear, Json, main


class Client:
    """A client of the package behind the names that all have here."""

    version = importlib.metadata.version("fastmcp")

    def __init__(self, client: fastmcp.Client) -> None:
        self.client = client
        self.protocol: str = client.protocol_version
        self.server: str = client.server_info.name

    async def tools(self) -> list[str]:
        return [tool.name for tool in await self.client.list_tools()]

    async def call(self, tool: str, arguments: Json, hear: Hear | None = None) -> Json:
        try:
            result = await self.client.call_tool_mcp(
                tool, arguments, progress_handler=hear
            )
        except mcp.MCPError as refused:
            return {"error": refused.error.model_dump()}
        dumped: Json = result.model_dump(mode="json", by_alias=True)
        return dumped

    async def ping(self) -> None:
        await self.client.ping()

    async def cancel(self, call: asyncio.Task[Json]) -> None:
        call.cancel()


@contextlib.asynccontextmanager
async def connect(plan: Json) -> AsyncIterator[Client]:
    if "url" in plan:
        headers = {"Authorization": f"Bearer {plan['token']}"}
        transport = StreamableHttpTransport(plan["url"], headers=headers)
    else:
        command, *words = plan["command"]
        transport = StdioTransport(command, words, env=plan["env"], keep_alive=False)
    async with fastmcp.Client(transport, mode=plan["mode"]) as client:
        yield Client(client)


if __name__ == "__main__":
    main(connect)
