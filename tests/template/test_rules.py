"""ecs/rules hold for the template, and find what they are there to find."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.template.resolve import Stack
from tests.template.tools import RULES, guard, load

Json = dict[str, Any]
Change = Callable[[Json], object]

NAMES = sorted(
    name
    for path in RULES
    for name in re.findall(r"^rule (\w+)", path.read_text("utf-8"), re.MULTILINE)
)


def container(template: Json) -> Json:
    properties = template["Resources"]["TaskDefinition"]["Properties"]
    (found,) = properties["ContainerDefinitions"]
    definition: Json = found
    return definition


def properties(template: Json, name: str) -> Json:
    found: Json = template["Resources"][name]["Properties"]
    return found


def statements(template: Json) -> list[Json]:
    (policy,) = properties(template, "ExecutionRole")["Policies"]
    found: list[Json] = policy["PolicyDocument"]["Statement"]
    return found


def open_the_tasks(template: Json) -> None:
    ingress = properties(template, "TaskIngress")
    del ingress["SourceSecurityGroupId"]
    ingress["CidrIp"] = "0.0.0.0/0"


def unblock_the_metadata(template: Json) -> None:
    data = properties(template, "LaunchTemplate")["LaunchTemplateData"]
    text = data["UserData"]["Fn::Base64"]["Fn::Sub"]
    data["UserData"]["Fn::Base64"]["Fn::Sub"] = text.replace("IMDS=true", "IMDS=no")


HARM: list[tuple[str, Change]] = [
    (
        "root_file_system_is_read_only",
        lambda t: container(t).pop("ReadonlyRootFilesystem"),
    ),
    (
        "root_file_system_is_read_only",
        lambda t: container(t).update(ReadonlyRootFilesystem=False),
    ),
    (
        "what_is_written_ends_with_the_task",
        lambda t: container(t)["MountPoints"][0].update(ContainerPath="/opt"),
    ),
    (
        "what_is_written_ends_with_the_task",
        lambda t: properties(t, "TaskDefinition")["Volumes"][1].update(
            EFSVolumeConfiguration={"FilesystemId": "fs-1"}
        ),
    ),
    ("no_privileges", lambda t: container(t).update(User="0")),
    ("no_privileges", lambda t: container(t).pop("User")),
    ("no_privileges", lambda t: container(t).update(Privileged=True)),
    (
        "no_privileges",
        lambda t: container(t)["LinuxParameters"]["Capabilities"].update(Drop=["KILL"]),
    ),
    (
        "no_privileges",
        lambda t: container(t)["LinuxParameters"]["Capabilities"].update(
            Add=["SYS_PTRACE"]
        ),
    ),
    (
        "no_second_init",
        lambda t: container(t)["LinuxParameters"].update(InitProcessEnabled=True),
    ),
    (
        "health_check_does_not_show_the_token",
        lambda t: container(t)["HealthCheck"].update(Command=["CMD-SHELL", "wget x"]),
    ),
    (
        "no_task_role_but_for_scale_in_protection",
        lambda t: properties(t, "TaskDefinition").update(TaskRoleArn="arn:role/x"),
    ),
    ("token_is_injected", lambda t: container(t).update(Secrets=[])),
    (
        "no_secret_in_the_environment",
        lambda t: container(t)["Environment"].append(
            {"Name": "MCP_AUTH_TOKEN", "Value": "x"}
        ),
    ),
    ("roles_name_what_they_may", lambda t: statements(t)[1].update(Resource="*")),
    ("roles_name_what_they_may", lambda t: statements(t)[1].update(Action="ecr:*")),
    (
        "ecs_exec_is_off",
        lambda t: properties(t, "Service").update(EnableExecuteCommand=True),
    ),
    (
        "deployments_roll_back",
        lambda t: properties(t, "Service")["DeploymentConfiguration"].pop(
            "DeploymentCircuitBreaker"
        ),
    ),
    (
        "no_public_address_by_default",
        lambda t: t["Parameters"]["AssignPublicIp"].update(Default="ENABLED"),
    ),
    ("tasks_are_reached_from_security_groups_only", open_the_tasks),
    ("instance_metadata_is_out_of_reach", unblock_the_metadata),
    (
        "instance_metadata_is_out_of_reach",
        lambda t: properties(t, "LaunchTemplate")["LaunchTemplateData"][
            "MetadataOptions"
        ].update(HttpTokens="optional"),
    ),
]


def test_the_template_keeps_every_rule() -> None:
    assert guard(load()) == dict.fromkeys(NAMES, "PASS")


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"CertificateArn": "arn:aws:acm:x"},
        {"AllowedCommands": "", "SecretArn": "arn:aws:secretsmanager:x"},
        {"KmsKeyArn": "arn:aws:kms:x"},
        {"LaunchType": "EC2"},
    ],
    ids=["default", "TLS", "own secret", "own key", "EC2"],
)
def test_so_does_what_becomes_of_it(given: dict[str, str]) -> None:
    verdicts = guard(Stack(load(), given).whole)
    assert {name for name, said in verdicts.items() if said == "FAIL"} == set()


def test_of_what_becomes_of_it_only_scale_in_protection_has_a_task_role() -> None:
    verdicts = guard(Stack(load(), {"ScaleInProtection": "true"}).whole)
    failed = {name for name, said in verdicts.items() if said == "FAIL"}
    assert failed == {"no_task_role_but_for_scale_in_protection"}


@pytest.mark.parametrize(("rule", "harm"), HARM, ids=[name for name, _ in HARM])
def test_a_rule_finds_what_it_forbids(rule: str, harm: Change) -> None:
    template = load()
    harm(template)
    failed = {name for name, said in guard(template).items() if said == "FAIL"}
    assert failed == {rule}


def test_every_rule_has_been_seen_to_fail() -> None:
    assert {rule for rule, _ in HARM} == set(NAMES)
