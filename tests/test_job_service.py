"""Which place for output jobs get, and what becomes of a place that is of no use."""

from __future__ import annotations

from pathlib import Path

import pytest

from commander.errors import StartError
from commander.execution.hardening import Hardening
from commander.running_service import CommanderService, Surroundings
from commander.service import build
from commander.settings import Settings
from commander.telemetry.logging import StructuredLog
from commander.testing import MemoryLog, ProcessReactor


def built(settings: Settings, log: MemoryLog) -> CommanderService:
    reactor = ProcessReactor()
    surroundings = Surroundings(
        reactor=reactor,
        monotonic=reactor.seconds,
        environ={"PATH": "/bin"},
        engine=reactor.engine,
        hardening=Hardening(),
        log=StructuredLog("test", observer=log),
    )
    return build(settings, token=None, surroundings=surroundings)


def warnings(log: MemoryLog) -> list[str]:
    return [record["reason"] for record in log.named("spool_missing")]


@pytest.mark.parametrize("mark", ["", "-"])
def test_a_place_that_can_be_used_is_used(tmp_path: Path, mark: str) -> None:
    log, place = MemoryLog(), tmp_path / "spool"
    built(Settings(spool_dir=f"{mark}{place}"), log)
    assert [entry.name[:16] for entry in place.iterdir()] == ["commander-spool-"]
    assert warnings(log) == []


def test_without_a_place_nothing_is_missing() -> None:
    log = MemoryLog()
    built(Settings(), log)
    assert warnings(log) == []


def test_a_place_that_is_demanded_and_of_no_use_ends_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="its parent has to be there"):
        built(Settings(spool_dir=str(tmp_path / "no" / "spool")), MemoryLog())


def test_one_that_is_wished_for_costs_a_warning_with_the_reason(tmp_path: Path) -> None:
    log = MemoryLog()
    built(Settings(spool_dir=f"-{tmp_path}/no/spool"), log)
    (warning,) = warnings(log)
    assert warning.startswith(f"MCP_SPOOL_DIR={tmp_path}/no/spool: ")
