"""The server's HTTP side as one object: an address, its connections, its calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import ServerFactory
from twisted.python.failure import Failure

from commander.errors import StartError
from commander.reactors import ICommanderReactor
from commander.web.exchange import Exchange
from commander.web.site import CommanderSite

__all__ = ["HttpFront"]

_BACKLOG: Final = 1024


class HttpFront:
    """Listens, and knows when it is idle and when it is closed.

    Args:
        reactor: Listens.
        site: Answers connections.
        exchange: Knows whether a call is left.
        host: Address to listen on.
        port: TCP port to listen on.
        listen: An endpoint string in place of host and port.
    """

    def __init__(
        self,
        *,
        reactor: ICommanderReactor,
        site: CommanderSite,
        exchange: Exchange,
        host: str,
        port: int,
        listen: str | None,
    ) -> None:
        self._reactor = reactor
        self._site = site
        self._exchange = exchange
        self._host = host
        self._port = port
        self._listen = listen
        self._listening: IListeningPort | None = None

    def open(self) -> None:
        """Bind the address; requests are served once the reactor runs.

        Raises:
            StartError: The address is taken, foreign or not an endpoint.
        """
        try:
            self._listening = self._bind()
        except CannotListenError as error:
            raise StartError(f"cannot listen: {_why(error)}") from None
        except StartError:
            raise
        except Exception as error:
            # Endpoints are made by plugins, which raise what they like.
            asked = (
                f"MCP_HTTP_HOST={self._host}"
                if self._listen is None
                else f"--listen={self._listen}"
            )
            why = str(error) or type(error).__name__
            raise StartError(f"cannot listen on {asked}: {why}") from None

    def start(self, gone: Callable[[str], None]) -> None:
        """Nothing more: what is bound is served as soon as the reactor runs.

        New clients can always come, so ``gone`` is never called.
        """

    @property
    def address(self) -> Any:
        """What was bound, as Twisted describes it; None before ``open``."""
        return None if self._listening is None else self._listening.getHost()

    def when_idle(self) -> Deferred[None]:
        """Fires when no call is being answered, at once if that is so now."""
        return self._exchange.when_idle()

    def close(self) -> Deferred[None]:
        """Stop listening and end the connections after what is written was sent.

        Fires when none is left; a client that does not read can delay that.
        """
        return Deferred.fromCoroutine(self._close())

    async def _close(self) -> None:
        listening, self._listening = self._listening, None
        if listening is not None:
            stopped = listening.stopListening()
            if isinstance(stopped, Deferred):
                await stopped
        self._exchange.close()
        await self._site.close_connections()

    def _bind(self) -> IListeningPort:
        if self._listen is None:
            return self._reactor.listenTCP(
                self._port,
                cast("ServerFactory[Any]", self._site),
                backlog=_BACKLOG,
                interface=self._host.strip("[]"),
            )
        endpoint = serverFromString(self._reactor, self._listen)
        bound: list[IListeningPort | Failure] = []
        endpoint.listen(self._site).addBoth(bound.append)
        if not bound:
            raise StartError(f"--listen={self._listen} does not bind at once")
        if isinstance(bound[0], Failure):
            bound[0].raiseException()
        return bound[0]


def _why(error: CannotListenError) -> str:
    """The cause in one line, with the settings that choose the address."""
    cause = getattr(error.socketError, "strerror", None) or str(error.socketError)
    return (
        f"{error.interface or 'any address'}, port {error.port}: {cause} "
        "(MCP_HTTP_HOST, MCP_HTTP_PORT)"
    )
