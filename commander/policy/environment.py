"""Names that a call may set in a command's environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from commander.policy.denials import Denied, deny, shorten
from commander.policy.wordset import wordset

__all__ = ["check_environment"]

_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LOCALE: Final = re.compile(r"LC_[A-Z]+")
_OWN_PREFIX: Final = "MCP_"
_HARMLESS: Final = wordset(
    "LANG LANGUAGE TZ CI NO_COLOR CLICOLOR FORCE_COLOR TERM COLUMNS LINES NODE_ENV "
    "DEBUG"
)
"""Names that change how programs talk, not what they run."""


def check_environment(
    env: Mapping[str, str], *, allowed: frozenset[str] | None
) -> Denied | None:
    """Judge the names, and only the form of the values; no value is ever quoted.

    Args:
        env: As the call gave it.
        allowed: The operator's names, with an allow-list in force; None without one,
            when every name is allowed.
    """
    for name, value in env.items():
        if not _IDENTIFIER.fullmatch(name):
            cause = "is not a name that an environment can hold"
            return _deny(name, cause, "Names are letters, digits and `_`.")
        if name.startswith(_OWN_PREFIX):
            return _deny(name, "belongs to this server", "No setting allows it.")
        if not (allowed is None or name in allowed or _is_harmless(name)):
            return _deny(
                name,
                "may decide what runs, and is not on this server's list of names",
                f"Allowed are {', '.join(sorted(_HARMLESS | allowed))} and LC_*; an "
                "operator can add names to MCP_ALLOWED_ENV.",
            )
        if "\0" in value or not _encodes(value):
            cause = "has a value that no environment can hold"
            return _deny(
                name, cause, "Values are Unicode text without null characters."
            )
    return None


def _is_harmless(name: str) -> bool:
    return name in _HARMLESS or _LOCALE.fullmatch(name) is not None


def _encodes(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _deny(name: str, cause: str, remedy: str) -> Denied:
    return deny("env-name", f"the variable `{shorten(name)}` {cause}", remedy)
