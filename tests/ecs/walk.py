"""Goes through ECS.md on the local AWS, every command in its order.

What a reader has to fill in is filled in. In between the walk looks at what has come of
it, since later commands change that again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import attrs

from tests.ecs import tasks
from tests.ecs.client import (
    aws,
    call,
    environment_of,
    health_of,
    logged,
    status_of,
    until,
)
from tests.ecs.shell import Done, Shell, commands_of
from tests.guide.document import Page

__all__ = ["GROUP", "STACK", "TOKEN", "WORDS", "Seen", "Walk"]

Json = dict[str, Any]

TOKEN: Final = "your-secure-auth-token"
GROUP: Final = "/ecs/go-mcp-commander"
STACK: Final = "one-stack"
WORDS: Final = ("401", "blocked", "CMD_EXEC")
"""What the queries of the page look for."""
DIFFERENT: Final = {
    # The local AWS answers /health itself, under every name; this leads to the target.
    "https://YOUR_HOST/health": "https://localhost/_alb/mcp-servers/health",
    # The names are taken by the steps: the page says to do one or the other.
    "--stack-name go-mcp-commander": f"--stack-name {STACK}",
    "mcp/go-mcp-commander": f"mcp/{STACK}",
}
"""What is not done as the page has it."""


@attrs.define
class Seen:
    """What was seen on the way."""

    images: list[Json] = attrs.field(factory=list)
    """What the repository has after the push."""
    environment: dict[str, str] = attrs.field(factory=dict)
    """Of the service's container."""
    health: Json = attrs.field(factory=dict)
    """What the load balancer's target answers to ``/health``."""
    answer: Json = attrs.field(factory=dict)
    """The result of the call that the page shows."""
    statuses: list[int] = attrs.field(factory=list)
    """Of a request without a token, and of one with a wrong one."""
    refused: Json = attrs.field(factory=dict)
    """The result of a command that the list does not have."""
    messages: list[str] = attrs.field(factory=list)
    """The lines of the log group."""
    found: dict[str, list[str]] = attrs.field(factory=dict)
    """Those that CloudWatch finds by each of ``WORDS``."""
    before: list[str] = attrs.field(factory=list)
    """The tasks of the service before the page deploys anew."""
    after: list[str] = attrs.field(factory=list)
    """And after."""
    stack_answer: Json = attrs.field(factory=dict)
    """The result of a call to the stack's service, with the stack's token."""
    stack_environment: dict[str, str] = attrs.field(factory=dict)
    """Of the stack's container."""
    both_secrets: dict[str, str] = attrs.field(factory=dict)
    """Of the container of a task that takes both keys from the secret."""
    broken: Json = attrs.field(factory=dict)
    """A task with a key that the secret does not have."""


class Walk:
    """The walk, and what came of it.

    Args:
        page: ECS.md.
        shell: Runs the commands, in a copy of the project.
        hosts: The file in which names are looked up.
        filled_in: What to write for each placeholder of the page.

    Attributes:
        done: The commands that were run.
        seen: What was seen on the way.
    """

    def __init__(
        self, page: Page, shell: Shell, hosts: Path, filled_in: dict[str, str]
    ) -> None:
        self._page = page
        self._shell = shell
        self._hosts = hosts
        self._filled_in = {**DIFFERENT, **filled_in}
        self.done: list[Done] = []
        self.seen = Seen()

    def go(self) -> None:
        """Run every command of the page; stops at the first that fails."""
        after = {
            "Step 1: Build and Push Image": self._look_at_the_repository,
            "Step 3: Create ECS Resources": self._find_the_host,
            "Step 4: Check It": self._look_at_the_service,
            "Updates": self._wait_for_the_deployment,
            "One Stack for All of It": self._look_at_the_stack,
            "Scale-in Protection": self._start_variants,
        }
        for heading in self._page.headings:
            for block in self._page.section(heading).blocks("bash"):
                for command in commands_of(block):
                    self._run(heading, command)
            after.get(heading, lambda: None)()

    def output_of(self, text: str) -> str:
        """What the first command wrote that has this text in it."""
        return next(one.output for one in self.done if text in one.text)

    def _run(self, heading: str, command: str) -> None:
        for written, meant in self._filled_in.items():
            command = command.replace(written, meant)
        done = self._shell.run(heading, command, MCP_AUTH_TOKEN=TOKEN)
        self.done.append(done)
        assert done.status == 0, f"{heading}: {command}\n{done.errors}"

    # --- looking ---------------------------------------------------------------------

    def _look_at_the_repository(self) -> None:
        answer = aws("ecr").describe_images(repositoryName="go-mcp-commander")
        self.seen.images = answer["imageDetails"]

    def _find_the_host(self) -> None:
        (balancer,) = aws("elbv2").describe_load_balancers()["LoadBalancers"]
        self._filled_in["YOUR_HOST"] = self._name(balancer["DNSName"])
        # To the local AWS every target is healthy at once, also one that just starts.
        until(lambda: health_of("mcp-servers") == 200, "the service answers")

    def _name(self, host: str) -> str:
        """Make the name of a load balancer lead to this machine."""
        with self._hosts.open("a", encoding="utf-8") as hosts:
            hosts.write(f"127.0.0.1 {host}\n")
        return host

    def _look_at_the_service(self) -> None:
        seen, host = self.seen, self._filled_in["YOUR_HOST"]
        seen.health = json.loads(self.output_of("/_alb/mcp-servers/health"))
        answer = json.loads(self.output_of("tools/call"))
        assert "result" in answer, answer
        seen.answer = answer["result"]["structuredContent"]
        seen.statuses = [status_of(host, None), status_of(host, "wrong")]
        seen.refused = call(host, TOKEN, "mkfs /dev/sda")
        seen.before = tasks.running()
        seen.environment = environment_of(*seen.before)
        until(
            lambda: logged(GROUP, "CMD_REFUSED"), "the last line has reached the group"
        )
        seen.messages = logged(GROUP)
        seen.found = {word: logged(GROUP, word) for word in WORDS}

    def _wait_for_the_deployment(self) -> None:
        def replaced() -> bool:
            self.seen.after = tasks.running()
            return len(self.seen.after) == 1 and self.seen.after != self.seen.before

        until(replaced, "a new task is there in place of the old one")

    def _look_at_the_stack(self) -> None:
        lines = self.output_of("describe-stacks").strip().splitlines()
        outputs = dict(line.split("\t") for line in lines)
        host = self._name(outputs["Address"])
        token = json.loads(self.output_of("get-secret-value"))["MCP_AUTH_TOKEN"]
        until(lambda: status_of(host, token) == 200, "the stack's service answers")
        self.seen.stack_answer = call(host, token, "pwd")
        self.seen.stack_environment = environment_of(*tasks.running(STACK))

    def _start_variants(self) -> None:
        path = self._shell.directory / "ecs" / "ecs-task-definition.json"
        task = json.loads(path.read_text(encoding="utf-8"))
        subnet = self._filled_in["subnet-xxx"]
        both = tasks.start(tasks.with_both_secrets(task), subnet)
        self.seen.both_secrets = environment_of(both)
        broken = tasks.start(tasks.with_a_wrong_key(task), subnet)
        self.seen.broken = tasks.described(broken)
