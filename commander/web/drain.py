"""How far a shutdown has come, as the HTTP side needs to know it."""

from __future__ import annotations

import enum

__all__ = ["Drain", "Serving"]


class Serving(enum.Enum):
    """What is answered now."""

    YES = "yes"
    LEAVING = "leaving"
    """``/health`` is 503, calls are still served."""
    NO = "no"
    """Calls are refused with Retry-After."""


class Drain:
    """The one mutable fact that routes read and the service writes."""

    def __init__(self) -> None:
        self.serving = Serving.YES

    @property
    def healthy(self) -> bool:
        """Whether load balancers should send requests here."""
        return self.serving is Serving.YES

    @property
    def accepting(self) -> bool:
        """Whether calls are served."""
        return self.serving is not Serving.NO
