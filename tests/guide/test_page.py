"""What ECS.md says is what the code does; numbers, names and links."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import attrs
import pytest

from commander.durations import parse_duration
from commander.policy.block.dangers import DISPLAY_NAMES
from commander.settings import Settings
from commander.specs import spec_of
from tests.guide.document import ROOT, Page, plain

guide = pytest.mark.guide
table = pytest.mark.table

FIELDS = {spec_of(field).variable: field for field in attrs.fields(Settings)}
SECTIONS = {
    "G-001": "ECS Deployment Guide",
    "G-003": "Quick Reference",
    "G-009": "Architecture",
    "G-015": "Prerequisites",
    "G-020": "Deployment Steps",
    "G-021": "Step 1: Build and Push Image",
    "G-026": "Step 2: Create Secrets",
    "G-030": "Step 3: Create ECS Resources",
    "G-038": "Configuration",
    "G-039": "Environment Variables",
    "G-047": "Default Blocked Commands",
    "G-054": "Task Definition Example",
    "G-071": "Health Check",
    "G-082": "Security Best Practices",
    "G-090": "Monitoring",
    "G-091": "CloudWatch Metrics",
    "G-097": "Log Queries",
    "G-101": "Troubleshooting",
    "G-107": "Related Documentation",
}
PAGES = ("ECS.md", "docs/coming-from-go-mcp-commander.md", "docs/differences.md")


def default_of(variable: str) -> str:
    """A default as the page's table writes it."""
    field = FIELDS[variable]
    return spec_of(field).kind.show(field.default) if field.default else "-"


# --- sections and links ------------------------------------------------------------


@pytest.mark.parametrize(
    "heading",
    [pytest.param(name, marks=guide(row)) for row, name in SECTIONS.items()],
)
def test_the_page_has_every_section(heading: str, page: Page) -> None:
    assert page.headings.count(heading) == 1


def test_the_sections_stand_in_the_order_of_the_guide(page: Page) -> None:
    found = [heading for heading in page.headings if heading in SECTIONS.values()]
    assert found == list(SECTIONS.values())


@pytest.mark.parametrize("path", PAGES)
def test_every_link_leads_somewhere(path: str) -> None:
    for link in Page.read(path).links:
        file, _, anchor = link.partition("#")
        target = (ROOT / path).parent / file if file else ROOT / path
        assert target.is_file() if anchor else target.exists(), link
        assert not anchor or anchor in Page(target.read_text()).anchors, link


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("INTEGRATION.md", marks=guide("G-108")),
        pytest.param("README.md", marks=guide("G-109")),
        pytest.param("TESTING.md", marks=guide("G-110")),
    ],
)
def test_the_related_pages_are_named(name: str, page: Page) -> None:
    assert f"./{name}" in page.section("Related Documentation").links
    assert (ROOT / name).is_file()


# --- settings ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "required"),
    [
        pytest.param(
            "MCP_AUTH_TOKEN",
            "Yes",
            marks=[guide("G-040"), table("Environment Variables", "MCP_AUTH_TOKEN")],
        ),
        pytest.param(
            "MCP_ALLOWED_COMMANDS",
            "No",
            marks=[
                guide("G-041"),
                table("Environment Variables", "MCP_ALLOWED_COMMANDS"),
            ],
        ),
        pytest.param(
            "MCP_BLOCKED_COMMANDS",
            "No",
            marks=[
                guide("G-042"),
                table("Environment Variables", "MCP_BLOCKED_COMMANDS"),
            ],
        ),
        pytest.param(
            "MCP_DEFAULT_TIMEOUT",
            "No",
            marks=[
                guide("G-043"),
                table("Environment Variables", "MCP_DEFAULT_TIMEOUT"),
            ],
        ),
        pytest.param(
            "MCP_SHELL",
            "No",
            marks=[guide("G-044"), table("Environment Variables", "MCP_SHELL")],
        ),
        pytest.param(
            "MCP_SHELL_ARG",
            "No",
            marks=[guide("G-045"), table("Environment Variables", "MCP_SHELL_ARG")],
        ),
        pytest.param(
            "MCP_LOG_LEVEL",
            "No",
            marks=[guide("G-046"), table("Environment Variables", "MCP_LOG_LEVEL")],
        ),
    ],
)
def test_the_table_of_variables_has_the_defaults_of_the_code(
    variable: str, required: str, page: Page
) -> None:
    table = page.section("Environment Variables").table("Variable")
    assert [plain(cell) for cell in table[variable][:2]] == [
        required,
        default_of(variable),
    ]


def test_the_log_levels_are_those_of_the_code(page: Page) -> None:
    table = page.section("Environment Variables").table("Variable")
    levels, _, _ = table["MCP_LOG_LEVEL"][-1].partition(";")
    accepted = spec_of(FIELDS["MCP_LOG_LEVEL"]).kind.accepts
    assert re.findall(r"`(\w+)`", levels) == accepted.split(" or ")


@pytest.mark.parametrize("path", PAGES)
def test_every_variable_that_is_named_exists(path: str) -> None:
    known = set(FIELDS)
    assert set(re.findall(r"\bMCP_[A-Z_]+\b", Page.read(path).text)) <= known


@pytest.mark.parametrize("path", PAGES)
def test_a_time_in_brackets_after_a_variable_is_its_default(path: str) -> None:
    for name, text in re.findall(r"`(MCP_\w+)` \((\d+ ?\w)\)", Page.read(path).text):
        field = FIELDS[name]
        assert parse_duration(text.replace(" ", "")) == field.default, name


def test_the_page_speaks_of_times_that_are_defaults(page: Page) -> None:
    """So that the test above has something to look at."""
    found = re.findall(r"`(MCP_\w+)` \(\d+ s\)", page.text)
    assert {"MCP_SHUTDOWN_GRACE", "MCP_HTTP_IDLE_TIMEOUT"} <= set(found)


# --- the blocklist -----------------------------------------------------------------


@guide("G-048")
def test_the_default_blocklist_of_the_page_is_that_of_the_code(page: Page) -> None:
    text = page.section("Default Blocked Commands").text
    listed, _, beyond = text.partition("And, beyond the short list:")
    names = re.findall(r"`([^`]+)`", re.sub(r"`--[^`]+`", "", listed))
    assert [*names, "fork bombs"] == [
        *("rm -rf /", "rm -rf /*", "mkfs", "dd"),
        *("shutdown", "reboot", "halt", "poweroff", "fork bombs"),
    ]
    said_otherwise = {"chmod -R 777 /", "chown -R /", "> /dev/sda"}
    missing = set(DISPLAY_NAMES) - {*names, "fork bombs"} - said_otherwise
    assert all(f"`{name}`" in beyond for name in missing)
    assert set(names) <= set(DISPLAY_NAMES)


# --- health ------------------------------------------------------------------------


def test_the_task_definition_in_the_page_is_the_file(page: Page) -> None:
    (block,) = page.section("Task Definition Example").blocks("json")
    file = ROOT / "ecs" / "ecs-task-definition.json"
    assert block == file.read_text(encoding="utf-8")


@guide("G-092")
def test_the_page_names_a_metric_for_each_thing_to_watch(page: Page) -> None:
    table = page.section("CloudWatch Metrics").table("Watch")
    assert list(table) == [
        "CPU and memory utilization",
        "Request count",
        "Error rate",
        "Response latency",
    ]
    for metric, namespace in table.values():
        assert re.search(r"`[A-Z]\w+`", metric)
        assert namespace.startswith("`AWS/")


# --- filling in --------------------------------------------------------------------

PRETEND = (
    'aws() { echo "arn:aws:secretsmanager:eu-west-1:1:secret:mcp/commander-AbC"; }'
)


@guide("G-069")
def test_the_step_that_fills_in_leaves_no_placeholder(
    page: Page, tmp_path: Path, task: dict[str, Any]
) -> None:
    (steps,) = page.section("Step 3: Create ECS Resources").blocks("bash")
    (filling,) = re.findall(r"^ACCOUNT=.*?\.json$", steps, re.MULTILINE | re.DOTALL)
    script = filling.replace("YOUR_ACCOUNT_ID", "123456789012")
    script = script.replace("YOUR_REGION", "eu-west-1")
    (tmp_path / "ecs").mkdir()
    file = tmp_path / "ecs" / "ecs-task-definition.json"
    file.write_text((ROOT / "ecs" / file.name).read_text())
    subprocess.run(["sh", "-c", f"{PRETEND}\n{script}"], cwd=tmp_path, check=True)

    filled = file.read_text()
    assert "ACCOUNT" not in filled
    assert "REGION" not in filled
    assert '"awslogs-region": "eu-west-1"' in filled
    assert ":secret:mcp/commander-AbC:MCP_AUTH_TOKEN::" in filled
    assert "123456789012.dkr.ecr.eu-west-1.amazonaws.com/go-mcp-commander" in filled
    (container,) = task["containerDefinitions"]
    assert container["logConfiguration"]["options"]["awslogs-region"] == "REGION"
