"""ecs/template.yaml has the values of the guide, and does what ECS.md says of it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from commander.durations import parse_duration
from commander.settings import Settings
from tests.guide.document import Page, plain
from tests.guide.stacks import (
    attributes_of,
    cell_of,
    container_of,
    environment_of,
    stack,
)
from tests.template.resolve import Stack
from tests.template.tools import load

if TYPE_CHECKING:
    from tests.guide.conftest import Calls, Deploy

guide = pytest.mark.guide
table = pytest.mark.table

Json = dict[str, Any]
CERTIFICATE = "arn:aws:acm:eu-west-1:123456789012:certificate/x"
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:mine-AbCdEf"
LENGTHS = ("60", "300", "900", "3600")


# --- the guide's values ------------------------------------------------------------


@table("Health Check")
@pytest.mark.parametrize(
    ("setting", "member"),
    [
        ("Path", "HealthCheckPath"),
        ("Protocol", "HealthCheckProtocol"),
        ("Port", "HealthCheckPort"),
        ("Interval", "HealthCheckIntervalSeconds"),
        ("Timeout", "HealthCheckTimeoutSeconds"),
        ("Healthy threshold", "HealthyThresholdCount"),
        ("Unhealthy threshold", "UnhealthyThresholdCount"),
    ],
)
def test_the_target_group_checks_health_as_the_table_says(
    setting: str, member: str, page: Page
) -> None:
    value = plain(cell_of(page, "Health Check", "Setting", setting))
    assert str(stack().properties("TargetGroup")[member]) == value.removesuffix("s")


def test_the_task_is_that_of_the_task_definition(
    task: Json, container: Json, page: Page
) -> None:
    """But for the times, which follow from the longest command."""
    found = stack()
    properties = found.properties("TaskDefinition")
    assert found.value({"Ref": "AWS::StackName"}) == task["family"]
    for name in ("family", "networkMode", "requiresCompatibilities", "cpu", "memory"):
        assert properties[name[0].upper() + name[1:]] == task[name], name
    ours = container_of(found)
    ours["Environment"] = [
        item
        for item in ours["Environment"]
        if item["Name"] not in ("MCP_MAX_TIMEOUT", "MCP_HTTP_IDLE_TIMEOUT")
    ]
    for name in container.keys() - {"image", "secrets", "logConfiguration"}:
        theirs, found_here = container[name], ours[name[0].upper() + name[1:]]
        assert sorted_items(found_here) == sorted_items(camel_to_pascal(theirs)), name
    assert ours["Image"].endswith(".amazonaws.com/go-mcp-commander:latest")


def camel_to_pascal(value: Any) -> Any:
    if isinstance(value, list):
        return [camel_to_pascal(item) for item in value]
    if isinstance(value, dict):
        return {key[0].upper() + key[1:]: camel_to_pascal(value[key]) for key in value}
    return value


def sorted_items(value: Any) -> Any:
    """The order of variables is nobody's business."""
    return sorted(value, key=str) if isinstance(value, list) else value


def test_the_log_goes_where_the_guide_looks_for_it(container: Json) -> None:
    found = stack()
    options = container["logConfiguration"]["options"]
    ours = container_of(found)["LogConfiguration"]["Options"]
    assert found.properties("LogGroup")["LogGroupName"] == options["awslogs-group"]
    assert ours["awslogs-group"] == {"Ref": "LogGroup"}
    assert ours["awslogs-stream-prefix"] == options["awslogs-stream-prefix"]


# --- times -------------------------------------------------------------------------


def test_a_stopped_task_has_time_for_its_drain() -> None:
    found = stack()
    seconds = {
        name: parse_duration(environment_of(found).get(name, f"{default}s"))
        for name, default in {
            "MCP_DRAIN_DELAY": Settings().drain_delay_seconds,
            "MCP_SHUTDOWN_GRACE": Settings().shutdown_grace_seconds,
            "MCP_KILL_GRACE": Settings().kill_grace_seconds,
        }.items()
    }
    assert sum(seconds.values()) + 2 <= container_of(found)["StopTimeout"] <= 120


@table("One Stack for All of It", "LongestCommand")
@table("Troubleshooting", "504 after a minute")
@pytest.mark.parametrize("longest", LENGTHS)
def test_everything_outlasts_the_longest_command(longest: str, deploy: Deploy) -> None:
    found = stack(LongestCommand=longest)
    server = deploy(**environment_of(found)).settings
    balancer = attributes_of(found, "LoadBalancer", "LoadBalancerAttributes")
    targets = attributes_of(found, "TargetGroup", "TargetGroupAttributes")
    idle = int(balancer["idle_timeout.timeout_seconds"])
    assert server.max_timeout_seconds == int(longest)
    assert server.default_timeout_seconds <= server.max_timeout_seconds
    # Terminated at its limit, a command may take the grace until KILL.
    assert idle > server.max_timeout_seconds + server.kill_grace_seconds
    assert server.http_idle_timeout_seconds > idle
    assert idle <= 4000  # the ALB's own limit
    leaving = int(targets["deregistration_delay.timeout_seconds"])
    assert int(longest) <= leaving <= 3600


@table("One Stack for All of It", "LongestCommand")
def test_every_length_that_can_be_chosen_has_its_times(page: Page) -> None:
    template = load()
    allowed = template["Parameters"]["LongestCommand"]["AllowedValues"]
    assert tuple(allowed) == tuple(template["Mappings"]["Times"]) == LENGTHS
    text = cell_of(page, "One Stack for All of It", "Parameter", "LongestCommand")
    assert f"{LENGTHS[0]} to {LENGTHS[-1]} s" in text


# --- parameters --------------------------------------------------------------------


@table("One Stack for All of It")
def test_every_parameter_of_the_table_has_that_default(page: Page) -> None:
    parameters = load()["Parameters"]
    rows = page.section("One Stack for All of It").table("Parameter")
    for name, (default, words) in rows.items():
        said = "" if default == "-" else plain(default)
        assert parameters[name].get("Default", "") == said or said == str(
            parameters[name]["Default"]
        ), name
        assert words


def test_the_command_of_the_page_gives_what_has_no_default(calls: Calls) -> None:
    params = calls.one("cloudformation", "create-change-set").params
    parameters = load()["Parameters"]
    given = {item["ParameterKey"] for item in params["Parameters"]}
    needed = {name for name, one in parameters.items() if "Default" not in one}
    assert needed <= given <= parameters.keys()
    assert params["Capabilities"] == ["CAPABILITY_IAM"]


@guide("G-019")
def test_the_subnets_are_asked_for() -> None:
    parameters = load()["Parameters"]
    assert parameters["VpcId"]["Type"] == "AWS::EC2::VPC::Id"
    for name in ("LoadBalancerSubnets", "TaskSubnets"):
        assert parameters[name]["Type"] == "List<AWS::EC2::Subnet::Id>"
    assert "availability zones" in parameters["LoadBalancerSubnets"]["Description"]


@guide("G-085")
@table("One Stack for All of It", "TaskSubnets")
@table("Security Best Practices", "Private Subnets")
def test_tasks_have_no_public_address_unless_asked_for(page: Page) -> None:
    def network(found: Stack) -> Json:
        configuration = found.properties("Service")["NetworkConfiguration"]
        inner: Json = configuration["AwsvpcConfiguration"]
        return inner

    assert network(stack())["AssignPublicIp"] == "DISABLED"
    assert network(stack(TaskSubnets="a,b"))["Subnets"] == ["a", "b"]
    assert network(stack(AssignPublicIp="ENABLED"))["AssignPublicIp"] == "ENABLED"
    advice = cell_of(page, "Security Best Practices", "Practice", "Private Subnets")
    assert "`assignPublicIp=DISABLED`" in advice


@table("One Stack for All of It", "LoadBalancerScheme", "CertificateArn")
def test_the_internet_is_served_under_tls_only() -> None:
    public = "internet-facing"
    assert stack().refusals() == []
    assert stack(LoadBalancerScheme=public).refusals() != []
    assert stack(LoadBalancerScheme=public, CertificateArn=CERTIFICATE).refusals() == []
    assert stack().properties("LoadBalancer")["Scheme"] == "internal"
    plain_one = stack().properties("Listener")
    assert (plain_one["Protocol"], plain_one["Port"]) == ("HTTP", 80)
    secure = stack(CertificateArn=CERTIFICATE).properties("Listener")
    assert (secure["Protocol"], secure["Port"]) == ("HTTPS", 443)
    assert "TLS13" in secure["SslPolicy"]


@table("One Stack for All of It", "ClientCidr")
@table("Prerequisites")
def test_the_security_groups_are_those_of_the_page(page: Page) -> None:
    groups = page.section("Prerequisites").table("Group")
    found = stack(CertificateArn=CERTIFICATE, ClientCidr="10.1.0.0/16")
    balancer = found.properties("LoadBalancerGroup")
    (clients,), (tasks,) = (
        balancer["SecurityGroupIngress"],
        balancer["SecurityGroupEgress"],
    )
    assert (clients["FromPort"], clients["CidrIp"]) == (443, "10.1.0.0/16")
    assert tasks["FromPort"] == tasks["ToPort"] == 3000
    assert "CidrIp" not in tasks
    assert groups["sg-yyy"] == ("443 from your clients", "3000 to `sg-xxx`")
    ingress = found.of_type("AWS::EC2::SecurityGroupIngress")
    assert list(ingress) == ["TaskIngress"]
    assert ingress["TaskIngress"]["FromPort"] == ingress["TaskIngress"]["ToPort"]
    assert ingress["TaskIngress"]["FromPort"] == 3000
    (outbound,) = found.properties("TaskGroup")["SecurityGroupEgress"]
    assert outbound["FromPort"] == outbound["ToPort"] == 443
    assert "SecurityGroupIngress" not in found.properties("TaskGroup")
    assert groups["sg-xxx"][0] == "3000 from `sg-yyy` only"


@table("One Stack for All of It", "ImageVersion")
def test_an_image_can_be_named_by_its_digest() -> None:
    version = "@sha256:" + 64 * "0"
    pattern = load()["Parameters"]["ImageVersion"]["AllowedPattern"]
    assert re.match(pattern, version)
    assert re.match(pattern, ":1.2.0")
    assert not re.match(pattern, "/elsewhere:latest")
    assert container_of(stack(ImageVersion=version))["Image"].endswith(
        f"go-mcp-commander{version}"
    )


@table("One Stack for All of It", "SecretArn", "AllowedCommands")
def test_token_and_list_come_from_a_secret_of_the_operators() -> None:
    found = stack(SecretArn=SECRET, AllowedCommands="")
    assert {
        one["Name"]: one["ValueFrom"] for one in container_of(found)["Secrets"]
    } == {
        "MCP_AUTH_TOKEN": f"{SECRET}:MCP_AUTH_TOKEN::",
        "MCP_ALLOWED_COMMANDS": f"{SECRET}:MCP_ALLOWED_COMMANDS::",
    }
    # ECS refuses a name that stands in both.
    assert "MCP_ALLOWED_COMMANDS" not in environment_of(found)
    assert found.of_type("AWS::SecretsManager::Secret") == {}
    assert found.refusals() == []
    assert stack(AllowedCommands="").refusals() != []


def test_no_parameter_changes_what_the_token_is_made_from() -> None:
    """A change of it would make a new token."""
    made = load()["Resources"]["Secret"]["Properties"]["GenerateSecretString"]
    assert "Ref" not in json.dumps(made)
    assert made["GenerateStringKey"] == "MCP_AUTH_TOKEN"


@guide("G-086")
@table("Security Best Practices", "Minimal IAM")
def test_the_execution_role_reads_one_secret_one_log_group_and_one_repository() -> None:
    (policy,) = stack(SecretArn=SECRET).properties("ExecutionRole")["Policies"]
    granted = {
        str(one["Action"]): one["Resource"]
        for one in policy["PolicyDocument"]["Statement"]
    }
    assert granted.pop("ecr:GetAuthorizationToken") == "*"
    assert list(granted.values()) == [
        "arn:aws:ecr:eu-west-1:123456789012:repository/go-mcp-commander",
        {"Fn::GetAtt": ["LogGroup", "Arn"]},
        SECRET,
    ]


@table("One Stack for All of It", "ScaleInProtection")
def test_scale_in_protection_has_its_role_and_is_off() -> None:
    assert "TaskRoleArn" not in stack().properties("TaskDefinition")
    found = stack(ScaleInProtection="true")
    assert found.properties("TaskDefinition")["TaskRoleArn"]
    (policy,) = found.properties("TaskRole")["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Action"] == ["ecs:GetTaskProtection", "ecs:UpdateTaskProtection"]


@table("One Stack for All of It", "MaxCapacity")
def test_there_is_one_task_and_a_processor_that_is_busy_may_make_more() -> None:
    target = stack(MaxCapacity="4").properties("ScalableTarget")
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, "4")
    policy = stack().properties("ScaleOnCpu")
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]
    assert "CPU" in tracking["PredefinedMetricSpecification"]["PredefinedMetricType"]


@table("One Stack for All of It", "LogMode")
def test_a_log_that_is_an_audit_can_block() -> None:
    def options(found: Stack) -> Json:
        chosen: Json = container_of(found)["LogConfiguration"]["Options"]
        return chosen

    assert options(stack())["mode"] == "non-blocking"
    assert options(stack())["max-buffer-size"] == "25m"
    assert options(stack(LogMode="blocking"))["mode"] == "blocking"
    assert "max-buffer-size" not in options(stack(LogMode="blocking"))


@guide("G-088")
@table("One Stack for All of It", "AccessLogBucket", "TrailBucket")
@table("Security Best Practices", "Audit Logging")
def test_buckets_switch_their_logs_on() -> None:
    assert stack().of_type("AWS::CloudTrail::Trail") == {}
    found = stack(TrailBucket="trail", AccessLogBucket="access")
    assert found.properties("Trail")["IsLogging"] is True
    attributes = attributes_of(found, "LoadBalancer", "LoadBalancerAttributes")
    assert attributes["access_logs.s3.enabled"] == "true"
    assert attributes["access_logs.s3.bucket"] == "access"


@table("Troubleshooting", "exec format error")
def test_the_processor_is_the_one_that_the_page_tells_to_build_for(page: Page) -> None:
    platform = stack().properties("TaskDefinition")["RuntimePlatform"]
    assert platform["CpuArchitecture"] == "X86_64"
    advice = cell_of(page, "Troubleshooting", "Issue", "exec format error")
    assert "`--platform linux/amd64`" in advice


# --- EC2 ---------------------------------------------------------------------------


@guide("G-002")
@table("EC2 Launch Type")
@table("One Stack for All of It", "LaunchType")
def test_on_ec2_the_stack_differs_as_the_page_says(page: Page) -> None:
    found = stack(LaunchType="EC2")
    assert found.properties("TaskDefinition")["RequiresCompatibilities"] == ["EC2"]
    service = found.properties("Service")
    assert service["LaunchType"] == "EC2"
    network = service["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert "AssignPublicIp" not in network
    data = found.properties("LaunchTemplate")["LaunchTemplateData"]
    ((text,),) = ([value["Fn::Sub"]] for value in [data["UserData"]["Fn::Base64"]])
    assert "ECS_CLUSTER=${Cluster}" in text
    rows = page.section("EC2 Launch Type").table("What")
    (setting,) = re.findall(r"`(ECS_\w+=true)`", rows["Instances"][0])
    assert setting in text
    # Private subnets: the same as the tasks'.
    assert found.properties("Instances")["VPCZoneIdentifier"] == network["Subnets"]
    # No host path, so Docker makes a volume of its own for each task.
    assert found.properties("TaskDefinition")["Volumes"] == [
        {"Name": "tmp"},
        {"Name": "spool"},
    ]
    places = "/tmp and /var/spool/commander"
    assert {"Cluster", "Service", "Subnets", places} <= rows.keys()


@table("One Stack for All of It", "LaunchType")
def test_fargate_has_no_instances() -> None:
    kinds = {one["Type"] for one in stack().resources.values()}
    assert not [kind for kind in kinds if "AutoScalingGroup" in kind]
    assert "AWS::EC2::LaunchTemplate" not in kinds
