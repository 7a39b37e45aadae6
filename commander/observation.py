"""The part of the composition root that watches: audit, metrics, readiness.

Whoever does the work tells one audit, and does not know who listens.
"""

from __future__ import annotations

from functools import partial

import attrs

from commander.alarm import Alarm
from commander.command_service import Commands
from commander.execution.census import count_processes
from commander.execution.start_watch import StartWatch
from commander.execution.tree import ProcFiles
from commander.interfaces import CommandAudit
from commander.running_service import Surroundings
from commander.settings import Settings
from commander.telemetry.audit import LogAudit
from commander.telemetry.counting import Audits, CountingAudit
from commander.telemetry.lateness import Lateness
from commander.telemetry.meters import Meters
from commander.telemetry.metrics import Gauges, Metrics

__all__ = ["Observation", "observe", "show_commands", "trouble"]


@attrs.frozen(kw_only=True)
class Observation:
    """What watches one server."""

    audit: CommandAudit
    starts: StartWatch
    meters: Meters
    gauges: Gauges
    metrics: Metrics


def observe(settings: Settings, surroundings: Surroundings) -> Observation:
    """Build it; nothing is measured yet.

    Args:
        settings: The configuration.
        surroundings: The process around the server.
    """
    log, monotonic = surroundings.log, surroundings.monotonic
    meters, gauges, starts = Meters(), Gauges(), StartWatch(monotonic)
    return Observation(
        audit=Audits(
            LogAudit(log, settings.log_commands), CountingAudit(meters), starts
        ),
        starts=starts,
        meters=meters,
        gauges=gauges,
        metrics=Metrics(
            meters,
            gauges,
            Lateness(
                Alarm(surroundings.reactor, monotonic), monotonic, meters.late_seconds
            ),
        ),
    )


def show_commands(
    observed: Observation,
    settings: Settings,
    surroundings: Surroundings,
    commands: Commands,
) -> None:
    """Have the gauges show the commands."""
    observed.gauges.show(
        commands_running=lambda: commands.executor.running,
        commands_queued=lambda: commands.admission.queued,
        command_slots=lambda: settings.max_concurrent,
        queue_places=lambda: settings.max_queued,
        child_processes=partial(count_processes, surroundings.monotonic, ProcFiles()),
    )


def trouble(observed: Observation, commands: Commands) -> str | None:
    """A word for what keeps the next command from being started, or None."""
    if observed.starts.failing:
        return "failing"
    return "busy" if commands.admission.is_full else None
