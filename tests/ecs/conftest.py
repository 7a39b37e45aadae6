"""A walk through ECS.md on the local AWS that ``run.sh`` has started."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.ecs.client import aws
from tests.ecs.local_template import adapted
from tests.ecs.shell import Shell
from tests.ecs.walk import STACK, Walk
from tests.guide.document import ROOT, Page
from tests.guide.rows import ROWS, rows_of
from tests.guide.score import Score
from tests.template.tools import load

CONTEXT: Final = (
    *("commander", "twisted", "requirements", "image", "ecs"),
    *("Dockerfile", ".dockerignore", "setup.py", "pyproject.toml"),
    *("README.md", "LICENSE"),
)
"""Of the project what the commands of the page use."""


def pytest_configure(config: pytest.Config) -> None:
    groups = {"the guide": ROWS, "tables of ECS.md": rows_of(Page.read("ECS.md"))}
    score = Score(Path(__file__).parent, groups, live=True)
    config.pluginmanager.register(score)


@pytest.fixture(scope="session")
def state() -> Path:
    """Where everything is kept."""
    if "STATE" not in os.environ:
        pytest.fail("these tests need an AWS: run `make ecs-test`")
    return Path(os.environ["STATE"])


@pytest.fixture(scope="session")
def page() -> Page:
    return Page.read("ECS.md")


@pytest.fixture(scope="session")
def project(state: Path) -> Path:
    """A copy of the project, its template as the local AWS takes it."""
    copy = state / "project"
    copy.mkdir()
    ignored = shutil.ignore_patterns("__pycache__", "dropin.cache")
    for name in CONTEXT:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=ignored)
        else:
            shutil.copy2(source, copy / name)
    (copy / "ecs" / "template.yaml").write_text(json.dumps(adapted(load())))
    return copy


@pytest.fixture(scope="session")
def prerequisites() -> dict[str, str]:
    """What an operator has before, for each placeholder of the page."""
    account, region = os.environ["ACCOUNT"], os.environ["REGION"]
    ec2 = aws("ec2")
    (vpc,) = ec2.describe_vpcs()["Vpcs"]
    first, second, *_ = (one["SubnetId"] for one in ec2.describe_subnets()["Subnets"])
    groups = {
        name: ec2.create_security_group(
            GroupName=name, Description=name, VpcId=vpc["VpcId"]
        )["GroupId"]
        for name in ("tasks", "balancer")
    }
    certificate = aws("acm").request_certificate(DomainName="mcp.example.com")
    aws("s3").create_bucket(Bucket="trail")
    return {
        "YOUR_ACCOUNT_ID": account,
        "YOUR_REGION": region,
        "YOUR_CERTIFICATE_ID": certificate["CertificateArn"].rpartition("/")[2],
        "YOUR_BUCKET": "trail",
        "vpc-xxx": vpc["VpcId"],
        "subnet-xxx": first,
        "subnet-yyy": second,
        "sg-xxx": groups["tasks"],
        "sg-yyy": groups["balancer"],
    }


@pytest.fixture(scope="session")
def walk(
    page: Page, project: Path, state: Path, prerequisites: dict[str, str]
) -> Iterator[Walk]:
    """The whole page, gone through; then what it made is taken down."""
    shell = Shell(project, state / "variables")
    walk = Walk(page, shell, Path("/etc/hosts"), prerequisites)
    walk.go()
    yield walk
    aws("ecs").delete_service(
        cluster="mcp-servers", service="go-mcp-commander", force=True
    )
    aws("cloudformation").delete_stack(StackName=STACK)


@pytest.fixture(scope="session")
def task(project: Path) -> dict[str, Any]:
    """The task definition as it is shipped."""
    path = ROOT / "ecs" / "ecs-task-definition.json"
    definition: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return definition
