"""The one place where a command becomes one that may run.

``Rules`` decides; here what it lets through is approved, and nowhere else. The rules
are imported with the first decision, or at once where an operator has set a list, so
that a mistake in it is told at the start.
"""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final

import attrs

from commander.commands import CommandRequest
from commander.policy.allow.targets import Places
from commander.policy.denials import Denied, Segment, deny
from commander.principals import Principal

if TYPE_CHECKING:
    from commander.policy.allow.record import Draft
    from commander.policy.rules import Rules

__all__ = ["Approved", "Denied", "PolicyChecker"]

_SEAL: Final = object()


@attrs.frozen(kw_only=True, init=False)
class Approved:
    """A command that may run. Only a ``PolicyChecker`` can make one."""

    request: CommandRequest
    text: str
    """Exactly what the shell gets."""
    _drafts: tuple[Draft, ...] = ()

    def __init__(
        self,
        *,
        request: CommandRequest,
        text: str,
        drafts: tuple[Draft, ...] = (),
        seal: object = None,
    ) -> None:
        if seal is not _SEAL:
            raise TypeError("only a PolicyChecker can approve a command")
        self.__attrs_init__(request=request, text=text, drafts=drafts)

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Every command of the text, in its order, where there is an allow-list."""
        return tuple(draft.finish() for draft in self._drafts)


class PolicyChecker:
    """Decides what may run; holds nothing but the operator's lists.

    Args:
        allowed: Commands that may run, each as words; none allows everything.
        blocked: Commands that may not, each as words; beside the default list.
        use_default_blocklist: Whether the default list is in force.
        allowed_env: Names that calls may set beside the harmless ones.
        terminals: Whether commands may run in a terminal.
        shell: That will get the texts; by its name one that ``dialect_of`` knows, if
            there is an allow-list.
        places: Where commands may write, and run if a workspace is set.
    """

    def __init__(
        self,
        *,
        allowed: tuple[str, ...],
        blocked: tuple[str, ...],
        use_default_blocklist: bool,
        allowed_env: tuple[str, ...],
        terminals: bool = True,
        shell: str = "/bin/sh",
        places: Places | None = None,
    ) -> None:
        self.allowed_commands = allowed
        self.using_default_blocklist = use_default_blocklist
        self._make_rules = partial(
            _rules,
            allowed=allowed,
            blocked=blocked,
            use_default_blocklist=use_default_blocklist,
            allowed_env=allowed_env,
            terminals=terminals,
            shell=shell,
            places=places or Places(),
        )
        if allowed or blocked:
            _ = self._rules

    @cached_property
    def _rules(self) -> Rules:
        # Two threads may each make one; they are the same.
        return self._make_rules()

    @property
    def allow_all(self) -> bool:
        """Whether everything runs that no blocklist names."""
        return not self.allowed_commands

    @property
    def blocked_commands(self) -> tuple[str, ...]:
        """The operator's patterns, then the default list if it is in force."""
        return self._rules.blocked_commands

    def allows_variable(self, name: str, value: str | None) -> bool:
        """Whether a call may set a variable to a value, or with None take it away."""
        return self._rules.check_environment({name: value}) is None

    def check(self, request: CommandRequest, principal: Principal) -> Approved | Denied:
        """Decide on one request. Never raises; whoever asks is not yet looked at."""
        try:
            said = self._rules.judge(request)
        except Exception as error:
            # A bug must not let a command through, nor end the call without an answer.
            cause = f"the policy failed on this command ({type(error).__name__})"
            return deny("checker-error", cause, "Please report it to the operator.")
        if isinstance(said, Denied):
            return said
        return Approved(request=request, text=said.text, drafts=said.drafts, seal=_SEAL)


def _rules(**lists: Any) -> Rules:
    from commander.policy.rules import Rules

    return Rules(**lists)
