"""Names that a call may set in a command's environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from commander.policy.allow.assignments import steers
from commander.policy.denials import Denied, deny, shorten

__all__ = ["check_environment"]

_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OWN_PREFIX: Final = "MCP_"


def check_environment(
    env: Mapping[str, str | None], *, allowed: frozenset[str] | None
) -> Denied | None:
    """Judge the names, and only the form of the values; no value is ever quoted.

    Args:
        env: As the call gave it; None stands for a variable that it takes away.
        allowed: The operator's names, with an allow-list in force; None without one,
            when every name is allowed.
    """
    for name, value in env.items():
        if not _IDENTIFIER.fullmatch(name):
            cause = "is not a name that an environment can hold"
            return _deny(name, cause, "Names are letters, digits and `_`.")
        if name.startswith(_OWN_PREFIX):
            return _deny(name, "belongs to this server", "No setting allows it.")
        if allowed is not None and name not in allowed and steers(name, value):
            return _deny(
                name,
                "decides what programs do",
                "Leave it out; an operator can add the name to MCP_ALLOWED_ENV.",
            )
        if value is not None and ("\0" in value or not _encodes(value)):
            cause = "has a value that no environment can hold"
            return _deny(
                name, cause, "Values are Unicode text without null characters."
            )
    return None


def _encodes(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _deny(name: str, cause: str, remedy: str) -> Denied:
    return deny("env-name", f"the variable `{shorten(name)}` {cause}", remedy)
