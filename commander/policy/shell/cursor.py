"""Where a reader stands in a text, and how it gives up."""

from __future__ import annotations

from typing import Final, NoReturn

from commander.policy.budget import MAX_NESTING, Budget, TooDeepError
from commander.policy.shell.syntax import Dialect, Script

__all__ = ["Cursor", "NotModelledError"]

_FRAGMENT_CHARACTERS: Final = 20


class NotModelledError(ValueError):
    """A text is malformed, or means something that the tree has no place for.

    Args:
        reason: A clause that tells a person why, such as "a quote is not closed".
        position: Offset in the text.
        fragment: The first few characters there.
    """

    def __init__(self, reason: str, position: int = -1, fragment: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.position = position
        self.fragment = fragment
        self.before: Script = ()
        """The statements that end before the failure: a shell may run those."""

    def locate(self, text: str, position: int) -> None:
        """Say where in a text it is, as well as its reader can tell."""
        self.position = min(max(position, 0), len(text))
        rest = text[self.position : self.position + _FRAGMENT_CHARACTERS]
        self.fragment = rest.partition("\n")[0]


class Cursor:
    """A position in one text, at some depth of nesting.

    Args:
        text: Of any content.
        dialect: Of the shell that would read it.
        budget: Of the decision that the text is read for.
        depth: Levels of nesting around the text.
    """

    __slots__ = ("bash", "budget", "depth", "dialect", "position", "text")

    def __init__(self, text: str, dialect: Dialect, budget: Budget, depth: int) -> None:
        budget.spend(1, len(text))
        self.text = text
        self.position = 0
        self.dialect = dialect
        self.bash = dialect is Dialect.BASH
        self.budget = budget
        self.depth = depth

    def fail(self, reason: str, position: int | None = None) -> NoReturn:
        """Give up here, or at another position."""
        error = NotModelledError(reason)
        error.locate(self.text, self.position if position is None else position)
        raise error

    def enter(self) -> None:
        """Go one level deeper; who enters takes one from ``depth`` when done.

        Raises:
            TooDeepError: There were ``MAX_NESTING`` levels already.
        """
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise TooDeepError
