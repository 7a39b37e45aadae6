"""What the doctor finds of jobs: their output, terminals and input."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from commander import job_findings
from commander.findings import Finding
from commander.job_findings import examine_jobs
from commander.settings import Settings


def found(**settings: object) -> dict[str, Finding]:
    return {f.subject: f for f in examine_jobs(Settings(**settings))}  # type: ignore[arg-type]


def test_how_many_jobs_there_may_be_is_told() -> None:
    finding = found(max_concurrent=3, finished_ttl_seconds=90)["jobs"]
    assert finding.state == "3 at once, 64 wait, 100 kept for 1m30s after their end"
    assert finding.cost == ""
    assert "60 s" in found(execute_yield_seconds=0.0)["jobs"].cost


# --- the spool -----------------------------------------------------------------------


def test_without_a_spool_the_middle_of_long_output_is_lost() -> None:
    assert "MCP_SPOOL_DIR" in found()["spool"].cost


@pytest.mark.parametrize("mark", ["", "-"])
def test_a_place_that_can_be_used_costs_nothing_and_stays_as_it_is(
    tmp_path: Path, mark: str
) -> None:
    finding = found(spool_dir=f"{mark}{tmp_path}/spool", spool_total_bytes=2**20)
    assert finding["spool"].state == f"{tmp_path}/spool, 64MiB of a job, 1MiB of all"
    assert finding["spool"].cost == ""
    assert list(tmp_path.iterdir()) == []


def test_a_place_of_no_use_ends_the_start_unless_it_is_only_wished_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = f"{tmp_path}/no/spool"
    assert found(spool_dir=missing)["spool"].cost == (
        "no start: its parent is not there"
    )
    assert "in memory only" in found(spool_dir=f"-{missing}")["spool"].cost
    file = tmp_path / "file"
    file.touch()
    assert "no start" in found(spool_dir=str(file))["spool"].cost
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert "not writable" in found(spool_dir=str(tmp_path))["spool"].cost


def test_a_disk_that_is_smaller_than_the_quota_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = SimpleNamespace(f_bavail=16, f_frsize=2**20)
    monkeypatch.setattr(os, "statvfs", lambda path: disk)
    finding = found(spool_dir=str(tmp_path))["spool"]
    assert finding.cost.startswith("16 MiB are free there")


# --- terminals -----------------------------------------------------------------------


def test_a_terminal_is_made_to_see_whether_there_are_any(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = os.listdir("/proc/self/fd")
    finding = found()["terminals"]
    assert (finding.state, finding.cost) == (
        "for commands that ask for one (`tty`)",
        "",
    )
    assert os.listdir("/proc/self/fd") == before

    def refuse() -> tuple[int, int]:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(os, "openpty", refuse)
    assert "/dev/ptmx" in found()["terminals"].cost


def test_who_may_have_terminals_is_told() -> None:
    assert "allow-list" in found(allowed_commands=("ls",))["terminals"].state
    assert "MCP_TERMINALS" in found(terminals="off")["terminals"].state
    listed = found(allowed_commands=("ls",), terminals="on")["terminals"]
    assert "ask for one" in listed.state


# --- input ---------------------------------------------------------------------------


def test_a_shell_that_waits_for_input_is_seen_and_ended() -> None:
    before = os.listdir("/proc/self/fd")
    finding = found()["waiting for input"]
    assert finding.state.startswith("told by the kernel")
    assert finding.cost == ""
    assert os.listdir("/proc/self/fd") == before


def test_without_evidence_a_waiting_job_looks_as_if_it_worked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "could not be tried" in found(shell="/no/shell")["waiting for input"].cost
    monkeypatch.setattr(job_findings, "waiting_for_input", lambda *_, **__: None)
    monkeypatch.setattr(job_findings, "_EVIDENCE_SECONDS", 0.05)
    finding = found()["waiting for input"]
    assert finding.state == "not told"
    assert "does not let the server look" in finding.cost


def test_a_shell_that_does_not_end_by_itself_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_findings, "_EVIDENCE_SECONDS", 0.05)
    stubborn = tmp_path / "stubborn"
    stubborn.write_text("#!/bin/sh\nexec sleep 1000\n")
    stubborn.chmod(0o755)
    assert found(shell=str(stubborn))["waiting for input"].state == "not told"
