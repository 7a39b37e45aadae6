"""Brace expansion, as bash does it before all others: one word becomes several.

``pieces`` are what a word was read to: unquoted characters as text, everything else
as parts. Braces, commas and ``..`` count where they are unquoted.

bash scans for the brace that closes in a way that gives well-formed groups their
plain meaning, and odd ones a surprising one (``{a},b}`` is ``a}`` and ``b``). The
reader here knows the well-formed: what it would take literally, though there is a
comma or ``..`` with an unpaired brace around, is not modelled.

Bounds: ``_MAX_GROUPS_OPEN`` groups within each other, ``_MAX_WORDS`` words, and
``_MAX_VOLUME`` characters and parts in all of them; none is exceeded before it is
noticed.
"""

from __future__ import annotations

import re
from typing import Final

import attrs

from commander.policy.shell.cursor import NotModelledError
from commander.policy.shell.syntax import Part

__all__ = ["Piece", "expand_braces"]

Piece = str | Part
"""Unquoted characters as written, or anything else."""

_MAX_GROUPS_OPEN: Final = 8
_MAX_WORDS: Final = 256
_MAX_VOLUME: Final = 65_536

_MARKS: Final = re.compile(r"[{},]|[^{},]+")
_INTEGERS: Final = re.compile(
    r"([+-]?[0-9]{1,9})\.\.([+-]?[0-9]{1,9})(?:\.\.([+-]?[0-9]{1,9}))?"
)
_LETTERS: Final = re.compile(
    r"(?:([a-z])\.\.([a-z])|([A-Z])\.\.([A-Z]))(?:\.\.([+-]?[0-9]{1,9}))?"
)
_ODD: Final = "braces are not paired in a way that all versions of bash read alike"
_TOO_MANY: Final = f"braces stand for over {_MAX_WORDS} words, or very long ones"


@attrs.frozen
class _Choice:
    """A group that expands."""

    words: list[list[Piece]]


_Item = Piece | _Choice


@attrs.define
class _Group:
    """An open brace, or the word around all of them."""

    alternatives: list[list[_Item]] = attrs.field(factory=lambda: [[]])
    closes_too_often: bool = False

    def add(self, item: _Item) -> None:
        self.alternatives[-1].append(item)


def expand_braces(pieces: list[Piece]) -> list[list[Piece]]:
    """The words that a word stands for; itself alone if no group in it expands.

    Raises:
        NotModelledError: The braces are odd, or stand for too much.
    """
    outermost = _Group()
    open_groups = [outermost]
    for piece in pieces:
        if not isinstance(piece, str):
            open_groups[-1].add(piece)
            continue
        for mark in _MARKS.findall(piece):
            _read(mark, open_groups)
    if len(open_groups) > 1:
        _fail_if_any_expands(open_groups)
        return [pieces]
    items = outermost.alternatives[0]
    if outermost.closes_too_often and any(
        item == "," or _is_dotted(item) for item in items
    ):
        raise NotModelledError(_ODD)
    return [_merged(word) for word in _product(items) if word]


def _read(mark: str, open_groups: list[_Group]) -> None:
    group = open_groups[-1]
    if mark == "{":
        if len(open_groups) > _MAX_GROUPS_OPEN:
            raise NotModelledError(f"over {_MAX_GROUPS_OPEN} braces in each other")
        open_groups.append(_Group())
    elif mark == "," and len(open_groups) > 1:
        group.alternatives.append([])
    elif mark == "}" and len(open_groups) > 1:
        open_groups.pop()
        _close(group, open_groups[-1])
    else:
        group.closes_too_often |= mark == "}"
        group.add(mark)


def _close(group: _Group, around: _Group) -> None:
    if len(group.alternatives) > 1:
        words: list[list[Piece]] = []
        for alternative in group.alternatives:
            words.extend(_product(alternative))
        around.add(_Choice(words))
        return
    content = group.alternatives[0]
    text = "".join(item for item in content if isinstance(item, str))
    is_plain = all(isinstance(item, str) for item in content)
    if is_plain and (sequence := _sequence(text)) is not None:
        around.add(_Choice([[item] for item in sequence]))
        return
    if ".." in text and not (is_plain and "{" not in text):
        raise NotModelledError(_ODD)
    around.add("{")
    around.alternatives[-1].extend(content)
    around.add("}")


def _sequence(text: str) -> list[str] | None:
    if found := _INTEGERS.fullmatch(text):
        first, last, step = found.groups()
        padded = any(re.match(r"[+-]?0[0-9]", end) for end in (first, last))
        width = max(len(first), len(last)) if padded else 0
        numbers = _range(int(first), int(last), step)
        return [f"{number:0{width}d}" for number in numbers]
    if found := _LETTERS.fullmatch(text):
        first, last = (end for end in found.groups()[:4] if end is not None)
        return [chr(code) for code in _range(ord(first), ord(last), found[5])]
    return None


def _range(first: int, last: int, step: str | None) -> range:
    size = abs(int(step or 1)) or 1
    numbers = range(first, last + 1, size)
    if first > last:
        numbers = range(first, last - 1, -size)
    if len(numbers) > _MAX_WORDS:
        raise NotModelledError(_TOO_MANY)
    return numbers


def _product(items: list[_Item]) -> list[list[Piece]]:
    """Every way to choose, in bash's order."""
    words: list[list[Piece]] = [[]]
    volume = 0
    for item in items:
        if isinstance(item, _Choice) and len(item.words) == 1:
            # In place, or a long row of these would take quadratic time.
            for word in words:
                word.extend(item.words[0])
            volume += _volume(item.words[0]) * len(words)
        elif isinstance(item, _Choice):
            if len(words) * len(item.words) > _MAX_WORDS:
                raise NotModelledError(_TOO_MANY)
            words = [word + choice for word in words for choice in item.words]
            volume = sum(_volume(word) for word in words)
        else:
            for word in words:
                word.append(item)
            volume += _volume([item]) * len(words)
        if volume > _MAX_VOLUME and len(words) > 1:
            raise NotModelledError(_TOO_MANY)
    return words


def _volume(word: list[Piece]) -> int:
    return sum(1 + len(piece) if isinstance(piece, str) else 16 for piece in word)


def _fail_if_any_expands(open_groups: list[_Group]) -> None:
    for group in open_groups:
        if len(group.alternatives) > 1:
            raise NotModelledError(_ODD)
        for item in group.alternatives[0]:
            if isinstance(item, _Choice) or item == "," or _is_dotted(item):
                raise NotModelledError(_ODD)


def _is_dotted(item: _Item) -> bool:
    return isinstance(item, str) and ".." in item


def _merged(pieces: list[Piece]) -> list[Piece]:
    """With unquoted text never next to another."""
    merged: list[Piece] = []
    run: list[str] = []
    for piece in pieces:
        if isinstance(piece, str):
            run.append(piece)
            continue
        if run:
            merged.append("".join(run))
            run = []
        merged.append(piece)
    if run:
        merged.append("".join(run))
    return merged
