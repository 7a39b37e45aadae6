"""The log holds what the guide looks for, and its advice for trouble is right."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from commander.errors import SettingError
from commander.settings import Settings
from commander.sources import load
from commander.specs import spec_of
from tests.guide.conftest import IMAGE, TOKEN, abandoned_body, facts_of, status_of
from tests.guide.document import Page

if TYPE_CHECKING:
    from tests.guide.conftest import Calls, Deploy, Deployed

guide = pytest.mark.guide
table = pytest.mark.table

FIELDS = {spec_of(field).variable for field in attrs.fields(Settings)}

# --- logs --------------------------------------------------------------------------

OF_THE_QUERIES = {
    "Failed auth attempts": "auth_failed",
    "Blocked commands": "CMD_REFUSED",
    "Command executions": "CMD_EXEC",
}


@pytest.fixture
def lines(deploy: Deploy) -> list[str]:
    """What the log holds after an ordinary life, and one event of each kind."""
    deployed = deploy(MCP_MAX_CONCURRENT="1", MCP_MAX_QUEUED="1")
    http = deployed.memory.http
    http.request("GET", "/health")
    http.request("GET", "/nowhere")
    initialize = {"protocolVersion": "2025-11-25", "capabilities": {}}
    for method, params in (
        ("initialize", initialize),
        ("tools/list", {}),
        ("tools/call", {"name": "list_blocked_commands"}),
    ):
        http.post({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    deployed.run("pwd")
    deployed.run("dd if=x")
    status_of(deployed, X_MCP_Auth_Token="wrong")
    fill_up(deployed)
    return deployed.log()


def fill_up(deployed: Deployed) -> None:
    """One command runs on, one waits until its client has left, a third is too many."""
    deployed.begin("cat")
    body, headers = abandoned_body("pwd")
    waiting = deployed.memory.http.begin(body=body, headers=headers)
    assert deployed.run("pwd")["status"] == "busy"
    waiting.lose()
    deployed.memory.http.pump()


@pytest.mark.parametrize(
    ("title", "word"),
    [
        pytest.param("Failed auth attempts", "401", marks=guide("G-098")),
        pytest.param("Blocked commands", "blocked", marks=guide("G-099")),
        pytest.param("Command executions", "CMD_EXEC", marks=guide("G-100")),
    ],
)
def test_a_log_query_finds_its_events_and_nothing_else(
    title: str, word: str, page: Page, lines: list[str]
) -> None:
    queries = page.section("Log Queries").blocks("")
    (query,) = (text for text in queries[0].split("\n\n") if title in text)
    assert query.splitlines()[1:] == [
        "fields @timestamp, @message",
        f"| filter @message like /{word}/",
        "| sort @timestamp desc",
    ]
    (found,) = (json.loads(line) for line in lines if re.search(word, line))
    assert found["event"] == OF_THE_QUERIES[title]
    assert f'`filter event = "{found["event"]}"`' in page.section("Log Queries").text


@guide("G-014")
def test_every_line_is_one_json_object(lines: list[str]) -> None:
    assert all(isinstance(json.loads(line), dict) for line in lines)


def test_the_metric_filters_count_these_events(calls: Calls, lines: list[str]) -> None:
    counted = []
    for call in calls.all:
        if call.operation == "put-metric-filter":
            (event,) = re.findall(
                r'^{ \$\.event = "(\w+)" }$', call.params["filterPattern"]
            )
            counted.append(event)
    events = [json.loads(line)["event"] for line in lines]
    assert [events.count(event) for event in counted] == [1, 1]


@table("Log Queries")
def test_the_records_have_the_fields_of_the_table(page: Page, lines: list[str]) -> None:
    records = {record["event"]: record for record in map(json.loads, lines)}
    for event, (_, fields) in page.section("Log Queries").table("Record").items():
        assert set(re.findall(r"`(\w+)`", fields)) <= records[event].keys(), event


# --- troubleshooting ---------------------------------------------------------------


@guide("G-102")
@table("Troubleshooting", "Commands blocked")
@pytest.mark.parametrize(
    ("environ", "setting"),
    [
        ({}, "MCP_ALLOWED_COMMANDS"),
        (
            {"MCP_ALLOWED_COMMANDS": "", "MCP_BLOCKED_COMMANDS": "git"},
            "MCP_BLOCKED_COMMANDS",
        ),
    ],
)
def test_a_refusal_names_the_list_that_decided(
    environ: dict[str, str], setting: str, page: Page, deploy: Deploy
) -> None:
    server = deploy(**environ)
    facts = server.run("git status")
    assert setting in facts["error"]
    assert facts["rule_id"]
    (record,) = (json.loads(line) for line in server.log() if "CMD_REFUSED" in line)
    assert record["rule"] == facts["rule_id"]
    (advice,) = page.section("Troubleshooting").table("Issue")["Commands blocked"]
    assert setting in advice


@guide("G-102")
def test_the_lists_in_force_can_be_asked_for(deployed: Deployed) -> None:
    answers: dict[str, Any] = {}
    for tool in ("list_allowed_commands", "list_blocked_commands"):
        message = {"method": "tools/call", "params": {"name": tool}}
        answer = deployed.memory.http.post({"jsonrpc": "2.0", "id": 1, **message})
        answers |= answer.json()["result"]["structuredContent"]
    assert answers["allowed_commands"] == ["ls", "cat", "grep", "echo", "pwd"]
    assert "rm -rf /" in answers["blocked_commands"]


@guide("G-105")
def test_a_setting_that_is_not_accepted_is_one_line_that_names_it() -> None:
    environ = {**IMAGE, "MCP_AUTH_TOKEN": TOKEN, "MCP_DEFAULT_TIMEOUT": "soon"}
    with pytest.raises(SettingError) as raised:
        load({}, environ, None)
    assert str(raised.value).startswith("MCP_DEFAULT_TIMEOUT")
    assert "\n" not in str(raised.value)


@guide("G-106")
@table("Troubleshooting", "Health check failing")
def test_the_port_is_the_same_everywhere(
    deployed: Deployed, container: dict[str, Any], calls: Calls
) -> None:
    (mapping,) = container["portMappings"]
    group = calls.one("elbv2", "create-target-group").params
    (target,) = calls.one("ecs", "create-service").params["loadBalancers"]
    assert {
        deployed.settings.http_port,
        mapping["containerPort"],
        group["Port"],
        int(group["HealthCheckPort"]),
        target["containerPort"],
    } == {3000}


@table("Troubleshooting", "Answers busy")
def test_a_busy_server_names_its_limits(page: Page, deploy: Deploy) -> None:
    server = deploy(MCP_MAX_CONCURRENT="1", MCP_MAX_QUEUED="1")
    server.begin("cat")
    server.begin("cat")
    assert server.run("pwd")["status"] == "busy"
    (record,) = (json.loads(line) for line in server.log() if "CMD_BUSY" in line)
    (advice,) = page.section("Troubleshooting").table("Issue")["Answers busy"]
    assert set(re.findall(r"MCP_MAX_\w+", advice)) <= FIELDS
    assert "MCP_MAX_CONCURRENT=1" in record["reason"]
    assert "MCP_MAX_CONCURRENT" in advice


@table("Troubleshooting", "403")
def test_a_foreign_origin_is_answered_403_unless_it_is_allowed(deploy: Deploy) -> None:
    bearer, origin = f"Bearer {TOKEN}", "https://app.example.com"
    assert status_of(deploy(), Authorization=bearer, Origin=origin) == 403
    server = deploy(MCP_ALLOWED_ORIGINS=origin)
    assert status_of(server, Authorization=bearer, Origin=origin) == 200


@table("Troubleshooting", "421")
def test_a_host_that_is_not_listed_is_answered_421(deploy: Deploy) -> None:
    bearer = f"Bearer {TOKEN}"
    server = deploy(MCP_ALLOWED_HOSTS="mcp.example.com")
    assert status_of(server, Authorization=bearer, Host="mcp.example.com") == 200
    assert status_of(server, Authorization=bearer, Host="mcp.example.org") == 421


def test_an_answer_may_take_longer_than_the_idle_timeout(deploy: Deploy) -> None:
    server = deploy(MCP_EXECUTE_YIELD="0")
    connection = server.begin("cat", timeout="10m")
    for _ in range(30):
        server.memory.http.pump(10)
    assert not connection.closing
    server.memory.process.exit(0)
    server.memory.http.pump()
    assert facts_of(connection)["exit_code"] == 0


@table("Troubleshooting", "504 after a minute")
def test_a_job_is_answered_before_the_load_balancer_cuts_the_connection(
    deployed: Deployed,
) -> None:
    connection = deployed.begin("cat", timeout="10m")
    deployed.memory.http.pump(49)
    assert connection.responses() == []
    deployed.memory.http.pump(1)
    facts = facts_of(connection)
    assert (facts["status"], facts["job_id"][:4]) == ("running", "job_")


@table("Troubleshooting", "Output is missing")
def test_a_spool_without_a_volume_is_missed_in_the_log(deploy: Deploy) -> None:
    server = deploy(MCP_SPOOL_DIR="-/nowhere/output")
    assert server.run("pwd")["exit_code"] == 0
    (line,) = (one for one in server.log() if "spool_missing" in one)
    assert "/nowhere/output" in json.loads(line)["reason"]


@table("Troubleshooting", "504 after a minute")
def test_the_server_keeps_idle_connections_longer_than_the_load_balancer(
    page: Page, deployed: Deployed, calls: Calls
) -> None:
    assert deployed.settings.http_idle_timeout_seconds > 60
    attributes = calls.one("elbv2", "modify-load-balancer-attributes").params
    ((key, seconds),) = (
        (item["Key"], int(item["Value"])) for item in attributes["Attributes"]
    )
    assert key == "idle_timeout.timeout_seconds"
    (advised,) = re.findall(r"here at `(\d+)s`", page.text)
    assert int(advised) > seconds
