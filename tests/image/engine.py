"""podman, and the containers that it runs."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
from typing import Any, Final

import attrs
import psutil

PATIENCE_SECONDS: Final = 60.0
"""Longest wait for anything but the end of a container."""
STOP_SECONDS: Final = 30
"""What ECS gives a container between TERM and KILL."""
ENGINE: Final = (
    # The network of this machine: it needs neither a firewall nor a bridge.
    *("--network", "host"),
    # There may be no systemd to time them; a test asks for one.
    "--health-interval=disable",
    *("--stop-timeout", str(STOP_SECONDS)),
)
"""What every container gets."""
HARDENED: Final = (
    *("--read-only", "--read-only-tmpfs=false"),
    *("--tmpfs", "/tmp:rw,size=64m,mode=1777"),
    *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
    *("--pids-limit", "256", "--memory", "512m", "--cpus", "0.5"),
)
"""As ``docs/image.md`` tells operators."""

Json = dict[str, Any]


def podman(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run podman; what it writes itself on standard error is not to be relied on."""
    done = subprocess.run(
        ["podman", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 or not check, done.stderr
    return done


@attrs.frozen(kw_only=True)
class Container:
    """A container that runs, or has run."""

    name: str
    port: int
    token: str | None

    def inspect(self) -> Json:
        (facts,) = json.loads(
            podman("inspect", "--type", "container", self.name).stdout
        )
        found: Json = facts
        return found

    def exec(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a program in it, beside the server."""
        return podman("exec", self.name, *words, check=False)

    def check_health(self) -> subprocess.CompletedProcess[str]:
        """Run the image's own health check, as the engine does now and then."""
        return podman("healthcheck", "run", self.name, check=False)

    def logs(self) -> subprocess.CompletedProcess[str]:
        """What it wrote so far, by stream."""
        return podman("logs", self.name)

    def records(self, event: str | None = None) -> list[Json]:
        """The records on its standard output, or those of one event."""
        # A line that is being written has no newline yet.
        lines = self.logs().stdout.rpartition("\n")[0].splitlines()
        records: list[Json] = [json.loads(line) for line in lines]
        return [one for one in records if event in (None, one["event"])]

    def wait(self) -> int:
        """Its exit status, once it has ended."""
        return int(podman("wait", self.name).stdout)

    def stop(self) -> int:
        """Send TERM, and KILL after ``STOP_SECONDS``; gives the exit status."""
        podman("stop", self.name)
        return self.wait()

    def processes(self) -> list[psutil.Process]:
        """Its process 1, as this machine sees it, and all others in it."""
        first = psutil.Process(self.inspect()["State"]["Pid"])
        return [first, *first.children(recursive=True)]

    def is_healthy(self) -> bool:
        """Whether ``/health`` answers 200."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with (
            contextlib.closing(connection),
            contextlib.suppress(OSError, http.client.HTTPException),
        ):
            connection.request("GET", "/health")
            return connection.getresponse().status == http.client.OK
        return False

    def run(self, command: str, **arguments: object) -> Json:
        """Run a command through the server; gives the structured result."""
        return self.call("execute_command", command=command, **arguments)

    def call(self, tool: str, /, **arguments: object) -> Json:
        """Call a tool of the server; gives the structured result."""
        message = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": tool, "arguments": arguments},
        }
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            "Accept": "application/json",  # or a long call is answered by a stream
        }
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=PATIENCE_SECONDS
        )
        with contextlib.closing(connection):
            connection.request("POST", "/mcp", json.dumps(message), headers)
            answer = json.loads(connection.getresponse().read())
        facts: Json = answer["result"]["structuredContent"]
        return facts
