"""The newest line of a command's output, for a person who looks at it now and then.

A line ends at a newline, or at a carriage return as a progress bar writes it. Which is
the newest is a matter of the order in which both streams were read. Only the end of
the output is looked at, so it costs the same however much there is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import attrs

from commander.output.cleaning import without_sequences
from commander.output.command import CommandOutput
from commander.output.decoding import StreamDecoder
from commander.output.order import STDERR, STDOUT
from commander.output.ring import Gap

__all__ = ["LINE_CHARACTERS", "NO_LINE", "NewestLine", "newest_line", "plain_line"]

LINE_CHARACTERS: Final = 200
"""Claude Code shows about so many of a message."""

_TAIL_BYTES: Final = 4096
"""A line of 200 characters fits, with a colour before each of them."""
_LINE_END: Final = re.compile("[\r\n]")


@attrs.frozen
class NewestLine:
    """One line as ``plain_line`` makes it; empty if there is nothing to see."""

    text: str
    complete: bool
    """Whether its end was written."""


NO_LINE: Final = NewestLine("", complete=False)


def newest_line(output: CommandOutput) -> NewestLine:
    """The last complete line in which something can be seen.

    If there is none near the end of the output it is what was written last.
    """
    end = output.total_bytes
    open_lines = dict.fromkeys((STDOUT, STDERR), "")
    decoders: dict[int, StreamDecoder] = {}
    ended: list[str] = []
    newest = STDOUT
    for part in output.merged(max(0, end - _TAIL_BYTES), end):
        if isinstance(part, Gap):
            open_lines = dict.fromkeys(open_lines, "")
            continue
        newest = part.stream
        decoder = decoders.setdefault(newest, StreamDecoder())
        text = open_lines[newest] + decoder.decode(part.offset, part.data)
        *lines, open_lines[newest] = _LINE_END.split(text)
        ended += lines
    complete = _last_visible(ended)
    if complete:
        return NewestLine(complete, complete=True)
    other = open_lines[STDOUT + STDERR - newest]
    return NewestLine(_last_visible((other, open_lines[newest])), complete=False)


def plain_line(text: str) -> str:
    """A text as one short line, without what a terminal would do and not show."""
    shown = without_sequences(text)
    if not shown.isprintable():
        shown = "".join(c for c in shown if c.isprintable() or c.isspace())
    return " ".join(shown.split())[:LINE_CHARACTERS]


def _last_visible(lines: Iterable[str]) -> str:
    for line in reversed(tuple(lines)):
        if line and (shown := plain_line(line)):
            return shown
    return ""
