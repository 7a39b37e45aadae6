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
from commander.auth.checkers import TokenCredentials, TokensRefused
from commander.auth.failed_logins import FailedLogins
from commander.auth.tokens import PresentedTokens, Refused, presented_tokens
from commander.mcp.jsonrpc import UNAUTHORIZED, ProtocolError, error_body
from commander.principals import ANONYMOUS, Principal

__all__ = ["AuthResource", "Authenticator", "peer_address"]


_REMEMBERED: Final = 512
"""Principals; a tokens file names fewer."""


def peer_address(request: IRequest) -> str:
    """The address of the other end of the connection, without its port."""
    return str(getattr(request.getClientAddress(), "host", "unknown"))


class Authenticator:
    """Asks one checker who sends a request.

    Args:
        checker: Knows the tokens.
        realm: Named in the challenge of a 401.
        failed: Records failed logins, and says when there are too many.
    """

    def __init__(
        self, *, checker: ICredentialsChecker, realm: str, failed: FailedLogins
    ) -> None:
        self._checker = checker
        self._realm = realm.replace("\\", "\\\\").replace('"', '\\"')
        self._failed = failed

    def authenticate(
        self, request: IRequest
    ) -> Principal | Deferred[Principal | HttpAnswer]:
        """The principal, if the checker knows it at once.

        Else a Deferred, which fires with the principal, or with the answer to give:
        401, or 429 where too many logins failed. Needs the request's headers only. A
        failed login is logged here.
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
        error = failure.value
        if isinstance(error, TokensRefused):
            refused = error.refused
        else:
            refused = Refused(reason="invalid" if presented.values else "missing")
        wait_seconds = self._failed.note(peer_address(request), refused)
        if wait_seconds is None:
            return self._challenge(presented)
        return _too_many(wait_seconds)

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


def _too_many(wait_seconds: int) -> HttpAnswer:
    """A 429, the same for every kind of failure; valid tokens never get it."""
    error = ProtocolError(
        code=UNAUTHORIZED,
        message=(
            "Unauthorized, and too many failed logins from this address: a valid token "
            f"is served at once, others again in {wait_seconds} s"
        ),
    )
    return HttpAnswer(
        status=429,
        body=error_body(error),
        headers=(("Retry-After", str(wait_seconds)),),
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
