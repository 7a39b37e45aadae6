"""The door: every route that runs anything stands behind an ``AuthResource``.

Klein routes return one of these around what they serve, so the serving code is not
reached, and not even given the request, before a principal is known.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from commander.auth.answers import HttpAnswer, write_answer
from commander.auth.checkers import TokenCredentials
from commander.auth.tokens import PresentedTokens, presented_tokens
from commander.mcp.jsonrpc import UNAUTHORIZED, ProtocolError, error_body
from commander.principals import ANONYMOUS, Principal
from commander.telemetry.audit import LogAccess

__all__ = ["AuthResource", "Authenticator", "peer_address"]


_REMEMBERED: Final = 16
"""Principals; there is one per token."""


def peer_address(request: IRequest) -> str:
    """The address of the other end of the connection, without its port."""
    return str(getattr(request.getClientAddress(), "host", "unknown"))


class Authenticator:
    """Asks one checker who sends a request.

    Args:
        checker: Knows the tokens.
        realm: Named in the challenge of a 401.
        access: Records each failed login, once.
    """

    def __init__(
        self, *, checker: ICredentialsChecker, realm: str, access: LogAccess
    ) -> None:
        self._checker = checker
        self._realm = realm.replace("\\", "\\\\").replace('"', '\\"')
        self._access = access

    def authenticate(
        self, request: IRequest
    ) -> Principal | Deferred[Principal | HttpAnswer]:
        """The principal, if the checker knows it at once.

        Else a Deferred, which fires with the principal, or with the 401 to answer.
        Needs the request's headers only. A failed login is logged here.
        """
        presented = presented_tokens(request.requestHeaders)
        asked = self._checker.requestAvatarId(TokenCredentials(presented))
        if asked.called and isinstance(asked.result, bytes):
            return _principal(asked.result)
        return asked.addCallbacks(
            _principal, self._unknown, errbackArgs=(request, presented)
        )

    def _unknown(
        self, failure: Failure, request: IRequest, presented: PresentedTokens
    ) -> HttpAnswer:
        failure.trap(UnauthorizedLogin)
        self._access.login_failed(
            peer_address(request),
            reason="invalid" if presented.values else "missing",
        )
        return self._challenge(presented)

    def _challenge(self, presented: PresentedTokens) -> HttpAnswer:
        """A 401 that keeps clients from starting OAuth: no ``resource_metadata``.

        ``error`` is only named when a token came (RFC 6750, section 3).
        """
        challenge = f'Bearer realm="{self._realm}"'
        if presented.values:
            challenge += ', error="invalid_token"'
        error = ProtocolError(
            code=UNAUTHORIZED,
            message=(
                "Unauthorized: send the token as X-MCP-Auth-Token or as "
                "Authorization: Bearer"
            ),
        )
        return HttpAnswer(
            status=401,
            body=error_body(error),
            headers=(("WWW-Authenticate", challenge),),
        )


@functools.lru_cache(_REMEMBERED)
def _principal(avatar_id: bytes | tuple[()]) -> Principal:
    # cred's other kind of id, an empty tuple, stands for anonymous callers.
    return Principal(avatar_id.decode()) if avatar_id else ANONYMOUS


class AuthResource(Resource):
    """Serves a request for a known principal, and answers 401 to others.

    Args:
        authenticator: Says who it is.
        serve: Takes the request over, finishes it, and must not raise.
    """

    isLeaf = True

    def __init__(
        self,
        authenticator: Authenticator,
        serve: Callable[[IRequest, Principal], None],
    ) -> None:
        super().__init__()
        self._authenticator = authenticator
        self._serve = serve

    def render(self, request: IRequest) -> int:
        """Any method: whether it is served is for those to know who may ask."""
        who = self._authenticator.authenticate(request)
        if isinstance(who, Principal):
            self._serve(request, who)
        else:
            served = who.addCallback(self._authenticated, request)
            served.addErrback(self._failed, request)
        return NOT_DONE_YET

    def _authenticated(self, who: Principal | HttpAnswer, request: IRequest) -> None:
        if isinstance(who, Principal):
            self._serve(request, who)
            return
        write_answer(request, who)
        request.finish()

    def _failed(self, failure: Failure, request: Any) -> None:
        """A fault of ours: Twisted logs it and answers 500."""
        request.processingFailed(failure)
