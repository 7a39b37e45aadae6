"""Ending real processes of a server that is over.

The server and its world are made up, so that no other process of the machine can
belong to them.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import attrs
import pytest

from commander.execution.owners import Owner, this_process
from commander.execution.strays import Strays, Swept
from commander.execution.tree import ProcFiles

pytestmark = pytest.mark.process

PATIENCE_SECONDS = 30.0
HOPPER = (
    "import os, signal, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "end = time.monotonic() + 60\n"
    "while time.monotonic() < end:\n"
    "    if os.fork():\n"
    "        os._exit(0)\n"
    "    os.setsid()\n"
    "    time.sleep(0.02)\n"
)
"""Leaves its process every 20 ms, for a minute at most."""


@attrs.frozen
class World:
    """Servers and processes that know nothing of those outside."""

    name: str
    processes: list[subprocess.Popen[bytes]] = attrs.field(factory=list)

    @property
    def gone(self) -> Owner:
        """A server that is over."""
        return Owner(9_000_000, 1, self.name)

    @property
    def own(self) -> Owner:
        """This process as a server of this world."""
        real = this_process()
        assert real is not None
        return attrs.evolve(real, world=self.name)

    def start(self, *command: str, owner: Owner | None = None) -> int:
        """A process in a session of its own; its id."""
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={
                "PATH": os.environ["PATH"],
                "COMMANDER_SERVER": str(owner or self.gone),
            },
        )
        self.processes.append(process)
        return process.pid

    def sweep(self) -> Swept:
        return Strays(self.own).end()

    def pids(self) -> set[int]:
        """Everybody of this world who lives, whatever the owner."""
        files = ProcFiles()
        listed = [int(name) for name in os.listdir("/proc") if name.isdecimal()]
        found = set()
        for pid in listed:
            text = files.variable(pid, b"COMMANDER_SERVER") or b""
            if text.endswith(self.name.encode()):
                found.add(pid)
        return found

    def names(self, pids: set[int]) -> list[str]:
        processes = map(ProcFiles().process, pids)
        return sorted(each.name for each in processes if each is not None)

    def until(self, true: Callable[[set[int]], bool]) -> None:
        """Wait until something is true of those who live."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not true(self.pids()):
            assert time.monotonic() < deadline
            time.sleep(0.01)


@pytest.fixture
def world() -> Iterator[World]:
    world = World(f"test{secrets.token_hex(8)}")
    yield world
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (left := world.pids()) and time.monotonic() < deadline:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    for process in world.processes:
        process.wait(PATIENCE_SECONDS)


def test_strays_are_ended_and_what_has_a_server_is_not(world: World) -> None:
    world.start("sleep", "97")
    world.start("sh", "-c", "sleep 97 & (setsid sleep 97 &); sleep 97")
    innocent = world.start("sleep", "97", owner=world.own)
    elsewhere = Owner(9_000_000, 1, f"another{world.name}")
    foreign = world.start("sleep", "97", owner=elsewhere)
    world.until(lambda pids: world.names(pids) == ["sh"] + ["sleep"] * 6)
    swept = world.sweep()
    assert (swept.ended, swept.left, swept.finished) == (5, 0, True)
    assert set(swept.names) == {"sleep", "sh"}
    assert world.pids() == {innocent, foreign}


def test_who_ignores_term_or_is_stopped_is_ended(world: World) -> None:
    world.start("sh", "-c", "trap '' TERM HUP INT; while :; do sleep 1; done")
    stopped = world.start("sleep", "97")
    world.until(lambda pids: len(pids) >= 3)
    os.kill(stopped, signal.SIGSTOP)
    swept = world.sweep()
    assert swept.ended >= 3
    assert swept.left == 0
    assert world.pids() == set()


def test_who_leaves_its_process_again_and_again_is_ended(world: World) -> None:
    world.start(sys.executable, "-I", "-S", "-c", HOPPER)
    world.until(lambda pids: world.processes[0].pid not in pids and bool(pids))
    world.sweep()
    world.until(lambda pids: not pids)


def test_a_sweep_leaves_no_descriptor(world: World) -> None:
    world.start("sleep", "97")
    before = sorted(os.listdir("/proc/self/fd"))
    assert world.sweep().ended == 1
    assert sorted(os.listdir("/proc/self/fd")) == before
