"""``~/.mcp_env``: the settings file of one user.

One ``NAME=VALUE`` a line, shared by every MCP server of that user. Whoever can
write the file decides what this server runs, so it is read only if nobody but
its owner and root can write it.

Nothing here changes the environment of the process.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from commander.errors import SettingError
from commander.kinds import printable
from commander.private_file import read_private_file

__all__ = ["FILE_NAME", "parse_mcp_env", "read_mcp_env"]

FILE_NAME: Final = ".mcp_env"
"""In the home directory of the user that runs the server."""

_MAX_FILE_BYTES: Final = 64 * 1024
"""Hundreds of settings; a larger file is something else by mistake."""


def read_mcp_env(path: Path, *, user_id: int) -> Mapping[str, str]:
    """Read the file's names and values; a file that is missing holds none.

    Args:
        path: The file. A symbolic link is followed: what counts is who owns and
            can write the file that it leads to.
        user_id: Who may own the file, beside root.

    Raises:
        SettingError: The file cannot be read, could have been written by someone
            else, is too large, or is not in the format. No value is ever part of
            the text.
    """
    content = _read_if_private(path, user_id)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _refusal(path, "it is not UTF-8 text") from None
    return parse_mcp_env(text, name=str(path))


def parse_mcp_env(text: str, *, name: str) -> Mapping[str, str]:
    """Read lines of ``NAME=VALUE``; the first line of a name counts.

    Blank lines and lines that begin with ``#`` are skipped, ``export`` before a
    name and quotes around a whole value are dropped. Values are taken as they
    are: nothing in them is expanded. A name without a value is left out, so that
    a later line can still give one.

    Raises:
        SettingError: A line is not in the format; the text tells ``name`` and the
            line's number.
    """
    values: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        where = f"{printable(name)} line {number}"
        variable, value = _assignment(line, where)
        if value:
            values.setdefault(variable, value)
    return values


def _assignment(line: str, where: str) -> tuple[str, str]:
    left, equals, right = line.partition("=")
    words = left.split()
    if words[:1] == ["export"] and len(words) > 1:
        del words[0]
    if not equals or len(words) != 1:
        raise SettingError(f"{where} is not accepted: expected NAME=VALUE")
    return words[0], _unquoted(right.strip(), where)


def _unquoted(value: str, where: str) -> str:
    quote = value[:1]
    if quote not in ('"', "'"):
        return value
    if len(value) < 2 or not value.endswith(quote):
        raise SettingError(
            f"{where} is not accepted: the value's closing quote must end the line"
        )
    return value[1:-1]


def _read_if_private(path: Path, user_id: int) -> bytes:
    """The file's bytes, or none if there is no file."""
    content = read_private_file(
        path, user_id=user_id, most_bytes=_MAX_FILE_BYTES, shown=f"~/{FILE_NAME}"
    )
    if isinstance(content, bytes):
        return content
    if content.is_missing:
        return b""
    raise _refusal(path, content.reason)


def _refusal(path: Path, reason: str) -> SettingError:
    return SettingError(f"{printable(str(path))} is not accepted: {reason}")
