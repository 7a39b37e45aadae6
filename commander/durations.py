"""Durations in the notation of Go: ``500ms``, ``90s``, ``1h30m``.

The clients of the Go server send and parse this notation, so it is ours too.
A bare number means seconds. Durations are floats of seconds everywhere else.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["ACCEPTED_DURATION", "format_duration", "parse_duration"]

ACCEPTED_DURATION: Final = "a duration such as 500ms, 90s or 1h30m"
"""What ``parse_duration`` takes, in words for an error text."""

_UNIT_SECONDS: Final = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,  # Go writes the micro sign
    "μs": 1e-6,  # and accepts the Greek letter as well
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_NUMBER: Final = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_PART: Final = re.compile(rf"({_NUMBER})(ns|us|µs|μs|ms|s|m|h)")
_WHOLE: Final = re.compile(rf"(?:{_NUMBER}(?:ns|us|µs|μs|ms|s|m|h))+")
_BARE: Final = re.compile(_NUMBER)
_LONGEST_TEXT: Final = 64
"""Characters; more than any real duration needs, so that parsing stays cheap."""


def parse_duration(text: str) -> float:
    """Turn a Go duration, or a bare number of seconds, into seconds.

    Raises:
        ValueError: The text is not a duration. Signs are not accepted: no
            duration of ours can be negative.
    """
    text = text.strip()
    if len(text) <= _LONGEST_TEXT:
        if _BARE.fullmatch(text):
            return float(text)
        if _WHOLE.fullmatch(text):
            return sum(
                float(number) * _UNIT_SECONDS[unit]
                for number, unit in _PART.findall(text)
            )
    raise ValueError(f"not {ACCEPTED_DURATION}")


def format_duration(seconds: float) -> str:
    """Write seconds as Go's ``Duration.String`` would, rounded to a microsecond.

    ``0`` is ``0s``; below a second the unit is ``ms`` or ``µs``; from a minute on
    the parts are ``1h2m3.5s``. Negative durations count as zero.
    """
    microseconds = max(0, round(seconds * 1e6))
    if microseconds == 0:
        return "0s"
    if microseconds < 1_000:
        return f"{microseconds}µs"
    if microseconds < 1_000_000:
        return f"{_trimmed(microseconds, 1_000)}ms"
    minutes, rest = divmod(microseconds, 60_000_000)
    text = f"{_trimmed(rest, 1_000_000)}s"
    if minutes:
        hours, minutes = divmod(minutes, 60)
        text = f"{minutes}m{text}"
        if hours:
            text = f"{hours}h{text}"
    return text


def _trimmed(value: int, unit: int) -> str:
    """``value / unit`` in plain decimals without trailing zeros."""
    whole, rest = divmod(value, unit)
    if not rest:
        return str(whole)
    digits = len(str(unit)) - 1
    return f"{whole}.{rest:0{digits}d}".rstrip("0")
