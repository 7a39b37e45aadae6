"""Token authentication as ``twisted.cred`` knows it.

One checker answers every question of "who is this?": before a body is read, and
again at the resource. The avatar id is the principal's name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import attrs
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ICredentials
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import Attribute, Interface, implementer

from commander.auth.tokens import PresentedTokens, Refused, TokenList
from commander.principals import ANONYMOUS

__all__ = [
    "AnyoneChecker",
    "ITokenCredentials",
    "TokenChecker",
    "TokenCredentials",
    "TokensRefused",
]


AvatarId = bytes | tuple[()]
"""What cred's checkers fire with; ours always with bytes."""


class ITokenCredentials(ICredentials, Interface):
    """The tokens that a request presents."""

    presented = Attribute("PresentedTokens: what the request carries, maybe nothing.")


@implementer(ITokenCredentials)
@attrs.frozen
class TokenCredentials:
    """The tokens of one request."""

    presented: PresentedTokens


class TokensRefused(UnauthorizedLogin):
    """No principal has these tokens."""

    def __init__(self, refused: Refused) -> None:
        super().__init__()
        self.refused = refused


@implementer(ICredentialsChecker)
class TokenChecker:
    """Knows the principals of a list of tokens.

    Args:
        tokens: Those that are valid, until ``use`` replaces them.
        now: Seconds since 1970.
    """

    credentialInterfaces: ClassVar = (ITokenCredentials,)

    def __init__(self, tokens: TokenList, now: Callable[[], float]) -> None:
        self._tokens = tokens
        self._now = now

    def use(self, tokens: TokenList) -> None:
        """From now on these are the valid tokens, and no others."""
        self._tokens = tokens

    def requestAvatarId(self, credentials: TokenCredentials) -> Deferred[AvatarId]:
        """Fires at once, with the principal's name or ``TokensRefused``."""
        owner = self._tokens.owner_of(credentials.presented, self._now())
        if isinstance(owner, str):
            return succeed(owner.encode())
        return fail(TokensRefused(owner))


@implementer(ICredentialsChecker)
class AnyoneChecker:
    """Accepts everybody: for ``--no-auth``, which is for loopback only."""

    credentialInterfaces: ClassVar = (ITokenCredentials,)

    def requestAvatarId(self, credentials: TokenCredentials) -> Deferred[AvatarId]:
        """Fires at once, with the name of the anonymous principal."""
        return succeed(ANONYMOUS.name.encode())
