"""No command finds the token of the server that runs it.

The real server is started as an ordinary user, and as root with the capabilities that
a container has by default. Beside it runs a process with the same rights that does
not defend itself: what its commands find there shows that they look well enough.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import socket
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import psutil
import pytest

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
TWIST = Path(sysconfig.get_path("scripts"), "twist")
PATIENCE_SECONDS = 30
ORDINARY_UID = 61236
DOCKER_CAPABILITIES = (
    "+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,"
    "+net_bind_service,+net_raw,+sys_chroot,+mknod,+audit_write,+setfcap"
)
# An ordinary user who may read every file, for the interpreter may be in a home of
# root's. So it has more rights than need be, and its commands have them too.
ORDINARY = (
    *("setpriv", f"--reuid={ORDINARY_UID}", f"--regid={ORDINARY_UID}"),
    *("--clear-groups", "--inh-caps=+dac_read_search"),
    "--ambient-caps=+dac_read_search",
)
CONTAINER_ROOT = ("setpriv", f"--bounding-set=-all,{DOCKER_CAPABILITIES}")
USERS = {
    "ordinary user": ORDINARY if os.geteuid() == 0 else (),
    "root of a container": CONTAINER_ROOT,
}


@attrs.frozen(kw_only=True)
class Server:
    """A server, its secret, and a process of its kind that keeps none."""

    pid: int
    port: int
    token: str
    home: Path
    careless_pid: int
    careless_token: str

    def run(self, command: str) -> str:
        """Standard output of a command."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=PATIENCE_SECONDS
        )
        arguments = {"command": command}
        params = {"name": "execute_command", "arguments": arguments}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            "Accept": "application/json",
        }
        with contextlib.closing(connection):
            connection.request("POST", "/mcp", json.dumps(message).encode(), headers)
            answer: Any = json.loads(connection.getresponse().read())
        facts = answer["result"]["structuredContent"]
        assert facts.get("exit_code") is not None, facts
        output: str = facts["stdout"]
        return output

    def collect(self, command: str) -> bytes:
        """What a command writes into a file, whatever its status and its length."""
        self.run(f"({command}) >'{self.home}/found' 2>&1; :")
        return (self.home / "found").read_bytes()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.02)
    pytest.fail(f"the server does not listen: {process.poll()}")


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """Not below pytest's own, which is closed to other users."""
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


@pytest.fixture(scope="module", params=USERS)
def server(request: pytest.FixtureRequest, directory: Path) -> Iterator[Server]:
    if request.param == "root of a container" and os.geteuid() != 0:
        pytest.skip("only root can start a server as root")
    prefix = USERS[request.param]
    home = Path(tempfile.mkdtemp(dir=directory))
    if prefix is ORDINARY:
        directory.chmod(0o755)
        os.chown(home, ORDINARY_UID, ORDINARY_UID)
    port, token, careless_token = free_port(), secrets.token_hex(), secrets.token_hex()
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(home)}
    with (
        open(home / "log", "wb") as log,
        subprocess.Popen(
            [*prefix, TWIST, "commander", "--port", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=home,
            env={**env, "MCP_AUTH_TOKEN": token},
        ) as process,
        subprocess.Popen(
            [*prefix, "cat"],
            stdin=subprocess.PIPE,
            env={**env, "MCP_AUTH_TOKEN": careless_token},
        ) as careless,
    ):
        try:
            wait_for(port, process)
            yield Server(
                pid=process.pid,
                port=port,
                token=token,
                home=home,
                careless_pid=careless.pid,
                careless_token=careless_token,
            )
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)


def test_a_commands_own_environment_holds_none(server: Server) -> None:
    found = server.collect("env; set; export -p; cat /proc/self/environ")
    assert b"COMMANDER_RUN" in found
    assert server.token.encode() not in found
    assert b"MCP_AUTH_TOKEN" not in found


def test_no_environment_of_any_process_holds_it(server: Server) -> None:
    found = server.collect("cat /proc/[0-9]*/environ /proc/[0-9]*/task/*/environ")
    assert server.careless_token.encode() in found
    assert server.token.encode() not in found


def test_no_command_line_holds_it(server: Server) -> None:
    found = server.collect("cat /proc/[0-9]*/cmdline")
    assert b"twist" in found
    assert server.token.encode() not in found


@pytest.mark.parametrize(
    "file", ["environ", "mem", "maps", "auxv", "fd/0", "task/{pid}/environ"]
)
def test_what_the_kernel_shows_of_the_server_is_closed(
    server: Server, file: str
) -> None:
    def look(pid: int) -> bytes:
        path = f"/proc/{pid}/{file.format(pid=pid)}"
        # To open it is enough; there is nothing to read at the beginning of a memory.
        return server.collect(f"exec 3<{path} && echo open")

    if file != "fd/0":  # a pipe, which cannot be opened for reading without waiting
        assert look(server.careless_pid) == b"open\n"
    assert b"ermi" in look(server.pid)


def test_its_descriptors_are_closed(server: Server) -> None:
    assert b"pipe" in server.collect(f"ls -l /proc/{server.careless_pid}/fd")
    found = server.collect(f"ls -l /proc/{server.pid}/fd /proc/{server.pid}/map_files")
    # Some users may list the numbers, but nobody sees what is behind them.
    assert found.count(b"ermi") >= 2
    assert b"->" not in found


def test_no_descriptor_of_the_server_is_inherited(server: Server) -> None:
    links = server.run("for f in /proc/$$/fd/*; do readlink $f; done").split()
    assert links[0] == "/dev/null"
    assert [link.partition(":")[0] for link in links[1:3]] == ["pipe", "pipe"]
    assert len(links) == 3


def test_commands_of_all_threads_get_no_new_privileges(server: Server) -> None:
    # At the same time, so that no thread is left out.
    look = "grep NoNewPrivs /proc/self/status; sleep 0.2"
    with ThreadPoolExecutor(12) as pool:
        said = list(pool.map(server.run, [look] * 12))
    assert said == ["NoNewPrivs:\t1\n"] * 12
    status = Path(f"/proc/{server.pid}/task")
    facts = [(task / "status").read_text() for task in status.iterdir()]
    assert len(facts) > 1
    assert all("NoNewPrivs:\t1\n" in fact for fact in facts)


def test_a_command_goes_before_the_server_when_memory_runs_out(
    server: Server,
) -> None:
    own = int(Path(f"/proc/{server.pid}/oom_score_adj").read_text())
    # Later than it is set, whatever else the machine has to do.
    said = server.run("sleep 1; cat /proc/self/oom_score_adj")
    assert int(said) == min(1000, own + 500)


def test_the_server_still_runs_with_the_rights_it_was_given(server: Server) -> None:
    """So that the tests above were about what they say."""
    process = psutil.Process(server.pid)
    careless = psutil.Process(server.careless_pid)
    assert process.uids() == careless.uids()
    mine = Path(f"/proc/{server.pid}/status").read_text()
    others = Path(f"/proc/{server.careless_pid}/status").read_text()
    for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert (
            mine.split(f"{name}:")[1].split()[0]
            == (others.split(f"{name}:")[1].split()[0])
        )
