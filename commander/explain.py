"""``commander-mcp check``: a decision of the policy, before anything depends on it."""

from __future__ import annotations

from commander.commands import CommandRequest
from commander.policy.checker import Denied
from commander.policy.explain import explanation
from commander.principals import ANONYMOUS
from commander.service import policy_checker
from commander.settings import Settings

__all__ = ["explain"]


def explain(settings: Settings, command: str) -> tuple[bool, str]:
    """Whether a server with these settings would run the command, and why.

    Returns:
        The decision, and its text for a terminal.
    """
    checker = policy_checker(settings)
    request = CommandRequest(
        command=command,
        working_directory=settings.commands_directory,
        timeout_seconds=settings.default_timeout_seconds,
    )
    verdict = checker.check(request, ANONYMOUS)
    return not isinstance(verdict, Denied), explanation(command, verdict)
