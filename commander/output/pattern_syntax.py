"""Reading a regular expression, in the notation of ``re``.

What ``re`` would find by trying and going back is read: characters, classes, groups,
choices, repeats and assertions of one place. A group has no other effect than to hold
together, whatever its name, and a lazy repeat finds the same lines as a greedy one.
What looks back at text that was found, or around, is refused.
"""

from __future__ import annotations

import re
from typing import Final, NoReturn

import attrs

from commander.output.pattern_nodes import (
    Assertion,
    Characters,
    Choice,
    Node,
    Repeat,
    Sequence,
)

__all__ = ["MAX_NESTING", "MAX_PATTERN_CHARACTERS", "PatternProblem", "Syntax", "parse"]

MAX_PATTERN_CHARACTERS: Final = 1_000
"""Models write some twenty; a list of names may have some hundred."""

MAX_NESTING: Final = 50
"""Groups within groups; deeper has no honest use, and the readers recurse."""

_FLAGS: Final = re.compile(r"\(\?([A-Za-z]+)\)")
_READ_FLAGS: Final = frozenset("imsu")
"""A line has no lines, and all text is Unicode: but for ``i`` they change nothing."""
_GROUP: Final = re.compile(r"\((?:\?(?::|P?<[^\W\d]\w*>)|(?!\?))")
_REFUSED_GROUPS: Final = {
    "(?=": "lookahead (?=",
    "(?!": "negative lookahead (?!",
    "(?<=": "lookbehind (?<=",
    "(?<!": "negative lookbehind (?<!",
    "(?>": "an atomic group (?>",
    "(?P=": "a backreference (?P=",
    "(?(": "a conditional group (?(",
    "(?#": "a comment (?#",
}
_FLAG_GROUP: Final = re.compile(r"\(\?[A-Za-z-]+[:)]")
_BOUNDS: Final = re.compile(r"\*|\+|\?|\{([0-9]*)(?:(,)([0-9]*))?\}")
_POSIX_CLASS: Final = re.compile(r"\[:\w+:\]")
_ASSERTIONS: Final = {
    "^": Assertion.LINE_START,
    "$": Assertion.LINE_END,
    r"\A": Assertion.LINE_START,
    r"\Z": Assertion.LINE_END,
    r"\b": Assertion.BOUNDARY,
    r"\B": Assertion.NO_BOUNDARY,
}
_CONTROLS: Final = {"a": 7, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
_KINDS: Final = frozenset("dDsSwW")
_BACKSPACE: Final = Characters(((8, 8),))
_ANY: Final = Characters(((10, 10),), negated=True)
_NUMBERED: Final = re.compile(
    r"\\(?:x(?P<x>[0-9A-Fa-f]{2})|u(?P<u>[0-9A-Fa-f]{4})|U(?P<U>[0-9A-Fa-f]{8})"
    r"|(?P<octal>0[0-7]{0,2}))"
)
_LAST_CODE: Final = 0x10FFFF


@attrs.frozen
class PatternProblem:
    """Why a pattern is not taken."""

    text: str
    """What is the matter and at which character, counted from 1; for the client."""
    place: int
    """Index of that character; the length of the pattern if its end is too early."""


@attrs.frozen
class Syntax:
    """A pattern that was read."""

    node: Node
    ignore_case: bool


class _RefusedError(ValueError):
    def __init__(self, what: str, place: int) -> None:
        super().__init__(what)
        self.place = place


def parse(text: str) -> Syntax | PatternProblem:
    """Read a pattern, or say what cannot be taken.

    The work is proportional to the text, and so is what comes of it: repeats are not
    written out.
    """
    if len(text) > MAX_PATTERN_CHARACTERS:
        return PatternProblem(
            f"the pattern has {len(text):,} characters; "
            f"the most is {MAX_PATTERN_CHARACTERS:,}",
            MAX_PATTERN_CHARACTERS,
        )
    try:
        return _Reader(text).pattern()
    except _RefusedError as error:
        where = f"at character {error.place + 1} of the pattern"
        return PatternProblem(f"{error}, {where}", error.place)


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0
        self._depth = 0

    def pattern(self) -> Syntax:
        flags = ""
        while found := _FLAGS.match(self._text, self._place):
            for flag in found.group(1):
                if flag not in _READ_FLAGS:
                    self._refuse(f"the flag {flag} is not supported")
            flags += found.group(1)
            self._place = found.end()
        node = self._choice()
        if self._place < len(self._text):
            self._refuse("a parenthesis ) that opens nowhere")
        return Syntax(node, ignore_case="i" in flags)

    def _refuse(self, what: str, place: int | None = None) -> NoReturn:
        raise _RefusedError(what, self._place if place is None else place)

    def _peek(self) -> str:
        return self._text[self._place : self._place + 1]

    def _take(self, char: str) -> bool:
        taken = self._peek() == char
        self._place += taken
        return taken

    # --- structure -------------------------------------------------------------

    def _choice(self) -> Node:
        branches = [self._sequence()]
        while self._take("|"):
            branches.append(self._sequence())
        return branches[0] if len(branches) == 1 else Choice(tuple(branches))

    def _sequence(self) -> Node:
        items = []
        while self._peek() not in ("", "|", ")"):
            items.append(self._repeated())
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def _repeated(self) -> Node:
        if self._bounds():
            self._refuse("a repeat of nothing")
        grouped = self._peek() == "("
        item = self._item()
        start = self._place
        bounds = self._bounds()
        if not bounds:
            return item
        if isinstance(item, Assertion) and not grouped:
            self._refuse("a repeat of a place", start)
        least, most = self._counted(bounds)
        self._place = bounds.end()
        if self._take("+"):
            self._refuse("a possessive repeat is not supported", start)
        self._take("?")
        if self._bounds():
            self._refuse("a repeat of a repeat; put a group around the first")
        return Repeat(item, least, most)

    def _bounds(self) -> re.Match[str] | None:
        """A repeat that stands here; a brace may also be a character."""
        found = _BOUNDS.match(self._text, self._place)
        return None if found and found.group() == "{}" else found

    def _counted(self, bounds: re.Match[str]) -> tuple[int, int | None]:
        match bounds.group():
            case "*":
                return 0, None
            case "+":
                return 1, None
            case "?":
                return 0, 1
        first, comma, last = bounds.groups()
        least = int(first or 0)
        if not comma:
            return least, least
        most = int(last) if last else None
        if most is not None and most < least:
            self._refuse("a repeat whose bounds are in the wrong order")
        return least, most

    def _item(self) -> Node:
        char = self._peek()
        match char:
            case "(":
                return self._group()
            case "[":
                return self._class()
            case "\\":
                return self._escape()
        self._place += 1
        if char == ".":
            return _ANY
        return _ASSERTIONS.get(char) or _character(char)

    def _group(self) -> Node:
        start = self._place
        found = _GROUP.match(self._text, start)
        if not found:
            self._refuse_group()
        if self._depth == MAX_NESTING:
            self._refuse(f"more than {MAX_NESTING} groups within each other")
        self._place = found.end()
        self._depth += 1
        node = self._choice()
        self._depth -= 1
        if not self._take(")"):
            self._refuse("a parenthesis ( that does not close", start)
        return node

    def _refuse_group(self) -> NoReturn:
        rest = self._text[self._place : self._place + 4]
        # The longer ones first: one is the beginning of none other.
        for begin, name in _REFUSED_GROUPS.items():
            if rest.startswith(begin):
                self._refuse(f"{name} is not supported")
        if _FLAG_GROUP.match(self._text, self._place):
            self._refuse("flags are supported at the start of the pattern only")
        self._refuse("a group that cannot be read")

    # --- characters ------------------------------------------------------------

    def _escape(self) -> Node:
        start = self._place
        escape = self._text[start : start + 2]
        if escape in _ASSERTIONS:
            self._place += 2
            return _ASSERTIONS[escape]
        if escape[1:].isdecimal() and escape[1:] in "123456789":
            self._refuse(f"a backreference {escape} is not supported")
        return self._escaped()

    def _escaped(self) -> Characters:
        """What is written with a backslash, in a class or outside."""
        start = self._place
        numbered = _NUMBERED.match(self._text, start)
        if numbered:
            octal = numbered["octal"]
            digits = octal or numbered["x"] or numbered["u"] or numbered["U"]
            code = int(digits, 8 if octal else 16)
            if code > _LAST_CODE:
                self._refuse(f"no character has the number {digits}")
            self._place = numbered.end()
            return _character(chr(code))
        char = self._text[start + 1 : start + 2]
        if char in _KINDS:
            self._place += 2
            return Characters(kinds=char)
        if not char:
            self._refuse("a backslash at the end")
        if char.isascii() and char.isalnum() and char not in _CONTROLS:
            self._refuse(f"the escape \\{char} cannot be read")
        self._place += 2
        return _character(chr(_CONTROLS.get(char, ord(char))))

    def _class(self) -> Node:
        start = self._place
        self._place += 1
        negated = self._take("^")
        ranges: list[tuple[int, int]] = []
        kinds = ""
        first = self._place
        while self._place == first or self._peek() != "]":
            if not self._peek():
                self._refuse("a class [ that does not close", start)
            if _POSIX_CLASS.match(self._text, self._place):
                self._refuse("a POSIX class is not supported; write \\s, \\w or \\d")
            member = self._class_range()
            ranges += member.ranges
            kinds += member.kinds
        self._place += 1
        return Characters(tuple(ranges), kinds, negated)

    def _class_range(self) -> Characters:
        start = self._place
        first = self._class_member()
        if self._peek() != "-" or self._text[self._place + 1 : self._place + 2] in "]":
            return first
        self._place += 1
        last = self._class_member()
        if first.kinds or last.kinds or last.ranges < first.ranges:
            self._refuse("a range whose ends are in the wrong order", start)
        return Characters(((first.ranges[0][0], last.ranges[0][1]),))

    def _class_member(self) -> Characters:
        char = self._peek()
        if char == "\\":
            if self._text.startswith(r"\b", self._place):
                self._place += 2
                return _BACKSPACE
            return self._escaped()
        self._place += 1
        return _character(char)


def _character(char: str) -> Characters:
    return Characters(((ord(char), ord(char)),))
