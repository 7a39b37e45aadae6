"""The routes.

``/mcp`` for MCP clients, ``/`` for callers of the Go server, ``/health`` and ``/ready``
for load balancers, ``/metrics`` for scrapers. Everything else is 404 without being
asked for a token: clients look for OAuth's well-known paths, and anything but 404 there
makes them start a login. That answer is ``CommanderRequest``'s: other paths, and other
spellings of these, do not get as far as the router.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any, ClassVar, Final, cast

from klein import Klein
from klein.resource import KleinResource
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from twisted.web.resource import Resource
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from commander.auth.answers import write_answer
from commander.auth.resource import Authenticator, AuthResource
from commander.telemetry.logging import StructuredLog
from commander.web.answers import internal_error, method_not_allowed
from commander.web.exchange import Exchange
from commander.web.health import Health
from commander.web.metrics import MetricsResource

__all__ = ["PUBLIC_PATHS", "Routes", "WebApp"]

PUBLIC_PATHS: Final = frozenset({b"/health", b"/ready"})
"""The paths that need no token; a test finds a lock behind every other route."""
_REMEMBERED: Final = 32
"""Pairs of path and method whose route is known; there are five paths."""


class Routes(KleinResource):
    """Klein's routes, with a shorter way to those that lead to a locked resource.

    Klein finds their route and calls their function, as it does for all. Left out is
    what it does for functions that answer later or fail: an adapter, four Deferreds
    and ten callbacks, which cost more than auth, guards and engine together.

    Args:
        app: The routes; they are complete.
    """

    def __init__(self, app: Klein) -> None:
        super().__init__(app)
        self._app_routes = app
        self._map = app.url_map.bind("localhost")  # no route depends on the host
        self._door_at = lru_cache(_REMEMBERED)(self._find_door)

    def render(self, request: IRequest) -> Any:
        """What is public or has no route is rendered by Klein."""
        door = self._door_at(request.path, request.method)
        if door is None:
            return super().render(request)
        resource = self._app_routes.execute_endpoint(door, request)
        return cast("Resource", resource).render(request)

    def _find_door(self, path: bytes, method: bytes) -> str | None:
        """The endpoint of a route that is not public."""
        try:
            rule, _ = self._map.match(path.decode(), method.decode(), return_rule=True)
        except HTTPException:
            return None
        return None if path in PUBLIC_PATHS else str(rule.endpoint)


class WebApp:
    """The Klein application and what its routes lead to."""

    routes: ClassVar[Klein] = Klein()

    def __init__(
        self,
        *,
        authenticator: Authenticator,
        exchange: Exchange,
        health: Health,
        metrics: MetricsResource,
        log: StructuredLog,
    ) -> None:
        self._mcp, self._plain_rpc = (
            AuthResource(authenticator, partial(exchange.serve, plain_rpc=plain_rpc))
            for plain_rpc in (False, True)
        )
        self._health = health
        self._metrics = metrics
        self._log = log

    def resource(self) -> KleinResource:
        """The root resource for a ``Site``."""
        return Routes(self.routes)

    @classmethod
    def served_paths(cls) -> frozenset[bytes]:
        """Every path that has a route."""
        rules = cls.routes.url_map.iter_rules()
        return frozenset(rule.rule.encode() for rule in rules)

    @routes.route("/mcp")
    def mcp(self, request: IRequest) -> AuthResource:
        """MCP over streamable HTTP."""
        return self._mcp

    @routes.route("/")
    def plain_rpc(self, request: IRequest) -> AuthResource:
        """Plain JSON-RPC, as the Go server served it."""
        return self._plain_rpc

    @routes.route("/health", methods=["GET", "HEAD"])
    def health(self, request: IRequest) -> None:
        """Public."""
        write_answer(request, self._health.answer())

    @routes.route("/ready", methods=["GET", "HEAD"])
    def ready(self, request: IRequest) -> None:
        """Public."""
        write_answer(request, self._health.ready())

    @routes.route("/metrics")
    def metrics(self, request: IRequest) -> MetricsResource:
        """Behind a lock of its own."""
        return self._metrics

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
