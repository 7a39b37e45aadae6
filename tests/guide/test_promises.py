"""The server does what the guide says of it, as its task definition starts it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from commander.errors import SettingError
from commander.explain import explain
from commander.sources import load
from commander.testing import HTTPHarness
from commander.web.drain import Drain, Serving
from commander.web.health import Health
from tests.guide.aws_cli import shell_commands
from tests.guide.conftest import IMAGE, TOKEN, facts_of, status_of
from tests.guide.document import Page

if TYPE_CHECKING:
    from tests.guide.conftest import Deploy, Deployed

guide = pytest.mark.guide
table = pytest.mark.table


def blocks(deployed: Deployed, command: str) -> bool:
    """Whether a command is refused."""
    return deployed.run(command).get("status") == "denied"


# --- architecture ------------------------------------------------------------------


@guide("G-010")
def test_a_load_balancer_may_use_any_name_of_the_server(deployed: Deployed) -> None:
    bearer = f"Bearer {TOKEN}"
    for host in ("mcp.example.com", "internal-mcp-1.eu-west-1.elb.amazonaws.com"):
        assert status_of(deployed, Host=host, Authorization=bearer) == 200


@guide("G-012")
def test_the_call_of_the_page_runs_a_command(page: Page, deployed: Deployed) -> None:
    (block,) = page.section("Step 4: Check It").blocks("bash")
    *_, curl = shell_commands(block)
    body = curl[curl.index("-d") + 1]
    connection = deployed.memory.http.begin(body=body.encode())
    deployed.memory.process.emit(1, b"/work\n")
    deployed.memory.process.exit(0)
    deployed.memory.http.pump()
    assert facts_of(connection)["stdout"] == "/work\n"
    assert deployed.memory.process.arguments[-1] == "pwd"


# --- variables ---------------------------------------------------------------------


@guide("G-040", "G-083", "G-105")
@table("Security Best Practices", "Authentication")
@table("Troubleshooting", "Container not starting")
def test_without_a_token_the_container_does_not_start_and_says_why() -> None:
    with pytest.raises(SettingError, match=r"^MCP_AUTH_TOKEN is required.*$"):
        load({}, IMAGE, None)


@guide("G-040", "G-083", "G-103")
@table("Security Best Practices", "Authentication")
@table("Troubleshooting", "Auth failures")
def test_the_token_is_taken_by_either_header_and_no_other_is(
    deployed: Deployed,
) -> None:
    assert status_of(deployed) == 401
    assert status_of(deployed, X_MCP_Auth_Token="wrong") == 401
    assert status_of(deployed, X_MCP_Auth_Token=TOKEN) == 200
    assert status_of(deployed, Authorization=f"Bearer {TOKEN}") == 200


@guide("G-041", "G-065", "G-084")
@table("Security Best Practices", "Command Restriction")
def test_only_the_listed_commands_run(deployed: Deployed) -> None:
    for command in ("ls -l /", "cat /etc/hosts", "grep x /etc/hosts", "echo a", "pwd"):
        assert not blocks(deployed, command), command
    for command in ("lsof", "find /", "LS", "ls | wc -l", "echo a; rm -rf /tmp"):
        assert blocks(deployed, command), command


@guide("G-042")
def test_blocked_commands_are_added_to_the_default_list(deploy: Deploy) -> None:
    server = deploy(MCP_ALLOWED_COMMANDS="", MCP_BLOCKED_COMMANDS="curl,git push")
    for command in ("curl x", "true; curl x", "git -C /srv push", "mkfs x"):
        assert blocks(server, command), command
    assert not blocks(server, "git pull")


@guide("G-043", "G-104")
@table("Troubleshooting", "Timeouts")
@pytest.mark.parametrize(("text", "seconds"), [("", 30), ("90s", 90), ("2m", 120)])
def test_a_command_ends_after_the_default_timeout(
    text: str, seconds: int, deploy: Deploy
) -> None:
    server = deploy(MCP_DEFAULT_TIMEOUT=text, MCP_EXECUTE_YIELD="0")
    connection = server.begin("cat")
    server.memory.http.pump(seconds - 0.01)
    assert server.memory.process.signals == []
    server.memory.http.pump(0.01)
    server.memory.http.pump()
    assert facts_of(connection)["timed_out"]


@guide("G-104")
def test_a_call_can_ask_for_more_time(deployed: Deployed) -> None:
    deployed.begin("cat", timeout="2m")
    deployed.memory.http.pump(119)
    assert deployed.memory.process.signals == []
    deployed.memory.http.pump(2)
    assert deployed.memory.process.signals


@guide("G-044", "G-045")
def test_the_shell_and_its_argument_can_be_set(deploy: Deploy) -> None:
    started = []
    for environ in ({}, {"MCP_SHELL": "/bin/bash"}, {"MCP_SHELL_ARG": "-ec"}):
        server = deploy(**environ)
        server.run("pwd")
        started.append(server.memory.process.arguments[-3:])
    assert started == [
        ("/bin/sh", "-c", "pwd"),
        ("/bin/bash", "-c", "pwd"),
        ("/bin/sh", "-ec", "pwd"),
    ]


@guide("G-046", "G-066")
def test_the_log_level_chooses_what_is_written(deploy: Deploy) -> None:
    written = {}
    for level in ("warn", "info", "access"):
        server = deploy(MCP_LOG_LEVEL=level)
        server.run("pwd")
        events = {json.loads(line)["event"] for line in server.log()}
        written[level] = events & {"CMD_EXEC", "http_request"}
    assert written == {
        "warn": set(),
        "info": {"CMD_EXEC"},
        "access": {"CMD_EXEC", "http_request"},
    }


def test_a_list_can_be_tried_as_the_page_shows(page: Page) -> None:
    (block,) = page.section("Environment Variables").blocks("sh")
    (words,) = shell_commands(block)
    variable, *program, command = words
    name, _, value = variable.partition("=")
    assert program == ["commander-mcp", "check"]
    allowed, text = explain(load({}, {name: value}, None).settings, command)
    assert not allowed
    assert "not-allowed" in text
    assert "`wc`" in text
    assert name in text


# --- default blocklist -------------------------------------------------------------


@guide("G-048")
@pytest.mark.parametrize(
    "command",
    [
        pytest.param("rm -rf /", marks=guide("G-049")),
        pytest.param("rm -rf /*", marks=guide("G-049")),
        pytest.param("rm -fr --no-preserve-root /", marks=guide("G-049")),
        pytest.param("mkfs /dev/sda1", marks=guide("G-050")),
        pytest.param("mkfs.ext4 /dev/sda1", marks=guide("G-050")),
        pytest.param("dd if=/dev/zero of=/dev/sda", marks=guide("G-051")),
        pytest.param("true && sudo dd if=x", marks=guide("G-051")),
        *(
            pytest.param(f"{program}{words}", marks=guide("G-052"))
            for program in ("shutdown", "reboot", "halt", "poweroff")
            for words in ("", " now")
        ),
        pytest.param(":(){ :|:& };:", marks=guide("G-053")),
        pytest.param("bomb() { bomb | bomb & }; bomb", marks=guide("G-053")),
        *("find / -delete", "chmod -R 777 /", "chown -R me /etc", "init 0", "init 6"),
        *("echo x > /dev/sda", "systemctl poweroff"),
    ],
)
def test_a_dangerous_command_is_blocked_without_any_setting(
    command: str, deploy: Deploy
) -> None:
    facts = deploy(MCP_ALLOWED_COMMANDS="").run(command)
    assert (facts["status"], facts["rule_id"]) == ("denied", "default-blocklist")


@guide("G-051", "G-052")
@pytest.mark.parametrize("command", ["git add .", "echo asphalt", "ls /sbin/reboot"])
def test_a_command_that_only_holds_the_letters_is_not(
    command: str, deploy: Deploy
) -> None:
    assert not blocks(deploy(MCP_ALLOWED_COMMANDS=""), command)


def test_a_list_copied_from_the_other_server_means_what_the_page_says(
    page: Page, deploy: Deploy
) -> None:
    (copied,) = re.findall(r"`(rm -rf,[\w,]+)`", page.text)
    server = deploy(MCP_ALLOWED_COMMANDS="", MCP_BLOCKED_COMMANDS=copied)
    assert blocks(server, "rm -rf build")
    assert not blocks(server, "rm -fr build")
    assert not blocks(server, "git add .")


# --- health ------------------------------------------------------------------------


@guide("G-072", "G-073", "G-077", "G-106")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_health_answers_on_port_3000_without_a_token(
    method: str, page: Page, deployed: Deployed
) -> None:
    ((port, _, _, interface),) = deployed.memory.reactor.tcpServers
    assert (port, interface) == (3000, "0.0.0.0")
    stranger = HTTPHarness(deployed.memory.site, deployed.memory.reactor, None)
    answer = stranger.request(method, "/health", headers={"Host": "10.0.1.7:3000"})
    (said, *_) = page.section("Health Check").blocks("json")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    if method == "GET":
        assert list(answer.json().items()) == list(json.loads(said).items())


def test_a_server_that_is_leaving_is_unhealthy(page: Page) -> None:
    drain = Drain()
    drain.serving = Serving.LEAVING
    answer = Health(server_name="x", drain=drain).answer()
    assert f"it answers {answer.status} and" in page.text
    assert f'`"status": "{json.loads(answer.body)["status"]}"`' in page.text
