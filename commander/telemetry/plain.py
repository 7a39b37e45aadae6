"""Values and texts as the log may write them.

An operator looks for failed logins with the query ``401``, for refusals with
``blocked`` and for commands with ``CMD_EXEC``. CloudWatch matches such a query
anywhere in a line, so a byte count of 14012 would count as a failed login.
``number_text`` and ``without_query_words`` keep such matches out: the one writes an
equal number in other digits, the other breaks the word with a middle dot.
"""

from __future__ import annotations

import enum
import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from twisted.python.reflect import safe_str

__all__ = [
    "MOST_CHARACTERS",
    "Plain",
    "cut",
    "cut_mark",
    "number_text",
    "plain",
    "plain_text",
    "printable",
    "without_query_words",
]

Scalar = str | int | float | bool | None
Plain = Scalar | list[Scalar] | dict[str, Scalar]
"""What a field can hold once it is safe to write: flat, or one level deep."""

MOST_CHARACTERS: Final = 4096
"""Of one text; a record of a dozen texts stays far below the 256 KiB of CloudWatch."""
_MOST_ITEMS: Final = 100
"""Of one list or mapping."""
_MOST_BITS: Final = 64
"""Of an integer; readers of JSON take no longer ones."""
_FLAT: Final = frozenset({str, int, float})
"""What nearly all fields are; to ask if one is a mapping takes ten times longer."""
_EXACT_AS_FLOAT: Final = 2**53
"""From here on a reader that takes ``4.01e2`` for a float would lose digits."""
_STATUS: Final = "401"
_QUERY_WORDS: Final = re.compile("401|blocked|CMD_EXEC")


def plain(value: object) -> Plain:
    """Turn any value into one that JSON can hold; never raises.

    Enums give their value if that is a text, else their name. Lists and mappings
    keep at most 100 items, and what is nested deeper becomes text.
    """
    if type(value) is str and len(value) <= MOST_CHARACTERS and value.isascii():
        return value
    if type(value) in _FLAT or isinstance(value, enum.Enum):
        return _scalar(value)
    if isinstance(value, Mapping):
        items = list(value.items())[:_MOST_ITEMS]
        return {str(_scalar(key)): _scalar(item) for key, item in items}
    if isinstance(value, list | tuple | set | frozenset):
        return [_scalar(item) for item in list(value)[:_MOST_ITEMS]]
    return _scalar(value)


def _scalar(value: object) -> Scalar:
    if type(value) is str:
        return plain_text(value)
    if type(value) is int and value.bit_length() <= _MOST_BITS:
        return value
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, enum.Enum):
        value = value.value if isinstance(value.value, str) else value.name
    if isinstance(value, int) and value.bit_length() <= _MOST_BITS:
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    if isinstance(value, bytes):
        return plain_text(value.decode("utf-8", "backslashreplace"))
    return plain_text(value if isinstance(value, str) else safe_str(value))


def plain_text(text: str, most: int = MOST_CHARACTERS) -> str:
    """Cut a text, and make sure that UTF-8 can hold it."""
    if text.isascii():
        return cut(text, most)
    # Lone surrogates stand for bytes of a file name that are no UTF-8.
    return cut(text, most).encode("utf-8", "backslashreplace").decode("utf-8")


def cut(text: str, most: int) -> str:
    """Keep at most the first ``most`` characters, and say how many there were."""
    if len(text) <= most:
        return text
    return f"{text[:most]}{cut_mark(len(text))}"


def cut_mark(characters: int) -> str:
    """What stands at the end of a text that was cut, by its full length."""
    return f"… ({number_text(characters)} characters in all)"


def number_text(number: float) -> str:
    """Write a finite number as JSON, without the digits ``401`` if that can be.

    The decimal point moves into them: 401 is written ``4.01e2``, 14012 ``14.012e3``.
    It cannot be done where they occur twice, or where a reader would lose digits.
    """
    text = repr(number)
    if _STATUS not in text or abs(number) >= _EXACT_AS_FLOAT:
        return text
    _, digits, exponent = Decimal(text).as_tuple()
    digits_text = "".join(map(str, digits))
    point = digits_text.find(_STATUS) + 1
    power = int(exponent) + len(digits_text) - point
    sign = "-" if number < 0 else ""
    return f"{sign}{digits_text[:point]}.{digits_text[point:].rstrip('0')}e{power}"


def without_query_words(text: str) -> str:
    """Break the words that operators look for, as in ``4·01``.

    For text that is neither ours nor a client's: tracebacks quote line numbers and
    source lines, and libraries print what they like.
    """
    return _QUERY_WORDS.sub(lambda found: f"{found[0][0]}·{found[0][1:]}", text)


def printable(text: str) -> str:
    r"""Write control, format and line-breaking characters as ``\uXXXX``.

    The escapes are those of JSON, so applied to JSON the text keeps its meaning.
    Without them a client could forge records or drive the operator's terminal.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else json.dumps(character)[1:-1]
        for character in text
    )
