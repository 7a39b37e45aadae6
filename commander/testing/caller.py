"""A caller in memory, who can give up, and can fall behind."""

from __future__ import annotations

import attrs

from commander.cancellation import Cancellation
from commander.tools.caller import Flow

__all__ = ["MemoryCaller"]


@attrs.define(kw_only=True, eq=False)
class MemoryCaller:
    """Implements ``Caller``; remembers what it was told, in order."""

    wants_progress: bool = False
    wants_output: bool = False
    cancellation: Cancellation = attrs.field(factory=Cancellation)
    progressed: list[tuple[float, str, float | None]] = attrs.field(factory=list)
    """Value, message and total of each call."""
    logged: list[tuple[str, str, object]] = attrs.field(factory=list)
    """Level, logger and data of each call."""
    flow: Flow | None = None
    """What is held back, if there is something now."""
    holds: bool = False

    def progress(
        self, value: float, message: str = "", total: float | None = None
    ) -> None:
        """Remember it."""
        self.progressed.append((value, message, total))

    def log(self, level: str, logger: str, data: object) -> None:
        """Remember it."""
        self.logged.append((level, logger, data))

    def follow(self, flow: Flow | None) -> None:
        """Hold it back while the client does not keep up."""
        self.flow = flow
        if flow is not None and self.holds:
            flow.pause()

    def hold(self) -> None:
        """The client does not keep up."""
        self.holds = True
        if self.flow is not None:
            self.flow.pause()

    def release(self) -> None:
        """It does again."""
        self.holds = False
        if self.flow is not None:
            self.flow.resume()
