"""The size of a terminal as an argument: ``COLUMNSxROWS``."""

from __future__ import annotations

import re
from typing import Annotated, Final

from msgspec import Meta

from commander.commands import TerminalSize
from commander.tools.command_arguments import LONGEST_VALUE
from commander.tools.schemas import ArgumentProblem

__all__ = ["TerminalSizeText", "size_problem", "terminal_size"]

_SIZE: Final = re.compile(r"([1-9][0-9]{0,3})x([1-9][0-9]{0,3})")
_MOST: Final = 1000
"""Columns, and rows: programs take memory for each cell."""

TerminalSizeText = Annotated[str, Meta(description="Default 80x24")]


def terminal_size(text: str) -> TerminalSize:
    """What the text says; the default if it is empty.

    Raises:
        ValueError: ``size_problem`` would have told.
    """
    if not text:
        return TerminalSize()
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError(text)
    return TerminalSize(columns=int(found[1]), rows=int(found[2]))


def size_problem(text: str, *, tty: bool) -> ArgumentProblem | None:
    """What is wrong with a size."""
    if not text:
        return None
    if not tty:
        return ArgumentProblem('"terminal_size" is for jobs with "tty"')
    found = _SIZE.fullmatch(text)
    if found is None or max(map(int, found.groups())) > _MOST:
        return ArgumentProblem(
            f'"terminal_size" is "{text[:LONGEST_VALUE]}", which is not COLUMNSxROWS '
            f"such as 120x40, at most {_MOST} each"
        )
    return None
