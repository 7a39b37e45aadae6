"""Who is a stray, and how it is ended: on a machine that is a directory."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from pathlib import Path

import attrs
import pytest
from twisted.internet.task import Clock

from commander.commands import Survivor
from commander.execution import strays as strays_module
from commander.execution.owners import Owner
from commander.execution.strays import (
    ENVIRONMENT_BYTES,
    NAMES_AT_MOST,
    SWEEP_SECONDS,
    TERM_SECONDS,
    Strays,
    Swept,
    end_strays,
)
from commander.execution.tree import Process
from commander.testing.machine import MemoryMachine

WORLD = "boot.1.2"
OWN = Owner(os.getpid(), 500, WORLD)
GONE = Owner(9_000_000, 100, WORLD)
"""No process has such a high id."""
TERM, KILL, CONT = signal.SIGTERM, signal.SIGKILL, signal.SIGCONT


class Machine(MemoryMachine):
    """A directory that looks like /proc, and the signals to its processes."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root
        self.clock = Clock()
        self.sent: list[tuple[int, int]] = []
        self.ignores: set[int] = set()
        self.stuck: set[int] = set()
        self.add(OWN.pid, started=OWN.started, parent=50)

    def add(
        self,
        pid: int,
        owner: object = None,
        *,
        environ: bytes | None = None,
        name: str = "sleep",
        state: str = "S",
        started: int = 600,
        parent: int = 1,
        namespace: str = "1",
    ) -> None:
        """A process; with an owner, if it has one."""
        folder = self.root / str(pid)
        (folder / "ns").mkdir(parents=True)
        (folder / "ns/pid").symlink_to(f"pid:[{namespace}]")
        stat = f"{pid} ({name}) {state} {parent} 3 4 0 -1 {'0 ' * 11}1 0 {started}"
        (folder / "stat").write_text(stat)
        mark = b"" if owner is None else f"COMMANDER_SERVER={owner}\0".encode()
        if environ is None:
            environ = b"HOME=/\0" + mark + b"PATH=/bin\0"
        (folder / "environ").write_bytes(environ)

    def strays(self, beside: str | None = None) -> Strays:
        return Strays(
            OWN,
            beside=beside,
            monotonic=self.clock.seconds,
            pause=self.pause,
            kernel=self,
            root=str(self.root),
        )

    def pause(self, seconds: float) -> None:
        assert seconds > 0
        self.clock.advance(seconds)

    def send_checked(self, process: Process, number: int) -> bool:
        self.sent.append((process.pid, number))
        ends = number == KILL or (number == TERM and process.pid not in self.ignores)
        if ends and process.pid not in self.stuck:
            shutil.rmtree(self.root / str(process.pid), ignore_errors=True)
        return True

    @property
    def pids(self) -> set[int]:
        """Who lives, but for this process."""
        listed = {int(each.name) for each in self.root.iterdir()}
        return listed - {OWN.pid}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


# --- who is one --------------------------------------------------------------------


def test_whose_server_is_over_is_ended(machine: Machine) -> None:
    machine.add(70, GONE)
    machine.add(71, attrs.evolve(GONE, pid=9_000_001), name="cat")
    swept = machine.strays().end()
    assert swept == Swept(ended=2, names=swept.names)
    assert set(swept.names) == {"sleep", "cat"}
    assert machine.pids == set()
    assert set(machine.sent) == {(70, TERM), (70, CONT), (71, TERM), (71, CONT)}


def test_where_there_is_none_nothing_is_waited_for(machine: Machine) -> None:
    machine.add(70)
    assert machine.strays().end() == Swept()
    assert machine.clock.seconds() == 0


def test_whose_id_is_another_process_by_now_is_ended(machine: Machine) -> None:
    machine.add(70, attrs.evolve(OWN, started=OWN.started - 1))
    assert machine.strays().end().ended == 1


@pytest.mark.parametrize(
    "owner",
    [
        OWN,
        None,
        "",
        "nonsense",
        "1.2",
        f"-1.100.{WORLD}",
        attrs.evolve(GONE, world="another.1.2"),
        attrs.evolve(GONE, world="boot.2.2"),
        attrs.evolve(GONE, world=""),
        f"{GONE}.more",
        f"{GONE}\N{NO-BREAK SPACE}",
        f"{GONE}{'.' * 300}",
    ],
)
def test_who_is_anybody_elses_is_not_touched(machine: Machine, owner: object) -> None:
    machine.add(70, owner)
    assert machine.strays().end() == Swept()
    assert machine.sent == []


def test_who_has_a_living_server_is_not_touched(machine: Machine) -> None:
    """Its owner is process 1 of this machine here, which every machine has."""
    machine.add(1, started=7)
    machine.add(70, Owner(1, 7, WORLD))
    assert machine.strays().end() == Swept()


def test_who_is_in_another_container_is_not_touched(machine: Machine) -> None:
    machine.add(70, GONE, namespace="9")
    machine.add(71, GONE)
    (machine.root / "71/ns/pid").unlink()
    assert machine.strays().end() == Swept()


def test_who_is_another_users_is_not_touched_but_by_root(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.add(70, GONE)
    owner = (machine.root / "70").stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert machine.strays().end() == Swept()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert machine.strays().end().ended == 1


@pytest.mark.parametrize("state", ["Z", "X"])
def test_who_is_dead_is_no_stray(machine: Machine, state: str) -> None:
    machine.add(70, GONE, state=state)
    assert machine.strays().end() == Swept()


def test_a_mark_counts_only_as_a_variable_of_its_own(machine: Machine) -> None:
    machine.add(70, environ=f"A=COMMANDER_SERVER={GONE}\0".encode())
    machine.add(71, environ=f"X_COMMANDER_SERVER={GONE}\0".encode())
    machine.add(
        72, environ=b"A" * ENVIRONMENT_BYTES + f"\0COMMANDER_SERVER={GONE}".encode()
    )
    assert machine.strays().end() == Swept()


@pytest.mark.parametrize(
    "environ",
    [
        f"COMMANDER_SERVER={GONE}\0A=1\0",
        f"COMMANDER_SERVER={GONE}",
        f"A=1\0COMMANDER_SERVER={GONE}\0COMMANDER_SERVER={OWN}\0",
    ],
)
def test_a_mark_may_stand_anywhere(machine: Machine, environ: str) -> None:
    machine.add(70, environ=environ.encode())
    assert machine.strays().end().ended == 1


def test_what_was_read_before_does_not_count(machine: Machine) -> None:
    """A shorter environment is read into the same memory."""
    machine.add(70, environ=b"B" * 10 + f"\0COMMANDER_SERVER={GONE}\0".encode())
    machine.add(71, environ=b"A=1\0")
    machine.add(72, environ=b"")
    assert machine.strays().end().ended == 1
    assert machine.pids == {71, 72}


# --- what the server lives in ------------------------------------------------------


def test_an_ancestor_and_what_has_its_owner_is_not_touched(machine: Machine) -> None:
    """A terminal multiplexer that was a command once, and all that runs in it."""
    machine.add(50, GONE, name="bash", parent=40)
    machine.add(40, attrs.evolve(GONE, started=99), name="tmux", parent=1)
    machine.add(70, GONE, name="vim")
    machine.add(71, attrs.evolve(GONE, started=99), name="top")
    machine.add(72, attrs.evolve(GONE, started=98), name="stray")
    assert machine.strays().end().names == ("stray",)
    assert machine.pids == {40, 50, 70, 71}


def test_what_has_the_same_owner_as_this_server_is_not_touched(
    machine: Machine,
) -> None:
    machine.add(70, GONE)
    assert machine.strays(beside=str(GONE)).end() == Swept()
    assert machine.strays().end().ended == 1


def test_ancestors_that_go_in_a_circle_are_left(machine: Machine) -> None:
    """Ids can be used again between two reads."""
    machine.add(50, parent=51)
    machine.add(51, parent=50)
    assert machine.strays().end() == Swept()


# --- ending them -------------------------------------------------------------------


def test_who_ignores_term_is_killed(machine: Machine) -> None:
    machine.add(70, GONE)
    machine.ignores.add(70)
    assert machine.strays().end() == Swept(ended=1, names=("sleep",))
    assert machine.sent == [(70, TERM), (70, CONT), (70, KILL)]
    assert TERM_SECONDS <= machine.clock.seconds() < SWEEP_SECONDS


def test_what_does_not_end_is_told(machine: Machine) -> None:
    machine.add(70, GONE, name="stuck")
    machine.add(71, GONE, name="cat")
    machine.stuck.add(70)
    swept = machine.strays().end()
    assert (swept.ended, swept.names, swept.left) == (1, ("cat",), 1)
    assert swept.survivors == (Survivor(pid=70, name="stuck"),)
    assert machine.clock.seconds() == pytest.approx(SWEEP_SECONDS, abs=0.05)


def test_what_is_started_meanwhile_is_ended_too(machine: Machine) -> None:
    machine.add(70, GONE)
    original, born = machine.pause, iter(range(100, 103))

    def pause(seconds: float) -> None:
        original(seconds)
        for pid in [next(born, None)]:
            if pid is not None:
                machine.add(pid, GONE, name="child")

    machine.pause = pause  # type: ignore[method-assign]  # a fake
    assert machine.strays().end() == Swept(ended=4, names=("sleep", "child"))


def test_who_takes_its_mark_off_and_lives_is_not_called_ended(
    machine: Machine,
) -> None:
    machine.add(70, GONE)
    machine.ignores.add(70)
    original = machine.pause

    def pause(seconds: float) -> None:
        original(seconds)
        (machine.root / "70/environ").write_bytes(b"")

    machine.pause = pause  # type: ignore[method-assign]  # a fake
    swept = machine.strays().end()
    assert (swept.ended, swept.left) == (0, 1)


def test_who_changes_between_two_looks_is_not_touched(machine: Machine) -> None:
    """It ended, and its id is another's when its environment is read again."""
    machine.add(70, GONE)
    original = os.stat

    def stat(path: str) -> os.stat_result:
        (machine.root / "70/environ").write_bytes(b"A=1\0")
        return original(path)

    sweep = machine.strays()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "stat", stat)
        assert sweep.end() == Swept()
    assert machine.sent == []


def test_who_goes_between_two_looks_is_not_touched(machine: Machine) -> None:
    machine.add(70, GONE)

    def stat(path: str) -> os.stat_result:
        raise FileNotFoundError(path)

    sweep = machine.strays()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "stat", stat)
        assert sweep.end() == Swept()
    assert machine.sent == []


def test_only_so_many_names_are_told(machine: Machine) -> None:
    for number in range(NAMES_AT_MOST + 5):
        machine.add(100 + number, GONE, name=f"p{number}")
        machine.add(200 + number, GONE, name="stuck")
        machine.stuck.add(200 + number)
    swept = machine.strays().end()
    assert (swept.ended, swept.left) == (NAMES_AT_MOST + 5, NAMES_AT_MOST + 5)
    assert len(swept.names) == len(swept.survivors) == NAMES_AT_MOST


def test_a_look_that_takes_too_long_is_broken_off_and_said(machine: Machine) -> None:
    for pid in range(100, 120):
        machine.add(pid)
    tick = SWEEP_SECONDS / 10
    clock = machine.clock

    def slow() -> float:
        clock.advance(tick)
        return clock.seconds()

    sweep = Strays(OWN, monotonic=slow, kernel=machine, root=str(machine.root))
    assert sweep.end() == Swept(finished=False)


def test_processes_that_are_gone_are_passed_over(machine: Machine) -> None:
    machine.add(70, GONE)
    (machine.root / "70/stat").unlink()
    machine.add(71, GONE)
    (machine.root / "71/environ").unlink()
    (machine.root / "72/environ").mkdir(parents=True)
    assert machine.strays().end() == Swept()


def test_where_there_is_no_list_of_processes_there_are_no_strays(
    tmp_path: Path,
) -> None:
    assert Strays(OWN, root=str(tmp_path / "none")).end() == Swept()


# --- at the start of a server ------------------------------------------------------


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names those who look for strays, of whom there are none on this machine."""
    looked: list[str] = []

    def end(_self: Strays) -> Swept:
        looked.append("looked")
        return Swept(ended=3)

    monkeypatch.setattr(Strays, "end", end)
    return looked


def test_a_server_that_starts_looks_once(ended: list[str]) -> None:
    assert end_strays({}, Clock().seconds) == Swept(ended=3)
    assert ended == ["looked"]


def test_process_1_does_not_look(
    ended: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strays_module, "is_first_process", lambda: True)
    assert end_strays({}, Clock().seconds) == Swept()
    assert ended == []


def test_who_does_not_know_who_it_is_does_not_look(
    ended: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strays_module, "this_process", lambda: None)
    assert end_strays({}, Clock().seconds) == Swept()
    assert ended == []


def test_a_look_that_the_kernel_holds_up_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go_on = threading.Event()

    def end(_self: Strays) -> Swept:
        go_on.wait(30)
        return Swept()

    monkeypatch.setattr(Strays, "end", end)
    monkeypatch.setattr(strays_module, "SWEEP_SECONDS", 0.0)
    monkeypatch.setattr(strays_module, "SPARE_SECONDS", 0.01)
    assert end_strays({}, Clock().seconds) == Swept(finished=False)
    go_on.set()
