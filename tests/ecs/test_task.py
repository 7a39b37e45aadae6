"""The task definition as it is shipped, in a container that is run by its words."""

from __future__ import annotations

import contextlib
import http.client
import json
import secrets
import time
from collections.abc import Iterator
from typing import Any, Final

import attrs
import pytest

from tests.ecs.client import podman, until
from tests.ecs.local_task import ResourceInitializationError, podman_arguments
from tests.ecs.tasks import (
    with_a_wrong_key,
    with_both_secrets,
    with_terminals,
    without_the_spool,
)

pytestmark = pytest.mark.ecs
guide = pytest.mark.guide
table = pytest.mark.table

Json = dict[str, Any]

IMAGE: Final = "localhost/commander:test"
SECRET: Final = {
    "MCP_AUTH_TOKEN": secrets.token_urlsafe(),
    "MCP_ALLOWED_COMMANDS": "ls,cat,grep,find,echo,pwd,whoami",
}
SPOOL: Final = "/var/spool/commander"
PRINT_MUCH: Final = "grep -r --include=*.py . /opt/commander/lib"
KEPT_BYTES: Final = 1024 * 1024
"""What the server keeps in memory of each stream."""
MACHINE: Final = ("--ulimit=nproc=4096:4096",)
"""A root without CAP_SYS_RESOURCE can give no more; ECS on Fargate sets none."""


@attrs.frozen
class Task:
    """A container that runs."""

    name: str
    address: str

    def is_healthy(self) -> bool:
        """Whether ``/health`` answers 200."""
        with contextlib.suppress(OSError):
            return self._ask("GET", "/health", "")[0] == 200
        return False

    def run(self, command: str) -> Json:
        """What a command gives."""
        return self.call("execute_command", command=command)

    def call(self, tool: str, /, **arguments: object) -> Json:
        """What a tool answers."""
        params = {"name": tool, "arguments": arguments}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        _, answer = self._ask("POST", "/mcp", json.dumps(message))
        facts: Json = json.loads(answer)["result"]["structuredContent"]
        return facts

    def _ask(self, method: str, path: str, body: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.address, 3000, timeout=60)
        headers = {
            "Authorization": f"Bearer {SECRET['MCP_AUTH_TOKEN']}",
            "Content-Type": "application/json",
        }
        with contextlib.closing(connection):
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.read()


@contextlib.contextmanager
def started(definition: Json, *options: str) -> Iterator[Task]:
    """A container of a task definition; its volumes go with it."""
    name = f"task-{secrets.token_hex(4)}"
    run, *words = podman_arguments(definition, name=name, image=IMAGE, secrets=SECRET)
    try:
        podman(run, *MACHINE, *options, *words)
        (facts,) = json.loads(podman("inspect", name).stdout)
        task = Task(name, facts["NetworkSettings"]["IPAddress"])
        until(task.is_healthy, "/health answers")
        yield task
    finally:
        podman("rm", "--force", "--time=0", "--volumes", name)


@pytest.fixture(scope="module")
def running(task: Json) -> Iterator[Task]:
    with started(task) as found:
        yield found


@pytest.fixture(scope="module")
def status(running: Task) -> dict[str, str]:
    """What the kernel says of a command."""
    text = running.run("cat /proc/self/status")["stdout"]
    return dict(line.split(":\t", 1) for line in text.splitlines())


@table("Task Definition Example", "user", "capabilities, drop: ALL")
def test_commands_have_the_user_of_the_definition_and_no_privilege(
    status: dict[str, str],
) -> None:
    assert set(status["Uid"].split()) == {"10001"}
    assert set(status["Gid"].split()) == {"10001"}
    assert {int(status[name], 16) for name in ("CapPrm", "CapEff", "CapBnd")} == {0}


@guide("G-089")
@table("Task Definition Example", "readonlyRootFilesystem")
@table("Security Best Practices", "Read-Only FS")
def test_the_root_file_system_is_read_only(running: Task) -> None:
    mounts = running.run("cat /proc/self/mounts")["stdout"].splitlines()
    (root,) = (line.split() for line in mounts if line.split()[1] == "/")
    assert "ro" in root[3].split(",")


@table("Task Definition Example", "volumes, mountPoints: /tmp")
def test_commands_can_write_into_the_volume_and_nowhere_else(running: Task) -> None:
    assert running.run("echo kept >/tmp/file && cat /tmp/file")["stdout"] == "kept\n"
    assert running.run("ls -ld /tmp")["stdout"].startswith("drwxrwxrwt")
    done = running.run("echo lost >file")
    assert (done["exit_code"], done["stdout"]) != (0, "")
    assert "Read-only file system" in done["stderr"]


@table("Task Definition Example", "volumes, mountPoints: /var/spool/commander")
def test_the_whole_output_of_a_job_is_kept_on_its_volume(running: Task) -> None:
    started = running.call("start_command", command=PRINT_MUCH, wait_seconds=50)
    assert started["status"] == "exited", started
    assert started["stdout_bytes"] > 2 * KEPT_BYTES
    handle = started["job_id"]
    read = running.call("read_output", job_id=handle, cursor=KEPT_BYTES)
    assert "evicted_bytes" not in read
    assert "spool_problem" not in read
    mounts = running.run("cat /proc/self/mounts")["stdout"].splitlines()
    (mount,) = (line for line in mounts if f" {SPOOL} " in line)
    assert "tmpfs" not in mount
    assert running.run(f"ls -ld {SPOOL}")["stdout"].startswith("drwxrwxrwt")


@table("Troubleshooting", "Output is missing")
def test_without_the_volume_the_task_runs_and_says_what_is_missing(task: Json) -> None:
    with started(without_the_spool(task), "--image-volume=ignore") as found:
        assert found.run("pwd")["stdout"] == "/work\n"
        lines = podman("logs", found.name).stdout.splitlines()
    (missing,) = (line for line in lines if "spool_missing" in line)
    assert f"{SPOOL}/output" in json.loads(missing)["reason"]


def test_a_job_that_waits_for_input_is_seen_and_answered(running: Task) -> None:
    waiting = running.call(
        "start_command", command="cat", keep_stdin_open=True, wait_seconds=20
    )
    assert waiting["status"] == "waiting_for_input"
    answered = running.call(
        "send_input", job_id=waiting["job_id"], text="typed", eof=True, wait_seconds=20
    )
    assert (answered["status"], answered["output"]) == ("exited", "typed")


def test_terminals_are_for_a_task_that_asks_for_them(running: Task, task: Json) -> None:
    with_terminal = {"command": "ls -l /proc/self/fd/0", "tty": True}
    assert running.call("start_command", **with_terminal)["status"] == "denied"
    with started(with_terminals(task)) as found:
        done = found.call("start_command", wait_seconds=20, **with_terminal)
    assert "/dev/pts/" in done["output"]


@table("Task Definition Example", "ulimits")
def test_the_limits_are_those_of_the_definition(running: Task, task: Json) -> None:
    (container,) = task["containerDefinitions"]
    (limit,) = container["ulimits"]
    # Process 1 is the server; it cannot be looked into, a command inherits from it.
    text = running.run("grep files /proc/self/limits")["stdout"]
    assert text.split()[3:5] == [str(limit["softLimit"]), str(limit["hardLimit"])]


@guide("G-058", "G-059")
def test_processor_and_memory_are_those_of_the_definition(running: Task) -> None:
    (facts,) = json.loads(podman("inspect", running.name).stdout)
    assert facts["HostConfig"]["NanoCpus"] == 250_000_000
    assert facts["HostConfig"]["Memory"] == 512 * 1024 * 1024


@table("Task Definition Example", "initProcessEnabled: false")
def test_no_process_shows_the_token(running: Task) -> None:
    answer = running.run("cat /proc/1/environ /proc/self/environ")
    assert SECRET["MCP_AUTH_TOKEN"] not in answer["stdout"]
    first = running.run("cat /proc/1/comm")["stdout"]
    assert "init" not in first


@guide("G-072")
@table("Task Definition Example", "healthCheck")
def test_the_health_check_of_the_definition_finds_it_healthy(running: Task) -> None:
    assert podman("healthcheck", "run", running.name).returncode == 0
    (facts,) = json.loads(podman("inspect", running.name).stdout)
    assert facts["State"]["Health"]["Status"] == "healthy"


@guide("G-041", "G-065", "G-084")
def test_the_list_of_the_definition_is_in_force(running: Task) -> None:
    assert running.run("find /")["status"] == "denied"
    assert running.run("pwd")["stdout"] == "/work\n"


@guide("G-029")
def test_with_both_keys_the_list_of_the_secret_is(task: Json) -> None:
    with started(with_both_secrets(task)) as found:
        assert found.run("whoami")["stdout"] == "commander\n"
        assert found.run("dd if=x")["status"] == "denied"


@table("Task Definition Example", "stopTimeout: 30")
def test_it_ends_by_itself_within_the_stop_timeout(task: Json) -> None:
    with started(task) as found:
        podman("stop", found.name)
        # 137 is what a KILL at the end of the stop timeout would give.
        status = int(podman("wait", found.name).stdout)
        lines = podman("logs", found.name).stdout.splitlines()
    assert status != 137
    assert json.loads(lines[-1])["event"] == "server_stopped"


def test_a_job_is_ended_within_the_stop_timeout_and_its_end_is_in_the_log(
    task: Json,
) -> None:
    (container,) = task["containerDefinitions"]
    with started(task) as found:
        found.call("start_command", command="cat", keep_stdin_open=True, wait_seconds=0)
        began = time.monotonic()
        podman("stop", found.name)
        seconds = time.monotonic() - began
        lines = podman("logs", found.name).stdout.splitlines()
    (ended,) = (json.loads(line) for line in lines if "CMD_EXEC" in line)
    assert ended["ended_by"] == "server_shutdown"
    assert json.loads(lines[-1])["event"] == "server_stopped"
    assert seconds < container["stopTimeout"]


# --- the translation ---------------------------------------------------------------


def test_a_key_that_the_secret_lacks_is_told_as_ecs_does(task: Json) -> None:
    with pytest.raises(ResourceInitializationError, match="NO_SUCH_KEY"):
        podman_arguments(with_a_wrong_key(task), name="x", image=IMAGE, secrets=SECRET)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("privileged", True),
        ("linuxParameters", {"tmpfs": []}),
        ("healthCheck", {"command": ["CMD-SHELL", "true"]}),
        ("mountPoints", [{"sourceVolume": "no", "containerPath": "/x"}]),
    ],
)
def test_what_it_does_not_know_is_never_passed_over(
    member: str, value: object, task: Json
) -> None:
    (container,) = task["containerDefinitions"]
    changed = {**task, "containerDefinitions": [{**container, member: value}]}
    with pytest.raises(NotImplementedError):
        podman_arguments(changed, name="x", image=IMAGE, secrets=SECRET)
