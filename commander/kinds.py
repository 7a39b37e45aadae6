"""The kinds of value that a setting can have: how text becomes a value.

A kind never sees where a text came from; ``commander.sources`` adds name, value
and source to the ``ValueError`` that ``Kind.parse`` raises.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any, Final

import attrs

from commander.durations import ACCEPTED_DURATION, format_duration, parse_duration

__all__ = [
    "ABSOLUTE_PATH",
    "CHOICE",
    "COMMANDS",
    "COUNT",
    "DIRECTORIES",
    "DURATION",
    "DURATION_OR_ZERO",
    "NAMES",
    "ORIGINS",
    "PATH",
    "PORT",
    "SIZE",
    "SWITCH",
    "TEXT",
    "TOKEN",
    "USER",
    "WHOLE_SECONDS",
    "WISHED_PATH",
    "WISH_MARK",
    "Kind",
    "printable",
]


@attrs.frozen(kw_only=True)
class Kind:
    """How one kind of setting is read and shown."""

    accepts: str
    """In words, to stand after "expected"."""
    parse: Callable[[str], Any]
    """Text to value; ValueError if the text is not accepted."""
    show: Callable[[Any], str] = str
    """Value to the text that ``parse`` would take."""
    is_switch: bool = False
    """May stand on the command line without a value, which then means true."""


WISH_MARK: Final = "-"
"""Before a path that need not be usable, as before a file in a unit of systemd."""

_SIZE: Final = re.compile(r"([0-9]{1,15})\s*(|B|KiB|MiB|GiB)", re.IGNORECASE)
_SIZE_UNITS: Final = {"": 1, "b": 1, "kib": 1024, "mib": 1024**2, "gib": 1024**3}
_MAX_SIZE_BYTES: Final = 1024**4
"""No body, window or limit of ours is larger: more is a mistake in the unit."""
_MAX_COUNT: Final = 1_000_000
_MAX_PORT: Final = 65535
_MIN_DURATION_SECONDS: Final = 1e-6
"""Less would be written back as zero."""
_MAX_DURATION_SECONDS: Final = 366 * 24 * 3600.0
"""A timer further away than a year is a mistake in the unit."""
_USER: Final = re.compile(
    r"[a-z_][a-z0-9_.-]{0,31}|[0-9]{1,10}(:[0-9]{1,10})?", re.IGNORECASE
)
_MAX_USER_ID: Final = 2**32 - 2
"""The next one means "leave it as it is" to the kernel."""
_SWITCH_WORDS: Final = {
    **dict.fromkeys(("1", "t", "true", "on", "yes"), True),
    **dict.fromkeys(("0", "f", "false", "off", "no"), False),
}


_TOKEN: Final = re.compile(r"[!-~]+")
_ORIGIN: Final = re.compile(
    r"[a-z][a-z0-9+.-]*://(?:\[[0-9a-f:.]+\]|[^\s/?#@:\[\]]+)(?::[0-9]{1,5})?",
    re.IGNORECASE,
)


def printable(text: str) -> str:
    """Write a text so that it can stand within one line of a log or an error.

    Control characters, line separators and undecodable bytes become escapes.
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _text(text: str) -> str:
    # Logs, JSON answers and one-line errors repeat it.
    if not text.strip() or not text.isprintable():
        raise ValueError("blank or not printable")
    return text


def _token(text: str) -> str:
    if not _TOKEN.fullmatch(text):
        raise ValueError("a header cannot carry it")
    return text


def _path(text: str) -> str:
    """An absolute path; ``~`` is the home directory, as in the Go server."""
    return os.path.abspath(os.path.expanduser(_text(text)))


def _wished_path(text: str) -> str:
    mark = WISH_MARK if text.startswith(WISH_MARK) else ""
    return mark + _path(text.removeprefix(mark))


def _absolute_path(text: str) -> str:
    if not os.path.isabs(os.path.expanduser(_text(text))):
        raise ValueError("not absolute")
    return _path(text)


def _directories(text: str) -> tuple[str, ...]:
    return tuple(_absolute_path(part) for part in text.split(":"))


def _positive_duration(text: str) -> float:
    seconds = _duration(text)
    if seconds < _MIN_DURATION_SECONDS:
        raise ValueError("not greater than zero")
    return seconds


def _duration(text: str) -> float:
    seconds = parse_duration(text)
    if seconds > _MAX_DURATION_SECONDS:
        raise ValueError("longer than a year")
    return seconds


def _whole_seconds(text: str) -> int:
    seconds = _positive_duration(text)
    if seconds != int(seconds):
        raise ValueError("not whole")
    return int(seconds)


def _user(text: str) -> str:
    user = text.strip()
    if not _USER.fullmatch(user):
        raise ValueError("not a user")
    if any(int(n) > _MAX_USER_ID for n in user.split(":") if n.isdigit()):
        raise ValueError("out of range")
    return user


def _size(text: str) -> int:
    match = _SIZE.fullmatch(text.strip())
    size = int(match[1]) * _SIZE_UNITS[match[2].lower()] if match else 0
    if not 1 <= size <= _MAX_SIZE_BYTES:
        raise ValueError("not a size")
    return size


def _show_size(size: int) -> str:
    for unit in ("GiB", "MiB", "KiB"):
        whole, rest = divmod(size, _SIZE_UNITS[unit.lower()])
        if whole and not rest:
            return f"{whole}{unit}"
    return str(size)


def _whole_number(most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text.strip()):
            raise ValueError("not a whole number")
        number = int(text)
        if not 1 <= number <= most:
            raise ValueError("out of range")
        return number

    return parse


def _switch(text: str) -> bool:
    try:
        return _SWITCH_WORDS[text.strip().lower()]
    except KeyError:
        raise ValueError("not a switch") from None


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _names(text: str) -> tuple[str, ...]:
    return tuple(_text(name) for name in _listed(text))


def _origins(text: str) -> tuple[str, ...]:
    origins = _listed(text)
    if not all(_ORIGIN.fullmatch(origin) for origin in origins):
        raise ValueError("not an origin")
    return _names(text)


def _commands(text: str) -> tuple[str, ...]:
    commands = tuple(_text(" ".join(part.split())) for part in _listed(text))
    if not commands:
        # A list that looks set but names nothing must not come to mean "allow all".
        raise ValueError("no command in it")
    return commands


def CHOICE(*words: str) -> Kind:  # noqa: N802 - stands beside the constants below
    """One of some words; case does not matter."""

    def parse(text: str) -> str:
        word = text.strip().lower()
        if word not in words:
            raise ValueError("not one of the words")
        return word

    return Kind(accepts=" or ".join(words), parse=parse)


TEXT: Final = Kind(accepts="a text of printable characters", parse=_text)
TOKEN: Final = Kind(
    accepts="printable ASCII characters without spaces, as a header can carry",
    parse=_token,
)
PATH: Final = Kind(accepts="a path of printable characters", parse=_path)
WISHED_PATH: Final = Kind(
    accepts="a path of printable characters, with `-` before it if it need not be "
    "usable",
    parse=_wished_path,
)
ABSOLUTE_PATH: Final = Kind(
    accepts="an absolute path of printable characters", parse=_absolute_path
)
DIRECTORIES: Final = Kind(
    accepts="absolute paths of existing directories separated by colons",
    parse=_directories,
    show=":".join,
)
COUNT: Final = Kind(
    accepts=f"a whole number from 1 to {_MAX_COUNT}", parse=_whole_number(_MAX_COUNT)
)
PORT: Final = Kind(
    accepts=f"a port from 1 to {_MAX_PORT}", parse=_whole_number(_MAX_PORT)
)
SIZE: Final = Kind(
    accepts="a size such as 65536, 512KiB or 4MiB, from 1 byte to 1024GiB",
    parse=_size,
    show=_show_size,
)
DURATION: Final = Kind(
    accepts=f"{ACCEPTED_DURATION}, greater than zero",
    parse=_positive_duration,
    show=format_duration,
)
DURATION_OR_ZERO: Final = Kind(
    accepts=f"{ACCEPTED_DURATION}, or 0", parse=_duration, show=format_duration
)
WHOLE_SECONDS: Final = Kind(
    accepts="whole seconds such as 90, 90s or 1h30m, greater than zero",
    parse=_whole_seconds,
    show=format_duration,
)
USER: Final = Kind(accepts="a user's name, its number, or uid:gid", parse=_user)
SWITCH: Final = Kind(
    accepts="true or false",
    parse=_switch,
    show=lambda on: "true" if on else "false",
    is_switch=True,
)
NAMES: Final = Kind(accepts="names separated by commas", parse=_names, show=",".join)
ORIGINS: Final = Kind(
    accepts="origins such as https://app.example:8443 separated by commas",
    parse=_origins,
    show=",".join,
)
COMMANDS: Final = Kind(
    accepts="one or more commands separated by commas", parse=_commands, show=",".join
)
