"""How the pieces of an engine are chosen, and that they obey the sandbox."""

from __future__ import annotations

from typing import Any, cast

import pytest

from commander.execution import engine as module
from commander.execution.engine import find_engine
from commander.execution.hardening import Hardening
from commander.execution.landlock import Ruleset
from commander.execution.launcher import LaunchedSpawner, Launcher
from commander.execution.native import Bindings, Unavailable
from commander.execution.outside import Outside
from commander.execution.sandbox import NO_SANDBOX, Sandbox
from commander.execution.spawner import ThreadedSpawner
from commander.testing import ProcessReactor


class Rules:
    """Counts who is restricted."""

    def __init__(self) -> None:
        self.restricted = 0
        self.closed = 0

    def restrict(self) -> None:
        self.restricted += 1

    def fileno(self) -> int:
        return 9

    def close(self) -> None:
        self.closed += 1


def sandboxed(rules: Rules, *writable: str) -> Sandbox:
    return Sandbox(ruleset=cast("Ruleset", rules), writable=writable)


def engine_of(sandbox: Sandbox = NO_SANDBOX) -> module.ProcessEngine:
    reactor: Any = ProcessReactor()
    return find_engine(reactor, reactor.seconds, Hardening(subreaper=False), sandbox)


@pytest.fixture
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "load", lambda: Unavailable(reason="no such call"))


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "load", lambda: cast("Bindings", object()))


@pytest.mark.usefixtures("threads")
def test_every_spawner_thread_is_restricted_before_the_start_is_over() -> None:
    rules = Rules()
    engine = engine_of(sandboxed(rules))
    assert isinstance(engine.spawner, ThreadedSpawner)
    assert rules.restricted == 0
    engine.start()
    assert rules.restricted == 4
    engine.stop()
    assert rules.closed == 1


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize(("writable", "started"), [((), 0), (("/srv",), 1)])
def test_a_thread_stays_outside_only_where_writing_is_held(
    monkeypatch: pytest.MonkeyPatch, writable: tuple[str, ...], started: int
) -> None:
    starts: list[Outside] = []
    monkeypatch.setattr(Outside, "start", lambda self: starts.append(self))
    engine = engine_of(sandboxed(Rules(), *writable))
    engine.start()
    engine.stop()
    assert len(starts) == started


@pytest.mark.usefixtures("no_threads")
def test_without_threads_the_launcher_has_the_rules() -> None:
    rules = Rules()
    engine = engine_of(sandboxed(rules))
    assert isinstance(engine.spawner, LaunchedSpawner)
    assert engine.described["spawner"] == "twisted with python (no such call)"
    assert rules.restricted == 0
    engine.start()
    engine.stop()
    assert rules.closed == 1


@pytest.mark.usefixtures("no_threads")
def test_without_rules_the_launcher_is_the_quickest_there_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    quick = Launcher(name="setsid", setsid="/s", env="/e")
    monkeypatch.setattr(module, "find_launcher", lambda rules: rules or quick)
    assert engine_of().described["spawner"] == "twisted with setsid (no such call)"
    engine_of().stop()
