"""What a command can be told by, where the trees do not show it."""

from __future__ import annotations

from commander.execution.claims import STARTS_AT_MOST, Claims, Doubt, Family
from commander.execution.tags import Tags
from commander.testing.machine import MemoryMachine


def claims_of(machine: MemoryMachine) -> Claims:
    return Claims(
        tags=Tags(own=-1), files=machine, kernel=machine, monotonic=lambda: 0.0
    )


def orphan(machine: MemoryMachine, tag: int, run_id: bytes = b"") -> int:
    pid = machine.start_root(tag=tag)
    machine.processes[pid].environment = {b"COMMANDER_RUN": run_id}
    return pid


def test_a_process_that_vanished_is_asked_about_later() -> None:
    claims = claims_of(MemoryMachine())
    assert claims.of_orphan(5, 5) is Doubt.WAIT
    assert claims.of_sibling(5, 5, of_spawner=True) is Doubt.WAIT


def test_a_command_that_is_over_claims_nobody() -> None:
    machine = MemoryMachine()
    claims = claims_of(machine)
    family = Family(root=7, run_id="run", tag=claims.new_tag())
    claims.add(family)
    tagged, untagged = orphan(machine, family.tag), orphan(machine, -1, b"run")
    assert claims.of_orphan(tagged, tagged) is family
    assert claims.of_orphan(untagged, untagged) is family
    assert claims.of_orphan(untagged, 7) is family
    claims.remove(family)
    assert claims.of_orphan(tagged, tagged) is Doubt.STRAY
    assert claims.of_orphan(untagged, untagged) is Doubt.STRAY
    assert claims.of_orphan(untagged, 7) is Doubt.STRAY


def test_a_command_that_is_over_takes_nothing_from_its_successor() -> None:
    machine = MemoryMachine()
    claims = claims_of(machine)
    old, new = (Family(root=7, run_id="r", tag=claims.new_tag()) for _ in range(2))
    claims.add(old)
    claims.add(new)
    claims.remove(old)
    claims.remove(old)
    pid = orphan(machine, -1, b"r")
    assert claims.of_orphan(pid, pid) is new
    assert claims.of_orphan(pid, 7) is new


def test_an_environment_that_is_no_text_is_no_run_id() -> None:
    machine = MemoryMachine()
    pid = orphan(machine, -1, b"\xff")
    assert claims_of(machine).of_orphan(pid, pid) is Doubt.STRAY


def test_starts_that_were_never_heard_of_again_are_forgotten_by_number() -> None:
    claims = claims_of(MemoryMachine())
    for _ in range(2 * STARTS_AT_MOST):
        claims.new_tag()
    assert claims.starting
    assert len(claims._starting) == STARTS_AT_MOST


def test_who_waits_too_long_is_forgotten() -> None:
    machine, now = MemoryMachine(), [0.0]
    claims = Claims(
        tags=Tags(own=-1), files=machine, kernel=machine, monotonic=lambda: now[0]
    )
    claims.new_tag()
    pid = orphan(machine, -1)
    assert claims.of_orphan(pid, pid) is Doubt.WAIT
    assert claims.undecided
    now[0] = 60.0
    claims.forget_old()
    assert not claims.undecided
