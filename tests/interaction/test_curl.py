"""The server through ``curl``, as a person without a client uses it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.interaction.conftest import Server

pytestmark = [
    pytest.mark.interaction,
    pytest.mark.skipif(shutil.which("curl") is None, reason="no curl"),
]

MIB = 1024 * 1024


def run(server: Server, command: str, **arguments: str) -> dict[str, Any]:
    """The structured result of a command."""
    message = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {
            "name": "execute_command",
            "arguments": {"command": command, **arguments},
        },
    }
    done = subprocess.run(
        [
            *("curl", "-sS", "--max-time", "60", f"{server.url}/mcp"),
            *("-H", f"Authorization: Bearer {server.token}"),
            *("-H", "Content-Type: application/json", "--data-binary", "@-"),
        ],
        input=json.dumps(message).encode(),
        capture_output=True,
        check=True,
    )
    result: dict[str, Any] = json.loads(done.stdout)["result"]["structuredContent"]
    return result


def test_a_command_that_fails_tells_its_status(server: Server) -> None:
    result = run(server, "echo why >&2; exit 7")
    assert (result["exit_code"], result["stderr"]) == (7, "why\n")


def test_a_command_that_takes_too_long_is_ended_and_says_so(server: Server) -> None:
    result = run(server, "echo begun; sleep 60", timeout="500ms")
    assert result["timed_out"] is True
    assert result["ended_by"] == "timeout"
    assert result["error"] == "command timed out after 500ms"
    assert result["stdout"] == "begun\n"


def test_64_mib_of_output_come_as_their_ends_with_an_exact_count(
    server: Server,
) -> None:
    result = run(server, "echo first; yes | head -c 67108864; echo last")
    assert result["truncated"] is True
    assert result["stdout"].startswith("first\n")
    assert result["stdout"].endswith("last\n")
    total = len("first\nlast\n") + 64 * MIB
    marker = r"\n\[\.\.\. ([\d,]+) bytes,.*\]\n"
    head, omitted, tail = re.split(marker, result["stdout"])
    assert result["stdout_omitted_bytes"] == total - len(head) - len(tail)
    assert omitted == f"{result['stdout_omitted_bytes']:,}"
    assert len(head) + len(tail) == 30_000
