"""Running the automaton of a pattern over lines, and remembering where it was.

A *state* is what may still matter of a line that was read up to some place: at which
positions of the pattern the last character may have been, and of what kind it was. It
is a dictionary from the next character to the next state. What is not in it costs a
step, and is in it from then on.

A state is found out anew where what is kept grew too large and was forgotten. That may
be after every few thousand characters for a pattern that reaches a new state with
every character; a step is cheap enough for that.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final, TypeAlias

from commander.output.pattern_jumps import Jumps, positions, relation
from commander.output.pattern_nodes import (
    Assertion,
    Characters,
    Choice,
    Node,
    Repeat,
    Sequence,
    in_words,
    literal,
    same_letters,
)

__all__ = ["MAX_KEPT_STATES", "MAX_KEPT_STEPS", "LineMatcher"]

MAX_KEPT_STATES: Final = 2_000
"""Each may take a kilobyte. Ordinary patterns have some tens."""

MAX_KEPT_STEPS: Final = 40_000
"""Each takes about a hundred bytes. This is for scripts with thousands of letters."""

_EDGE, _OTHER, _WORD = range(3)
"""What stands on one side of a place: the start or the end of the line, a character
that words are made of, or any other one."""

_ABOUT_WORDS: Final = frozenset({Assertion.BOUNDARY, Assertion.NO_BOUNDARY})

_Symbol: TypeAlias = frozenset[tuple[int, bool, bool, bool]]
"""What a pattern may know of a character: if two have the same, they are the same."""


class _Alphabet:
    """What characters are to a pattern.

    Args:
        characters: The sets of all positions, in order.
        ignore_case: Whether letters that differ by case alone are the same.
    """

    def __init__(self, characters: list[Characters], *, ignore_case: bool) -> None:
        self._ignore_case = ignore_case
        at: dict[Characters, int] = {}
        for index, one in enumerate(characters):
            at[one] = at.get(one, 0) | 1 << index
        self._single = {literal(one): at[one] for one in at if literal(one)}
        """The positions of each set that is one character, by that."""
        self._sets = [(one, at[one]) for one in at if not literal(one)]
        """The others."""
        ranges = [codes for one in at for codes in one.ranges]
        self._borders = sorted(
            {first for first, _ in ranges} | {last + 1 for _, last in ranges}
        )
        self._known: dict[_Symbol, int] = {}
        """There are no more of them than some times the borders."""

    def positions_of(self, char: str) -> int:
        """The positions that a character may be at."""
        letters = same_letters(char) if self._ignore_case else (char,)
        symbol = frozenset(map(self._properties, letters))
        known = self._known.get(symbol)
        if known is None:
            known = 0
            for letter in letters:
                known |= self._single.get(letter, 0)
            for characters, at in self._sets:
                if characters.include(letters):
                    known |= at
            self._known[symbol] = known
        return known

    def _properties(self, char: str) -> tuple[int, bool, bool, bool]:
        interval = bisect_right(self._borders, ord(char))
        return interval, in_words(char), char.isdecimal(), char.isspace()


class _State(dict[str, "_State"]):
    """Where each next character leads, as far as it was needed."""

    __slots__ = ("before", "ends", "matcher", "reached")

    def __init__(
        self, matcher: LineMatcher, reached: int, before: int, *, ends: bool
    ) -> None:
        super().__init__()
        self.matcher = matcher
        self.reached = reached
        self.before = before
        self.ends = ends
        """Whether the pattern is found if the line ends here."""

    def __missing__(self, char: str) -> _State:
        return self.matcher.step(self, char)


class _Found(_State):
    """The pattern was found; the rest of the line says nothing."""

    def __missing__(self, char: str) -> _State:
        return self


class LineMatcher:
    """Says of lines whether a pattern is found in them.

    Args:
        node: The pattern.
        ignore_case: Whether letters that differ by case alone are the same.
    """

    def __init__(self, node: Node, *, ignore_case: bool) -> None:
        self.steps = 0
        """Characters so far whose next state was not known."""
        self._alphabet = _Alphabet(list(positions(node)), ignore_case=ignore_case)
        asked = _asked(node)
        self._jumps = _all_jumps(node, asked)
        self._at_words = not asked.isdisjoint(_ABOUT_WORDS)
        self._kept: dict[tuple[int, int], _State] = {}
        self._kept_steps = 0
        self._letters: dict[str, tuple[int, int]] = {}
        """The positions that a character may be at, and its kind."""
        self._found = _Found(self, 0, _OTHER, ends=True)
        # A look into a dictionary is faster than a call.
        self._found.update((chr(code), self._found) for code in range(0x80))
        self._start = self._state(0, _EDGE)

    @property
    def jumps(self) -> int:
        """To how many operations on integers a step is proportional at most."""
        return max(jumps.count for jumps in self._jumps.values())

    @property
    def kept_steps(self) -> int:
        """Steps that are remembered now."""
        return self._kept_steps

    @property
    def kept_states(self) -> int:
        """States that are remembered now."""
        return len(self._kept)

    def matches(self, line: str) -> bool:
        """Whether the pattern is found in a line."""
        state: _State = self._start
        for char in line:
            state = state[char]
        return state.ends

    def step(self, state: _State, char: str) -> _State:
        """Find out where a character leads to, and remember it."""
        if self._kept_steps >= MAX_KEPT_STEPS or len(self._kept) >= MAX_KEPT_STATES:
            self._forget()
        self.steps += 1
        self._kept_steps += 1
        at, after = self._letters.get(char) or self._letter(char)
        jumps = self._jumps[state.before, after]
        if jumps.found(state.reached):
            state[char] = self._found
            return self._found
        reached = jumps.after(state.reached) & at
        following = self._kept.get((reached, after))
        if following is None:
            following = self._state(reached, after)
        state[char] = following
        return following

    def _letter(self, char: str) -> tuple[int, int]:
        at = self._alphabet.positions_of(char)
        after = _WORD if self._at_words and in_words(char) else _OTHER
        self._letters[char] = at, after
        return at, after

    def _state(self, reached: int, before: int) -> _State:
        ends = self._jumps[before, _EDGE].found(reached)
        state = _State(self, reached, before, ends=ends)
        self._kept[reached, before] = state
        return state

    def _forget(self) -> None:
        # States know each other in circles, which would be left lying around.
        for state in self._kept.values():
            state.clear()
        self._kept = {(0, _EDGE): self._start}
        self._kept_steps = 0
        self._letters.clear()


def _asked(node: Node) -> frozenset[Assertion]:
    """The assertions that a pattern has."""
    match node:
        case Assertion():
            return frozenset({node})
        case Sequence(parts) | Choice(parts):
            return frozenset[Assertion]().union(*map(_asked, parts))
        case Repeat():
            return _asked(node.item)
        case _:
            return frozenset()


def _all_jumps(node: Node, asked: frozenset[Assertion]) -> dict[tuple[int, int], Jumps]:
    """The automaton for any two neighbours of a place."""
    found: dict[frozenset[Assertion], Jumps] = {}
    jumps = {}
    for before in (_EDGE, _OTHER, _WORD):
        for after in (_EDGE, _OTHER, _WORD):
            holding = _holding(before, after) & asked
            if holding not in found:
                found[holding] = relation(node, holding)
            jumps[before, after] = found[holding]
    return jumps


def _holding(before: int, after: int) -> frozenset[Assertion]:
    """The assertions that hold between two neighbours."""
    boundary = (before == _WORD) != (after == _WORD)
    holding = {Assertion.BOUNDARY if boundary else Assertion.NO_BOUNDARY}
    if before == _EDGE:
        holding.add(Assertion.LINE_START)
    if after == _EDGE:
        holding.add(Assertion.LINE_END)
    return frozenset(holding)
