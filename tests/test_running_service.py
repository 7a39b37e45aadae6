"""What the service tells about processes that an earlier server left behind."""

from __future__ import annotations

import json
from collections.abc import Mapping

import attrs
import pytest

from commander import running_service
from commander.commands import Survivor
from commander.execution.engine import ProcessEngine
from commander.execution.groups import GroupTrees
from commander.execution.hardening import Hardening
from commander.execution.strays import Swept
from commander.interfaces import Monotonic
from commander.running_service import Surroundings
from commander.service import build
from commander.settings import Settings
from commander.telemetry.logging import StructuredLog
from commander.testing import MemoryLog, ProcessReactor


def surroundings(reactor: ProcessReactor, log: MemoryLog) -> Surroundings:
    return Surroundings(
        reactor=reactor,
        monotonic=reactor.seconds,
        environ={"PATH": "/bin"},
        engine=reactor.engine,
        hardening=Hardening(),
        log=StructuredLog("test", observer=log),
    )


def started(swept: Swept) -> MemoryLog:
    """The log of a server that found this when it started."""
    reactor, log = ProcessReactor(), MemoryLog()
    looks: list[int] = []

    def end_strays() -> Swept:
        looks.append(len(reactor.processes))
        return swept

    around = attrs.evolve(surroundings(reactor, log), end_strays=end_strays)
    service = build(Settings(), token=None, surroundings=around)
    service.listen()
    assert looks == []
    service.startService()
    assert looks == [0]
    service.stopService()
    return log


def level(log: MemoryLog, event: str) -> str:
    """The level of the one record of an event."""
    records = [json.loads(line) for line in log.lines()]
    (found,) = [record["level"] for record in records if record["event"] == event]
    return str(found)


def test_an_ordinary_start_says_nothing_of_strays() -> None:
    log = started(Swept())
    for event in ("strays_ended", "strays_left", "strays_unknown"):
        assert log.named(event) == []


def test_strays_that_were_ended_are_told_with_their_names() -> None:
    log = started(Swept(ended=3, names=("sleep", "make")))
    (record,) = log.named("strays_ended")
    assert (record["count"], record["names"]) == (3, "sleep, make")
    assert log.named("strays_left") == []


def test_strays_that_do_not_end_are_told_as_a_warning() -> None:
    survivors = (Survivor(pid=7, name="nfs"), Survivor(pid=8, name="cat"))
    log = started(Swept(left=2, survivors=survivors))
    (record,) = log.named("strays_left")
    assert (record["count"], record["names"]) == (2, "nfs (7), cat (8)")
    assert level(log, "strays_left") == "warn"


def test_a_look_that_was_broken_off_is_told() -> None:
    log = started(Swept(finished=False))
    assert level(log, "strays_unknown") == "warn"


def test_strays_are_looked_for_where_commands_are_real_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reactor = ProcessReactor()
    looks: list[Mapping[str, str]] = []

    def look(environ: Mapping[str, str], monotonic: Monotonic) -> Swept:
        assert monotonic == reactor.seconds
        looks.append(environ)
        return Swept(ended=1)

    monkeypatch.setattr(running_service, "end_strays", look)
    memory = surroundings(reactor, MemoryLog())
    assert memory.end_strays() == Swept()
    engine = ProcessEngine(spawner=reactor, trees=GroupTrees())
    real = Surroundings(
        reactor=reactor,
        monotonic=reactor.seconds,
        environ={"A": "1"},
        engine=engine,
        hardening=Hardening(),
        log=StructuredLog("test", observer=MemoryLog()),
    )
    assert real.end_strays() == Swept(ended=1)
    assert looks == [{"A": "1"}]
