"""Loops that start processes without an end and wait for none of them.

``while true; do something & done`` fills a machine as surely as a function that calls
itself twice, which the walk finds by running it.
"""

from __future__ import annotations

from typing import Final

from commander.policy.shell.syntax import (
    ArithmeticFor,
    Loop,
    Pipeline,
    Script,
    Simple,
    Statement,
    Word,
)
from commander.policy.wordset import wordset

__all__ = ["spawns_forever"]

_TRUE: Final = wordset(": true")
_INSTANT: Final = wordset(": true false echo printf let set export shift continue")


def spawns_forever(loop: Loop | ArithmeticFor) -> bool:
    """Whether a loop has no end and only starts things in the background."""
    if isinstance(loop, Loop):
        endless = _always(loop.condition, loop.until)
    else:
        endless = (
            loop.condition.static is not None and not loop.condition.static.strip()
        )
    background = [statement for statement in loop.body if statement.background]
    return (
        endless
        and bool(background)
        and all(each.background or _is_instant(each) for each in loop.body)
    )


def _always(condition: Script, until: bool) -> bool:
    match condition:
        case (Statement(Pipeline((Simple(words=words),)), ()),):
            texts = [w.static for w in words if isinstance(w, Word)]
            if until:
                return texts == ["false"]
            return texts[:1] != [] and (
                texts[0] in _TRUE or texts in (["[", "1", "]"], ["test", "1"])
            )
    return False


def _is_instant(statement: Statement) -> bool:
    match statement:
        case Statement(Pipeline((Simple(words=words),)), ()):
            first = words[0] if words else None
            return first is None or (
                isinstance(first, Word) and first.static in _INSTANT
            )
    return False
