"""What ``tools/list`` answers, held against ``tools_list.json`` beside this file.

After a change that is meant, write the file anew from the root of the checkout::

    python tests/tools/test_tools_list.py
"""

from __future__ import annotations

import difflib
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from commander.settings import Settings
from commander.testing.server import MemoryServer

requirement = pytest.mark.requirement

SNAPSHOT = Path(__file__).with_name("tools_list.json")
REQUEST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
NAMES = [
    "execute_command",
    "start_command",
    "read_output",
    "send_input",
    "signal_job",
    "list_jobs",
    "open_shell",
    "check_command",
    "list_allowed_commands",
    "list_blocked_commands",
    "get_shell_info",
]
LARGEST_BYTES = {True: 14_000, False: 10_000}
"""Compact, with and without output schemas: every model pays for them."""


def listed(*, output_schema: bool = True) -> dict[str, Any]:
    """The result as a client gets it."""
    with MemoryServer(Settings(output_schema=output_schema)) as server:
        result: dict[str, Any] = server.http.post(REQUEST).json()["result"]
        return result


def as_text(result: dict[str, Any]) -> str:
    return json.dumps(result, indent=2, ensure_ascii=False) + "\n"


@requirement("W3")
def test_the_list_is_the_one_that_was_agreed_on() -> None:
    expected = SNAPSHOT.read_text(encoding="utf-8")
    difference = difflib.unified_diff(
        expected.splitlines(keepends=True),
        as_text(listed()).splitlines(keepends=True),
        SNAPSHOT.name,
        "tools/list",
    )
    if text := "".join(difference):
        pytest.fail(
            f"{text}\nIf this is meant: python tests/tools/{Path(__file__).name}"
        )


@pytest.mark.parametrize("output_schema", [True, False])
def test_the_list_costs_a_model_little(output_schema: bool) -> None:
    result = listed(output_schema=output_schema)
    compact = json.dumps(result, separators=(",", ":"), ensure_ascii=False).encode()
    assert len(compact) <= LARGEST_BYTES[output_schema]


def test_without_output_schemas_nothing_else_changes() -> None:
    whole = listed()
    for tool in whole["tools"]:
        del tool["outputSchema"]
    assert listed(output_schema=False) == whole


@requirement("M29")
def test_the_list_is_the_same_every_time() -> None:
    assert as_text(listed()) == as_text(listed())


def test_there_are_the_four_tools_of_the_go_server_and_seven_of_our_own() -> None:
    assert [tool["name"] for tool in listed()["tools"]] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_tool_is_one_that_every_client_can_take(name: str) -> None:
    (tool,) = (tool for tool in listed()["tools"] if tool["name"] == name)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", tool["name"])
    assert tool["description"]
    for schema in (tool["inputSchema"], tool["outputSchema"]):
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["type"] == "object"
        assert "$ref" not in json.dumps(schema)
        assert set(schema["required"]) <= set(schema["properties"])
    assert tool["inputSchema"]["additionalProperties"] is False


if __name__ == "__main__":
    SNAPSHOT.write_text(as_text(listed()), encoding="utf-8")
