"""From a pattern to an automaton: which part may come after which.

Every set of characters in a pattern, with its repeats written out, is a *position*
(Glushkov's construction). The automaton is at a set of positions, those that the last
character may have been; a set is an integer with one bit a position. Where it may go
is a relation between positions. It comes from the pattern as products: behind each
part that may be last of one thing stands each that may be first of the next. Written
out they would be as many as the square of the positions. As integers they are few:

- Products that repeat at other positions, as all those within a repeat and within a
  word do, are *shifts*: from these positions so many to the right.
- All others stay as they are: from any of these to all of those.

So one step takes as many operations on integers as there are jumps of either kind.
There are under ten in ordinary patterns, and the number is bounded.

Assertions take no character. Whether they hold depends on the characters on both sides
of a place alone. For each case there is an automaton of its own, in which they are
either nothing or a dead end.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

from commander.output.pattern_nodes import (
    Assertion,
    Characters,
    Choice,
    Node,
    Repeat,
    Sequence,
)

__all__ = ["Jumps", "positions", "relation"]


@attrs.frozen
class Jumps:
    """How an automaton goes on at places where the same assertions hold."""

    empty: bool
    """Whether the pattern is found in no characters."""
    first: int
    """Positions at which it begins."""
    last: int
    """Positions at which it may end."""
    shifts: tuple[tuple[int, int], ...]
    """Positions, and how many to the right of each it goes on; negative is left."""
    products: tuple[tuple[int, int], ...]
    """Positions, and those at which it goes on from any of them."""

    @property
    def count(self) -> int:
        """To how many operations on integers a step is proportional."""
        return len(self.shifts) + len(self.products)

    def found(self, reached: int) -> bool:
        """Whether the pattern ends here, at one of these positions."""
        return self.empty or bool(reached & self.last)

    def after(self, reached: int) -> int:
        """Where the next character may be, if the last was at these positions."""
        following = self.first
        for sources, distance in self.shifts:
            if distance < 0:
                following |= (reached & sources) >> -distance
            else:
                following |= (reached & sources) << distance
        for sources, targets in self.products:
            if reached & sources:
                following |= targets
        return following


def positions(node: Node) -> Iterator[Characters]:
    """The characters of all positions in order; repeats are written out."""
    match node:
        case Characters():
            yield node
        case Sequence(parts) | Choice(parts):
            for part in parts:
                yield from positions(part)
        case Repeat():
            for _ in range(node.copies):
                yield from positions(node.item)


def relation(node: Node, holding: frozenset[Assertion]) -> Jumps:
    """The automaton of a pattern where these assertions hold, and no others.

    Takes as many steps as the pattern has parts with its repeats written out.
    """
    builder = _Builder(holding)
    whole = builder.part(node)
    shifts, products = _gathered(builder.products)
    return Jumps(whole.empty, whole.first, whole.last, shifts, products)


@attrs.frozen
class _Part:
    empty: bool
    first: int
    last: int


_EMPTY: Final = _Part(empty=True, first=0, last=0)
_DEAD: Final = _Part(empty=False, first=0, last=0)


class _Chain:
    """Parts that follow each other; nothing so far."""

    def __init__(self, products: list[tuple[int, int]]) -> None:
        self._products = products
        self.empty = True
        self.first = 0
        self.last = 0

    def add(self, part: _Part) -> None:
        if self.last and part.first:
            self._products.append((self.last, part.first))
        if self.empty:
            self.first |= part.first
        self.last = part.last | (self.last if part.empty else 0)
        self.empty = self.empty and part.empty


class _Builder:
    def __init__(self, holding: frozenset[Assertion]) -> None:
        self.products: list[tuple[int, int]] = []
        self._holding = holding
        self._next = 1

    def part(self, node: Node) -> _Part:
        match node:
            case Characters():
                position = self._next
                self._next <<= 1
                return _Part(empty=False, first=position, last=position)
            case Assertion():
                return _EMPTY if node in self._holding else _DEAD
            case Sequence(items):
                chain = _Chain(self.products)
                for item in items:
                    chain.add(self.part(item))
                return _Part(chain.empty, chain.first, chain.last)
            case Choice(branches):
                return _either([self.part(branch) for branch in branches])
            case _:
                return self._repeat(node)

    def _repeat(self, node: Repeat) -> _Part:
        """Copies in a chain, which may end behind each that is one too many.

        Where a copy may be empty all may, and those that are not can stand in front:
        so each of these follows the one before it alone.
        """
        least = 0 if node.may_be_empty else node.least
        chain = _Chain(self.products)
        empty = not least
        last = 0
        for copy in range(1, node.copies + 1):
            part = self.part(node.item)
            chain.add(attrs.evolve(part, empty=False) if node.may_be_empty else part)
            if copy >= least:
                last |= chain.last
                empty = empty or chain.empty
        if node.most is None and part.last and part.first:
            self.products.append((part.last, part.first))
        return _Part(empty, chain.first, last)


def _either(parts: list[_Part]) -> _Part:
    empty, first, last = False, 0, 0
    for part in parts:
        empty = empty or part.empty
        first |= part.first
        last |= part.last
    return _Part(empty, first, last)


def _gathered(
    products: list[tuple[int, int]],
) -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]:
    """Products as few shifts and few products."""
    shapes: dict[tuple[int, int], list[int]] = {}
    for sources, targets in products:
        offset = _lowest(sources | targets)
        shape = (sources >> offset, targets >> offset)
        shapes.setdefault(shape, []).append(offset)
    shifts: dict[int, int] = {}
    by_target: dict[int, int] = {}
    for (sources, targets), offsets in shapes.items():
        distances = _distances(sources, targets, len(offsets))
        for offset in offsets:
            if not distances:
                target = targets << offset
                by_target[target] = by_target.get(target, 0) | sources << offset
            for distance, movable in distances.items():
                shifts[distance] = shifts.get(distance, 0) | movable << offset
    products = [(sources, targets) for targets, sources in by_target.items()]
    return tuple((s, d) for d, s in shifts.items()), tuple(products)


def _distances(sources: int, targets: int, most: int) -> dict[int, int]:
    """A product as shifts: which sources have a target so far to their right.

    Empty if there are more than ``most`` distances.
    """
    if max(sources.bit_count(), targets.bit_count()) > most:
        return {}
    # Bit n + width says that there is a distance n.
    width = sources.bit_length()
    distances = 0
    for source in _bits(sources):
        distances |= targets << width >> source
    if distances.bit_count() > most:
        return {}
    found = {}
    for bit in _bits(distances):
        distance = bit - width
        back = targets >> distance if distance >= 0 else targets << -distance
        found[distance] = sources & back
    return found


def _bits(bits: int) -> Iterator[int]:
    while bits:
        lowest = _lowest(bits)
        yield lowest
        bits ^= 1 << lowest


def _lowest(bits: int) -> int:
    """Which bit of an integer is its first."""
    return (bits & -bits).bit_length() - 1
