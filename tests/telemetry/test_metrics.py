"""The page for Prometheus, read by Prometheus' own parser."""

from __future__ import annotations

import subprocess
import sys

import pytest
from prometheus_client import REGISTRY
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.task import Clock

from commander import __version__
from commander.alarm import Alarm
from commander.telemetry.lateness import Lateness
from commander.telemetry.meters import Meters
from commander.telemetry.metrics import BUILD, GAUGES, Gauges, Metrics


class Stage:
    """Metrics on a clock."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.meters, self.gauges = Meters(), Gauges()
        self.metrics = Metrics(
            self.meters,
            self.gauges,
            Lateness(
                Alarm(self.clock, self.clock.seconds),
                self.clock.seconds,
                self.meters.late_seconds,
            ),
        )

    def read(self) -> dict[str, Metric]:
        text = self.metrics.page().decode()
        return {found.name: found for found in text_string_to_metric_families(text)}


def values(metric: Metric) -> dict[str, float]:
    """By sample, as Prometheus writes it."""
    return {
        f"{sample.name}{sorted(sample.labels.values())}": sample.value
        for sample in metric.samples
    }


def test_every_family_is_on_the_page_with_its_kind_and_meaning() -> None:
    stage = Stage()
    stage.gauges.show(**{name: lambda: 1 for name in GAUGES})
    page = stage.read()
    counted = [meter.family for meter in stage.meters.all]
    for family in (BUILD, *GAUGES.values(), *counted):
        found = page.pop(family.name.removesuffix("_total"))
        assert (found.type, found.documentation) == (family.kind, family.meaning)
    assert all(name.startswith("process_") for name in page)


def test_counts_and_spreads_are_shown_as_they_are() -> None:
    stage = Stage()
    stage.meters.refused.add("not-allowed", amount=3)
    stage.meters.wait_seconds.observe(0.0)
    stage.meters.wait_seconds.observe(7.0)
    page = stage.read()
    assert values(page["commander_commands_refused"]) == {
        "commander_commands_refused_total['not-allowed']": 3.0
    }
    waits = values(page["commander_command_wait_seconds"])
    assert waits["commander_command_wait_seconds_bucket['0.0']"] == 1
    assert waits["commander_command_wait_seconds_bucket['5.0']"] == 1
    assert waits["commander_command_wait_seconds_bucket['10.0']"] == 2
    assert waits["commander_command_wait_seconds_bucket['+Inf']"] == 2
    assert waits["commander_command_wait_seconds_count[]"] == 2
    assert waits["commander_command_wait_seconds_sum[]"] == 7
    (build,) = page["commander_build_info"].samples
    assert build.labels["version"] == __version__


def test_the_process_is_described_where_the_kernel_tells() -> None:
    page = Stage().read()
    for name in ("open_fds", "resident_memory_bytes", "start_time_seconds"):
        assert page[f"process_{name}"].samples[0].value > 0


def test_a_gauge_shows_what_is_there_now_or_nothing() -> None:
    stage = Stage()
    queue: list[int] = []
    stage.gauges.show(commands_queued=lambda: len(queue), child_processes=lambda: None)
    assert stage.read()["commander_commands_queued"].samples[0].value == 0
    queue.append(1)
    page = stage.read()
    assert page["commander_commands_queued"].samples[0].value == 1
    assert "commander_child_processes" not in page
    assert "commander_sessions" not in page


def test_a_gauge_that_is_in_no_table_is_a_fault() -> None:
    with pytest.raises(KeyError):
        Gauges().show(nonsense=lambda: 1)


def test_two_servers_in_one_process_do_not_mix() -> None:
    one, other = Stage(), Stage()
    one.meters.busy.add()
    assert one.read()["commander_commands_busy"].samples[0].value == 1
    assert other.read()["commander_commands_busy"].samples[0].value == 0
    assert not [m for m in REGISTRY.collect() if m.name.startswith("commander")]


def test_lateness_is_measured_from_the_first_page_until_the_end() -> None:
    stage = Stage()
    assert stage.clock.getDelayedCalls() == []
    stage.read()
    stage.read()
    assert len(stage.clock.getDelayedCalls()) == 1
    stage.metrics.close()
    assert stage.clock.getDelayedCalls() == []
    assert stage.read()


def test_a_server_that_nobody_scrapes_does_not_import_the_library() -> None:
    code = (
        "import sys, commander.tap, commander.service; "
        "assert not [m for m in sys.modules if m.startswith('prometheus')]"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
