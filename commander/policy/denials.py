"""Refusals, written for the model that has to act on them.

A reason says which words are refused and why, what would be allowed, which setting
of the operator would allow it, and that the server decided, so that the model
neither blames the user nor asks for consent that would change nothing.
"""

from __future__ import annotations

from typing import Final

import attrs

__all__ = ["MAX_QUOTED_CHARACTERS", "Denied", "Segment", "deny", "shorten"]

MAX_QUOTED_CHARACTERS: Final = 100
"""Of a client's text, inside a reason."""

_WHO: Final = "This is server policy, not a decision of the user."


@attrs.frozen(kw_only=True)
class Segment:
    """One command of a text, and what was decided about it."""

    text: str
    """Shortened, for people and models."""
    depth: int = 0
    """How many commands it is carried by."""
    rule_id: str = ""
    """Of what refuses it; empty if nothing does."""
    reason: str = ""
    remedy: str = ""


@attrs.frozen(kw_only=True)
class Denied:
    """A command that will not run."""

    rule_id: str
    """Stable; kebab-case."""
    reason: str
    """A few sentences for a model."""
    segments: tuple[Segment, ...] = ()
    """Every command of the text that was looked at, in order; none if the text as a
    whole was refused."""


def deny(
    rule_id: str, cause: str, remedy: str, segments: tuple[Segment, ...] = ()
) -> Denied:
    """Refuse.

    Args:
        rule_id: Stable name of the rule.
        cause: Which words, and why, without a period at the end.
        remedy: What would be allowed and by which setting, as one sentence.
        segments: What was decided about each command.
    """
    cause = cause[:1].upper() + cause[1:]
    reason = " ".join(filter(None, (f"{cause}.", remedy, _WHO)))
    return Denied(rule_id=rule_id, reason=reason, segments=segments)


def shorten(text: str) -> str:
    """A client's text, fit to be quoted: on one line, and not long."""
    line = text[: MAX_QUOTED_CHARACTERS + 1].translate({10: "\u23ce", 9: " "})
    if len(line) <= MAX_QUOTED_CHARACTERS:
        return line
    return line[: MAX_QUOTED_CHARACTERS - 3] + "..."
