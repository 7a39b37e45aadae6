"""The clients of other makers that the server is tried with, and how each is run.

``make test`` installs them: those in Python into environments beside ours, those from
npm into ``.cache/clients``. The programs that drive them are in ``clients``.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
NPM: Final = ROOT / ".cache/clients"
"""Where `make node-clients` puts packages, and a link to our programs."""
ARCHITECTURES: Final = {"x86_64": "x64", "aarch64": "arm64"}
NODE: Final = (
    NPM
    / "node_modules"
    / f"node-linux-{ARCHITECTURES.get(platform.machine(), 'unknown')}"
    / "bin/node"
)
"""A package too: the Inspector needs a later Node.js than Debian has."""
INSPECTOR: Final = "@modelcontextprotocol/inspector/clients/launcher/build/index.js"

LEGACY: Final = "legacy"
AUTO: Final = "auto"
PROTOCOLS: Final = {LEGACY: "2025-11-25", AUTO: "2026-07-28"}
"""The version that each mode of a client agrees on with our server."""
HTTP: Final = "http"
STDIO: Final = "stdio"

STDIO_COMMAND: Final = [sys.executable, "-m", "commander", "--transport", "stdio"]
CALL_STEPS: Final = ("results",)
SESSION_STEPS: Final = ("results", "overlap", "progress", "cancel", "jobs")

Json = dict[str, Any]


def environment(home: Path) -> dict[str, str]:
    """Next to nothing, with a home directory that tells whose process it is."""
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(home)}


@attrs.frozen(kw_only=True)
class Client:
    """A client and what it can do."""

    name: str
    package: str
    version: str
    """As pinned in the Makefile or in ``clients/package.json``."""
    venv: str | None = None
    """The environment of a client in Python."""
    program: str
    """The module, or the file, in ``clients`` that drives it."""
    modes: tuple[str, ...] = (AUTO, LEGACY)
    steps: tuple[str, ...] = SESSION_STEPS
    """What it takes part in, besides being cut off."""

    @property
    def words(self) -> list[str]:
        """The command line of the program; the test is skipped if it cannot run."""
        if self.venv is not None:
            python = ROOT / self.venv / "bin/python"
            if not python.exists():
                pytest.skip(f"no {self.venv}: `make venv-clients` makes it")
            return [str(python), "-m", f"tests.interaction.clients.{self.program}"]
        if not NODE.exists():
            pytest.skip(f"no {NODE}: `make node-clients` installs it if npm is there")
        if self.program.endswith(".mjs"):
            # Its packages stand beside the link, not beside the file.
            preserved = ["--preserve-symlinks", "--preserve-symlinks-main"]
            return [str(NODE), *preserved, str(NPM / "programs" / self.program)]
        return [sys.executable, "-m", f"tests.interaction.clients.{self.program}"]


CLIENTS: Final = (
    Client(
        name="py-mcp1",
        package="mcp",
        version="1.30.0",
        venv=".venv-mcp1",
        program="py1",
        modes=(LEGACY,),
    ),
    Client(
        name="py-mcp2",
        package="mcp",
        version="2.3.0",
        venv=".venv-mcp2",
        program="py2",
    ),
    Client(
        name="py-fastmcp",
        package="fastmcp",
        version="4.1.2",
        venv=".venv-fastmcp",
        program="fastmcp4",
    ),
    Client(
        name="npm-sdk",
        package="@modelcontextprotocol/sdk",
        version="1.32.2",
        program="sdk1.mjs",
        modes=(LEGACY,),
    ),
    Client(
        name="npm-client",
        package="@modelcontextprotocol/client",
        version="2.4.0",
        program="client2.mjs",
    ),
    Client(
        name="npm-inspector",
        package="@modelcontextprotocol/inspector",
        version="2.12.0",
        program="inspector",
        steps=CALL_STEPS,
    ),
)


@attrs.frozen
class Case:
    """A client in one of its modes over one of the transports."""

    client: Client
    mode: str
    transport: str

    def __str__(self) -> str:
        return f"{self.client.name}-{self.mode}-{self.transport}"

    @property
    def protocol(self) -> str:
        return PROTOCOLS[self.mode]

    @property
    def modern(self) -> bool:
        return self.mode == AUTO

    def plan(self, directory: Path, server: Mapping[str, Any], **more: object) -> bytes:
        """What its program reads.

        Args:
            directory: Where commands run.
            server: ``url`` and ``token``, or ``command`` and ``env``.
            more: ``steps``, and ``calls``.
        """
        started_by = [str(NODE), str(NPM / "node_modules" / INSPECTOR), "--cli"]
        plan = {
            "mode": self.mode,
            "directory": str(directory),
            "program": started_by,
            **server,
            **more,
        }
        return json.dumps(plan).encode()


CASES: Final = tuple(
    Case(client, mode, transport)
    for client in CLIENTS
    for mode in client.modes
    for transport in (HTTP, STDIO)
)
"""Every one; all clients know both transports."""
SESSION_CASES: Final = tuple(
    case for case in CASES if case.client.steps == SESSION_STEPS
)
