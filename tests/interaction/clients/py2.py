"""Drives a server with the official Python client 2.x.

As ``py1.py``; the plan also names the ``mode`` of the client, auto or legacy.
"""

import asyncio
import importlib.metadata
import json
import sys
from typing import Any

import httpx2  # type: ignore[import-not-found]  # not in our environment
from mcp import Client, MCPError  # type: ignore[import-not-found]  # the same
from mcp.client.streamable_http import (  # type: ignore[import-not-found]  # the same
    streamable_http_client,
)

TIMEOUT_SECONDS = 60.0


async def report_of(plan: dict[str, Any]) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {plan['token']}"}
    async with httpx2.AsyncClient(headers=headers, timeout=TIMEOUT_SECONDS) as http:
        transport = streamable_http_client(plan["url"], http_client=http)
        async with Client(transport, mode=plan["mode"]) as client:
            return {
                "client": importlib.metadata.version("mcp"),
                "protocol": client.protocol_version,
                "server": client.server_info.name,
                "tools": [tool.name for tool in (await client.list_tools()).tools],
                "results": [await attempt(client, *call) for call in plan["calls"]],
                "overlap": await overlap(client, plan["directory"]),
            }


async def attempt(client: Any, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        result = await client.call_tool(tool, arguments)
    except MCPError as refused:
        return {"error": refused.error.model_dump()}
    dumped: dict[str, Any] = result.model_dump(mode="json", by_alias=True)
    return dumped


async def overlap(client: Any, directory: str) -> list[str]:
    """Ping and run commands while another runs; it ends only after they did."""

    async def run(command: str) -> str:
        call = {"command": command, "working_directory": directory, "timeout": "20s"}
        result = await client.call_tool("execute_command", call)
        return str(result.structured_content["stdout"]).strip()

    long = asyncio.ensure_future(
        run("echo >begun; until [ -e end ]; do sleep 0.05; done; echo long")
    )
    short = await run("until [ -e begun ]; do sleep 0.05; done; echo short")
    await client.send_ping()
    await run("echo >end")
    return [short, await long]


json.dump(asyncio.run(report_of(json.load(sys.stdin))), sys.stdout)
