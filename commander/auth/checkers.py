"""Token authentication as ``twisted.cred`` knows it.

One checker answers every question of "who is this?": before a body is read, and
again at the resource. The avatar id is the principal's name.
"""

from __future__ import annotations

from typing import ClassVar

import attrs
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ICredentials
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import Attribute, Interface, implementer

from commander.auth.tokens import PresentedTokens, TokenDigest
from commander.principals import ANONYMOUS, principal_for_token

__all__ = ["AnyoneChecker", "ITokenCredentials", "TokenChecker", "TokenCredentials"]


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


@implementer(ICredentialsChecker)
class TokenChecker:
    """Accepts the one token whose digest it holds, in constant time."""

    credentialInterfaces: ClassVar = (ITokenCredentials,)

    def __init__(self, digest: TokenDigest) -> None:
        self._digest = digest
        self._principal = principal_for_token(digest.value)

    def requestAvatarId(self, credentials: TokenCredentials) -> Deferred[AvatarId]:
        """Fires at once, with the principal's name or ``UnauthorizedLogin``."""
        if credentials.presented.all_match(self._digest):
            return succeed(self._principal.name.encode())
        return fail(UnauthorizedLogin())


@implementer(ICredentialsChecker)
class AnyoneChecker:
    """Accepts everybody: for ``--no-auth``, which is for loopback only."""

    credentialInterfaces: ClassVar = (ITokenCredentials,)

    def requestAvatarId(self, credentials: TokenCredentials) -> Deferred[AvatarId]:
        """Fires at once, with the name of the anonymous principal."""
        return succeed(ANONYMOUS.name.encode())
