"""Regular expressions of clients, in time that is proportional to the text.

A pattern comes from a client, and with ``re`` there are patterns of ten characters that
stop a process for years: it goes back and tries again. Here a pattern becomes an
automaton that reads each character once (``pattern_jumps``), and remembers where each
led (``pattern_states``). So most characters cost one look into a dictionary, and any
other a *step*: operations on integers of as many bits as the pattern has parts, and
not more of them than ``MAX_JUMPS``. What is remembered is bounded.

Two things save most of the work on ordinary patterns. What a pattern may begin or end
with, as in ``.*error.*``, is left off: it is searched for, so that says nothing. And a
line that has none of the words that must be in it is not read at all.

The notation is that of ``re`` (``pattern_syntax``), and so is the answer.
"""

from __future__ import annotations

from typing import Final

from commander.output.pattern_nodes import (
    NOTHING,
    Characters,
    Choice,
    Node,
    Repeat,
    Sequence,
    literal,
    size,
)
from commander.output.pattern_states import LineMatcher
from commander.output.pattern_syntax import PatternProblem, parse

__all__ = ["MAX_JUMPS", "MAX_PARTS", "Pattern", "PatternProblem", "compile_pattern"]

MAX_PARTS: Final = 2_000
"""Of a pattern with its repeats written out: ``x.{0,1000}y`` is an honest one. Such
an integer takes a tenth of a microsecond to work with."""

MAX_JUMPS: Final = 32
"""Honest patterns have under ten, lists of many optional things some more. A step with
all of them and as many parts takes a few microseconds."""

_MAX_WORDS: Final = 16
"""Looking for as many takes as long as reading a line of some sixty characters."""


class Pattern:
    """A pattern that is ready to be searched for; ``compile_pattern`` makes it.

    Memory for what it remembers is bounded at some megabytes. It belongs to one
    thread.
    """

    def __init__(
        self, matcher: LineMatcher, words: tuple[str, ...], *, ignore_case: bool
    ) -> None:
        self._matcher = matcher
        self._words = words
        self._ignore_case = ignore_case

    def matches(self, line: str) -> bool:
        """Whether the pattern is found anywhere in a line.

        Args:
            line: Without its newline. Takes time in proportion to it, so it should
                have a bound.
        """
        if self._words and not self._may_match(line):
            return False
        return self._matcher.matches(line)

    @property
    def steps(self) -> int:
        """How many characters so far were not just looked up."""
        return self._matcher.steps

    def _may_match(self, line: str) -> bool:
        if self._ignore_case:
            if not line.isascii():
                return True
            line = line.lower()
        for word in self._words:  # noqa: SIM110 - a generator would take twice as long
            if word in line:
                return True
        return False


def compile_pattern(
    text: str, *, ignore_case: bool = False
) -> Pattern | PatternProblem:
    """Make a pattern ready, or say why it is not taken.

    Takes some milliseconds for the largest ones.

    Args:
        text: In the notation of ``re``.
        ignore_case: As ``(?i)`` at its start.
    """
    syntax = parse(text)
    if isinstance(syntax, PatternProblem):
        return syntax
    node = _without_edge(_without_edge(syntax.node, 0), -1)
    if size(node) > MAX_PARTS:
        return PatternProblem(
            f"the pattern has over {MAX_PARTS:,} parts with its repeats written out", 0
        )
    ignore_case = ignore_case or syntax.ignore_case
    matcher = LineMatcher(node, ignore_case=ignore_case)
    if matcher.jumps > MAX_JUMPS:
        return PatternProblem("the pattern has too many parts that may be left out", 0)
    words = _words(node, ignore_case=ignore_case)
    if len(words) > _MAX_WORDS:
        words = ()
    return Pattern(matcher, words, ignore_case=ignore_case)


def _without_edge(node: Node, edge: int) -> Node:
    """A pattern that is found in the same lines, with less at one end.

    What is found with several copies of something at its edge is found with the
    least number of them.

    Args:
        node: The pattern.
        edge: The index of its first part or of its last.
    """
    match node:
        case Choice(branches):
            return Choice(tuple(_without_edge(branch, edge) for branch in branches))
        case Repeat(item, least):
            if least == 0:
                return NOTHING
            return (
                _without_edge(item, edge) if least == 1 else Repeat(item, least, least)
            )
        case Sequence(items):
            left = list(items)
            while left:
                left[edge] = _without_edge(left[edge], edge)
                if left[edge] != NOTHING:
                    break
                del left[edge]
            return Sequence(tuple(left))
        case _:
            return node


def _words(node: Node, *, ignore_case: bool) -> tuple[str, ...]:
    """Words of which every line has one in which the pattern is found, or none.

    Without regard to case they are in ASCII and small.
    """
    match node:
        case Characters():
            word = _plain(node, ignore_case=ignore_case)
            return (word,) if word else ()
        case Choice(branches):
            found = [_words(branch, ignore_case=ignore_case) for branch in branches]
            return (
                tuple(word for words in found for word in words) if all(found) else ()
            )
        case Repeat(item, least):
            return _words(item, ignore_case=ignore_case) if least else ()
        case Sequence(items):
            return _best_words(items, ignore_case=ignore_case)
        case _:
            return ()


def _best_words(items: tuple[Node, ...], *, ignore_case: bool) -> tuple[str, ...]:
    """The longest that one of several parts must have, or several letters in a row."""
    found: list[tuple[str, ...]] = [()]
    row = ""
    for item in items:
        letter = _plain(item, ignore_case=ignore_case)
        row += letter
        if letter:
            found.append((row,))
        else:
            row = ""
            found.append(_words(item, ignore_case=ignore_case))
    return max(found, key=lambda words: (min(map(len, words), default=0), -len(words)))


def _plain(node: Node, *, ignore_case: bool) -> str:
    """The one letter that is meant, if it may be looked for."""
    letter = literal(node)
    if not ignore_case:
        return letter
    return letter.lower() if letter.isascii() else ""
