"""``MCP_AUTH_TOKENS_FILE``: read at start and on SIGHUP, as a whole or not at all.

A list that cannot be read, or that holds one bad line, changes nothing: the tokens
before stay valid, and the log says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from commander.auth.token_lines import BadLine, parse_tokens
from commander.auth.tokens import Token, TokenList
from commander.kinds import printable
from commander.private_file import Unusable, read_private_file
from commander.telemetry.logging import StructuredLog
from commander.telemetry.plain import without_query_words

__all__ = ["TokensFile", "read_tokens"]

_MOST_BYTES: Final = 64 * 1024
"""Of the file: some four hundred tokens. A token that is not valid is compared with
each of them, which takes about 20 us."""


def read_tokens(
    path: Path, *, user_id: int, beside: Iterable[Token] = ()
) -> tuple[Token, ...] | Unusable:
    """All tokens of a file, or why there are none; quotes nothing of the file.

    Args:
        path: The file.
        user_id: Who may own it, beside root.
        beside: Tokens that are valid anyhow; none of them may stand in the file, or it
            would have two owners.
    """
    content = read_private_file(path, user_id=user_id, most_bytes=_MOST_BYTES)
    if isinstance(content, Unusable):
        return content
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return Unusable("it is not UTF-8 text")
    tokens = parse_tokens(text)
    if isinstance(tokens, BadLine):
        return Unusable(tokens.reason)
    digests = {token.digest for token in beside}
    for token in tokens:
        if token.digest in digests:
            return Unusable(
                f"a token of {token.principal} is that of MCP_AUTH_TOKEN: leave one out"
            )
    return tokens


class TokensFile:
    """Puts the tokens of one file into force, each time it is told to.

    Args:
        path: The file.
        user_id: Who may own it, beside root.
        own: Tokens that are valid whatever the file says.
        now: Seconds since 1970.
        log: Where each reading is written down.
    """

    def __init__(
        self,
        path: Path,
        *,
        user_id: int,
        own: tuple[Token, ...],
        now: Callable[[], float],
        log: StructuredLog,
    ) -> None:
        self._path = path
        self._user_id = user_id
        self._own = own
        self._now = now
        self._log = log

    def read(self) -> TokenList | Unusable:
        """The tokens that are valid with what the file says now."""
        tokens = read_tokens(self._path, user_id=self._user_id, beside=self._own)
        if isinstance(tokens, Unusable):
            return tokens
        return TokenList((*self._own, *tokens))

    def reload(self, use: Callable[[TokenList], None]) -> None:
        """Read the file again and hand the list on, or log why the old one stays."""
        tokens = self.read()
        if isinstance(tokens, Unusable):
            self._log.error(
                "tokens_not_loaded",
                "the tokens before stay valid",
                # Line numbers and paths are no failed logins.
                file=without_query_words(printable(str(self._path))),
                reason=without_query_words(tokens.reason),
            )
            return
        use(tokens)
        self.note(tokens)

    def note(self, tokens: TokenList) -> None:
        """Log that these are in force now."""
        now = self._now()
        expired = sum(token.has_expired(now) for token in tokens.tokens)
        self._log.info(
            "tokens_loaded",
            principals=len({token.principal for token in tokens.tokens}),
            tokens=len(tokens.tokens),
            expired=expired or None,
        )
