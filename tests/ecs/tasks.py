"""Variants of the task definition, and tasks of them on the local AWS."""

from __future__ import annotations

import copy
from typing import Any

from tests.ecs.client import aws, until

__all__ = [
    "described",
    "running",
    "start",
    "with_a_wrong_key",
    "with_both_secrets",
    "with_terminals",
    "without_the_spool",
]

Json = dict[str, Any]

CLUSTER = "mcp-servers"


def with_both_secrets(task: Json) -> Json:
    """The list from the secret too, as Step 2 of ECS.md tells how."""
    variant = copy.deepcopy(task)
    variant["family"] = "both-secrets"
    (container,) = variant["containerDefinitions"]
    (token,) = container["secrets"]
    container["environment"] = [
        one for one in container["environment"] if one["name"] != "MCP_ALLOWED_COMMANDS"
    ]
    source = token["valueFrom"].replace("MCP_AUTH_TOKEN", "MCP_ALLOWED_COMMANDS")
    container["secrets"] = [
        token,
        {"name": "MCP_ALLOWED_COMMANDS", "valueFrom": source},
    ]
    return variant


def with_a_wrong_key(task: Json) -> Json:
    """A key that the secret does not have."""
    variant = copy.deepcopy(task)
    variant["family"] = "wrong-key"
    (container,) = variant["containerDefinitions"]
    (token,) = container["secrets"]
    token["valueFrom"] = token["valueFrom"].replace("MCP_AUTH_TOKEN", "NO_SUCH_KEY")
    return variant


def with_terminals(task: Json) -> Json:
    """Terminals in spite of the list."""
    variant = copy.deepcopy(task)
    (container,) = variant["containerDefinitions"]
    container["environment"].append({"name": "MCP_TERMINALS", "value": "on"})
    return variant


def without_the_spool(task: Json) -> Json:
    """As a task definition that was made before there was one."""
    variant = copy.deepcopy(task)
    (container,) = variant["containerDefinitions"]
    container["mountPoints"] = container["mountPoints"][:1]
    variant["volumes"] = variant["volumes"][:1]
    return variant


def running(cluster: str = CLUSTER) -> list[str]:
    """The running tasks of a cluster."""
    return list(aws("ecs").list_tasks(cluster=cluster)["taskArns"])


def described(arn: str) -> Json:
    """What ECS knows of a task of the page's cluster."""
    answer = aws("ecs").describe_tasks(cluster=CLUSTER, tasks=[arn])
    task: Json = answer["tasks"][0]
    return task


def start(task: Json, subnet: str) -> str:
    """Register a task definition, and run it until it runs or has failed."""
    aws("ecs").register_task_definition(**task)
    started = aws("ecs").run_task(
        cluster=CLUSTER,
        taskDefinition=task["family"],
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": [subnet]}},
    )
    arn: str = started["tasks"][0]["taskArn"]
    ends = ("RUNNING", "STOPPED")
    until(lambda: described(arn)["lastStatus"] in ends, f"{task['family']} has started")
    return arn
