"""The lines of a tokens file: text to tokens, and back. No file is opened here.

``NAME sha256:HEX [expires=2027-01-31T00:00:00Z]``, one token a line. Blank lines and
lines that begin with ``#`` are skipped. What is wrong with a line is told by the number
of the line and the name of the field, and never by what stands there: somebody may have
written the token itself.
"""

from __future__ import annotations

import datetime
import re
from typing import Final

import attrs

from commander.auth.tokens import Token, TokenDigest, digest_of
from commander.principals import ANONYMOUS, STDIO_PRINCIPAL, TOKEN_PREFIX
from commander.telemetry.plain import without_query_words

__all__ = [
    "ACCEPTED_NAME",
    "BadLine",
    "is_principal_name",
    "parse_tokens",
    "token_line",
]

ACCEPTED_NAME: Final = (
    "a letter and up to 63 letters, digits, dots, dashes and underscores; neither "
    f"{ANONYMOUS.name} nor {STDIO_PRINCIPAL.name} nor {TOKEN_PREFIX}..., and without "
    "what the log is searched for: 401, blocked, CMD_EXEC"
)
"""In words, to stand after "expected"."""
_ACCEPTED_DIGEST: Final = (
    "sha256: and the 64 hexadecimal digits of a token's SHA-256, as "
    "`commander-mcp token new NAME` prints it"
)
_ACCEPTED_EXPIRY: Final = "expires= and a time in UTC such as 2027-01-31T00:00:00Z"

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}")
_OUR_NAMES: Final = frozenset({ANONYMOUS.name, STDIO_PRINCIPAL.name})
_DIGEST: Final = re.compile(r"sha256:([0-9A-Fa-f]{64})")
_EXPIRY: Final = re.compile(r"expires=([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8})Z")
_TIME: Final = "%Y-%m-%dT%H:%M:%S"
_BLANKS: Final = " \t\r"
_GAP: Final = re.compile("[ \t]+")
_NO_TOKEN: Final = digest_of("")
"""An empty header would match it; it comes from hashing a variable that is not set."""


@attrs.frozen
class BadLine:
    """Why a text is not a list of tokens; a value, not an exception."""

    reason: str
    """One line that quotes nothing: line, field and what is accepted."""


def is_principal_name(name: str) -> bool:
    """Whether a token may have this name.

    Names stand in the log, so none may match the operator's queries, and none may pass
    for one of the names that the server itself gives; see ``commander.principals``.
    """
    return (
        _NAME.fullmatch(name) is not None
        and without_query_words(name) == name
        and name not in _OUR_NAMES
        and not name.startswith(TOKEN_PREFIX)
    )


def parse_tokens(text: str) -> tuple[Token, ...] | BadLine:
    """Read all lines, or say what is wrong with the first that is wrong.

    The same name may stand on several lines, the same token may not. A text without a
    token is no list: more likely it was cut off while it was written.
    """
    lines_of: dict[TokenDigest, int] = {}
    tokens = []
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.strip(_BLANKS)
        if not line or line.startswith("#"):
            continue
        token = _token(_GAP.split(line), number)
        if isinstance(token, BadLine):
            return token
        first = lines_of.setdefault(token.digest, number)
        if first != number:
            return BadLine(f"line {number}: the same token stands in line {first}")
        tokens.append(token)
    if not tokens:
        return BadLine(
            "there is no token in it; to withdraw the last one, let it expire"
        )
    return tuple(tokens)


def token_line(token: Token) -> str:
    """The line of a token; an expiry is written in whole seconds."""
    fields = [token.principal, f"sha256:{token.digest.value.hex()}"]
    if token.expires_at is not None:
        moment = datetime.datetime.fromtimestamp(token.expires_at, datetime.UTC)
        fields.append(f"expires={moment.strftime(_TIME)}Z")
    return " ".join(fields)


def _token(fields: list[str], number: int) -> Token | BadLine:
    """The token of one line that is neither blank nor a comment."""
    name, digest, expiry, *rest = [*fields, "", "", ""][: max(3, len(fields))]
    if not is_principal_name(name):
        return _bad(number, "name", ACCEPTED_NAME)
    hexadecimal = _DIGEST.fullmatch(digest)
    if hexadecimal is None:
        return _bad(number, "digest", _ACCEPTED_DIGEST)
    known = TokenDigest(bytes.fromhex(hexadecimal[1]))
    if known == _NO_TOKEN:
        return BadLine(f"line {number}: the digest is that of an empty token")
    expires_at = None
    if expiry:
        expires_at = _expiry(expiry)
        if expires_at is None:
            return _bad(number, "expiry", _ACCEPTED_EXPIRY)
    if rest:
        return _bad(number, "fourth field", "none")
    return Token(principal=name, digest=known, expires_at=expires_at)


def _expiry(field: str) -> float | None:
    match = _EXPIRY.fullmatch(field)
    if match is None:
        return None
    try:
        moment = datetime.datetime.strptime(match[1], _TIME)
    except ValueError:  # a day or a second that does not exist
        return None
    return moment.replace(tzinfo=datetime.UTC).timestamp()


def _bad(number: int, field: str, accepted: str) -> BadLine:
    return BadLine(f"line {number}: the {field} is not accepted: expected {accepted}")
