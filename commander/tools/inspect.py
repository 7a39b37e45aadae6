"""The tools that tell what the server allows and how it runs commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Final

import attrs
from msgspec import Meta

from commander.durations import format_duration
from commander.policy.checker import PolicyChecker
from commander.settings import Settings
from commander.tools.job_results import WAIT_CEILING_SECONDS
from commander.tools.registry import CallContext, ToolAnswer
from commander.tools.schemas import ArgumentProblem, ResultSchema

__all__ = ["GetShellInfo", "ListAllowedCommands", "ListBlockedCommands"]

_READ_ONLY: Final = {
    "readOnlyHint": True,
    "destructiveHint": False,
    "idempotentHint": True,
    "openWorldHint": False,
}


@attrs.frozen(kw_only=True)
class NoArguments:
    """These tools take none."""


class AllowedResult(ResultSchema):
    """What ``list_allowed_commands`` answers."""

    allowed_commands: list[str]
    allow_all: Annotated[
        bool, Meta(description="No allow-list: all that is not blocked may run")
    ]
    error: str = ""


class BlockedResult(ResultSchema):
    """What ``list_blocked_commands`` answers."""

    blocked_commands: list[str]
    using_default_blocklist: bool
    error: str = ""


class ShellResult(ResultSchema):
    """What ``get_shell_info`` answers."""

    shell: str
    shell_arg: str
    default_timeout: str
    max_timeout: str
    output_limit_bytes: Annotated[
        int, Meta(description="Kept of each stream, beginning and end")
    ]
    wait_ceiling_seconds: int
    job_ttl_seconds: Annotated[float, Meta(description="Of finished jobs")]
    protocol_versions: list[str]
    error: str = ""


class _Inspection:
    """A tool without arguments that always answers the same.

    Args:
        facts: Asked at each call, not before: the server's first call may be what
            imports the policy.
    """

    arguments: ClassVar[type] = NoArguments
    annotations: ClassVar[Mapping[str, bool]] = _READ_ONLY

    def __init__(self, facts: Callable[[], Mapping[str, Any]]) -> None:
        self._facts = facts

    async def call(self, arguments: NoArguments, context: CallContext) -> ToolAnswer:
        """Answer with the facts."""
        return ToolAnswer(facts=self._facts())

    def refuse(self, problem: ArgumentProblem) -> ToolAnswer:
        """Say what is wrong, beside the facts, as the result's schema wants them."""
        facts = {**self._facts(), "error": problem.text}
        return ToolAnswer(facts=facts, is_error=True)


class ListAllowedCommands(_Inspection):
    """What the allow-list names."""

    name: ClassVar[str] = "list_allowed_commands"
    title: ClassVar[str] = "List Allowed Commands"
    description: ClassVar[str] = (
        "List the commands that may run, compared word by word from the start of a "
        "command. An empty list allows everything that is not blocked."
    )
    result: ClassVar[type] = AllowedResult

    def __init__(self, checker: PolicyChecker) -> None:
        super().__init__(
            lambda: {
                "allowed_commands": list(checker.allowed_commands),
                "allow_all": checker.allow_all,
            }
        )


class ListBlockedCommands(_Inspection):
    """What the blocklists name."""

    name: ClassVar[str] = "list_blocked_commands"
    title: ClassVar[str] = "List Blocked Commands"
    description: ClassVar[str] = (
        "List the commands that are refused even if the allow-list names them."
    )
    result: ClassVar[type] = BlockedResult

    def __init__(self, checker: PolicyChecker) -> None:
        super().__init__(
            lambda: {
                "blocked_commands": list(checker.blocked_commands),
                "using_default_blocklist": checker.using_default_blocklist,
            }
        )


class GetShellInfo(_Inspection):
    """How commands are run."""

    name: ClassVar[str] = "get_shell_info"
    title: ClassVar[str] = "Get Shell Info"
    description: ClassVar[str] = (
        "Tell which shell runs commands, and the limits of time and output."
    )
    result: ClassVar[type] = ShellResult

    def __init__(
        self, settings: Settings, *, protocol_versions: tuple[str, ...]
    ) -> None:
        super().__init__(
            lambda: {
                "shell": settings.shell,
                "shell_arg": settings.shell_arg,
                "default_timeout": format_duration(settings.default_timeout_seconds),
                "max_timeout": format_duration(settings.max_timeout_seconds),
                "output_limit_bytes": settings.max_output_bytes,
                "wait_ceiling_seconds": WAIT_CEILING_SECONDS,
                "job_ttl_seconds": settings.finished_ttl_seconds,
                "protocol_versions": list(protocol_versions),
            }
        )
