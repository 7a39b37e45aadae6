"""ecs/template.yaml, deployed: what AWS has then is what the guide asks for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.ecs.client import aws
from tests.ecs.local_template import UNKNOWN
from tests.ecs.walk import STACK, Walk
from tests.guide.document import Page, plain
from tests.template.tools import load

pytestmark = pytest.mark.ecs
guide = pytest.mark.guide
table = pytest.mark.table

Json = dict[str, Any]


@pytest.fixture(scope="module")
def resources(walk: Walk) -> dict[str, str]:
    """The stack's resources: their ids on the local AWS, by their names."""
    assert walk.seen.stack_answer
    answer = aws("cloudformation").describe_stack_resources(StackName=STACK)
    return {
        one["LogicalResourceId"]: one["PhysicalResourceId"]
        for one in answer["StackResources"]
    }


@guide("G-012")
def test_its_service_runs_a_command_for_who_has_its_token(walk: Walk) -> None:
    assert walk.seen.stack_answer["stdout"] == "/work\n"
    environment = walk.seen.stack_environment
    assert len(environment["MCP_AUTH_TOKEN"]) == 48
    assert environment["MCP_ALLOWED_COMMANDS"] == "ls,cat,grep,echo,pwd"
    assert environment["MCP_MAX_TIMEOUT"] == "300s"


def test_nothing_was_left_out_but_what_the_local_aws_does_not_know(
    resources: dict[str, str],
) -> None:
    template = load()["Resources"]
    conditional = {name for name, one in template.items() if "Condition" in one}
    missing = template.keys() - resources.keys() - conditional
    assert {template[name]["Type"] for name in missing} <= UNKNOWN.keys()


@table("Health Check")
def test_its_target_group_checks_health_as_the_table_says(
    resources: dict[str, str], page: Page
) -> None:
    arn = resources["TargetGroup"]
    answer = aws("elbv2").describe_target_groups(TargetGroupArns=[arn])
    (group,) = answer["TargetGroups"]
    said = page.section("Health Check").table("Setting")
    table = {name: plain(cell).removesuffix("s") for name, (cell,) in said.items()}
    assert table == {
        "Path": group["HealthCheckPath"],
        "Protocol": group["HealthCheckProtocol"],
        "Port": group["HealthCheckPort"],
        "Interval": str(group["HealthCheckIntervalSeconds"]),
        "Timeout": str(group["HealthCheckTimeoutSeconds"]),
        "Healthy threshold": str(group["HealthyThresholdCount"]),
        "Unhealthy threshold": str(group["UnhealthyThresholdCount"]),
    }


def test_its_load_balancer_waits_for_the_longest_command(
    resources: dict[str, str],
) -> None:
    elbv2 = aws("elbv2")
    balancer = elbv2.describe_load_balancer_attributes(
        LoadBalancerArn=resources["LoadBalancer"]
    )
    targets = elbv2.describe_target_group_attributes(
        TargetGroupArn=resources["TargetGroup"]
    )
    values = {
        one["Key"]: one["Value"]
        for one in [*balancer["Attributes"], *targets["Attributes"]]
    }
    assert values["idle_timeout.timeout_seconds"] == "310"
    assert values["deregistration_delay.timeout_seconds"] == "305"
    assert values["deletion_protection.enabled"] == "true"


def test_its_service_rolls_back_and_has_no_public_address(
    resources: dict[str, str],
) -> None:
    answer = aws("ecs").describe_services(cluster=STACK, services=[STACK])
    (service,) = answer["services"]
    deployment = service["deploymentConfiguration"]
    assert deployment["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert deployment["alarms"]["alarmNames"] == [resources["ServerErrorsAlarm"]]
    network = service["networkConfiguration"]["awsvpcConfiguration"]
    assert network["assignPublicIp"] == "DISABLED"
    assert service["enableExecuteCommand"] is False


def test_its_task_is_registered_as_it_stands_in_the_template() -> None:
    answer = aws("ecs").describe_task_definition(taskDefinition=STACK)
    definition: Json = answer["taskDefinition"]
    (container,) = definition["containerDefinitions"]
    assert container["readonlyRootFilesystem"] is True
    assert container["user"] == "10001:10001"
    assert container["stopTimeout"] == 30
    assert container["healthCheck"]["command"] == ["CMD", "commander-health"]
    assert not definition.get("taskRoleArn")


@guide("G-093", "G-094", "G-095", "G-096")
def test_it_has_alarms_filters_and_a_dashboard(resources: dict[str, str]) -> None:
    alarms = aws("cloudwatch").describe_alarms()["MetricAlarms"]
    assert {name for name in resources if name.endswith("Alarm")}
    ours = {one["AlarmName"] for one in alarms}
    assert {id for name, id in resources.items() if name.endswith("Alarm")} <= ours
    filters = aws("logs").describe_metric_filters(logGroupName=f"/ecs/{STACK}")
    assert len(filters["metricFilters"]) == 4
    board = aws("cloudwatch").get_dashboard(DashboardName=STACK)
    text = json.dumps(json.loads(board["DashboardBody"]))
    for metric in ("CPUUtilization", "RequestCount", "TargetResponseTime"):
        assert metric in text
    assert "${" not in text
