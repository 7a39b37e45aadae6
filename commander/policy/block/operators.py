"""What the operators of ``${name...}`` make of a known text.

Texts are short here and patterns simple; whatever is too costly to match is not
known.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Final

from commander.policy.block.escapes import decode_escapes
from commander.policy.block.scope import UNKNOWN

__all__ = ["NEEDS_PATTERN", "calculate", "cut", "transform"]

NEEDS_PATTERN: Final = frozenset({"%", "%%", "#", "##", "/", "//", "/#", "/%"})
"""Operators whose first operand is a pattern that counts."""

_MAX_TEXT: Final = 256
"""Characters of a text that a pattern is matched with."""
_MAX_STARS: Final = 2
_PIECE: Final = re.compile(r"\\(.)|(\*+)|(\?)|\[([!^]?)(\]?[^\]]*)\]|(.)", re.DOTALL)
_NUMBER: Final = re.compile(r"\s*([+-]?\s*\d{1,6})\s*")
_SUM: Final = re.compile(r"([+*-]?)\s*(\d{1,6})\s*")

_CASES: Final[dict[str, Callable[[str], str]]] = {
    "^": lambda text: text[:1].upper() + text[1:],
    "^^": str.upper,
    ",": lambda text: text[:1].lower() + text[1:],
    ",,": str.lower,
    "@U": str.upper,
    "@u": lambda text: text[:1].upper() + text[1:],
    "@L": str.lower,
    "@E": decode_escapes,
    "@Q": str,
    "@P": str,
    "length": lambda text: str(len(text)),
}


def transform(text: str, operator: str, pattern: str, replacement: str) -> str:
    """Apply any operator but the conditional ones and the substring.

    Args:
        text: The value.
        operator: As in ``syntax.Parameter``.
        pattern: The first operand, its quoted characters behind backslashes.
        replacement: The second operand.
    """
    if operator in _CASES:
        return UNKNOWN if UNKNOWN in text else _CASES[operator](text)
    expression = _expression(pattern)
    if operator not in NEEDS_PATTERN or expression is None or len(text) > _MAX_TEXT:
        return UNKNOWN
    if operator in ("%", "%%", "#", "##"):
        return _strip(text, operator, expression)
    if operator == "/#":
        found = expression.match(text)
        return replacement + text[found.end() :] if found else text
    if operator == "/%":
        places = (p for p in range(len(text)) if expression.fullmatch(text, p))
        place = next(places, None)
        return text if place is None else text[:place] + replacement
    if not pattern:
        return text
    return expression.sub(lambda _: replacement, text, count=operator == "/")


def _strip(text: str, operator: str, expression: re.Pattern[str]) -> str:
    lengths = range(len(text) + 1)
    for length in lengths if len(operator) == 1 else reversed(lengths):
        if operator[0] == "#" and expression.fullmatch(text, 0, length):
            return text[length:]
        if operator[0] == "%" and expression.fullmatch(text, len(text) - length):
            return text[: len(text) - length]
    return text


@functools.lru_cache(maxsize=64)
def _expression(pattern: str) -> re.Pattern[str] | None:
    """A shell pattern as a regular expression, or None if it takes too long."""
    pieces: list[str] = []
    stars = 0
    for piece in _PIECE.finditer(pattern[:_MAX_TEXT]):
        escaped, star, any_one, negated, members, plain = piece.groups()
        if star:
            stars += 1
            pieces.append(".*")
        elif any_one:
            pieces.append(".")
        elif members is not None:
            body = re.sub(r"([\\\[\]^&~|])", r"\\\1", members)
            pieces.append(f"[{'^' if negated else ''}{body}]")
        else:
            pieces.append(re.escape(escaped or plain or ""))
    try:
        expression = re.compile("".join(pieces), re.DOTALL)
    except re.error:  # a range that runs backwards
        return None
    return expression if stars <= _MAX_STARS else None


def cut(text: str, offset: str, length: str | None) -> str:
    """``${name:offset:length}``."""
    start = _number(offset)
    count = None if length is None else _number(length)
    if start is None or (length is not None and count is None) or UNKNOWN in text:
        return UNKNOWN
    if start < 0:
        start += len(text)
        if start < 0:
            return ""
    if count is None:
        return text[start:]
    return text[start : start + count] if count >= 0 else text[start:count]


def _number(text: str) -> int | None:
    if not text.strip():
        return 0
    found = _NUMBER.fullmatch(text)
    return int(found[1].replace(" ", "")) if found else calculate(text)


def calculate(text: str) -> int | None:
    """Sums and products of small numbers, from left to right; else None."""
    text = text.strip()
    if not text:
        return None
    total, place = 0, 0
    while place < len(text):
        step = _SUM.match(text, place)
        if step is None or (place > 0 and not step[1]):
            return None
        number = int(step[2])
        if step[1] == "*":
            total *= number
        else:
            total += -number if step[1] == "-" else number
        if abs(total) > 10**9:
            return None
        place = step.end()
    return total
