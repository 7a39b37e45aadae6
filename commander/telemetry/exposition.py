"""Metrics in the text format of Prometheus.

Only ``commander.telemetry.metrics`` imports this module, when somebody asks: the
library costs some milliseconds and half a MiB. It gets finished figures from a
collector of ours, so that no lock and no label lookup of it stands on the way of a
command; its own part is the format, and the figures of the process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from commander.telemetry.meters import Count, Family, Meters, Spread
from commander.telemetry.metrics import BUILD

__all__ = ["Exposition"]


class Exposition:
    """A registry of one server, none of the library's global one.

    Args:
        meters: What is counted.
        read_gauges: What is asked for.
        build: Labels of the build, by name.
    """

    def __init__(
        self,
        meters: Meters,
        read_gauges: Callable[[], list[tuple[Family, float]]],
        build: Mapping[str, str],
    ) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_OurCollector(meters, read_gauges, build))
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """All of it, as of now."""
        return generate_latest(self._registry)


class _OurCollector(Collector):
    """Hands our figures to the library."""

    def __init__(
        self,
        meters: Meters,
        read_gauges: Callable[[], list[tuple[Family, float]]],
        build: Mapping[str, str],
    ) -> None:
        self._meters = meters
        self._read_gauges = read_gauges
        self._build = build

    def collect(self) -> Iterator[Metric]:
        """Every family with its samples."""
        info = GaugeMetricFamily(BUILD.name, BUILD.meaning, labels=BUILD.labels)
        info.add_metric([self._build[label] for label in BUILD.labels], 1)
        yield info
        for family, value in self._read_gauges():
            yield GaugeMetricFamily(family.name, family.meaning, value=value)
        for meter in self._meters.all:
            yield _count(meter) if isinstance(meter, Count) else _spread(meter)


def _count(count: Count) -> CounterMetricFamily:
    family = count.family
    metric = CounterMetricFamily(family.name, family.meaning, labels=family.labels)
    for labels, value in count.series():
        metric.add_metric(labels, value)
    return metric


def _spread(spread: Spread) -> HistogramMetricFamily:
    metric = HistogramMetricFamily(spread.family.name, spread.family.meaning)
    buckets = [(floatToGoString(end), count) for end, count in spread.cumulative()]
    metric.add_metric([], buckets, spread.total)
    return metric
