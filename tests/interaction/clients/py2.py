"""Drives a server with the official Python client 2.x, in its mode auto or legacy."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
from collections.abc import AsyncIterator

import httpx2  # type: ignore[import-not-found]  # not in our environment
import mcp  # type: ignore[import-not-found]  # the same
from mcp.client.streamable_http import (  # type: ignore[import-not-found]  # the same
    streamable_http_client,
)

from tests.interaction.clients.scenario import Hear, Json, main

TIMEOUT_SECONDS = 60.0


class Client:
    """A client of the package behind the names that all have here."""

    version = importlib.metadata.version("mcp")

    def __init__(self, client: mcp.Client) -> None:
        self.client = client
        self.protocol: str = client.protocol_version
        self.server: str = client.server_info.name

    async def tools(self) -> list[str]:
        return [tool.name for tool in (await self.client.list_tools()).tools]

    async def call(self, tool: str, arguments: Json, hear: Hear | None = None) -> Json:
        try:
            result = await self.client.call_tool(
                tool, arguments, progress_callback=hear
            )
        except mcp.MCPError as refused:
            return {"error": refused.error.model_dump()}
        dumped: Json = result.model_dump(mode="json", by_alias=True)
        return dumped

    async def ping(self) -> None:
        await self.client.send_ping()

    async def cancel(self, call: asyncio.Task[Json]) -> None:
        call.cancel()


@contextlib.asynccontextmanager
async def connect(plan: Json) -> AsyncIterator[Client]:
    async with contextlib.AsyncExitStack() as stack:
        if "url" in plan:
            headers = {"Authorization": f"Bearer {plan['token']}"}
            http = httpx2.AsyncClient(headers=headers, timeout=TIMEOUT_SECONDS)
            await stack.enter_async_context(http)
            server = streamable_http_client(plan["url"], http_client=http)
        else:
            command, *words = plan["command"]
            server = mcp.StdioServerParameters(
                command=command, args=words, env=plan["env"]
            )
        client = mcp.Client(server, mode=plan["mode"])
        yield Client(await stack.enter_async_context(client))


if __name__ == "__main__":
    main(connect)
