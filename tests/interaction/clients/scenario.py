"""What every Python client does with a server, and how it tells of it.

A plan comes on standard input, a report goes to standard output, both JSON. The plan
holds ``url`` and ``token`` of a server, or ``command`` and ``env`` to start one on
pipes; the ``mode`` of the client; a ``directory`` that commands run in, where client
and command leave files for each other; and ``steps``, the names of functions here. The
step ``results`` makes the ``calls``: a tool and its arguments, by a name. The step
``jobs`` makes those of ``script``, in order; an argument ``$NAME.FACT`` stands for a
fact of an earlier result.

The report holds who took part, the tools, and what each step gave. The programs of the
other languages do the same.

These modules run in environments of their own, without ``commander``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

Json = dict[str, Any]
Hear = Callable[[float, float | None, str | None], Awaitable[None]]

GONE_SECONDS = 15.0
"""How long a cancelled command may live: it is sent SIGTERM at once."""
POLL_SECONDS = 0.02
HANDSHAKE_VERSION = "2025-11-25"
"""The newest version with ``ping``."""
LINES_WANTED = 3
LINES_BEFORE_THE_CUT = 2

COUNT = (
    "for n in $(seq 30); do"
    ' if [ -e enough ]; then break; fi; echo "line $n"; sleep 0.5; '
    "done; echo end"
)
"""Prints a line each half second until it is told that some were heard."""
FLOOD = "yes | head -c 67108864"
BYSTANDER = "until [ -e freed ]; do sleep 0.05; done; echo spared"
SLEEP = "echo $$ >cancel.pid; sleep 300"
HANG = "echo $$ >hang.pid; until [ -e end ]; do sleep 0.1; done; echo >ended"


class Driver(Protocol):
    """A client that is connected."""

    @property
    def version(self) -> str:
        """The version of the client's package."""

    @property
    def protocol(self) -> str:
        """The protocol version that was agreed on."""

    @property
    def server(self) -> str:
        """The name that the server gave itself."""

    async def tools(self) -> list[str]:
        """The names of the server's tools."""

    async def call(self, tool: str, arguments: Json, hear: Hear | None = None) -> Json:
        """Call a tool; gives its result, or ``error`` with what it was refused for."""

    async def ping(self) -> None:
        """Ask for a sign of life."""

    async def cancel(self, call: asyncio.Task[Json]) -> None:
        """Give up a call in the way that this client has for it."""


Connect = Callable[[Json], AbstractAsyncContextManager[Driver]]


def main(connect: Connect) -> None:
    """Do what the plan says with one client."""
    json.dump(asyncio.run(report_of(connect, json.load(sys.stdin))), sys.stdout)


async def report_of(connect: Connect, plan: Json) -> Json:
    async with connect(plan) as driver:
        report: Json = {
            "client": driver.version,
            "protocol": driver.protocol,
            "server": driver.server,
            "tools": await driver.tools(),
        }
        for step in plan["steps"]:
            report[step] = await STEPS[step](driver, plan)
        return report


async def results(driver: Driver, plan: Json) -> Json:
    return {name: await driver.call(*call) for name, call in plan["calls"].items()}


async def overlap(driver: Driver, plan: Json) -> list[str]:
    """Run a command while another runs, which ends only after the first did."""
    long = asyncio.ensure_future(
        run(driver, plan, "echo >begun; until [ -e done ]; do sleep 0.05; done; echo b")
    )
    short = await run(driver, plan, "until [ -e begun ]; do sleep 0.05; done; echo a")
    if driver.protocol <= HANDSHAKE_VERSION:
        await driver.ping()
    await run(driver, plan, "echo >done")
    return [said(short), said(await long)]


async def progress(driver: Driver, plan: Json) -> Json:
    """Hear lines of a command that runs until some were heard, then of a flood."""
    counted = await count(driver, plan, {LINES_WANTED: "enough"})
    flood = await run(driver, plan, FLOOD, hearing([]))
    return {**counted, "flood": flood}


async def cut(driver: Driver, plan: Json) -> Json:
    """Hear lines, ask for the connection to be cut, and hear as many again."""
    before = LINES_BEFORE_THE_CUT
    return await count(driver, plan, {before: "cut", before + LINES_WANTED: "enough"})


async def count(driver: Driver, plan: Json, files: dict[int, str]) -> Json:
    """Hear lines, and make a file when so many were heard."""
    notes: list[Json] = []

    def count_them() -> None:
        if len(notes) in files:
            Path(plan["directory"], files[len(notes)]).touch()

    result = await run(driver, plan, COUNT, hearing(notes, count_them))
    return {"notes": notes, "result": result}


def hearing(notes: list[Json], then: Callable[[], None] = lambda: None) -> Hear:
    async def hear(value: float, total: float | None, message: str | None) -> None:
        notes.append({"progress": value, "total": total, "message": message})
        then()

    return hear


async def cancel(driver: Driver, plan: Json) -> Json:
    """Give up one of two commands, see it go, and use the same session again."""
    bystander = asyncio.ensure_future(run(driver, plan, BYSTANDER))
    call = asyncio.ensure_future(run(driver, plan, SLEEP))
    pid = await pid_in(Path(plan["directory"], "cancel.pid"))
    await driver.cancel(call)
    gone = await is_gone(pid)
    outcome = (await asyncio.gather(call, return_exceptions=True))[0]
    after = await run(driver, plan, "echo >freed; echo after")
    return {
        "gone": gone,
        "outcome": repr(outcome),
        "said": [said(after), said(await bystander)],
    }


async def hang(driver: Driver, plan: Json) -> Json:
    """Wait for a command that ends only when it is told."""
    return await run(driver, plan, HANG)


async def jobs(driver: Driver, plan: Json) -> Json:
    """Make calls that build on each other."""
    facts: dict[str, Json] = {}
    results: Json = {}
    for name, tool, given in plan["script"]:
        result = await driver.call(tool, filled(given, facts))
        results[name] = result
        facts[name] = result.get("structuredContent") or {}
    return results


def filled(given: Json, facts: dict[str, Json]) -> Json:
    """Arguments with the facts that they stand for."""

    def fact(value: Any) -> Any:
        if isinstance(value, str) and value.startswith("$"):
            name, _, member = value[1:].partition(".")
            return facts[name].get(member, "")
        return value

    return {name: fact(value) for name, value in given.items()}


STEPS: dict[str, Callable[[Driver, Json], Awaitable[Any]]] = {
    step.__name__: step
    for step in (results, overlap, progress, cut, cancel, hang, jobs)
}


async def run(
    driver: Driver, plan: Json, command: str, hear: Hear | None = None
) -> Json:
    arguments = {
        "command": command,
        "working_directory": plan["directory"],
        "timeout": "40s",
    }
    return await driver.call("execute_command", arguments, hear)


def said(result: Json) -> str:
    return str(result["structuredContent"]["stdout"]).strip()


async def pid_in(file: Path) -> int:
    """The number that a command writes into a file, once it is there."""
    async with asyncio.timeout(GONE_SECONDS):
        while not file.exists() or not file.read_text().endswith("\n"):
            await asyncio.sleep(POLL_SECONDS)
    return int(file.read_text())


async def is_gone(pid: int) -> bool:
    deadline = time.monotonic() + GONE_SECONDS
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            await asyncio.sleep(POLL_SECONDS)
        return False
    return True
