"""What is being said about each command of a text."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from commander.policy.denials import Segment, shorten

__all__ = ["Draft", "Record"]


@attrs.define
class Draft:
    """A command that is being looked at."""

    show: Callable[[], str]
    """Writes it for a person; only asked when somebody reads it."""
    depth: int
    told: bool = True
    """It is among the drafts of its record."""
    refusals: list[tuple[str, str, str]] = attrs.field(factory=list)

    def finish(self) -> Segment:
        """What is told of it."""
        rule_id, _, remedy = self.refusals[0] if self.refusals else ("", "", "")
        causes = dict.fromkeys(cause for _, cause, _ in self.refusals)
        return Segment(
            text=shorten(self.show()),
            depth=self.depth,
            rule_id=rule_id,
            reason="; ".join(causes),
            remedy=remedy,
        )


class Record:
    """The commands of a text in their order, and which of them is looked at now.

    Attributes:
        draft: That one: what is refused now is refused in it.
        drafts: All so far.
        depth: Of the next command.
    """

    def __init__(self) -> None:
        self.draft = Draft(str, 0, told=False)
        self.drafts: list[Draft] = []
        self.depth = 0

    def begin(self, show: Callable[[], str], *, told: bool = True) -> None:
        """Look at the next command.

        Args:
            show: Writes it for a person.
            told: Whether it is told of if nothing is said against it.
        """
        self.draft = Draft(show, self.depth, told)
        if told:
            self.drafts.append(self.draft)

    def refuse(self, rule_id: str, cause: str, remedy: str = "") -> None:
        """Say something against the command."""
        if not self.draft.told:
            self.draft.told = True
            self.drafts.append(self.draft)
        self.draft.refusals.append((rule_id, cause, remedy))
