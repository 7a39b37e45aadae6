"""``/health``: what load balancers and container health checks ask."""

from __future__ import annotations

import msgspec

from commander.auth.answers import HttpAnswer
from commander.web.drain import Drain

__all__ = ["Health"]


class Health:
    """Answers with two keys, in this order, and nothing else about the server."""

    def __init__(self, *, server_name: str, drain: Drain) -> None:
        self._server_name = server_name
        self._drain = drain

    def answer(self) -> HttpAnswer:
        """200 while the server wants requests, 503 once it is leaving."""
        healthy = self._drain.healthy
        body = msgspec.json.encode(
            {
                "status": "healthy" if healthy else "draining",
                "server": self._server_name,
            }
        )
        return HttpAnswer(status=200 if healthy else 503, body=body)
