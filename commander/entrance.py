"""The entrance: everything that decides who comes in, put together from settings.

A part of the composition root that stands by itself, because it goes on working after
the start: a hang-up signal has it read the list of tokens anew.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from twisted.cred.checkers import ICredentialsChecker
from twisted.internet.interfaces import IReactorTime

from commander.auth.checkers import AnyoneChecker, TokenChecker
from commander.auth.failed_logins import FailedLogins
from commander.auth.resource import Authenticator
from commander.auth.tokens import Token, TokenDigest, TokenList, digest_of
from commander.errors import StartError
from commander.interfaces import Monotonic
from commander.kinds import printable
from commander.principals import principal_for_token
from commander.private_file import Unusable
from commander.settings import Settings
from commander.telemetry.audit import LogAccess
from commander.telemetry.logging import StructuredLog

__all__ = ["Entrance", "listed_tokens", "open_entrance", "session_key"]

_KEY_BYTES: Final = 32


class Entrance:
    """Who may come in, as long as the server runs.

    Args:
        authenticator: Asked with every request over HTTP.
        failed: The failed logins.
        reload: Reads the tokens file again; None without one.
        note: Logs which tokens are in force.
        log: Where a hang-up is noted that changes nothing.
    """

    def __init__(
        self,
        *,
        authenticator: Authenticator,
        failed: FailedLogins,
        log: StructuredLog,
        note: Callable[[], None] | None = None,
        reload: Callable[[], None] | None = None,
    ) -> None:
        self.authenticator = authenticator
        self._failed = failed
        self._log = log
        self._note = note
        self._reload = reload

    def start(self) -> None:
        """Requests will come."""
        if self._note is not None:
            self._note()

    def hang_up(self) -> None:
        """SIGHUP came: take the tokens file as it is now, if there is one."""
        if self._reload is None:
            self._log.info("hang_up_ignored", "there is no tokens file to read again")
        else:
            self._reload()

    def close(self) -> None:
        """No more requests come; leaves no timer."""
        self._failed.close()


def open_entrance(
    settings: Settings,
    own: TokenDigest | None,
    *,
    clock: IReactorTime,
    monotonic: Monotonic,
    log: StructuredLog,
    failed: Callable[[str], None] = lambda reason: None,
) -> Entrance:
    """Make the entrance of a server; on standard input nobody is asked.

    Args:
        settings: The configuration, already checked.
        own: The token of ``MCP_AUTH_TOKEN`` or of a desk. Without it, and without a
            tokens file, everybody is served.
        clock: Makes timers, and tells the time of day for tokens that expire.
        monotonic: The time for everything else.
        log: Where to tell who did not come in.
        failed: Called for each who did not, with the reason in a word.

    Raises:
        StartError: The tokens file cannot be used.
    """
    valid = _own_tokens(own)
    note = reload = None
    checker: ICredentialsChecker
    if _has_file(settings):
        from commander.auth.tokens_file import TokensFile

        tokens = TokenList((*valid, *listed_tokens(settings, valid)))
        known = checker = TokenChecker(tokens, clock.seconds)
        file = TokensFile(
            Path(str(settings.auth_tokens_file)),
            user_id=os.geteuid(),
            own=valid,
            now=clock.seconds,
            log=log,
        )
        note, reload = partial(file.note, tokens), partial(file.reload, known.use)
    elif valid:
        checker = TokenChecker(TokenList(valid), clock.seconds)
    else:
        checker = AnyoneChecker()
    logins = FailedLogins(
        LogAccess(log), clock=clock, monotonic=monotonic, failed=failed
    )
    return Entrance(
        authenticator=Authenticator(
            checker=checker, realm=settings.server_name, failed=logins
        ),
        failed=logins,
        log=log,
        note=note,
        reload=reload,
    )


def listed_tokens(
    settings: Settings, own: tuple[Token, ...] | None = None
) -> tuple[Token, ...]:
    """What the tokens file holds now; nothing without one.

    Args:
        settings: The configuration.
        own: Tokens that are valid beside it; that of ``MCP_AUTH_TOKEN`` if None.

    Raises:
        StartError: The file cannot be used.
    """
    if not _has_file(settings):
        return ()
    from commander.auth.tokens_file import read_tokens

    if own is None:
        token = settings.auth_token
        own = _own_tokens(None if token is None else digest_of(token))
    path = str(settings.auth_tokens_file)
    tokens = read_tokens(Path(path), user_id=os.geteuid(), beside=own)
    if isinstance(tokens, Unusable):
        raise StartError(
            f'MCP_AUTH_TOKENS_FILE="{printable(path)}" is not accepted: {tokens.reason}'
        )
    return tokens


def session_key(settings: Settings, own: TokenDigest | None) -> bytes:
    """What signs session ids; see ``MCP_SESSION_KEY``.

    Not made of the tokens file: every rotation would end all sessions, and replicas
    that read it at different times would refuse each other's.
    """
    if settings.session_key is not None:
        return settings.session_key.encode()
    return secrets.token_bytes(_KEY_BYTES) if own is None else own.value


def _has_file(settings: Settings) -> bool:
    """Whether tokens of a file are asked for; on standard input none is."""
    return settings.auth_tokens_file is not None and settings.transport != "stdio"


def _own_tokens(digest: TokenDigest | None) -> tuple[Token, ...]:
    if digest is None:
        return ()
    name = principal_for_token(digest.value).name
    return (Token(principal=name, digest=digest),)
