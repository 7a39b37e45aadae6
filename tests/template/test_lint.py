"""The linters have nothing against the template but what is answered here."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.template.resolve import Stack
from tests.template.tools import TEMPLATE, load, run

ALL_OPTIONS = {
    "CertificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/x",
    "KmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/x",
    "AccessLogBucket": "logs",
    "TrailBucket": "trails",
    "ContainerInsights": "enhanced",
    "AlarmTopicArn": "arn:aws:sns:eu-west-1:123456789012:x",
    "InstanceImage": "ami-12345678",
}
ANSWERED = {
    "CKV_AWS_2": "HTTP only where no certificate is given, for a private test",
    "CKV_AWS_103": "the same",
    "CKV_AWS_91": "access logs need a bucket of the operator's: AccessLogBucket",
}
"""Findings of checkov in the template as it stands; all are options of it."""


def checkov(path: Path) -> tuple[set[str], int]:
    """The ids of failed checks, and how many checks passed."""
    done = run(
        "checkov",
        *("--file", str(path), "--framework", "cloudformation"),
        *("--quiet", "--compact", "--skip-download", "--output", "json"),
    )
    report: dict[str, Any] = json.loads(done.stdout)
    # What it cannot read it lets pass.
    assert report["summary"]["parsing_errors"] == 0
    failed: Iterable[dict[str, Any]] = report["results"]["failed_checks"]
    return {one["check_id"] for one in failed}, report["summary"]["passed"]


def errors_of(given: dict[str, str], directory: Path) -> str:
    """What cfn-lint says of the template for these parameters."""
    resolved = directory / "template.json"
    resolved.write_text(json.dumps(Stack(load(), given).whole))
    # Of warnings there are many: parameters that are not used any more.
    return run("cfn-lint", "--ignore-checks", "W", "--", str(resolved)).stdout


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_cfn_lint_finds_nothing(region: str) -> None:
    done = run("cfn-lint", "--regions", region, "--", str(TEMPLATE))
    assert (done.stdout, done.returncode) == ("", 0)


@pytest.mark.parametrize("launch_type", ["FARGATE", "EC2"])
def test_nor_in_what_becomes_of_it(launch_type: str, tmp_path: Path) -> None:
    """Where it is decided that this is Fargate, it can be checked against Fargate."""
    assert errors_of({**ALL_OPTIONS, "LaunchType": launch_type}, tmp_path) == ""


def test_cfn_lint_would_find_a_task_that_fargate_does_not_have(tmp_path: Path) -> None:
    assert "E3047" in errors_of({"Cpu": "300"}, tmp_path)


def test_checkov_finds_what_is_answered_here() -> None:
    failed, passed = checkov(TEMPLATE)
    assert failed == set(ANSWERED)
    assert passed >= 25


def test_checkov_finds_nothing_once_all_options_are_used(tmp_path: Path) -> None:
    resolved = tmp_path / "template.json"
    resolved.write_text(json.dumps(Stack(load(), ALL_OPTIONS).whole))
    failed, _ = checkov(resolved)
    assert failed == set()


def test_the_template_has_no_aliases_which_cloudformation_does_not_take() -> None:
    text = TEMPLATE.read_text("utf-8")
    unquoted = [line for line in text.splitlines() if "'" not in line]
    assert not [line for line in unquoted if ": &" in line or ": *" in line]
