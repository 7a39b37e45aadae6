"""The client's side of a call, as a tool sees it while it runs.

A tool says what is new; whether the client hears of it, and in which form, is for the
session and the protocol to know. Everything here may be called at any time and after
the client has gone: it does nothing then.
"""

from __future__ import annotations

from typing import Final, Protocol

from commander.cancellation import Cancellation

__all__ = ["NOBODY", "Caller", "Flow", "Nobody"]


class Flow(Protocol):
    """What a tool sends to its caller, as far as it can be held back.

    The calls alternate, beginning with ``pause``.
    """

    def pause(self) -> None:
        """The client does not keep up: send nothing until ``resume``."""

    def resume(self) -> None:
        """It does again."""


class Caller(Protocol):
    """Who waits for the result of one call."""

    @property
    def cancellation(self) -> Cancellation:
        """Cancelled when the client wants no result any more."""

    @property
    def wants_progress(self) -> bool:
        """Whether ``progress`` reaches the client: it sent a progress token."""

    @property
    def wants_output(self) -> bool:
        """Whether ``log`` at level ``info`` reaches it: it asked for that itself."""

    def progress(
        self, value: float, message: str = "", total: float | None = None
    ) -> None:
        """Tell how far the call is.

        Args:
            value: Greater than in the call before; others are left out.
            message: For the person in front of the client; one line.
            total: What ``value`` grows to, if that is known.
        """

    def log(self, level: str, logger: str, data: object) -> None:
        """Send a log message of this call.

        Args:
            level: A name of RFC 5424 such as ``info``.
            logger: What it is about.
            data: A JSON value; no secrets.
        """

    def follow(self, flow: Flow | None) -> None:
        """Have a flow held back while the client does not keep up; None to stop.

        There is one at most; it is paused at once if that is so now.
        """


class Nobody:
    """A caller who only waits for the result."""

    def __init__(self) -> None:
        self.cancellation = Cancellation()

    wants_progress = False
    wants_output = False

    def progress(
        self, value: float, message: str = "", total: float | None = None
    ) -> None:
        """Nobody hears of it."""

    def log(self, level: str, logger: str, data: object) -> None:
        """Nobody hears of it."""

    def follow(self, flow: Flow | None) -> None:
        """Nobody holds it back."""


NOBODY: Final = Nobody()
"""For calls that cannot be cancelled."""
