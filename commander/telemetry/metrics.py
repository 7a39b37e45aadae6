"""The metrics of one server: what was counted, and what is asked for at a scrape.

Nothing is done for them until the first scrape. Then the library that writes them is
imported, which takes some 10 ms and half a MiB, and the reactor's lateness begins to
be measured.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from commander import __version__
from commander.telemetry.lateness import Lateness
from commander.telemetry.meters import Family, Meters

if TYPE_CHECKING:
    from commander.telemetry.exposition import Exposition

__all__ = ["BUILD", "GAUGES", "Gauges", "Metrics"]

Reading = Callable[[], float | None]
"""What a gauge shows now; None shows nothing."""

BUILD: Final = Family(
    "commander_build_info",
    "gauge",
    "Always 1; the labels say what runs here.",
    ("version", "python"),
)
_GAUGES: Final = {
    "commands_running": "Commands that were started and have not ended.",
    "commands_queued": "Commands that wait for a slot.",
    "command_slots": "Commands that may run at once (`MCP_MAX_CONCURRENT`).",
    "queue_places": "Commands that may wait (`MCP_MAX_QUEUED`).",
    "ready": "What `/ready` says: 1 if a command can be started now, else 0.",
    "sessions": "Sessions of clients up to 2025-11-25 that are remembered.",
    "event_streams": "Answers that are open as streams of events.",
    "subscriptions": "Subscriptions of clients from 2026-07-28 on.",
    "http_connections": "Connections that are open.",
    "child_processes": "Processes below the server, those of commands and all that "
    "they started; counted for 5 ms at most, so of a great many it is a lower bound.",
}
GAUGES: Final = {
    name: Family(f"commander_{name}", "gauge", meaning)
    for name, meaning in _GAUGES.items()
}
"""By their names without the prefix."""


class Gauges:
    """What is asked for at a scrape, and by which call."""

    def __init__(self) -> None:
        self._readings: dict[str, Reading] = {}

    def show(self, **readings: Reading) -> None:
        """From now on these gauges show what these calls return.

        Args:
            readings: By name, without the prefix; each is one of ``GAUGES``.
        """
        for name in readings:
            GAUGES[name]  # or it is a fault
        self._readings.update(readings)

    def read(self) -> list[tuple[Family, float]]:
        """Each gauge that has something to show, in the order of the table."""
        found = []
        for name, family in GAUGES.items():
            reading = self._readings.get(name)
            value = None if reading is None else reading()
            if value is not None:
                found.append((family, value))
        return found


class Metrics:
    """Writes the page.

    Args:
        meters: What is counted.
        gauges: What is asked for.
        lateness: Begins with the first page; owned by this object from now on.
    """

    def __init__(self, meters: Meters, gauges: Gauges, lateness: Lateness) -> None:
        self._meters = meters
        self._gauges = gauges
        self._lateness = lateness
        self._exposition: Exposition | None = None

    def page(self) -> bytes:
        """All metrics in the text format of Prometheus, as of now."""
        if self._exposition is None:
            from commander.telemetry.exposition import Exposition

            build = {"version": __version__, "python": platform.python_version()}
            self._exposition = Exposition(self._meters, self._gauges.read, build)
            self._lateness.start()
        return self._exposition.text()

    def close(self) -> None:
        """Measure no more; a page can still be written."""
        self._lateness.stop()
