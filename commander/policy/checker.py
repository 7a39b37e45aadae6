"""The one place where a command becomes one that may run.

``Rules`` decides; here what it lets through is approved, and nowhere else. The rules
are imported with the first decision, or at once where an operator has set a list, so
that a mistake in it is told at the start.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

import attrs

from commander.commands import CommandRequest
from commander.policy.denials import Denied, Segment, deny
from commander.policy.lists import PolicyLists
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
        lists: As the operator wrote them.

    Raises:
        ValueError: There is an allow-list, and nobody knows how the shell reads texts.
    """

    def __init__(self, lists: PolicyLists) -> None:
        self.allowed_commands = lists.allowed
        self.using_default_blocklist = lists.use_default_blocklist
        self._lists = lists
        if lists.allowed or lists.blocked:
            _ = self._rules

    @cached_property
    def _rules(self) -> Rules:
        from commander.policy.rules import Rules

        # Two threads may each make one; they are the same.
        return Rules(self._lists)

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
