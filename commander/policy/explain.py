"""A decision, written for a person at a terminal."""

from __future__ import annotations

from commander.policy.checker import Approved, Denied
from commander.policy.denials import Segment

__all__ = ["explanation"]

_INDENT = "  "


def explanation(command: str, verdict: Approved | Denied) -> str:
    """Several lines: the decision, each command with its own, and the text to run."""
    denied = isinstance(verdict, Denied)
    lines = [f"{'denied' if denied else 'allowed':<10}{command}"]
    lines.extend(map(_line, verdict.segments))
    if isinstance(verdict, Denied):
        lines.append(f"{'rule':<10}{verdict.rule_id}")
        lines.append(f"{'reason':<10}{verdict.reason}")
    else:
        lines.append(f"{'runs':<10}{verdict.text}")
    return "\n".join(lines) + "\n"


def _line(segment: Segment) -> str:
    mark = "no" if segment.rule_id else "ok"
    why = f"  {segment.rule_id}: {segment.reason}" if segment.rule_id else ""
    return f"{_INDENT}{mark:<8}{_INDENT * segment.depth}{segment.text}{why}"
