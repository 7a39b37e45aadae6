"""``commander-mcp token new NAME``: a token for the list of ``MCP_AUTH_TOKENS_FILE``.

Nothing is written to a file: the list may be on another machine, or a secret of an
orchestrator. The token alone goes to standard output. What goes to standard error may
be appended to the list as it is.
"""

from __future__ import annotations

import math
import secrets
import sys
import time
from collections.abc import Sequence
from typing import Final

import attrs

from commander.auth.state import new_desk_token
from commander.auth.token_lines import ACCEPTED_NAME, is_principal_name, token_line
from commander.auth.tokens import Token, digest_of
from commander.durations import ACCEPTED_DURATION, parse_duration

__all__ = ["new_token_command"]

_TOKEN_BYTES: Final = 32
_OPTION: Final = "--expires"
_LONGEST_SECONDS: Final = 10 * 366 * 24 * 3600.0
"""Ten years; more is a mistake in the unit."""


@attrs.frozen
class _Wanted:
    name: str
    seconds: float | None
    """Until it expires; None if it does not."""


def new_token_command(args: Sequence[str]) -> int:
    """Make a token and show it once; without arguments it is that of a desk."""
    if not args:
        return new_desk_token()
    wanted = _wanted(args)
    if isinstance(wanted, str):
        print(f"commander-mcp: {wanted}", file=sys.stderr)  # noqa: T201 - its output
        return 2
    text = secrets.token_urlsafe(_TOKEN_BYTES)
    seconds = wanted.seconds
    token = Token(
        principal=wanted.name,
        digest=digest_of(text),
        expires_at=None if seconds is None else math.ceil(time.time() + seconds),
    )
    print(text)  # noqa: T201 - as above
    print(  # noqa: T201 - as above
        f"# For MCP_AUTH_TOKENS_FILE; the token itself is not shown again.\n"
        f"{token_line(token)}",
        file=sys.stderr,
    )
    return 0


def _wanted(args: Sequence[str]) -> _Wanted | str:
    """What the words after ``token new`` ask for, or what is wrong with them."""
    names: list[str] = []
    seconds: float | None = None
    words = iter(args)
    for word in words:
        option, equals, text = word.partition("=")
        if option == _OPTION and seconds is None:
            seconds = _seconds(text if equals else next(words, ""))
            if seconds is None:
                return (
                    f"{_OPTION} is not accepted: expected {ACCEPTED_DURATION}, such as "
                    "2160h for 90 days, at most ten years"
                )
        else:
            names.append(word)
    if len(names) != 1 or not is_principal_name(names[0]):
        return f"the name is not accepted: expected one name, {ACCEPTED_NAME}"
    return _Wanted(names[0], seconds)


def _seconds(text: str) -> float | None:
    try:
        seconds = parse_duration(text)
    except ValueError:
        return None
    return seconds if 0 < seconds <= _LONGEST_SECONDS else None
