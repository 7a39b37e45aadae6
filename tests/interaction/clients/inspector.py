"""Drives a server with the command line of the MCP Inspector.

It makes one call a run and shows no progress, so it takes part in ``results`` and, as
the process that is killed, in ``hang``. The plan's ``program`` is how it is started.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.interaction.clients.scenario import HANG, Json

AT_ONCE = 4
CALL_SECONDS = 40.0


def main(plan: Json) -> None:
    if plan["steps"] == ["hang"]:
        words = command_line(plan, *calling("execute_command", hanging(plan)))
        os.execv(words[0], words)  # so that who kills us kills it
    json.dump(report_of(plan), sys.stdout)


def report_of(plan: Json) -> Json:
    hello = ask(plan, "--method", "initialize")
    tools = ask(plan, "--method", "tools/list")["tools"]
    return {
        "client": version_of(Path(plan["program"][1])),
        "protocol": hello["protocolVersion"],
        "server": hello["serverInfo"]["name"],
        "tools": [tool["name"] for tool in tools],
        "results": results(plan),
    }


def results(plan: Json) -> Json:
    def result_of(call: tuple[str, Json]) -> Json:
        return ask(plan, *calling(*call))

    calls = plan["calls"]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(calls, pool.map(result_of, calls.values()), strict=True))


def ask(plan: Json, *words: str) -> Json:
    """What one run of the Inspector prints: a result, or ``error``."""
    done = subprocess.run(
        command_line(plan, *words),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=CALL_SECONDS,
        check=False,
    )
    if not done.stdout:
        refusal: Json = json.loads(done.stderr.splitlines()[-1])
        return refusal
    result: Json = json.loads(done.stdout)["result"]
    return result


def command_line(plan: Json, *words: str) -> list[str]:
    ours = ["--protocol-era", plan["mode"], "--format", "json", "--quiet", *words]
    if "url" in plan:
        token = f"Authorization: Bearer {plan['token']}"
        target = [plan["url"], "--transport", "http", "--header", token]
    else:
        # It has a --transport of its own, so ours is named by a variable.
        env = {**plan["env"], "MCP_TRANSPORT": "stdio"}
        settings = [f"{name}={value}" for name, value in env.items()]
        target = [word for setting in settings for word in ("-e", setting)]
        target += [word for word in plan["command"] if word not in STDIO]
    return [*plan["program"], *target, *ours]


STDIO = ("--transport", "stdio")


def calling(tool: str, arguments: Json) -> list[str]:
    given = json.dumps(arguments)
    return [
        "--method",
        "tools/call",
        "--tool-name",
        tool,
        "--tool-args-json",
        given,
    ]


def hanging(plan: Json) -> Json:
    return {"command": HANG, "working_directory": plan["directory"], "timeout": "40s"}


def version_of(program: Path) -> str:
    """The version in the package's description, which stands above the program."""
    for folder in program.parents:
        if (folder / "package.json").exists():
            described: Json = json.loads((folder / "package.json").read_text())
            return str(described["version"])
    raise FileNotFoundError(program)


if __name__ == "__main__":
    main(json.load(sys.stdin))
