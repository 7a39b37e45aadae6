"""``/health`` and ``/ready``: what load balancers and container health checks ask.

``/health`` asks whether to keep the server, ``/ready`` whether to send it a command
now. A full queue is no reason to end a server, so only the second one minds it.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from commander.auth.answers import HttpAnswer
from commander.web.drain import Drain

__all__ = ["Health"]


class Health:
    """Answers with a word, and nothing else about the server but its name.

    Args:
        server_name: Stands in ``/health``.
        drain: Whether the server is leaving.
        trouble: A word for what keeps commands from being started, or None.
    """

    def __init__(
        self,
        *,
        server_name: str,
        drain: Drain,
        trouble: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._server_name = server_name
        self._drain = drain
        self._trouble = trouble

    def answer(self) -> HttpAnswer:
        """200 while the server wants requests, 503 once it is leaving.

        The body has two keys, in this order.
        """
        status = "healthy" if self._drain.healthy else "draining"
        return _answer(status == "healthy", status=status, server=self._server_name)

    def ready(self) -> HttpAnswer:
        """200 if a command can be started now, else 503 with a word for the reason."""
        reason = self.why_not_ready()
        return _answer(reason is None, status=reason or "ready")

    def why_not_ready(self) -> str | None:
        """The word, or None if the server is ready."""
        return self._trouble() if self._drain.healthy else "draining"


def _answer(good: bool, **members: str) -> HttpAnswer:
    return HttpAnswer(status=200 if good else 503, body=msgspec.json.encode(members))
