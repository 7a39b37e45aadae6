"""What ecs/template.yaml watches, and shows, is what ECS.md says to watch."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.guide.document import Page, plain
from tests.guide.stacks import stack

if TYPE_CHECKING:
    from tests.guide.conftest import Calls

guide = pytest.mark.guide
table = pytest.mark.table


def widgets() -> dict[str, list[list[Any]]]:
    """The metrics of each widget of the dashboard, by its title."""
    body = stack().properties("Dashboard")["DashboardBody"]["Fn::Sub"]
    text = body if isinstance(body, str) else body[0]
    return {
        one["properties"]["title"]: one["properties"]["metrics"]
        for one in json.loads(text)["widgets"]
    }


@pytest.mark.parametrize(
    "title",
    [
        pytest.param(
            title, marks=[guide(row), table("CloudWatch Metrics", title)], id=title
        )
        for row, title in {
            "G-093": "CPU and memory utilization",
            "G-094": "Request count",
            "G-095": "Error rate",
            "G-096": "Response latency",
        }.items()
    ],
)
def test_the_dashboard_shows_what_the_page_says_to_watch(
    title: str, page: Page
) -> None:
    metrics, namespace = page.section("CloudWatch Metrics").table("Watch")[title]
    shown = widgets()[title]
    assert {one[1] for one in shown} == set(re.findall(r"`([A-Z]\w+)`", metrics))
    assert {one[0] for one in shown} == {plain(namespace)}


def test_the_dashboard_begins_with_them(page: Page) -> None:
    watched = list(page.section("CloudWatch Metrics").table("Watch"))
    assert list(widgets())[:4] == watched


@table("One Stack for All of It", "AlarmTopicArn")
def test_every_alarm_goes_to_the_topic_if_there_is_one() -> None:
    topic = "arn:aws:sns:eu-west-1:123456789012:alarms"
    alarms = stack(AlarmTopicArn=topic).of_type("AWS::CloudWatch::Alarm")
    assert len(alarms) == 6
    assert all(one["AlarmActions"] == [topic] for one in alarms.values())
    quiet = stack().of_type("AWS::CloudWatch::Alarm")
    assert not any("AlarmActions" in one for one in quiet.values())


def test_alarms_and_widgets_use_metrics_that_the_filters_make() -> None:
    made = {
        one["MetricTransformations"][0]["MetricName"]
        for one in stack().of_type("AWS::Logs::MetricFilter").values()
    }
    assert {one[1] for one in widgets()["Commands"]} == made
    alarms = stack().of_type("AWS::CloudWatch::Alarm").values()
    own = {one["MetricName"] for one in alarms if "AWS/" not in one["Namespace"]}
    assert own <= made


def test_the_stack_has_the_filters_of_the_page_and_more(calls: Calls) -> None:
    here = {
        one["FilterName"]: one["FilterPattern"]
        for one in stack().of_type("AWS::Logs::MetricFilter").values()
    }
    there = {
        call.params["filterName"]: call.params["filterPattern"]
        for call in calls.all
        if call.operation == "put-metric-filter"
    }
    assert there.items() <= here.items()


def test_the_saved_queries_are_those_of_the_guide(page: Page) -> None:
    (text,) = page.section("Log Queries").blocks("")
    queries = {
        title.removeprefix("# "): "\n".join(lines)
        for title, *lines in (part.splitlines() for part in text.strip().split("\n\n"))
    }
    saved = {
        one["Name"].removeprefix("go-mcp-commander/"): one["QueryString"]
        for one in stack().of_type("AWS::Logs::QueryDefinition").values()
    }
    assert saved == queries


def test_a_deployment_that_fails_is_rolled_back() -> None:
    found = stack().properties("Service")["DeploymentConfiguration"]
    assert found["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    assert found["Alarms"]["Rollback"] is True
