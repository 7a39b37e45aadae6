"""Counting, and how it stays within bounds."""

from __future__ import annotations

import pytest

from commander.commands import EndedBy
from commander.telemetry.meters import MOST_SERIES, Count, Family, Meters, Spread

FAMILY = Family("things_total", "counter", "Things.", ("kind",))
PLAIN = Family("things_total", "counter", "Things.")
TIMES = Family("times_seconds", "histogram", "Times.")


def test_what_is_known_begins_at_zero_and_what_comes_up_is_added() -> None:
    count = Count(FAMILY, ["a", "b"])
    count.add("b")
    count.add("b", amount=4)
    count.add("c")
    assert count.series() == [(("a",), 0), (("b",), 5), (("c",), 1)]


def test_a_count_without_labels_has_one_series_and_one_with_labels_none() -> None:
    plain = Count(PLAIN)
    assert plain.series() == [((), 0)]
    plain.add()
    assert plain.series() == [((), 1)]
    assert Count(FAMILY).series() == []


def test_labels_beyond_the_bound_are_counted_together() -> None:
    count = Count(FAMILY)
    for number in range(3 * MOST_SERIES):
        count.add(str(number))
    count.add("0")
    series = dict(count.series())
    assert len(series) == MOST_SERIES + 1
    assert series[("other",)] == 2 * MOST_SERIES
    assert series[("0",)] == 2


def test_a_value_is_in_the_first_bucket_that_it_is_not_above() -> None:
    spread = Spread(TIMES, (0.0, 1.0, 2.0))
    for value in (0.0, 0.5, 1.0, 1.5, 7.0):
        spread.observe(value)
    assert spread.cumulative() == [(0.0, 1), (1.0, 3), (2.0, 4), (float("inf"), 5)]
    assert spread.total == 10.0


def test_no_two_meters_have_one_name_and_each_says_what_it_is() -> None:
    families = [meter.family for meter in Meters().all]
    assert len({family.name for family in families}) == len(families)
    for family in families:
        assert family.name.startswith("commander_")
        assert family.name.endswith(("_total", "_seconds"))
        assert family.meaning.endswith(".")
        assert (family.kind == "counter") == family.name.endswith("_total")


def test_every_ending_that_there_is_begins_at_zero() -> None:
    labels = [labels for labels, _ in Meters().commands.series()]
    endings = {each.value for each in EndedBy}
    assert {ended_by for ended_by, _ in labels} == endings | {"failed_to_start"}
    assert [labels for labels in labels if labels[1] == "false"] == [("exit", "false")]


@pytest.mark.parametrize(
    ("status", "counted"), [(200, "2xx"), (404, "4xx"), (503, "5xx"), (0, "other")]
)
def test_an_answer_is_counted_by_the_class_of_its_status(
    status: int, counted: str
) -> None:
    meters = Meters()
    meters.answered(status)
    assert dict(meters.requests.series())[(counted,)] == 1
