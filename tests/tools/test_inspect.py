"""The tools that only tell: what may run, and how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema
import pytest
from twisted.internet.defer import Deferred

from commander.mcp.versions import HANDSHAKE_VERSIONS
from commander.policy.checker import PolicyChecker
from commander.policy.lists import PolicyLists
from commander.principals import ANONYMOUS
from commander.settings import Settings
from commander.tools.inspect import (
    GetShellInfo,
    ListAllowedCommands,
    ListBlockedCommands,
)
from commander.tools.registry import CallContext, Tool, ToolAnswer, ToolRegistry


def checker(
    allowed: tuple[str, ...] = (),
    blocked: tuple[str, ...] = (),
    *,
    use_default_blocklist: bool = False,
) -> PolicyChecker:
    return PolicyChecker(
        PolicyLists(
            allowed=allowed,
            blocked=blocked,
            use_default_blocklist=use_default_blocklist,
            allowed_env=(),
        )
    )


def shell_info(settings: Settings | None = None) -> GetShellInfo:
    return GetShellInfo(
        settings or Settings(), protocol_versions=("2024-11-05", "2025-11-25")
    )


TOOLS: list[Tool] = [
    ListAllowedCommands(checker()),
    ListBlockedCommands(checker()),
    shell_info(),
]


def call(tool: Tool, arguments: Mapping[str, Any] | None = None) -> ToolAnswer:
    """Call a tool, and hold its answer to the schema that it publishes."""
    registry = ToolRegistry([tool], with_output_schema=True)
    fired: list[ToolAnswer] = []
    Deferred.fromCoroutine(
        registry.call(tool.name, arguments or {}, CallContext(principal=ANONYMOUS))
    ).addCallback(fired.append)
    (answer,) = fired
    (described,) = registry.described()
    jsonschema.validate(answer.facts, described["outputSchema"])
    return answer


@pytest.mark.parametrize(
    ("allowed", "allow_all"), [((), True), (("ls", "git status"), False)]
)
def test_the_allowed_commands_are_listed_as_the_operator_wrote_them(
    allowed: tuple[str, ...], allow_all: bool
) -> None:
    assert call(ListAllowedCommands(checker(allowed))) == ToolAnswer(
        facts={"allowed_commands": list(allowed), "allow_all": allow_all}
    )


def test_the_blocked_commands_are_the_operators() -> None:
    assert call(ListBlockedCommands(checker(blocked=("curl", "rm -r")))) == ToolAnswer(
        facts={
            "blocked_commands": ["curl", "rm -r"],
            "using_default_blocklist": False,
        }
    )


def test_the_default_blocklist_follows_them_if_it_is_in_force() -> None:
    tool = ListBlockedCommands(checker(blocked=("curl",), use_default_blocklist=True))
    facts = call(tool).facts
    assert facts["using_default_blocklist"] is True
    first, *others = facts["blocked_commands"]
    assert first == "curl"
    assert {"rm -rf /", "mkfs", "shutdown"} <= set(others)


def test_the_shell_is_told_with_the_limits() -> None:
    settings = Settings(
        shell="/bin/bash",
        shell_arg="-lc",
        default_timeout_seconds=90.0,
        max_timeout_seconds=7200.0,
        max_output_bytes=1000,
        finished_ttl_seconds=1800.0,
    )
    assert call(shell_info(settings)) == ToolAnswer(
        facts={
            "shell": "/bin/bash",
            "shell_arg": "-lc",
            "default_timeout": "1m30s",
            "max_timeout": "2h0m0s",
            "output_limit_bytes": 1000,
            "wait_ceiling_seconds": 50,
            "job_ttl_seconds": 1800.0,
            "protocol_versions": ["2024-11-05", "2025-11-25"],
        }
    )


def test_the_shell_is_told_as_the_guide_has_it_by_default() -> None:
    facts = call(GetShellInfo(Settings(), protocol_versions=HANDSHAKE_VERSIONS)).facts
    assert facts["shell"] == "/bin/sh"
    assert facts["shell_arg"] == "-c"
    assert facts["default_timeout"] == "30s"


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: str(tool.name))
def test_an_argument_is_refused_beside_the_facts(tool: Tool) -> None:
    answer = call(tool, {"verbose": True})
    assert answer == ToolAnswer(
        facts={
            **call(tool).facts,
            "error": 'unknown argument "verbose"; the tool takes: none',
        },
        is_error=True,
    )
