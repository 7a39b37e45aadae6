"""What the doctor finds, and what it says that it costs."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import attrs
import pytest

from commander import doctor
from commander.doctor import Finding, examine, report
from commander.errors import StartError
from commander.execution.cgroups import OwnGroup
from commander.execution.executables import Executables
from commander.execution.hardening import Hardening
from commander.execution.landlock import Right
from commander.execution.launcher import Launcher
from commander.execution.memory_killer import VictimCount
from commander.execution.native import Bindings, Unavailable
from commander.execution.run_as import RunAs, User
from commander.execution.sandbox import Plan
from commander.settings import Settings
from commander.sources import Loaded, Source

LS = Executables(programs=1)


class Rules:
    """The kernel takes them, and nobody puts them in force."""

    def __init__(self, handled: Right) -> None:
        pass

    def allow(self, path: str, rights: Right) -> None:
        pass

    def restrict(self) -> None:
        pass

    def close(self) -> None:
        pass


def found(
    settings: Settings, environ: dict[str, str] | None = None
) -> dict[str, Finding]:
    sources = dict.fromkeys(attrs.fields_dict(Settings), Source.DEFAULT)
    loaded = Loaded(settings=settings, sources=sources, warnings=())
    return {f.subject: f for f in examine(loaded, environ or {})}


def test_every_subject_is_looked_at() -> None:
    subjects = found(Settings()).keys()
    assert {"shell", "token", "sandbox", "process reaper", "limits"} <= subjects
    assert {"commands run as", "self-defence", "process limit"} <= subjects
    assert {"jobs", "spool", "terminals", "waiting for input"} <= subjects


def test_what_costs_something_is_marked_with_its_price() -> None:
    text = report(
        iter(
            [
                Finding(subject="good", state="fine"),
                Finding(subject="bad", state="gone", cost="a price"),
            ]
        )
    )
    good, bad, price, end = text.split("\n")
    assert good.startswith("  good")
    assert bad.startswith("! bad")
    assert price.endswith("-> a price")
    assert end == ""


def test_a_missing_shell_is_found() -> None:
    assert "no command can start" in found(Settings(shell="/no/such"))["shell"].cost


def test_an_open_policy_costs_something_where_others_can_reach_it() -> None:
    assert not found(Settings())["policy"].cost
    assert "MCP_ALLOWED_COMMANDS" in found(Settings(http_host="0.0.0.0"))["policy"].cost
    assert found(Settings(use_default_blocklist=False))["policy"].cost
    listed = found(Settings(allowed_commands=("ls", "cat")))["policy"]
    assert (listed.state, listed.cost) == ("allow-list of 2 entries", "")


def test_too_few_descriptors_for_full_load_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (256, 4096))
    assert "ulimit -n" in found(Settings())["descriptors"].cost
    monkeypatch.setattr(resource, "getrlimit", lambda which: (4096, 4096))
    assert not found(Settings())["descriptors"].cost


def test_directories_are_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = str(tmp_path / "gone")
    findings = found(Settings(working_directory=gone, log_dir=f"{gone}/logs"))
    assert "does not exist" in findings["commands run in"].cost
    assert not findings["log files"].cost
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    findings = found(Settings(log_dir=gone), {"TMPDIR": str(tmp_path)})
    assert "not writable" in findings["temporary files"].cost
    assert "not writable" in findings["log files"].cost


class Bound(Bindings):
    """Bindings that nobody calls."""

    def __init__(self) -> None:
        pass


def test_commands_that_do_not_start_in_threads_cost_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor, "load", Bound)
    assert not found(Settings())["command sessions"].cost
    monkeypatch.setattr(doctor, "load", lambda: Unavailable(reason="no such call"))
    launcher = Launcher(name="setsid", setsid="/s", env="/e")
    monkeypatch.setattr(doctor, "find_launcher", lambda: launcher)
    finding = found(Settings())["command sessions"]
    assert "setsid" in finding.state
    assert "no such call" in finding.cost
    monkeypatch.setattr(doctor, "find_launcher", lambda: Launcher(name="python"))
    assert "util-linux" in found(Settings())["command sessions"].cost


def test_the_user_of_commands_is_tried(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert "signal the server" in found(Settings())["commands run as"].cost

    user = User(uid=7, gid=8, groups=frozenset({8}))
    run_as = RunAs(user=user, prlimit="/p", setpriv="/s")
    monkeypatch.setattr(doctor, "find_run_as", lambda text: run_as)
    settings = Settings(run_as="7:8", working_directory="/")
    finding = found(settings)["commands run as"]
    assert (finding.state, finding.cost) == ("7:8 (uid 7, gid 8)", "")
    monkeypatch.setattr(User, "may_enter", lambda self, path: False)
    assert "may not be entered" in found(settings)["commands run as"].cost

    def refuse(text: str) -> RunAs:
        raise StartError("no such user")

    monkeypatch.setattr(doctor, "find_run_as", refuse)
    finding = found(Settings(run_as="nemo"))["commands run as"]
    assert (finding.state, finding.cost) == ("nemo", "no start: no such user")


@pytest.mark.parametrize("lacking", ["subreaper", "children"])
def test_a_kernel_that_hands_no_orphans_over_is_found(
    monkeypatch: pytest.MonkeyPatch, lacking: str
) -> None:
    if lacking == "subreaper":
        offered = Hardening(subreaper=False, missing=("no subreaper",))
        monkeypatch.setattr(doctor, "hardening_offered", lambda: offered)
    else:
        monkeypatch.setattr(os, "getpid", lambda: 2**22 + 1)
    assert "outlives" in found(Settings())["process reaper"].cost


def test_process_1_is_told_whom_else_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "hardening_offered", Hardening)
    monkeypatch.setattr(Path, "exists", lambda self: True)
    assert found(Settings())["process reaper"].cost == ""
    monkeypatch.setattr(os, "getpid", lambda: 1)
    assert "docker exec" in found(Settings())["process reaper"].cost


def test_a_protection_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "hardening_offered", Hardening)
    assert not found(Settings())["self-defence"].cost
    offered = Hardening(memory_closed=False, missing=("commands read all", "and more"))
    monkeypatch.setattr(doctor, "hardening_offered", lambda: offered)
    assert found(Settings())["self-defence"].cost == "commands read all; and more"


def test_limits_are_named_and_their_absence_costs_something() -> None:
    assert "MCP_LIMIT_CPU_SECONDS" in found(Settings())["limits"].cost
    finding = found(Settings(limit_memory_bytes=2**30, limit_files=64))["limits"]
    assert finding.state == "memory, open files of each process, by the kernel"
    assert not finding.cost


@pytest.mark.parametrize(
    ("settings", "own", "state", "cost"),
    [
        (Settings(), "closed", "none", "MCP_LIMIT_PROCESSES"),
        (
            Settings(limit_processes=9),
            OwnGroup(path=Path("/cg"), unified=True),
            "by control groups in /cg",
            "",
        ),
        (
            Settings(limit_processes=9, run_as="7:8"),
            "closed",
            "of all processes of 7:8 together",
            "closed",
        ),
        (Settings(limit_processes=9), "closed", "counted", "closed"),
    ],
)
def test_what_keeps_the_limit_of_processes_is_told(
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    own: OwnGroup | str,
    state: str,
    cost: str,
) -> None:
    monkeypatch.setattr(doctor, "writable_group", lambda: own)
    finding = found(settings)["process limit"]
    assert finding.state == state
    assert cost in finding.cost
    assert bool(cost) == bool(finding.cost)


def test_a_kernel_that_does_not_count_its_victims_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    count = VictimCount(file=Path("/cg/memory.events"))
    monkeypatch.setattr(doctor, "find_victim_count", lambda: count)
    finding = found(Settings())["out of memory"]
    assert (finding.state, finding.cost) == ("told by /cg/memory.events", "")
    monkeypatch.setattr(doctor, "find_victim_count", lambda: None)
    assert found(Settings())["out of memory"].cost


@pytest.mark.parametrize(
    ("version", "words"), [(7, "(Landlock 7)"), ("it is missing", "(it is missing)")]
)
def test_what_the_kernel_offers_is_told(
    monkeypatch: pytest.MonkeyPatch, version: int | str, words: str
) -> None:
    monkeypatch.setattr(doctor, "landlock_version", lambda: version)
    assert words in found(Settings())["sandbox"].state


@pytest.mark.parametrize(
    ("plan", "state", "cost"),
    [
        (Plan(version=7), "execute: anything", "MCP_ALLOWED_COMMANDS"),
        (Plan(mode="off"), "state: off by MCP_SANDBOX", "text only"),
        (Plan(executables=LS, version=7), "execute: 1 program", ""),
        (Plan(executables=LS, version="none here"), "not held: none", "text only"),
        (
            Plan(executables=attrs.evolve(LS, opened_by=("make",)), version=7),
            "execute: open: make",
            "text only",
        ),
        (
            Plan(mode="require", executables=LS, version="none here"),
            "Landlock",
            "no start: MCP_SANDBOX",
        ),
    ],
)
def test_what_the_kernel_does_not_hold_is_told(
    monkeypatch: pytest.MonkeyPatch, plan: Plan, state: str, cost: str
) -> None:
    monkeypatch.setattr(doctor, "sandbox_plan", lambda settings, environ: plan)
    monkeypatch.setattr(doctor, "landlock_version", lambda: 7)
    monkeypatch.setattr("commander.execution.sandbox.Ruleset", Rules)
    listed = () if plan == Plan(version=7) else ("ls",)
    finding = found(Settings(allowed_commands=listed))["sandbox"]
    assert state in finding.state
    assert cost in finding.cost
    assert bool(finding.cost) == bool(cost)


def test_elsewhere_than_on_linux_the_price_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Darwin:
        sysname = "Darwin"
        machine = "arm64"

    monkeypatch.setattr(os, "uname", Darwin)
    findings = found(Settings())
    assert findings["platform"].cost
    assert "(this is not Linux)" in findings["sandbox"].state
