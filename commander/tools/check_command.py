"""The tool ``check_command``: what the policy says about a command, without running it.

A model that plans a long command learns which part of it would be refused and why,
before it depends on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

import attrs
import msgspec
from msgspec import Meta

from commander.commands import CommandRequest
from commander.execution.runner import CommandRunner
from commander.policy.checker import Approved, Denied
from commander.policy.denials import Segment
from commander.tools.command_arguments import (
    Command,
    Environment,
    WorkingDirectory,
    command_problem,
)
from commander.tools.registry import CallContext, ToolAnswer
from commander.tools.schemas import ArgumentProblem, ResultSchema

__all__ = ["CheckCommand"]

_MAX_SEGMENTS: Final = 50
"""Told of one command; those that are refused come first."""
_NO_TIMEOUT: Final = 1.0
"""Seconds; nothing runs, so nothing can take longer."""


@attrs.frozen(kw_only=True)
class Arguments:
    """What ``check_command`` takes."""

    command: Command
    working_directory: WorkingDirectory = ""
    env: Environment = attrs.field(factory=dict)


class SegmentResult(ResultSchema):
    """One command of the text."""

    text: str
    decision: Literal["allow", "deny"]
    rule_id: str = ""
    reason: str = ""
    suggestion: str = ""


class Result(ResultSchema):
    """What ``check_command`` answers."""

    decision: Annotated[
        Literal["allow", "deny"], Meta(description="What execute_command would do")
    ]
    reason: str = ""
    rule_id: str = ""
    runs: Annotated[str, Meta(description="What the shell would get")] = ""
    segments: Annotated[
        list[SegmentResult],
        Meta(description="Each command, where there is an allow-list"),
    ] = msgspec.field(default_factory=list)
    error: str = ""


class CheckCommand:
    """The tool; see the class attributes for what clients are told.

    Args:
        runner: Decides as it would before it runs a command.
    """

    name: ClassVar[str] = "check_command"
    title: ClassVar[str] = "Check Command"
    description: ClassVar[str] = (
        "Tell whether execute_command would run a command, and if not, which part of "
        "it is refused and why. Runs nothing."
    )
    arguments: ClassVar[type] = Arguments
    result: ClassVar[type] = Result
    annotations: ClassVar[Mapping[str, bool]] = {
        "readOnlyHint": True,
        "destructiveHint": False,
        "idempotentHint": True,
        "openWorldHint": False,
    }

    def __init__(self, runner: CommandRunner) -> None:
        self._runner = runner

    async def call(self, arguments: Arguments, context: CallContext) -> ToolAnswer:
        """Decide, and say so."""
        problem = command_problem(
            arguments.command, arguments.working_directory, arguments.env
        )
        if problem is not None:
            return self.refuse(problem)
        verdict = await self._runner.check(
            CommandRequest(
                command=arguments.command,
                working_directory=arguments.working_directory or None,
                timeout_seconds=_NO_TIMEOUT,
                env=arguments.env,
            ),
            context.principal,
        )
        return ToolAnswer(facts=_facts(verdict))

    def refuse(self, problem: ArgumentProblem) -> ToolAnswer:
        """Arguments that do not fit are no command to decide about."""
        return ToolAnswer(
            facts={"decision": "deny", "error": problem.text}, is_error=True
        )


def _facts(verdict: Approved | Denied) -> dict[str, Any]:
    facts: dict[str, Any]
    if isinstance(verdict, Denied):
        facts = {
            "decision": "deny",
            "reason": verdict.reason,
            "rule_id": verdict.rule_id,
        }
    else:
        facts = {"decision": "allow", "runs": verdict.text}
    refused_first = sorted(verdict.segments, key=lambda each: not each.rule_id)
    segments = list(map(_segment, refused_first[:_MAX_SEGMENTS]))
    return {**facts, "segments": segments} if segments else facts


def _segment(segment: Segment) -> dict[str, str]:
    facts = {
        "text": segment.text,
        "decision": "deny" if segment.rule_id else "allow",
        "rule_id": segment.rule_id,
        "reason": segment.reason,
        "suggestion": segment.remedy,
    }
    return {name: value for name, value in facts.items() if value}
