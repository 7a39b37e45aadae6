"""ecs/ecs-task-definition.json: the guide's values, and reasons for all others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from commander.settings import Settings
from tests.guide.aws_cli import Call, problems_of
from tests.guide.document import ROOT, Page

if TYPE_CHECKING:
    from tests.guide.conftest import Calls

guide = pytest.mark.guide
table = pytest.mark.table

Definition = dict[str, Any]
OF_THE_GUIDE = frozenset(
    ("name", "image", "portMappings", "secrets", "environment", "logConfiguration")
)


@guide("G-002")
@pytest.mark.parametrize("launch_type", ["FARGATE", "EC2"])
def test_the_api_takes_it_for_both_launch_types(
    launch_type: str, task: Definition, page: Page
) -> None:
    params = {**task, "requiresCompatibilities": [launch_type]}
    call = Call(service="ecs", operation="register-task-definition", params=params)
    assert problems_of(call) == ""
    changes = page.section("EC2 Launch Type").table("What")
    assert '`"requiresCompatibilities": ["EC2"]`' in changes["Task definition"]
    assert "`--launch-type EC2`" in changes["Service"][0]


@pytest.mark.parametrize(
    ("member", "value"),
    [
        pytest.param("family", "go-mcp-commander", marks=guide("G-055")),
        pytest.param("networkMode", "awsvpc", marks=guide("G-056")),
        pytest.param("requiresCompatibilities", ["FARGATE"], marks=guide("G-057")),
        pytest.param("cpu", "256", marks=guide("G-058")),
        pytest.param("memory", "512", marks=guide("G-059")),
    ],
)
def test_the_task_is_the_guides(member: str, value: object, task: Definition) -> None:
    assert task[member] == value


@pytest.mark.parametrize(
    ("member", "value"),
    [
        pytest.param("name", "go-mcp-commander", marks=guide("G-061")),
        pytest.param(
            "image",
            "ACCOUNT.dkr.ecr.REGION.amazonaws.com/go-mcp-commander:latest",
            marks=guide("G-062"),
        ),
        pytest.param(
            "portMappings",
            [{"containerPort": 3000, "protocol": "tcp"}],
            marks=guide("G-063"),
        ),
        pytest.param(
            "secrets",
            [
                {
                    "name": "MCP_AUTH_TOKEN",
                    "valueFrom": "arn:aws:secretsmanager:REGION:ACCOUNT:secret:"
                    "mcp/commander:MCP_AUTH_TOKEN::",
                }
            ],
            marks=guide("G-013", "G-064"),
        ),
        pytest.param(
            "environment",
            [
                {"name": "MCP_ALLOWED_COMMANDS", "value": "ls,cat,grep,echo,pwd"},
                {"name": "MCP_LOG_LEVEL", "value": "info"},
            ],
            marks=guide("G-065", "G-066"),
        ),
        pytest.param(
            "logConfiguration",
            {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": "/ecs/go-mcp-commander",
                    "awslogs-region": "REGION",
                    "awslogs-stream-prefix": "ecs",
                },
            },
            marks=guide("G-014", "G-067", "G-068", "G-070"),
        ),
    ],
)
def test_the_container_is_the_guides(
    member: str, value: object, container: Definition
) -> None:
    assert container[member] == value


def test_the_log_streams_are_read_under_their_prefix(
    calls: Calls, container: Definition
) -> None:
    prefix = container["logConfiguration"]["options"]["awslogs-stream-prefix"]
    params = calls.one("logs", "filter-log-events").params
    assert params["logStreamNamePrefix"] == f"{prefix}/{container['name']}"


@table("Task Definition Example")
def test_every_addition_has_its_reason_in_the_page(
    page: Page, container: Definition
) -> None:
    table = page.section("Task Definition Example").table("Addition")
    told = set(re.findall(r"\w+", " ".join(table)))
    added = container.keys() - OF_THE_GUIDE - {"linuxParameters"}
    assert added | container["linuxParameters"].keys() <= told
    assert all(reason for (reason,) in table.values())


@guide("G-089")
@table("Security Best Practices", "Read-Only FS")
@table("Task Definition Example", "readonlyRootFilesystem")
def test_all_but_the_volumes_is_read_only(
    task: Definition, container: Definition
) -> None:
    assert container["readonlyRootFilesystem"] is True
    mounted = {point["sourceVolume"] for point in container["mountPoints"]}
    assert mounted == {volume["name"] for volume in task["volumes"]}
    paths = [point["containerPath"] for point in container["mountPoints"]]
    assert paths == ["/tmp", "/var/spool/commander"]


@guide("G-089")
@table("Task Definition Example", "volumes, mountPoints: /tmp")
@table("Task Definition Example", "volumes, mountPoints: /var/spool/commander")
def test_the_image_declares_what_is_mounted_so_that_its_user_may_write_there(
    container: Definition,
) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    volumes = " ".join(re.findall(r"^VOLUME (.*)", dockerfile, re.MULTILINE))
    for point in container["mountPoints"]:
        assert point["containerPath"] in re.findall(r"[\w/]+", volumes)


@table("Task Definition Example", "stopTimeout: 30")
def test_there_is_time_to_stop(container: Definition) -> None:
    defaults = Settings()
    needed = (
        defaults.drain_delay_seconds
        + defaults.shutdown_grace_seconds
        + defaults.kill_grace_seconds
        + 2
    )
    assert needed <= container["stopTimeout"] <= 120


@guide("G-074")
@table("Task Definition Example", "healthCheck")
def test_container_and_load_balancer_ask_the_same_path_as_often(
    calls: Calls, container: Definition, page: Page
) -> None:
    params = calls.one("elbv2", "create-target-group").params
    check = container["healthCheck"]
    assert check["interval"] == params["HealthCheckIntervalSeconds"]
    assert check["timeout"] == params["HealthCheckTimeoutSeconds"]
    assert check["retries"] == params["UnhealthyThresholdCount"]
    assert check["command"] == ["CMD", "commander-health"]
    asks = (ROOT / "image" / "health").read_text(encoding="utf-8")
    assert f"GET {params['HealthCheckPath']} " in asks
    assert f"MCP_HTTP_PORT:-{params['HealthCheckPort']}" in asks
    reasons = page.section("Task Definition Example").table("Addition")
    assert f"The first {check['startPeriod']} s" in reasons["healthCheck"][0]


@table("Task Definition Example", "user", "initProcessEnabled: false")
def test_what_the_page_says_of_the_image_is_in_the_dockerfile(
    page: Page, container: Definition
) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "MCP_HTTP_HOST=0.0.0.0" in dockerfile
    assert "MCP_HTTP_PORT=3000" in dockerfile
    assert 'ENTRYPOINT ["commander-entrypoint"]' in dockerfile
    assert container["linuxParameters"]["initProcessEnabled"] is False
    assert f"USER {container['user']}" in dockerfile
    uid, _, _ = container["user"].partition(":")
    assert f"uid {uid}" in page.text
    (directory,) = re.findall(r"^WORKDIR (\S+)\nUSER", dockerfile, re.MULTILINE)
    assert f"answers with `{directory}`" in " ".join(page.text.split())


@table("Task Definition Example", "ulimits")
def test_there_are_descriptors_for_all_connections_and_commands(
    container: Definition,
) -> None:
    (limit,) = container["ulimits"]
    defaults = Settings()
    # A connection takes one, a command its three pipes and a handle on its process.
    needed = defaults.max_connections + 4 * defaults.max_concurrent
    assert limit["name"] == "nofile"
    assert needed < limit["softLimit"] == limit["hardLimit"]
