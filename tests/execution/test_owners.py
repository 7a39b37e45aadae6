"""Who an owner is, and when it is over for certain."""

from __future__ import annotations

import os
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commander.execution.owners import (
    Owner,
    namespace_of,
    own_text,
    owner_of,
    this_process,
)
from commander.execution.tree import ProcFiles

NOBODY = 9_000_000
"""More than any process id."""
STAT = "{} (twist) {} 1 2 3 0 -1 0 0 0 0 0 0 0 0 0 20 0 {} 0 {}"
BOOT = "18c18eb4-7d42-4004-9834-b2f749ce8fb2"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A directory that looks like /proc and has this process in it."""
    own = os.getpid()
    (tmp_path / str(own) / "ns").mkdir(parents=True)
    (tmp_path / "self").symlink_to(str(own))
    (tmp_path / str(own) / "stat").write_text(STAT.format(own, "S", 1, 500))
    for kind in ("pid", "time"):
        (tmp_path / str(own) / "ns" / kind).symlink_to(f"{kind}:[{len(kind)}]")
    boot = tmp_path / "sys/kernel/random/boot_id"
    boot.parent.mkdir(parents=True)
    boot.write_text(f"{BOOT}\n")
    return tmp_path


def test_this_process_is_an_owner(proc: Path) -> None:
    owner = this_process(str(proc))
    assert owner == Owner(os.getpid(), 500, f"{BOOT}.3.4")
    assert owner_of(str(owner)) == owner


@pytest.mark.parametrize(
    "missing", ["{}/stat", "self", "sys/kernel/random/boot_id", "{}/ns/pid"]
)
def test_without_one_of_its_marks_a_process_is_none(proc: Path, missing: str) -> None:
    (proc / missing.format(os.getpid())).unlink()
    assert this_process(str(proc)) is None


def test_a_kernel_without_namespaces_of_time_will_do(proc: Path) -> None:
    (proc / str(os.getpid()) / "ns/time").unlink()
    assert this_process(str(proc)) == Owner(os.getpid(), 500, f"{BOOT}.3.")


def test_a_start_of_the_machine_without_a_name_is_none(proc: Path) -> None:
    (proc / "sys/kernel/random/boot_id").write_text("\n")
    assert this_process(str(proc)) is None


@pytest.mark.parametrize("shown", ["1", "thread-self"])
def test_numbers_of_another_namespace_are_not_ours(proc: Path, shown: str) -> None:
    (proc / "self").unlink()
    (proc / "self").symlink_to(shown)
    assert this_process(str(proc)) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1.2",
        "1.2.",
        "0.2.world",
        "-1.2.world",
        "12345678.2.world",
        "1.-2.world",
        "1.2.two worlds",
        "1.2.world\n",
        "1.2.wörld",
        "1.2." + "w" * 101,
        "\u0661.2.world",
    ],
)
def test_any_other_text_names_nobody(text: str) -> None:
    assert owner_of(text) is None


@given(st.text(max_size=200))
def test_what_is_read_is_what_is_written(text: str) -> None:
    owner = owner_of(text)
    if owner is not None:
        assert owner_of(str(owner)) == owner
        assert 0 < owner.pid < 2**31


def own(proc: Path) -> Owner:
    owner = this_process(str(proc))
    assert owner is not None
    return owner


def test_who_is_there_with_its_start_is_not_over(proc: Path) -> None:
    assert not own(proc).is_over(ProcFiles(str(proc)))


def test_who_is_gone_is_over(proc: Path) -> None:
    gone = attrs.evolve(own(proc), pid=NOBODY)
    assert gone.is_over(ProcFiles(str(proc)))


def test_whose_id_another_has_is_over(proc: Path) -> None:
    before = attrs.evolve(own(proc), started=499)
    assert before.is_over(ProcFiles(str(proc)))


@pytest.mark.parametrize(("threads", "over"), [(1, True), (2, False)])
def test_a_zombie_is_over_unless_threads_of_it_run(
    proc: Path, threads: int, over: bool
) -> None:
    owner = own(proc)
    line = STAT.format(owner.pid, "Z", threads, owner.started)
    (proc / str(owner.pid) / "stat").write_text(line)
    assert owner.is_over(ProcFiles(str(proc))) is over


def test_who_is_hidden_from_us_is_not_over(
    proc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As another user's process is where /proc is mounted with hidepid."""

    def refuse(_pid: int, _number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    hidden = attrs.evolve(own(proc), pid=NOBODY)
    assert not hidden.is_over(ProcFiles(str(proc)))


def test_a_namespace_is_a_number(proc: Path) -> None:
    assert namespace_of(os.getpid(), "pid", str(proc)) == "3"
    assert namespace_of(NOBODY, "pid", str(proc)) == ""


def test_what_commands_carry_is_this_process() -> None:
    text = own_text()
    assert text is not None
    owner = owner_of(text)
    assert owner == this_process()
    assert owner is not None
    assert owner.pid == os.getpid()


def test_after_a_fork_it_is_the_other_process(
    proc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = own_text()
    monkeypatch.setattr(os, "getpid", lambda: NOBODY)
    assert own_text() is None
    monkeypatch.undo()
    assert own_text() == before
