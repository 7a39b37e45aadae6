"""What ``commander-mcp doctor`` says of one thing that it looked at."""

from __future__ import annotations

import os
from pathlib import Path

import attrs

__all__ = ["Finding", "if_not_writable", "nearest"]


@attrs.frozen(kw_only=True)
class Finding:
    """One line of the report."""

    subject: str
    state: str
    cost: str = ""
    """What is lost by this state; empty if nothing is."""


def nearest(path: Path) -> Path:
    """The path itself, or what is there of it."""
    return next(part for part in (path, *path.parents) if part.exists())


def if_not_writable(path: Path) -> str:
    """The cost of a place that this user cannot write; nothing is tried."""
    return "" if os.access(path, os.W_OK) else "not writable for this user"
