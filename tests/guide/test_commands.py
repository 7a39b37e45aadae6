"""Every command of ECS.md exists, and says what the guide says."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.guide.aws_cli import UnknownWordError, parse, problems_of, shell_commands
from tests.guide.document import ROOT, Page, plain

if TYPE_CHECKING:
    from tests.guide.conftest import Calls

guide = pytest.mark.guide
table = pytest.mark.table

REGISTRY = "YOUR_ACCOUNT_ID.dkr.ecr.YOUR_REGION.amazonaws.com"
NAME = "go-mcp-commander"
SECRET_TEXT = {
    "MCP_AUTH_TOKEN": "your-secure-auth-token",
    "MCP_ALLOWED_COMMANDS": "ls,cat,grep,find,echo,pwd,whoami",
}


def commands(page: Page, program: str) -> list[tuple[str, ...]]:
    """The words of every command of a program, in order."""
    return [
        words
        for block in page.blocks("bash")
        for words in shell_commands(block)
        if words[0] == program
    ]


# --- the checker -------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "aws ecss create-cluster",
        "aws ecs create-clusters",
        "aws ecs create-cluster --cluster-names x",
        "aws ecs create-cluster mcp-servers",
        "aws ecs wait service-stable --cluster x",
        "aws ecs create-service --load-balancers containerName=[x",
        "aws ecs create-service --load-balancers containerName",
        "aws cloudformation deploy --stack x",
    ],
)
def test_a_word_that_does_not_exist_is_found(line: str) -> None:
    with pytest.raises(UnknownWordError):
        parse(tuple(line.split()))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("aws ecs create-service --cluster x", "serviceName"),
        ("aws ecs create-service --service-name x --launch-type FARGTE", "FARGTE"),
        ("aws ecs create-service --service-name x --load-balancers port=1", "port"),
        (
            "aws ecs create-service --service-name x --network-configuration "
            "awsvpcConfiguration={subnets=[a],assignPublicIp=Y}",
            "'Y' is not one of ENABLED, DISABLED",
        ),
        ("aws ecs list-tasks --query taskArn[0]", "taskArn[0]"),
        ('aws ecs register-task-definition --cli-input-json {"family":1}', "family"),
    ],
)
def test_a_value_that_is_not_taken_is_found(line: str, problem: str) -> None:
    assert problem in problems_of(parse(tuple(line.split())))


def test_an_empty_pipeline_and_a_comment_are_no_commands() -> None:
    block = "# one\nA=$(aws x \\\n  --y 'a | b')\n\ncat f | wc -l\n"
    assert list(shell_commands(block)) == [
        ("aws", "x", "--y", "a | b"),
        ("cat", "f"),
        ("wc", "-l"),
    ]


# --- all of them -------------------------------------------------------------------


@guide("G-032")
def test_every_aws_command_is_one_that_the_api_takes(calls: Calls) -> None:
    problems = {
        f"aws {call.service} {call.operation}": problems_of(call) for call in calls.all
    }
    assert {name: text for name, text in problems.items() if text} == {}


def test_no_aws_command_is_overlooked(page: Page, calls: Calls) -> None:
    assert len(calls.all) == len(re.findall(r"\baws [a-z]", page.text))


@pytest.mark.parametrize(
    "service",
    [
        pytest.param("ecr", marks=[guide("G-004"), table("Quick Reference", "ECR")]),
        pytest.param("ecs", marks=[guide("G-005"), table("Quick Reference", "ECS")]),
        pytest.param("elbv2", marks=[guide("G-006"), table("Quick Reference", "ALB")]),
        pytest.param(
            "secretsmanager",
            marks=[guide("G-007"), table("Quick Reference", "Secrets Manager")],
        ),
        pytest.param(
            "logs", marks=[guide("G-008"), table("Quick Reference", "CloudWatch")]
        ),
    ],
)
def test_every_component_is_set_up_by_a_command(service: str, calls: Calls) -> None:
    created = Counter(
        call.service
        for call in calls.all
        if call.operation.startswith(("create-", "register-"))
    )
    assert created[service] >= 1


# --- image -------------------------------------------------------------------------


@guide("G-018")
def test_the_repository_is_created_under_the_name_that_is_pushed(calls: Calls) -> None:
    assert calls.one("ecr", "create-repository").params["repositoryName"] == NAME


@guide("G-022", "G-023", "G-024", "G-025")
def test_what_is_built_is_tagged_pushed_and_run(
    page: Page, container: dict[str, Any]
) -> None:
    (login,) = (words for words in commands(page, "docker") if words[1] == "login")
    assert login[-1] == REGISTRY
    assert "--password-stdin" in login
    image = f"{REGISTRY}/{NAME}:latest"
    assert [words for words in commands(page, "docker") if words != login] == [
        ("docker", "build", "-t", NAME, "."),
        ("docker", "tag", f"{NAME}:latest", image),
        ("docker", "push", image),
    ]
    filled = image.replace("YOUR_ACCOUNT_ID", "ACCOUNT").replace(
        "YOUR_REGION", "REGION"
    )
    assert container["image"] == filled


# --- secrets and roles -------------------------------------------------------------


@guide("G-027", "G-028", "G-029")
def test_the_secret_has_the_name_and_keys_of_the_guide(calls: Calls) -> None:
    params = calls.one("secretsmanager", "create-secret").params
    assert params["Name"] == "mcp/commander"
    assert json.loads(params["SecretString"]) == SECRET_TEXT


def test_the_list_in_the_secret_is_told_to_differ_from_the_one_in_force(
    page: Page, container: dict[str, Any]
) -> None:
    given = {item["name"]: item["value"] for item in container["environment"]}
    in_force = set(given["MCP_ALLOWED_COMMANDS"].split(","))
    (difference,) = re.findall(
        r"shorter by (.*?), as plain", page.text.replace("\n", " ")
    )
    in_secret = set(SECRET_TEXT["MCP_ALLOWED_COMMANDS"].split(","))
    assert set(re.findall(r"`(\w+)`", difference)) == in_secret - in_force


@guide("G-060", "G-086")
@table("Security Best Practices", "Minimal IAM")
def test_the_execution_role_reads_this_secret_and_there_is_no_other_role(
    calls: Calls, task: dict[str, Any]
) -> None:
    role = calls.one("iam", "create-role").params
    assert task["executionRoleArn"] == f"arn:aws:iam::ACCOUNT:role/{role['RoleName']}"
    trust = json.loads(role["AssumeRolePolicyDocument"])["Statement"]
    assert [one["Principal"] for one in trust] == [
        {"Service": "ecs-tasks.amazonaws.com"}
    ]
    policy = json.loads(calls.one("iam", "put-role-policy").params["PolicyDocument"])
    (statement,) = policy["Statement"]
    assert statement["Action"] == "secretsmanager:GetSecretValue"
    assert statement["Resource"].endswith(":secret:mcp/commander-??????")
    assert "taskRoleArn" not in task


# --- resources ---------------------------------------------------------------------


@guide("G-031", "G-068")
def test_the_log_group_is_the_one_that_the_task_writes_to(
    calls: Calls, container: dict[str, Any]
) -> None:
    group = calls.one("logs", "create-log-group").params["logGroupName"]
    assert group == "/ecs/go-mcp-commander"
    assert container["logConfiguration"]["options"]["awslogs-group"] == group
    for call in calls.all:
        assert call.params.get("logGroupName", group) == group


@guide("G-032")
def test_the_definition_is_registered_from_the_file_of_the_guide(page: Page) -> None:
    (words,) = (
        words for words in commands(page, "aws") if "register-task-definition" in words
    )
    (path,) = (word for word in words if word.startswith("file://"))
    file = ROOT / path.removeprefix("file://")
    assert file.is_file()
    assert file.name == "ecs-task-definition.json"


@guide("G-033")
def test_the_cluster_is_the_one_of_every_other_command(calls: Calls) -> None:
    cluster = calls.one("ecs", "create-cluster").params["clusterName"]
    assert cluster == "mcp-servers"
    for call in calls.all:
        assert call.params.get("cluster", cluster) == cluster


@guide("G-034", "G-035", "G-036", "G-037")
def test_the_service_is_created_as_in_the_guide(
    calls: Calls, task: dict[str, Any]
) -> None:
    params = calls.one("ecs", "create-service").params
    added = {"loadBalancers", "healthCheckGracePeriodSeconds"}
    assert {name: params[name] for name in params.keys() - added} == {
        "cluster": "mcp-servers",
        "serviceName": NAME,
        "taskDefinition": task["family"],
        "desiredCount": 1,
        "launchType": "FARGATE",
        "networkConfiguration": {
            "awsvpcConfiguration": {
                "subnets": ["subnet-xxx"],
                "securityGroups": ["sg-xxx"],
                "assignPublicIp": "ENABLED",
            }
        },
    }


@guide("G-011")
def test_the_load_balancer_leads_to_the_container(
    calls: Calls, container: dict[str, Any]
) -> None:
    (target,) = calls.one("ecs", "create-service").params["loadBalancers"]
    (mapping,) = container["portMappings"]
    assert target == {
        "targetGroupArn": "$TARGET_GROUP_ARN",
        "containerName": container["name"],
        "containerPort": mapping["containerPort"],
    }
    listener = calls.one("elbv2", "create-listener").params
    assert listener["Protocol"] == "HTTPS"
    assert listener["DefaultActions"] == [
        {"Type": "forward", "TargetGroupArn": "$TARGET_GROUP_ARN"}
    ]
    # Tasks with a network interface of their own register by address.
    assert calls.one("elbv2", "create-target-group").params["TargetType"] == "ip"


@guide("G-087")
@table("Security Best Practices", "Network Isolation")
def test_tasks_take_port_3000_from_the_load_balancer_alone(
    calls: Calls, container: dict[str, Any]
) -> None:
    params = calls.one("ec2", "authorize-security-group-ingress").params
    (rule,) = params["IpPermissions"]
    (mapping,) = container["portMappings"]
    assert (rule["FromPort"], rule["ToPort"]) == (mapping["containerPort"],) * 2
    assert "IpRanges" not in rule
    (source,) = rule["UserIdGroupPairs"]
    balancer = calls.one("elbv2", "create-load-balancer").params
    assert balancer["SecurityGroups"] == [source["GroupId"]]
    assert params["GroupId"] == "sg-xxx"


@guide("G-088")
@table("Security Best Practices", "Audit Logging")
def test_the_trail_that_is_created_is_switched_on(calls: Calls) -> None:
    name = calls.one("cloudtrail", "create-trail").params["Name"]
    assert calls.one("cloudtrail", "start-logging").params["Name"] == name


@pytest.mark.parametrize(
    ("setting", "value", "parameter"),
    [
        pytest.param(
            "Path",
            "/health",
            "HealthCheckPath",
            marks=[guide("G-075"), table("Health Check", "Path")],
        ),
        pytest.param(
            "Protocol",
            "HTTP",
            "HealthCheckProtocol",
            marks=[guide("G-076"), table("Health Check", "Protocol")],
        ),
        pytest.param(
            "Port",
            "3000",
            "HealthCheckPort",
            marks=[guide("G-077"), table("Health Check", "Port")],
        ),
        pytest.param(
            "Interval",
            "30s",
            "HealthCheckIntervalSeconds",
            marks=[guide("G-078"), table("Health Check", "Interval")],
        ),
        pytest.param(
            "Timeout",
            "5s",
            "HealthCheckTimeoutSeconds",
            marks=[guide("G-079"), table("Health Check", "Timeout")],
        ),
        pytest.param(
            "Healthy threshold",
            "2",
            "HealthyThresholdCount",
            marks=[guide("G-080"), table("Health Check", "Healthy threshold")],
        ),
        pytest.param(
            "Unhealthy threshold",
            "3",
            "UnhealthyThresholdCount",
            marks=[guide("G-081"), table("Health Check", "Unhealthy threshold")],
        ),
    ],
)
def test_the_target_group_checks_health_as_the_table_says(
    setting: str, value: str, parameter: str, page: Page, calls: Calls
) -> None:
    (cell,) = page.section("Health Check").table("Setting")[setting]
    params = calls.one("elbv2", "create-target-group").params
    assert plain(cell) == value
    assert str(params[parameter]) == value.removesuffix("s")
