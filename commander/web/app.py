"""The routes.

``/mcp`` for MCP clients, ``/`` for callers of the Go server, ``/health`` for load
balancers. Everything else is 404 without being asked for a token: clients look for
OAuth's well-known paths, and anything but 404 there makes them start a login. That
answer is ``CommanderRequest``'s: other paths, and other spellings of these, do not
get as far as the router.
"""

from __future__ import annotations

from functools import partial
from typing import ClassVar, Final

from klein import Klein
from klein.resource import KleinResource
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from werkzeug.exceptions import MethodNotAllowed

from commander.auth.answers import write_answer
from commander.auth.resource import Authenticator, AuthResource
from commander.telemetry.logging import StructuredLog
from commander.web.answers import internal_error, method_not_allowed
from commander.web.exchange import Exchange
from commander.web.health import Health

__all__ = ["PUBLIC_PATHS", "WebApp"]

PUBLIC_PATHS: Final = frozenset({b"/health"})
"""The paths that need no token; a test finds auth behind every other route."""


class WebApp:
    """The Klein application and what its routes lead to."""

    routes: ClassVar[Klein] = Klein()

    def __init__(
        self,
        *,
        authenticator: Authenticator,
        exchange: Exchange,
        health: Health,
        log: StructuredLog,
    ) -> None:
        self._authenticator = authenticator
        self._exchange = exchange
        self._health = health
        self._log = log

    def resource(self) -> KleinResource:
        """The root resource for a ``Site``."""
        return self.routes.resource()

    @classmethod
    def served_paths(cls) -> frozenset[bytes]:
        """Every path that has a route."""
        rules = cls.routes.url_map.iter_rules()
        return frozenset(rule.rule.encode() for rule in rules)

    @routes.route("/mcp")
    def mcp(self, request: IRequest) -> AuthResource:
        """MCP over streamable HTTP."""
        return AuthResource(
            self._authenticator, partial(self._exchange.serve, plain_rpc=False)
        )

    @routes.route("/")
    def plain_rpc(self, request: IRequest) -> AuthResource:
        """Plain JSON-RPC, as the Go server served it."""
        return AuthResource(
            self._authenticator, partial(self._exchange.serve, plain_rpc=True)
        )

    @routes.route("/health", methods=["GET", "HEAD"])
    def health(self, request: IRequest) -> None:
        """Public."""
        write_answer(request, self._health.answer())

    @routes.handle_errors(MethodNotAllowed)
    def wrong_method(self, request: IRequest, failure: Failure) -> None:
        """A route that knows its methods, and not this one."""
        allowed = getattr(failure.value, "valid_methods", None) or ()
        write_answer(request, method_not_allowed(", ".join(sorted(allowed))))

    @routes.handle_errors(Exception)
    def failed(self, request: IRequest, failure: Failure) -> None:
        """The boundary for faults of ours in a route: logged, answered 500."""
        self._log.failure("route_failed", failure)
        write_answer(request, internal_error())
