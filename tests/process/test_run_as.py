"""What a command that runs as another user can do to the server: nothing.

A hardened process with a secret stands for the server. Needs root.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs
import psutil
import pytest

from commander.execution.limits import CommandLimits, ResourceLimit, resource_limits
from commander.execution.run_as import RunAs, find_run_as
from commander.execution.tags import read_marks

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become other users"),
]

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 30
UID, GID = 61234, 61235
"""Of nobody, so that nobody else's processes count."""
SECRET = "correct-horse-battery-staple"
SERVER = """
import os, sys
from commander.execution.hardening import harden
assert not harden().missing
secret = os.environ["SECRET"]
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def server() -> Iterator[subprocess.Popen[str]]:
    """A process that has what a server has to protect."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={
            "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
            "SECRET": SECRET,
        },
        text=True,
    ) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        yield server
        assert server.poll() is None


@pytest.fixture(scope="module")
def other() -> RunAs:
    return find_run_as(f"{UID}:{GID}")


@attrs.frozen
class Ended:
    status: int
    stdout: str


def run(
    other: RunAs,
    script: str,
    *words: str,
    env: Mapping[str, str] | None = None,
    limits: tuple[ResourceLimit, ...] = (),
    tag: int = 10**6,
) -> Ended:
    """A script of the other user to its end; standard error goes with the output."""
    arguments, variables = other.start(
        ("/bin/sh", "-c", script, "sh", *words), env=env or {}, tag=tag, limits=limits
    )
    done = subprocess.run(
        arguments,
        env={"PATH": os.environ["PATH"], **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/",
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    return Ended(done.returncode, done.stdout)


# --- against the server --------------------------------------------------------


@pytest.mark.parametrize("number", ["0", "TERM", "KILL", "STOP", "HUP"])
def test_it_cannot_signal_the_server(
    server: subprocess.Popen[str], other: RunAs, number: str
) -> None:
    ended = run(other, 'kill -s "$1" "$2"', number, str(server.pid))
    assert ended.status != 0
    assert "not permitted" in ended.stdout
    assert psutil.Process(server.pid).status() == psutil.STATUS_SLEEPING


@pytest.mark.parametrize(
    "file",
    [
        "environ",
        "mem",
        "maps",
        "auxv",
        "stack",
        "syscall",
        "io",
        "cwd/",
        "root/",
        "fd/",
        "fd/0",
        "fdinfo/",
        "ns/",
        "map_files/",
        "task/{pid}/environ",
        "task/{pid}/mem",
        "task/{pid}/fd/",
    ],
)
def test_it_cannot_read_the_server(
    server: subprocess.Popen[str], other: RunAs, file: str
) -> None:
    path = f"/proc/{server.pid}/{file.format(pid=server.pid)}"
    look = "ls" if path.endswith("/") else "cat"
    ended = run(other, f"{look} {path}")
    assert ended.status != 0
    assert "ermi" in ended.stdout  # Permission denied, Operation not permitted
    assert SECRET not in ended.stdout


@pytest.mark.parametrize(
    "file", ["oom_score_adj", "coredump_filter", "comm", "clear_refs"]
)
def test_it_cannot_change_the_server(
    server: subprocess.Popen[str], other: RunAs, file: str
) -> None:
    ended = run(other, f"echo 1 >/proc/{server.pid}/{file}")
    assert ended.status != 0
    assert "Permission denied" in ended.stdout


def test_it_cannot_change_its_limits_or_priority(
    server: subprocess.Popen[str], other: RunAs
) -> None:
    for change in ("prlimit --nofile=1:1 --pid", "renice 19 -p", "chrt -i -p 0"):
        ended = run(other, f"{change} {server.pid}")
        assert ended.status != 0, change
        assert "ermi" in ended.stdout, change


def test_no_tracer_gets_hold_of_the_server(
    server: subprocess.Popen[str], other: RunAs
) -> None:
    # PTRACE_ATTACH is 16, PTRACE_SEIZE 0x4206; perl and gdb need not be here.
    program = (
        "import ctypes, os, sys; libc = ctypes.CDLL(None, use_errno=True)\n"
        "for request in 16, 0x4206:\n"
        "    print(libc.ptrace(request, int(sys.argv[1]), 0, 0), ctypes.get_errno())"
    )
    python = Path("/usr/bin/python3")
    if not python.exists():
        pytest.skip("no interpreter that other users can run")
    ended = run(other, f"{python} -I -S -c '{program}' {server.pid}")
    assert ended.stdout.splitlines() == ["-1 1", "-1 1"]


def test_it_cannot_get_the_servers_rights_back(other: RunAs) -> None:
    ended = run(
        other, "grep -E '^(Uid|Gid|Groups|Cap(Inh|Prm|Eff|Amb))' /proc/$$/status"
    )
    facts = dict(line.split(":", 1) for line in ended.stdout.splitlines())
    assert set(facts.pop("Uid").split()) == {str(UID)}
    assert set(facts.pop("Gid").split()) == {str(GID)}
    assert set(facts.pop("Groups").split()) == {str(GID)}
    assert {int(value, 16) for value in facts.values()} == {0}


def test_a_callers_library_is_not_loaded_while_it_has_them(
    other: RunAs, tmp_path: Path
) -> None:
    """The loader complains of each program that it was to load the library into."""
    library = tmp_path / "none.so"
    ended = run(other, "true", env={"LD_PRELOAD": str(library)})
    once = run(other, f"LD_PRELOAD={library} /bin/sh -c true")
    assert ended.stdout.count(library.name) == once.stdout.count(library.name)


# --- for the server ------------------------------------------------------------


def test_it_is_bound_and_tagged_before_it_begins(other: RunAs) -> None:
    limits = resource_limits(CommandLimits(files=40, file_bytes=10_240))
    ended = run(
        other,
        "ulimit -n; ulimit -Hn; grep locks /proc/$$/limits",
        limits=limits,
        tag=123_456_789,
    )
    assert ended.stdout.split()[:2] == ["40", "40"]
    assert ended.stdout.split()[-3:] == ["123456789", "123456789", "locks"]


def test_its_tag_can_be_read_and_it_can_be_killed(other: RunAs) -> None:
    script = ("/bin/sh", "-c", "echo ready; exec sleep 60")
    arguments, _ = other.start(script, env={}, tag=123_456_789)
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        assert psutil.Process(process.pid).uids().real == UID
        assert read_marks(process.pid) == (123_456_789, 123_456_789)
        os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL


def test_the_kernel_counts_the_processes_of_the_user(other: RunAs) -> None:
    limits = resource_limits(CommandLimits(processes=5), with_processes=True)
    bomb = "i=0; while [ $i -lt 20 ]; do sleep 0.2 & i=$((i+1)); done; echo all"
    ended = run(other, bomb, limits=limits)
    assert ended.status != 0
    assert "all" not in ended.stdout
    assert "fork" in ended.stdout


def test_its_home_and_name_are_those_of_the_machine() -> None:
    user = find_run_as("nobody").user
    assert user.environment["USER"] == user.environment["LOGNAME"] == "nobody"
    assert user.environment["HOME"].startswith("/")
