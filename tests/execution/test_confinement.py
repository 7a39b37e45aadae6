"""Which mechanism keeps the limit of processes, and that it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from commander.errors import StartError
from commander.execution import confinement
from commander.execution.cgroups import CommandGroups, OwnGroup
from commander.execution.confinement import Confinement, confine
from commander.execution.limits import CommandLimits
from commander.execution.run_as import RunAs, User

OWN = OwnGroup(path=Path("/sys/fs/cgroup"), unified=True)
LIMITS = CommandLimits(files=64, processes=20)
LAUNCHER = RunAs(
    user=User(uid=7, gid=7, groups=frozenset({7})), prlimit="/p", setpriv="/s"
)


class Machine:
    """What a machine offers."""

    own: OwnGroup | str = OWN
    opened: CommandGroups | str = CommandGroups(OWN, 20)
    wanted: tuple[str, str] | None = None


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()

    def find(text: str, directory: str) -> RunAs:
        machine.wanted = (text, directory)
        return LAUNCHER

    monkeypatch.setattr(confinement, "writable_group", lambda: machine.own)
    monkeypatch.setattr(confinement, "open_groups", lambda most, own: machine.opened)
    monkeypatch.setattr(confinement, "find_run_as", find)
    return machine


def confined(limits: CommandLimits = LIMITS, run_as: str | None = None) -> Confinement:
    return confine(limits, run_as=run_as, directory="/work")


def test_without_limits_nothing_is_looked_for(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never() -> OwnGroup:
        raise AssertionError("no need to look")

    monkeypatch.setattr(confinement, "writable_group", never)
    found = confined(CommandLimits())
    assert (found.run_as, found.counted_processes) == (None, None)
    assert (found.launcher_limits, found.mechanisms) == ((), {})


@pytest.mark.parametrize(
    ("run_as", "also", "counted"),
    [(None, ", and counted every 0.25 s", 20), ("agent", "", None)],
)
def test_a_control_group_is_the_first_choice(
    machine: Machine, run_as: str | None, also: str, counted: int | None
) -> None:
    found = confined(run_as=run_as)
    assert found.mechanisms == {
        "MCP_LIMIT_FILES": "RLIMIT_NOFILE",
        "MCP_LIMIT_PROCESSES": f"a control group for each command{also}",
    }
    assert found.counted_processes == counted
    assert "nproc" not in [each.option for each in found.launcher_limits]


def test_a_user_for_commands_only_is_the_second(machine: Machine) -> None:
    machine.own = "closed"
    found = confined(run_as="agent")
    assert machine.wanted == ("agent", "/work")
    assert found.run_as is LAUNCHER
    assert [each.option for each in found.launcher_limits] == ["nofile", "nproc"]
    assert found.counted_processes is None
    assert found.mechanisms["MCP_LIMIT_PROCESSES"] == (
        "RLIMIT_NPROC, for all processes of agent together"
    )


@pytest.mark.parametrize("step", ["own", "opened"])
def test_counting_is_the_last_and_the_cause_is_told(
    machine: Machine, step: str
) -> None:
    setattr(machine, step, "it is closed")
    found = confined()
    assert found.counted_processes == 20
    assert found.launcher_limits == ()
    assert found.mechanisms["MCP_LIMIT_PROCESSES"] == (
        "counted every 0.25 s (it is closed)"
    )


def test_another_user_without_a_limit_needs_no_mechanism(machine: Machine) -> None:
    found = confined(CommandLimits(), run_as="agent")
    assert found.run_as is LAUNCHER
    assert found.mechanisms == {}


def test_a_user_that_commands_cannot_be_ends_the_start(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(text: str, directory: str) -> RunAs:
        raise StartError("no")

    monkeypatch.setattr(confinement, "find_run_as", refuse)
    with pytest.raises(StartError):
        confined(run_as="agent")
