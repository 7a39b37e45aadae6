"""What the doctor finds, and what it says that it costs."""

from __future__ import annotations

import ctypes
import os
import resource
from pathlib import Path
from typing import Any

import pytest

from commander import doctor
from commander.doctor import Finding, examine, report
from commander.execution.launcher import Launcher
from commander.settings import Settings


def found(
    settings: Settings, environ: dict[str, str] | None = None
) -> dict[str, Finding]:
    return {f.subject: f for f in examine(settings, environ or {})}


def test_every_subject_is_looked_at_once() -> None:
    findings = list(examine(Settings(), {}))
    subjects = [finding.subject for finding in findings]
    assert len(subjects) == len(set(subjects))
    assert {"shell", "token", "sandbox", "process reaper", "limits", "spool"} <= set(
        subjects
    )


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


@pytest.mark.parametrize(
    ("settings", "state", "costs"),
    [
        (Settings(transport="stdio"), "none needed", False),
        (Settings(auth_token="x" * 20), "from MCP_AUTH_TOKEN", True),
        (Settings(no_auth=True), "--no-auth", True),
        (Settings(), "will be generated", False),
    ],
)
def test_the_source_of_the_token_is_named_and_never_the_token(
    settings: Settings, state: str, costs: bool, tmp_path: Path
) -> None:
    finding = found(settings, {"HOME": str(tmp_path)})["token"]
    assert state in finding.state
    assert bool(finding.cost) == costs
    assert "x" * 20 not in finding.state + finding.cost


def test_a_token_that_was_generated_earlier_is_found(tmp_path: Path) -> None:
    state = tmp_path / "commander-mcp" / "token.sha256"
    state.parent.mkdir()
    state.touch()
    finding = found(Settings(), {"XDG_STATE_HOME": str(tmp_path)})["token"]
    assert str(state) in finding.state


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


def test_commands_that_start_through_python_cost_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor, "find_launcher", lambda: Launcher(name="python"))
    assert found(Settings())["command sessions"].cost
    launcher = Launcher(name="setsid", setsid="/s", env="/e")
    monkeypatch.setattr(doctor, "find_launcher", lambda: launcher)
    assert not found(Settings())["command sessions"].cost


def test_process_1_is_told_to_use_an_init(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "tini" not in found(Settings())["process reaper"].cost
    monkeypatch.setattr(os, "getpid", lambda: 1)
    assert "tini" in found(Settings())["process reaper"].cost


class FakeKernel:
    """Answers the one system call."""

    def __init__(self, answer: int) -> None:
        self._answer = answer

    def syscall(self, *arguments: Any) -> int:
        return self._answer


@pytest.mark.parametrize(("answer", "version"), [(7, 7), (-1, 0)])
def test_landlocks_version_is_the_kernels_answer(
    monkeypatch: pytest.MonkeyPatch, answer: int, version: int
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: FakeKernel(answer))
    expected = f"Landlock {version}" if version else "no Landlock"
    assert expected in found(Settings())["sandbox"].state


def test_elsewhere_than_on_linux_the_price_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Darwin:
        sysname = "Darwin"

    monkeypatch.setattr(os, "uname", Darwin)
    findings = found(Settings())
    assert findings["platform"].cost
    assert "no Landlock" in findings["sandbox"].state
