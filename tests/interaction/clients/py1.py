"""Drives a server with the official Python client 1.x.

Reads a plan from standard input and writes a report to standard output, both JSON.
The plan holds ``url``, ``token``, ``directory`` and ``calls``: lists of a tool's name
and its arguments. It runs in an environment of its own, without ``commander``.
"""

import asyncio
import importlib.metadata
import json
import sys
from typing import Any

from mcp import ClientSession, McpError  # type: ignore[import-not-found]  # not in ours
from mcp.client.streamable_http import (  # type: ignore[import-not-found]  # the same
    streamablehttp_client,
)


async def report_of(plan: dict[str, Any]) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {plan['token']}"}
    async with (
        streamablehttp_client(plan["url"], headers=headers) as (reader, writer, _),
        ClientSession(reader, writer) as session,
    ):
        hello = await session.initialize()
        return {
            "client": importlib.metadata.version("mcp"),
            "protocol": hello.protocolVersion,
            "server": hello.serverInfo.name,
            "tools": [tool.name for tool in (await session.list_tools()).tools],
            "results": [await attempt(session, *call) for call in plan["calls"]],
            "overlap": await overlap(session, plan["directory"]),
        }


async def attempt(session: Any, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        result = await session.call_tool(tool, arguments)
    except McpError as refused:
        return {"error": refused.error.model_dump()}
    dumped: dict[str, Any] = result.model_dump(mode="json", by_alias=True)
    return dumped


async def overlap(session: Any, directory: str) -> list[str]:
    """Ping and run commands while another runs; it ends only after they did."""

    async def run(command: str) -> str:
        call = {"command": command, "working_directory": directory, "timeout": "20s"}
        result = await session.call_tool("execute_command", call)
        return str(result.structuredContent["stdout"]).strip()

    long = asyncio.ensure_future(
        run("echo >begun; until [ -e end ]; do sleep 0.05; done; echo long")
    )
    short = await run("until [ -e begun ]; do sleep 0.05; done; echo short")
    await session.send_ping()
    await run("echo >end")
    return [short, await long]


json.dump(asyncio.run(report_of(json.load(sys.stdin))), sys.stdout)
