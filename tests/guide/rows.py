"""What the deployment guide of go-mcp-commander promises, row by row.

One row for each of its headings, table rows, commands and sentences, in its order
and in our words. A test names the rows that it proves by ``pytest.mark.guide``. A
row is proven by tests or carries the reason why nothing here could prove it.

The rows of our own page's tables are promises too. They are read from the page; a
test names a section, and the first cells of rows, by ``pytest.mark.table``.
"""

from __future__ import annotations

from typing import Final

import attrs

from tests.guide.document import Page

__all__ = ["ROWS", "Row", "rows_of"]

_LIVE: Final = frozenset({"Troubleshooting: ResourceInitializationError"})
"""Rows of tables that only a local AWS can prove."""


@attrs.frozen
class Row:
    """One promise."""

    id: str
    says: str
    untested: str = ""
    """Why no test here can prove it; empty if one does."""
    live: bool = False
    """Only `make ecs-test` proves it, with the program itself."""


def rows_of(page: Page) -> tuple[Row, ...]:
    """One row for each row of each table, its section and first cell as its id."""
    ids = [
        f"{heading}: {cell}"
        for heading in page.headings
        for cell in page.section(heading).first_cells
    ]
    return tuple(Row(id, "a row of a table", live=id in _LIVE) for id in ids)


ROWS: Final = (
    # --- ECS Deployment Guide
    Row("G-001", "section: ECS Deployment Guide"),
    Row("G-002", "the server runs on ECS, on Fargate or on EC2"),
    # --- Quick Reference
    Row("G-003", "section: Quick Reference"),
    Row("G-004", "ECR holds the image"),
    Row("G-005", "ECS runs the container"),
    Row("G-006", "an ALB brings the HTTP requests"),
    Row("G-007", "Secrets Manager holds the credentials"),
    Row("G-008", "CloudWatch takes logs and metrics"),
    # --- Architecture
    Row("G-009", "section: Architecture"),
    Row("G-010", "an MCP client reaches the ALB"),
    Row("G-011", "the ALB reaches the service"),
    Row("G-012", "the service runs shell commands"),
    Row("G-013", "Secrets Manager is part of it"),
    Row("G-014", "logs go to CloudWatch Logs"),
    # --- Prerequisites
    Row("G-015", "section: Prerequisites"),
    Row("G-016", "the AWS CLI is set up", live=True),
    Row("G-017", "Docker is installed", live=True),
    Row("G-018", "an ECR repository exists"),
    Row("G-019", "a VPC has subnets"),
    # --- Deployment Steps
    Row("G-020", "section: Deployment Steps"),
    # --- Step 1: Build and Push Image
    Row("G-021", "section: Step 1: Build and Push Image"),
    Row("G-022", "log Docker in to ECR"),
    Row("G-023", "build go-mcp-commander"),
    Row("G-024", "tag it with the repository"),
    Row("G-025", "push it"),
    # --- Step 2: Create Secrets
    Row("G-026", "section: Step 2: Create Secrets"),
    Row("G-027", "create the secret mcp/commander"),
    Row("G-028", "it holds MCP_AUTH_TOKEN"),
    Row("G-029", "it holds MCP_ALLOWED_COMMANDS, a list of seven"),
    # --- Step 3: Create ECS Resources
    Row("G-030", "section: Step 3: Create ECS Resources"),
    Row("G-031", "create the log group /ecs/go-mcp-commander"),
    Row("G-032", "register ecs-task-definition.json"),
    Row("G-033", "create the cluster mcp-servers"),
    Row("G-034", "create the service go-mcp-commander of that definition in it"),
    Row("G-035", "with one task"),
    Row("G-036", "on Fargate"),
    Row("G-037", "in subnets and security groups, with a public address"),
    # --- Configuration
    Row("G-038", "section: Configuration"),
    # --- Environment Variables
    Row("G-039", "section: Environment Variables"),
    Row("G-040", "MCP_AUTH_TOKEN: required, the token for HTTP"),
    Row("G-041", "MCP_ALLOWED_COMMANDS: comma-separated prefixes, no default"),
    Row("G-042", "MCP_BLOCKED_COMMANDS: comma-separated patterns, no default"),
    Row("G-043", "MCP_DEFAULT_TIMEOUT: 30s"),
    Row("G-044", "MCP_SHELL: /bin/sh"),
    Row("G-045", "MCP_SHELL_ARG: -c"),
    Row("G-046", "MCP_LOG_LEVEL: info"),
    # --- Default Blocked Commands
    Row("G-047", "section: Default Blocked Commands"),
    Row("G-048", "some commands are blocked without any setting"),
    Row("G-049", "rm -rf of / and of /*"),
    Row("G-050", "mkfs"),
    Row("G-051", "dd"),
    Row("G-052", "shutdown, reboot, halt, poweroff"),
    Row("G-053", "fork bombs"),
    # --- Task Definition Example
    Row("G-054", "section: Task Definition Example"),
    Row("G-055", "family go-mcp-commander"),
    Row("G-056", "network mode awsvpc"),
    Row("G-057", "compatible with FARGATE"),
    Row("G-058", "cpu 256"),
    Row("G-059", "memory 512"),
    Row("G-060", "execution role ecsTaskExecutionRole"),
    Row("G-061", "container go-mcp-commander"),
    Row("G-062", "image go-mcp-commander:latest of the account's registry"),
    Row("G-063", "container port 3000, tcp"),
    Row("G-064", "MCP_AUTH_TOKEN from that key of the secret"),
    Row("G-065", "MCP_ALLOWED_COMMANDS in the environment, a list of five"),
    Row("G-066", "MCP_LOG_LEVEL info in the environment"),
    Row("G-067", "log driver awslogs"),
    Row("G-068", "log group /ecs/go-mcp-commander"),
    Row("G-069", "log region as a placeholder"),
    Row("G-070", "stream prefix ecs"),
    # --- Health Check
    Row("G-071", "section: Health Check"),
    Row("G-072", "there is an endpoint /health"),
    Row("G-073", "it answers status healthy and server go-mcp-commander"),
    Row("G-074", "the ALB asks it"),
    Row("G-075", "path /health"),
    Row("G-076", "protocol HTTP"),
    Row("G-077", "port 3000"),
    Row("G-078", "interval 30s"),
    Row("G-079", "timeout 5s"),
    Row("G-080", "healthy after 2"),
    Row("G-081", "unhealthy after 3"),
    # --- Security Best Practices
    Row("G-082", "section: Security Best Practices"),
    Row("G-083", "authentication: set MCP_AUTH_TOKEN, always"),
    Row("G-084", "restriction: MCP_ALLOWED_COMMANDS lets nothing else through"),
    Row("G-085", "private subnets for the tasks"),
    Row("G-086", "IAM roles may only what is needed"),
    Row("G-087", "security groups let in only what is needed"),
    Row("G-088", "CloudTrail is on"),
    Row("G-089", "the container's file system can be read-only"),
    # --- Monitoring
    Row("G-090", "section: Monitoring"),
    # --- CloudWatch Metrics
    Row("G-091", "section: CloudWatch Metrics"),
    Row("G-092", "there are things to watch"),
    Row("G-093", "processor and memory"),
    Row("G-094", "requests"),
    Row("G-095", "errors"),
    Row("G-096", "latency"),
    # --- Log Queries
    Row("G-097", "section: Log Queries"),
    Row("G-098", "/401/ finds failed logins, newest first"),
    Row("G-099", "/blocked/ finds blocked commands, newest first"),
    Row("G-100", "/CMD_EXEC/ finds executions, newest first"),
    # --- Troubleshooting
    Row("G-101", "section: Troubleshooting"),
    Row("G-102", "commands blocked: the two lists"),
    Row("G-103", "logins fail: token and header"),
    Row("G-104", "timeouts: raise MCP_DEFAULT_TIMEOUT"),
    Row("G-105", "no start: the log tells the error"),
    Row("G-106", "health check fails: port 3000 is exposed and reached"),
    # --- Related Documentation
    Row("G-107", "section: Related Documentation"),
    Row("G-108", "INTEGRATION.md: clients"),
    Row("G-109", "README.md: the server"),
    Row("G-110", "TESTING.md: the tests"),
)
